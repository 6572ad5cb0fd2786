"""
What is refused, why, and what would let it go on.

A rule looks at one topic and answers with a `Blocked`, or None. A blocked topic is left
alone as a whole: no half of its changes is made.
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.catalog import NOWHERE
from learnflow_kafka.core.names import is_internal
from learnflow_kafka.core.plans.desired import MIN_ISR, RETENTION_MS
from learnflow_kafka.core.plans.plan import Blocked, Loss, Rule, Scope
from learnflow_kafka.core.plans.retention import lifetime, shortens
from learnflow_kafka.core.units import FOREVER, approximate_size, format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from learnflow_kafka.core.catalog import Place
    from learnflow_kafka.core.observed import TopicState
    from learnflow_kafka.core.plans.desired import Desired, DesiredTopic
    from learnflow_kafka.core.plans.diff import TopicDiff
    from learnflow_kafka.core.plans.facts import Facts

FRESH_MS: Final = 24 * 3_600_000
"""A topic that was written to within this time is not deleted unasked."""


def moving_share(before: int, after: int) -> Fraction:
    """
    The share of keys whose partition changes with the number of partitions.

    A hash h stays where `h % before == h % after`; that holds for min(before, after) of every
    lcm(before, after) neighbouring hashes, whatever the hash function.

    >>> moving_share(3, 6)
    Fraction(1, 2)
    """
    return 1 - Fraction(min(before, after), lcm(before, after))


def obstacles(diff: TopicDiff, desired: Desired, facts: Facts) -> Iterator[Blocked]:
    """Every rule that an existing topic breaks."""
    for rule in _RULES:
        blocked = rule(diff, desired, facts)
        if blocked:
            yield blocked


def follower(wanted: DesiredTopic) -> Blocked:
    """A dead letter or retry topic whose source is blocked: it would run ahead of it."""
    return Blocked(
        Rule.SOURCE_BLOCKED,
        wanted.name,
        f"its source {wanted.source} is blocked",
        f"a {wanted.origin} topic follows its source, and never goes ahead of it",
        f"settle what blocks {wanted.source}, then plan again",
        wanted.place,
    )


def unreadable(wanted: DesiredTopic) -> Blocked:
    """The topic's configs may not be read, so it cannot be compared."""
    return Blocked(
        Rule.UNREADABLE,
        wanted.name,
        "its configs cannot be read",
        "without them a plan would be a guess",
        "grant DescribeConfigs on the topic to this user, then plan again",
        wanted.place,
    )


def rejected(topic: str, detail: str, wanted: DesiredTopic | None) -> Blocked:
    """The broker, asked in advance, says that it would refuse."""
    return Blocked(
        Rule.BROKER_REJECTS,
        topic,
        f"the broker would refuse the change: {detail}",
        "it was asked with validate-only",
        "change the declaration, or what the broker names",
        *((wanted.place,) if wanted else ()),
    )


def _fewer_partitions(diff: TopicDiff, desired: Desired, facts: Facts) -> Blocked | None:  # noqa: ARG001 - one shape for all rules
    if not diff.shrinks:
        return None
    have, want = len(diff.live.partitions), diff.wanted.partitions
    return Blocked(
        Rule.FEWER_PARTITIONS,
        diff.wanted.name,
        f"it has {have} partitions and {want} are declared",
        "Kafka cannot take partitions away: only deleting the topic with its records would",
        f"declare partitions: {have}, or move to a new topic with {want}",
        diff.wanted.place,
    )


def _replication(diff: TopicDiff, desired: Desired, facts: Facts) -> Blocked | None:  # noqa: ARG001 - one shape for all rules
    if not diff.replication:
        return None
    have = " and ".join(map(str, diff.replication))
    want = diff.wanted.replication
    uneven = "its partitions have" if len(diff.replication) > 1 else "it has"
    return Blocked(
        Rule.REPLICATION,
        diff.wanted.name,
        f"{uneven} replication {have} and {want} is declared",
        "changing the replication of an existing topic moves its data between brokers; "
        "this version does not do that yet",
        f"declare the replication it has, or reassign with `learnflow kafka-tool "
        f"reassign-partitions` to {want} and plan again",
        diff.wanted.place,
    )


def _keys_move(diff: TopicDiff, desired: Desired, facts: Facts) -> Blocked | None:  # noqa: ARG001 - one shape for all rules
    wanted = diff.wanted
    if not (diff.grows and wanted.keyed) or wanted.accepts_key_movement:
        return None
    have = len(diff.live.partitions)
    return Blocked(
        Rule.KEYS_MOVE,
        wanted.name,
        f"{have} partitions would become {wanted.partitions}, and "
        f"{percent(moving_share(have, wanted.partitions))} of its keys would move",
        "records of a moved key lie in two partitions, so they are no longer read in order",
        "create a new topic with more partitions and cut over, or write "
        "accept: [key_movement] on the topic",
        wanted.place,
    )


