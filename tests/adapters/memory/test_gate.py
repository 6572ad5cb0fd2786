"""What tests can do to Kafka in memory: count, forbid and break requests."""

from __future__ import annotations

import pytest

from learnflow_kafka.adapters.memory import MemoryKafka, Moment
from learnflow_kafka.core.observed import Metadata, TopicPartition
from learnflow_kafka.core.plans.changes import CreateTopic
from learnflow_kafka.core.ports import Edge, Fault, KafkaAdmin, KafkaData, NewRecord
from learnflow_kafka.core.requests import Sent
from learnflow_kafka.errors import TimedOutError


def test_it_is_both_ports():
    """One cluster in memory serves as admin and data port."""
    cluster = MemoryKafka()
    ports: tuple[KafkaAdmin, KafkaData] = (cluster, cluster)

    assert set(ports) == {cluster}


def test_every_request_is_written_down():
    """The log tells what was asked, in order, and what could have changed something."""
    cluster = MemoryKafka()
    cluster.create_topics([CreateTopic("t", 1, 1)], validate_only=True)
    cluster.create_topics([CreateTopic("t", 1, 1)])

    assert cluster.requests == [
        Sent("CreateTopics", mutating=False, items=("t",)),
        Sent("CreateTopics", mutating=True, items=("t",)),
    ]
    assert cluster.mutations == cluster.requests[1:]


@pytest.mark.parametrize(("moment", "made"), [(Moment.BEFORE, False), (Moment.AFTER, True)])
def test_a_request_fails_before_or_after_its_effect(
    moment: Moment,
    made: bool,  # noqa: FBT001 - a parameter of the test
):
    """A kill can come before the broker acts, or before its answer arrives."""
    cluster = MemoryKafka()
    cluster.fail(1, TimedOutError("lost"), moment=moment, mutating_only=True)
    cluster.topics()
    with pytest.raises(TimedOutError):
        cluster.create_topics([CreateTopic("t", 1, 1)])

    assert ("t" in cluster.topics()) is made


def test_a_failure_comes_once():
    """The request after the broken one goes through."""
    cluster = MemoryKafka()
    cluster.fail(2, KeyboardInterrupt())
    cluster.topics()
    with pytest.raises(KeyboardInterrupt):
        cluster.topics()

    assert cluster.topics() == {}


def test_a_hook_can_play_another_client():
    """Somebody else's change slips in between our request and its effect."""
    cluster = MemoryKafka()

    def rival(sent: Sent, moment: Moment) -> None:
        if sent.api == "CreateTopics" and moment is Moment.BEFORE:
            cluster.put_topic("t")

    cluster.hooks.append(rival)
    refused = cluster.create_topics([CreateTopic("t", 1, 1)])["t"]

    assert isinstance(refused, Fault)
    assert refused.code == "TOPIC_ALREADY_EXISTS"


def test_a_stopped_broker_is_fenced_and_others_lead():
    """Leadership moves to a living replica, or to nobody."""
    cluster = MemoryKafka(3)
    cluster.put_topic("triple", replication=3)
    cluster.put_topic("single", 3)
    cluster.stop_broker(1)
    single = cluster.topics()["single"]

    assert [b.fenced for b in cluster.cluster().brokers] == [True, False, False]
    assert cluster.topics()["triple"].partitions[0].leader == 2
    assert [p.leader for p in single.partitions].count(None) == 1


def test_a_broker_that_came_back_is_elected_again():
    """A lost lead is given back by an election, and the orphan has its leader at once."""
    cluster = MemoryKafka(2)
    cluster.put_topic("t", replication=2)
    cluster.stop_broker(1)
    cluster.start_broker(1)
    before = cluster.topics()["t"].partitions[0].leader
    cluster.elect_preferred_leaders([TopicPartition("t", 0)])

    assert before == 2
    assert cluster.topics()["t"].partitions[0].leader == 1


def test_a_cluster_with_zookeeper_hides_its_dead():
    """Before KRaft, metadata lists the living brokers and knows no fences."""
    cluster = MemoryKafka(2, metadata=Metadata.ZOOKEEPER)
    cluster.stop_broker(2)

    assert [(b.id, b.fenced) for b in cluster.cluster().brokers] == [(1, None)]
    assert cluster.quorum() is None


def test_retention_moves_the_start():
    """Trimmed records are gone and a reader begins at the first that is kept."""
    cluster = MemoryKafka(1)
    cluster.put_topic("t")
    records = iter([NewRecord("t", b"%d" % n) for n in range(5)])
    list(cluster.produce(records, partitioner="murmur2_random", timeout=1))
    cluster.trim("t", 0, 3)
    at = TopicPartition("t", 0)
    found = cluster.offsets([at], Edge.EARLIEST)[at]

    assert getattr(found, "offset", None) == 3
    assert [r.value for r in cluster.read({at: 0}, until={at: 5})] == [b"3", b"4"]


def test_large_creations_are_cut_into_requests():
    """Requests grow with batches of partitions, and each stays below Kafka's limit."""
    cluster = MemoryKafka(3)
    answers = cluster.create_topics([CreateTopic(f"t{n}", 12, 3) for n in range(1000)])

    assert set(answers.values()) == {None}
    assert [len(s.items) for s in cluster.requests] == [308, 692]
