"""
What a rule answers with: a cause, its proof, and the way out.

Things are named by references: `pod/kafka-0`, `claim/data-kafka-0`, `service/kafka`, `dns`,
`quorum`. A cause is about one or several of them, and `ranking` knows which things suffer
when another does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.findings import Finding, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from learnflow_kafka.core.diagnosis.evidence import Evidence, Part, Where

DNS: Final = "dns"
QUORUM: Final = "quorum"
BROKERS: Final = "brokers"
TOPICS: Final = "topics"
KAFKA: Final = "kafka"
CONNECTIONS: Final = "connections"
ZOOKEEPER: Final = "zookeeper"
SESSIONS: Final = "zookeeper sessions"
NAMESPACE: Final = "namespace"
"""Things that are not one object: a state of the whole."""


def pod(name: str) -> str:
    """The reference of a pod."""
    return f"pod/{name}"


def process(name: str) -> str:
    """The reference of a process on this machine."""
    return f"process/{name}"


def claim(name: str) -> str:
    """The reference of a claim."""
    return f"claim/{name}"


def node(name: str) -> str:
    """The reference of a node."""
    return f"node/{name}"


def service(name: str) -> str:
    """The reference of a service."""
    return f"service/{name}"


def workload(kind: str, name: str) -> str:
    """The reference of a StatefulSet or Deployment."""
    return f"{kind.lower()}/{name}"


def policy(name: str) -> str:
    """The reference of a network policy."""
    return f"networkpolicy/{name}"


def topic(name: str) -> str:
    """The reference of a topic."""
    return f"topic/{name}"


def listener(name: str) -> str:
    """The reference of the address that a broker advertises."""
    return f"listener/{name}"


def client(name: str) -> str:
    """The reference of a client's pod, and of what it sees of Kafka."""
    return f"client/{name}"


def answers(name: str) -> str:
    """The reference of what a broker that runs should answer; it is called as it was asked."""
    return f"answers/{name}"


def release(name: str) -> str:
    """The reference of a Helm release."""
    return f"release/{name}"


class Safety(StrEnum):
    """What applying a remedy can cost."""

    SAFE = "safe"
    """Nothing is lost or interrupted; it can be taken back."""
    ASKS = "asks first"
    """Restarts, moves or enlarges something: know when you do it."""
    DANGEROUS = "dangerous"
    """Data or availability can be lost."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """
    The way out: in words, and as a command or a manifest where there is one.

    `safety` is about applying it as it stands.
    """

    what: str
    safety: Safety = Safety.SAFE
    command: str | None = None
    manifest: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """The object, the field and the value that prove a cause."""

    object: str
    field: str
    value: str

    def __str__(self) -> str:
        return f"{self.object}: {self.field} = {self.value}"


@dataclass(frozen=True, slots=True)
class Cause:
    """
    Something that is wrong, found by the rule `rule`.

    `about` are the things that it makes wrong; whatever depends on them is its consequence.
    A `WARNING` works today.
    """

    rule: str
    about: tuple[str, ...]
    detail: str
    proof: tuple[Proof, ...] = ()
    remedy: Remedy | None = None
    status: Status = Status.FAILED

    def finding(self) -> Finding:
        """The cause in the language that `verify` speaks too."""
        fix = None
        if self.remedy is not None:
            fix = self.remedy.what + (f": {self.remedy.command}" if self.remedy.command else "")
        return Finding(self.rule, self.status, self.detail, tuple(map(str, self.proof)), fix)


class Family(StrEnum):
    """The families of the seed's troubleshooting lists, which are the index of the pages."""

    PENDING = "Pods that stay Pending"
    STARTING = "Pods that do not start, or crash"
    KAFKA = "Topics, brokers and the quorum"
    CONNECTIONS = "Connections that time out"
    ZOOKEEPER = "ZooKeeper"
    RELEASE = "Releases and namespaces"


@dataclass(frozen=True, slots=True)
class Rule:
    """
    One rule: its stable name, the question it answers, and the function that judges.

    `needs` are the parts of the evidence without which it cannot judge; `where` the places in
    which its question makes sense. The docstring of `judge` is its page.
    """

    name: str
    family: Family
    question: str
    judge: Callable[[Evidence], Iterable[Cause]]
    needs: tuple[Part, ...]
    where: tuple[Where, ...]
