"""What a diagnosis asks of the place where Kafka runs; `wiring` builds one for each kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from learnflow_kafka.core.diagnosis.evidence import Evidence, Probe, Resolver, Skipped
    from learnflow_kafka.core.ports import KafkaAdmin


@dataclass(frozen=True, slots=True)
class Address:
    """An address to be tried: whose it is (`bootstrap`, `broker 1`), and where it leads."""

    purpose: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of trying addresses; `skipped` are the places from which none could be tried."""

    probes: tuple[Probe, ...] = ()
    resolvers: tuple[Resolver, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    def __add__(self, other: Tried) -> Tried:
        """What came of both."""
        return Tried(
            self.probes + other.probes,
            self.resolvers + other.resolvers,
            self.skipped + other.skipped,
        )


class Scene(Protocol):
    """A place where Kafka runs. Nothing here raises: what cannot be read is said to be so."""

    def surroundings(self) -> Evidence:
        """Everything around Kafka: objects, processes, logs, ZooKeeper, releases."""
        ...

    def brokers(
        self, evidence: Evidence
    ) -> AbstractContextManager[Mapping[str, Callable[[], AbstractContextManager[KafkaAdmin]]]]:
        """
        A way to each broker that runs, by the name of its pod or process.

        Each opens a client that asks this broker alone, and raises KafkaError as clients do.
        """
        ...

    def advertised(
        self, evidence: Evidence
    ) -> Mapping[str, Callable[[], AbstractContextManager[KafkaAdmin]]]:
        """
        A way to the address that each serving broker advertises, by that address.

        Empty where all brokers are known without being told of.
        """
        ...

    def bootstrap(self, evidence: Evidence) -> Address | None:
        """The address that clients begin with, as a client in this place writes it."""
        ...

    def tried(self, evidence: Evidence, addresses: Sequence[Address]) -> Tried:
        """Every address, tried as clients in this place would."""
        ...
