"""Memory and a real broker give the same answers to a fixed list of requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.support.backends import wait_for

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.adapters.memory.defaults import BROKER_DEFAULTS, RULES
from learnflow_kafka.core.observed import GroupDescription, TopicPartition, TopicState
from learnflow_kafka.core.plans.changes import AddPartitions, AlterConfig, ConfigEdit, CreateTopic
from learnflow_kafka.core.ports import Edge, Fault
from learnflow_kafka.wiring import kafka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.clusters import LocalKafka

    from learnflow_kafka.core.ports import KafkaAdmin

pytestmark = pytest.mark.kafka

A, B, C = "same.a", "same.b", "same.c"


def edits(topic: str, **values: str | None) -> AlterConfig:
    """Edits of one topic; underscores stand for dots."""
    pairs = [(key.replace("_", "."), value) for key, value in values.items()]
    return AlterConfig(topic, tuple(ConfigEdit(key, None, value) for key, value in pairs))


def places(topic: str, *numbers: int) -> list[TopicPartition]:
    """Partitions of one topic."""
    return [TopicPartition(topic, n) for n in numbers]


REQUESTS: list[Callable[[KafkaAdmin], Any]] = [
    lambda k: k.create_topics([CreateTopic(A, 2, 1), CreateTopic(B, 1, 1, {"retention.ms": "9"})]),
    lambda k: k.create_topics([CreateTopic(A, 2, 1), CreateTopic("same_a", 1, 1)]),
    lambda k: k.create_topics([CreateTopic(C, 1, 2), CreateTopic("same.d", -5, 1)]),
    lambda k: k.create_topics([CreateTopic(C, 1, 1, {"x": "1"})], validate_only=True),
    lambda k: k.create_topics([CreateTopic(C, 1, 1, {"segment.ms": "0"})]),
    lambda k: k.create_topics(
        [CreateTopic(C, 1, 1, {"min.compaction.lag.ms": "9", "max.compaction.lag.ms": "1"})]
    ),
    lambda k: k.create_topics([CreateTopic(C, 1, 1, {"cleanup.policy": "compact,delete"})]),
    lambda k: k.create_topics([CreateTopic("same.twice", 1, 1), CreateTopic("same.twice", 2, 1)]),
    lambda k: k.topics([A, B, C, "same.none"]),
    lambda k: k.topic_configs([A, B, C, "same.none"]),
    lambda k: k.add_partitions([AddPartitions(A, 2, 3), AddPartitions(B, 1, 1)]),
    lambda k: k.add_partitions([AddPartitions(A, 3, 2), AddPartitions("same.none", 1, 2)]),
    lambda k: k.alter_configs([edits(A, retention_ms="5", segment_ms="0")]),
    lambda k: k.alter_configs([edits(A, retention_ms="5"), edits(B, retention_ms=None)]),
    lambda k: k.alter_configs([edits(A, cleanup_policy="compact"), edits("same.none", a="b")]),
    lambda k: k.alter_configs([edits(A, compression_type="zip")], validate_only=True),
    lambda k: k.alter_configs([edits(A, preallocate="perhaps"), edits(B, flush_ms="-1")]),
    lambda k: k.topic_configs([A, B]),
    lambda k: k.offsets(places(A, 0, 1, 2, 3), Edge.LATEST),
    lambda k: k.offsets(places(A, 0), Edge.NEWEST),
    lambda k: k.commit_offsets("same", dict.fromkeys(places(A, 0, 7), 4)),
    lambda k: k.committed(["same", "same.none"]),
    lambda k: k.describe_groups(["same", "same.none"]),
    lambda k: k.delete_groups(["same", "same.none"]),
    lambda k: k.describe_groups(["same"]),
    lambda k: k.elect_preferred_leaders(places(A, 0, 9)),
    lambda k: k.delete_topics([A, "same.none"]),
    lambda k: sorted(t for t in k.topics() if t.startswith("same")),
    lambda k: k.create_topics([CreateTopic(A, 1, 1)]),
    lambda k: k.delete_topics([A, B, C, "same.twice"]),
]


def comparable(answer: Any) -> Any:
    """An answer without ids and the broker's exact words."""
    if isinstance(answer, Fault):
        return answer.code
    if isinstance(answer, TopicState):
        return [(p.id, len(p.replicas), p.leader is not None) for p in answer.partitions]
    if isinstance(answer, GroupDescription):
        return (answer.state, answer.protocol, answer.members)
    if hasattr(answer, "items"):
        return {key: comparable(value) for key, value in answer.items()}
    return answer


@pytest.fixture(scope="module")
def pair(kafka1: LocalKafka) -> Iterator[tuple[MemoryKafka, KafkaAdmin]]:
    """One broker in memory and a real one, set up alike."""
    memory = MemoryKafka(1, broker_config={"num.partitions": "1"})
    with kafka.admin(kafka1.context) as real:
        yield memory, real


def test_every_answer_is_the_same(pair: tuple[MemoryKafka, KafkaAdmin]):
    """One after the other, errors included."""
    memory, real = pair
    for number, request in enumerate(REQUESTS):
        expected = comparable(request(real))

        assert comparable(request(memory)) == expected, f"request {number}"


def test_the_defaults_in_memory_are_kafkas(pair: tuple[MemoryKafka, KafkaAdmin]):
    """Every topic config of Kafka 4.3 is known, with its default and source."""
    memory, real = pair
    for port in pair:
        port.create_topics([CreateTopic("same.defaults", 1, 1)])
    wait_for(lambda: "same.defaults" in real.topics())
    name = ["same.defaults"]

    assert comparable(memory.topic_configs(name)) == comparable(real.topic_configs(name))
    assert set(RULES) == set(real.topic_configs(name)["same.defaults"])  # type: ignore[arg-type]


def test_broker_configs_in_memory_exist(pair: tuple[MemoryKafka, KafkaAdmin]):
    """What memory tells of a broker is a part of what a broker tells."""
    _, real = pair
    broker = real.cluster().brokers[0].id
    found: Mapping[str, object] | Fault = real.broker_configs([broker])[broker]

    assert not isinstance(found, Fault)
    assert set(BROKER_DEFAULTS) <= set(found)
