"""Writing and reading records for people: checked before they are sent, read without a group."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

from learnflow_kafka.app.lookup import allowed, extents, fault_error, find_topics, partitions_in
from learnflow_kafka.core.ports import Fault
from learnflow_kafka.core.reading import (
    FromBeginning,
    FromOffset,
    FromTime,
    Last,
    newest,
    starts,
    starts_at_time,
    windows,
)
from learnflow_kafka.core.records import BadLineError, batch_bytes
from learnflow_kafka.errors import RefusedError, RequestError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from learnflow_kafka.core.lag import Extent
    from learnflow_kafka.core.observed import OffsetAt, Record, TopicPartition, TopicState
    from learnflow_kafka.core.ports import KafkaAdmin, KafkaData, NewRecord, Written
    from learnflow_kafka.core.reading import Beginning

ACKNOWLEDGED_WITHIN: Final = 30.0
"""Seconds for the brokers to take one record."""
_MOST_WINDOWS: Final = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """
    What a topic takes.

    `record_bytes` None: this user may not read the topic's configs, so sizes are left to the
    broker.
    """

    topic: str
    partitions: int
    record_bytes: int | None


@dataclass(frozen=True, slots=True)
class Sent:
    """One record that the brokers keep, from one line (from 1) of the input."""

    line: int
    written: Written


@dataclass(frozen=True, slots=True)
class BadLine:
    """One line that was not written, and why; nothing of the record is quoted."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Good:
    """One line that could be written."""

    line: int


@dataclass(frozen=True, slots=True)
class Sending:
    """
    How lines are written.

    `parse` turns a line into a record or raises BadLineError; `check` says what is wrong with
    a record's event, or None. With `skip_bad` a bad line is reported and passed over;
    otherwise nothing after it is sent.
    """

    limits: Limits
    partitioner: str
    parse: Callable[[bytes], NewRecord]
    check: Callable[[NewRecord], str | None] = lambda _: None
    skip_bad: bool = False


def limits_of(admin: KafkaAdmin, topic: str) -> Limits:
    """What the topic takes; raises RequestError where there is no such topic."""
    state = find_topics(admin, [topic])[topic]
    configs = allowed(lambda: admin.topic_configs([topic]))
    answer = configs.get(topic) if configs else None
    value = None
    if answer is not None and not isinstance(answer, Fault) and "max.message.bytes" in answer:
        value = answer["max.message.bytes"].value
    return Limits(topic, len(state.partitions), int(value) if value else None)


def produce(data: KafkaData, lines: Iterable[bytes], sending: Sending) -> Iterator[Sent | BadLine]:
    """
    Check and write line by line; one event a line, in order among those written.

    Lines are read as they are sent, so that a pipe without end works. What was sent before a
    bad line is written; the events say what.
    """
    checked = _Checked(sending)
    results = data.produce(
        checked.records(lines),
        partitioner=sending.partitioner,
        timeout=ACKNOWLEDGED_WITHIN,
        batch_bytes=sending.limits.record_bytes,
    )
    for result in results:
        yield from checked.take_bad()
        line = checked.in_flight.popleft()
        if isinstance(result, Fault):
            checked.stopped = not sending.skip_bad
            yield BadLine(line, f"the broker refused it: {result}")
        else:
            yield Sent(line, result)
    yield from checked.take_bad()


def check_lines(lines: Iterable[bytes], sending: Sending) -> Iterator[Good | BadLine]:
    """As `produce`, without sending anything."""
    checked = _Checked(sending)
    for _ in checked.records(lines):
        yield from checked.take_bad()
        yield Good(checked.in_flight.popleft())
    yield from checked.take_bad()


def event_check(
    problems: Callable[[object], tuple[str, ...]],
) -> Callable[[NewRecord], str | None]:
    """
    A record's check, made of one for decoded values.

    A tombstone is no event, and is taken.
    """

    def check(record: NewRecord) -> str | None:
        if record.value is None:
            return None
        try:
            value = json.loads(record.value)
        except (ValueError, RecursionError):
            return "the value is no JSON, and the topic's event is"
        return "; ".join(problems(value)) or None

    return check


