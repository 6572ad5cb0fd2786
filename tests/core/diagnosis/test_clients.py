"""What a client's pod sees, beside what a broker's pod sees: whose fault it is, and from where."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.core.diagnosis import faults
from tests.core.diagnosis import graphs as g

from learnflow_kafka.core.diagnosis.causes import Cause
from learnflow_kafka.core.diagnosis.evidence import Evidence, Part, Skipped
from learnflow_kafka.core.diagnosis.objects import NetworkPolicy, Peer, PolicyRule, Selector
from learnflow_kafka.core.diagnosis.table import diagnose
from learnflow_kafka.core.findings import Status

BOTH = (g.CLIENT.name, "kafka-0")
SHUT = g.admitting(name="shut", pods=Selector(), ingress=(), types=("Ingress",))
FRIENDS = PolicyRule((Peer(pods=Selector()),))
KEPT_IN = g.admitting(
    namespace="shop", name="kept-in", pods=Selector(), types=("Egress",), egress=()
)


def from_both(**fault: str) -> Evidence:
    """An address that neither the broker's pod nor the client's reaches."""
    base = g.asked(2, **fault)
    bad = replace(base.probes[2], **fault)  # type: ignore[arg-type] # texts
    return replace(base, probes=(*base.probes[:2], bad, *base.probes[3:]))


def alone(evidence: Evidence) -> Evidence:
    """The same, where only the client's pod could be looked from."""
    mine = tuple(p for p in evidence.probes if p.place == g.CLIENT.name)
    return replace(evidence, probes=mine, resolvers=evidence.resolvers[1:])


def root(evidence: Evidence) -> Cause:
    """The first cause."""
    found = diagnose(evidence).root
    assert found is not None
    return found


def test_a_client_that_sees_what_a_broker_sees_is_silent():
    """Nothing is found where both reach everything."""
    found = diagnose(g.asked())

    assert g.rules(found) == []
    assert found.healthy()


@pytest.mark.parametrize(
    "fault",
    [faults.led_astray, faults.meshed, faults.kept_out, faults.other_server,
     faults.on_its_node, faults.names_kept_from_it],
)  # fmt: skip
def test_a_finding_about_a_client_shows_both_places(fault: Callable[[], Evidence]):
    """It is the only one; it names the client, and proves it by both."""
    found = diagnose(fault())
    cause = root(fault())
    proof = " ".join(map(str, cause.proof))

    assert len(found.causes) == 1
    assert all(place in cause.detail and place in proof for place in BOTH)


@pytest.mark.parametrize("fault", [faults.kept_out, faults.names_kept_from_it])
def test_what_only_the_client_tried_is_told_too(fault: Callable[[], Evidence]):
    """Without a broker's pod to look from there is nothing to compare with, and still a fault."""
    cause = root(alone(fault()))

    assert cause.rule == root(fault()).rule
    assert "kafka-0 " not in cause.detail
    assert cause.remedy is not None
    assert "ClusterFirst" not in cause.remedy.what


@pytest.mark.parametrize("fault", [{"refused": "no answer in 5 s"}, {"unresolved": "bad address"}])
def test_what_both_fail_at_is_not_the_clients_fault(fault: dict[str, str]):
    """The address is blamed once, and the finding says from where it fails."""
    found = diagnose(from_both(**fault))

    assert g.rules(found) == ["connect.advertised"]
    assert "from kafka-0 and shop/orders-0" in root(from_both(**fault)).detail


@pytest.mark.parametrize(
    ("fault", "policies"),
    [
        (faults.kept_out, (SHUT,)),
        (faults.kept_out, (g.admitting(), KEPT_IN)),
        (faults.names_kept_from_it, (g.admitting(), KEPT_IN)),
    ],
)
def test_a_policy_that_explains_it_is_the_cause(
    fault: Callable[[], Evidence], policies: tuple[NetworkPolicy, ...]
):
    """What the client's pod then fails at is its consequence."""
    found = diagnose(replace(fault(), policies=policies))

    assert found.root is not None
    assert found.root.rule == "network.blocked"
    mine = next(r for r in found.causes if r.cause.about[0] == "client/shop/orders-0")
    assert mine.of is not None
    assert mine.of.rule == "network.blocked"


@pytest.mark.parametrize(
    "policies", [(replace(SHUT, ingress=(FRIENDS,)),), (g.admitting(), KEPT_IN)]
)
def test_a_policy_that_nobody_enforces_is_a_warning(policies: tuple[NetworkPolicy, ...]):
    """The client reaches everything; it would not with another network plugin."""
    cause = root(replace(g.asked(), policies=policies))

    assert (cause.rule, cause.status) == ("network.blocked", Status.WARNING)
    assert "enforces no policies" in cause.detail


def test_a_dns_that_answers_nobody_is_the_cause():
    """Nobody resolves a name then, and the client is not blamed for it."""
    found = diagnose(replace(faults.names_kept_from_it(),
                             dns_endpoints=faults.no_dns().dns_endpoints))  # fmt: skip

    assert g.rules(found) == ["dns.broken"]
    assert found.root is not None
    assert "no endpoint" in found.root.detail


def test_the_way_out_is_what_the_pod_shows():
    """Its own aliases, its mesh's sidecar, its name server; else what no object tells."""
    ways = {
        faults.led_astray: f"take {g.address(1)} out of `hostAliases`",
        faults.meshed: "excludeOutboundPorts",
        faults.kept_out: "Cilium",
        faults.other_server: "dnsPolicy: ClusterFirst`",
        faults.on_its_node: "dnsPolicy: ClusterFirstWithHostNet`",
        faults.names_kept_from_it: "port 53",
    }

    for fault, words in ways.items():
        remedy = root(fault()).remedy
        assert remedy is not None
        assert words in remedy.what, fault.__name__


def test_a_client_that_nobody_could_look_from_is_not_checked():
    """The rules about it are not judged, which is no fault; the others are."""
    note = Skipped(Part.CLIENT, "it has neither bash, python3 nor nc", "kubectl debug")
    found = diagnose(g.healthy(client=g.CLIENT, skipped=(note,)))

    assert g.rules(found) == []
    assert [u.rule for u in found.unchecked] == ["dns.broken", "connect.client"]
    assert found.healthy(allow_unchecked=True)
    assert [f.status for f in found.report().findings] == [Status.NOT_CHECKED] * 2
