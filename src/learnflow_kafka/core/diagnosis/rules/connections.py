"""Clients that time out: services, advertised addresses, names."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.attempts import Attempt
from learnflow_kafka.core.diagnosis import causes
from learnflow_kafka.core.diagnosis.causes import Cause, Proof, Remedy, Safety
from learnflow_kafka.core.diagnosis.evidence import Part
from learnflow_kafka.core.diagnosis.matching import has_labels
from learnflow_kafka.core.diagnosis.roles import KAFKA_PORT, Role, called, ready, role
from learnflow_kafka.core.diagnosis.signs import Sign
from learnflow_kafka.core.findings import Status
from learnflow_kafka.core.suggest import mistyped, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from learnflow_kafka.core.diagnosis.evidence import Client, Evidence, Probe
    from learnflow_kafka.core.diagnosis.objects import Endpoints, Pod, Service, Workload

BOOTSTRAP: Final = "bootstrap"
BALANCER_GRACE_MS: Final = 120_000
"""What a cloud may take to give a new Service its load balancer."""

MESHES: Final = frozenset({"istio-proxy", "linkerd-proxy", "kuma-sidecar", "consul-dataplane"})
"""Containers that take over all connections of their pod."""

_MOST: Final = 4
"""Addresses that a finding quotes as its proof."""

_POD_NAME: Final = "statefulset.kubernetes.io/pod-name"
_ORDINAL: Final = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a sign tells of a client's protocol, in words with the brokers' names in them."""

    sign: Sign
    what: str
    way_out: str
    settings: str | None = None
    status: Status = Status.FAILED


_GIVE: Final = (
    "give the client the listener's protocol and credentials: --command-config FILE for Kafka's "
    "tools, `security.protocol` for programs"
)
_SASL: Final = "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-512\n"
_SPOKEN: Final = (
    Spoken(Sign.SASL_PLAINTEXT, "clients speak plaintext to a SASL port of {}", _GIVE, _SASL),
    Spoken(
        Sign.TLS_PLAINTEXT,
        "clients speak plaintext to a TLS port of {}",
        _GIVE,
        "security.protocol=SSL\n",
    ),
    Spoken(
        Sign.PLAINTEXT_TLS,
        "clients speak TLS to a plaintext port of {}",
        f"{_GIVE}; or let it connect to a port with TLS",
        "security.protocol=PLAINTEXT\n",
    ),
    Spoken(
        Sign.SASL_OTHER,
        "somebody speaks another protocol, TLS perhaps, to a SASL port of {}",
        _GIVE,
        _SASL,
        Status.WARNING,
    ),
    Spoken(
        Sign.TLS_FAILED,
        "TLS handshakes fail at {}: a certificate is not trusted or does not fit the name, or a "
        "client speaks plaintext",
        "the client's own error tells which: give it the authority that signed the broker's "
        "certificate and a name that stands in it, or `security.protocol=SSL`",
        status=Status.WARNING,
    ),
)


def no_endpoints(evidence: Evidence) -> Iterator[Cause]:
    """
    Nothing stands behind a Service, for one of three reasons.

    Looks at the Service's `spec.selector` against pod labels (a typing mistake: the differing
    label is named), at its EndpointSlices (pods match and are not ready: the fault is theirs),
    and at `targetPort` against the containers' ports. A Service is not blamed where a workload
    makes the pods that it selects, and they are not there: scaled to 0, or kept from being made.

    Way out: the label or the port that differs, as a command where one value was mistyped; for
    unready pods, their own finding.
    """
    by_name = {(e.namespace, e.service): e for e in evidence.endpoints}
    for service in evidence.services:
        if not service.selector or service.type == "ExternalName":
            continue
        members = [
            p
            for p in evidence.pods
            if p.namespace == service.namespace and has_labels(service.selector, p.labels)
        ]
        found = by_name.get((service.namespace, service.name))
        if not members:
            yield from _selects_nothing(service, evidence)
        elif wrong := tuple(_wrong_ports(service, members)):
            yield _other_port(service, members, wrong)
        elif found is not None and not any(e.ready for e in found.endpoints):
            yield _unready(service, members, found)


