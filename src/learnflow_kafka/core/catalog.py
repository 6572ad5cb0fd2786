"""
What a platform declares: topics, events, services, policy and environments.

The catalog says what is wanted and nothing of what is there. Times are milliseconds, sizes
bytes, `FOREVER` (-1) is retention without end. None means "not managed": the broker's value
holds and is left alone. Every declared thing knows its place in the files, for messages.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - a kept catalog is decoded by its types
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

BUILT_IN: Final = "learnflow"
"""The word that means the built-in catalog; a folder of that name is written `./learnflow`."""


def own_path(catalog: str | None) -> str | None:
    """The path of a catalog of the user's own; None is the built-in one, by its word or not."""
    return None if catalog == BUILT_IN else catalog


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written: `file` as it was named, `line` and `column` from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


NOWHERE = Place("<memory>", 1)
"""For values that no file declares (tests, derived topics of such values)."""


class Cleanup(StrEnum):
    """What Kafka does with old records."""

    DELETE = "delete"
    COMPACT = "compact"
    COMPACT_DELETE = "compact,delete"


class Ordering(StrEnum):
    """What consumers may rely on."""

    KEY = "key"
    """Records of one key arrive in order: a partition increase breaks this."""
    NONE = "none"


class Partitioner(StrEnum):
    """Which partition a key goes to; clients of one topic must agree."""

    MURMUR2_RANDOM = "murmur2_random"
    """Java's default, and librdkafka's when set; the default here."""
    CONSISTENT_RANDOM = "consistent_random"
    """CRC32: librdkafka's own default."""
    FNV1A_RANDOM = "fnv1a_random"
    """FNV-1a: Sarama's default, so Dapr's."""


class Envelope(StrEnum):
    """How an event travels in a record (CloudEvents 1.0, Kafka protocol binding)."""

    STRUCTURED = "structured"
    BINARY = "binary"
    NONE = "none"


class DataClass(StrEnum):
    """How sensitive the records are."""

    PUBLIC = "public"
    INTERNAL = "internal"
    PERSONAL = "personal"
    SECRET = "secret"  # noqa: S105 - a class of data, not a password


class Compatibility(StrEnum):
    """Which changes a new version of an event may make (core.events.schemas has the rules)."""

    BACKWARD = "backward"
    """A reader of the new version reads old events."""
    FORWARD = "forward"
    """A reader of the old version reads new events."""
    FULL = "full"
    NONE = "none"


class Start(StrEnum):
    """Where a group without a committed offset begins."""

    EARLIEST = "earliest"
    LATEST = "latest"


class Isolation(StrEnum):
    """Whether a consumer sees records of open and aborted transactions."""

    READ_COMMITTED = "read_committed"
    READ_UNCOMMITTED = "read_uncommitted"


class Guarantee(StrEnum):
    """How often an event takes effect, whatever is killed."""

    AT_LEAST_ONCE = "at_least_once"
    """Handled again where its offset was not committed yet."""
    EXACTLY_ONCE = "exactly_once"
    """What its handler writes and its offset are one transaction."""


class RetryMode(StrEnum):
    """How a failing event is tried again."""

    BLOCKING = "blocking"
    """In place: its partition waits, order is kept."""
    TOPICS = "topics"
    """Through retry topics: others go on, order is lost."""


