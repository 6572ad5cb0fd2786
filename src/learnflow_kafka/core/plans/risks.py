"""What each change of a plan may cost, with its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.plans.desired import CLEANUP, MAX_RECORD, MIN_ISR
from learnflow_kafka.core.plans.facts import partitions_of
from learnflow_kafka.core.plans.plan import Loss, Risk, Severity
from learnflow_kafka.core.plans.policy import moving_share, percent, what_is_lost
from learnflow_kafka.core.plans.retention import (
    bytes_of,
    removed_by_age,
    removed_by_size,
    shortens,
    union,
    unmeasured,
)
from learnflow_kafka.core.units import approximate_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from learnflow_kafka.core.plans.changes import ConfigEdit
    from learnflow_kafka.core.plans.diff import TopicDiff
    from learnflow_kafka.core.plans.facts import Facts
    from learnflow_kafka.core.plans.retention import Cut


def alter_risks(
    edits: Iterable[ConfigEdit], diff: TopicDiff, cut: Cut | None, facts: Facts
) -> Iterator[Risk]:
    """The risks of editing a topic's configs."""
    if cut:
        yield _cut_risk(diff, cut, facts)
    for edit in edits:
        if edit.after is not None and edit.after == edit.effective:
            continue  # set to what holds anyway
        if edit.key == CLEANUP and edit.after is not None:
            yield from _cleanup_risks(edit)
        elif edit.key == MIN_ISR and edit.after is not None:
            yield from _min_isr_risks(edit, diff)
        elif edit.key == MAX_RECORD and edit.after is not None:
            yield from _max_record_risks(edit)
        elif edit.after is None:
            yield Risk(Severity.LOW, f"the cluster's own value of {edit.key} holds from then on")


def _cut_risk(diff: TopicDiff, cut: Cut, facts: Facts) -> Risk:
    removed = union(
        removed_by_age(diff.live, facts) if shortens(cut.before.ms, cut.target.ms) else (),
        removed_by_size(diff.live, facts, cut.target.bytes)
        if shortens(cut.before.bytes, cut.target.bytes)
        else (),
    )
    by_age = shortens(cut.before.ms, cut.target.ms)
    if by_age and unmeasured(diff.live, facts):
        return Risk(
            Severity.HIGH,
            "removes older records; how many was not checked: not every partition could be asked",
            removed,
            complete=False,
        )
    if not removed:
        return Risk(Severity.LOW, "a shorter life for its records; today none is that old or large")
    partitions = [*partitions_of(diff.live)]
    total = sum(facts.ends.get(tp, 0) - facts.starts.get(tp, 0) for tp in partitions)
    gone = sum(r.until - r.first for r in removed)
    size = bytes_of(diff.live, facts, removed)
    amount = "bytes not known" if size is None else f"about {approximate_size(size)}, estimated"
    return Risk(
        Severity.HIGH,
        f"removes up to {gone:,} of {total:,} records ({amount})",
        removed,
        size,
    )


def _cleanup_risks(edit: ConfigEdit) -> Iterator[Risk]:
    before = {part.strip() for part in (edit.effective or "delete").split(",")}
    after = {part.strip() for part in (edit.after or "delete").split(",")}
    if "compact" in after - before:
        yield Risk(
            Severity.HIGH,
            "compaction begins: of each key only the newest record stays, and records without "
            "a key are refused",
        )
    if "compact" in before - after:
        yield Risk(
            Severity.HIGH,
            "compaction ends: the newest record of a key is no longer kept for ever",
        )
    if "delete" in before - after:
        yield Risk(Severity.MEDIUM, "records are no longer removed by age or size: disks may fill")


def _min_isr_risks(edit: ConfigEdit, diff: TopicDiff) -> Iterator[Risk]:
    wanted, held = int(edit.after or 1), int(edit.effective or 1)
    fewest = min((len(p.replicas) for p in diff.live.partitions), default=1)
    if wanted == fewest > 1:
        yield Risk(
            Severity.HIGH,
            f"with {fewest} replicas, writes with acks=all stop as soon as one broker is down",
        )
    elif wanted < held:
        yield Risk(
            Severity.MEDIUM, f"a write counts as safe with {wanted} copies instead of {held}"
        )
    yield Risk(
        Severity.LOW,
        "where Kafka keeps eligible leader replicas (4.1 and later), the change clears this "
        "topic's",
    )


def _max_record_risks(edit: ConfigEdit) -> Iterator[Risk]:
    wanted = int(edit.after or 0)
    held = int(edit.effective) if edit.effective is not None else wanted
    if wanted < held:
        yield Risk(
            Severity.MEDIUM,
            f"records above {approximate_size(wanted)} are refused from now on; producers fail",
        )


def growth_risks(diff: TopicDiff) -> Iterator[Risk]:
    """The risks of adding partitions."""
    have, want = len(diff.live.partitions), diff.wanted.partitions
    if diff.wanted.keyed:
        yield Risk(
            Severity.HIGH,
            f"{percent(moving_share(have, want))} of its keys move: their older and newer "
            "records lie in different partitions (the catalog accepts that)",
        )
    yield Risk(
        Severity.LOW,
        "running clients find new partitions with their next metadata refresh, 5 minutes by "
        "default; the number can never be lowered",
    )


def commit_risks(topic: str, partitions: Iterable[int], facts: Facts) -> Iterator[Risk]:
    """What a group reads that is given offset 0."""
    waiting = sum(facts.ends.get(TopicPartition(topic, n), 0) for n in partitions)
    if waiting:
        yield Risk(Severity.LOW, f"the group will read the {waiting:,} records that are there")


def delete_risks(loss: Loss) -> Iterator[Risk]:
    """What deleting a topic destroys."""
    groups = f", and the places of {', '.join(loss.groups)}" if loss.groups else ""
    yield Risk(Severity.HIGH, f"{what_is_lost(loss)}{groups}; nothing brings them back")
