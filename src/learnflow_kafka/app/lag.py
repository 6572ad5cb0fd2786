"""
Collecting lag: commits first, ends second, so that lag is never negative.

The number of requests follows brokers and batches, not groups: every group that was asked
for is read in one round.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from learnflow_kafka.app.lookup import extents
from learnflow_kafka.core.lag import (
    Extent,
    GroupLag,
    LagReport,
    PartitionLag,
    TopicLag,
    is_overdue,
    judge,
    partition_lag,
)
from learnflow_kafka.core.observed import GroupListing, GroupProtocol, GroupState, TopicPartition
from learnflow_kafka.core.plans.facts import partitions_of
from learnflow_kafka.core.ports import Fault
from learnflow_kafka.core.suggest import did_you_mean
from learnflow_kafka.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from learnflow_kafka.core.catalog import Catalog, LagObjective, Subscription
    from learnflow_kafka.core.ports import KafkaAdmin

SHARE: Final = "a share group has no place in a partition: its records are taken one by one"
_UNKNOWN: Final = Extent(None, None)


@dataclass(frozen=True, slots=True)
class Declared:
    """What the catalog says of one group: its service, and its subscriptions by topic."""

    service: str
    topics: Mapping[str, Subscription] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """Which lag is asked for; empty `groups` or `topics`: all of them."""

    groups: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    declared: Mapping[str, Declared] = field(default_factory=dict)


def declared_groups(catalog: Catalog) -> dict[str, Declared]:
    """The catalog's groups by name."""
    found: dict[str, dict[str, Subscription]] = defaultdict(dict)
    services: dict[str, str] = {}
    for service, subscription in catalog.subscriptions():
        found[subscription.group][subscription.topic] = subscription
        services.setdefault(subscription.group, service.name)
    return {group: Declared(services[group], topics) for group, topics in found.items()}


def collect(admin: KafkaAdmin, question: Question, *, now_ms: int) -> LagReport:
    """
    The lag of each group, judged against the objectives that are declared.

    A declared group that never ran is in the report; its lag follows from where it would
    start. Raises RequestError where a named group is neither there nor declared.
    """
    listed = {g.name: g for g in admin.groups()}
    names = _names(question, listed)
    readable = [n for n in names if n in listed and not _is_share(listed[n])]
    commits = admin.committed(readable) if readable else {}
    places = {name: _places(commits.get(name)) for name in names}
    wanted = _wanted(admin, names, places, question)
    ends = extents(admin, {p for partitions in wanted.values() for p in partitions})
    gathered = _Gathered(question, listed, commits, wanted, ends)
    groups = [_group(name, gathered) for name in names]
    return LagReport(tuple(_judged(admin, groups, now_ms)))


def _names(question: Question, listed: Mapping[str, GroupListing]) -> list[str]:
    known = {*listed, *question.declared}
    for name in question.groups:
        if name not in known:
            hint = did_you_mean(name, known)
            raise RequestError(
                f"there is no group {name!r}" + (f"; {hint}" if hint else ""),
                code="GROUP_ID_NOT_FOUND",
                fix="see `learnflow groups list`",
            )
    return list(dict.fromkeys(question.groups)) if question.groups else sorted(known)


def _is_share(listing: GroupListing | None) -> bool:
    return listing is not None and listing.protocol is GroupProtocol.SHARE


def _places(answer: Mapping[TopicPartition, int] | Fault | None) -> Mapping[TopicPartition, int]:
    return {} if answer is None or isinstance(answer, Fault) else answer


def _wanted(
    admin: KafkaAdmin,
    names: Iterable[str],
    places: Mapping[str, Mapping[TopicPartition, int]],
    question: Question,
) -> dict[str, list[TopicPartition]]:
    """The partitions of each group: those with a commit, and all of what is declared."""
    declared = {t for n in names if n in question.declared for t in question.declared[n].topics}
    states = admin.topics(sorted(declared)) if declared else {}
    found = {}
    for name in names:
        own = question.declared[name].topics if name in question.declared else {}
        whole = {p for topic in own if topic in states for p in partitions_of(states[topic])}
        chosen = whole | set(places[name])
        if question.topics:
            chosen = {p for p in chosen if p.topic in question.topics}
        found[name] = sorted(chosen)
    return found


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What was asked, and every answer that a group's lag is made of."""

    question: Question
    listed: Mapping[str, GroupListing]
    commits: Mapping[str, Mapping[TopicPartition, int] | Fault]
    wanted: Mapping[str, Collection[TopicPartition]]
    ends: Mapping[TopicPartition, Extent]


