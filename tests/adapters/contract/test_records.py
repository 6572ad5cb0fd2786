"""Records written and read back."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.partitioners import PARTITIONERS
from learnflow_kafka.core.ports import Fault, NewRecord, Written
from learnflow_kafka.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.backends import Backend


def produce(
    backend: Backend, records: Iterable[NewRecord], partitioner: str = "murmur2_random"
) -> list[Written | Fault]:
    """The results of writing the records."""
    return list(backend.data.produce(iter(records), partitioner=partitioner, timeout=10))


def full(seen: list[bytes | None], target: int) -> bool:
    """Whether so many records were read."""
    return len(seen) >= target


def test_a_record_comes_back_as_it_was(backend: Backend):
    """Key, value, headers, time and place survive; None and empty stay apart."""
    topic = backend.new_topic()
    headers = (("a", b"1"), ("none", None), ("a", b""))
    sent = NewRecord(topic, b"", b"key", headers, timestamp_ms=1234)
    assert produce(backend, [sent]) == [Written(topic, 0, 0)]
    at = TopicPartition(topic, 0)
    (found,) = backend.data.read({at: 0}, until={at: 1})

    assert (found.key, found.value, found.headers) == (b"key", b"", headers)
    assert (found.topic, found.partition, found.offset) == (topic, 0, 0)
    assert found.timestamp_ms == 1234


def test_a_tombstone_has_no_value(backend: Backend):
    """None is no value, and not an empty one."""
    topic = backend.new_topic()
    produce(backend, [NewRecord(topic, None, b"key")])
    at = TopicPartition(topic, 0)
    (found,) = backend.data.read({at: 0}, until={at: 1})

    assert found.value is None


def test_results_come_in_the_order_of_the_records(backend: Backend):
    """One result a record, in order, though each partition answers for itself."""
    topic = backend.new_topic(3)
    results = produce(backend, [NewRecord(topic, b"v", partition=n % 3) for n in range(300)])

    assert [r.partition for r in results if isinstance(r, Written)] == [n % 3 for n in range(300)]
    assert [r.offset for r in results if isinstance(r, Written)] == [n // 3 for n in range(300)]


@pytest.mark.parametrize("partitioner", sorted(PARTITIONERS))
def test_keys_land_where_the_partitioner_says(backend: Backend, partitioner: str):
    """Our three hashes choose the partitions that librdkafka chooses."""
    topic, keys = backend.new_topic(7), [b"", *(b"key-%d" % n for n in range(200))]
    results = produce(backend, [NewRecord(topic, b"v", key) for key in keys], partitioner)
    expected = [PARTITIONERS[partitioner](key, 7) for key in keys]

    assert [r.partition for r in results[1:] if isinstance(r, Written)] == expected[1:]


def test_a_record_that_is_too_large_is_refused_beside_others(backend: Backend):
    """The topic's own limit decides, and the record before is written."""
    topic = backend.new_topic(config={"max.message.bytes": "1000"})
    records = iter([NewRecord(topic, b"v"), NewRecord(topic, b"v" * 2000)])
    small, large = backend.data.produce(
        records, partitioner="murmur2_random", timeout=10, batch_bytes=1000
    )

    assert small == Written(topic, 0, 0)
    assert isinstance(large, Fault)
    assert large.code == "MESSAGE_TOO_LARGE"


def test_a_missing_topic_is_refused_and_not_created(backend: Backend):
    """A mistyped topic is a fault of its records, never a new topic."""
    name = backend.new_name("never")
    (refused,) = produce(backend, [NewRecord(name, b"v")])

    assert isinstance(refused, Fault)
    assert refused.code == "UNKNOWN_TOPIC_OR_PARTITION"
    assert name not in backend.admin.topics()


