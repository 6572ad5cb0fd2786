"""The committed locks: exactly which jars make up a Kafka, by coordinates and SHA-256."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import Final

from learnflow_kafka.core.local import Mode

VERSIONS: Final = {Mode.KRAFT: "4.3.1", Mode.ZOOKEEPER: "3.9.2"}
"""Apache Kafka's version for each mode. 3.9 is the last line that knows ZooKeeper."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked file; `size` in bytes, `sha256` in hex."""

    group: str
    artifact: str
    version: str
    sha256: str
    size: int

    @property
    def file(self) -> str:
        """Its name on disk."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def path(self) -> str:
        """Its place in a Maven repository."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.file}"


@dataclass(frozen=True, slots=True)
class Lock:
    """All jars of one Kafka, in the order of the class path; `digest` is the lock's own."""

    version: str
    jars: tuple[Jar, ...]
    digest: str

    @property
    def name(self) -> str:
        """What the distribution is called: `kafka-4.3.1`."""
        return f"kafka-{self.version}"

    @property
    def size(self) -> int:
        """Bytes of all jars."""
        return sum(jar.size for jar in self.jars)


def read(version: str) -> Lock:
    """The lock of a Kafka version that this package knows."""
    text = resources.files(__package__).joinpath("locks", f"kafka-{version}.lock").read_text()
    return parse(version, text)


def parse(version: str, text: str) -> Lock:
    """A lock from its lines: `group:artifact:version sha256 size`."""
    jars = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            coordinates, sha256, size = line.split()
            group, artifact, number = coordinates.split(":")
            jars.append(Jar(group, artifact, number, sha256, int(size)))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Lock(version, tuple(sorted(jars, key=lambda jar: jar.file)), digest)
