"""Records and marks that are written together, on memory and on real clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.ports import Mark, NewRecord
from learnflow_kafka.errors import RequestError

if TYPE_CHECKING:
    from tests.support.backends import Backend

    from learnflow_kafka.core.observed import Record


def moved(backend: Backend, topic: str, name: str, group: str) -> list[Record]:
    """What a reader of committed records finds in the topic's one partition."""
    # Kafka says that a transaction is over a moment before readers see it. To open the transfer
    # once more waits for that.
    with backend.data.transfer(name, group):
        return list(backend.data.read({TopicPartition(topic, 0): 0}, until=backend.ends(topic)))


def values(records: list[Record]) -> list[bytes | None]:
    """The records' values."""
    return [record.value for record in records]


def test_records_and_marks_appear_together(backend: Backend):
    """A move writes key, value and headers as given, and the marks with their notes."""
    topic, source = backend.new_topic(), TopicPartition(backend.new_topic(), 0)
    name, group = backend.new_name("transfer"), backend.new_name("group")
    record = NewRecord(topic, b"v", b"k", (("a", b"1"), ("a", None)), partition=0)
    with backend.data.transfer(name, group) as transfer:
        transfer.move([record], {source: Mark(7, "1:3-4")})
    [found] = moved(backend, topic, name, group)

    assert (found.key, found.value, found.headers) == (b"k", b"v", (("a", b"1"), ("a", None)))
    assert backend.data.marks(group, [source]) == {source: Mark(7, "1:3-4")}


def test_a_group_without_marks_has_none(backend: Backend):
    """A group that never was, and a partition without a mark, are left out."""
    at = TopicPartition(backend.new_topic(), 0)

    assert backend.data.marks(backend.new_name("group"), [at]) == {}


def test_a_transfer_reads_the_marks_of_the_one_before(backend: Backend):
    """What was noted is told to the next opening, and a partition without a mark is left out."""
    source, other = (TopicPartition(backend.new_topic(), 0) for _ in range(2))
    name, group = backend.new_name("transfer"), backend.new_name("group")
    with backend.data.transfer(name, group) as transfer:
        transfer.move([], {source: Mark(3, "1:5")})
    with backend.data.transfer(name, group) as transfer:
        found = transfer.marks([source, other])

    assert found == {source: Mark(3, "1:5")}


def test_a_refused_record_takes_the_others_and_the_marks_with_it(backend: Backend):
    """When one record is too large for its topic, nothing of the move is seen."""
    topic = backend.new_topic(config={"max.message.bytes": "1000"})
    source = TopicPartition(backend.new_topic(), 0)
    name, group = backend.new_name("transfer"), backend.new_name("group")
    records = [NewRecord(topic, b"small", partition=0), NewRecord(topic, b"x" * 5_000, partition=0)]
    with backend.data.transfer(name, group) as transfer, pytest.raises(RequestError) as caught:
        transfer.move(records, {source: Mark(1)})
    with backend.data.transfer(name, group) as transfer:
        transfer.move(records[:1], {source: Mark(2)})

    assert caught.value.code == "MESSAGE_TOO_LARGE"
    assert values(moved(backend, topic, name, group)) == [b"small"]
    assert backend.data.marks(group, [source]) == {source: Mark(2)}


def test_the_newest_opening_of_a_name_fences_the_earlier_one(backend: Backend):
    """Two transfers of one name never both write."""
    topic = backend.new_topic()
    at = TopicPartition(topic, 0)
    name, group = backend.new_name("transfer"), backend.new_name("group")
    with backend.data.transfer(name, group) as first:
        first.move([NewRecord(topic, b"first", partition=0)], {at: Mark(1)})
        with backend.data.transfer(name, group) as second:
            with pytest.raises(RequestError) as caught:
                first.move([NewRecord(topic, b"zombie", partition=0)], {at: Mark(9)})
            second.move([NewRecord(topic, b"second", partition=0)], {at: Mark(2)})

    assert caught.value.code == "PRODUCER_FENCED"
    assert values(moved(backend, topic, name, group)) == [b"first", b"second"]
    assert backend.data.marks(group, [at]) == {at: Mark(2)}
