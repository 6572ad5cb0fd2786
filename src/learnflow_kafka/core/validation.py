"""
What can be wrong with a catalog whatever file it came from.

`flaws` forbid its use; `doubts` are worth a look. Each names its path in the catalog, so that
whoever read the files can say the line. No cluster is asked.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core import names
from learnflow_kafka.core.catalog import Cleanup, Isolation, Ordering, RetryMode
from learnflow_kafka.core.kafka_configs import KNOWN_CONFIGS
from learnflow_kafka.core.suggest import Hints, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from learnflow_kafka.core.catalog import (
        Catalog,
        Environment,
        Reply,
        Service,
        Subscription,
        Topic,
        TopicOverride,
    )

MAX_PARTITIONS_A_REQUEST: Final = 10_000
"""Kafka refuses to make more partitions than this at once."""

_KAFKAS_OWN: Final = frozenset(
    {
        "__consumer_offsets",
        "__transaction_state",
        "__share_group_state",
        "__cluster_metadata",
        "__remote_log_metadata",
    }
)

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing wrong: its path in the catalog, what it is, and what to write instead."""

    path: Path
    what: str
    instead: str | None = None


def flaws(catalog: Catalog) -> tuple[Flaw, ...]:
    """Everything that forbids the use of the catalog."""
    topics = Hints(catalog.topics)
    return (
        *_each_topic(catalog, topics),
        *_tombstones(catalog),
        *_collisions(catalog),
        *_each_service(catalog, topics),
        *_groups(catalog),
        *_environments(catalog, topics),
    )


def doubts(catalog: Catalog) -> tuple[Flaw, ...]:
    """What is allowed and probably not meant."""
    return (
        *_empty(catalog),
        *(flaw for topic in catalog.topics.values() for flaw in _topic_doubts(topic)),
        *_environment_doubts(catalog),
        *_service_doubts(catalog),
        *_unused_events(catalog),
    )


def _each_topic(catalog: Catalog, topics: Hints) -> Iterator[Flaw]:
    events = Hints(catalog.events)
    for topic in catalog.topics.values():
        path = ("topics", topic.name)
        yield from _name(topic.name, path)
        yield from _sizing(topic.partitions, topic.replication, topic.min_insync_replicas, path)
        for event in topic.events:
            if event not in catalog.events:
                yield Flaw(
                    (*path, "event"),
                    f"there is no event {event!r}",
                    events.did_you_mean(event) or "declare it under `events`",
                )
        if topic.ordering is Ordering.KEY and topic.key is None:
            yield Flaw(
                (*path, "ordering"),
                "order is promised by key, and the topic has no key",
                "write what the key is: `key: ...`",
            )
        if topic.reply is not None:
            yield from _reply(topic, topic.reply, catalog, topics)


def _reply(topic: Topic, reply: Reply, catalog: Catalog, topics: Hints) -> Iterator[Flaw]:
    path = ("topics", topic.name, "reply")
    answers = catalog.topics.get(reply.topic)
    if answers is None:
        yield _unknown_topic((*path, "topic"), reply.topic, topics)
        return
    for event in (*topic.events, *answers.events):
        known = _fields(catalog, event)
        if known is not None and reply.correlate not in known:
            yield Flaw(
                (*path, "correlate"),
                f"the event {event!r} has no field {reply.correlate!r} to pair a reply by",
                did_you_mean(reply.correlate, known),
            )


def _fields(catalog: Catalog, event: str) -> Collection[str] | None:
    """The fields of an event's newest version; None where its schema does not list them."""
    declared = catalog.events.get(event)
    if declared is None or not declared.versions:
        return None
    properties = declared.versions[-1].schema.get("properties")
    return properties if isinstance(properties, dict) else None


def _name(name: str, path: Path) -> Iterator[Flaw]:
    fault = names.topic_name_fault(name)
    if fault:
        legal = names.legal_name(name)
        hint = f"write {legal!r}" if legal and len(name) <= names.MAX_LENGTH else None
        yield Flaw(path, f"{_short(name)!r} cannot be a topic: {fault}", hint)
    elif names.is_reserved(name):
        yield Flaw(
            path,
            f"names that begin with {names.RESERVED_PREFIX!r} belong to this tool",
            "choose another name",
        )
    elif name in _KAFKAS_OWN:
        yield Flaw(path, "this topic is Kafka's own and nothing to declare", "remove it")


def _short(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:57]}..."  # noqa: PLR2004 - for reading


def _sizing(
    partitions: int, replication: int | None, min_insync: int | None, path: Path
) -> Iterator[Flaw]:
    if partitions < 1:
        yield Flaw((*path, "partitions"), "a topic has at least one partition", "write 1 or more")
    if replication is not None and min_insync is not None and replication < min_insync:
        yield Flaw(
            (*path, "min_insync_replicas"),
            f"{min_insync} copies must have each record, and there are only {replication} "
            "(replication): nothing could be written",
            f"write {max(replication - 1, 1)}, or raise replication",
        )


