"""What a user with few rights sees, on a secured cluster and in memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from learnflow_kafka.adapters.memory import MemoryKafka, Right
from learnflow_kafka.core.observed import OffsetAt, TopicPartition
from learnflow_kafka.core.plans.changes import AddPartitions, AlterConfig, ConfigEdit, CreateTopic
from learnflow_kafka.core.ports import Edge, Fault, NewRecord
from learnflow_kafka.errors import NotAuthorizedError
from learnflow_kafka.wiring import kafka

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.sasl import SaslKafka

    from learnflow_kafka.core.ports import KafkaAdmin, KafkaData

    Ports = tuple[KafkaAdmin, KafkaData]

TOPIC = f"rights-{os.getpid()}"


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def reader(request: pytest.FixtureRequest) -> Iterator[Ports]:
    """A user who may describe topics and their configs, on a cluster that has TOPIC."""
    if request.param == "memory":
        cluster = MemoryKafka(1)
        cluster.put_topic(TOPIC)
        cluster.grant(Right.DESCRIBE, Right.DESCRIBE_CONFIGS)
        yield cluster, cluster
        return
    secured: SaslKafka = request.getfixturevalue("kafka_sasl")
    with kafka.admin(secured.context) as admin:
        admin.create_topics([CreateTopic(TOPIC, 1, 1)])
    with kafka.admin(secured.reader) as admin, kafka.data(secured.reader) as data:
        yield admin, data


def code(fault: object) -> str | None:
    """Kafka's name of a fault."""
    return fault.code if isinstance(fault, Fault) else None


def test_describing_needs_describe_alone(reader: Ports):
    """Topics, configs, offsets, groups and the cluster are readable."""
    admin, _ = reader
    at = TopicPartition(TOPIC, 0)

    assert admin.topics([TOPIC])[TOPIC].name == TOPIC
    assert not isinstance(admin.topic_configs([TOPIC])[TOPIC], Fault)
    assert admin.offsets([at], Edge.LATEST) == {at: OffsetAt(0)}
    assert admin.cluster().brokers
    assert admin.describe_groups(["g"])


@pytest.mark.parametrize("validate_only", [True, False])
def test_every_change_is_forbidden(
    reader: Ports,
    validate_only: bool,  # noqa: FBT001 - a parameter of the test
):
    """Not even validate-only answers without the right to change."""
    admin, _ = reader
    edit = AlterConfig(TOPIC, (ConfigEdit("retention.ms", None, "1"),))
    created = admin.create_topics([CreateTopic("new", 1, 1)], validate_only=validate_only)
    grown = admin.add_partitions([AddPartitions(TOPIC, 1, 2)], validate_only=validate_only)
    edited = admin.alter_configs([edit], validate_only=validate_only)

    assert code(created["new"]) == "TOPIC_AUTHORIZATION_FAILED"
    assert code(grown[TOPIC]) == "TOPIC_AUTHORIZATION_FAILED"
    assert code(edited[TOPIC]) == "TOPIC_AUTHORIZATION_FAILED"


def test_deleting_is_forbidden(reader: Ports):
    """A topic that we may only describe cannot be deleted."""
    admin, _ = reader

    assert code(admin.delete_topics([TOPIC])[TOPIC]) == "TOPIC_AUTHORIZATION_FAILED"
    assert TOPIC in admin.topics()


def test_writing_is_forbidden(reader: Ports):
    """Who may write to no topic is told so, before any record is on its way."""
    _, data = reader
    records = iter([NewRecord(TOPIC, b"v")])

    with pytest.raises(NotAuthorizedError):
        list(data.produce(records, partitioner="murmur2_random", timeout=5))


def test_reading_is_forbidden(reader: Ports):
    """Records are not shown without the right to read."""
    _, data = reader

    with pytest.raises(NotAuthorizedError):
        list(data.read({TopicPartition(TOPIC, 0): 0}, until={TopicPartition(TOPIC, 0): 1}))


@pytest.mark.kafka
def test_hidden_topics_are_missing(kafka_sasl: SaslKafka):
    """A user without rights sees no topics, and no error either."""
    with kafka.admin(kafka_sasl.context) as admin:
        admin.create_topics([CreateTopic(f"{TOPIC}-hidden", 1, 1)])
    with kafka.admin(kafka_sasl.nobody) as admin:
        assert admin.topics() == {}
        assert admin.topics([f"{TOPIC}-hidden"]) == {}
        assert code(admin.topic_configs([TOPIC])[TOPIC]) == "TOPIC_AUTHORIZATION_FAILED"