def advertised(evidence: Evidence) -> Iterator[Cause]:
    """
    A broker answers at the first address, and the address that it advertises leads nowhere.

    Looks at the table from bootstrap to advertised address of every broker, each tried from
    the same place: name and connection. What a client's pod alone does not reach is another
    finding, `connect.client`. Clients use the bootstrap address only to ask where
    the brokers are ("Timed out waiting for a node assignment" is what the tools say). Also
    looks for brokers that say that somebody speaks plaintext on a SASL or TLS port.

    Way out: advertise an address that clients can reach; from a laptop, `learnflow connect`.
    """
    ours = _without_client(evidence).probes
    reached = {p.place for p in ours if p.purpose == BOOTSTRAP and not _fault(p)}
    for probe in ours:
        if probe.purpose == BOOTSTRAP or probe.place not in reached or _fault(probe) is None:
            continue
        failing = [p for p in evidence.probes if _same(p, probe) and _fault(p)]
        rows = [p for p in evidence.probes if p.place == probe.place or p in failing]
        yield Cause(
            "connect.advertised",
            (causes.listener(probe.host.partition(".")[0]), causes.CONNECTIONS),
            f"{probe.purpose} advertises {probe.host}:{probe.port}, which "
            f"{_fault(probe)} from {' and '.join(p.place for p in failing)}",
            tuple(
                _row(p)
                for p in sorted(rows, key=lambda p: (_fault(p) is None, p.purpose != BOOTSTRAP))
            ),
            Remedy(
                "set the advertised listener to a name that resolves and a port that is open "
                "there; from a machine outside the cluster, connect to all brokers at once",
                Safety.ASKS,
                f"learnflow connect --namespace {evidence.namespace}"
                if evidence.namespace
                else None,
            ),
        )


def client(evidence: Evidence) -> Iterator[Cause]:
    """
    A client's pod gets no connection to an address that a broker's pod reaches.

    With `--client NAMESPACE/POD` the bootstrap and every advertised address are tried from that
    pod too, by whatever its container has: bash, python3 or nc. What both fail at is no fault
    of the client's. Looks at the pod's `hostAliases`, which lead a name past DNS, and for the
    sidecar of a mesh; a NetworkPolicy that explains it comes first, as the cause.

    Way out: what stands between, as far as the pod shows it. It may be what no object of
    Kubernetes' own tells: the network plugin's own policies, a firewall, a namespace's egress.
    """
    pairs = [(p, o) for p, o in _of_client(evidence) if p.refused and not (o and _fault(o))]
    asked = evidence.client
    if not pairs or asked is None:
        return
    place = next((f", which {o.place} reaches" for _, o in pairs if o is not None), "")
    yield Cause(
        "connect.client",
        (causes.client(asked.name),),
        f"{asked.name} has no connection to {', '.join(p.purpose for p, _ in pairs)}{place}: "
        f"{', '.join(dict.fromkeys(p.refused or '' for p, _ in pairs))}",
        (
            *(_row(probe) for pair in pairs[:_MOST] for probe in pair if probe is not None),
            *(
                Proof(f"pod {asked.name}", f"spec.hostAliases[{host}]", asked.aliases[host])
                for host in _astray(asked, pairs)
            ),
            *(Proof(f"pod {asked.name}", "container", name) for name in _meshes(asked)),
        ),
        _let_through(asked, pairs),
    )


def wrong_protocol(evidence: Evidence) -> Iterator[Cause]:
    """
    Somebody speaks another protocol than the port that it connects to.

    Looks at the brokers' logs: plaintext on a SASL port ("Unexpected Kafka request of type
    METADATA during SASL handshake") or a TLS port ("Unsupported or unrecognized SSL message"),
    TLS on a plaintext port (a request of 369295617 bytes: how a TLS hello begins). The client
    sees a time-out or a disconnect, never the reason. "SSL handshake failed" says only that: a
    certificate that is not trusted looks the same as plaintext, so it is a warning.

    Way out: the listener's protocol and credentials in the client, or another port.
    """
    for spoken in _SPOKEN:
        told = {s.pod: s for s in evidence.logs if s.sign is spoken.sign}
        if spoken.sign is Sign.TLS_FAILED:
            sure = {s.pod for s in evidence.logs if s.sign is Sign.TLS_PLAINTEXT}
            told = {pod: sign for pod, sign in told.items() if pod not in sure}
        if told:
            yield Cause(
                "connect.protocol",
                ("client protocol",),
                spoken.what.format(", ".join(told)),
                tuple(Proof(called(evidence, pod), "log", s.line) for pod, s in told.items()),
                Remedy(spoken.way_out, manifest=spoken.settings),
                spoken.status,
            )


