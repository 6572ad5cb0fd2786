"""
What use cases ask of the world; adapters implement these protocols.

Calls raise `errors.KafkaError` and its children when the request as a whole fails, and
return a `Fault` per item when only that item does: one bad topic never hides the others.
All names, ids and values are ours; no client library's type crosses this border.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from learnflow_kafka.core.observed import (
        ClusterState,
        ConfigValue,
        GroupDescription,
        GroupListing,
        LogDir,
        OffsetAt,
        QuorumState,
        Record,
        TopicPartition,
        TopicState,
    )
    from learnflow_kafka.core.plans.changes import AddPartitions, AlterConfig, CreateTopic


@dataclass(frozen=True, slots=True)
class Fault:
    """
    Why one item of a request failed: Kafka's name for it and the broker's own words.

    `code` is the protocol's error name, such as `TOPIC_ALREADY_EXISTS`.
    """

    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.message} ({self.code})" if self.message else self.code


class Edge(StrEnum):
    """The ends of a partition."""

    EARLIEST = "earliest"
    LATEST = "latest"
    NEWEST = "newest"
    """The record with the newest timestamp (Kafka 3.0 and later); no offset where none is."""


class KafkaAdmin(Protocol):
    """Everything asked of a cluster but its records. Requests are batched by the adapter."""

    def met(self) -> ClusterState:
        """
        The cluster as the bootstrap address last described it; nothing is asked.

        What can be told of a cluster whose advertised addresses lead nowhere.
        """
        ...

    def cluster(self) -> ClusterState:
        """The cluster's id and brokers; fenced brokers too where the cluster tells."""
        ...

    def topics(self, names: Collection[str] | None = None) -> Mapping[str, TopicState]:
        """
        The named topics that exist, or all; without configs. Never creates one.

        A topic that we may not describe is missing, as Kafka hides it.
        """
        ...

    def topic_configs(
        self, names: Collection[str]
    ) -> Mapping[str, Mapping[str, ConfigValue] | Fault]:
        """Every config of each topic, defaults included."""
        ...

    def broker_configs(
        self, ids: Collection[int]
    ) -> Mapping[int, Mapping[str, ConfigValue] | Fault]:
        """Every config of each broker."""
        ...

    def quorum(self) -> QuorumState | None:
        """The KRaft quorum; None on a cluster with ZooKeeper."""
        ...

    def log_dirs(self) -> tuple[LogDir, ...]:
        """Log directories of every broker that answers, with the size of each replica."""
        ...

    def offsets(
        self, partitions: Collection[TopicPartition], at: Edge | int
    ) -> Mapping[TopicPartition, OffsetAt | Fault]:
        """Offsets at one end, or of the first record not older than a time in milliseconds."""
        ...

    def groups(self) -> tuple[GroupListing, ...]:
        """Every group of every protocol."""
        ...

    def describe_groups(self, names: Collection[str]) -> Mapping[str, GroupDescription | Fault]:
        """The named groups with their members; a group that does not exist is `Dead`."""
        ...

    def committed(
        self, groups: Collection[str]
    ) -> Mapping[str, Mapping[TopicPartition, int] | Fault]:
        """Every committed offset of each group."""
        ...

    def create_topics(
        self, topics: Sequence[CreateTopic], *, validate_only: bool = False
    ) -> Mapping[str, Fault | None]:
        """Create topics, or ask whether the broker would."""
        ...

    def add_partitions(
        self, topics: Sequence[AddPartitions], *, validate_only: bool = False
    ) -> Mapping[str, Fault | None]:
        """Grow topics to `total` partitions, or ask whether the broker would."""
        ...

    def alter_configs(
        self, topics: Sequence[AlterConfig], *, validate_only: bool = False
    ) -> Mapping[str, Fault | None]:
        """Edit single configs of topics, or ask whether the broker would."""
        ...

    def elect_preferred_leaders(
        self, partitions: Collection[TopicPartition]
    ) -> Mapping[TopicPartition, Fault | None]:
        """Give partitions back to the first of their replicas; being there is no fault."""
        ...

    def delete_topics(self, names: Sequence[str]) -> Mapping[str, Fault | None]:
        """Delete topics with all their records."""
        ...

    def delete_records(
        self, before: Mapping[TopicPartition, int]
    ) -> Mapping[TopicPartition, int | Fault]:
        """
        Remove every record of a partition before an offset, for good.

        Answers with the first offset that is left. An offset beyond the end is a fault.
        """
        ...

    def commit_offsets(
        self, group: str, offsets: Mapping[TopicPartition, int]
    ) -> Mapping[TopicPartition, Fault | None]:
        """Set a group's place; the broker refuses while the group is active."""
        ...

    def delete_groups(self, names: Sequence[str]) -> Mapping[str, Fault | None]:
        """Delete groups and their offsets; the broker refuses active ones."""
        ...

    def close(self) -> None:
        """Let go of connections; further calls are a bug."""
        ...


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record to be written; `partition` None leaves the choice to the partitioner."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    partition: int | None = None
    timestamp_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """Where a record landed."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Mark:
    """
    A group's place in a partition, and what the group noted beside it.

    Brokers take notes of 4,096 bytes at most, unless told otherwise.
    """

    offset: int
    note: str = ""


class Transfer(Protocol):
    """Writes records together with the note of having written them: both or neither."""

    def move(self, records: Sequence[NewRecord], marks: Mapping[TopicPartition, Mark]) -> None:
        """
        Write the records, and the group's marks, in one transaction.

        A record without a partition goes where `murmur2_random` puts its key. Raises
        `RequestError` where a record is refused, or PRODUCER_FENCED where another transfer of
        this name began: nothing of this call was written then. After `TimedOutError` the marks
        tell whether it was. After any error the transfer is over, and another can be opened.
        """
        ...

    def marks(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, Mark]:
        """The group's marks in those partitions where it has one, all transactions ended."""
        ...


