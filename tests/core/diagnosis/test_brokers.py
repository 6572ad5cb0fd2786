"""Brokers that the cluster counts as serving, and that say nothing when they are asked alone."""

from dataclasses import replace
from typing import Any

import pytest
from tests.core.diagnosis import faults
from tests.core.diagnosis import graphs as g
from tests.core.diagnosis.test_quorum import both, release

from learnflow_kafka.core.diagnosis.causes import Cause, Safety
from learnflow_kafka.core.diagnosis.evidence import Evidence, NodeView, Probe, Where
from learnflow_kafka.core.diagnosis.objects import Condition
from learnflow_kafka.core.diagnosis.table import Diagnosis, diagnose
from learnflow_kafka.core.findings import Status
from learnflow_kafka.core.observed import Broker, ClusterState

UNREADY = (Condition("PodScheduled", "True"), Condition("Ready", "False"))
REFUSED = "no broker answers (connection refused)"


def mute(node: str, **changes: Any) -> NodeView:
    """What came of asking a broker that hangs."""
    return replace(NodeView(node, silence="late", again="late again", hangs=True), **changes)


def gone(node: str) -> NodeView:
    """What came of asking one at whose port nothing listens."""
    return mute(node, silence=REFUSED, again=REFUSED, hangs=False)


def told(*views: NodeView, base: Evidence | None = None, **changes: Any) -> Evidence:
    """Three brokers of which the last ones told this; `changes` are about what Kafka says."""
    base = base or g.healthy()
    views = (*base.kafka.views[: 3 - len(views)], *views)
    return replace(base, kafka=replace(base.kafka, views=views, **changes))


def elsewhere(*hosts: str) -> ClusterState:
    """A cluster whose brokers advertise these hosts."""
    brokers = tuple(Broker(n, host, 9090 + n, fenced=False) for n, host in enumerate(hosts))
    return replace(g.cluster(), brokers=brokers)


def at_addresses(*views: NodeView, **changes: Any) -> Evidence:
    """Three brokers of which only the addresses are known."""
    cluster = elsewhere(*["10.0.0.9"] * 3)
    views = (
        *(NodeView(b.address, cluster, g.quorum()) for b in cluster.brokers[: 3 - len(views)]),
        *views,
    )
    made = Evidence(
        where=Where.ADDRESS,
        kafka=g.kafka(cluster=cluster, views=views),
        probes=(
            Probe("here", "10.0.0.9", 9090, "bootstrap"),
            *(Probe("here", b.host, b.port, f"broker {b.id}") for b in cluster.brokers),
        ),
    )
    return replace(made, **changes)


def named(found: Diagnosis) -> Cause:
    """The one finding about missing brokers."""
    (cause,) = (r.cause for r in found.causes if r.cause.rule == "brokers.missing")
    return cause


def missed(evidence: Evidence) -> Cause:
    """What is said of missing brokers, which is the first thing that is said."""
    found = diagnose(evidence)
    assert found.root is not None
    assert found.root.rule == "brokers.missing"
    assert not found.healthy()
    return named(found)


def test_a_pod_that_hangs_is_named_before_its_cluster_has_missed_it():
    """With what it was asked, how it stands, and what to look at; nothing is restarted."""
    cause = missed(told(mute("kafka-2")))

    assert cause.status is Status.FAILED
    assert cause.detail == (
        "2 of 3 brokers serve; 2 (kafka-2) counts as serving and does not answer"
    )
    assert {(p.object, p.field, p.value) for p in cause.proof} >= {
        ("pod kafka-2", "asked alone", "late"),
        ("pod kafka-2", "asked again", "late again"),
        ("pod kafka-2", "condition Ready", "True"),
    }
    assert cause.remedy is not None
    assert cause.remedy.safety is Safety.SAFE
    assert str(cause.remedy.command).startswith("kubectl exec -n kafka kafka-2 -- ")


