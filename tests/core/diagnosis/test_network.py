"""Network policies: each role with its own ports, address blocks, and ways out that only help."""

from dataclasses import replace
from typing import Any

import pytest
import yaml
from tests.core.diagnosis import graphs as g

from learnflow_kafka.adapters.kubernetes.objects import policy
from learnflow_kafka.core.diagnosis.causes import Cause
from learnflow_kafka.core.diagnosis.evidence import Client, Evidence
from learnflow_kafka.core.diagnosis.matching import selects
from learnflow_kafka.core.diagnosis.objects import (
    ContainerPort,
    NetworkPolicy,
    Peer,
    Pod,
    PolicyPort,
    PolicyRule,
    Selector,
)
from learnflow_kafka.core.diagnosis.table import diagnose
from learnflow_kafka.core.findings import Status

POD_NAME = "statefulset.kubernetes.io/pod-name"
CLIENT = Client("shop", "orders-0", {"app": "orders", "pod-template-hash": "5d9"}, "10.1.0.7")
DENY = g.admitting(name="default-deny", pods=Selector(), ingress=(), egress=())
LETS_IN = replace(DENY, types=("Egress",))
LETS_OUT = replace(DENY, types=("Ingress",))
NAMES = PolicyRule((), (PolicyPort("53", protocol="UDP"),))
INSIDE = tuple(PolicyPort(str(n)) for n in (9093, 9094))


def controller(number: int) -> Pod:
    """A dedicated controller, with the brokers' name and instance."""
    return g.pod(
        10 + number,
        name=f"kafka-controller-{number}",
        labels={**g.LABELS, "app.kubernetes.io/component": "controller"},
        owner="StatefulSet/kafka-controller",
        volumes=(),
        containers=(g.container(ports=(ContainerPort(9093, "controller"),)),),
    )


def dedicated(**changes: Any) -> Evidence:
    """Three brokers and three dedicated controllers."""
    base = g.healthy(**changes)
    return replace(base, pods=(*base.pods, *map(controller, range(3))))


def own_names(evidence: Evidence) -> Evidence:
    """The same, with the label that holds each pod's own name, as a StatefulSet sets it."""
    pods = (replace(p, labels={**p.labels, POD_NAME: p.name}) for p in evidence.pods)
    return replace(evidence, pods=tuple(pods))


def servers(*ports: int) -> Evidence:
    """Brokers and an ensemble whose servers name these ports; Kafka tells nothing of itself."""
    base = g.on_zookeeper()
    named = (g.container(name="zookeeper", ports=tuple(map(ContainerPort, ports))),)
    pods = (replace(p, containers=named) if "zookeeper" in p.name else p for p in base.pods)
    return replace(base, pods=tuple(pods), kafka=replace(base.kafka, cluster=None))


def blocked(evidence: Evidence) -> list[Cause]:
    """What the rule finds."""
    return [r.cause for r in diagnose(evidence).causes if r.cause.rule == "network.blocked"]


def printed(causes: list[Cause]) -> list[NetworkPolicy]:
    """The policies of their ways out."""
    manifests = (c.remedy.manifest for c in causes if c.remedy is not None)
    return [policy(yaml.safe_load(manifest or "")) for manifest in manifests]


SHUT = {
    "brokers and dedicated controllers": dedicated(policies=(DENY,)),
    "brokers by their own names": own_names(
        g.healthy(policies=(replace(DENY, pods=Selector({POD_NAME: "kafka-2"})),))
    ),
    "an ensemble": replace(servers(2181, 2888, 3888), policies=(DENY,)),
    "a client, where it comes from and where it goes": g.healthy(
        client=CLIENT, policies=(DENY, replace(DENY, namespace="shop"))
    ),
    "what comes in alone": dedicated(policies=(LETS_OUT,)),
    "what goes out alone": dedicated(policies=(LETS_IN,)),
}


@pytest.mark.parametrize("who", SHUT)
def test_the_printed_policies_heal_together(who: str):
    """Applied all at once they admit everything that was found to be shut out."""
    evidence = SHUT[who]
    ways_out = printed(blocked(evidence))

    assert len({(p.namespace, p.name) for p in ways_out}) == len(ways_out) > 0
    assert blocked(replace(evidence, policies=(*evidence.policies, *ways_out))) == []


@pytest.mark.parametrize("who", SHUT)
def test_a_printed_policy_selects_nothing_that_was_free(who: str):
    """A policy shuts in whatever it selects, in each direction that it limits."""
    evidence = SHUT[who]
    for added in printed(blocked(evidence)):
        for pod in evidence.pods:
            if pod.namespace == added.namespace and selects(added.pods, pod.labels):
                limits = {t for p in evidence.policies if selects(p.pods, pod.labels)
                          for t in p.types}  # fmt: skip
                assert set(added.types) <= limits, pod.name


def test_a_port_for_clients_is_opened_on_brokers_alone():
    """Dedicated controllers share the brokers' name and instance; they take no clients."""
    evidence = dedicated(policies=(LETS_OUT,))
    way_out = printed(blocked(evidence))[0]

    assert [p.port for rule in way_out.ingress for p in rule.ports] == ["9092"]
    assert {p.name for p in evidence.pods if selects(way_out.pods, p.labels)} == {
        "kafka-0", "kafka-1", "kafka-2",
    }  # fmt: skip


def test_a_port_of_dedicated_controllers_that_is_closed_is_named():
    """Controllers are judged by their own policies and port, and by who calls them."""
    mine = Selector({"app.kubernetes.io/component": "controller"})
    closed = g.admitting(name="quorum", pods=mine, types=("Ingress",), ingress=())
    (cause,) = blocked(dedicated(policies=(closed,)))

    assert "the controllers of kafka on port 9093" in cause.detail
    assert cause.about[1:] == ("quorum", "brokers")
    assert blocked(dedicated(policies=(closed, g.admitting()))) == []


