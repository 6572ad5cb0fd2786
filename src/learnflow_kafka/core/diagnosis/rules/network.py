"""Network policies that keep clients, Kafka's own pods or names apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.diagnosis import causes, policies
from learnflow_kafka.core.diagnosis.causes import Cause, Proof, Remedy, Safety
from learnflow_kafka.core.diagnosis.objects import Selector
from learnflow_kafka.core.diagnosis.policies import DNS_PORT, EGRESS, INGRESS, Place
from learnflow_kafka.core.diagnosis.roles import (
    KAFKA_PORT,
    ZOOKEEPER_PORT,
    Role,
    cluster_of,
    main_container,
    pods_of,
)
from learnflow_kafka.core.findings import Status
from learnflow_kafka.core.observed import Metadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from learnflow_kafka.core.diagnosis.evidence import Client, Evidence
    from learnflow_kafka.core.diagnosis.objects import NetworkPolicy, Pod

INTERNAL_PORTS: Final = frozenset({9090, 9091, 9093, 9094})
"""Between brokers and controllers: ours, Bitnami's and Strimzi's."""

ENSEMBLE_PORTS: Final = frozenset({2888, 3888})
"""Between servers of ZooKeeper."""

_NOT_ENFORCED: Final = "whether policies are enforced depends on the cluster's network plugin"
_UNLESS: Final = ", unless by an address that is not known"
_IN_VAIN: Final = ", yet everything answers there: the network plugin enforces no policies"
_FLEETING: Final = re.compile(r"revision|hash|pod-name|pod-index|version|chart")
"""Labels of one pod or of one version: a policy that names them soon fits nobody."""

_CALLED: Final = {
    Role.BROKER: "brokers",
    Role.CONTROLLER: "controllers",
    Role.ZOOKEEPER: "ZooKeeper's servers",
}


@dataclass(frozen=True, slots=True)
class Flow:
    """Who calls whom within Kafka, and on which of the called pod's ports."""

    callers: tuple[Role, ...]
    target: Role
    ports: frozenset[int]


FLOWS: Final = (
    Flow((Role.BROKER,), Role.BROKER, INTERNAL_PORTS),
    Flow((Role.BROKER, Role.CONTROLLER), Role.CONTROLLER, INTERNAL_PORTS),
    Flow((Role.BROKER,), Role.ZOOKEEPER, frozenset({ZOOKEEPER_PORT})),
    Flow((Role.ZOOKEEPER,), Role.ZOOKEEPER, ENSEMBLE_PORTS),
)
"""No controller calls a broker."""


@dataclass(frozen=True, slots=True)
class Limited:
    """
    Pods of one role in one cluster that the same policies limit in one direction.

    `whole` where they are all that the cluster has of this role.
    """

    role: Role
    direction: str
    pods: tuple[Pod, ...]
    policies: tuple[NetworkPolicy, ...]
    whole: bool

    @property
    def cluster(self) -> str | None:
        """The cluster that they are of."""
        return cluster_of(self.pods[0].labels)

    @property
    def called(self) -> str:
        """The pods in a sentence: by their role if they are all of it, else by their names."""
        of = f" of {self.cluster}" if self.cluster else ""
        names = ", ".join(p.name for p in self.pods)
        return f"the {_CALLED[self.role]}{of}" if self.whole else names

    @property
    def slug(self) -> str:
        """What a policy for these pods is named after: no two of them may replace each other."""
        return f"{self.cluster or 'kafka'}-{self.role}" if self.whole else self.pods[0].name

    def fellows(self, roles: Iterable[Role], evidence: Evidence) -> dict[Role, tuple[Pod, ...]]:
        """The pods of these roles in the same cluster, as far as there are any."""
        found = {
            role: tuple(p for p in pods_of(evidence, role) if cluster_of(p.labels) == self.cluster)
            for role in roles
        }
        return {role: pods for role, pods in found.items() if pods}

    def admits(self, peer: Place, port: int, target: Pod) -> bool | None:
        """Whether a peer is admitted on a port of `target`; None: its address is not known."""
        return policies.admitted(self.policies, self.direction, peer, port, target)

    def selector(self) -> Selector:
        """
        What these pods have in common, within what the first policy selects.

        A policy shuts in whatever it selects, so nothing may be selected that was free.
        """
        first = self.policies[0].pods
        return Selector({**_shared(p.labels for p in self.pods), **first.labels},
                        first.requirements)  # fmt: skip


