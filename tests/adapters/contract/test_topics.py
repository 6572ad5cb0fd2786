"""Topics as every cluster answers about them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.backends import wait_for

from learnflow_kafka.core.observed import Metadata, TopicPartition
from learnflow_kafka.core.plans.changes import AddPartitions, CreateTopic
from learnflow_kafka.core.ports import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.backends import Backend


def codes(answers: Mapping[str, Fault | None]) -> dict[str, str | None]:
    """Kafka's name for each answer."""
    return {name: None if fault is None else fault.code for name, fault in answers.items()}


def test_a_created_topic_is_seen_by_the_next_read(backend: Backend):
    """A read right after a creation shows the topic with its leaders and id."""
    name = backend.new_topic(3)
    found = backend.admin.topics([name])[name]

    assert [p.id for p in found.partitions] == [0, 1, 2]
    assert all(p.leader is not None and p.isr == p.replicas for p in found.partitions)
    assert found.id is not None
    assert not found.internal


def test_replication_is_as_asked(backend: Backend):
    """As many replicas are assigned as were asked for."""
    name = backend.new_topic(2, replication=backend.brokers)

    assert backend.admin.topics([name])[name].replication == backend.brokers


def test_replicas_go_where_an_assignment_puts_them(backend: Backend):
    """An explicit assignment decides the number of partitions and who leads them."""
    name = backend.new_name()
    brokers = sorted(b.id for b in backend.admin.cluster().brokers)
    wanted = tuple((broker,) for broker in brokers)
    made = backend.admin.create_topics([CreateTopic(name, len(wanted), 1, assignment=wanted)])

    assert made == {name: None}
    assert tuple(p.replicas for p in backend.admin.topics([name])[name].partitions) == wanted


def test_replication_that_is_left_out_is_the_brokers(backend: Backend):
    """Without a replication factor the broker's default holds."""
    name = backend.new_name()

    assert backend.admin.create_topics([CreateTopic(name, 1, None)]) == {name: None}
    assert backend.admin.topics([name])[name].replication


def test_unknown_topics_are_missing_and_are_not_created(backend: Backend):
    """To ask for a topic never creates it."""
    name = backend.new_name("never")

    assert backend.admin.topics([name]) == {}
    assert backend.admin.topics([name]) == {}
    assert name not in backend.admin.topics()


def test_all_topics_take_one_request(backend: Backend):
    """The whole cluster's topics are listed by one Metadata request."""
    name = backend.new_topic()
    backend.sent.clear()
    found = backend.admin.topics()

    assert name in found
    assert [s.api for s in backend.sent] == ["Metadata"]


def test_creating_a_topic_twice_is_refused(backend: Backend):
    """A topic that exists is answered by its own code, and beside others."""
    old, new = backend.new_topic(), backend.new_name()
    answers = backend.admin.create_topics([CreateTopic(old, 1, 1), CreateTopic(new, 1, 1)])

    assert codes(answers) == {old: "TOPIC_ALREADY_EXISTS", new: None}


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (CreateTopic("", 1, 9), "INVALID_REPLICATION_FACTOR"),
        (CreateTopic("", 1, 0), "INVALID_REPLICATION_FACTOR"),
        (CreateTopic("", 0, 1), "INVALID_PARTITIONS"),
        (CreateTopic("", 1, 1, {"retention.ms": "soon"}), "INVALID_CONFIG"),
        (CreateTopic("", 1, 1, {"no.such.config": "1"}), "INVALID_CONFIG"),
        (CreateTopic("", 1, 1, {"cleanup.policy": "shred"}), "INVALID_CONFIG"),
        (CreateTopic("", 1, 1, {"min.insync.replicas": "0"}), "INVALID_CONFIG"),
        (CreateTopic("", 1, 1, {"min.cleanable.dirty.ratio": "2"}), "INVALID_CONFIG"),
    ],
)
@pytest.mark.parametrize("validate_only", [True, False])
def test_what_kafka_refuses_has_kafkas_code(
    backend: Backend,
    wanted: CreateTopic,
    code: str,
    validate_only: bool,  # noqa: FBT001 - a parameter of the test
):
    """A bad creation is refused by the same code, asked or done."""
    name = backend.new_name()
    answers = backend.admin.create_topics(
        [replace(wanted, topic=name)], validate_only=validate_only
    )

    assert codes(answers) == {name: code}
    assert name not in backend.admin.topics()


@pytest.mark.parametrize("name", ["sp ace", "ü", "a" * 250, "..", "x/y"])
def test_illegal_names_are_refused(backend: Backend, name: str):
    """A name that Kafka cannot have is INVALID_TOPIC_EXCEPTION."""
    assert codes(backend.admin.create_topics([CreateTopic(name, 1, 1)])) == {
        name: "INVALID_TOPIC_EXCEPTION"
    }


def test_names_that_collide_are_refused(backend: Backend):
    """Two names that differ in '.' and '_' alone cannot both exist."""
    name = backend.new_topic()
    other = name.replace(".", "_")

    assert codes(backend.admin.create_topics([CreateTopic(other, 1, 1)])) == {
        other: "INVALID_TOPIC_EXCEPTION"
    }