def dns(evidence: Evidence) -> Iterator[Cause]:
    """
    Names do not resolve, for one of four reasons.

    Looks at the cluster's DNS Service and its endpoints (nobody answers), at a pod's
    `resolv.conf` against the names that are used (another cluster domain than
    `cluster.local`), and at egress policies (port 53 is closed). Names are tried from a
    broker's pod, as a client there would; with `--client NAMESPACE/POD` from that pod too.
    Where a name resolves for the broker's pod and not for the client's, the fault is the
    client's: its `dnsPolicy` and `dnsConfig`, or a policy about DNS.
    """
    ours = _without_client(evidence)
    unresolved = [p for p in ours.probes if p.unresolved]
    endpoints = evidence.dns_endpoints
    server = evidence.dns_service
    if (
        server is not None
        and endpoints is not None
        and not any(e.ready for e in endpoints.endpoints)
    ):
        yield Cause(
            "dns.broken",
            (causes.DNS,),
            f"the cluster's DNS has no endpoint: nobody answers behind {server.name}",
            (
                Proof(
                    f"service {server.namespace}/{server.name}",
                    "endpoints ready",
                    f"0 of {len(endpoints.endpoints)}",
                ),
                *(_unresolved(p) for p in unresolved[:3]),
            ),
            Remedy(
                "start the cluster's DNS again",
                Safety.ASKS,
                f"kubectl get pods -n {server.namespace} -l k8s-app=kube-dns",
            ),
        )  # fmt: skip
        return
    yield from _wrong_domain(ours, unresolved)
    yield from _nameless(evidence)


def external(evidence: Evidence) -> Iterator[Cause]:
    """
    A Service for clients outside the cluster has no address.

    Looks at `status.loadBalancer.ingress` of Services of type LoadBalancer: empty means that
    no controller serves them (a cluster without a cloud needs one, such as MetalLB). A Service
    that was made less than two minutes ago is not judged: clouds take that long.
    """
    for service in evidence.services:
        if service.type != "LoadBalancer" or service.ingress or _young(service, evidence):
            continue
        notes = [
            e.message for e in evidence.events if e.kind == "Service" and e.name == service.name
        ]
        yield Cause(
            "external.no_address",
            (causes.service(f"{service.name} from outside"),),
            f"service {service.name} waits for a load balancer: nobody gave it an address",
            (
                Proof(f"service {service.name}", "status.loadBalancer.ingress", "empty"),
                *(
                    Proof(
                        f"service {service.name}",
                        f"spec.ports[{p.name or p.port}].nodePort",
                        str(p.node_port or "none"),
                    )
                    for p in service.ports
                ),
                *(Proof(f"service {service.name}", "event", note) for note in notes[-1:]),
            ),
            Remedy(
                "install a load balancer's controller, or use NodePort with an advertised address "
                "a broker; for yourself, `learnflow connect` needs neither",
                Safety.ASKS,
                f"learnflow connect --namespace {evidence.namespace}",
            ),
        )


def _young(service: Service, evidence: Evidence) -> bool:
    made = service.created_ms
    return made is not None and evidence.taken_ms - made < BALANCER_GRACE_MS