def _group_reads(diff: TopicDiff, desired: Desired, facts: Facts) -> Blocked | None:
    wanted = diff.wanted
    groups = desired.latest.get(wanted.name, ()) if diff.grows else ()
    if hidden := [g for g in groups if g not in facts.groups or facts.groups[g].committed is None]:
        return Blocked(
            Rule.GROUP_UNKNOWN,
            wanted.name,
            f"partitions cannot be added: where group {_names(hidden)} stands is not known",
            "it starts at latest, so it would skip what arrives in new partitions before it "
            "finds them",
            "grant Describe on the group to this user, then plan again",
            wanted.place,
        )
    if active := [g for g in groups if facts.groups[g].active]:
        return Blocked(
            Rule.GROUP_READS,
            wanted.name,
            f"partitions cannot be added while group {_names(active)} is active",
            "it starts at latest, so it would skip what arrives in new partitions before it "
            "finds them, and Kafka takes no offset from others while it is active",
            f"stop the consumers of {_names(active)}, or declare start: earliest and plan again",
            wanted.place,
        )
    return None


def _min_isr(diff: TopicDiff, desired: Desired, facts: Facts) -> Blocked | None:  # noqa: ARG001 - one shape for all rules
    edit = diff.edit(MIN_ISR)
    fewest = min((len(p.replicas) for p in diff.live.partitions), default=0)
    if not edit or edit.after is None or int(edit.after) <= fewest:
        return None
    if diff.replication:
        return None  # the replication is blocked already, and is why this does not fit
    return Blocked(
        Rule.MIN_ISR,
        diff.wanted.name,
        f"{MIN_ISR} {edit.after} is declared and the topic has {fewest} "
        f"replica{'' if fewest == 1 else 's'}",
        "no write with acks=all could ever succeed",
        f"declare {MIN_ISR} of at most {fewest}",
        diff.wanted.place,
    )


def _prune_cuts(diff: TopicDiff, desired: Desired, facts: Facts) -> Blocked | None:
    """Removing a retention nobody declared may cut far more than the policy allows at once."""
    limit = desired.policy.max_retention_cut_ms
    own = diff.undeclared.get(RETENTION_MS)
    if not diff.wanted.prune or limit is None or own is None or RETENTION_MS not in facts.defaults:
        return None
    before = lifetime({RETENTION_MS: own}).ms
    after = lifetime({RETENTION_MS: facts.defaults[RETENTION_MS]}).ms
    if not shortens(before, after) or (before != FOREVER and before - after <= limit):
        return None
    return Blocked(
        Rule.PRUNE_CUTS,
        diff.wanted.name,
        f"prune would remove retention.ms {format_duration(before)}, and the broker's "
        f"{format_duration(after)} would hold",
        f"the policy allows one apply to cut at most {format_duration(limit)}",
        "declare the topic's retention; it is then lowered step by step",
        diff.wanted.place,
    )


_RULES: Final[tuple[Callable[[TopicDiff, Desired, Facts], Blocked | None], ...]] = (
    _fewer_partitions,
    _replication,
    _keys_move,
    _group_reads,
    _min_isr,
    _prune_cuts,
)


def delete_obstacles(
    live: TopicState, loss: Loss, scope: Scope, now_ms: int, place: Place = NOWHERE
) -> Iterator[Blocked]:
    """Every reason not to delete a topic that was named for it; `place` is its tombstone's."""
    name = live.name
    if (live.internal or is_internal(name)) and name not in scope.allow_internal:
        yield Blocked(
            Rule.DELETE_INTERNAL,
            name,
            "it is an internal topic",
            "Kafka, a schema registry, Connect or Kafka Streams keeps its own state there",
            f"if you are certain, add --allow-internal {name}",
            place,
        )
    if name in scope.delete_anyway:
        return
    anyway = f"add --delete-anyway {name}"
    if loss.active:
        yield Blocked(
            Rule.DELETE_IN_USE,
            name,
            f"group {_names(loss.active)} is active on it",
            "its consumers would fail",
            f"stop them, or {anyway}",
            place,
        )
    if loss.unknown or loss.records is None:
        unseen = f"group {_names(loss.unknown)}" if loss.unknown else "its records"
        yield Blocked(
            Rule.DELETE_UNKNOWN,
            name,
            f"this user may not look at {unseen}",
            "whether it is in use, and what would be lost, is not known",
            f"grant Describe, or {anyway}",
            place,
        )
    if loss.last_write_ms is not None and now_ms - loss.last_write_ms < FRESH_MS:
        yield Blocked(
            Rule.DELETE_FRESH,
            name,
            f"it was written to {ago(now_ms - loss.last_write_ms)}",
            "somebody still produces to it",
            f"stop the producers and wait a day, or {anyway}",
            place,
        )


def what_is_lost(loss: Loss) -> str:
    """The loss in one sentence's words."""
    records = "an unknown number of" if loss.records is None else f"{loss.records:,}"
    size = "" if loss.bytes is None else f" ({approximate_size(loss.bytes)} on one replica)"
    return f"removes {records} records{size}"


def percent(share: Fraction) -> str:
    """
    A share as people write it; exact where two decimals suffice.

    >>> percent(Fraction(1, 2)), percent(Fraction(2, 3))
    ('50 %', '66.67 %')
    """
    return f"{round(float(share * 100), 2):g} %"


def ago(ms: int) -> str:
    """
    How long ago, to the minute.

    >>> ago(3_720_000)
    '1h2m ago'
    """
    minutes = max(ms, 0) // 60_000
    return f"{format_duration(minutes * 60_000)} ago" if minutes else "less than a minute ago"


def _names(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names)
