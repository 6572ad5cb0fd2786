"""
Renew the locks of Kafka's jars from the pom files beside this script (needs Maven).

    python requirements/lock_kafka.py

Raise the versions in `kafka-4.3/pom.xml` and `kafka-3.9/pom.xml`, run this, and read the
diff: one line a jar, with its coordinates, SHA-256 and size. Maven checks what it downloads
against the registry's own checksums (`--strict-checksums`) and resolves from an empty
directory, so that nothing unchecked from an earlier run lands in a lock.
"""

# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

HERE = Path(__file__).parent
LOCKS = HERE.parent / "src" / "learnflow_kafka" / "adapters" / "local" / "locks"
HEADER = """\
# Kafka {version}: every jar, as group:artifact:version, SHA-256 and size in bytes.
# Written by requirements/lock_kafka.py; do not edit.
"""


def main() -> int:
    """Write one lock a pom file."""
    for pom in sorted(HERE.glob("kafka-*/pom.xml")):
        with tempfile.TemporaryDirectory() as scratch:
            lines = sorted(resolve(pom, Path(scratch)))
        version = version_of(pom)
        lock = LOCKS / f"kafka-{version}.lock"
        lock.write_text(HEADER.format(version=version) + "\n".join(lines) + "\n")
        sys.stdout.write(f"{lock.name}: {len(lines)} jars\n")
    return 0


def resolve(pom: Path, scratch: Path) -> list[str]:
    """The lock's lines for everything that the pom needs at run time."""
    jars = scratch / "jars"
    subprocess.run(  # noqa: S603 - our own arguments
        [  # noqa: S607 - Maven from the path
            "mvn", "--batch-mode", "--quiet", "--strict-checksums", "-f", str(pom),
            f"-Dmaven.repo.local={scratch / 'repository'}", f"-DoutputDirectory={jars}",
            "-Dmdep.useRepositoryLayout=true", "-DincludeScope=runtime",
            "dependency:copy-dependencies",
        ],
        check=True,
    )  # fmt: skip
    return [line_of(jar, jars) for jar in jars.rglob("*.jar")]


def line_of(jar: Path, root: Path) -> str:
    """One jar's line; its place in the repository layout is its coordinates."""
    *group, artifact, version, file = jar.relative_to(root).parts
    if file != f"{artifact}-{version}.jar":
        raise SystemExit(f"{file}: jars with a classifier are not known to the lock")
    content = jar.read_bytes()
    return (
        f"{'.'.join(group)}:{artifact}:{version} "
        f"{hashlib.sha256(content).hexdigest()} {len(content)}"
    )


def version_of(pom: Path) -> str:
    """The version that the pom gives itself: Kafka's."""
    root = ET.parse(pom).getroot()  # noqa: S314 - our own file
    found = root.findtext("{*}version")  # with the namespace of poms or without
    if not found:
        raise SystemExit(f"{pom}: no version")
    return found


if __name__ == "__main__":
    sys.exit(main())