def _tombstones(catalog: Catalog) -> Iterator[Flaw]:
    for tombstone in catalog.tombstones.values():
        path = ("deleted", tombstone.topic)
        yield from _name(tombstone.topic, path)
        declared = catalog.topics.get(tombstone.topic)
        if declared is not None:
            yield Flaw(
                path,
                f"{tombstone.topic!r} is to be deleted here and declared in {declared.place}",
                "remove one of the two",
            )


def _collisions(catalog: Catalog) -> Iterator[Flaw]:
    """Names that Kafka's metrics cannot tell apart, derived topics included."""
    seen: dict[str, tuple[str, str]] = {}
    for name, path, origin in _all_names(catalog):
        known = seen.setdefault(names.metric_name(name), (name, origin))
        if known == (name, origin):
            continue
        if known[0] == name:
            yield Flaw(path, f"{name!r} is {known[1]}, and {origin} too", "rename one of them")
        else:
            yield Flaw(
                path,
                f"{name!r} ({origin}) and {known[0]!r} ({known[1]}) are one name in Kafka's "
                "metrics, where '.' becomes '_'; Kafka refuses the second",
                "rename one of them",
            )


def _all_names(catalog: Catalog) -> Iterator[tuple[str, Path, str]]:
    for topic in catalog.topics.values():
        yield topic.name, ("topics", topic.name), f"declared in {topic.place}"
    for service, subscription in catalog.subscriptions():
        path = ("services", service.name, "consumes", subscription.topic)
        for name in _derived(subscription):
            yield name, path, f"derived from service {service.name!r}"


def _derived(subscription: Subscription) -> Iterator[str]:
    if subscription.retries.mode is RetryMode.TOPICS:
        for step in range(1, subscription.retries.attempts + 1):
            yield names.retry_topic(subscription.topic, subscription.group, step)
    if subscription.dead_letter:
        yield names.dead_letter_topic(subscription.topic, subscription.group)


def _each_service(catalog: Catalog, topics: Hints) -> Iterator[Flaw]:
    for service in catalog.services.values():
        path = ("services", service.name)
        for topic in service.produces:
            if topic not in catalog.topics:
                yield _unknown_topic((*path, "produces"), topic, topics)
        for subscription in service.consumes:
            if subscription.topic not in catalog.topics:
                yield _unknown_topic(
                    (*path, "consumes", subscription.topic), subscription.topic, topics
                )
            yield from _subscription((*path, "consumes", subscription.topic), subscription, catalog)
        yield from _one_partitioner(path, service, catalog)


def _one_partitioner(path: Path, service: Service, catalog: Catalog) -> Iterator[Flaw]:
    """A transaction is written by one client, and a client has one partitioner."""
    written = [catalog.topics[name] for name in service.produces if name in catalog.topics]
    kinds = sorted({topic.partitioner for topic in written})
    if len(kinds) > 1 and any(read.exactly_once for read in service.consumes):
        yield Flaw(
            (*path, "produces"),
            f"the topics have several partitioners ({', '.join(kinds)}), and a service that reads "
            "exactly once writes through one client, which has one",
            "give the topics one partitioner, or write `delivery: at_least_once`",
        )


def _subscription(path: Path, subscription: Subscription, catalog: Catalog) -> Iterator[Flaw]:
    topic = catalog.topics.get(subscription.topic)
    retries = subscription.retries
    if topic and topic.ordering is Ordering.KEY and retries.mode is RetryMode.TOPICS:
        yield Flaw(
            (*path, "retries", "mode"),
            f"retry topics let later events overtake a failed one, and {topic.name!r} promises "
            "order by key",
            "write `mode: blocking`, or `ordering: none` on the topic",
        )
    if retries.max_backoff_ms < retries.backoff_ms:
        yield Flaw(
            (*path, "retries"),
            f"the longest wait ({retries.max_backoff_ms} ms) is shorter than the first "
            f"({retries.backoff_ms} ms)",
            "raise max_backoff, or lower backoff",
        )
    if subscription.exactly_once and subscription.isolation is Isolation.READ_UNCOMMITTED:
        yield Flaw(
            (*path, "isolation"),
            "events of aborted transactions were never sent; nothing is exactly once of them",
            "leave isolation out, or write `delivery: at_least_once`",
        )
    yield from _derived_names(path, subscription)


def _derived_names(path: Path, subscription: Subscription) -> Iterator[Flaw]:
    if names.topic_name_fault(subscription.topic):
        return
    for name in _derived(subscription):
        fault = names.topic_name_fault(name)
        if fault:
            yield Flaw(
                path,
                f"the topic {_short(name)!r} follows from group {_short(subscription.group)!r}, "
                f"and cannot be: {fault}",
                "choose another group name, or write `dead_letter: false`",
            )
            return