def blocked(evidence: Evidence) -> Iterator[Cause]:
    """
    A network policy admits nobody to the brokers, or keeps Kafka's pods apart, or closes DNS.

    Looks at the policies that select brokers, dedicated controllers and ZooKeeper, each with
    its own ports: a pod that any policy selects takes only what some rule admits (the union of
    all rules), so a policy with an empty `podSelector` and no rule admits nobody. A rule for an
    address block (`ipBlock`) is judged by the pods' addresses; where one is not known, the
    finding is a warning. With `--client NAMESPACE/POD` it judges that client's own way:
    ingress at the brokers, egress at the client, and DNS; a warning where that pod was tried
    from and everything answered.

    Way out: the smallest policy that admits the flow, printed as YAML; it selects only pods
    that are shut in already. Whether policies are enforced depends on the cluster's network
    plugin, which no API tells.
    """
    if not evidence.policies:
        return
    for limited in _limited(Role.BROKER, INGRESS, evidence):
        yield from _nobody_admitted(limited, evidence.client)
    for flow in FLOWS:
        yield from _apart(flow, evidence)
    for role in _CALLED:
        for limited in _limited(role, EGRESS, evidence):
            yield from _names_closed(limited)
    if evidence.client is not None:
        yield from _shut_out(evidence.client, evidence)
        yield from _shut_in(evidence.client, evidence)


def _nobody_admitted(limited: Limited, client: Client | None) -> Iterator[Cause]:
    broker = limited.pods[0]
    port = _client_port(broker)
    rules = (r for p in limited.policies for r in p.ingress)
    if any(policies.port_open(r.ports, port, broker) for r in rules):
        return
    yield Cause(
        "network.blocked",
        (
            causes.policy(limited.policies[0].name),
            causes.CONNECTIONS,
            *(causes.listener(p.name) for p in limited.pods),
            *((causes.client(client.name),) if client is not None else ()),
        ),
        f"no rule admits anybody to port {port} of {limited.called}: "
        f"{_verb(limited.policies, 'select')} them, and what is not admitted is denied",
        _proof(limited.policies),
        _admit(limited, [port], "clients", policies.EVERYBODY),
    )


def _apart(flow: Flow, evidence: Evidence) -> Iterator[Cause]:
    """Pods of one cluster that may not speak to each other, by ingress here or egress there."""
    if flow.target is Role.ZOOKEEPER and not _on_zookeeper(evidence):
        return
    for limited in _limited(flow.target, INGRESS, evidence):
        callers = limited.fellows(flow.callers, evidence)
        pairs = ((c, t, c) for mine in callers.values() for c in mine for t in limited.pods)
        if closed := _closed(flow, limited, pairs, evidence):
            who = " and ".join(_CALLED[role] for role in callers)
            peers = "".join(
                policies.entry(Selector(_shared(p.labels for p in mine)))
                for mine in callers.values()
            )
            remedy = _admit(limited, sorted(closed), who, peers)
            yield _kept_apart(flow, limited, closed, remedy)
    for role in flow.callers:
        for limited in _limited(role, EGRESS, evidence):
            targets = limited.fellows([flow.target], evidence)
            pairs = ((c, t, t) for c in limited.pods for t in targets.get(flow.target, ()))
            if closed := _closed(flow, limited, pairs, evidence):
                home = limited.pods[0].namespace
                out = _let_out(limited.slug, home, limited.selector(), sorted(closed))
                yield _kept_apart(flow, limited, closed, out)


def _closed(
    flow: Flow, limited: Limited, pairs: Iterable[tuple[Pod, Pod, Pod]], evidence: Evidence
) -> dict[int, bool | None]:
    """Ports on which a caller does not reach a target (False) or may not (None), by the peer."""
    found: dict[int, bool | None] = {}
    for caller, target, peer in pairs:
        if caller.name == target.name:
            continue
        for port in sorted(_ports(target) & flow.ports):
            verdict = limited.admits(policies.place(peer, evidence), port, target)
            if verdict is None:
                found.setdefault(port, None)
            elif not verdict:
                found[port] = False
    return found


