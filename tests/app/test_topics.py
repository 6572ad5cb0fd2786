"""Topics for people, on Kafka in memory."""

from __future__ import annotations

import pytest

from learnflow_kafka.adapters.memory import MemoryKafka, Right
from learnflow_kafka.app.topics import (
    delete,
    describe_topics,
    list_topics,
    losses,
    require_deletable,
)
from learnflow_kafka.core.observed import GroupProtocol, TopicPartition
from learnflow_kafka.core.plans.plan import Scope
from learnflow_kafka.core.plans.policy import FRESH_MS
from learnflow_kafka.core.ports import NewRecord
from learnflow_kafka.errors import RefusedError, RequestError

NOW = 10 * FRESH_MS
"""Milliseconds since the epoch, days after the last record."""


@pytest.fixture
def kafka() -> MemoryKafka:
    """Three brokers, `orders` with two partitions and three records."""
    made = MemoryKafka(3)
    made.put_topic("orders", 2, replication=3, config={"retention.ms": "60000"})
    made.put_topic("__consumer_offsets", 1, internal=True)
    made.put_topic("_learnflow.verify", 1)
    records = (NewRecord("orders", b"v", partition=0, timestamp_ms=t) for t in (5, 9, 7))
    assert len(list(made.produce(records, partitioner="murmur2_random", timeout=1))) == 3
    return made


def test_the_list_hides_internal_topics_unless_asked(kafka: MemoryKafka):
    """Kafka's and our own topics are shown on demand only."""
    shown = [t.state.name for t in list_topics(kafka)]
    every = [t.state.name for t in list_topics(kafka, internal=True)]

    assert shown == ["orders"]
    assert every == ["__consumer_offsets", "_learnflow.verify", "orders"]


def test_a_summary_has_retention_size_and_problems(kafka: MemoryKafka):
    """Replicas of a stopped broker are named as out of sync."""
    kafka.stop_broker(3)
    (orders,) = list_topics(kafka)

    assert orders.retention_ms == 60_000
    assert orders.bytes is not None
    assert orders.problems == ("replicas out of sync on partitions 0, 1",)


def test_without_rights_sizes_and_configs_are_unknown_not_zero(kafka: MemoryKafka):
    """What this user may not ask for is None."""
    kafka.grant(Right.DESCRIBE)
    (orders,) = list_topics(kafka)

    assert orders.retention_ms is None


def test_a_detail_has_offsets_of_every_partition(kafka: MemoryKafka):
    """Describing gives first and next offsets, and the records between."""
    kafka.trim("orders", 0, 1)
    (orders,) = describe_topics(kafka, ["orders"])

    assert [(p.extent.start, p.extent.end) for p in orders.partitions] == [(1, 3), (0, 0)]
    assert orders.records == 2


def test_an_unknown_topic_suggests_the_nearest(kafka: MemoryKafka):
    """A mistyped name is an error with a suggestion, and creates nothing."""
    kafka.requests.clear()

    with pytest.raises(RequestError, match="did you mean 'orders'"):
        describe_topics(kafka, ["order"])
    assert not kafka.mutations


def test_a_loss_names_records_last_write_and_groups(kafka: MemoryKafka):
    """Before a topic goes, one sees how much, how fresh, and who has a place in it."""
    kafka.commit_offsets("billing", {TopicPartition("orders", 0): 2})
    loss = losses(kafka, ["orders"])["orders"]

    assert (loss.records, loss.last_write_ms) == (3, 9)
    assert (loss.groups, loss.active) == (("billing",), ())


def test_a_topic_in_use_needs_to_be_named_again(kafka: MemoryKafka):
    """An active reader, even one without a commit, refuses deletion until overridden."""
    kafka.join("billing", ["orders"])
    found = losses(kafka, ["orders"])

    with pytest.raises(RefusedError, match="billing is active") as caught:
        require_deletable(kafka, found, Scope(), now_ms=NOW)
    require_deletable(kafka, found, Scope(delete_anyway=("orders",)), now_ms=NOW)

    assert caught.value.fix == "if you are certain, add --delete-anyway orders"


def test_a_group_in_a_rebalance_counts_as_active(kafka: MemoryKafka):
    """While nothing is assigned, a place in the topic is enough to refuse."""
    kafka.commit_offsets("billing", {TopicPartition("orders", 0): 2})
    kafka.join("billing", [])
    loss = losses(kafka, ["orders"])["orders"]

    assert loss.active == ("billing",)


def test_a_share_group_that_reads_nothing_yet_may_read_anything(kafka: MemoryKafka):
    """An active share group without assignments refuses deletion, as it is not told apart."""
    kafka.join("shared", [], protocol=GroupProtocol.SHARE)
    kafka.join("idle", [], protocol=GroupProtocol.CONSUMER)
    loss = losses(kafka, ["orders"])["orders"]

    assert (loss.active, loss.unknown) == ((), ("shared",))


def test_internal_and_reserved_topics_need_to_be_named_again(kafka: MemoryKafka):
    """All refusals come at once; the override is per topic."""
    names = ["__consumer_offsets", "_learnflow.verify"]
    found = losses(kafka, names)

    with pytest.raises(RefusedError) as caught:
        require_deletable(kafka, found, Scope(), now_ms=NOW)
    with pytest.raises(RefusedError, match="_learnflow"):
        require_deletable(kafka, found, Scope(allow_internal=tuple(names[:1])), now_ms=NOW)

    assert all(f"{name}: it is" in str(caught.value) for name in names)


def test_fresh_data_needs_to_be_named_again(kafka: MemoryKafka):
    """A topic that was written to within a day is refused as in a plan, by the plan's rule."""
    found = losses(kafka, ["orders"])
    soon = 9 + FRESH_MS - 1

    with pytest.raises(RefusedError, match=r"orders: it was written to .* \[delete-fresh-data\]"):
        require_deletable(kafka, found, Scope(), now_ms=soon)
    require_deletable(kafka, found, Scope(), now_ms=soon + 1)
    require_deletable(kafka, found, Scope(delete_anyway=("orders",)), now_ms=soon)


def test_deletion_reports_each_topic(kafka: MemoryKafka):
    """One event a topic, also for one that vanished meanwhile."""
    events = list(delete(kafka, ["orders", "gone"]))

    assert [(e.topic, e.fault is None) for e in events] == [("orders", True), ("gone", False)]
    assert not kafka.topics(["orders"])
