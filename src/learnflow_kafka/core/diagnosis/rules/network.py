"""Network policies that keep clients, brokers or names apart."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.diagnosis import causes
from learnflow_kafka.core.diagnosis.causes import Cause, Proof, Remedy, Safety
from learnflow_kafka.core.diagnosis.matching import selects
from learnflow_kafka.core.diagnosis.objects import Selector
from learnflow_kafka.core.diagnosis.roles import KAFKA_PORT, Role, main_container, pods_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from learnflow_kafka.core.diagnosis.evidence import Evidence
    from learnflow_kafka.core.diagnosis.objects import (
        NetworkPolicy,
        Peer,
        Pod,
        PolicyPort,
        PolicyRule,
    )

INGRESS: Final = "Ingress"
EGRESS: Final = "Egress"
DNS_PORT: Final = 53
INTERNAL_PORTS: Final = frozenset({9090, 9091, 9093, 9094})
"""Between brokers and controllers: ours, Bitnami's and Strimzi's."""

_NOT_ENFORCED: Final = "whether policies are enforced depends on the cluster's network plugin"
_NAME_LABEL: Final = "kubernetes.io/metadata.name"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a connection comes from or goes to: a pod, by its labels and its namespace's."""

    namespace: str
    labels: Mapping[str, str]
    namespace_labels: Mapping[str, str]


def blocked(evidence: Evidence) -> Iterator[Cause]:
    """
    A network policy admits nobody to the brokers, or keeps them apart, or closes DNS.

    Looks at the policies that select the brokers: a pod that any policy selects takes only
    what some rule admits (the union of all rules), so a policy with an empty `podSelector` and
    no rule admits nobody. With `--client NAMESPACE/POD` it judges that client's own way:
    ingress at the brokers, egress at the client, and DNS.

    Way out: the smallest policy that admits the flow, printed as YAML. Whether policies are
    enforced depends on the cluster's network plugin, which no API tells.
    """
    brokers = pods_of(evidence, Role.BROKER)
    if not brokers or not evidence.policies:
        return
    broker = brokers[0]
    port = _client_port(broker)
    yield from _nobody_admitted(broker, port, evidence)
    yield from _apart(broker, evidence)
    yield from _names_closed(broker, evidence)
    yield from _client(broker, port, evidence)


def _nobody_admitted(broker: Pod, port: int, evidence: Evidence) -> Iterator[Cause]:
    policies = _selecting(broker, INGRESS, evidence)
    if not policies:
        return
    open_ = [r for p in policies for r in p.ingress if _port_open(r.ports, port, broker)]
    if open_:
        return
    names = ", ".join(p.name for p in policies)
    yield Cause(
        "network.blocked",
        (causes.policy(policies[0].name), causes.CONNECTIONS, _listeners(broker)),
        f"no rule admits anybody to port {port} of the brokers: {names} "
        f"select{'s' * (len(policies) == 1)} them, and what is not admitted is denied",
        tuple(proof for p in policies for proof in _policy(p)),
        _admit(broker, port, "clients", {}),
    )


def _apart(broker: Pod, evidence: Evidence) -> Iterator[Cause]:
    """Brokers and controllers that may not speak to each other; no controller calls a broker."""
    container = main_container(broker)
    ports = sorted({p.number for p in container.ports} & INTERNAL_PORTS) if container else []
    peers = [p for p in pods_of(evidence, Role.BROKER) if p.name != broker.name]
    if not peers or not ports:
        return
    here = _place(broker, evidence)
    for direction in (INGRESS, EGRESS):
        policies = _selecting(broker, direction, evidence)
        closed = [
            port
            for port in ports
            if policies
            and not _admitted(policies, direction, _place(peers[0], evidence), port, broker)
        ]
        if closed:
            names = ", ".join(p.name for p in policies)
            yield Cause(
                "network.blocked",
                (causes.policy(policies[0].name), causes.QUORUM, causes.BROKERS),
                f"{names} keep{'s' * (len(policies) == 1)} brokers and controllers apart: "
                f"{direction.lower()} on port {', '.join(map(str, closed))} is not admitted",
                tuple(proof for p in policies for proof in _policy(p)),
                _admit(broker, closed[0], "brokers", here.labels),
            )
            return