def _group(name: str, gathered: _Gathered) -> GroupLag:
    listing, commits = gathered.listed.get(name), gathered.commits.get(name)
    declared = gathered.question.declared.get(name)
    group = GroupLag(
        name,
        listing.state if listing else GroupState.DEAD,
        listing.protocol if listing else GroupProtocol.UNKNOWN,
        service=declared.service if declared else None,
    )
    if _is_share(listing):
        return replace(group, fault=SHARE)
    if isinstance(commits, Fault):
        return replace(group, fault=str(commits))
    return replace(group, topics=_topics(name, declared, commits or {}, gathered))


def _topics(
    name: str,
    declared: Declared | None,
    commits: Mapping[TopicPartition, int],
    gathered: _Gathered,
) -> tuple[TopicLag, ...]:
    by_topic: dict[str, list[PartitionLag]] = defaultdict(list)
    for where in gathered.wanted[name]:
        own = declared.topics.get(where.topic) if declared else None
        by_topic[where.topic].append(
            partition_lag(
                where.partition,
                commits.get(where),
                gathered.ends.get(where, _UNKNOWN),
                start_policy=own.start if own else None,
            )
        )
    missing = _absent(declared, by_topic, gathered.question)
    return tuple(
        TopicLag(name, topic, tuple(found), _objective(declared, topic))
        for topic, found in sorted({**missing, **by_topic}.items())
    )


def _absent(
    declared: Declared | None, found: Collection[str], question: Question
) -> dict[str, list[PartitionLag]]:
    """Declared topics that do not exist; they are shown without partitions."""
    topics = declared.topics if declared else {}
    return {
        topic: []
        for topic in topics
        if topic not in found and (not question.topics or topic in question.topics)
    }


def _objective(declared: Declared | None, topic: str) -> LagObjective | None:
    own = declared.topics.get(topic) if declared else None
    return own.lag if own else None


def _judged(admin: KafkaAdmin, groups: list[GroupLag], now_ms: int) -> Iterable[GroupLag]:
    ages = {
        t.objective.max_age_ms
        for g in groups
        for t in g.topics
        if t.objective and t.objective.max_age_ms is not None
    }
    fresh = {age: _first_fresh(admin, groups, age, now_ms - age) for age in ages}
    for group in groups:
        yield replace(group, topics=tuple(_judge_topic(t, fresh) for t in group.topics))


def _first_fresh(
    admin: KafkaAdmin, groups: Iterable[GroupLag], age: int, moment: int
) -> dict[TopicPartition, int | None]:
    """The first offset not older than a moment, where an objective of that age has lag."""
    partitions = {
        TopicPartition(t.topic, p.partition)
        for g in groups
        for t in g.topics
        if t.objective and t.objective.max_age_ms == age
        for p in t.partitions
        if p.records
    }
    if not partitions:
        return {}
    answers = admin.offsets(partitions, max(0, moment))
    return {p: a.offset for p, a in answers.items() if not isinstance(a, Fault)}


def _judge_topic(
    topic: TopicLag, fresh: Mapping[int, Mapping[TopicPartition, int | None]]
) -> TopicLag:
    objective = topic.objective
    partitions = topic.partitions
    if objective and objective.max_age_ms is not None:
        known = fresh[objective.max_age_ms]
        partitions = tuple(_aged(topic.topic, p, known) for p in partitions)
    verdict, reason = judge(partitions, objective)
    return replace(topic, partitions=partitions, verdict=verdict, reason=reason)


def _aged(
    topic: str, lag: PartitionLag, known: Mapping[TopicPartition, int | None]
) -> PartitionLag:
    where = TopicPartition(topic, lag.partition)
    if lag.records and where not in known:
        return lag
    return replace(lag, overdue=is_overdue(lag, known.get(where)))