def _unknown_topic(path: Path, topic: str, topics: Hints) -> Flaw:
    hint = topics.did_you_mean(topic) or "declare it under `topics`"
    return Flaw(path, f"there is no topic {topic!r} in the catalog", hint)


def _groups(catalog: Catalog) -> Iterator[Flaw]:
    readers: dict[tuple[str, str], list[Service]] = defaultdict(list)
    for service, subscription in catalog.subscriptions():
        readers[subscription.topic, subscription.group].append(service)
    for (topic, group), services in readers.items():
        for service in services[1:]:
            yield Flaw(
                ("services", service.name, "consumes", topic, "group"),
                f"group {group!r} reads {topic!r} for service {services[0].name!r} already "
                f"({services[0].place}): each would get a part of the records",
                "give each service a group of its own",
            )


def _environments(catalog: Catalog, topics: Hints) -> Iterator[Flaw]:
    for environment in catalog.environments.values():
        path = ("environments", environment.name)
        if environment.brokers < 1:
            yield Flaw((*path, "brokers"), "an environment has at least one broker")
        for name, override in environment.topics.items():
            topic = catalog.topics.get(name)
            if topic is None:
                yield _unknown_topic((*path, "topics", name), name, topics)
            else:
                yield from _override(topic, override, environment)


def _override(topic: Topic, override: TopicOverride, environment: Environment) -> Iterator[Flaw]:
    replication, least = override.replication, override.min_insync_replicas
    if replication is None and least is None:
        return
    yield from _sizing(
        1,
        replication if replication is not None else topic.replication,
        least if least is not None else topic.min_insync_replicas,
        ("environments", environment.name, "topics", topic.name),
    )


def _empty(catalog: Catalog) -> Iterator[Flaw]:
    if not catalog.topics:
        yield Flaw((), "the catalog declares no topic", "add some under `topics`")


def _topic_doubts(topic: Topic) -> Iterator[Flaw]:
    path = ("topics", topic.name)
    yield from _unknown_configs(topic.config, (*path, "config"))
    if topic.partitions > MAX_PARTITIONS_A_REQUEST:
        what = f"Kafka makes at most {MAX_PARTITIONS_A_REQUEST} partitions in one request"
        yield Flaw((*path, "partitions"), what)
    if topic.cleanup is Cleanup.COMPACT and topic.retention_ms is not None:
        yield Flaw(
            (*path, "retention"),
            "a topic that is only compacted keeps the newest record of each key for ever",
            "write `cleanup: [compact, delete]`, or remove the retention",
        )
    if topic.cleanup in {Cleanup.COMPACT, Cleanup.COMPACT_DELETE} and topic.key is None:
        yield Flaw(
            (*path, "cleanup"),
            "a compacted topic takes no record without a key, and no key is declared",
            "write what the key is: `key: ...`",
        )
    if names.is_internal(topic.name):
        what = f"{topic.name!r} looks like the own state of Kafka, Connect or a registry"
        yield Flaw(path, what, "leave it out, unless you mean to manage it here")


def _environment_doubts(catalog: Catalog) -> Iterator[Flaw]:
    for environment in catalog.environments.values():
        for name, override in environment.topics.items():
            path = ("environments", environment.name, "topics", name, "config")
            yield from _unknown_configs(override.config, path)


def _unknown_configs(config: Mapping[str, str], path: Path) -> Iterator[Flaw]:
    for key in config:
        if key not in KNOWN_CONFIGS:
            hint = did_you_mean(key, KNOWN_CONFIGS) or "remove it, unless your brokers know it"
            yield Flaw((*path, key), f"Kafka 4.3 has no topic config {key!r}", hint)


def _service_doubts(catalog: Catalog) -> Iterator[Flaw]:
    services_of: dict[str, set[str]] = defaultdict(set)
    for service, subscription in catalog.subscriptions():
        services_of[subscription.group].add(service.name)
        topic = catalog.topics.get(subscription.topic)
        path = ("services", service.name, "consumes", subscription.topic)
        if topic and subscription.concurrency > topic.partitions:
            yield Flaw(
                (*path, "concurrency"),
                f"{subscription.concurrency} members share {topic.partitions} partitions: "
                f"{subscription.concurrency - topic.partitions} will have nothing to do",
                f"write {topic.partitions} or less",
            )
    for service in catalog.services.values():
        for group in {c.group for c in service.consumes if len(services_of[c.group]) > 1}:
            others = sorted(services_of[group] - {service.name})
            what = f"group {group!r} is used by service {others[0]!r} too"
            yield Flaw(("services", service.name), what, "give each service a group of its own")


def _unused_events(catalog: Catalog) -> Iterator[Flaw]:
    used = Counter(event for topic in catalog.topics.values() for event in topic.events)
    for event in catalog.events:
        if not used[event]:
            yield Flaw(("events", event), f"no topic carries the event {event!r}")
