"""Pods that find no node: what the printed way out changes, and what it leaves alone."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.core.diagnosis import graphs as g

from learnflow_kafka.core.diagnosis.amounts import MI
from learnflow_kafka.core.diagnosis.causes import Remedy
from learnflow_kafka.core.diagnosis.evidence import Evidence
from learnflow_kafka.core.diagnosis.objects import NodeTerm, Requirement
from learnflow_kafka.core.diagnosis.table import diagnose

BARE = {g.HOST: "node"}
ZOOKEEPER = {"app.kubernetes.io/component": "zookeeper"}


def way_out(evidence: Evidence, rule: str) -> Remedy:
    """The remedy of the first cause, which is this rule's."""
    root = diagnose(evidence).root
    assert root is not None
    assert root.rule == rule
    assert root.remedy is not None
    return root.remedy


def choosing(*labels: Mapping[str, str], **wanted: Any) -> Remedy:
    """The way out of a broker that wants labels; each node has these."""
    nodes = tuple(g.node(n, labels=found) for n, found in enumerate(labels))
    return way_out(g.pending("", nodes=nodes, volumes=(), **wanted), "pending.selector")


def test_a_label_is_put_on_a_node_that_has_none_of_that_key():
    """The node without the key gets it; the one that has it with another value is left alone."""
    remedy = choosing({"disk": "hdd"}, BARE, node_selector={"disk": "ssd"})

    assert remedy.command == "kubectl label node node-1 disk=ssd"


def test_a_label_with_another_value_is_never_overwritten():
    """Where every node has the key for something else, only words remain."""
    remedy = choosing({"disk": "hdd"}, {"disk": "tape"}, node_selector={"disk": "ssd"})

    assert remedy.command is None
    assert "somebody's" in remedy.what
    assert "`scheduling.nodeSelector`" in remedy.what


@pytest.mark.parametrize(
    ("label", "patched"),
    [("disk", '{"disk":"ssd"}'), ("disks", '{"disk":null,"disks":"ssd"}')],
    ids=["value", "key"],
)
def test_a_misspelt_selector_is_corrected_and_not_the_node(label: str, patched: str):
    """What a node has nearly so is what was meant."""
    wanted = {"disk": "sdd" if label == "disk" else "ssd"}
    remedy = choosing(BARE, {label: "ssd"}, node_selector=wanted)

    assert f'"nodeSelector":{patched}' in (remedy.command or "")
    assert "kubectl label" not in (remedy.command or "")


def test_another_number_is_no_misspelling():
    """Zone 1 is not what somebody meant who wrote zone 2."""
    remedy = choosing({"zone": "zone-1"}, node_selector={"zone": "zone-2"})

    assert remedy.command is None


def test_a_node_is_labelled_only_where_that_is_enough():
    """An expression that a label cannot fulfil beside leaves the node unfit, labelled or not."""
    pool = Requirement("pool", "In", ("kafka", "data"))
    no_gpu = Requirement("gpu", "DoesNotExist")
    remedy = choosing({"gpu": "yes"}, {"pool": "web"}, node_terms=(NodeTerm((pool, no_gpu)),))
    fitting = choosing({"gpu": "yes"}, BARE, node_terms=(NodeTerm((pool, no_gpu)),))

    assert remedy.command is None
    assert fitting.command == "kubectl label node node-1 pool=kafka"
    assert "`scheduling.affinity`" in fitting.what


def test_the_value_of_the_waiting_pods_own_kind_is_named():
    """ZooKeeper's selector is a value of its own."""
    labels = {**g.LABELS, **ZOOKEEPER}
    remedy = choosing(BARE, node_selector={"disk": "ssd"}, labels=labels)

    assert "`zookeeper.nodeSelector`" in remedy.what


def cramped(free: int, labels: Mapping[str, str] = g.LABELS, **container: Any) -> Remedy:
    """The way out of a broker that asks for 8 GiB where a node has so many MiB left."""
    taken = {"cpu": 0, "memory": 16 * g.GI - free * MI, "pods": 10}
    asks = g.container(**{"requests": {"memory": 8 * g.GI}, "limits": {}, **container})
    nodes = tuple(g.node(n, requested=taken) for n in range(3))
    evidence = g.pending("", nodes=nodes, volumes=(), containers=(asks,), labels=labels)
    return way_out(evidence, "pending.room")


@pytest.mark.parametrize(("free", "lowered"), [(1524, "1524Mi"), (2000, "1524Mi"), (6144, "3Gi")])
def test_a_lowered_request_has_room_for_the_heap(free: int, lowered: str):
    """Half of what is free, and never less than the heap of 1 GiB and 500 Mi."""
    assert f"--requests=memory={lowered} " in (cramped(free).command or "")


@pytest.mark.parametrize(
    "container",
    [
        {"heap": "-Xmx1g"},
        {"heap": None},
        {"heap": "-XX:MaxRAMPercentage=50", "limits": {"memory": 2 * g.GI}},
    ],
    ids=["said", "not said", "of the limit"],
)
def test_where_the_heap_does_not_fit_the_request_is_not_lowered_alone(container: dict[str, Any]):
    """With less than its heap and 500 Mi a broker is ended for its memory."""
    remedy = cramped(1523, **container)

    assert remedy.command is None
    assert "1524Mi" in remedy.what
    assert "`heap`" in remedy.what


def test_a_pod_that_is_no_java_has_no_heap_to_fit():
    """Of other pods nothing is known: half of what is free."""
    remedy = cramped(1000, {}, name="main", image="busybox", heap=None)

    assert "--requests=memory=500Mi " in (remedy.command or "")


def test_lowering_cpu_alone_leaves_memory_alone():
    """Where only CPU is short, the heap is no matter."""
    taken = {"cpu": 3800, "memory": 0, "pods": 10}
    nodes = tuple(g.node(n, requested=taken) for n in range(3))
    remedy = way_out(g.pending("", nodes=nodes, volumes=()), "pending.room")

    assert "--requests=cpu=100m " in (remedy.command or "")