def test_validate_only_creates_nothing(backend: Backend):
    """The broker's consent alone changes nothing, and is logged as harmless."""
    name = backend.new_name()
    backend.sent.clear()
    answers = backend.admin.create_topics([CreateTopic(name, 1, 1)], validate_only=True)

    assert answers == {name: None}
    assert name not in backend.admin.topics()
    assert not any(s.mutating for s in backend.sent)


def test_more_partitions_than_a_request_carries_are_refused(backend: Backend):
    """A topic of more than 10,000 partitions is a POLICY_VIOLATION, or too much for 3.9."""
    if backend.metadata is Metadata.ZOOKEEPER:
        pytest.skip("Kafka 3.9 with ZooKeeper has no such limit and would create them")
    name = backend.new_name()
    answers = backend.admin.create_topics([CreateTopic(name, 10_001, 1)], validate_only=True)

    assert codes(answers) == {name: "POLICY_VIOLATION"}


def test_partitions_grow(backend: Backend):
    """More partitions are there at the next read."""
    name = backend.new_topic(2)

    assert backend.admin.add_partitions([AddPartitions(name, 2, 5)]) == {name: None}
    assert len(backend.admin.topics([name])[name].partitions) == 5


@pytest.mark.parametrize("total", [1, 2])
def test_partitions_never_shrink(backend: Backend, total: int):
    """As many partitions as there are, or fewer, are INVALID_PARTITIONS."""
    name = backend.new_topic(2)
    answers = backend.admin.add_partitions([AddPartitions(name, 2, total)], validate_only=True)

    assert codes(answers) == {name: "INVALID_PARTITIONS"}


def test_validate_only_adds_no_partition(backend: Backend):
    """The broker's consent to more partitions changes nothing."""
    name = backend.new_topic()
    answers = backend.admin.add_partitions([AddPartitions(name, 1, 2)], validate_only=True)

    assert answers == {name: None}
    assert len(backend.admin.topics([name])[name].partitions) == 1


def test_unknown_topics_cannot_grow(backend: Backend):
    """More partitions for nothing is UNKNOWN_TOPIC_OR_PARTITION."""
    name = backend.new_name()

    assert codes(backend.admin.add_partitions([AddPartitions(name, 1, 2)])) == {
        name: "UNKNOWN_TOPIC_OR_PARTITION"
    }


def test_a_deleted_topic_is_gone_at_the_next_read(backend: Backend):
    """A deletion is seen by the next read; the unknown name beside it has its own answer."""
    name, never = backend.new_topic(), backend.new_name("never")

    assert codes(backend.admin.delete_topics([name, never])) == {
        name: None,
        never: "UNKNOWN_TOPIC_OR_PARTITION",
    }
    assert backend.admin.topics([name]) == {}


def test_a_recreated_topic_has_another_id(backend: Backend):
    """The same name made again is another topic."""
    name = backend.new_topic()
    before = backend.admin.topics([name])[name].id
    backend.admin.delete_topics([name])
    # With ZooKeeper the old one stands in the way until its files are gone.
    wait_for(lambda: backend.admin.create_topics([CreateTopic(name, 1, 1)])[name] is None)

    assert backend.admin.topics([name])[name].id != before


def test_leaders_are_elected_back(backend: Backend):
    """To elect the leader that already leads is no fault; an unknown partition is."""
    here = TopicPartition(backend.new_topic(), 0)
    nowhere = TopicPartition(backend.new_name(), 0)
    answers = backend.admin.elect_preferred_leaders([here, nowhere])

    refused = answers[nowhere]

    assert answers[here] is None
    assert refused is not None
    assert refused.code == "UNKNOWN_TOPIC_OR_PARTITION"


def test_the_cluster_names_itself_and_its_brokers(backend: Backend):
    """Every broker is listed with its address, and who keeps the metadata."""
    found = backend.admin.cluster()

    assert found.cluster_id
    assert len(found.brokers) == backend.brokers
    assert all(b.port > 0 and b.host and not b.fenced for b in found.brokers)
    assert found.metadata is backend.metadata
    assert found.controller in {b.id for b in found.brokers}


def test_the_quorum_is_known_under_kraft_alone(backend: Backend):
    """KRaft has a leader among its voters; ZooKeeper has no quorum of Kafka's."""
    found = backend.admin.quorum()

    if backend.metadata is Metadata.ZOOKEEPER:
        assert found is None
    else:
        assert found is not None
        assert found.leader in found.voters
        assert found.high_watermark > 0


def test_log_dirs_hold_every_replica(backend: Backend):
    """Each replica's bytes are in one directory of a broker that answers."""
    name = backend.new_topic(1, replication=backend.brokers)
    backend.write(name, b"x" * 1000)
    holders = [
        d for d in backend.admin.log_dirs() if d.sizes.get(TopicPartition(name, 0), 0) >= 1000
    ]

    assert len({d.broker for d in holders}) == backend.brokers
    assert all(d.error is None for d in holders)
