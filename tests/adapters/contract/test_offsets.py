"""Offsets of partitions, at their ends and by time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learnflow_kafka.core.observed import OffsetAt, TopicPartition
from learnflow_kafka.core.ports import Edge, Fault, NewRecord

if TYPE_CHECKING:
    from tests.support.backends import Backend


def stamped(backend: Backend, *times: int) -> TopicPartition:
    """A partition with one record for each time."""
    topic = backend.new_topic()
    records = (NewRecord(topic, b"v", partition=0, timestamp_ms=t) for t in times)
    results = list(backend.data.produce(records, partitioner="murmur2_random", timeout=10))
    assert not any(isinstance(r, Fault) for r in results)
    return TopicPartition(topic, 0)


def test_both_ends_of_a_partition(backend: Backend):
    """The earliest offset is that of the first record, the latest that of the next."""
    at = TopicPartition(backend.new_topic(), 0)
    backend.write(at.topic, b"a", b"b", b"c")

    assert backend.admin.offsets([at], Edge.EARLIEST) == {at: OffsetAt(0)}
    assert backend.admin.offsets([at], Edge.LATEST) == {at: OffsetAt(3)}


def test_an_empty_partition_ends_where_it_starts(backend: Backend):
    """Without records both ends are 0, and there is no newest record."""
    at = TopicPartition(backend.new_topic(), 0)

    assert backend.admin.offsets([at], Edge.EARLIEST) == {at: OffsetAt(0)}
    assert backend.admin.offsets([at], Edge.LATEST) == {at: OffsetAt(0)}
    assert backend.admin.offsets([at], Edge.NEWEST) == {at: OffsetAt(None)}


def test_the_first_record_not_older_than_a_time(backend: Backend):
    """A time finds the first record at or after it, or nothing."""
    at = stamped(backend, 1000, 2000, 3000)

    assert backend.admin.offsets([at], 2000) == {at: OffsetAt(1, 2000)}
    assert backend.admin.offsets([at], 2001) == {at: OffsetAt(2, 3000)}
    assert backend.admin.offsets([at], 3001) == {at: OffsetAt(None)}


def test_the_newest_record_is_found_by_its_time(backend: Backend):
    """The newest timestamp need not be the last record's."""
    at = stamped(backend, 1000, 9000, 3000)

    assert backend.admin.offsets([at], Edge.NEWEST) == {at: OffsetAt(1, 9000)}


def test_unknown_partitions_are_faults_beside_the_others(backend: Backend):
    """A missing partition and a missing topic do not hide the one that is there."""
    here = TopicPartition(backend.new_topic(), 0)
    missing = [TopicPartition(here.topic, 7), TopicPartition(backend.new_name("never"), 0)]
    found = backend.admin.offsets([here, *missing], Edge.LATEST)

    assert found[here] == OffsetAt(0)
    assert {getattr(found[p], "code", None) for p in missing} == {"UNKNOWN_TOPIC_OR_PARTITION"}


def test_offsets_take_one_request_for_each_leader(backend: Backend):
    """Many partitions are asked of their leaders at once."""
    topic = backend.new_topic(12)
    asked = [TopicPartition(topic, n) for n in range(12)]
    backend.admin.offsets(asked, Edge.LATEST)  # brokers that just became leaders are asked again
    backend.sent.clear()
    backend.admin.offsets(asked, Edge.LATEST)

    assert [s.api for s in backend.sent].count("ListOffsets") == backend.brokers


def test_no_partitions_are_no_requests_for_offsets(backend: Backend):
    """Nothing asked is nothing found."""
    assert backend.admin.offsets([], Edge.LATEST) == {}