def test_only_the_pods_that_a_policy_selects_are_blamed():
    """Pods of one role may have labels of their own; the others are not named."""
    third = replace(LETS_OUT, pods=Selector({POD_NAME: "kafka-2"}))
    causes = blocked(own_names(g.healthy(policies=(third,))))

    assert causes
    assert all("kafka-2" in c.detail and "kafka-1" not in c.detail for c in causes)


def test_servers_of_zookeeper_that_a_policy_shuts_are_named():
    """The ensemble suffers: brokers may not ask it, and its servers may not elect a leader."""
    evidence = servers(2181, 2888, 3888)
    mine = Selector({"app.kubernetes.io/name": "zookeeper"})
    closed = replace(evidence, policies=(replace(LETS_OUT, pods=mine),))
    causes = blocked(closed)

    assert [c.about[1:] for c in causes] == [("zookeeper",)] * 2
    assert "2181" in causes[0].detail
    assert "2888, 3888" in causes[1].detail


def test_the_ensemble_of_somebody_else_may_shut_out_brokers_that_need_none():
    """Brokers of a cluster in KRaft mode never ask the ZooKeeper beside them."""
    evidence = servers(2181, 2888, 3888)
    mine = Selector({"app.kubernetes.io/name": "zookeeper"})
    closed = replace(evidence, policies=(replace(LETS_OUT, pods=mine),), kafka=g.kafka())

    assert blocked(closed) == []


def release(name: str) -> Evidence:
    """Brokers of one of several releases, whose own policy admits that release alone."""
    labels = {**g.LABELS, "app.kubernetes.io/instance": name}
    own = Selector({"app.kubernetes.io/instance": name})
    rules = (PolicyRule((), (PolicyPort("9092"),)), PolicyRule((Peer(pods=own),), INSIDE))
    return g.healthy(
        pods=tuple(g.pod(n, name=f"{name}-{n}", labels=labels) for n in range(3)),
        policies=(g.admitting(name=name, pods=own, types=("Ingress",), ingress=rules),),
    )


def test_two_releases_may_shut_each_other_out():
    """Brokers of another cluster in the same namespace need not be admitted."""
    one, other = release("orders"), release("billing")
    both = replace(one, pods=(*one.pods, *other.pods), policies=(*one.policies, *other.policies))

    assert blocked(both) == []


def test_each_of_two_releases_gets_policies_of_its_own():
    """What is shut in together is admitted to its own cluster again, and no further."""
    one, other = release("orders"), release("billing")
    both = replace(one, pods=(*one.pods, *other.pods), policies=(LETS_OUT,))
    ways_out = printed(blocked(both))

    assert {p.name.split("-")[0] for p in ways_out} == {"orders", "billing"}
    assert blocked(replace(both, policies=(LETS_OUT, *ways_out))) == []
    assert all("app.kubernetes.io/instance" in p.pods.labels for p in ways_out)


def test_what_may_not_go_out_is_let_out_and_not_in():
    """A closed egress is opened by an egress rule."""
    causes = blocked(g.healthy(policies=(g.admitting(types=("Egress",), egress=(NAMES,)),)))
    (way_out,) = printed(causes)

    assert way_out.types == ("Egress",)
    assert {p.port for rule in way_out.egress for p in rule.ports} == {"53", "9093", "9094"}


def block(*peers: Peer, **changes: Any) -> Evidence:
    """Brokers to whom these peers are admitted on their own ports."""
    clients = PolicyRule((), (PolicyPort("9092"),))
    rules = (clients, PolicyRule(peers, INSIDE))
    return g.healthy(policies=(g.admitting(types=("Ingress",), ingress=rules),), **changes)


def test_a_block_that_holds_the_pods_addresses_admits_them():
    """10.0.0.0 to 10.0.0.2 are in 10.0.0.0/24, whatever else is excepted from it."""
    assert blocked(block(Peer(cidr="10.0.0.0/24", besides=("10.0.0.128/25",)))) == []


@pytest.mark.parametrize(
    "peer", [Peer(cidr="10.0.0.0/24", besides=("10.0.0.0/30",)), Peer(cidr="192.168.0.0/16")]
)
def test_a_block_without_the_pods_addresses_does_not(peer: Peer):
    """Other addresses, or those that are excepted from the block, are not admitted."""
    (cause,) = blocked(block(peer))

    assert cause.status is Status.FAILED
    assert "9093, 9094" in cause.detail


def test_an_address_that_is_not_known_is_a_warning():
    """A pod without an address may be within the block once it has one."""
    nowhere = tuple(g.pod(n, ip=None) for n in range(3))
    (cause,) = blocked(block(Peer(cidr="10.0.0.0/24"), pods=nowhere))

    assert cause.status is Status.WARNING
    assert "not known" in cause.detail


@pytest.mark.parametrize(
    ("ip", "status"),
    [("10.1.0.7", None), ("10.2.0.7", Status.FAILED), (None, Status.WARNING)],
)
def test_a_client_is_judged_by_its_address_too(ip: str | None, status: Status | None):
    """The client's own address counts where a rule names a block."""
    rule = PolicyRule((Peer(cidr="10.1.0.0/16"), Peer(pods=Selector())))
    evidence = g.healthy(
        client=replace(CLIENT, ip=ip),
        policies=(g.admitting(types=("Ingress",), ingress=(rule,)),),
    )

    assert [c.status for c in blocked(evidence)] == ([] if status is None else [status])