def test_a_missing_partition_is_refused(backend: Backend):
    """A partition that the topic does not have takes no record."""
    (refused,) = produce(backend, [NewRecord(backend.new_topic(), b"v", partition=9)])

    assert isinstance(refused, Fault)
    assert refused.code == "UNKNOWN_TOPIC_OR_PARTITION"


def test_reading_ends_before_the_until_offset(backend: Backend):
    """From a start (inclusive) to an end (exclusive), each partition by itself."""
    topic = backend.new_topic(2)
    for partition in (0, 1):
        backend.write(topic, *(b"%d" % n for n in range(10)), partition=partition)
    one, two = TopicPartition(topic, 0), TopicPartition(topic, 1)
    found = list(backend.data.read({one: 2, two: 8}, until={one: 5, two: 10}))

    assert sorted((r.partition, r.offset) for r in found) == [
        (0, 2), (0, 3), (0, 4), (1, 8), (1, 9)
    ]  # fmt: skip


def test_nothing_to_read_ends_at_once(backend: Backend):
    """An empty range gives nothing and does not wait."""
    at = TopicPartition(backend.new_topic(), 0)
    start = time.monotonic()

    assert list(backend.data.read({at: 0}, until={at: 0})) == []
    assert list(backend.data.read({}, until={})) == []
    assert time.monotonic() - start < 20


def test_reading_waits_for_records_to_come(backend: Backend):
    """Without an end, records that arrive later are read, until told to stop."""
    at = TopicPartition(backend.new_topic(), 0)
    backend.write(at.topic, b"first")
    seen: list[bytes | None] = []
    for record in backend.data.read({at: 0}, stop=lambda: len(seen) == 2):
        seen.append(record.value)
        if len(seen) == 1:
            backend.write(at.topic, b"second")

    assert seen == [b"first", b"second"]


def test_reading_stops_between_polls(backend: Backend):
    """Where nothing comes, `stop` still ends the reading."""
    at = TopicPartition(backend.new_topic(), 0)
    deadline = time.monotonic() + 0.3

    assert list(backend.data.read({at: 0}, stop=lambda: time.monotonic() > deadline)) == []
    assert time.monotonic() < deadline + 20


def test_a_start_beyond_the_end_is_an_error(backend: Backend):
    """An offset that does not exist yet is out of range, not a wait for ever."""
    at = TopicPartition(backend.new_topic(), 0)

    with pytest.raises(RequestError) as caught:
        list(backend.data.read({at: 100}, until={at: 101}))

    assert caught.value.code == "OFFSET_OUT_OF_RANGE"


def test_reading_leaves_no_group_behind(backend: Backend):
    """A reader without a group commits nothing and joins nothing."""
    at = TopicPartition(backend.new_topic(), 0)
    backend.write(at.topic, b"v")
    before = {g.name for g in backend.admin.groups()}
    list(backend.data.read({at: 0}, until={at: 1}))

    assert {g.name for g in backend.admin.groups()} == before


def test_a_group_goes_on_where_it_stopped(backend: Backend):
    """A group starts at the earliest, commits what was read, and goes on after it."""
    topic, group = backend.new_topic(), backend.new_name("group")
    backend.write(topic, b"a", b"b", b"c")
    seen: list[bytes | None] = []
    for target in (2, 3):
        read = backend.data.read_as_group(group, [topic], stop=partial(full, seen, target))
        seen.extend(record.value for record in read)

    assert seen == [b"a", b"b", b"c"]
    assert backend.admin.committed([group])[group] == {TopicPartition(topic, 0): 3}


def test_a_record_in_hand_is_not_committed(backend: Backend):
    """Whoever leaves in the middle of a record gets it again."""
    topic, group = backend.new_topic(), backend.new_name("group")
    backend.write(topic, b"a", b"b")
    reading = backend.data.read_as_group(group, [topic], stop=lambda: False)
    next(reading)
    next(reading)
    reading.close()  # type: ignore[attr-defined]

    assert backend.admin.committed([group])[group] == {TopicPartition(topic, 0): 1}
