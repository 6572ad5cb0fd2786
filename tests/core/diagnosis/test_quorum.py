"""Quorums: whose it is, whether it has a leader at all, and which nodes are to be started."""

from dataclasses import replace
from typing import Any

import pytest
from tests.core.diagnosis import faults
from tests.core.diagnosis import graphs as g

from learnflow_kafka.core.diagnosis.causes import Cause, Remedy, Safety
from learnflow_kafka.core.diagnosis.evidence import (
    Evidence,
    KafkaView,
    NodeView,
    Part,
    Skipped,
    Where,
)
from learnflow_kafka.core.diagnosis.installations import installations
from learnflow_kafka.core.diagnosis.objects import Pod, Workload
from learnflow_kafka.core.diagnosis.signs import LONGEST
from learnflow_kafka.core.diagnosis.table import diagnose
from learnflow_kafka.core.observed import Broker, ClusterState

LATE = "no answer in 10 s"
CONTROLLER = {**g.LABELS, "app.kubernetes.io/component": "controller"}


def named(rule: str, evidence: Evidence) -> list[Cause]:
    """The causes of a rule."""
    return [r.cause for r in diagnose(evidence).causes if r.cause.rule == rule]


def way(evidence: Evidence) -> Remedy:
    """The way out of a quorum without a leader."""
    (cause,) = named("quorum.no_leader", evidence)
    assert cause.remedy is not None
    return cause.remedy


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


def test_a_release_that_was_scaled_to_nothing_is_not_missed(two: tuple[Evidence, Evidence]):
    """Nobody wants anything of it, and the other one is well."""
    first, second = two
    parked = tuple(replace(w, wanted=0, created=0, ready=0) for w in second.workloads)

    assert g.rules(diagnose(both(first, Evidence(workloads=parked)))) == []


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


def untold(where: Where = Where.KUBERNETES, **changes: Any) -> Evidence:
    """The first broker got no answer about the quorum; the others are as `changes` say."""
    views = (
        NodeView("kafka-0", g.cluster(), quorum_fault=LATE),
        *(replace(NodeView(f"kafka-{n}", g.cluster()), **changes) for n in (1, 2)),
    )
    told = next((v.quorum for v in views if v.quorum is not None), None)
    skipped = () if told else (Skipped(Part.QUORUM, f"not learned: {LATE}"),)
    return g.healthy(where=where, kafka=g.kafka(quorum=told, views=views), skipped=skipped)


@pytest.mark.parametrize(
    "evidence",
    [
        untold(quorum_fault=LATE),
        untold(cluster=None, silence="hangs"),
        untold(Where.ADDRESS, quorum_fault=LATE),
        replace(
            untold(Where.ADDRESS),
            kafka=g.kafka(
                quorum=None,
                cluster=g.cluster(controller=None),
                views=(NodeView("kafka-0", g.cluster(controller=None), quorum_fault=LATE),),
            ),
        ),
    ],
    ids=["all of them", "all that answer", "all addresses", "no controller is known"],
)
def test_a_quorum_of_which_no_broker_can_tell_has_no_leader(evidence: Evidence):
    """Every broker waited for the controllers in vain."""
    (cause,) = named("quorum.no_leader", evidence)

    assert ("leader", f"not told: {LATE}") in {(p.field, p.value) for p in cause.proof}


def test_a_broker_that_waited_in_vain_alone_proves_nothing():
    """Another one tells of the leader."""
    assert g.rules(diagnose(untold(quorum=g.quorum()))) == []


@pytest.mark.parametrize(
    "evidence",
    [
        untold(),
        replace(
            untold(Where.ADDRESS),
            kafka=g.kafka(
                quorum=None, views=(NodeView("kafka-0", g.cluster(), quorum_fault=LATE),)
            ),
        ),
    ],
    ids=["others were refused", "others were not asked"],
)
def test_a_quorum_that_was_not_learned_is_not_judged(evidence: Evidence):
    """Nobody knows whether it has a leader, which is neither a fault nor health."""
    found = diagnose(evidence)

    assert g.rules(found) == []
    assert {u.rule for u in found.unchecked} == {"quorum.no_leader", "quorum.split"}
    assert not found.healthy()


