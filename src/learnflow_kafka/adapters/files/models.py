"""
The catalog's format, version 1: every key, what it takes and what it means.

These models check one file's shape and nothing beyond it; they are also the source of the
editors' JSON Schema and of the reference pages. A key that is absent means "not said".
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from learnflow_kafka.adapters.files.scalars import (
    MAX_INT,
    MAX_SHORT,
    Duration,
    Flag,
    KafkaValue,
    RecordBytes,
    Retention,
    RetentionBytes,
    Text,
    choice,
    kind,
    names,
    names_or_none,
    number,
    whole,
    wrong,
)
from learnflow_kafka.core.catalog import (
    Cleanup,
    Compatibility,
    DataClass,
    Envelope,
    Guarantee,
    Isolation,
    Ordering,
    Partitioner,
    RetryMode,
    Start,
)
from learnflow_kafka.core.kafka_configs import FIELD_OF_CONFIG

VERSION: Final = 1
KEY_MOVEMENT: Final = "key_movement"
_VERSION_NUMBER: Final = re.compile(r"[1-9][0-9]{0,5}\Z")


def _options(*words: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": list(words)})


def _cleanup(value: object) -> Cleanup:
    words = [value] if isinstance(value, str) else value
    if isinstance(value, str) and "," in value:
        words = [word.strip() for word in value.split(",")]
    listed = words if isinstance(words, list) else []
    found = {word for word in listed if isinstance(word, str)}
    if len(found) != len(listed) or not found or found - {"delete", "compact"}:
        wrong(f"{kind(value)} is not known here", "write delete, compact or [compact, delete]")
    if len(found) > 1:
        return Cleanup.COMPACT_DELETE
    return Cleanup(found.pop())


def _accepts(value: object) -> list[str]:
    accepted = names_or_none(value)
    unknown = [n for n in accepted if n != KEY_MOVEMENT]
    if unknown:
        wrong(f"{unknown[0]!r} is nothing that can be accepted", f"write [{KEY_MOVEMENT}]")
    return accepted


def _config(value: object) -> object:
    if not isinstance(value, dict):
        wrong(f"Kafka's configs with their values are expected here, not {kind(value)}")
    return value


def _config_name(value: str) -> str:
    field = FIELD_OF_CONFIG.get(value)
    if field:
        wrong(f"{value} has a key of its own in the catalog", f"write {field}: ... on the topic")
    if not value.strip() or len(value) > MAX_SHORT:
        wrong("a Kafka config needs a name")
    return value


def _schema_source(value: object) -> object:
    if not isinstance(value, dict) and not (isinstance(value, str) and value.strip()):
        wrong(
            f"a schema is expected here, not {kind(value)}",
            "write the path of a JSON Schema file, or the schema itself",
        )
    return value


def _version_number(value: object) -> int:
    if not isinstance(value, str) or not _VERSION_NUMBER.match(value):
        wrong(f"{kind(value)} is not a version", "number the versions 1, 2, 3, ...")
    return int(value)


_NAME_OR_NAMES = WithJsonSchema(
    {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
)
Names = Annotated[list[str], BeforeValidator(names), _NAME_OR_NAMES]
NamesOrNone = Annotated[
    list[str],
    BeforeValidator(names_or_none),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Partitions = Annotated[int, whole(1, MAX_INT), Field(json_schema_extra={"minimum": 1})]
Small = Annotated[int, whole(1, MAX_SHORT), Field(json_schema_extra={"minimum": 1})]
Configs = Annotated[
    dict[Annotated[str, BeforeValidator(_config_name)], KafkaValue], BeforeValidator(_config)
]


class Model(BaseModel):
    """Every mapping of the format: unknown keys are refused, values never guessed."""

    # Only what is checked by itself, the whole file, is compiled: half the time of an import.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class Sizing(Model):
    """What a topic, the defaults and an environment's override all may say."""

    partitions: Partitions | None = Field(
        None, description="How many partitions. Kafka can add some later, never remove one."
    )
    replication: Small | None = Field(
        None,
        description="Copies of each partition. Capped by the environment's brokers; "
        "absent: the broker's default.",
    )
    min_insync_replicas: Small | None = Field(
        None, description="Copies that must have a record before it counts as written."
    )
    retention: Retention | None = Field(
        None,
        description="How long records are kept: `7d`, `12h`, `forever`; "
        "absent: the broker's value, left alone.",
    )
    retention_bytes: RetentionBytes | None = Field(
        None, description="How many bytes a partition keeps: `10Gi`, `unlimited`."
    )
    max_record: RecordBytes | None = Field(
        None, description="The largest record batch the topic takes: `1Mi` (max.message.bytes)."
    )
    config: Configs = Field(
        default_factory=dict,
        description="Further Kafka topic configs by Kafka's names. Those with a key of their "
        "own here are refused.",
    )


