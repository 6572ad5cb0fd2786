"""What a cluster in memory consists of; everything here changes in place."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from learnflow_kafka.core.observed import (
    Broker,
    GroupProtocol,
    GroupState,
    Metadata,
    PartitionState,
    TopicPartition,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from learnflow_kafka.core.observed import GroupMember, Record


def new_id() -> str:
    """An id as Kafka writes its own: 16 random bytes in URL-safe base64."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


@dataclass(slots=True)
class Log:
    """One partition: where its replicas are, and its records from offset `start` on."""

    replicas: tuple[int, ...]
    leader: int | None
    start: int = 0
    records: list[Record] = field(default_factory=list)

    @property
    def end(self) -> int:
        """The offset that the next record gets."""
        return self.records[-1].offset + 1 if self.records else self.start

    @property
    def size(self) -> int:
        """Bytes of keys and values."""
        return sum(len(r.key or b"") + len(r.value or b"") for r in self.records)


@dataclass(slots=True)
class Topic:
    """One topic, with the configs that were set on it."""

    name: str
    logs: list[Log]
    config: dict[str, str] = field(default_factory=dict)
    id: str = field(default_factory=new_id)
    internal: bool = False


@dataclass(slots=True)
class Group:
    """One group: who is in it, where it stands and what it noted there."""

    protocol: GroupProtocol = GroupProtocol.CLASSIC
    members: list[GroupMember] = field(default_factory=list)
    committed: dict[TopicPartition, int] = field(default_factory=dict)
    notes: dict[TopicPartition, str] = field(default_factory=dict)

    @property
    def state(self) -> GroupState:
        """Stable with members, Empty without."""
        return GroupState.STABLE if self.members else GroupState.EMPTY


class Cluster:
    """Brokers, topics and groups."""

    def __init__(
        self, brokers: int, cluster_id: str, metadata: Metadata, broker_config: dict[str, str]
    ) -> None:
        self.cluster_id = cluster_id
        self.metadata = metadata
        self.brokers = [Broker(n, "memory", 9090 + n, fenced=False) for n in range(1, brokers + 1)]
        self.down: set[int] = set()
        self.broker_config = broker_config
        self.topics: dict[str, Topic] = {}
        self.groups: dict[str, Group] = {}
        self.transfers: dict[str, int] = {}
        """How often each transfer was opened; only the last opening may write."""
        self._turns = 0

    def turn(self) -> int:
        """A number that grows by one, for whatever goes round in turn."""
        self._turns += 1
        return self._turns - 1

    @property
    def alive(self) -> list[int]:
        """Ids of the brokers that serve."""
        return [b.id for b in self.brokers if b.id not in self.down]

    @property
    def placeable(self) -> list[int]:
        """
        Ids of the brokers that may get replicas, those that serve first.

        Under KRaft fenced brokers count: a replication of 3 succeeds while one of 3 is down.
        """
        return self.alive + (sorted(self.down) if self.metadata is Metadata.KRAFT else [])

    def place(self, partitions: int, replication: int) -> list[Log]:
        """New partitions, their leaders spread over the living brokers in turn."""
        alive, rest = self.alive, self.placeable[len(self.alive) :]
        logs = []
        for _ in range(partitions):
            first = self.turn() % len(alive)
            replicas = (*alive[first:], *alive[:first], *rest)[:replication]
            logs.append(Log(replicas, leader=replicas[0]))
        return logs

    def stop(self, broker: int) -> None:
        """Take a broker away: the next living replica leads, if there is one."""
        self.down.add(broker)
        for log in self._logs():
            if log.leader == broker:
                log.leader = next((b for b in log.replicas if b not in self.down), None)

    def start(self, broker: int) -> None:
        """Bring a broker back: it leads what nobody leads."""
        self.down.discard(broker)
        for log in self._logs():
            if log.leader is None and broker in log.replicas:
                log.leader = broker

    def _logs(self) -> Iterator[Log]:
        for topic in self.topics.values():
            yield from topic.logs

    def partition(self, number: int, log: Log) -> PartitionState:
        """The partition as metadata shows it."""
        isr = tuple(b for b in log.replicas if b not in self.down)
        # The last replica in sync stays in the list, so that no other may lead without consent.
        return PartitionState(number, log.leader, log.replicas, isr or log.replicas[:1])

    def log(self, at: TopicPartition) -> Log | None:
        """The partition's log, or None where there is no such partition."""
        topic = self.topics.get(at.topic)
        if topic is None or not 0 <= at.partition < len(topic.logs):
            return None
        return topic.logs[at.partition]
