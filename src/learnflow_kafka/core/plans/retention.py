"""
How long records live, and what a shorter life removes.

Kafka removes whole segments, so every figure here is what may go at most; bytes are
estimated from the share of records.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.plans.desired import CLEANUP, RETENTION_BYTES, RETENTION_MS
from learnflow_kafka.core.plans.facts import partitions_of
from learnflow_kafka.core.units import FOREVER, MAX_LONG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from learnflow_kafka.core.observed import TopicState
    from learnflow_kafka.core.plans.diff import TopicDiff
    from learnflow_kafka.core.plans.facts import Facts

KEYS: Final = (RETENTION_MS, RETENTION_BYTES, CLEANUP)
"""The configs that decide when records go."""

_MINUTE: Final = 60_000


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long records are kept, in milliseconds and bytes a partition; -1: without end."""

    ms: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Removed:
    """Offsets of one partition that may go: from `first` up to, not including, `until`."""

    partition: int
    first: int
    until: int


@dataclass(frozen=True, slots=True)
class Cut:
    """
    A shorter life for a topic's records.

    `target` is what this apply sets, `final` what was declared; `later` counts the applies
    that remain in between.
    """

    before: Lifetime
    target: Lifetime
    final: Lifetime
    later: int = 0


def lifetime(configs: Mapping[str, str | None]) -> Lifetime:
    """
    The life of records under these effective configs.

    Where cleanup is by compaction alone, neither age nor size removes a record.
    """
    policies = {part.strip() for part in (configs.get(CLEANUP) or "delete").split(",")}
    if "delete" not in policies:
        return Lifetime(FOREVER, FOREVER)
    return Lifetime(_limit(configs.get(RETENTION_MS)), _limit(configs.get(RETENTION_BYTES)))


def _limit(text: str | None) -> int:
    # Kafka takes any huge number as a retention; -1 and the largest long are both forever.
    value = FOREVER if text is None else int(text)
    return FOREVER if value < 0 or value == MAX_LONG else value


def shortens(before: int, after: int) -> bool:
    """Whether the second limit is tighter than the first; -1 is no limit."""
    return after != FOREVER and (before == FOREVER or after < before)


def cut(
    diff: TopicDiff, after: Mapping[str, str | None], facts: Facts, limit_ms: int | None
) -> Cut | None:
    """
    The cut that the wanted configs make in the records' life, or None where they make none.

    `after` are the effective configs once all is as declared. `limit_ms` is the most that
    one apply may take off; from "forever" it counts from the age of the oldest record.
    """
    before = lifetime({key: diff.effective(key) for key in KEYS})
    final = lifetime(after)
    if not (shortens(before.ms, final.ms) or shortens(before.bytes, final.bytes)):
        return None
    if (
        limit_ms is None
        or not shortens(before.ms, final.ms)
        or RETENTION_MS not in (diff.wanted.config)
    ):
        return Cut(before, final, final)
    start = before.ms if before.ms != FOREVER else oldest_age(diff.live, facts)
    target = max(final.ms, start - limit_ms)
    later = -(-(target - final.ms) // limit_ms)
    return Cut(before, Lifetime(target, final.bytes), final, later)


def oldest_age(state: TopicState, facts: Facts) -> int:
    """
    The age of the oldest record in milliseconds, rounded up to minutes; 0 without records.

    A record whose time is not known counts as old as time itself.
    """
    ages = [
        facts.now_ms - (found.timestamp_ms or 0)
        for tp in partitions_of(state)
        if (found := facts.oldest.get(tp)) and found.offset is not None
    ]
    age = max(ages, default=0)
    return -(-max(age, 0) // _MINUTE) * _MINUTE


def removed_by_age(state: TopicState, facts: Facts) -> tuple[Removed, ...]:
    """What goes because it is older than the cut allows, by partition."""
    found = []
    for tp in partitions_of(state):
        if tp not in facts.kept or tp not in facts.starts or tp not in facts.ends:
            continue
        first, end = facts.starts[tp], facts.ends[tp]
        kept = facts.kept[tp]
        until = end if kept is None else min(kept, end)
        if until > first:
            found.append(Removed(tp.partition, first, until))
    return tuple(found)


def removed_by_size(state: TopicState, facts: Facts, limit: int) -> tuple[Removed, ...]:
    """What goes because the partition is larger than the limit; the offsets are estimated."""
    found = []
    for tp in partitions_of(state):
        size = facts.sizes.get(tp, 0)
        first, end = facts.starts.get(tp, 0), facts.ends.get(tp, 0)
        if limit == FOREVER or size <= limit or end <= first:
            continue
        gone = round((end - first) * (size - limit) / size)
        found.append(Removed(tp.partition, first, first + gone))
    return tuple(found)


def union(*parts: tuple[Removed, ...]) -> tuple[Removed, ...]:
    """For each partition the longest range: all of them begin at its first record."""
    longest: dict[int, Removed] = {}
    for removed in (r for part in parts for r in part):
        known = longest.get(removed.partition)
        if known is None or removed.until > known.until:
            longest[removed.partition] = removed
    return tuple(longest[number] for number in sorted(longest))


def bytes_of(state: TopicState, facts: Facts, removed: tuple[Removed, ...]) -> int | None:
    """Estimated bytes (of one replica) of the removed offsets; None: sizes are not known."""
    ranges = {r.partition: r for r in removed}
    total = 0.0
    for tp in partitions_of(state):
        if tp.partition not in ranges:
            continue
        if tp not in facts.sizes:
            return None
        gone = ranges[tp.partition]
        records = facts.ends[tp] - facts.starts[tp]
        total += facts.sizes[tp] * (gone.until - gone.first) / records if records else 0
    return round(total)


def unmeasured(state: TopicState, facts: Facts) -> bool:
    """Whether some partition could not be looked at, so that the figures are too small."""
    return any(
        tp not in facts.kept or tp not in facts.starts or tp not in facts.ends
        for tp in partitions_of(state)
    )
