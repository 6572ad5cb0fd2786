"""Writing and reading records, on Kafka in memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

import pytest

from learnflow_kafka.adapters.memory import MemoryKafka, Right
from learnflow_kafka.app.records import (
    BadLine,
    Reading,
    Sending,
    Sent,
    consume,
    consume_as_group,
    limits_of,
    produce,
)
from learnflow_kafka.core.ports import NewRecord
from learnflow_kafka.core.reading import FromBeginning, FromNow, FromOffset, FromTime, Last
from learnflow_kafka.core.records import LineRules, from_json, from_text
from learnflow_kafka.errors import RequestError, UsageError

LINES = LineRules("orders")


@pytest.fixture
def kafka() -> MemoryKafka:
    """`orders` with two partitions and a small record limit, `other` with one."""
    made = MemoryKafka(1)
    made.put_topic("orders", 2, config={"max.message.bytes": "200"})
    made.put_topic("other")
    return made


def send(
    kafka: MemoryKafka,
    lines: Iterable[bytes],
    *,
    skip_bad: bool = False,
    check: Callable[[NewRecord], str | None] = lambda _: None,
) -> list[Sent | BadLine]:
    """Produce lines of text to `orders`."""
    sending = Sending(
        limits_of(kafka, "orders"),
        "murmur2_random",
        lambda line: from_text(line, LINES),
        check,
        skip_bad=skip_bad,
    )
    return list(produce(kafka, lines, sending))


def fill(kafka: MemoryKafka, topic: str, *stamps: int, partition: int = 0) -> None:
    """Write one record a timestamp; its value is the timestamp."""
    records = (
        NewRecord(topic, str(t).encode(), partition=partition, timestamp_ms=t) for t in stamps
    )
    list(kafka.produce(records, partitioner="murmur2_random", timeout=1))


def values(kafka: MemoryKafka, reading: Reading) -> list[bytes | None]:
    """The values that a reading gives."""
    return [r.value for r in consume(kafka, kafka, reading, stop=lambda: False)]


def test_every_line_is_written_once_in_order(kafka: MemoryKafka):
    """Good lines give one event each, with the place of the record."""
    events = send(kafka, [b"a", b"", b"c"])

    assert [e.line for e in events] == [1, 2, 3]
    assert all(isinstance(e, Sent) for e in events)


def test_a_bad_line_stops_what_comes_after(kafka: MemoryKafka):
    """What came before is written, the bad line is named, nothing after it is read."""
    unread = iter([b"ok", b"x" * 200, b"never"])
    events = send(kafka, unread)

    assert [type(e) for e in events] == [Sent, BadLine]
    assert next(unread) == b"never"


def test_bad_lines_can_be_passed_over(kafka: MemoryKafka):
    """With skip_bad each bad line is reported and the rest is written."""
    events = send(kafka, [b"x" * 200, b"ok", b"y" * 200], skip_bad=True)

    assert {e.line for e in events if isinstance(e, BadLine)} == {1, 3}
    assert [e.line for e in events if isinstance(e, Sent)] == [2]


def test_too_large_is_said_before_sending(kafka: MemoryKafka):
    """A record one byte over the limit is never sent; one at the limit is written."""
    fits = 200 - 61 - 2 - 3 - 1 - 2 - 1
    kafka.requests.clear()
    events = send(kafka, [b"x" * (fits + 1)])

    assert isinstance(events[0], BadLine)
    assert events[0].reason.startswith("the record takes 201 bytes; orders takes at most 200")
    assert not [r for r in kafka.requests if r.api == "Produce"]


def test_a_check_of_the_event_refuses_a_line(kafka: MemoryKafka):
    """What the event's schema refuses is a bad line with the schema's reason."""
    events = send(kafka, [b"{}"], check=lambda _: "field 'student' is missing")

    assert events == [BadLine(1, "field 'student' is missing")]


def test_an_unknown_partition_is_a_bad_line(kafka: MemoryKafka):
    """A partition that the topic does not have is refused before sending."""
    sending = Sending(
        limits_of(kafka, "orders"), "murmur2_random", lambda line: from_json(line, LINES)
    )
    events = list(produce(kafka, [b'{"value": "v", "partition": 2}'], sending))

    assert events == [BadLine(1, "there is no partition 2; orders has 2, counted from 0")]


def test_without_the_right_to_read_configs_the_broker_judges_sizes(kafka: MemoryKafka):
    """A limit that may not be read is unknown; the broker's refusal becomes a bad line."""
    kafka.grant(Right.DESCRIBE, Right.WRITE)
    (event,) = send(kafka, [b"x" * 300])

    assert limits_of(kafka, "orders").record_bytes is None
    assert isinstance(event, BadLine)
    assert "MESSAGE_TOO_LARGE" in event.reason


