"""
What a verification looks at: the wish, and the answers of the cluster.

A part that could not be gathered is `Unknown`, with the reason. Times are milliseconds,
times of day milliseconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from learnflow_kafka.core.catalog import RetryMode
from learnflow_kafka.core.names import retry_topic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from learnflow_kafka.core.catalog import Catalog
    from learnflow_kafka.core.observed import (
        ClusterState,
        ConfigValue,
        QuorumState,
        TopicState,
    )
    from learnflow_kafka.core.plans.desired import Desired, DesiredTopic
    from learnflow_kafka.core.ports import Fault

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why a part of the evidence is missing, and what would mend that."""

    reason: str
    fix: str | None = None


class NotKnownError(Exception):
    """A check asked for evidence that is not there; `table.evaluate` says so."""

    def __init__(self, unknown: Unknown) -> None:
        super().__init__(unknown.reason)
        self.unknown = unknown


def known(part: T | Unknown) -> T:
    """The part of the evidence, or NotKnownError where it could not be gathered."""
    if isinstance(part, Unknown):
        raise NotKnownError(part)
    return part


@dataclass(frozen=True, slots=True)
class Expectation:
    """
    What the cluster should be.

    `topics` are the declared and derived topics as this environment wants them; `brokers` is
    the environment's number (None: it names none); `groups` maps a topic to the groups that
    are declared to read it; `cluster_id` is the pinned cluster (None: any).
    """

    topics: Mapping[str, DesiredTopic] = field(default_factory=dict)
    brokers: int | None = None
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    cluster_id: str | None = None


@dataclass(frozen=True, slots=True)
class BrokerProof:
    """
    One record written to a broker and read back.

    `partition` of the verification topic that the broker led (None: none). `fault` says what
    went wrong, `skipped` why it was not tried or not allowed; both None: the record came back
    unchanged. `write_ms` is from sending to the acknowledgement of all in-sync replicas.
    `appended_ms` is the time that the broker gave the record, by its own clock, between our
    `sent_ms` and `acked_ms`; None where the topic keeps the sender's time.
    """

    partition: int | None = None
    fault: str | None = None
    skipped: str | None = None
    write_ms: float | None = None
    sent_ms: int | None = None
    acked_ms: int | None = None
    appended_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Records:
    """What the proof by records gave: one entry a broker, and the time of reading them all."""

    brokers: Mapping[int, BrokerProof]
    read_ms: float | None = None


def expectation(
    catalog: Catalog, desired: Desired, *, cluster_id: str | None = None
) -> Expectation:
    """What the cluster should be, from a catalog and what it means in an environment."""
    groups: dict[str, set[str]] = {}
    for _, subscription in catalog.subscriptions():
        steps = len(subscription.retries.delays_ms())
        read = [subscription.topic]
        if subscription.retries.mode is RetryMode.TOPICS:
            read += [
                retry_topic(subscription.topic, subscription.group, n + 1) for n in range(steps)
            ]
        for topic in read:
            groups.setdefault(topic, set()).add(subscription.group)
    return Expectation(
        topics=desired.topics,
        brokers=desired.brokers,
        groups={topic: frozenset(names) for topic, names in groups.items()},
        cluster_id=cluster_id,
    )


Settings: TypeAlias = "Mapping[str, ConfigValue] | Fault"
"""Every config of a topic or a broker, or why it was not told."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """
    Everything that the checks look at, gathered once.

    `bootstrap`: the addresses we were given and why each takes no connection (None: it does).
    `addresses`: the same for every broker's advertised address. `quorum` None: a cluster with
    ZooKeeper; `zookeeper`: each of its servers that was asked itself, and why it does not serve
    (None: it does). `topics`: every topic that we may see, without configs; `topic_configs`
    those of the wanted topics and of all with too few replicas in sync.
    """

    expected: Expectation
    bootstrap: Mapping[str, str | None]
    cluster: ClusterState | Unknown
    addresses: Mapping[int, str | None] | Unknown
    quorum: QuorumState | Unknown | None
    topics: Mapping[str, TopicState] | Unknown
    topic_configs: Mapping[str, Settings] | Unknown
    broker_configs: Mapping[int, Settings] | Unknown
    records: Records | Unknown
    zookeeper: Mapping[str, str | None] | Unknown = field(default_factory=dict)
