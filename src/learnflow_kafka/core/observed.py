"""
What a live Kafka said, as plain values.

Nothing here was computed: None means "the broker did not say" (too old, or not asked), and
never "no". Offsets count records, sizes are bytes on one broker's disk, times are
milliseconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}"


class Metadata(StrEnum):
    """Who keeps the cluster's metadata."""

    KRAFT = "kraft"
    ZOOKEEPER = "zookeeper"


@dataclass(frozen=True, slots=True)
class Broker:
    """One broker and the address it advertises to us; fenced: registered, not yet serving."""

    id: int
    host: str
    port: int
    rack: str | None = None
    fenced: bool | None = None

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ClusterState:
    """
    The cluster as one broker describes it.

    `controller` is the broker that metadata names (under KRaft not the quorum's leader);
    `metadata` None: not known.
    """

    cluster_id: str
    brokers: tuple[Broker, ...]
    controller: int | None = None
    metadata: Metadata | None = None


@dataclass(frozen=True, slots=True)
class QuorumState:
    """
    The KRaft quorum: `leader` and each voter's and observer's last fetched offset.

    `caught_up_ms` is when each voter last had everything, by the leader's clock, which the
    leader's own entry tells; voters of which the cluster does not say so are left out.
    """

    leader: int | None
    epoch: int
    high_watermark: int
    voters: Mapping[int, int]
    observers: Mapping[int, int] = field(default_factory=dict)
    caught_up_ms: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartitionState:
    """One partition: `leader` None means that nobody serves it."""

    id: int
    leader: int | None
    replicas: tuple[int, ...]
    isr: tuple[int, ...]


class ConfigSource(StrEnum):
    """Where the value of a config comes from."""

    TOPIC = "topic"
    """Set on the topic itself."""
    BROKER = "broker"
    """Set for one broker, or for all by a cluster-wide dynamic value."""
    STATIC = "static"
    """In the broker's own properties file."""
    DEFAULT = "default"
    """Kafka's default."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ConfigValue:
    """A config's effective value (None: sensitive, not told) and where it comes from."""

    value: str | None
    source: ConfigSource
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class TopicState:
    """
    One live topic.

    `id` is Kafka's topic id: another one is another topic, though the name is the same (None
    where the cluster does not tell). `configs` None: not asked, or not allowed to know.
    """

    name: str
    partitions: tuple[PartitionState, ...]
    id: str | None = None
    internal: bool = False
    configs: Mapping[str, ConfigValue] | None = None

    @property
    def replication(self) -> int | None:
        """
        Replicas of every partition, or None where partitions differ.

        Counted from the assignment, never from who is alive.
        """
        counts = {len(p.replicas) for p in self.partitions}
        return counts.pop() if len(counts) == 1 else None

    def own_configs(self) -> Mapping[str, str | None]:
        """The configs set on the topic itself."""
        return {
            key: entry.value
            for key, entry in (self.configs or {}).items()
            if entry.source is ConfigSource.TOPIC
        }


class GroupState(StrEnum):
    """A group's state, one vocabulary for all group protocols."""

    EMPTY = "Empty"
    STABLE = "Stable"
    PREPARING = "PreparingRebalance"
    COMPLETING = "CompletingRebalance"
    ASSIGNING = "Assigning"
    RECONCILING = "Reconciling"
    NOT_READY = "NotReady"
    DEAD = "Dead"
    UNKNOWN = "Unknown"

    @property
    def active(self) -> bool:
        """Whether somebody may be consuming; an unknown state counts as active."""
        return self not in {GroupState.EMPTY, GroupState.DEAD}


class GroupProtocol(StrEnum):
    """How the members of a group agree."""

    CLASSIC = "classic"
    CONSUMER = "consumer"
    SHARE = "share"
    STREAMS = "streams"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class GroupListing:
    """One group as the coordinator lists it."""

    name: str
    state: GroupState
    protocol: GroupProtocol


@dataclass(frozen=True, slots=True)
class GroupMember:
    """One member and the partitions it reads."""

    id: str
    client_id: str
    host: str
    assignment: tuple[TopicPartition, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupDescription:
    """One group with its members; `members` None: this broker would not tell."""

    name: str
    state: GroupState
    protocol: GroupProtocol
    coordinator: int | None = None
    members: tuple[GroupMember, ...] | None = None


@dataclass(frozen=True, slots=True)
class OffsetAt:
    """
    An offset found in a partition and the time of the record there.

    `offset` None: no record at or after the time that was asked for.
    """

    offset: int | None
    timestamp_ms: int | None = None


@dataclass(frozen=True, slots=True)
class LogDir:
    """One log directory of one broker; `error` where it is offline."""

    broker: int
    path: str
    error: str | None
    sizes: Mapping[TopicPartition, int]
    total_bytes: int | None = None
    usable_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it lies in a partition; a `None` value is a tombstone."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int | None
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Observed:
    """
    The live state that planning looks at, read once.

    `topics` holds those that were asked for and exist. `others` names the topics that exist
    beyond them; None where the cluster was not asked for all names.
    """

    cluster: ClusterState
    topics: Mapping[str, TopicState]
    others: frozenset[str] | None = None
