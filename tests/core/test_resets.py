"""Where a group's place is moved to."""

from __future__ import annotations

import pytest

from learnflow_kafka.core.lag import Extent
from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.resets import Move, ResetKind, ResetTo, move, parse_reset

HERE = TopicPartition("t", 0)


@pytest.mark.parametrize(
    ("text", "aim"),
    [
        ("earliest", ResetTo(ResetKind.EARLIEST)),
        ("latest", ResetTo(ResetKind.LATEST)),
        ("1200", ResetTo(ResetKind.OFFSET, 1200)),
        ("shift:-10", ResetTo(ResetKind.SHIFT, -10)),
        ("shift:+10", ResetTo(ResetKind.SHIFT, 10)),
        ("1970-01-01T00:00:01Z", ResetTo(ResetKind.TIME, 1_000)),
        ("10s", ResetTo(ResetKind.TIME, 50_000)),
    ],
)
def test_aims_are_read(text: str, aim: ResetTo):
    """Ends, offsets, shifts, times and durations ago are aims."""
    assert parse_reset(text, now_ms=60_000) == aim


@pytest.mark.parametrize("text", ["", "begin", "shift:x", "-5", "1.5"])
def test_other_words_are_refused_with_what_to_write(text: str):
    """What is no aim is refused with an example."""
    with pytest.raises(ValueError, match="shift:-10"):
        parse_reset(text, now_ms=0)


@pytest.mark.parametrize(
    ("aim", "before", "after", "bent"),
    [
        (ResetTo(ResetKind.EARLIEST), 50, 20, False),
        (ResetTo(ResetKind.LATEST), None, 100, False),
        (ResetTo(ResetKind.OFFSET, 60), None, 60, False),
        (ResetTo(ResetKind.OFFSET, 5), 50, 20, True),
        (ResetTo(ResetKind.OFFSET, 101), 50, 100, True),
        (ResetTo(ResetKind.SHIFT, -10), 50, 40, False),
        (ResetTo(ResetKind.SHIFT, -40), 50, 20, True),
        (ResetTo(ResetKind.SHIFT, 60), 50, 100, True),
    ],
)
def test_a_place_stays_inside_what_the_partition_holds(
    *, aim: ResetTo, before: int | None, after: int, bent: bool
):
    """A target outside the partition is moved to the nearest end, and says so."""
    moved = move(HERE, before, aim, Extent(20, 100))

    assert moved.after == after
    assert (moved.note is not None) == bent


def test_a_time_after_the_last_record_goes_to_the_end():
    """Where no record is so new, the place is the end; otherwise the found offset."""
    aim = ResetTo(ResetKind.TIME, 1)

    assert move(HERE, 3, aim, Extent(0, 9), at_time=4).after == 4
    assert move(HERE, 3, aim, Extent(0, 9)) == Move(HERE, 3, 9, "no record so new; goes to the end")


def test_what_cannot_be_moved_says_why():
    """A shift without a commit and a partition without known ends stay where they are."""
    shift = move(HERE, None, ResetTo(ResetKind.SHIFT, -1), Extent(0, 9))
    blind = move(HERE, 5, ResetTo(ResetKind.LATEST), Extent(0, None))

    assert (shift.after, shift.note) == (None, "no commit to shift from")
    assert blind.after is None
    assert not blind.changes
