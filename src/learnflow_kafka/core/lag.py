"""
How far groups are behind: arithmetic on offsets that never guesses.

Offsets are "next offset" values, so lag = end - committed. What cannot be said is a status of
its own and never a number: no zero for "unknown", no clamp for "impossible". Whoever reads
offsets must read the commits first and the ends second: then lag can be a little too high,
and never negative.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from learnflow_kafka.core.catalog import Start
from learnflow_kafka.core.text import counted

if TYPE_CHECKING:
    from learnflow_kafka.core.catalog import LagObjective
    from learnflow_kafka.core.observed import GroupProtocol, GroupState


class LagStatus(StrEnum):
    """What is known of a group's place in one partition."""

    KNOWN = "known"
    NO_COMMIT = "no commit"
    """The group has no place here; its lag follows from where it would start."""
    LOST = "records lost"
    """The place is before the first record: what was between was removed unread."""
    BEYOND_END = "beyond end"
    """The place is after the end: the topic was recreated, or records were truncated."""
    NO_END = "end unknown"
    """The broker did not give the partition's end."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The first offset still there and the next to be written; None: not known."""

    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """
    One group's place in one partition.

    `records` None: cannot be said (`status` says why). `lost` counts offsets that were
    removed before the group read them. `overdue` tells whether an unread record is older
    than the objective allows; None: not asked, or not known.
    """

    partition: int
    committed: int | None
    start: int | None
    end: int | None
    status: LagStatus
    records: int | None
    lost: int = 0
    overdue: bool | None = None
    member: str | None = None


class Verdict(StrEnum):
    """How a group stands against its declared objective."""

    NONE = "no objective"
    MET = "met"
    BROKEN = "broken"
    UNKNOWN = "not checked"


@dataclass(frozen=True, slots=True)
class TopicLag:
    """One group on one topic, and its objective where the catalog declares one."""

    group: str
    topic: str
    partitions: tuple[PartitionLag, ...]
    objective: LagObjective | None = None
    verdict: Verdict = Verdict.NONE
    reason: str | None = None

    @property
    def records(self) -> int | None:
        """Records behind, over the partitions where that is known; None where nowhere."""
        known = [p.records for p in self.partitions if p.records is not None]
        return sum(known) if known else None

    @property
    def unknown(self) -> int:
        """Partitions whose lag cannot be said."""
        return sum(p.records is None for p in self.partitions)


@dataclass(frozen=True, slots=True)
class GroupLag:
    """
    One group and its topics; `fault`: why its offsets could not be read.

    `state` and `protocol` are as the coordinator lists them; a declared group that never
    ran is `Dead`. `service` is the declared owner of the group.
    """

    group: str
    state: GroupState
    protocol: GroupProtocol
    topics: tuple[TopicLag, ...] = ()
    service: str | None = None
    fault: str | None = None

    @property
    def records(self) -> int | None:
        """Records behind, over all topics where that is known; None where nowhere."""
        known = [t.records for t in self.topics if t.records is not None]
        return sum(known) if known else None


@dataclass(frozen=True, slots=True)
class LagReport:
    """All groups that were asked for."""

    groups: tuple[GroupLag, ...]

    def verdicts(self, verdict: Verdict) -> tuple[TopicLag, ...]:
        """The topics of groups that stand so against their objective."""
        return tuple(t for g in self.groups for t in g.topics if t.verdict is verdict)

    @property
    def within_objectives(self) -> bool:
        """Whether no objective is broken and none was left unchecked."""
        return not self.verdicts(Verdict.BROKEN) and not self.verdicts(Verdict.UNKNOWN)


def partition_lag(
    partition: int, committed: int | None, extent: Extent, *, start_policy: Start | None = None
) -> PartitionLag:
    """
    A group's lag in one partition.

    `start_policy` is where the group begins without a commit; None: nobody declared it, so a
    partition without a commit has no lag that could be told.
    """
    status, records, lost = _measure(committed, extent, start_policy)
    return PartitionLag(partition, committed, extent.start, extent.end, status, records, lost=lost)


def _measure(
    committed: int | None, extent: Extent, policy: Start | None
) -> tuple[LagStatus, int | None, int]:
    start, end = extent.start, extent.end
    if end is None:
        return LagStatus.NO_END, None, 0
    if committed is None:
        return LagStatus.NO_COMMIT, _from_policy(start, end, policy), 0
    if committed > end:
        return LagStatus.BEYOND_END, None, 0
    if start is not None and committed < start:
        return LagStatus.LOST, end - start, start - committed
    return LagStatus.KNOWN, end - committed, 0


def _from_policy(start: int | None, end: int, policy: Start | None) -> int | None:
    if policy is Start.LATEST:
        return 0
    if policy is Start.EARLIEST and start is not None:
        return end - start
    return None


def is_overdue(lag: PartitionLag, first_fresh: int | None) -> bool | None:
    """
    Whether a record that waits in the partition is older than some moment.

    `first_fresh` is the first offset whose record is not older than that moment; None: every
    record is older. Exact where timestamps grow with offsets. None: cannot be said.
    """
    if lag.records is None or lag.end is None:
        return None
    if lag.records == 0:
        return False
    place = lag.end - lag.records
    return first_fresh is None or place < first_fresh


def judge(
    partitions: tuple[PartitionLag, ...], objective: LagObjective | None
) -> tuple[Verdict, str | None]:
    """The verdict over a topic's partitions, and the reason in words where it is not `met`."""
    if objective is None:
        return Verdict.NONE, None
    broken = _breaches(partitions, objective)
    if broken:
        return Verdict.BROKEN, "; ".join(broken)
    unknown = [p.partition for p in partitions if p.records is None]
    if not partitions:
        return Verdict.UNKNOWN, "the topic has no partitions that could be read"
    if unknown:
        return Verdict.UNKNOWN, f"lag not known on partitions {', '.join(map(str, unknown))}"
    if objective.max_age_ms is not None and any(p.overdue is None for p in partitions):
        return Verdict.UNKNOWN, "the age of the oldest unread record is not known"
    return Verdict.MET, None


def _breaches(partitions: tuple[PartitionLag, ...], objective: LagObjective) -> list[str]:
    broken = []
    total = sum(p.records or 0 for p in partitions)
    if objective.max_records is not None and total > objective.max_records:
        broken.append(f"{counted(total, 'record')} behind, at most {objective.max_records} allowed")
    late = [p.partition for p in partitions if p.overdue]
    if late:
        broken.append(f"unread records too old on partitions {', '.join(map(str, late))}")
    return broken