@dataclass(slots=True)
class _Checked:
    """The records of good lines, with the lines that wait for an answer and the bad ones."""

    sending: Sending
    in_flight: deque[int] = field(default_factory=deque)
    bad: deque[BadLine] = field(default_factory=deque)
    stopped: bool = False

    def records(self, lines: Iterable[bytes]) -> Iterator[NewRecord]:
        for number, line in enumerate(lines, start=1):
            if self.stopped:
                return
            try:
                record = self._record(line)
            except BadLineError as error:
                self.bad.append(BadLine(number, str(error)))
                if not self.sending.skip_bad:
                    return
                continue
            self.in_flight.append(number)
            yield record

    def take_bad(self) -> Iterator[BadLine]:
        while self.bad:
            yield self.bad.popleft()

    def _record(self, line: bytes) -> NewRecord:
        record = self.sending.parse(line)
        fault = _limit_fault(record, self.sending.limits) or self.sending.check(record)
        if fault:
            raise BadLineError(fault)
        return record


def _limit_fault(record: NewRecord, limits: Limits) -> str | None:
    if record.partition is not None and record.partition >= limits.partitions:
        return (
            f"there is no partition {record.partition}; "
            f"{limits.topic} has {limits.partitions}, counted from 0"
        )
    size = batch_bytes(record)
    if limits.record_bytes is not None and size > limits.record_bytes:
        return (
            f"the record takes {size:,} bytes; {limits.topic} takes at most "
            f"{limits.record_bytes:,} (max.message.bytes)"
        )
    return None


@dataclass(frozen=True, slots=True)
class Reading:
    """
    What to read.

    Without `follow` it ends at the ends that the partitions had at the beginning. `most`
    records at most; `partitions` None: all. `committed_only` hides what is not committed.
    """

    topics: tuple[str, ...]
    beginning: Beginning
    follow: bool = False
    most: int | None = None
    partitions: frozenset[int] | None = None
    committed_only: bool = True


def consume(
    admin: KafkaAdmin, data: KafkaData, reading: Reading, *, stop: Callable[[], bool]
) -> Iterator[Record]:
    """
    The records that were asked for, leaving no group behind.

    Raises RequestError where a topic does not exist or a partition has no leader.
    """
    ends = _readable(admin, reading)
    if isinstance(reading.beginning, Last):
        found = _last_then_follow(data, reading, reading.beginning.count, ends, stop)
    else:
        found = _from(admin, data, reading, ends, stop)
    return islice(found, reading.most)


def consume_as_group(
    admin: KafkaAdmin,
    data: KafkaData,
    group: str,
    reading: Reading,
    *,
    stop: Callable[[], bool],
) -> Iterator[Record]:
    """
    Records as a member of a group that keeps its place; one without a place begins at the first.

    Raises as `consume` does, and RefusedError where the beginning is asked for and the group is
    past it.
    """
    find_topics(admin, reading.topics)
    if isinstance(reading.beginning, FromBeginning):
        _require_no_place(admin, group, reading.topics)
    count = 0

    def enough() -> bool:
        return stop() or (reading.most is not None and count >= reading.most)

    # A record is committed when the next one is asked for: so ask once more, then stop.
    for record in data.read_as_group(group, reading.topics, stop=enough):
        if enough():
            return
        count += 1
        yield record


def _require_no_place(admin: KafkaAdmin, group: str, topics: Collection[str]) -> None:
    places = admin.committed([group]).get(group, {})
    if isinstance(places, Fault):
        raise fault_error(f"group {group}", places)
    known = sorted({p.topic for p in places} & {*topics})
    if known:
        only = " ".join(f"--topic {topic}" for topic in known)
        raise RefusedError(
            f"group {group} has a place in {', '.join(known)} already, and goes on from there",
            fix=f"learnflow groups reset {group} {only} --to earliest --execute; "
            "or leave --from-beginning out",
        )


