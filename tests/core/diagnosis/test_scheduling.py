"""The scheduler's messages, as several minors of Kubernetes spell them."""

from dataclasses import replace
from typing import Any

import pytest
from tests.core.diagnosis import graphs as g

from learnflow_kafka.core.diagnosis.causes import Safety
from learnflow_kafka.core.diagnosis.evidence import Evidence, Part, Skipped
from learnflow_kafka.core.diagnosis.objects import Condition, Taint
from learnflow_kafka.core.diagnosis.scheduling import Obstacle, clauses
from learnflow_kafka.core.diagnosis.table import diagnose

MESSAGES = {
    "1.19, taints": (
        (
            "0/3 nodes are available: 1 node(s) had taint {node-role.kubernetes.io/master: }, that "
            "the pod didn't tolerate, 2 Insufficient memory."
        ),
        [(1, Obstacle.TAINT), (2, Obstacle.ROOM)],
    ),
    "1.22, selector": (
        "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.",
        [(3, Obstacle.SELECTOR)],
    ),
    "1.22, volume": (
        "0/2 nodes are available: 2 node(s) had volume node affinity conflict.",
        [(2, Obstacle.VOLUME)],
    ),
    "1.27, preemption": (
        (
            "0/4 nodes are available: 1 node(s) had untolerated taint {dedicated: ml}, 3 "
            "Insufficient cpu. preemption: 0/4 nodes are available: 1 Preemption is "
            "not helpful for scheduling, 3 No preemption victims found for incoming pod."
        ),
        [(1, Obstacle.TAINT), (3, Obstacle.ROOM)],
    ),
    "1.30, claim": (
        (
            "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. "
            "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
        ),
        [(0, Obstacle.CLAIM)],
    ),
    "1.31, anti-affinity": (
        (
            "0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules. preemption: "
            "0/2 nodes are available: 2 No preemption victims found for incoming pod."
        ),
        [(2, Obstacle.APART)],
    ),
    "1.31, spread": (
        (
            "0/3 nodes are available: 1 node(s) didn't match pod topology spread constraints "
            "(missing required label), 2 node(s) didn't match pod topology spread constraints."
        ),
        [(1, Obstacle.SPREAD), (2, Obstacle.SPREAD)],
    ),
    "1.34, taints": (
        (
            "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) had untolerated "
            "taint(s). no new claims to deallocate, preemption: 0/3 nodes are available: 3 "
            "Preemption is not helpful for scheduling."
        ),
        [(1, Obstacle.CORDONED), (2, Obstacle.TAINT)],
    ),
    "1.35, volume": (
        "0/2 nodes are available: 2 node(s) didn't match PersistentVolume's node affinity.",
        [(2, Obstacle.VOLUME)],
    ),
    "1.24, old spelling of a claim": (
        "0/1 nodes are available: 1 pod has unbound immediate PersistentVolumeClaims.",
        [(1, Obstacle.CLAIM)],
    ),
    "a claim that is not there": (
        '0/1 nodes are available: persistentvolumeclaim "data" not found.',
        [(0, Obstacle.CLAIM)],
    ),
    "volumes made by hand": (
        "0/1 nodes are available: 1 node(s) didn't find available persistent volumes to bind.",
        [(1, Obstacle.CLAIM)],
    ),
    "nodes that are not ready": (
        "0/2 nodes are available: 2 node(s) had taint {node.kubernetes.io/not-ready: }.",
        [(2, Obstacle.DOWN)],
    ),
    "too many pods": ("0/1 nodes are available: 1 Too many pods.", [(1, Obstacle.ROOM)]),
}


@pytest.mark.parametrize("which", MESSAGES)
def test_each_clause_is_counted_and_understood(which: str):
    """Every summand is told with its number of nodes and its meaning."""
    message, expected = MESSAGES[which]
    found = [(c.nodes, c.obstacle) for c in clauses(message)]

    assert found == expected


ROOTS = {
    "0/3 nodes are available: 3 Insufficient cpu.": "pending.room",
    "0/3 nodes are available: 3 node(s) had untolerated taint(s).": "pending.taint",
    "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules.": "pending.spread",
    "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.": (
        "pending.selector"
    ),
    "0/3 nodes are available: 3 node(s) had volume node affinity conflict.": "pending.volume_zone",
}


@pytest.mark.parametrize("message", ROOTS)
def test_the_message_speaks_where_nodes_may_not_be_read(message: str):
    """With a role of the namespace alone the cause is still named, from the message."""
    base = g.pending(message)
    found = diagnose(replace(base, nodes=(), skipped=(Skipped(Part.NODES, "forbidden"),)))

    assert found.root is not None
    assert found.root.rule == ROOTS[message]