@dataclass(frozen=True, slots=True)
class Reply:
    """
    Where the answers to a topic's events go.

    `correlate` is the field that the events of both topics carry and that pairs them.
    """

    topic: str
    correlate: str
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Topic:
    """
    One declared topic.

    `config` holds further Kafka topic configs by Kafka's own names, as Kafka's strings;
    `accepts_key_movement` allows a partition increase although keys move; `prune` allows
    plan to remove configs that stand on the topic and not here.
    """

    name: str
    partitions: int
    owner: str | None = None
    description: str | None = None
    replication: int | None = None
    min_insync_replicas: int | None = None
    retention_ms: int | None = None
    retention_bytes: int | None = None
    cleanup: Cleanup | None = None
    max_record_bytes: int | None = None
    config: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None
    partitioner: Partitioner = Partitioner.MURMUR2_RANDOM
    ordering: Ordering = Ordering.NONE
    events: tuple[str, ...] = ()
    envelope: Envelope = Envelope.NONE
    data_class: DataClass = DataClass.INTERNAL
    reply: Reply | None = None
    accepts_key_movement: bool = False
    prune: bool = False
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class EventVersion:
    """One immutable version of an event: its JSON Schema and the schema's digest."""

    number: int
    schema: Mapping[str, Any]
    digest: str
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of event and its versions, oldest first."""

    name: str
    versions: tuple[EventVersion, ...]
    compatibility: Compatibility = Compatibility.BACKWARD
    description: str | None = None
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Retries:
    """
    How often a failing event is tried again, and when.

    `attempts` counts the retries after the first try; delays grow from `backoff_ms` by
    `factor` up to `max_backoff_ms`.
    """

    attempts: int = 3
    backoff_ms: int = 1_000
    factor: float = 2.0
    max_backoff_ms: int = 60_000
    mode: RetryMode = RetryMode.BLOCKING

    def delays_ms(self) -> tuple[int, ...]:
        """The wait before each retry, in milliseconds."""
        return tuple(
            int(min(self.backoff_ms * self.factor**n, self.max_backoff_ms))
            for n in range(self.attempts)
        )


@dataclass(frozen=True, slots=True)
class LagObjective:
    """How far behind a group may be before it is late; None: not limited in that unit."""

    max_records: int | None = None
    max_age_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """One service reading one topic in one group."""

    topic: str
    group: str
    start: Start = Start.EARLIEST
    concurrency: int = 1
    retries: Retries = field(default_factory=Retries)
    dead_letter: bool = True
    isolation: Isolation = Isolation.READ_COMMITTED
    delivery: Guarantee = Guarantee.AT_LEAST_ONCE
    lag: LagObjective | None = None
    place: Place = NOWHERE

    @property
    def exactly_once(self) -> bool:
        """Whether what is written for an event, and its offset, are one transaction."""
        return self.delivery is Guarantee.EXACTLY_ONCE


@dataclass(frozen=True, slots=True)
class Service:
    """One service: the topics it produces, and its subscriptions."""

    name: str
    produces: tuple[str, ...] = ()
    consumes: tuple[Subscription, ...] = ()
    owner: str | None = None
    description: str | None = None
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A topic that is meant to be deleted, and why."""

    topic: str
    reason: str
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class TopicOverride:
    """What an environment changes of a topic; None leaves the topic's own value."""

    partitions: int | None = None
    replication: int | None = None
    min_insync_replicas: int | None = None
    retention_ms: int | None = None
    retention_bytes: int | None = None
    max_record_bytes: int | None = None
    config: Mapping[str, str] = field(default_factory=dict)
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Environment:
    """A place where the catalog runs: how many brokers it has, and what differs there."""

    name: str
    brokers: int
    topics: Mapping[str, TopicOverride] = field(default_factory=dict)
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Policy:
    """
    What holds for every topic of the catalog.

    `max_retention_cut_ms` softens retention cuts: one apply lowers a topic's retention by at
    most this much. `dead_letter_retention_ms` is how long dead letters are kept.
    """

    max_retention_cut_ms: int | None = None
    dead_letter_retention_ms: int = 30 * 86_400_000
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Catalog:
    """All that was declared, by name. The name of the catalog is for people."""

    name: str
    topics: Mapping[str, Topic]
    events: Mapping[str, Event] = field(default_factory=dict)
    services: Mapping[str, Service] = field(default_factory=dict)
    environments: Mapping[str, Environment] = field(default_factory=dict)
    tombstones: Mapping[str, Tombstone] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    files: tuple[str, ...] = ()

    def subscriptions(self) -> tuple[tuple[Service, Subscription], ...]:
        """Every subscription with its service, in the order of declaration."""
        return tuple((s, c) for s in self.services.values() for c in s.consumes)