def _names_closed(broker: Pod, evidence: Evidence) -> Iterator[Cause]:
    policies = _selecting(broker, EGRESS, evidence)
    if not policies or _dns_open(policies, broker):
        return
    names = ", ".join(p.name for p in policies)
    yield Cause(
        "network.blocked",
        (causes.policy(policies[0].name), causes.DNS),
        f"{names} close{'s' * (len(policies) == 1)} DNS to the brokers: no egress rule admits "
        f"port {DNS_PORT}",
        tuple(proof for p in policies for proof in _policy(p)),
        _let_out(Selector(_kafka_labels(broker)), broker.namespace),
    )


def _client(broker: Pod, port: int, evidence: Evidence) -> Iterator[Cause]:
    """The way of the one client that was asked about."""
    client = evidence.client
    if client is None:
        return
    place = Place(client.namespace, client.labels, _labels_of(client.namespace, evidence))
    incoming = _selecting(broker, INGRESS, evidence)
    if incoming and not _admitted(incoming, INGRESS, place, port, broker):
        names = ", ".join(p.name for p in incoming)
        yield Cause(
            "network.blocked",
            (causes.policy(incoming[0].name), causes.CONNECTIONS),
            f"no rule admits {client.namespace}/{client.pod} to port {port} of the brokers "
            f"({names})",
            (
                *(proof for p in incoming for proof in _policy(p)),
                Proof(
                    f"pod {client.namespace}/{client.pod}", "metadata.labels", _shown(client.labels)
                ),
            ),
            _admit(broker, port, client.namespace, client.labels, client.namespace),
        )
    outgoing = tuple(
        p
        for p in evidence.policies
        if p.namespace == client.namespace and EGRESS in p.types and selects(p.pods, client.labels)
    )
    closed = [] if not outgoing else [
        what
        for what, fine in (
            (f"port {port} of the brokers",
             _admitted(outgoing, EGRESS, _place(broker, evidence), port, broker)),
            (f"DNS (port {DNS_PORT})", _dns_open(outgoing, broker)),
        )
        if not fine
    ]  # fmt: skip
    if closed:
        yield Cause(
            "network.blocked",
            (causes.policy(outgoing[0].name), causes.CONNECTIONS),
            f"{', '.join(p.name for p in outgoing)} in {client.namespace} let no traffic of "
            f"{client.pod} out to {' and '.join(closed)}",
            tuple(proof for p in outgoing for proof in _policy(p)),
            _let_out(outgoing[0].pods, client.namespace, port),
        )


def _selecting(pod: Pod, direction: str, evidence: Evidence) -> tuple[NetworkPolicy, ...]:
    return tuple(
        p
        for p in evidence.policies
        if p.namespace == pod.namespace and direction in p.types and selects(p.pods, pod.labels)
    )


def _admitted(
    policies: tuple[NetworkPolicy, ...], direction: str, peer: Place, port: int, target: Pod
) -> bool:
    """Whether the union of the policies' rules admits a peer on a port of `target`."""
    return any(
        _port_open(rule.ports, port, target) and _peer_admitted(rule, peer, policy.namespace)
        for policy in policies
        for rule in (policy.ingress if direction == INGRESS else policy.egress)
    )


def _dns_open(policies: tuple[NetworkPolicy, ...], pod: Pod) -> bool:
    return any(
        not rule.ports or any(_covers(p, DNS_PORT, pod) for p in rule.ports)
        for policy in policies
        for rule in policy.egress
    )


def _peer_admitted(rule: PolicyRule, peer: Place, home: str) -> bool:
    return not rule.peers or any(_is_peer(p, peer, home) for p in rule.peers)


def _is_peer(wanted: Peer, peer: Place, home: str) -> bool:
    if wanted.cidr is not None:
        return False  # a pod's address changes: no rule for a pod
    if wanted.namespaces is None:
        if peer.namespace != home:
            return False
    elif not selects(wanted.namespaces, peer.namespace_labels):
        return False
    return wanted.pods is None or selects(wanted.pods, peer.labels)


def _port_open(ports: tuple[PolicyPort, ...], number: int, pod: Pod) -> bool:
    return not ports or any(p.protocol == "TCP" and _covers(p, number, pod) for p in ports)


def _covers(port: PolicyPort, number: int, pod: Pod) -> bool:
    if port.port is None:
        return True
    if port.port.isdecimal():
        return int(port.port) <= number <= (port.end or int(port.port))
    named = (p for c in pod.containers for p in c.ports if p.name == port.port)
    return any(p.number == number for p in named)