def test_a_process_that_hangs_is_named_with_its_pid():
    """Its threads are written to its log, which costs nothing."""
    base = g.local()
    pids = tuple(replace(p, pid=100 + p.id) for p in base.processes)
    cause = missed(told(mute("broker-2"), base=replace(base, processes=pids)))

    assert "; broker-2 counts as serving" in cause.detail
    assert ("broker-2", "running, pid 102") in {(p.object, p.value) for p in cause.proof}
    assert cause.remedy is not None
    assert cause.remedy.command == "kill -QUIT 102"
    assert "process.log" in cause.remedy.what


def test_an_address_that_hangs_is_named_as_it_was_asked():
    """By host and port, with the number of the broker that advertises it."""
    cause = missed(at_addresses(mute("10.0.0.9:9092")))

    assert "; 2 (10.0.0.9:9092) counts as serving" in cause.detail
    assert cause.proof[0].object == "10.0.0.9:9092"
    assert cause.remedy is not None
    assert cause.remedy.command is None


@pytest.mark.parametrize(
    "evidence",
    [
        told(mute("kafka-2", again=None, hangs=False)),
        told(base=g.local()),
        at_addresses(NodeView("old.example.internal:9092", silence="late", again="late")),
        told(
            gone("broker-2"),
            base=replace(
                g.local(),
                processes=(*g.local().processes[:2], replace(g.local().processes[2],
                                                             state="starting")),
            ),
        ),
    ],
    ids=["asked once", "all answer", "an address of no broker", "it starts"],
)  # fmt: skip
def test_who_is_not_known_to_hang_is_not_accused(evidence: Evidence):
    """Its silence may be a refused login, of long ago, or of nobody."""
    assert g.rules(diagnose(evidence)) == []


def test_a_pod_that_advertises_another_name_is_counted():
    """Three brokers serve, there are three pods, and one says nothing."""
    outside = elsewhere("a.example.com", "b.example.com", "c.example.com")
    cause = missed(told(mute("kafka-1"), mute("kafka-2"), cluster=outside))

    assert "1 of 3 brokers serve; kafka-1, kafka-2 count as serving and do not" in cause.detail


def test_a_pod_that_starts_is_no_broker_that_serves():
    """Two serve, whatever they advertise; the third is not ready, and missed as before."""
    outside = elsewhere("a.example.com", "b.example.com")
    base = g.healthy(pods=(g.pod(0), g.pod(1), g.pod(2, conditions=UNREADY)))

    cause = missed(told(gone("kafka-2"), base=base, cluster=outside))

    assert cause.detail == "2 of 3 brokers serve; not ready: kafka-2"


def test_once_it_is_fenced_what_it_was_asked_stays_as_a_proof():
    """The same finding, about the same broker."""
    state = g.cluster()
    less = replace(state, brokers=(*state.brokers[:2], replace(state.brokers[2], fenced=True)))
    cause = missed(told(mute("kafka-2"), cluster=less))

    assert cause.detail == "2 of 3 brokers serve; fenced: 2"
    assert ("pod kafka-2", "asked again") in {(p.object, p.field) for p in cause.proof}


def test_a_quorum_without_a_majority_follows_from_the_brokers_that_hang():
    """Nobody can fence them; only they are to be restarted."""
    lonely = NodeView("kafka-0", g.cluster(), quorum_fault="no answer in 4 s")
    views = (lonely, mute("kafka-1"), mute("kafka-2"))
    found = diagnose(g.healthy(kafka=g.kafka(quorum=None, views=views)))
    (quorum,) = (r for r in found.causes if r.cause.rule == "quorum.no_leader")

    assert found.root == named(found)
    assert quorum.of == found.root
    assert "no leader that answers the brokers" in quorum.cause.detail
    assert quorum.cause.remedy is not None
    assert "restart kafka-1, kafka-2 one by one" in quorum.cause.remedy.what


def test_brokers_that_wait_for_a_quorum_are_its_consequence():
    """Nothing listens at their ports yet: they do not hang."""
    base = faults.leaderless()
    lonely = NodeView("kafka-0", g.cluster(), quorum_fault="no answer in 4 s")
    view = replace(base.kafka, views=(lonely, gone("kafka-1"), gone("kafka-2")))
    found = diagnose(replace(base, kafka=view))

    assert g.rules(found)[0] == "quorum.no_leader"
    assert {r.cause.rule: r.of for r in found.causes}["brokers.missing"] == found.root