def leaderless(*pods: Pod, workloads: tuple[Workload, ...] = (g.stateful(),)) -> Evidence:
    """A quorum without a leader, whose service hides nobody."""
    base = replace(faults.leaderless(), services=(g.service(), g.headless()), logs=())
    return replace(base, pods=pods or base.pods, workloads=workloads)


def down(number: int, **changes: Any) -> Pod:
    """A pod whose container does not run."""
    return g.pod(number, containers=(g.container(running=False, ready=False),), **changes)


def test_every_voter_that_is_down_is_named():
    """Those of all sets, whichever number they have; nothing is restarted."""
    remedy = way(leaderless(g.pod(0), down(1)))

    assert remedy.what.startswith("let kafka-1, kafka-2 run, as their own findings say")
    assert remedy.command is None


def test_a_broker_that_does_not_vote_is_not_waited_for():
    """The settings of the nodes say who votes."""
    settings = {"NODE_VOTERS": "0@kafka-0.kafka-headless:9093,1@kafka-1.kafka-headless:9093"}
    pods = [
        replace(pod, containers=(replace(pod.containers[0], settings=settings),))
        for pod in (g.pod(0), down(1), down(2))
    ]

    assert way(leaderless(*pods)).what.startswith("let kafka-1 run, as its own findings say")


def test_voters_that_are_not_all_told_are_not_taken_for_all():
    """What was cut off when the settings were read could name more of them."""
    cut = "0@kafka-0.kafka-headless:9093,".ljust(LONGEST, "x")
    settings = {"KAFKA_CONTROLLER_QUORUM_VOTERS": cut}
    pods = [
        replace(pod, containers=(replace(pod.containers[0], settings=settings),))
        for pod in (g.pod(0), down(1), down(2))
    ]

    assert "kafka-1, kafka-2" in way(leaderless(*pods)).what


def test_a_voter_that_was_scaled_away_is_scaled_back():
    """No finding of its own would say so: a pod that nobody wants is not missed."""
    settings = {"NODE_VOTERS": "0@kafka-0.kafka-headless:9093,1@kafka-1.kafka-headless:9093"}
    pod = g.pod(0, containers=(g.container(settings=settings),))
    remedy = way(leaderless(pod, workloads=(g.stateful(wanted=1),)))

    assert "kafka-1 vote" in remedy.what
    assert remedy.command == "kubectl scale statefulset/kafka -n kafka --replicas 2"


def test_the_restart_of_voters_that_are_brokers_is_dangerous():
    """What they serve is away meanwhile; all of them are named."""
    remedy = way(leaderless())

    assert remedy.safety is Safety.DANGEROUS
    assert "restart kafka-0, kafka-1, kafka-2 one by one" in remedy.what
    assert "they are brokers too" in remedy.what
    assert remedy.command == "kubectl delete pod kafka-0 -n kafka"


def test_dedicated_controllers_are_restarted_without_danger():
    """They serve no client."""
    votes = g.stateful(name="votes", labels=CONTROLLER, pod_labels=CONTROLLER)
    container = g.container(ports=())
    pods = (
        g.pod(n, name=f"votes-{n}", labels=CONTROLLER, owner="StatefulSet/votes", volumes=(),
              containers=(container,))
        for n in range(3)
    )  # fmt: skip
    remedy = way(leaderless(*map(g.pod, range(3)), *pods, workloads=(g.stateful(), votes)))

    assert remedy.safety is Safety.ASKS
    assert "restart votes-0, votes-1, votes-2" in remedy.what


def test_only_voters_that_do_not_follow_are_restarted():
    """Those that do keep the quorum."""
    late = g.quorum(caught_up_ms={0: g.NOW, 1: g.NOW - 300, 2: g.NOW - 90_000})
    remedy = way(g.healthy(kafka=g.kafka(quorum=late)))

    assert remedy.what.startswith("all voters run: restart kafka-2;")
    assert remedy.command == "kubectl delete pod kafka-2 -n kafka"
