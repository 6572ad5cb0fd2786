"""What looks like a fault and is none: rules stay silent there."""

from dataclasses import replace

import pytest
import yaml
from tests.core.diagnosis import faults
from tests.core.diagnosis import graphs as g

from learnflow_kafka.core.diagnosis.evidence import Client, Evidence
from learnflow_kafka.core.diagnosis.objects import (
    ContainerPort,
    Endpoints,
    Peer,
    PolicyPort,
    PolicyRule,
    Release,
    Requirement,
    Selector,
    StorageClass,
    Taint,
    Toleration,
)
from learnflow_kafka.core.diagnosis.signs import LogSign, Sign
from learnflow_kafka.core.diagnosis.table import diagnose
from learnflow_kafka.core.findings import Status

MINE = Taint("dedicated", "NoSchedule", "kafka")
FITTING = g.container(heap="-XX:MaxRAMPercentage=60")
ADMITTED = Client("shop", "orders-0", {"app": "orders"})


def late() -> StorageClass:
    """A class that waits for the pod."""
    return StorageClass("late", "csi.example.com", "WaitForFirstConsumer", default=True)


def young_claim() -> Evidence:
    """A claim that was made a second ago."""
    return replace(
        faults.nobody_provisions(),
        claims=(g.claim(2, phase="Pending", volume=None, created_ms=g.NOW - 1000),),
        pods=(),
        workloads=(),
        endpoints=(),
        services=(),
        drivers=("csi.example.com",),
        kafka=g.kafka(),
    )


SILENT = {
    "a taint that the pods tolerate": g.healthy(
        nodes=tuple(g.node(n, taints=(MINE,)) for n in range(3)),
        pods=tuple(
            g.pod(n, tolerations=(Toleration("dedicated", "Equal", "kafka", "NoSchedule"),))
            for n in range(3)
        ),
    ),
    "a claim without a class where there is a default one": g.healthy(
        claims=tuple(g.claim(n, storage_class=None) for n in range(3))
    ),
    "a claim that was made a second ago": young_claim(),
    "an old refusal, of a pod that is there by now": g.healthy(
        events=(g.event("StatefulSet", "kafka", "FailedCreate", "exceeded quota: all"),)
    ),
    "a line of a log from before the last start": g.healthy(
        logs=(LogSign("kafka-0", Sign.CLUSTER_ID, "InconsistentClusterIdException"),)
    ),
    "a container that was ended for its memory two days ago": faults.oom_over(2 * 24 * 60),
    "a heap that fits its limit": g.healthy(
        pods=tuple(g.pod(n, containers=(FITTING,)) for n in range(3))
    ),
    "a service without a selector": g.healthy(
        services=(g.service(), g.headless(), g.service(name="outside", selector={}))
    ),
    "endpoints of another service": g.healthy(
        endpoints=(*g.healthy().endpoints, Endpoints(g.SPACE, "elsewhere"))
    ),
    "a policy about other pods": g.healthy(
        policies=(g.admitting(pods=Selector({"app": "web"}), ingress=(), egress=()),)
    ),
    "a client that a policy admits": g.healthy(client=ADMITTED),
    "an upgrade that has just begun": g.healthy(
        releases=(Release(g.SPACE, "kafka", 2, "pending-upgrade", updated_ms=g.NOW - 5000),)
    ),
    "a voter that is half a second behind": g.healthy(
        kafka=g.kafka(quorum=g.quorum(voters={0: 900, 1: 899, 2: 850}))
    ),
    "a node without a kubelet that nobody uses": g.healthy(
        nodes=(*g.healthy().nodes, g.node(9, unschedulable=True))
    ),
    "no catalog": g.healthy(kafka=g.kafka(wanted=(), wanted_brokers=None)),
    "another name service than kube-dns": g.healthy(dns_service=None, dns_endpoints=None),
}  # fmt: skip


@pytest.mark.parametrize("what", SILENT)
def test_it_stays_silent(what: str):
    """Nothing is found where nothing is wrong, near to a fault as it may look."""
    assert g.rules(diagnose(SILENT[what])) == []


def test_storage_is_not_blamed_for_a_claim_that_waits_for_its_pod():
    """With late binding the pod's own reason comes first, and the claim is its consequence."""
    base = faults.tainted()
    waiting = g.claim(2, phase="Pending", storage_class="late", volume=None)
    found = diagnose(
        replace(base, claims=(*base.claims[:2], waiting), classes=(late(),), volumes=())
    )

    assert found.root is not None
    assert found.root.rule == "pending.taint"
    note = next(r for r in found.causes if r.cause.rule == "claim.waits_for_pod")
    assert note.of == found.root
    assert note.cause.status is Status.WARNING


