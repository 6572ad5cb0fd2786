"""
Where a group's place is moved to: `earliest`, `latest`, an offset, a time, or a shift.

The result is always inside what the partition holds: a target outside is moved to the
nearest end and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from learnflow_kafka.core.moments import parse_moment

if TYPE_CHECKING:
    from learnflow_kafka.core.lag import Extent
    from learnflow_kafka.core.observed import TopicPartition

_SHIFT = "shift:"


class ResetKind(StrEnum):
    """What a reset aims at."""

    EARLIEST = "earliest"
    LATEST = "latest"
    OFFSET = "offset"
    TIME = "time"
    SHIFT = "shift"


@dataclass(frozen=True, slots=True)
class ResetTo:
    """A reset's aim; `number` is an offset, milliseconds since the epoch, or a distance."""

    kind: ResetKind
    number: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """
    One partition's move: from `before` (None: no commit) to `after`.

    `after` None: it cannot be moved, and `note` says why; otherwise `note` says what was
    bent, such as a target beyond the end.
    """

    where: TopicPartition
    before: int | None
    after: int | None
    note: str | None = None

    @property
    def changes(self) -> bool:
        """Whether carrying it out would commit another offset."""
        return self.after is not None and self.after != self.before


def parse_reset(text: str, *, now_ms: int) -> ResetTo:
    """
    What `--to` means.

    >>> parse_reset("shift:-10", now_ms=0)
    ResetTo(kind=<ResetKind.SHIFT: 'shift'>, number=-10)

    Raises ValueError, with what to write instead.
    """
    word = text.strip()
    if word in (ResetKind.EARLIEST, ResetKind.LATEST):
        return ResetTo(ResetKind(word))
    if word.isdecimal():
        return ResetTo(ResetKind.OFFSET, int(word))
    if word.startswith(_SHIFT):
        return ResetTo(ResetKind.SHIFT, _distance(word))
    try:
        return ResetTo(ResetKind.TIME, parse_moment(word, now_ms=now_ms))
    except ValueError:
        raise ValueError(
            f"{text!r} is no place to go; write earliest, latest, an offset such as 1200, "
            "shift:-10, a time such as 2026-11-23T10:00:00Z, or how long ago, such as 2h"
        ) from None


def _distance(word: str) -> int:
    try:
        return int(word.removeprefix(_SHIFT))
    except ValueError:
        raise ValueError(f"{word!r} is no shift; write shift:-10 or shift:+10") from None


def move(
    where: TopicPartition,
    before: int | None,
    to: ResetTo,
    extent: Extent,
    *,
    at_time: int | None = None,
) -> Move:
    """
    Where one partition's place goes.

    `at_time` is the first offset not older than the aim's time; None: every record is older,
    so the place is the end.
    """
    start, end = extent.start, extent.end
    if start is None or end is None:
        return Move(where, before, None, "the broker did not give the partition's offsets")
    match to.kind:
        case ResetKind.EARLIEST:
            return Move(where, before, start)
        case ResetKind.LATEST:
            return Move(where, before, end)
        case ResetKind.TIME:
            note = None if at_time is not None else "no record so new; goes to the end"
            return Move(where, before, end if at_time is None else at_time, note)
        case _:
            return _to_number(where, before, to, start, end)


def _to_number(
    where: TopicPartition, before: int | None, to: ResetTo, start: int, end: int
) -> Move:
    if to.kind is ResetKind.OFFSET:
        return _inside(where, before, to.number, start, end)
    if before is None:
        return Move(where, before, None, "no commit to shift from")
    return _inside(where, before, before + to.number, start, end)


def _inside(where: TopicPartition, before: int | None, aim: int, start: int, end: int) -> Move:
    if aim < start:
        return Move(where, before, start, f"{aim} is before the first record; goes to the start")
    if aim > end:
        return Move(where, before, end, f"{aim} is beyond the end; goes to the end")
    return Move(where, before, aim)
