"""
Build files/readiness-agent.jar from its source, the same bytes every time.

    python charts/learnflow-kafka/agent/build.py [OUTPUT]

Needs a JDK's `javac` (11 or later). Entries have a fixed order and time; the manifest holds the
digest of the source, so that a jar older than its source is found without a compiler.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
SOURCE = HERE / "learnflow" / "agent" / "Readiness.java"
JAR = HERE.parent / "files" / "readiness-agent.jar"
RELEASE = "11"
_TIME = (2026, 1, 1, 0, 0, 0)


def source_digest() -> str:
    """SHA-256 of the source, as the manifest names it."""
    return hashlib.sha256(SOURCE.read_bytes()).hexdigest()


def manifest() -> str:
    """The jar's manifest; a line holds at most 72 bytes, and the digest fits one."""
    digest = source_digest()
    return (
        "Manifest-Version: 1.0\r\n"
        "Premain-Class: learnflow.agent.Readiness\r\n"
        f"Source-A: {digest[:32]}\r\n"
        f"Source-B: {digest[32:]}\r\n"
        "\r\n"
    )


def build(jar: Path) -> None:
    """Compile and pack; raises CalledProcessError if the source does not compile."""
    with tempfile.TemporaryDirectory() as folder:
        # Strings are joined without invokedynamic, whose names differ from compiler to compiler.
        subprocess.run(  # noqa: S603 - our own source, by the compiler on PATH
            [  # noqa: S607 - whichever JDK the contributor has
                "javac", "--release", RELEASE, "-g:none", "-XDstringConcat=inline",
                "-Xlint:all,-options", "-Werror", "-d", folder, str(SOURCE),
            ],
            check=True,
        )  # fmt: skip
        classes = sorted(Path(folder).rglob("*.class"))
        with zipfile.ZipFile(jar, "w") as archive:
            _add(archive, "META-INF/MANIFEST.MF", manifest().encode())
            for path in classes:
                _add(archive, path.relative_to(folder).as_posix(), path.read_bytes())


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.compress_type = zipfile.ZIP_STORED  # zlib's output differs from version to version
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else JAR)
