from __future__ import annotations

from pathlib import Path
from random import Random

from tests.support.planning import planned

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.app.adopt import adopt
from learnflow_kafka.wiring import catalogs

OWN = {
    "retention.ms": ["-1", "0", "1", "604800000", str(2**63 - 1)],
    "retention.bytes": ["-1", "123456789"],
    "cleanup.policy": ["compact", "delete", "delete,compact", "compact, delete"],
    "max.message.bytes": ["1048588", "77"],
    "min.insync.replicas": ["1", "2", "3"],
    "compression.type": ["zstd"],
    "min.cleanable.dirty.ratio": ["0.50", "1"],
    "preallocate": ["TRUE".lower()],
    "follower.replication.throttled.replicas": ["0:1,1:2"],
}


def _cluster(topics: int) -> MemoryKafka:
    """Topics of every make, some with uneven replication."""
    kafka, pick = MemoryKafka(3), Random(7)
    for n in range(topics):
        config = {key: pick.choice(values) for key, values in OWN.items() if pick.random() < 0.3}
        kafka.put_topic(f"t.{n}", pick.randint(1, 9), replication=pick.randint(1, 3), config=config)
    kafka._state.topics["t.0"].logs[0].replicas = (1, 2, 3)
    return kafka


def test_a_thousand_adopted_topics_have_an_empty_first_plan(tmp_path: Path):
    """Through the YAML text and back: every value that can be declared comes back equal."""
    kafka = _cluster(1000)
    file = tmp_path / "live.yaml"

    found = adopt(kafka, "live")
    file.write_text(catalogs.dump(found.catalog))
    plan = planned(kafka, catalogs.load(str(file)))

    assert len(found.catalog.topics) == 1000
    assert plan.steps == ()
    assert plan.blocked == ()
    assert kafka.mutations == []


def test_what_cannot_be_declared_is_said(tmp_path: Path):
    """Uneven replication, and a min ISR that no write can satisfy, are left alone."""
    kafka = MemoryKafka(3)
    kafka.put_topic("a", 2, config={"min.insync.replicas": "2"})
    kafka.put_topic("b", 2, replication=2)
    kafka._state.topics["b"].logs[0].replicas = (1, 2, 3)

    found = adopt(kafka, "live")

    assert [(n.topic, n.rule) for n in found.notices] == [
        ("a", "min-isr-above-replication"),
        ("b", "replication-uneven"),
    ]
    assert found.catalog.topics["b"].replication is None