def _readable(admin: KafkaAdmin, reading: Reading) -> dict[TopicPartition, Extent]:
    states = find_topics(admin, reading.topics)
    wanted = [p for p in partitions_in(states.values()) if _chosen(p, reading)]
    _require_partitions(reading, states)
    ends = extents(admin, wanted)
    dark = [str(p) for p, extent in ends.items() if extent.start is None or extent.end is None]
    if dark:
        raise RequestError(
            f"no broker gives the offsets of {', '.join(sorted(dark))}",
            code="LEADER_NOT_AVAILABLE",
            fix="see `learnflow verify`, or read the other partitions with --partition",
        )
    return ends


def _chosen(where: TopicPartition, reading: Reading) -> bool:
    return reading.partitions is None or where.partition in reading.partitions


def _require_partitions(reading: Reading, states: Mapping[str, TopicState]) -> None:
    for number in sorted(reading.partitions or ()):
        for name, state in states.items():
            if all(p.id != number for p in state.partitions):
                raise UsageError(
                    f"{name} has no partition {number}; it has {len(state.partitions)}, "
                    "counted from 0",
                    where="--partition",
                )


def _from(
    admin: KafkaAdmin,
    data: KafkaData,
    reading: Reading,
    ends: Mapping[TopicPartition, Extent],
    stop: Callable[[], bool],
) -> Iterator[Record]:
    match reading.beginning:
        case FromTime(moment):
            at = starts_at_time(_at_time(admin, ends, moment), ends)
        case Last():
            at = {}
        case other:
            if isinstance(other, FromOffset):
                _require_reached(other.offset, ends)
            at = starts(other, ends)
    if reading.follow:
        return data.read(at, committed_only=reading.committed_only, stop=stop)
    until = {p: end for p in at if (end := ends[p].end) is not None and at[p] < end}
    if not until:
        return iter(())
    return data.read(
        {p: at[p] for p in until}, until=until, committed_only=reading.committed_only, stop=stop
    )


def _require_reached(offset: int, ends: Mapping[TopicPartition, Extent]) -> None:
    """An offset that no partition has come to is mistyped: nothing would be read, in silence."""
    highest = max((e.end for e in ends.values() if e.end is not None), default=0)
    if offset > highest:
        topics = dict.fromkeys(where.topic for where in ends)
        raise RequestError(
            f"offset {offset} is beyond the end of every partition: the furthest ends at {highest}",
            code="OFFSET_OUT_OF_RANGE",
            where=", ".join(topics),
            fix=f"learnflow topics describe {' '.join(topics)}",
        )


def _at_time(
    admin: KafkaAdmin, ends: Mapping[TopicPartition, Extent], moment: int
) -> dict[TopicPartition, OffsetAt]:
    found = {}
    for where, answer in admin.offsets(list(ends), moment).items():
        if isinstance(answer, Fault):
            raise fault_error(str(where), answer)
        found[where] = answer
    return found


def _last_then_follow(
    data: KafkaData,
    reading: Reading,
    count: int,
    ends: Mapping[TopicPartition, Extent],
    stop: Callable[[], bool],
) -> Iterator[Record]:
    yield from _last(data, reading, count, ends, stop)
    if reading.follow:
        at = {p: extent.end for p, extent in ends.items() if extent.end is not None}
        yield from data.read(at, committed_only=reading.committed_only, stop=stop)


def _last(
    data: KafkaData,
    reading: Reading,
    count: int,
    ends: Mapping[TopicPartition, Extent],
    stop: Callable[[], bool],
) -> list[Record]:
    """The newest records; the window widens where compaction or transactions left gaps."""
    width = count
    for _ in range(_MOST_WINDOWS):
        wanted = windows(ends, width)
        if not wanted:
            return []
        found = list(
            data.read(
                {p: begin for p, (begin, _) in wanted.items()},
                until={p: end for p, (_, end) in wanted.items()},
                committed_only=reading.committed_only,
                stop=stop,
            )
        )
        whole = all(begin == ends[p].start for p, (begin, _) in wanted.items())
        if len(found) >= count or whole or stop():
            return newest(found, count)
        width *= 4
    return newest(found, count)