def _client_port(broker: Pod) -> int:
    container = main_container(broker)
    numbers = [p.number for p in container.ports] if container else []
    return KAFKA_PORT if KAFKA_PORT in numbers or not numbers else numbers[0]


def _place(pod: Pod, evidence: Evidence) -> Place:
    return Place(pod.namespace, pod.labels, _labels_of(pod.namespace, evidence))


def _labels_of(namespace: str, evidence: Evidence) -> Mapping[str, str]:
    known = next((n.labels for n in evidence.namespaces if n.name == namespace), {})
    return {_NAME_LABEL: namespace, **known}


def _listeners(broker: Pod) -> str:
    return causes.listener(broker.name)


def _policy(policy: NetworkPolicy) -> Iterator[Proof]:
    name = f"networkpolicy {policy.name}"
    yield Proof(name, "spec.podSelector", _shown(policy.pods.labels) or "all pods")
    yield Proof(name, "spec.policyTypes", ", ".join(policy.types))
    for direction, rules in ((INGRESS, policy.ingress), (EGRESS, policy.egress)):
        if direction in policy.types:
            yield Proof(name, f"spec.{direction.lower()}", f"{len(rules)} rules")


def _shown(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{k}={v}" for k, v in sorted(labels.items()))


def _admit(
    broker: Pod, port: int, who: str, labels: Mapping[str, str], namespace: str | None = None
) -> Remedy:
    """The smallest policy that admits pods with these labels (any, without) to a port."""
    kept = {k: v for k, v in labels.items() if k.startswith("app")} or dict(labels)
    peer = "        - podSelector:\n" + _match(kept, "            ") if labels else (
        "        - podSelector: {}\n          namespaceSelector: {}\n"
    )  # fmt: skip
    if namespace is not None:
        peer += (
            "          namespaceSelector:\n            matchLabels:\n"
            f"              {_NAME_LABEL}: {namespace}\n"
        )
    return Remedy(
        f"admit {who} to port {port}; {_NOT_ENFORCED}",
        Safety.ASKS,
        manifest=(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n"
            f"  name: kafka-admit-{port}\n  namespace: {broker.namespace}\nspec:\n"
            "  podSelector:\n"
            + _match(_kafka_labels(broker), "    ")
            + "  policyTypes: [Ingress]\n"
            f"  ingress:\n    - from:\n{peer}      ports:\n        - port: {port}\n"
        ),
    )


def _let_out(pods: Selector, namespace: str, port: int | None = None) -> Remedy:
    """For pods that a policy limits already: it would shut in whatever else it selected."""
    flow = "" if port is None else f"    - ports:\n        - port: {port}\n"
    return Remedy(
        f"let names be asked, and Kafka be reached; {_NOT_ENFORCED}",
        Safety.ASKS,
        manifest=(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n"
            f"  name: admit-dns\n  namespace: {namespace}\nspec:\n  podSelector:"
            + _selector(pods, "    ")
            + "  policyTypes: [Egress]\n  egress:\n    - ports:\n        - port: 53\n"
            f"          protocol: UDP\n        - port: 53\n          protocol: TCP\n{flow}"
        ),
    )


def _kafka_labels(broker: Pod) -> Mapping[str, str]:
    ours = {k: v for k, v in broker.labels.items() if k in _STABLE}
    return ours or {
        k: v for k, v in broker.labels.items() if "revision" not in k and "statefulset" not in k
    }


_STABLE: Final = frozenset({"app.kubernetes.io/name", "app.kubernetes.io/instance", "app"})


def _selector(pods: Selector, indent: str) -> str:
    if not pods.labels and not pods.requirements:
        return " {}\n"
    lines = "\n" + (_match(pods.labels, indent) if pods.labels else "")
    if pods.requirements:
        lines += f"{indent}matchExpressions:\n"
    for wanted in pods.requirements:
        values = f", values: {json.dumps(list(wanted.values))}" if wanted.values else ""
        lines += f"{indent}  - {{key: {wanted.key}, operator: {wanted.operator}{values}}}\n"
    return lines


def _match(labels: Mapping[str, str], indent: str) -> str:
    lines = "".join(f"{indent}  {k}: {json.dumps(v)}\n" for k, v in sorted(labels.items()))
    return f"{indent}matchLabels:\n{lines}"