class ReplyModel(Model):
    """Where the answers to a topic's events go."""

    topic: Text = Field(description="The topic that carries the answers.")
    correlate: Text = Field(
        description="The field that both events carry and that pairs them, such as `query_id`."
    )


class TopicDefaults(Sizing):
    """Values for every topic of the same file that does not say otherwise."""

    owner: Text | None = Field(None, description="The team that answers for the topic.")
    description: Text | None = Field(None, description="What the records mean, for people.")
    cleanup: (
        Annotated[
            Cleanup,
            BeforeValidator(_cleanup),
            WithJsonSchema(
                {
                    "anyOf": [
                        {"enum": ["delete", "compact"]},
                        {"type": "array", "items": {"enum": ["delete", "compact"]}, "minItems": 1},
                    ]
                }
            ),
        ]
        | None
    ) = Field(
        None,
        description="What happens to old records: `delete` (by age and size), `compact` "
        "(keep the newest of each key) or `[compact, delete]`.",
    )
    key: Text | None = Field(
        None, description="What the record's key is, such as `student_id`; absent: no key."
    )
    partitioner: (
        Annotated[Partitioner, choice(Partitioner), _options(*map(str, Partitioner))] | None
    ) = Field(
        None,
        description="How a key chooses its partition; every client of the topic must agree. "
        "`murmur2_random` (Java; the default here), `consistent_random` (CRC32, librdkafka) or "
        "`fnv1a_random` (Sarama, Dapr).",
    )
    ordering: Annotated[Ordering, choice(Ordering), _options(*map(str, Ordering))] | None = Field(
        None,
        description="`key`: records of one key must stay in order, which retry topics and more "
        "partitions would break; `none` (the default).",
    )
    event: Names | None = Field(
        None, description="The event, or list of events, that the records carry."
    )
    envelope: Annotated[Envelope, choice(Envelope), _options(*map(str, Envelope))] | None = Field(
        None,
        description="How an event travels: a CloudEvents object (`structured`), CloudEvents "
        "headers (`binary`), or bare (`none`, the default).",
    )
    data_class: Annotated[DataClass, choice(DataClass), _options(*map(str, DataClass))] | None = (
        Field(
            None,
            description="How sensitive the records are: `public`, `internal` (the default), "
            "`personal` or `secret`.",
        )
    )
    accept: (
        Annotated[
            list[str],
            BeforeValidator(_accepts),
            WithJsonSchema({"type": "array", "items": {"enum": [KEY_MOVEMENT]}}),
        ]
        | None
    ) = Field(
        None,
        description="Risks that were weighed and taken. `key_movement`: keys may move to other "
        "partitions when partitions are added.",
    )
    prune: Flag | None = Field(
        None,
        description="`true`: configs that stand on the topic and not here are removed by `apply`. "
        "Default `false`: they are shown as drift and kept.",
    )


class TopicModel(TopicDefaults):
    """One topic."""

    reply: ReplyModel | None = Field(None, description="Where answers to its events go.")


class EventModel(Model):
    """One kind of event."""

    description: Text | None = Field(None, description="What happened when this event is sent.")
    compatibility: (
        Annotated[Compatibility, choice(Compatibility), _options(*map(str, Compatibility))] | None
    ) = Field(
        None,
        description="What a new version must keep: `backward` (new readers read old events; the "
        "default), `forward` (old readers read new events), `full` (both) or `none`.",
    )
    versions: dict[
        Annotated[int, BeforeValidator(_version_number)],
        Annotated[
            str | dict[str, object],
            BeforeValidator(_schema_source),
            WithJsonSchema({"type": ["string", "object"]}),
        ],
    ] = Field(
        description="Each version's JSON Schema (draft 2020-12): the path of a file, relative to "
        "this one, or the schema itself. A published version never changes.",
    )


