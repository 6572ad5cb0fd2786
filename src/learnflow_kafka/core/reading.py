"""Which offsets a reader wants: from the beginning, from a time, the last few, from now on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from learnflow_kafka.core.lag import Extent
    from learnflow_kafka.core.observed import OffsetAt, Record, TopicPartition


@dataclass(frozen=True, slots=True)
class FromBeginning:
    """Every record that is still there."""


@dataclass(frozen=True, slots=True)
class FromNow:
    """Records that arrive from now on."""


@dataclass(frozen=True, slots=True)
class FromTime:
    """Records not older than a moment, in milliseconds since the epoch."""

    moment_ms: int


@dataclass(frozen=True, slots=True)
class FromOffset:
    """Records from one offset on, in each partition that is read."""

    offset: int


@dataclass(frozen=True, slots=True)
class Last:
    """The newest records, over all partitions together."""

    count: int


Beginning = FromBeginning | FromNow | FromTime | FromOffset | Last


def starts(
    wanted: FromBeginning | FromNow | FromOffset, extents: Mapping[TopicPartition, Extent]
) -> dict[TopicPartition, int]:
    """The first offset to read in each partition whose ends are known."""
    found = {}
    for where, extent in extents.items():
        if extent.start is None or extent.end is None:
            continue
        match wanted:
            case FromBeginning():
                found[where] = extent.start
            case FromNow():
                found[where] = extent.end
            case FromOffset(offset):
                found[where] = min(max(offset, extent.start), extent.end)
    return found


def starts_at_time(
    at: Mapping[TopicPartition, OffsetAt], extents: Mapping[TopicPartition, Extent]
) -> dict[TopicPartition, int]:
    """As `starts`, where each partition begins at the first record not older than a time."""
    found = {}
    for where, answer in at.items():
        end = extents[where].end
        offset = answer.offset if answer.offset is not None else end
        if offset is not None:
            found[where] = offset
    return found


def windows(
    extents: Mapping[TopicPartition, Extent], width: int
) -> dict[TopicPartition, tuple[int, int]]:
    """The last `width` offsets of each partition, as (from, until); empty ones left out."""
    found = {}
    for where, extent in extents.items():
        if extent.start is None or extent.end is None or extent.start >= extent.end:
            continue
        found[where] = (max(extent.start, extent.end - width), extent.end)
    return found


def newest(records: Iterable[Record], count: int) -> list[Record]:
    """
    The newest `count` records, oldest first; order within each partition is kept.

    Ties, and partitions whose clocks differ, keep the order of partition and offset.
    """
    ordered = sorted(records, key=_age)
    return ordered[-count:] if count else []


def _age(record: Record) -> tuple[int, str, int, int]:
    moment = -1 if record.timestamp_ms is None else record.timestamp_ms
    return moment, record.topic, record.partition, record.offset
