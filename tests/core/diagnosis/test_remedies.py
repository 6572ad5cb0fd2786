"""What a way out prints is about this cluster: its numbers, and values that its chart has."""

from dataclasses import replace

import pytest
from tests.core.diagnosis import graphs as g

from learnflow_kafka.core.diagnosis.causes import Remedy
from learnflow_kafka.core.diagnosis.evidence import Evidence
from learnflow_kafka.core.diagnosis.objects import ClaimTemplate
from learnflow_kafka.core.diagnosis.rules import zookeeper


def stopped_ensemble(servers: int) -> Evidence:
    """ZooKeeper scaled to nothing; its claims stayed, and so did the brokers'."""
    base = g.on_zookeeper()
    kept = tuple(g.claim(n, name=f"data-kafka-zookeeper-{n}") for n in range(servers))
    sets = tuple(
        replace(w, wanted=0, created=0, ready=0, claims=(ClaimTemplate("data"),))
        if w.name == "kafka-zookeeper"
        else w
        for w in base.workloads
    )
    return replace(base, zookeeper=(), pods=(), workloads=sets, claims=(*base.claims, *kept))


def start(evidence: Evidence) -> Remedy:
    """The way out of an ensemble that was stopped."""
    found = next(iter(zookeeper.not_serving(evidence)))
    assert found.remedy is not None
    return found.remedy


@pytest.mark.parametrize("servers", [1, 3, 5])
def test_as_many_servers_are_started_as_there_were(servers: int):
    """An ensemble of one that is started as three is three ensembles."""
    command = start(stopped_ensemble(servers)).command

    assert command == (f"kubectl scale statefulset/kafka-zookeeper -n kafka --replicas {servers}")


def test_no_number_is_made_up_where_none_is_known():
    """Without claims nothing tells how many servers there were."""
    assert start(stopped_ensemble(0)).command is None
