"""
Which dead letters there are, which went back already, and how that is noted.

A letter that was written twice (its writer was killed before it could commit) is one letter
with two places. What went back is noted in one group's marks on the dead-letter partitions: an
offset before which nothing waits, and ranges after it that went back out of turn.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from learnflow_kafka.core.dead_letters import OURS, DeadLetter, parse
from learnflow_kafka.core.names import RESERVED_PREFIX
from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.ports import Mark, NewRecord
from learnflow_kafka.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from learnflow_kafka.core.observed import Record

SUFFIX: Final = ".dlt"
GROUP: Final = f"{RESERVED_PREFIX}replay"
"""The group whose marks say what went back."""

_FORMAT: Final = "1:"
_NOTE: Final = re.compile(r"1:\d+(-\d+)?(,\d+(-\d+)?)*")
_LONGEST_NOTE: Final = 4_000
"""Characters; brokers take 4,096 bytes (`offset.metadata.max.bytes`)."""


class Identity(NamedTuple):
    """Where the failing event stands, and for which group it failed."""

    group: str
    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.group}/{self.topic}/{self.partition}/{self.offset}"


def parse_identity(text: str) -> Identity:
    """
    An identity as `dlt list` shows it.

    >>> parse_identity("tutor/learning.query/2/17")
    Identity(group='tutor', topic='learning.query', partition=2, offset=17)

    Raises ValueError, with what to write instead.
    """
    parts = text.rsplit("/", 3)
    if len(parts) == len(Identity._fields) and all(parts):
        group, topic, partition, offset = parts
        if partition.isdecimal() and offset.isdecimal():
            return Identity(group, topic, int(partition), int(offset))
    raise ValueError(
        f"{text!r} is no dead letter's identity; write GROUP/TOPIC/PARTITION/OFFSET, "
        "such as tutor/learning.query/2/17"
    )


class Spot(NamedTuple):
    """One record in a dead-letter topic."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Letter:
    """
    One dead letter: what it says (without its stack), and every place where it stands.

    `replayed`: it went back to its source topic, and will not go again.
    """

    says: DeadLetter
    spots: tuple[Spot, ...]
    replayed: bool

    @property
    def identity(self) -> Identity:
        """Group, topic, partition and offset of the event that failed."""
        return Identity(*self.says.identity)

    @property
    def key(self) -> tuple[Identity, int]:
        """
        What copies of one letter share: its identity, and the time of the event.

        A source topic that was made anew counts its offsets from 0 again.
        """
        return self.identity, self.says.origin.timestamp_ms


