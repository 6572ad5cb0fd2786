"""Collecting lag, on Kafka in memory."""

from __future__ import annotations

import pytest

from learnflow_kafka.adapters.memory import MemoryKafka, Moment
from learnflow_kafka.app.lag import Declared, Question, collect, declared_groups
from learnflow_kafka.core.catalog import (
    Catalog,
    LagObjective,
    Service,
    Start,
    Subscription,
    Topic,
)
from learnflow_kafka.core.lag import LagStatus, TopicLag, Verdict
from learnflow_kafka.core.observed import GroupState, TopicPartition
from learnflow_kafka.core.ports import NewRecord
from learnflow_kafka.core.requests import Sent
from learnflow_kafka.errors import RequestError

ZERO = TopicPartition("orders", 0)
NOW = 1_000_000


@pytest.fixture
def kafka() -> MemoryKafka:
    """`orders` with one partition of ten records, one a second up to NOW; `billing` at 4."""
    made = MemoryKafka(1)
    made.put_topic("orders")
    write(made, *range(NOW - 9_000, NOW + 1, 1_000))
    made.commit_offsets("billing", {ZERO: 4})
    return made


def write(kafka: MemoryKafka, *stamps: int) -> None:
    """One record a timestamp."""
    records = (NewRecord("orders", b"v", partition=0, timestamp_ms=t) for t in stamps)
    list(kafka.produce(records, partitioner="murmur2_random", timeout=1))


def declared(lag: LagObjective | None = None, start: Start = Start.EARLIEST) -> Question:
    """A question in which group `billing` of service `bills` is declared on `orders`."""
    subscription = Subscription("orders", "billing", start=start, lag=lag)
    return Question(declared={"billing": Declared("bills", {"orders": subscription})})


def only_topic(kafka: MemoryKafka, question: Question) -> TopicLag:
    """The one topic of the one group."""
    (group,) = collect(kafka, question, now_ms=NOW).groups
    (topic,) = group.topics
    return topic


def test_lag_is_end_minus_commit(kafka: MemoryKafka):
    """A group at 4 of 10 is 6 behind, and without an objective nothing is judged."""
    topic = only_topic(kafka, Question())

    assert (topic.records, topic.verdict) == (6, Verdict.NONE)


def test_commits_are_read_before_ends(kafka: MemoryKafka):
    """A commit that lands between the two reads makes lag too high at most, never negative."""

    def race(sent: Sent, moment: Moment) -> None:
        if sent.api == "OffsetFetch" and moment is Moment.AFTER:
            kafka.hooks.clear()
            write(kafka, NOW)
            kafka.commit_offsets("billing", {ZERO: 11})

    kafka.hooks.append(race)

    assert only_topic(kafka, Question()).records == 7


@pytest.mark.parametrize(
    ("objective", "verdict"),
    [
        (LagObjective(max_records=6), Verdict.MET),
        (LagObjective(max_records=5), Verdict.BROKEN),
        (LagObjective(max_age_ms=5_000), Verdict.MET),
        (LagObjective(max_age_ms=4_999), Verdict.BROKEN),
    ],
)
def test_objectives_are_exact_at_their_limits(
    kafka: MemoryKafka, objective: LagObjective, verdict: Verdict
):
    """Offset 4 was written five seconds ago: 5 s is met, a millisecond less is broken."""
    assert only_topic(kafka, declared(objective)).verdict is verdict


def test_a_quiet_topic_that_was_read_is_never_late(kafka: MemoryKafka):
    """With nothing unread the age objective is met, however old the last record is."""
    kafka.commit_offsets("billing", {ZERO: 10})
    report = collect(kafka, declared(LagObjective(max_age_ms=1)), now_ms=NOW * 9)

    assert report.within_objectives


@pytest.mark.parametrize(("start", "records"), [(Start.EARLIEST, 10), (Start.LATEST, 0)])
def test_a_declared_group_that_never_ran_is_reported(
    kafka: MemoryKafka, start: Start, records: int
):
    """Its lag follows from where it would start."""
    kafka.delete_groups(["billing"])
    (group,) = collect(kafka, declared(start=start), now_ms=NOW).groups

    assert (group.state, group.service, group.records) == (GroupState.DEAD, "bills", records)


def test_a_commit_beyond_the_end_has_no_lag(kafka: MemoryKafka):
    """After a topic was recreated the old place is told as such; objectives are unknown."""
    kafka.put_topic("orders")
    topic = only_topic(kafka, declared(LagObjective(max_records=5)))

    assert topic.partitions[0].status is LagStatus.BEYOND_END
    assert (topic.records, topic.verdict) == (None, Verdict.UNKNOWN)


def test_a_partition_without_a_leader_has_no_lag(kafka: MemoryKafka):
    """Where the end cannot be read, lag is not a number."""
    kafka.stop_broker(1)
    topic = only_topic(kafka, Question())

    assert topic.partitions[0].status is LagStatus.NO_END
    assert topic.records is None


def test_a_declared_topic_that_does_not_exist_is_not_checked(kafka: MemoryKafka):
    """A missing topic cannot meet its objective."""
    kafka.delete_groups(["billing"])
    kafka.delete_topics(["orders"])

    assert only_topic(kafka, declared(LagObjective(max_records=5))).verdict is Verdict.UNKNOWN


def test_groups_and_topics_can_be_chosen(kafka: MemoryKafka):
    """Only the named groups and topics are reported; an unknown group is an error."""
    kafka.put_topic("other")
    kafka.commit_offsets("billing", {TopicPartition("other", 0): 0})
    kafka.commit_offsets("second", {ZERO: 0})
    (group,) = collect(kafka, Question(("billing",), ("other",)), now_ms=NOW).groups

    assert [t.topic for t in group.topics] == ["other"]
    with pytest.raises(RequestError, match="did you mean 'billing'"):
        collect(kafka, Question(("biling",)), now_ms=NOW)


def test_requests_follow_batches_not_groups(kafka: MemoryKafka):
    """Fifty groups cost as many requests as one."""
    kafka.requests.clear()
    collect(kafka, Question(), now_ms=NOW)
    one = len(kafka.requests)
    for number in range(49):
        kafka.commit_offsets(f"g{number}", {ZERO: 1})
    kafka.requests.clear()
    collect(kafka, Question(), now_ms=NOW)

    assert len(kafka.requests) == one


def test_the_catalog_declares_groups():
    """Each subscription belongs to its group, with the service that owns it."""
    read = Subscription("orders", "billing")
    service = Service("bills", consumes=(read,))
    catalog = Catalog("c", {"orders": Topic("orders", 1)}, services={"bills": service})

    assert declared_groups(catalog) == {"billing": Declared("bills", {"orders": read})}
