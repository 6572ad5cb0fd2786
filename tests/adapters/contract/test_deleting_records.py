"""Removing the beginning of a partition, on memory and on real clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learnflow_kafka.core.observed import OffsetAt, TopicPartition
from learnflow_kafka.core.ports import Edge, Fault

if TYPE_CHECKING:
    from tests.support.backends import Backend


def test_records_before_an_offset_go(backend: Backend):
    """The partition then starts at the offset, which is the answer; its end stays."""
    at = TopicPartition(backend.new_topic(), 0)
    backend.write(at.topic, b"a", b"b", b"c")

    assert backend.admin.delete_records({at: 2}) == {at: 2}
    assert backend.admin.offsets([at], Edge.EARLIEST) == {at: OffsetAt(2)}
    assert backend.admin.offsets([at], Edge.LATEST) == {at: OffsetAt(3)}


def test_an_offset_that_is_gone_already_changes_nothing(backend: Backend):
    """Asked twice, the broker answers with where the partition starts."""
    at = TopicPartition(backend.new_topic(), 0)
    backend.write(at.topic, b"a", b"b", b"c")
    backend.admin.delete_records({at: 3})

    assert backend.admin.delete_records({at: 1}) == {at: 3}


def test_faults_stand_by_the_partitions_that_were_cut(backend: Backend):
    """Beyond the end, in no topic, in a compacted one: each has its fault, the rest is done."""
    good, short, missing, kept = (
        TopicPartition(backend.new_topic(), 0),
        TopicPartition(backend.new_topic(), 0),
        TopicPartition(backend.new_name(), 0),
        TopicPartition(backend.new_topic(config={"cleanup.policy": "compact"}), 0),
    )
    backend.write(good.topic, b"a")
    found = backend.admin.delete_records({good: 1, short: 5, missing: 1, kept: 0})
    codes = {p: a.code for p, a in found.items() if isinstance(a, Fault)}

    assert found[good] == 1
    assert codes == {
        short: "OFFSET_OUT_OF_RANGE",
        missing: "UNKNOWN_TOPIC_OR_PARTITION",
        kept: "POLICY_VIOLATION",
    }


def test_nothing_asked_is_nothing_sent(backend: Backend):
    """Without partitions no request leaves."""
    before = len(backend.sent)

    assert backend.admin.delete_records({}) == {}
    assert len(backend.sent) == before