@pytest.mark.parametrize("view", [mute("kafka-2"), gone("kafka-2")], ids=["hangs", "gone"])
def test_what_is_wrong_with_its_pod_or_node_comes_first(view: NodeView):
    """A container that was ended for its memory, or a node that is not ready, explains it."""
    cluster = {"cluster": g.cluster(), "views": (*g.kafka().views[:2], view)}
    ended = replace(faults.oom(), kafka=g.kafka(**cluster))
    broken = replace(g.node(2), conditions=(Condition("Ready", "Unknown", "NodeStatusUnknown"),))
    away = g.healthy(nodes=(g.node(0), g.node(1), broken), kafka=g.kafka(**cluster))

    for evidence, rule in ((ended, "crash.out_of_memory"), (away, "pending.node_down")):
        found = diagnose(evidence)
        assert g.rules(found)[0] == rule
        assert {r.cause.rule: r.of for r in found.causes}["brokers.missing"] == found.root


def test_a_fault_of_another_pod_does_not_explain_it():
    """Two pods, two causes."""
    base = faults.oom()
    views = (g.kafka().views[0], mute("kafka-1"))
    roots = [
        r.cause.rule
        for r in diagnose(replace(base, kafka=replace(base.kafka, views=views))).causes
        if r.of is None
    ]

    assert roots == ["crash.out_of_memory", "brokers.missing"]


def test_an_address_that_is_refused_follows_from_the_broker_that_is_gone():
    """It is the one that was asked, and right; what is advertised wrongly is told as such."""
    base = at_addresses(gone("10.0.0.9:9092"))
    refused = replace(base.probes[3], refused="connection refused")
    found = diagnose(replace(base, probes=(*base.probes[:3], refused)))

    assert g.rules(found) == ["brokers.missing", "connect.advertised"]
    assert found.causes[1].of == found.root


@pytest.mark.parametrize("where", [Where.ADDRESS, Where.KUBERNETES])
def test_a_broker_that_names_none_is_no_cluster(where: Where):
    """No controller has told it of the cluster; at an address nobody says how many there are."""
    base = at_addresses() if where is Where.ADDRESS else g.healthy()
    nobody = replace(g.cluster(), brokers=())
    views = tuple(replace(view, cluster=nobody) for view in base.kafka.views)
    kafka = replace(base.kafka, cluster=nobody, views=views)
    cause = missed(replace(base, kafka=kafka))

    assert "brokers serve; who answers names no broker, not even itself" in cause.detail
    assert cause.detail.startswith("0 of ")


def test_a_broker_that_is_cut_off_does_not_speak_for_all():
    """It knows what it knew before; one that reaches the controllers says that it is fenced."""
    state = g.cluster()
    less = replace(state, brokers=(replace(state.brokers[0], fenced=True), *state.brokers[1:]))
    first = release("dev", labelled=True, cluster_id="A", leader=1)
    views = (
        NodeView("dev-0", state, quorum_fault="no answer in 4 s"),
        *(NodeView(f"dev-{n}", less, g.quorum(leader=1)) for n in (1, 2)),
    )
    other = release("test", labelled=True, cluster_id="B", leader=1)
    torn = replace(first, kafka=replace(first.kafka, views=views))

    assert missed(both(torn, other)).detail == "dev: 2 of 3 brokers serve; fenced: 0"


def test_of_two_releases_the_one_whose_broker_hangs_is_named():
    """The other one answers."""
    first = release("dev", labelled=True, cluster_id="A", leader=1)
    second = release("test", labelled=True, cluster_id="B", leader=1)
    views = (*second.kafka.views[:2], mute("test-2"))
    torn = replace(second, kafka=replace(second.kafka, views=views))

    assert missed(both(first, torn)).detail.startswith("test: 2 of 3 brokers serve; 2 (test-2)")
