"""Which offsets a reader wants."""

from __future__ import annotations

from learnflow_kafka.core.lag import Extent
from learnflow_kafka.core.observed import OffsetAt, Record, TopicPartition
from learnflow_kafka.core.reading import (
    FromBeginning,
    FromNow,
    FromOffset,
    newest,
    starts,
    starts_at_time,
    windows,
)

A, B, C = (TopicPartition("t", n) for n in range(3))
EXTENTS = {A: Extent(5, 10), B: Extent(0, 0), C: Extent(None, None)}


def at(partition: int, offset: int, moment: int | None) -> Record:
    """A record of that place and time."""
    return Record("t", partition, offset, moment, None, b"v")


def test_ends_and_offsets_choose_the_first_offset():
    """Each start is inside its partition; a partition without known ends is left out."""
    assert starts(FromBeginning(), EXTENTS) == {A: 5, B: 0}
    assert starts(FromNow(), EXTENTS) == {A: 10, B: 0}
    assert starts(FromOffset(3), EXTENTS) == {A: 5, B: 0}
    assert starts(FromOffset(7), EXTENTS) == {A: 7, B: 0}


def test_a_time_after_the_last_record_starts_at_the_end():
    """A partition whose records are all older begins at its end."""
    found = {A: OffsetAt(7, 1_000), B: OffsetAt(None)}

    assert starts_at_time(found, EXTENTS) == {A: 7, B: 0}


def test_windows_cover_the_last_offsets():
    """A window ends at the end and is no wider than the partition."""
    assert windows(EXTENTS, 2) == {A: (8, 10)}
    assert windows(EXTENTS, 50) == {A: (5, 10)}


def test_the_newest_are_chosen_over_all_partitions():
    """The newest by time come last; records without a time count as the oldest."""
    records = [at(0, 1, 10), at(0, 2, 30), at(1, 1, 20), at(2, 1, None)]

    assert [r.timestamp_ms for r in newest(records, 2)] == [20, 30]
    assert newest(records, 0) == []
    assert len(newest(records, 99)) == 4