def test_a_client_that_no_rule_admits_is_told_apart_from_one_that_is():
    """With a client's name the policy is judged for its own way, and says whom it keeps out."""
    stranger = Client("web", "cart-0", {"app": "cart"})
    root = diagnose(g.healthy(client=stranger)).root

    assert root is not None
    assert root.rule == "network.blocked"
    assert "web/cart-0" in root.detail
    assert root.remedy is not None
    assert root.remedy.manifest is not None
    assert "kubernetes.io/metadata.name: web" in root.remedy.manifest


def test_a_way_out_selects_no_pod_that_was_free():
    """A policy shuts in whatever it selects, so it selects what is shut in already."""
    mine = Selector({"app": "orders"}, (Requirement("tier", "In", ("back", "front")),))
    closed = g.admitting(namespace="shop", name="shut", pods=mine, types=("Egress",), egress=())
    client = Client("shop", "orders-0", {"app": "orders", "tier": "back"})
    root = diagnose(g.healthy(policies=(g.admitting(), closed), client=client)).root

    assert root is not None
    assert root.remedy is not None
    policy = yaml.safe_load(root.remedy.manifest or "")
    assert policy["spec"]["podSelector"] == {
        "matchLabels": {"app": "orders"},
        "matchExpressions": [{"key": "tier", "operator": "In", "values": ["back", "front"]}],
    }


def test_a_service_whose_pods_do_not_exist_is_not_taken_for_mistyped():
    """Its selector is that of a workload: why its pods are missing is another finding's word."""
    base = g.healthy()
    gone = replace(base, pods=(), endpoints=())

    assert "service.no_endpoints" not in g.rules(diagnose(gone))


def test_nothing_is_restarted_while_voters_are_missing():
    """A restart waits for a ready voter, and without a quorum there is none; else one by one."""
    base = replace(faults.leaderless(), services=(g.service(), g.headless()), logs=())
    # Whether they are ready says nothing: controllers are while their quorum commits.
    base = replace(base, workloads=tuple(replace(w, ready=0) for w in base.workloads))
    missing = replace(
        base, pods=(base.pods[0], *(replace(p, phase="Pending") for p in base.pods[1:]))
    )
    some, all_run = (
        next(r.cause for r in diagnose(e).causes if r.cause.rule == "quorum.no_leader")
        for e in (missing, base)
    )

    assert some.remedy is not None
    assert some.remedy.command is None
    assert all_run.remedy is not None
    assert str(all_run.remedy.command).startswith("kubectl delete pod")


@pytest.mark.parametrize("component", ["controller", "test"])
def test_who_never_calls_a_broker_on_its_own_ports_need_not_be_admitted_there(component: str):
    """A dedicated controller is called by brokers; the pod of `helm test` is a client."""
    base = g.healthy()
    name = {"controller": "kafka", "test": "kafka-test"}[component]
    ports = {"controller": (ContainerPort(9093, "controller"),), "test": ()}[component]
    labels = {"app.kubernetes.io/component": component, "app.kubernetes.io/name": name}
    container = g.container(ports=ports)
    other = g.pod(1, name="kafka-other", owner=None, labels=labels, containers=(container,))
    clients = PolicyRule((), (PolicyPort("9092"),))
    brokers = PolicyRule((Peer(pods=Selector(g.LABELS)),), (PolicyPort("9093"), PolicyPort("9094")))
    policy = g.admitting(pods=Selector(g.LABELS), ingress=(clients, brokers))
    found = diagnose(replace(base, pods=(g.pod(0), other), policies=(policy,)))

    assert "network.blocked" not in g.rules(found)


def test_a_client_whose_own_namespace_lets_nothing_out_is_named():
    """Egress at the client counts as much as ingress at the brokers."""
    closed = g.admitting(
        namespace="shop", name="no-egress", pods=Selector(), types=("Egress",), egress=()
    )
    root = diagnose(g.healthy(policies=(g.admitting(), closed), client=ADMITTED)).root

    assert root is not None
    assert "no-egress" in root.detail
    assert "DNS" in root.detail


def test_rules_of_a_policy_add_up():
    """A policy that denies all is no fault beside one that admits: their union counts."""
    deny = g.admitting(name="default-deny", pods=Selector(), ingress=(), egress=())
    found = diagnose(g.healthy(policies=(deny, g.admitting())))

    assert g.rules(found) == []


def test_a_peer_without_a_namespace_is_of_the_policys_own():
    """A pod selector alone admits nobody of another namespace."""
    here = PolicyRule((Peer(pods=Selector({"app": "orders"})),))
    found = diagnose(g.healthy(policies=(g.admitting(ingress=(here,)),), client=ADMITTED))

    assert found.root is not None
    assert found.root.rule == "network.blocked"
