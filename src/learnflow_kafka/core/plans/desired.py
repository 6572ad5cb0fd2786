"""
What a catalog wants on one cluster: concrete topics for one environment.

`resolve` merges the environment's overrides, fits replication to the environment's brokers,
and adds the topics that follow from the subscriptions (dead letters, retries). Everything is
in Kafka's own words afterwards: config names and strings. A config that is not here is not
managed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.catalog import NOWHERE, Place, Policy, RetryMode, Start, TopicOverride
from learnflow_kafka.core.names import (
    dead_letter_topic,
    metric_name,
    retry_topic,
    topic_name_fault,
)
from learnflow_kafka.core.suggest import nearest
from learnflow_kafka.core.text import counted
from learnflow_kafka.core.units import FOREVER
from learnflow_kafka.errors import CatalogError, ContextError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from learnflow_kafka.core.catalog import Catalog, Service, Subscription, Tombstone, Topic

RETENTION_MS: Final = "retention.ms"
RETENTION_BYTES: Final = "retention.bytes"
CLEANUP: Final = "cleanup.policy"
MAX_RECORD: Final = "max.message.bytes"
MIN_ISR: Final = "min.insync.replicas"

CAPPED: Final = "replication-capped"
ISR_CAPPED: Final = "min-isr-capped"
OTHER_BROKERS: Final = "brokers-differ"

HEADROOM_BYTES: Final = 64 * 1024
"""
How much larger a record may be in a derived topic than at its source.

