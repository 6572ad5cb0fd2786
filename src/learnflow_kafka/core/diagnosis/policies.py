"""Kubernetes' own rules of network policies: who admits whom, and policies as YAML."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.diagnosis.matching import selects

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from learnflow_kafka.core.diagnosis.evidence import Evidence
    from learnflow_kafka.core.diagnosis.objects import (
        NetworkPolicy,
        Peer,
        Pod,
        PolicyPort,
        PolicyRule,
        Selector,
    )

INGRESS: Final = "Ingress"
EGRESS: Final = "Egress"
DNS_PORT: Final = 53
_NAME_LABEL: Final = "kubernetes.io/metadata.name"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a connection comes from or goes to: a pod's labels, its namespace's, its address."""

    namespace: str
    labels: Mapping[str, str]
    namespace_labels: Mapping[str, str]
    ip: str | None


def place(pod: Pod, evidence: Evidence) -> Place:
    """A pod as policies see it."""
    return Place(pod.namespace, pod.labels, labels_of(pod.namespace, evidence), pod.ip)


def labels_of(namespace: str, evidence: Evidence) -> Mapping[str, str]:
    """A namespace's labels; its name is one of them in any case."""
    known = next((n.labels for n in evidence.namespaces if n.name == namespace), {})
    return {_NAME_LABEL: namespace, **known}


def limiting(
    namespace: str, labels: Mapping[str, str], direction: str, evidence: Evidence
) -> tuple[NetworkPolicy, ...]:
    """The policies that limit a pod in a direction; where there are any, only rules admit."""
    return tuple(
        p
        for p in evidence.policies
        if p.namespace == namespace and direction in p.types and selects(p.pods, labels)
    )


def admitted(
    policies: Iterable[NetworkPolicy], direction: str, peer: Place, port: int, target: Pod
) -> bool | None:
    """
    Whether the union of the policies' rules admits a peer on a port of `target`.

    None: an address block decides, and the peer's address is not known.
    """
    return _any(
        _peer_admitted(rule, peer, policy.namespace)
        for policy in policies
        for rule in (policy.ingress if direction == INGRESS else policy.egress)
        if port_open(rule.ports, port, target)
    )


def names_open(policies: Iterable[NetworkPolicy], pod: Pod) -> bool:
    """Whether some egress rule admits DNS, whoever answers it."""
    return any(
        not rule.ports or any(_covers(p, DNS_PORT, pod) for p in rule.ports)
        for policy in policies
        for rule in policy.egress
    )


def port_open(ports: tuple[PolicyPort, ...], number: int, pod: Pod) -> bool:
    """Whether a rule with these ports (none: all) is about a port of the pod."""
    return not ports or any(p.protocol == "TCP" and _covers(p, number, pod) for p in ports)


def entry(pods: Selector, namespace: str | None = None) -> str:
    """A peer of a rule as YAML: these pods, of the policy's own namespace or another."""
    return "        - podSelector:" + _selector(pods, "            ") + (
        "" if namespace is None else
        "          namespaceSelector:\n            matchLabels:\n"
        f"              {_NAME_LABEL}: {namespace}\n"
    )  # fmt: skip


EVERYBODY: Final = "        - podSelector: {}\n          namespaceSelector: {}\n"
"""A peer of a rule as YAML: every pod of every namespace."""


def letting_in(name: str, namespace: str, pods: Selector, ports: Sequence[int], peers: str) -> str:
    """A policy as YAML that admits `peers` (entries) to ports of these pods."""
    return (
        _head(name, namespace, pods)
        + f"  policyTypes: [Ingress]\n  ingress:\n    - from:\n{peers}      ports:\n"
        + _ports(ports)
    )


def letting_out(name: str, namespace: str, pods: Selector, ports: Sequence[int]) -> str:
    """A policy as YAML that lets these pods ask for names, and call these ports."""
    flow = f"    - ports:\n{_ports(ports)}" if ports else ""
    return (
        _head(name, namespace, pods) + "  policyTypes: [Egress]\n  egress:\n    - ports:\n"
        f"        - port: {DNS_PORT}\n          protocol: UDP\n"
        f"        - port: {DNS_PORT}\n          protocol: TCP\n{flow}"
    )


def _any(verdicts: Iterable[bool | None]) -> bool | None:
    """True if any is, else None if any is unknown."""
    unknown = False
    for verdict in verdicts:
        if verdict:
            return True
        unknown = unknown or verdict is None
    return None if unknown else False


def _peer_admitted(rule: PolicyRule, peer: Place, home: str) -> bool | None:
    return not rule.peers or _any(_is_peer(p, peer, home) for p in rule.peers)


def _is_peer(wanted: Peer, peer: Place, home: str) -> bool | None:
    if wanted.cidr is not None:
        return _in_block(wanted.cidr, wanted.besides, peer.ip)
    if wanted.namespaces is None:
        if peer.namespace != home:
            return False
    elif not selects(wanted.namespaces, peer.namespace_labels):
        return False
    return wanted.pods is None or selects(wanted.pods, peer.labels)


def _in_block(cidr: str, besides: Iterable[str], ip: str | None) -> bool | None:
    """Whether an address is in a block and not in those that are excepted from it."""
    try:
        address = ipaddress.ip_address(ip or "")
        inside, *outside = (ipaddress.ip_network(c, strict=False) for c in (cidr, *besides))
    except ValueError:
        return None
    return address in inside and not any(address in block for block in outside)


def _covers(port: PolicyPort, number: int, pod: Pod) -> bool:
    if port.port is None:
        return True
    if port.port.isdecimal():
        return int(port.port) <= number <= (port.end or int(port.port))
    named = (p for c in pod.containers for p in c.ports if p.name == port.port)
    return any(p.number == number for p in named)


def _head(name: str, namespace: str, pods: Selector) -> str:
    return (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n"
        f"  name: {name}\n  namespace: {namespace}\nspec:\n  podSelector:"
    ) + _selector(pods, "    ")


def _ports(ports: Sequence[int]) -> str:
    return "".join(f"        - port: {port}\n" for port in ports)


def _selector(pods: Selector, indent: str) -> str:
    if not pods.labels and not pods.requirements:
        return " {}\n"
    lines = "\n"
    if pods.labels:
        lines += f"{indent}matchLabels:\n"
    for key, value in sorted(pods.labels.items()):
        lines += f"{indent}  {key}: {json.dumps(value)}\n"
    if pods.requirements:
        lines += f"{indent}matchExpressions:\n"
    for wanted in pods.requirements:
        values = f", values: {json.dumps(list(wanted.values))}" if wanted.values else ""
        lines += f"{indent}  - {{key: {wanted.key}, operator: {wanted.operator}{values}}}\n"
    return lines
