"""
A catalog that was read once, kept as data for the commands after it.

Reading the files takes a quarter of a short command's time, most of it for loading what checks
them. What they say is kept under a digest of the files and of the code that reads them, so that
nothing that changed is ever missed; and whatever does not decode is read anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from learnflow_kafka.core import catalog as core

if TYPE_CHECKING:
    from collections.abc import Iterator


def load(folder: Path, label: str, keep: Path) -> core.Catalog:
    """
    The catalog in a folder that holds all its files, event schemas included.

    `label` is what the folder is called in messages. `keep` is where what was read is kept;
    where that cannot be written, nothing is.

    Raises CatalogError as `read.load` does.
    """
    file = keep / f"catalog-{_digest(folder)}.json"
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode(file.read_bytes(), type=core.Catalog)
    from learnflow_kafka.adapters.files import read  # noqa: PLC0415 - what is saved

    found = read.load(folder, label).catalog
    with contextlib.suppress(OSError):
        _write(found, file)
    return found


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in _sources(folder):
        content = file.read_bytes()
        digest.update(f"{file} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:32]


def _sources(folder: Path) -> Iterator[Path]:
    """What the result depends on: the catalog's files, and our code from text to catalog."""
    yield from sorted(f for f in folder.rglob("*") if f.is_file())
    yield from sorted(Path(__file__).parent.glob("*.py"))
    yield from sorted(Path(core.__file__).parent.rglob("*.py"))


def _write(found: core.Catalog, file: Path) -> None:
    """At once or not at all; of an older state nothing stays."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f"{file.name}.{os.getpid()}")
    new.write_bytes(msgspec.json.encode(found))
    for old in file.parent.glob("catalog-*.json"):
        old.unlink(missing_ok=True)
    new.replace(file)
