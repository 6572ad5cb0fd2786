"""
Finding a catalog's files and decoding them.

A catalog is one YAML file or a folder of them, subfolders included; hidden files and folders
are left out. Everything is UTF-8.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from learnflow_kafka.errors import Problem

MAX_BYTES: Final = 16 * 2**20
"""No person writes more; 5,000 topics take about one megabyte."""

_SUFFIXES: Final = {".yaml", ".yml"}
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_UTF8_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Source:
    """One file's text; `name` is the file as people know it, `path` where it lies."""

    name: str
    path: Path
    text: str


def collect(path: Path, label: str | None = None) -> tuple[tuple[Source, ...], tuple[Problem, ...]]:
    """
    Every file of the catalog at `path`, in order of name, and what could not be read.

    `label` replaces the path in the names of files (for a catalog inside the package).
    """
    shown = label or str(path)
    try:
        if path.is_dir():
            return _read_all(_files_below(path), path, shown)
        if not path.exists():
            return (), (_missing(path, shown),)
    except (OSError, ValueError) as error:
        name = str(getattr(error, "filename", None) or shown)
        return (), (Problem(name, 1, 1, "", f"cannot be read: {_reason(error)}"),)
    source = read_text(path, shown)
    return ((source,), ()) if isinstance(source, Source) else ((), (source,))


def read_text(path: Path, shown: str) -> Source | Problem:
    """The text of one file, or why it cannot be taken as UTF-8 text of a sensible size."""
    try:
        if not path.exists():
            return Problem(shown, 1, 1, "", "does not exist")
        if not path.is_file():
            return Problem(shown, 1, 1, "", "is not a file")
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        return Problem(shown, 1, 1, "", f"cannot be read: {_reason(error)}")
    if len(content) > MAX_BYTES:
        limit = MAX_BYTES // 2**20
        return Problem(shown, 1, 1, "", f"is larger than {limit} MiB", "split it into a folder")
    return _decode(content, path, shown)


def _decode(content: bytes, path: Path, shown: str) -> Source | Problem:
    instead = "save it as UTF-8"
    if content.startswith(_UTF16) or b"\0" in content[:4]:
        return Problem(shown, 1, 1, "", "is UTF-16 or UTF-32, not UTF-8", instead)
    try:
        text = content.removeprefix(_UTF8_BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        byte = error.object[error.start]
        what = f"the byte 0x{byte:02X} is not UTF-8 (the file may be Latin-1)"
        return Problem(shown, line, column, "", what, instead)
    return Source(shown, path, text)


def _files_below(folder: Path) -> list[Path]:
    found = []
    for root, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        found += [
            Path(root, f)
            for f in sorted(files)
            if Path(f).suffix.lower() in _SUFFIXES and not f.startswith(".")
        ]
    return found


def _refuse(error: OSError) -> NoReturn:
    """A subfolder that cannot be read would silently take its topics out of the catalog."""
    raise error


def _read_all(
    files: list[Path], folder: Path, shown: str
) -> tuple[tuple[Source, ...], tuple[Problem, ...]]:
    if not files:
        what = "is a folder without a *.yaml or *.yml file"
        instead = "name the catalog's folder, or write a new one: learnflow init"
        return (), (Problem(shown, 1, 1, "", what, instead),)
    results = [read_text(f, f"{shown.rstrip('/')}/{f.relative_to(folder)}") for f in files]
    return (
        tuple(r for r in results if isinstance(r, Source)),
        tuple(r for r in results if isinstance(r, Problem)),
    )


def _missing(path: Path, shown: str) -> Problem:
    where = f" (looked in {Path.cwd()})" if not path.is_absolute() else ""
    instead = "name an existing file or folder, or write a new catalog: learnflow init"
    return Problem(shown, 1, 1, "", f"there is no such file or folder{where}", instead)


def _reason(error: OSError | ValueError) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