def _kept_apart(
    flow: Flow, limited: Limited, closed: Mapping[int, bool | None], remedy: Remedy
) -> Cause:
    sure = False in closed.values()
    kafka = flow.target is not Role.ZOOKEEPER
    whom = "brokers and controllers" if kafka else "brokers and ZooKeeper"
    return Cause(
        "network.blocked",
        (
            causes.policy(limited.policies[0].name),
            *((causes.QUORUM, causes.BROKERS) if kafka else (causes.ZOOKEEPER,)),
        ),
        f"{_verb(limited.policies, 'keep')} {whom} apart: {limited.direction.lower()} of "
        f"{limited.called} on port {', '.join(map(str, sorted(closed)))} is not admitted"
        f"{_UNLESS * (not sure)}",
        _proof(limited.policies),
        remedy,
        Status.FAILED if sure else Status.WARNING,
    )


def _names_closed(limited: Limited) -> Iterator[Cause]:
    if policies.names_open(limited.policies, limited.pods[0]):
        return
    yield Cause(
        "network.blocked",
        (causes.policy(limited.policies[0].name), causes.DNS),
        f"{_verb(limited.policies, 'close')} DNS to {limited.called}: no egress rule admits "
        f"port {DNS_PORT}",
        _proof(limited.policies),
        _let_out(limited.slug, limited.pods[0].namespace, limited.selector()),
    )


def _shut_out(client: Client, evidence: Evidence) -> Iterator[Cause]:
    """Brokers that do not let the client in that was asked about."""
    peer, open_ = _place(client, evidence), _reaches_all(client, evidence)
    for limited in _limited(Role.BROKER, INGRESS, evidence):
        broker = limited.pods[0]
        port = _client_port(broker)
        verdict = limited.admits(peer, port, broker)
        if verdict:
            continue
        yield Cause(
            "network.blocked",
            (
                causes.policy(limited.policies[0].name),
                causes.CONNECTIONS,
                causes.client(client.name),
            ),
            f"no rule admits {client.name} to port {port} of {limited.called} "
            f"({_names(limited.policies)}){_UNLESS * (verdict is None)}{_IN_VAIN * open_}",
            (
                *_proof(limited.policies),
                Proof(f"pod {client.name}", "metadata.labels", _shown(client.labels)),
            ),
            _admit(
                limited,
                [port],
                client.namespace,
                policies.entry(Selector(_shared([client.labels])), client.namespace),
                f"-{client.pod}",
            ),
            Status.WARNING if verdict is None or open_ else Status.FAILED,
        )


def _shut_in(client: Client, evidence: Evidence) -> Iterator[Cause]:
    """Policies of the client's own namespace that let it reach no broker, or no name."""
    outgoing = policies.limiting(client.namespace, client.labels, EGRESS, evidence)
    brokers = pods_of(evidence, Role.BROKER)
    if not outgoing or not brokers:
        return
    verdicts = {
        f"port {_client_port(b)} of {b.name}": policies.admitted(
            outgoing, EGRESS, policies.place(b, evidence), _client_port(b), b
        )
        for b in brokers
    }
    if not policies.names_open(outgoing, brokers[0]):
        verdicts[f"DNS (port {DNS_PORT})"] = False
    closed = {what: verdict for what, verdict in verdicts.items() if not verdict}
    if closed:
        sure, open_ = False in closed.values(), _reaches_all(client, evidence)
        yield Cause(
            "network.blocked",
            (
                causes.policy(outgoing[0].name),
                causes.CONNECTIONS,
                causes.client(client.name),
            ),
            f"{_names(outgoing)} in {client.namespace} let no traffic of {client.pod} out to "
            f"{' and '.join(closed)}{_UNLESS * (not sure)}{_IN_VAIN * open_}",
            _proof(outgoing),
            _let_out(
                client.pod,
                client.namespace,
                outgoing[0].pods,
                sorted({_client_port(b) for b in brokers}),
            ),
            Status.FAILED if sure and not open_ else Status.WARNING,
        )


