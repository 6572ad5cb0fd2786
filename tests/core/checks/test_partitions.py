from dataclasses import replace

import pytest
from tests.core.checks.samples import (
    broker_settings,
    expectation,
    finding,
    healthy,
    settings,
    topic,
)

from learnflow_kafka.core.checks.evidence import known
from learnflow_kafka.core.findings import Status
from learnflow_kafka.core.observed import PartitionState, TopicState
from learnflow_kafka.core.ports import Fault

NAMES = ("partitions.leaders", "partitions.replicas", "partitions.min_isr")


def broken(isr: tuple[int, ...], least: str = "2"):
    """The declared topic with these replicas in sync, and its min.insync.replicas."""
    return healthy(
        topics={"orders": topic(partitions=1, isr=isr)},
        topic_configs={"orders": settings(min_insync_replicas=least)},
    )


@pytest.mark.parametrize("name", NAMES)
def test_partitions_with_leaders_and_full_isr_pass(name: str):
    """A partition with a leader and all replicas in sync is OK."""
    assert finding(name, healthy()).status is Status.OK


def test_a_partition_without_a_leader_is_named():
    """An offline partition fails and says where its replicas are."""
    found = finding("partitions.leaders", broken(()))

    assert found.status is Status.FAILED
    assert found.evidence == ("orders-0: no leader; replicas on 1, 2, 3, in sync none",)


def test_an_under_replicated_partition_is_named_with_the_missing_brokers():
    """The replicas that are not in sync are told by broker."""
    found = finding("partitions.replicas", broken((1, 3)))

    assert found.status is Status.FAILED
    assert found.evidence == ("orders-0: replicas on 1, 2, 3, not in sync: 2",)


@pytest.mark.parametrize(
    ("isr", "status"), [((1, 2), Status.OK), ((1,), Status.FAILED), ((), Status.FAILED)]
)
def test_min_isr_is_the_topics_own(isr: tuple[int, ...], status: Status):
    """Two in sync satisfy a minimum of two, one does not."""
    assert finding("partitions.min_isr", broken(isr)).status is status


def test_an_unknown_min_isr_of_an_under_replicated_topic_is_not_checked():
    """Where the minimum was not told, nobody knows whether writes are taken."""
    evidence = replace(broken((1,)), topic_configs={})

    assert finding("partitions.min_isr", evidence).status is Status.NOT_CHECKED


def test_a_fault_in_a_foreign_topic_is_a_warning():
    """Somebody else's under-replicated topic is told and does not fail our verification."""
    foreign = {**known(healthy().topics), "foreign": topic("foreign", isr=(1, 2))}
    found = finding("partitions.replicas", healthy(topics=foreign))

    assert found.status is Status.WARNING
    assert len(found.evidence) == 3


def test_internal_topics_that_nobody_used_yet_pass_and_are_said_so():
    """A fresh cluster has none of Kafka's own topics, and that is fine."""
    found = finding("internal.topics", healthy())

    assert found.status is Status.OK
    assert "__consumer_offsets: not there yet" in found.evidence[0]


def test_healthy_internal_topics_pass():
    """An offsets topic on three brokers is OK."""
    offsets = topic("__consumer_offsets", 50, internal=True)
    found = finding("internal.topics", healthy(topics={offsets.name: offsets}))

    assert found.status is Status.OK
    assert "__consumer_offsets: 50 partitions" in found.evidence


def test_an_internal_topic_on_one_broker_of_three_fails():
    """One replica of the groups' offsets is lost with one broker."""
    alone = TopicState("__consumer_offsets", (PartitionState(0, 1, (1,), (1,)),), internal=True)
    found = finding("internal.topics", healthy(topics={alone.name: alone}))

    assert found.status is Status.FAILED
    assert "1 replica where the cluster can hold 3" in found.evidence[0]


def test_an_internal_topic_without_a_leader_fails():
    """A leaderless partition of the offsets topic stops its groups."""
    offsets = topic("__consumer_offsets", 1, isr=(), internal=True)
    found = finding("internal.topics", healthy(topics={offsets.name: offsets}))

    assert found.status is Status.FAILED
    assert "no leader of partition 0" in found.evidence[0]


@pytest.mark.parametrize(
    ("config", "status"),
    [
        ("offsets.topic.replication.factor", Status.FAILED),
        ("transaction.state.log.replication.factor", Status.WARNING),
        ("share.coordinator.state.topic.replication.factor", Status.WARNING),
    ],
)
def test_internal_topics_that_could_never_be_created_are_told_before_the_first_use(
    config: str, status: Status
):
    """Three replicas asked for on one broker: the first group would wait forever."""
    state = known(healthy().cluster)
    found = finding(
        "internal.topics",
        healthy(
            expected=expectation(brokers=1),
            cluster=replace(state, brokers=state.brokers[:1]),
            broker_configs=broker_settings(**{config.replace(".", "_"): "3"}),
        ),
    )

    assert found.status is status
    assert f"{config} is 3 on 1 broker" in found.evidence[0]


def test_internal_topics_that_may_be_hidden_are_not_checked():
    """A user whom the brokers tell nothing cannot know that nobody uses groups."""
    denied = dict.fromkeys((1, 2, 3), Fault("CLUSTER_AUTHORIZATION_FAILED", "no"))

    assert finding("internal.topics", healthy(broker_configs=denied)).status is Status.NOT_CHECKED