@dataclass(frozen=True, slots=True)
class Box:
    """
    One dead-letter topic as it was read: its letters in the order of their first places.

    `strangers` counts records that are no dead letters; `ends` is the offset after the last
    record that was read, by partition.
    """

    topic: str
    letters: tuple[Letter, ...]
    strangers: int = 0
    ends: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which dead letters are meant; what is None or empty does not choose."""

    group: str | None = None
    topic: str | None = None
    since_ms: int | None = None
    identities: frozenset[Identity] = frozenset()

    def may_hold(self, dead_letter_topic: str) -> bool:
        """Whether letters that are meant can stand in a topic of this name."""
        groups = {i.group for i in self.identities} | ({self.group} if self.group else set())
        topics = {i.topic for i in self.identities} | ({self.topic} if self.topic else set())
        return (
            dead_letter_topic.endswith(SUFFIX)
            and (not groups or any(dead_letter_topic.endswith(f".{g}{SUFFIX}") for g in groups))
            and (not topics or any(dead_letter_topic.startswith(f"{t}.") for t in topics))
        )

    def means(self, letter: Letter) -> bool:
        """Whether the letter is meant."""
        says = letter.says
        return (
            self.group in {None, says.origin.group}
            and self.topic in {None, says.origin.topic}
            and (self.since_ms is None or says.failed_at_ms >= self.since_ms)
            and (not self.identities or letter.identity in self.identities)
        )


def sort_letters(topic: str, records: Iterable[Record], marks: Mapping[int, Mark]) -> Box:
    """
    The letters in a dead-letter topic's records; `marks` by partition.

    Raises RefusedError for a mark that this version cannot read.
    """
    gone = {partition: _Gone.of(topic, partition, mark) for partition, mark in marks.items()}
    found: dict[tuple[Identity, int], Letter] = {}
    strangers, ends = 0, dict[int, int]()
    for record in records:
        spot = Spot(record.partition, record.offset)
        ends[spot.partition] = spot.offset + 1
        says = parse(record.headers)
        if says is None:
            strangers += 1
            continue
        back = spot.partition in gone and gone[spot.partition].holds(spot.offset)
        letter = Letter(_without_stack(says), (spot,), back)
        earlier = found.get(letter.key)
        if earlier is None:
            found[letter.key] = letter
        else:
            found[letter.key] = replace(
                earlier, spots=(*earlier.spots, spot), replayed=earlier.replayed or back
            )
    return Box(topic, tuple(found.values()), strangers, ends)


def _without_stack(says: DeadLetter) -> DeadLetter:
    """A topic may hold a million letters: their stacks are read when one is shown."""
    return replace(says, failure=replace(says.failure, stack=""))


def returned(record: Record, says: DeadLetter, partitions: int) -> NewRecord:
    """
    The event as it is written back: its key, value and headers, to where it stood first.

    Its time is now, since an old one could fall to the topic's retention at once. Where the
    topic has lost the partition, the key chooses.
    """
    first = says.origin.partition
    return NewRecord(
        says.origin.topic,
        record.value,
        record.key,
        tuple((name, value) for name, value in record.headers if name not in OURS),
        first if first < partitions else None,
    )


class Ledger:
    """
    What went back from one box, as marks.

    An offset in a mark never passes a letter that waits, nor the last record that was read.
    """

    def __init__(self, box: Box) -> None:
        self._topic = box.topic
        self._ends = box.ends
        self._at = dict.fromkeys(box.ends, 0)
        self._done: dict[int, set[int]] = {partition: set() for partition in box.ends}
        self._offsets: dict[int, list[int]] = {partition: [] for partition in box.ends}
        for letter in box.letters:
            for spot in letter.spots:
                self._offsets[spot.partition].append(spot.offset)
                if letter.replayed:
                    self._done[spot.partition].add(spot.offset)
        for offsets in self._offsets.values():
            offsets.sort()

    def add(self, letters: Collection[Letter]) -> dict[TopicPartition, Mark]:
        """
        Note that these went back; the marks that changed.

        Raises RefusedError where letters went back so scattered that no mark can hold it.
        """
        touched = {spot.partition for letter in letters for spot in letter.spots}
        for letter in letters:
            for spot in letter.spots:
                self._done[spot.partition].add(spot.offset)
        return {TopicPartition(self._topic, p): self._mark(p) for p in sorted(touched)}

    def _mark(self, partition: int) -> Mark:
        offsets, done = self._offsets[partition], self._done[partition]
        at = self._at[partition]
        while at < len(offsets) and offsets[at] in done:
            done.discard(offsets[at])
            at += 1
        self._at[partition] = at
        if at == len(offsets):
            return Mark(self._ends[partition])
        return Mark(offsets[at], self._note(partition, offsets, sorted(done)))

    def _note(self, partition: int, offsets: Sequence[int], done: Sequence[int]) -> str:
        """The ranges of letters that went back out of turn, without a waiting one inside."""
        if not done:
            return ""
        ranges: list[list[int]] = []
        before = -1
        for offset in done:
            index = bisect_left(offsets, offset)
            if ranges and index == before + 1:
                ranges[-1][1] = offset
            else:
                ranges.append([offset, offset])
            before = index
        note = _FORMAT + ",".join(f"{a}-{b}" if a != b else str(a) for a, b in ranges)
        if len(note) > _LONGEST_NOTE:
            raise RefusedError(
                f"{len(ranges)} separate ranges of this partition would have gone back, more "
                "than its mark can hold",
                where=f"{self._topic}-{partition}",
                fix="replay the earlier ones as well: without --since and --identity",
            )
        return note


@dataclass(frozen=True, slots=True)
class _Gone:
    """What a mark says: everything before `offset` went back, and these ranges after it."""

    offset: int
    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, topic: str, partition: int, mark: Mark) -> _Gone:
        if not mark.note:
            return cls(mark.offset, ())
        if not _NOTE.fullmatch(mark.note):
            raise RefusedError(
                f"the mark of group {GROUP} has a note that this version cannot read",
                where=f"{topic}-{partition}",
                fix="use the version of learnflow that replayed last",
            )
        pairs = (text.partition("-") for text in mark.note.removeprefix(_FORMAT).split(","))
        return cls(mark.offset, tuple((int(a), int(b or a)) for a, _, b in pairs))

    def holds(self, offset: int) -> bool:
        """Whether what stands there went back."""
        if offset < self.offset:
            return True
        at = bisect_left(self.ranges, (offset + 1, -1)) - 1
        return at >= 0 and self.ranges[at][0] <= offset <= self.ranges[at][1]