class KafkaData(Protocol):
    """Records in and out, for the tool's own use; services use the SDK."""

    def produce(
        self,
        records: Iterator[NewRecord],
        *,
        partitioner: str,
        timeout: float,
        batch_bytes: int | None = None,
    ) -> Iterator[Written | Fault]:
        """
        Write records with acks=all, idempotently; one result a record, in order.

        `timeout` in seconds bounds the wait for each acknowledgement. `batch_bytes` is the
        topic's `max.message.bytes`, which limits whole batches: records that fit alone are
        then never refused together.
        """
        ...

    def read(
        self,
        start: Mapping[TopicPartition, int],
        *,
        until: Mapping[TopicPartition, int] | None = None,
        committed_only: bool = True,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Record]:
        """
        Records from the start offsets on, in each partition's order, with no group.

        Ends where every partition reached its `until` offset (exclusive), or, without it,
        only when `stop` says so. `committed_only` hides open and aborted transactions.
        """
        ...

    def read_as_group(
        self, group: str, topics: Sequence[str], *, stop: Callable[[], bool]
    ) -> Iterator[Record]:
        """Records as a member of a group that starts at the earliest and commits as it goes."""
        ...

    def marks(
        self, group: str, partitions: Collection[TopicPartition]
    ) -> Mapping[TopicPartition, Mark]:
        """
        The group's marks in those partitions where it has one.

        Transactions that are about to end are waited for; one that stays open (its writer was
        killed) counts for nothing and holds nothing up for long.
        """
        ...

    def transfer(self, name: str, group: str) -> AbstractContextManager[Transfer]:
        """
        A transfer that keeps its marks in the group.

        There is one of a name at a time: opening it ends the earlier one, and undoes what that
        one had not finished.
        """
        ...

    def close(self) -> None:
        """Let go of connections; further calls are a bug."""
        ...


class Clock(Protocol):
    """Time, so that tests can own it."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Network(Protocol):
    """Whether an address takes connections, beneath Kafka's protocol."""

    def reachable(self, host: str, port: int, *, timeout: float) -> str | None:
        """None where a TCP connection succeeds; else why not, in a few words."""
        ...