def test_an_unknown_topic_is_never_made(kafka: MemoryKafka):
    """Writing and reading refuse an unknown topic and suggest the nearest."""
    reading = Reading(("order",), FromBeginning())

    with pytest.raises(RequestError, match="did you mean 'orders'"):
        limits_of(kafka, "order")
    with pytest.raises(RequestError, match="did you mean 'orders'"):
        values(kafka, reading)
    assert "order" not in kafka.topics()


def test_reading_from_the_beginning_ends_at_the_end(kafka: MemoryKafka):
    """All records of all topics are read once, and no group is left behind."""
    fill(kafka, "orders", 1, 2)
    fill(kafka, "orders", 3, partition=1)
    fill(kafka, "other", 4)
    found = values(kafka, Reading(("orders", "other"), FromBeginning()))

    assert sorted(v or b"" for v in found) == [b"1", b"2", b"3", b"4"]
    assert not kafka.groups()


def test_an_empty_topic_ends_at_once(kafka: MemoryKafka):
    """Nothing to read is an empty answer, not a wait."""
    assert values(kafka, Reading(("orders",), FromBeginning())) == []
    assert values(kafka, Reading(("orders",), Last(5))) == []
    assert values(kafka, Reading(("orders",), FromNow())) == []


def test_reading_starts_at_a_time_or_an_offset(kafka: MemoryKafka):
    """Records before the moment, or before the offset, are left out."""
    fill(kafka, "other", 10, 20, 30)

    assert values(kafka, Reading(("other",), FromTime(20))) == [b"20", b"30"]
    assert values(kafka, Reading(("other",), FromTime(31))) == []
    assert values(kafka, Reading(("other",), FromOffset(2))) == [b"30"]


def test_an_offset_that_no_partition_has_come_to_is_an_error(kafka: MemoryKafka):
    """It was mistyped; the next offset is none, since a record may get it."""
    fill(kafka, "other", 10, 20, 30)

    assert values(kafka, Reading(("other",), FromOffset(3))) == []
    for follow in (False, True):
        with pytest.raises(RequestError, match=r"offset 4 is beyond .* the furthest ends at 3"):
            values(kafka, Reading(("other",), FromOffset(4), follow=follow))


def test_the_last_records_are_the_newest_of_all_partitions(kafka: MemoryKafka):
    """`Last(n)` counts over partitions and shows the oldest of them first."""
    fill(kafka, "orders", 10, 40)
    fill(kafka, "orders", 20, 30, partition=1)

    assert values(kafka, Reading(("orders",), Last(3))) == [b"20", b"30", b"40"]
    assert values(kafka, Reading(("orders",), Last(99))) == [b"10", b"20", b"30", b"40"]


def test_partitions_and_counts_limit_a_reading(kafka: MemoryKafka):
    """Only chosen partitions are read, and no more records than wanted."""
    fill(kafka, "orders", 1, 2)
    fill(kafka, "orders", 3, partition=1)
    only = Reading(("orders",), FromBeginning(), partitions=frozenset({1}))

    assert values(kafka, only) == [b"3"]
    assert len(values(kafka, Reading(("orders",), FromBeginning(), most=2))) == 2
    with pytest.raises(UsageError, match="has no partition 7"):
        values(kafka, Reading(("orders",), FromBeginning(), partitions=frozenset({7})))


def test_following_goes_on_until_told_to_stop(kafka: MemoryKafka):
    """Records that arrive later are read too; `most` or `stop` ends it."""
    fill(kafka, "other", 1)
    asked = itertools.count()

    def stop() -> bool:
        if next(asked) == 2:
            fill(kafka, "other", 2)
        return False

    reading = Reading(("other",), Last(1), follow=True, most=2)
    found = list(consume(kafka, kafka, reading, stop=stop))

    assert [r.value for r in found] == [b"1", b"2"]


def test_a_partition_without_a_leader_is_an_error(kafka: MemoryKafka):
    """What cannot be read is named, and never taken for empty."""
    kafka.stop_broker(1)

    with pytest.raises(RequestError, match="other-0"):
        values(kafka, Reading(("other",), FromBeginning()))


def test_a_named_group_keeps_its_place(kafka: MemoryKafka):
    """Only a named group commits; the next reading goes on behind it."""
    fill(kafka, "other", 1, 2, 3)

    def read(most: int) -> Iterator[bytes | None]:
        reading = Reading(("other",), FromNow(), follow=True, most=most)
        found = consume_as_group(kafka, kafka, "mine", reading, stop=lambda: False)
        return (r.value for r in found)

    first = list(read(2))

    assert first == [b"1", b"2"]
    assert [g.name for g in kafka.groups()] == ["mine"]