def _selects_nothing(service: Service, evidence: Evidence) -> Iterator[Cause]:
    """A selector that matches no pod, while there are pods that look meant."""
    alone = service.selector.get(_POD_NAME)
    if alone is not None and evidence.missing(Part.WORKLOADS):
        return  # nobody knows whether a StatefulSet makes this pod
    if any(_awaits(service, w) for w in evidence.workloads):
        return  # it is right, and its pods are not there: their own findings say why
    best = _most_alike(service, evidence)
    if best is None:
        return
    differing = {k: v for k, v in service.selector.items() if best.labels.get(k) != v}
    told = ", ".join(
        f"{k}={v} (pod {best.name} has {best.labels.get(k, 'no such label')})"
        for k, v in differing.items()
    )
    governs = any(w.service == service.name for w in evidence.workloads)
    yield Cause(
        "service.no_endpoints",
        (causes.service(service.name), *((causes.QUORUM, causes.ZOOKEEPER) if governs else ())),
        f"service {service.name} selects no pod: {told}",
        tuple(
            Proof(f"service {service.name}", f"spec.selector[{k}]", v)
            for k, v in differing.items()
        )
        + tuple(
            Proof(f"pod {best.name}", f"metadata.labels[{k}]", best.labels.get(k, "absent"))
            for k in differing
        ),
        _corrected(service, differing, best),
    )  # fmt: skip


def _awaits(service: Service, workload: Workload) -> bool:
    """Whether the service's pods are this workload's, or will be once it wants them again."""
    wanted = dict(service.selector)
    alone = wanted.pop(_POD_NAME, None)
    return (
        workload.namespace == service.namespace
        and wanted.items() <= workload.pod_labels.items()
        and (alone is None or _makes(workload, alone))
    )


def _makes(workload: Workload, pod: str) -> bool:
    """Whether a StatefulSet wants a pod of this name; scaled to 0, it stopped on purpose."""
    name, _, number = pod.rpartition("-")
    if workload.kind != "StatefulSet" or name != workload.name or not _ORDINAL.fullmatch(number):
        return False
    return workload.wanted == 0 or int(number) < workload.wanted


def _most_alike(service: Service, evidence: Evidence) -> Pod | None:
    """The pod whose labels are nearest to what the service selects."""
    near: list[tuple[int, Pod]] = []
    for pod in evidence.pods:
        if pod.namespace != service.namespace:
            continue
        same = sum(pod.labels.get(k) == v for k, v in service.selector.items())
        like = sum(
            nearest(v, [pod.labels.get(k, "")]) is not None for k, v in service.selector.items()
        )
        if same or like:
            near.append((2 * same + like, pod))
    return max(near, key=lambda n: n[0])[1] if near else None


def _corrected(service: Service, differing: Mapping[str, str], pod: Pod) -> Remedy:
    """A command where one value was mistyped; what else differs may be meant."""
    (key, wrong), *others = differing.items()
    right = pod.labels.get(key, "")
    if others or key == _POD_NAME or service.labels.get(key) == wrong or not mistyped(wrong, right):
        return Remedy(
            "make the selector and the labels of the pods that are meant the same", Safety.ASKS
        )
    return Remedy(
        "correct the selector, if these pods are the ones that are meant",
        Safety.ASKS,
        f"kubectl patch service {service.name} -n {service.namespace} --type merge "
        f'-p \'{{"spec":{{"selector":{{"{key}":"{right}"}}}}}}\'',
    )


def _wrong_ports(service: Service, members: list[Pod]) -> Iterator[tuple[int, str]]:
    """Ports whose target no container of the pods has: the place in the list, and the target."""
    named = {
        str(name)
        for pod in members
        for c in pod.containers
        for port in c.ports
        for name in (port.number, port.name)
        if name is not None
    }
    numbers = {p.number for pod in members for c in pod.containers for p in c.ports}
    for index, port in enumerate(service.ports):
        # A number need not be named by a container; it is suspicious where all others are.
        if port.target in named or (port.target.isdigit() and not numbers):
            continue
        if port.target.isdigit() and not any(role(p) is not Role.OTHER for p in members):
            continue
        yield index, port.target


def _other_port(service: Service, members: list[Pod], wrong: tuple[tuple[int, str], ...]) -> Cause:
    ports = {
        p.number: p.name or ""
        for pod in members
        for c in pod.containers
        for p in c.ports
        if not c.init
    }
    there = ", ".join(f"{number} {name}".strip() for number, name in sorted(ports.items()))
    index, target = wrong[0]
    meant = _meant_port(service.ports[index].port, target, ports)
    return Cause(
        "service.no_endpoints",
        (causes.service(service.name),),
        f"service {service.name} sends port {service.ports[index].port} to {target}, which no "
        f"container has: there are {there or 'none'}",
        (
            Proof(f"service {service.name}", f"spec.ports[{index}].targetPort", target),
            Proof(f"pod {members[0].name}", "spec.containers[].ports", there or "none"),
        ),
        Remedy(
            "correct the target port",
            Safety.SAFE,
            f"kubectl patch service {service.name} -n {service.namespace} --type json -p "
            f'\'[{{"op":"replace","path":"/spec/ports/{index}/targetPort","value":{meant}}}]\''
            if meant is not None
            else None,
        ),
    )