class RetriesModel(Model):
    """How a failing event is tried again."""

    attempts: Annotated[int, whole(0, 100)] | None = Field(
        None, description="How many times after the first try; default 3."
    )
    backoff: Duration | None = Field(None, description="The first wait; default 1s.")
    factor: Annotated[float, number(1, 100)] | None = Field(
        None, description="Each wait is this many times the one before; default 2."
    )
    max_backoff: Duration | None = Field(None, description="The longest wait; default 1m.")
    mode: Annotated[RetryMode, choice(RetryMode), _options(*map(str, RetryMode))] | None = Field(
        None,
        description="`blocking` (the default): the partition waits and order is kept; `topics`: "
        "through retry topics, others go on and order is lost.",
    )


class LagModel(Model):
    """How far behind the group may be before it counts as late."""

    max_records: Annotated[int, whole(0, 2**63 - 1)] | None = Field(
        None, description="Records not yet read."
    )
    max_age: Duration | None = Field(None, description="Age of the oldest record not yet read.")


class SubscriptionModel(Model):
    """How a service reads one topic."""

    group: Text | None = Field(None, description="The consumer group; default: the service's name.")
    start: Annotated[Start, choice(Start), _options(*map(str, Start))] | None = Field(
        None, description="Where a new group begins: `earliest` (the default) or `latest`."
    )
    concurrency: Annotated[int, whole(1, 10_000)] | None = Field(
        None, description="How many members of the group work at once; default 1."
    )
    retries: RetriesModel | None = Field(None, description="How a failing event is tried again.")
    dead_letter: Flag | None = Field(
        None,
        description="`true` (the default): an event that fails every try goes to the topic "
        "`<topic>.<group>.dlt`, which is planned too.",
    )
    isolation: Annotated[Isolation, choice(Isolation), _options(*map(str, Isolation))] | None = (
        Field(
            None,
            description="`read_committed` (the default) hides open and aborted transactions; "
            "`read_uncommitted` shows them.",
        )
    )
    delivery: Annotated[Guarantee, choice(Guarantee), _options(*map(str, Guarantee))] | None = (
        Field(
            None,
            description="`at_least_once` (the default), or `exactly_once`: what the handler writes "
            "and the offset are one transaction.",
        )
    )
    lag: LagModel | None = Field(None, description="The lag objective.")


class ServiceModel(Model):
    """One service."""

    owner: Text | None = Field(None, description="The team that answers for the service.")
    description: Text | None = Field(None, description="What the service does, for people.")
    produces: NamesOrNone = Field(default_factory=list, description="The topics it writes.")
    consumes: dict[str, SubscriptionModel] = Field(
        default_factory=dict, description="The topics it reads, and how."
    )


class PolicyModel(Model):
    """Rules for every topic of the catalog."""

    max_retention_cut: Duration | None = Field(
        None,
        description="One `apply` cuts a topic's retention by at most this; absent: no limit.",
    )
    dead_letter_retention: Retention | None = Field(
        None, description="How long dead letters are kept; default 30d."
    )


class OverrideModel(Sizing):
    """What an environment changes of one topic."""


class EnvironmentModel(Model):
    """A place where the catalog runs."""

    brokers: Annotated[int, whole(1, 100_000)] | None = Field(
        None,
        description="How many brokers it has; caps replication. Said once, other files may add "
        "overrides.",
    )
    topics: dict[str, OverrideModel] = Field(
        default_factory=dict, description="What is different there, by topic."
    )


class TombstoneModel(Model):
    """A topic that is to be deleted."""

    reason: Text = Field(description="Why; shown in the plan.")


class FileModel(Model):
    """One file of a catalog."""

    version: Literal[1] = Field(description="The version of this format: 1.")
    name: Text | None = Field(
        None, description="The catalog's name, for people; default: its file's or folder's."
    )
    defaults: TopicDefaults | None = Field(
        None, description="Values for every topic of this file that does not say otherwise."
    )
    topics: dict[str, TopicModel] = Field(default_factory=dict, description="The topics, by name.")
    events: dict[str, EventModel] = Field(default_factory=dict, description="The events, by name.")
    services: dict[str, ServiceModel] = Field(
        default_factory=dict, description="The services, by name."
    )
    policy: PolicyModel | None = Field(None, description="Rules for every topic.")
    environments: dict[str, EnvironmentModel] = Field(
        default_factory=dict, description="Where the catalog runs, by name."
    )
    deleted: dict[str, TombstoneModel] = Field(
        default_factory=dict,
        description="Tombstones: topics to delete, by name. `apply` needs a flag as well.",
    )