A dead letter is the record as it was, with headers that say why it failed: without room for
them the largest records could not be kept.
"""


class Origin(StrEnum):
    """Why a topic is wanted."""

    DECLARED = "declared"
    DEAD_LETTER = "dead letter"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class DesiredTopic:
    """
    One topic as it should be.

    `replication` None leaves it as it is (new topics: to the broker's default). `config` has
    the managed configs alone. `source` is the declared topic that a derived one follows.
    """

    name: str
    partitions: int
    replication: int | None
    config: Mapping[str, str]
    origin: Origin = Origin.DECLARED
    source: str | None = None
    owner: str | None = None
    keyed: bool = False
    accepts_key_movement: bool = False
    prune: bool = False
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Notice:
    """
    Something a reader of the plan should know: a stable rule, the topic, and what.

    `topic` is empty where it concerns all.
    """

    rule: str
    topic: str
    what: str
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Desired:
    """
    All that a catalog wants on one cluster, for one environment.

    `topics` holds the declared ones first, then the derived. `latest` names, by topic, the
    declared groups that begin at the end of a partition where they have no place. `brokers`
    is how many the environment has; None: not said.
    """

    catalog: str
    environment: str | None
    brokers: int | None
    topics: Mapping[str, DesiredTopic]
    tombstones: Mapping[str, Tombstone] = field(default_factory=dict)
    latest: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    notices: tuple[Notice, ...] = ()

    @property
    def declared(self) -> int:
        """How many topics were declared."""
        return sum(t.origin is Origin.DECLARED for t in self.topics.values())

    @property
    def derived(self) -> int:
        """How many topics follow from the declared ones."""
        return len(self.topics) - self.declared


def resolve(
    catalog: Catalog, environment: str | None = None, brokers: int | None = None
) -> Desired:
    """
    The topics that the catalog wants in an environment.

    Without `environment` nothing is overridden. Replication is capped by `brokers`, or else
    by the environment's number, and never by the brokers that happen to be alive.

    Raises ContextError for an environment that the catalog does not have, and CatalogError
    where a derived topic's name is not legal or belongs to a declared topic.
    """
    limit, overrides = _environment(catalog, environment)
    limit = limit if brokers is None else brokers
    notices: list[Notice] = []
    declared = {
        name: _declared(topic, overrides.get(name), limit, notices)
        for name, topic in catalog.topics.items()
    }
    derived = {t.name: t for t in reversed([*_derive(catalog, declared)])}
    ordered = dict(sorted(derived.items()))
    _refuse_collisions(catalog, declared, ordered)
    return Desired(
        catalog=catalog.name,
        environment=environment,
        brokers=limit,
        topics=declared | ordered,
        tombstones=dict(catalog.tombstones),
        latest=_latest_groups(catalog),
        policy=catalog.policy,
        notices=tuple(notices),
    )


def told_of_brokers(desired: Desired, catalog: Catalog, cluster: str) -> Desired:
    """The same, with a notice where the cluster has fewer brokers than its environment names."""
    environment = catalog.environments.get(desired.environment or "")
    named, there = environment.brokers if environment else None, desired.brokers
    if environment is None or named is None or there is None or named <= there:
        return desired
    notice = Notice(
        OTHER_BROKERS,
        "",
        f"cluster {cluster} was made with {counted(there, 'broker')}; the environment "
        f"names {named}",
        environment.place,
    )
    return replace(desired, notices=(notice, *desired.notices))


def _environment(
    catalog: Catalog, name: str | None
) -> tuple[int | None, Mapping[str, TopicOverride]]:
    if name is None:
        return None, {}
    found = catalog.environments.get(name)
    if found is None:
        known = ", ".join(catalog.environments) or "none"
        near = nearest(name, catalog.environments) or next(iter(catalog.environments), "NAME")
        raise ContextError(
            f"the catalog {catalog.name!r} has no environment {name!r}; it has: {known}",
            fix=f"use --env {near}",
        )
    return found.brokers, found.topics


def _declared(
    topic: Topic, override: TopicOverride | None, limit: int | None, notices: list[Notice]
) -> DesiredTopic:
    merged = _merge(topic, override)
    place = override.place if override else topic.place
    if limit is not None and merged.replication is not None and merged.replication > limit:
        merged = _cap(merged, limit, place, notices)
    return DesiredTopic(
        name=merged.name,
        partitions=merged.partitions,
        replication=merged.replication,
        config=_config(merged),
        owner=merged.owner,
        keyed=merged.key is not None or merged.ordering == "key",
        accepts_key_movement=merged.accepts_key_movement,
        prune=merged.prune,
        place=topic.place,
    )


def _merge(topic: Topic, override: TopicOverride | None) -> Topic:
    if override is None:
        return topic

    def pick(ours: int | None, theirs: int | None) -> int | None:
        return theirs if ours is None else ours

    return replace(
        topic,
        partitions=topic.partitions if override.partitions is None else override.partitions,
        replication=pick(override.replication, topic.replication),
        min_insync_replicas=pick(override.min_insync_replicas, topic.min_insync_replicas),
        retention_ms=pick(override.retention_ms, topic.retention_ms),
        retention_bytes=pick(override.retention_bytes, topic.retention_bytes),
        max_record_bytes=pick(override.max_record_bytes, topic.max_record_bytes),
        config={**topic.config, **override.config},
    )


def _cap(topic: Topic, limit: int, place: Place, notices: list[Notice]) -> Topic:
    notices.append(
        Notice(
            CAPPED,
            topic.name,
            f"replication {topic.replication} is declared; the environment has {limit} "
            f"broker{'' if limit == 1 else 's'}, so it is {limit} here",
            place,
        )
    )
    safe = max(1, limit - 1)
    wanted = topic.min_insync_replicas
    if wanted is not None and wanted > safe:
        notices.append(
            Notice(
                ISR_CAPPED,
                topic.name,
                f"min.insync.replicas {wanted} is declared; with replication {limit} it is "
                f"{safe} here, or one broker down would stop every write",
                place,
            )
        )
        wanted = safe
    return replace(topic, replication=limit, min_insync_replicas=wanted)


def _config(topic: Topic) -> dict[str, str]:
    managed = {
        RETENTION_MS: topic.retention_ms,
        RETENTION_BYTES: topic.retention_bytes,
        CLEANUP: topic.cleanup,
        MAX_RECORD: topic.max_record_bytes,
        MIN_ISR: topic.min_insync_replicas,
    }
    return {key: str(value) for key, value in managed.items() if value is not None} | dict(
        topic.config
    )


def _derive(catalog: Catalog, declared: Mapping[str, DesiredTopic]) -> Iterator[DesiredTopic]:
    for service, subscription in catalog.subscriptions():
        source = declared.get(subscription.topic)
        if source is None:
            continue  # the loader reports a subscription to a topic that nobody declared
        if subscription.dead_letter:
            yield _dead_letter(service, subscription, source, catalog.policy)
        if subscription.retries.mode is RetryMode.TOPICS:
            yield from _retries(service, subscription, source)


def _dead_letter(
    service: Service, subscription: Subscription, source: DesiredTopic, policy: Policy
) -> DesiredTopic:
    kept = source.config.get(RETENTION_MS)
    retention = policy.dead_letter_retention_ms
    if kept is not None:
        retention = FOREVER if FOREVER in (retention, int(kept)) else max(retention, int(kept))
    follower = _follower(service, subscription, source)
    return replace(
        follower,
        name=dead_letter_topic(subscription.topic, subscription.group),
        config={**follower.config, RETENTION_MS: str(retention)},
    )


def _retries(
    service: Service, subscription: Subscription, source: DesiredTopic
) -> Iterator[DesiredTopic]:
    """One topic a delay; an event that waits there is kept as long as at its source, and more."""
    kept = source.config.get(RETENTION_MS)
    follower = _follower(service, subscription, source)
    for step, delay in enumerate(subscription.retries.delays_ms(), start=1):
        config = dict(follower.config)
        if kept is not None:
            config[RETENTION_MS] = kept if int(kept) == FOREVER else str(int(kept) + delay)
        yield replace(
            follower,
            name=retry_topic(subscription.topic, subscription.group, step),
            origin=Origin.RETRY,
            config=config,
        )


def _follower(service: Service, subscription: Subscription, source: DesiredTopic) -> DesiredTopic:
    """What every topic derived from a source shares with it."""
    config = {CLEANUP: "delete"}
    if MAX_RECORD in source.config:
        config[MAX_RECORD] = str(int(source.config[MAX_RECORD]) + HEADROOM_BYTES)
    if MIN_ISR in source.config:
        config[MIN_ISR] = source.config[MIN_ISR]
    return DesiredTopic(
        name=source.name,
        partitions=source.partitions,
        replication=source.replication,
        config=config,
        origin=Origin.DEAD_LETTER,
        source=source.name,
        owner=service.owner or source.owner,
        place=subscription.place,
    )


def _refuse_collisions(
    catalog: Catalog, declared: Mapping[str, DesiredTopic], derived: Mapping[str, DesiredTopic]
) -> None:
    problems = []
    metrics = {metric_name(name): name for name in declared}
    for topic in derived.values():
        fault = topic_name_fault(topic.name)
        other = metrics.setdefault(metric_name(topic.name), topic.name)
        if fault:
            problems.append(_problem(topic, f"its {topic.origin} topic cannot exist: {fault}."))
        elif topic.name in declared:
            problems.append(
                _problem(
                    topic,
                    f"its {topic.origin} topic {topic.name!r} is declared too, here:"
                    f" {declared[topic.name].place}.",
                )
            )
        elif other != topic.name:
            problems.append(
                _problem(
                    topic,
                    f"its {topic.origin} topic {topic.name!r} and {other!r} would"
                    " share one name in Kafka's metrics.",
                )
            )
    problems += [
        Problem(
            stone.place.file,
            stone.place.line,
            stone.place.column,
            f"deleted.{name}",
            f"the topic {name!r} is to be deleted and wanted at once.",
            "Remove the tombstone, or what declares the topic.",
        )
        for name, stone in catalog.tombstones.items()
        if name in declared or name in derived
    ]
    if problems:
        raise CatalogError(tuple(problems))


def _problem(topic: DesiredTopic, what: str) -> Problem:
    place = topic.place
    return Problem(
        place.file,
        place.line,
        place.column,
        f"topics.{topic.source}",
        what,
        "Rename the group or the topic.",
    )


def _latest_groups(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for _, subscription in catalog.subscriptions():
        if subscription.start is Start.LATEST:
            groups = found.setdefault(subscription.topic, [])
            if subscription.group not in groups:
                groups.append(subscription.group)
    return {topic: tuple(groups) for topic, groups in found.items()}