def _meant_port(port: int, target: str, ports: dict[int, str]) -> int | None:
    if port in ports:
        return port
    near = nearest(target, [name for name in ports.values() if name])
    found = next((number for number, name in ports.items() if name and name == near), None)
    if found is None and KAFKA_PORT in ports:
        return KAFKA_PORT
    return found if found is not None else next(iter(sorted(ports)), None)


def _unready(service: Service, members: list[Pod], found: Endpoints) -> Cause:
    names = ", ".join(p.name for p in members if not ready(p)) or ", ".join(p.name for p in members)
    return Cause(
        "service.no_endpoints",
        (causes.service(service.name),),
        f"service {service.name} has no ready pod behind it: {names}",
        (
            Proof(
                f"service {service.name}",
                "endpointslice endpoints[].conditions.ready",
                f"0 of {len(found.endpoints)}",
            ),
            *(Proof(f"pod {p.name}", "status.phase", p.phase) for p in members if not ready(p)),
        ),
        Remedy(
            "follow the pods",
            Safety.SAFE,
            f"kubectl describe pod {members[0].name} -n {service.namespace}",
        ),
    )


def _without_client(evidence: Evidence) -> Evidence:
    """The evidence but for what the client's pod sees."""
    name = evidence.client.name if evidence.client is not None else None
    return replace(
        evidence,
        probes=tuple(p for p in evidence.probes if p.place != name),
        resolvers=tuple(r for r in evidence.resolvers if r.pod != name),
    )


def _of_client(evidence: Evidence) -> Iterator[tuple[Probe, Probe | None]]:
    """What the client's pod tried, each beside the same address from elsewhere, if it was tried."""
    ours = _without_client(evidence).probes
    for probe in evidence.probes:
        if probe not in ours:
            yield probe, next((p for p in ours if _same(p, probe)), None)


def _same(one: Probe, other: Probe) -> bool:
    return (one.host, one.port) == (other.host, other.port)


def _row(probe: Probe) -> Proof:
    where = f"{probe.host}:{probe.port} from {probe.place}"
    return Proof(probe.purpose, where, _fault(probe) or "reachable")


def _astray(asked: Client, pairs: list[tuple[Probe, Probe | None]]) -> list[str]:
    """The names among these that the pod's own `hostAliases` lead somewhere."""
    return [host for host in asked.aliases if any(p.host == host for p, _ in pairs)]


def _meshes(asked: Client) -> list[str]:
    return [name for name in asked.containers if name in MESHES]


def _let_through(asked: Client, pairs: list[tuple[Probe, Probe | None]]) -> Remedy:
    """What stands between, the surest first."""
    spec = f"kubectl get pod -n {asked.namespace} {asked.pod} -o yaml"
    if astray := _astray(asked, pairs):
        return Remedy(
            f"take {', '.join(astray)} out of `hostAliases` in the template of the pod, so that "
            "DNS answers for it",
            Safety.ASKS,
            spec,
        )
    if meshes := _meshes(asked):
        port = pairs[0][0].port
        return Remedy(
            f"let Kafka's port past the mesh's sidecar ({', '.join(meshes)}), by an annotation of "
            f'the pod: traffic.sidecar.istio.io/excludeOutboundPorts: "{port}" for Istio, '
            f'config.linkerd.io/skip-outbound-ports: "{port}" for Linkerd',
            Safety.ASKS,
            spec,
        )
    return Remedy(
        "look at what else may stand between: the network plugin's own policies (Calico's, "
        f"Cilium's), a firewall, the egress of namespace {asked.namespace}",
        Safety.SAFE,
        "kubectl api-resources --no-headers | grep -i polic",
    )