def test_the_objects_decide_where_the_message_says_less():
    """Of a control plane's taint and two full nodes it is the room that is missing."""
    master = g.node(0, taints=(Taint("node-role.kubernetes.io/control-plane", "NoSchedule"),))
    full = {"cpu": 3900, "memory": 15 * g.GI, "pods": 10}
    evidence = g.pending(
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s).",
        nodes=(master, g.node(1, requested=full)),
        volumes=(),
    )
    root = diagnose(evidence).root

    assert root is not None
    assert root.rule == "pending.room"
    assert any("control-plane" in p.value for p in root.proof)


POOL = {"pool": "kafka"}


def pooled(*numbers: int, **trouble: Any) -> Evidence:
    """The third broker must run on a node of its pool; these are, and are in trouble."""
    nodes = tuple(
        g.node(n, labels={g.HOST: f"node-{n}", **(POOL if n in numbers else {})}) for n in range(3)
    )
    nodes = tuple(replace(n, **trouble) if n.labels.items() >= POOL.items() else n for n in nodes)
    message = "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match."
    return g.pending(message, nodes=nodes, node_selector=POOL, volumes=())


@pytest.mark.parametrize(
    "trouble",
    [
        {"unschedulable": True},
        {"taints": (Taint("node.kubernetes.io/not-ready", "NoExecute"),)},
    ],
    ids=["cordoned", "not ready"],
)
def test_the_only_node_with_the_wanted_labels_is_the_one_to_blame(trouble: dict[str, Any]):
    """A selector that a node in trouble fits is right: the trouble keeps the pod waiting."""
    root = diagnose(pooled(1, **trouble)).root

    assert root is not None
    assert root.rule == "pending.node_down"
    assert "node-1" in root.detail


def test_a_cordoned_node_without_the_wanted_labels_is_not_to_blame():
    """Uncordoned it would not take the pod either: the labels are missing everywhere."""
    base = pooled()
    nodes = (replace(base.nodes[0], unschedulable=True), *base.nodes[1:])
    found = diagnose(replace(base, nodes=nodes))

    assert found.root is not None
    assert found.root.rule == "pending.selector"


def test_only_nodes_that_would_take_the_pod_are_asked_to_be_uncordoned():
    """Of two cordoned nodes the one that has not the labels is left alone."""
    base = pooled(1, unschedulable=True)
    nodes = (replace(base.nodes[0], unschedulable=True), *base.nodes[1:])
    told = diagnose(replace(base, nodes=nodes)).causes

    assert [r.cause.about[0] for r in told if r.cause.rule == "pending.node_down"] == [
        "node/node-1"
    ]


DEAD = {
    "conditions": (Condition("Ready", "Unknown", "NodeStatusUnknown"),),
    "taints": (Taint("node.kubernetes.io/unreachable", "NoExecute"),),
}


def told_of(evidence: Evidence) -> tuple[str, Safety, str | None]:
    """What is said of the node that the pod waits for, and what to do about it."""
    root = diagnose(evidence).root
    assert root is not None
    assert root.rule == "pending.node_down"
    assert root.remedy is not None
    return root.detail, root.remedy.safety, root.remedy.command


def test_a_cordoned_node_that_is_dead_too_is_mended_first():
    """Both are told, and nobody is sent to uncordon a node that takes no pod then either."""
    detail, safety, command = told_of(pooled(1, unschedulable=True, **DEAD))

    assert "cordoned and not ready" in detail
    assert (safety, command) == (Safety.ASKS, "kubectl describe node node-1")


def test_a_cordoned_node_that_is_well_is_uncordoned():
    """Its cordon is all that keeps pods off."""
    detail, safety, command = told_of(pooled(1, unschedulable=True))

    assert "node-1 is cordoned, and" in detail
    assert (safety, command) == (Safety.SAFE, "kubectl uncordon node-1")


@pytest.mark.parametrize(
    ("trouble", "command"), [({}, "kubectl uncordon node-2"), (DEAD, None)], ids=["well", "dead"]
)
def test_the_node_of_a_volume_is_uncordoned_only_where_that_helps(
    trouble: dict[str, Any], command: str | None
):
    """A dead node that is cordoned does not reach its volumes by being uncordoned."""
    home = g.node(2, unschedulable=True, **trouble)
    root = diagnose(g.pending("", nodes=(g.node(0), g.node(1), home))).root

    assert root is not None
    assert root.rule == "pending.volume_zone"
    assert root.remedy is not None
    assert root.remedy.command == command