def _reaches_all(client: Client, evidence: Evidence) -> bool:
    """Whether the client's pod was tried from, and everything answered."""
    mine = [p for p in evidence.probes if p.place == client.name]
    return bool(mine) and not any(p.unresolved or p.refused for p in mine)


def _limited(role: Role, direction: str, evidence: Evidence) -> Iterator[Limited]:
    """The pods of a role that policies limit, by the policies: their labels may differ."""
    everyone = pods_of(evidence, role)
    found: dict[tuple[str | None, ...], list[Pod]] = {}
    for pod in everyone:
        mine = policies.limiting(pod.namespace, pod.labels, direction, evidence)
        key = (cluster_of(pod.labels), pod.namespace, *(p.name for p in mine))
        found.setdefault(key, []).append(pod)
    for pods in found.values():
        first = pods[0]
        mine = policies.limiting(first.namespace, first.labels, direction, evidence)
        if mine:
            whole = sum(cluster_of(p.labels) == cluster_of(first.labels) for p in everyone) == len(
                pods
            )
            yield Limited(role, direction, tuple(pods), mine, whole)


def _on_zookeeper(evidence: Evidence) -> bool:
    """Whether these brokers call the ensemble, as far as is known: it may be somebody else's."""
    cluster = evidence.kafka.cluster
    return cluster is None or cluster.metadata is Metadata.ZOOKEEPER


def _ports(pod: Pod) -> frozenset[int]:
    container = main_container(pod)
    return frozenset(p.number for p in container.ports) if container else frozenset()


def _client_port(broker: Pod) -> int:
    container = main_container(broker)
    numbers = [p.number for p in container.ports] if container else []
    return KAFKA_PORT if KAFKA_PORT in numbers or not numbers else numbers[0]


def _place(client: Client, evidence: Evidence) -> Place:
    labels = policies.labels_of(client.namespace, evidence)
    return Place(client.namespace, client.labels, labels, client.ip)


def _shared(labels: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The lasting labels that all of several pods have."""
    first, *others = labels
    return {
        k: v
        for k, v in first.items()
        if not _FLEETING.search(k) and all(other.get(k) == v for other in others)
    }


def _names(found: tuple[NetworkPolicy, ...]) -> str:
    return ", ".join(p.name for p in found)


def _verb(found: tuple[NetworkPolicy, ...], verb: str) -> str:
    return f"{_names(found)} {verb}{'s' * (len(found) == 1)}"


def _proof(found: tuple[NetworkPolicy, ...]) -> tuple[Proof, ...]:
    return tuple(proof for p in found for proof in _policy(p))


def _policy(policy: NetworkPolicy) -> Iterator[Proof]:
    name = f"networkpolicy {policy.name}"
    yield Proof(name, "spec.podSelector", _shown(policy.pods.labels) or "all pods")
    yield Proof(name, "spec.policyTypes", ", ".join(policy.types))
    for direction, rules in ((INGRESS, policy.ingress), (EGRESS, policy.egress)):
        if direction in policy.types:
            yield Proof(name, f"spec.{direction.lower()}", f"{len(rules)} rules")


def _shown(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{k}={v}" for k, v in sorted(labels.items()))


def _admit(limited: Limited, ports: list[int], who: str, peers: str, suffix: str = "") -> Remedy:
    """The smallest policy that admits peers to ports of the pods that are shut in."""
    listed = ", ".join(map(str, ports))
    name = f"{limited.slug}-admit-{listed.replace(', ', '-')}{suffix}"
    return Remedy(
        f"admit {who} to port {listed}; {_NOT_ENFORCED}",
        Safety.ASKS,
        manifest=policies.letting_in(
            name, limited.pods[0].namespace, limited.selector(), ports, peers
        ),
    )


def _let_out(whose: str, namespace: str, pods: Selector, ports: list[int] | None = None) -> Remedy:
    """For pods that a policy limits already: it would shut in whatever else it selected."""
    listed = "-".join(map(str, ports)) if ports else "dns"
    return Remedy(
        f"let names be asked{', and Kafka be reached' * bool(ports)}; {_NOT_ENFORCED}",
        Safety.ASKS,
        manifest=policies.letting_out(f"{whose}-let-out-{listed}", namespace, pods, ports or []),
    )