def _nameless(evidence: Evidence) -> Iterator[Cause]:
    """Names that the client's pod alone does not resolve."""
    pairs = [(p, o) for p, o in _of_client(evidence) if p.unresolved and not (o and o.unresolved)]
    asked = evidence.client
    if not pairs or asked is None:
        return
    place = next((f", and do in {o.place}" for _, o in pairs if o is not None), "")
    names = ", ".join(dict.fromkeys(p.host for p, _ in pairs))
    yield Cause(
        "dns.broken",
        (causes.client(asked.name),),
        f"in {asked.name} names do not resolve{place}: {names} ({pairs[0][0].unresolved})",
        (
            *(_unresolved(p) for p, _ in pairs[:_MOST]),
            *(Proof(o.host, f"name, from {o.place}", "resolves") for _, o in pairs[:_MOST] if o),
            Proof(f"pod {asked.name}", "spec.dnsPolicy", asked.dns_policy or "not set"),
            *(
                Proof(f"pod {r.pod}", "resolv.conf nameserver", " ".join(r.servers) or "none")
                for r in evidence.resolvers
            ),
        ),
        _name_again(asked, evidence),
    )


def _name_again(asked: Client, evidence: Evidence) -> Remedy:
    """By what the pod's name servers have in common with those of a broker's pod."""
    mine, theirs = (
        {server for r in evidence.resolvers if (r.pod == asked.name) is own for server in r.servers}
        for own in (True, False)
    )
    spec = f"kubectl get pod -n {asked.namespace} {asked.pod} -o yaml"
    if asked.host_network and asked.dns_policy == "ClusterFirst":
        return Remedy(
            "on its node's network a pod asks the cluster's DNS only with "
            "`dnsPolicy: ClusterFirstWithHostNet` in its template",
            Safety.ASKS,
            spec,
        )
    if theirs and mine.isdisjoint(theirs):
        return Remedy(
            "let it ask the cluster's DNS: `dnsPolicy: ClusterFirst` in the template of the pod, "
            "and no other name server in its `dnsConfig`",
            Safety.ASKS,
            spec,
        )
    return Remedy(
        "it asks the same name server: look whether a policy closes port 53 for it, also one of "
        "the network plugin's own (Calico's, Cilium's)",
        Safety.SAFE,
        f"kubectl get networkpolicy -n {asked.namespace}",
    )


def _fault(probe: Probe) -> str | None:
    return Attempt(probe.unresolved, probe.refused).fault


def _wrong_domain(evidence: Evidence, unresolved: list[Probe]) -> Iterator[Cause]:
    """Names that end in another cluster domain than the pods' own."""
    domains = {
        s.removeprefix("svc.") for r in evidence.resolvers for s in r.search if s.startswith("svc.")
    }
    for probe in unresolved:
        _, found, used = probe.host.partition(".svc.")
        if not found or not domains or used in domains:
            continue
        domain = min(domains)
        yield Cause(
            "dns.broken",
            (causes.DNS, causes.listener(probe.host.partition(".")[0])),
            f"{probe.host} ends in {used}, and the cluster's domain is {domain}",
            (
                Proof(probe.purpose, "name", probe.host),
                *(Proof(f"pod {r.pod}", "resolv.conf search", " ".join(r.search))
                  for r in evidence.resolvers[:1]),
            ),
            Remedy(f"set the cluster domain to {domain} (in the chart: `clusterDomain`)",
                   Safety.ASKS),
        )  # fmt: skip
        return
    if unresolved and not any(p.unresolved is None for p in evidence.probes):
        yield Cause(
            "dns.broken",
            (causes.DNS,),
            f"no name resolves from {unresolved[0].place}: {unresolved[0].unresolved}",
            tuple(_unresolved(p) for p in unresolved[:4])
            + tuple(Proof(f"pod {r.pod}", "resolv.conf nameserver", " ".join(r.servers) or "none")
                    for r in evidence.resolvers[:1]),
            Remedy(
                "look whether a network policy closes port 53, and at the cluster's DNS",
                Safety.SAFE,
                "kubectl get pods -n kube-system -l k8s-app=kube-dns",
            ),
        )  # fmt: skip


def _unresolved(probe: Probe) -> Proof:
    return Proof(probe.host, f"name, from {probe.place}", probe.unresolved or "")
