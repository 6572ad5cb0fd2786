"""Quorums: whose it is, whether it has a leader at all, and which nodes are to be started."""

from dataclasses import replace
from typing import Any

import pytest
from tests.core.diagnosis import graphs as g

from learnflow_kafka.core.diagnosis.causes import Cause
from learnflow_kafka.core.diagnosis.evidence import (
    Evidence,
    KafkaView,
    NodeView,
)
from learnflow_kafka.core.diagnosis.installations import installations
from learnflow_kafka.core.diagnosis.table import diagnose
from learnflow_kafka.core.observed import Broker, ClusterState

CONTROLLER = {**g.LABELS, "app.kubernetes.io/component": "controller"}


def named(rule: str, evidence: Evidence) -> list[Cause]:
    """The causes of a rule."""
    return [r.cause for r in diagnose(evidence).causes if r.cause.rule == rule]


def release(name: str, *, labelled: bool, cluster_id: str, leader: int, **sets: Any) -> Evidence:
    """Three healthy brokers of a release, whose StatefulSet is called like it."""
    labels = {**g.LABELS, "app.kubernetes.io/instance": name}
    if not labelled:
        labels = {"app.kubernetes.io/name": "kafka"}
    brokers = tuple(
        Broker(n, f"{name}-{n}.{name}-headless.kafka.svc", 9092, fenced=False) for n in range(3)
    )
    cluster = ClusterState(cluster_id, brokers, controller=0)
    quorum = g.quorum(leader=leader)
    return Evidence(
        pods=tuple(
            g.pod(n, name=f"{name}-{n}", labels=labels, owner=f"StatefulSet/{name}", volumes=())
            for n in range(3)
        ),
        workloads=(g.stateful(name=name, labels=labels, pod_labels=labels, **sets),),
        kafka=KafkaView(
            asked=f"through {name}-0",
            cluster=cluster,
            quorum=quorum,
            views=tuple(NodeView(f"{name}-{n}", cluster, quorum) for n in range(3)),
        ),
    )


def both(one: Evidence, other: Evidence) -> Evidence:
    """Two releases in one namespace, the first of which was asked for the topics."""
    return g.healthy(
        pods=(*one.pods, *other.pods),
        workloads=(*one.workloads, *other.workloads),
        services=(),
        endpoints=(),
        policies=(),
        kafka=replace(one.kafka, views=(*one.kafka.views, *other.kafka.views)),
    )


@pytest.fixture(params=[True, False], ids=["labelled", "by their sets"])
def two(request: pytest.FixtureRequest) -> tuple[Evidence, Evidence]:
    """Two healthy releases, with other voters that lead."""
    first = release("dev", labelled=request.param, cluster_id="A", leader=0)
    second = release("test", labelled=request.param, cluster_id="B", leader=1)
    return first, second


def test_two_releases_in_one_namespace_are_two_healthy_kafkas(two: tuple[Evidence, Evidence]):
    """Their ids and leaders differ as they should, and each has all of its brokers."""
    assert g.rules(diagnose(both(*two))) == []


def test_a_release_that_is_split_is_told_beside_a_healthy_one(two: tuple[Evidence, Evidence]):
    """Nodes of one release are compared with each other."""
    first, second = two
    views = second.kafka.views
    seen = views[2].cluster
    assert seen is not None
    other = replace(views[2], cluster=replace(seen, cluster_id="C"))
    torn = replace(second, kafka=replace(second.kafka, views=(*views[:2], other)))
    (cause,) = named("quorum.split", both(first, torn))

    assert cause.detail == "test: the brokers are not one cluster: 2 cluster ids (B, C)"
    assert {p.object for p in cause.proof} == {"test-0", "test-1", "test-2"}


def test_each_release_is_missed_its_own_brokers(two: tuple[Evidence, Evidence]):
    """Another release's brokers do not make up for a fenced one."""
    first, second = two
    seen = second.kafka.cluster
    assert seen is not None
    less = replace(seen, brokers=(*seen.brokers[:2], replace(seen.brokers[2], fenced=True)))
    views = tuple(replace(v, cluster=less) for v in second.kafka.views)
    (cause,) = named("brokers.missing", both(first, replace(second, kafka=KafkaView(views=views))))

    assert cause.detail == "test: 2 of 3 brokers serve; fenced: 2"


def test_a_release_that_says_nothing_is_not_hidden_by_one_that_answers(
    two: tuple[Evidence, Evidence],
):
    """It is silent, whatever its neighbour tells."""
    first, second = two
    views = tuple(NodeView(v.node, silence="hangs") for v in second.kafka.views)
    (cause,) = named("kafka.silent", both(first, replace(second, kafka=KafkaView(views=views))))

    assert cause.detail.startswith("test: no broker answers: test-0: hangs; ")


def test_controllers_belong_to_the_brokers_of_their_release():
    """Sets of one instance are one Kafka; without a label a controller is seen with each."""
    votes = g.stateful(name="votes", labels=CONTROLLER, pod_labels=CONTROLLER)
    assert set(installations(g.healthy(workloads=(g.stateful(), votes)))) == {""}

    bare = {"app.kubernetes.io/component": "controller"}
    votes = g.stateful(name="votes", labels=bare, pod_labels=bare)
    first, second = (
        release(name, labelled=False, cluster_id=name, leader=0) for name in ("dev", "test")
    )
    seen = both(first, second)
    parts = installations(replace(seen, workloads=(*seen.workloads, votes)))

    assert {name: [w.name for w in part.workloads] for name, part in parts.items()} == {
        "dev": ["dev", "votes"],
        "test": ["test", "votes"],
    }
