"""A healthy cluster of three brokers as evidence, for tests that break one part of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from learnflow_kafka.core.checks.evidence import BrokerProof, Evidence, Expectation, Records
from learnflow_kafka.core.checks.table import CHECKS, evaluate
from learnflow_kafka.core.observed import (
    Broker,
    ClusterState,
    ConfigSource,
    ConfigValue,
    Metadata,
    PartitionState,
    QuorumState,
    TopicState,
)
from learnflow_kafka.core.plans.desired import DesiredTopic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from learnflow_kafka.core.findings import Finding

DAY_MS = 86_400_000
BROKERS = (1, 2, 3)


def settings(source: ConfigSource = ConfigSource.TOPIC, **values: str) -> dict[str, ConfigValue]:
    """Configs by name, `_` in a name standing for the dot."""
    return {k.replace("_", "."): ConfigValue(v, source) for k, v in values.items()}


def topic(
    name: str = "orders",
    partitions: int = 3,
    *,
    isr: tuple[int, ...] = BROKERS,
    internal: bool = False,
) -> TopicState:
    """A topic on all three brokers; where `isr` is empty there is no leader."""
    states = (
        PartitionState(n, isr[n % len(isr)] if isr else None, BROKERS, isr)
        for n in range(partitions)
    )
    return TopicState(name, tuple(states), internal=internal)


def expectation(**changes: object) -> Expectation:
    """Three brokers, and one topic that one group reads."""
    wanted = DesiredTopic("orders", 3, 3, {"retention.ms": str(3 * DAY_MS)})
    base = Expectation({"orders": wanted}, brokers=3, groups={"orders": frozenset({"billing"})})
    return replace(base, **changes)  # type: ignore[arg-type] # a test names the fields


def broker_settings(**changes: str) -> Mapping[int, Mapping[str, ConfigValue]]:
    """What every broker tells of its configs."""
    values = {"offsets.retention.minutes": "10080", "auto.create.topics.enable": "false"}
    values |= {k.replace("_", "."): v for k, v in changes.items()}
    told = {k: ConfigValue(v, ConfigSource.STATIC) for k, v in values.items()}
    return dict.fromkeys(BROKERS, told)


def healthy(**changes: object) -> Evidence:
    """A cluster where every check passes, but for the parts that the test replaces."""
    proof = BrokerProof(0, write_ms=2.0, sent_ms=1_000, acked_ms=1_002, appended_ms=1_001)
    base = Evidence(
        expected=expectation(),
        bootstrap={"localhost:9092": None},
        cluster=ClusterState(
            "cluster-1",
            tuple(Broker(b, "localhost", 9091 + b, fenced=False) for b in BROKERS),
            controller=1,
            metadata=Metadata.KRAFT,
        ),
        addresses=dict.fromkeys(BROKERS),
        quorum=QuorumState(1, 5, 700, {1: 700, 2: 699, 3: 700}),
        topics={"orders": topic()},
        topic_configs={"orders": settings(retention_ms=str(3 * DAY_MS))},
        broker_configs=broker_settings(),
        records=Records(dict.fromkeys(BROKERS, proof), read_ms=3.0),
    )
    return replace(base, **changes)  # type: ignore[arg-type] # a test names the fields


def finding(name: str, evidence: Evidence) -> Finding:
    """What one check of the table finds."""
    assert name in {check.name for check in CHECKS}
    return next(f for f in evaluate(evidence).findings if f.name == name)
