"""Pods that find no node: what the printed way out changes, and what it leaves alone."""

from collections.abc import Mapping

import pytest
from tests.core.diagnosis import graphs as g

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


def choosing(*labels: Mapping[str, str], **wanted: object) -> Remedy:
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
