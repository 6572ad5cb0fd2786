"""
The API's JSON as the values that a diagnosis looks at.

Made for whatever a cluster holds: a field that is missing or odd is left out, and nothing is
kept that could be a secret. Of a container's environment only the settings in `SETTINGS` stay,
and of its Java options only the one that sizes the heap.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, Final

from learnflow_kafka.core.diagnosis import objects as ours
from learnflow_kafka.core.diagnosis.amounts import amount
from learnflow_kafka.core.diagnosis.evidence import Client
from learnflow_kafka.core.diagnosis.installations import RELEASE
from learnflow_kafka.core.diagnosis.signs import LONGEST, blotted, heap_option

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from learnflow_kafka.adapters.kubernetes.client import Object

SETTINGS: Final = frozenset({
    "CLUSTER_ID", "KAFKA_CLUSTER_ID", "KAFKA_LOG_DIRS", "KAFKA_ADVERTISED_LISTENERS",
    "KAFKA_LISTENERS", "KAFKA_PROCESS_ROLES", "KAFKA_CONTROLLER_QUORUM_VOTERS",
    "KAFKA_ZOOKEEPER_CONNECT", "ZOO_SERVERS", "ZOO_MY_ID", "NODE_CLUSTER_ID",
    "NODE_VOTERS",
})  # fmt: skip
_HEAP_FROM: Final = (
    "JAVA_TOOL_OPTIONS", "KAFKA_OPTS", "KAFKA_HEAP_OPTS", "HEAP_OPTS", "JVMFLAGS",
    "SERVER_JVMFLAGS", "NODE_HEAP_OPTS",
)  # fmt: skip
_ANNOTATIONS: Final = ("learnflow-kafka/", RELEASE)
_DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
_DEFAULT_CLASS: Final = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)


def node(found: Object) -> ours.Node:
    """A node, without what is requested of it: that takes all pods."""
    spec, status = _part(found, "spec"), _part(found, "status")
    return ours.Node(
        name=_name(found),
        labels=_labels(found),
        taints=tuple(
            ours.Taint(str(t.get("key") or ""), str(t.get("effect") or ""), _text(t.get("value")))
            for t in _list(spec, "taints")
        ),
        conditions=_conditions(status),
        allocatable=_amounts(_part(status, "allocatable")),
        unschedulable=bool(spec.get("unschedulable")),
    )


def pod(found: Object) -> ours.Pod:
    """A pod with its containers."""
    meta, spec, status = _part(found, "metadata"), _part(found, "spec"), _part(found, "status")
    affinity = _part(spec, "affinity")
    owners = _list(meta, "ownerReferences")
    return ours.Pod(
        namespace=_namespace(found),
        name=_name(found),
        labels=_labels(found),
        owner=f"{owners[0].get('kind')}/{owners[0].get('name')}" if owners else None,
        node=_text(spec.get("nodeName")) or None,
        phase=str(status.get("phase") or "Pending"),
        reason=_text(status.get("reason")),
        conditions=_conditions(status),
        containers=tuple(_containers(spec, status)),
        node_selector=_strings(_part(spec, "nodeSelector")),
        node_terms=_node_terms(
            _part(_part(affinity, "nodeAffinity"), "requiredDuringSchedulingIgnoredDuringExecution")
        ),
        tolerations=tuple(
            ours.Toleration(
                _text(t.get("key")),
                str(t.get("operator") or "Equal"),
                _text(t.get("value")),
                _text(t.get("effect")),
            )
            for t in _list(spec, "tolerations")
        ),
        away=_apart(_part(affinity, "podAntiAffinity")),
        together=_apart(_part(affinity, "podAffinity")),
        spread=tuple(
            ours.Apart(
                str(s.get("topologyKey") or ""),
                _selector(_part(s, "labelSelector")),
                _whole(s.get("maxSkew")) or 1,
            )
            for s in _list(spec, "topologySpreadConstraints")
            if s.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule"
        ),
        volumes=tuple(
            ours.PodVolume(
                str(v.get("name") or ""),
                _text(_part(v, "persistentVolumeClaim").get("claimName")),
            )
            for v in _list(spec, "volumes")
        ),
        pull_secrets=tuple(str(s.get("name") or "") for s in _list(spec, "imagePullSecrets")),
        ip=_text(status.get("podIP")),
        host_network=bool(spec.get("hostNetwork")),
        service_links=spec.get("enableServiceLinks") is not False,
        created_ms=millis(meta.get("creationTimestamp")),
        deleted_ms=millis(meta.get("deletionTimestamp")),
    )


def client(found: Object) -> Client:
    """A pod whose connections are asked about."""
    spec, it = _part(found, "spec"), pod(found)
    running = [c for c in it.containers if c.running]
    own = [c.name for c in running if not c.init]
    default = _annotations(found).get(_DEFAULT_CONTAINER)
    return Client(
        namespace=it.namespace,
        pod=it.name,
        labels=it.labels,
        ip=it.ip,
        runs=default if default in own else next(iter(own), None),
        containers=tuple(c.name for c in running),
        dns_policy=_text(spec.get("dnsPolicy")),
        host_network=it.host_network,
        aliases={
            name: str(alias.get("ip") or "")
            for alias in _list(spec, "hostAliases")
            for name in _words(alias, "hostnames")
        },
    )


def _containers(spec: Object, status: Object) -> Iterable[ours.Container]:
    states = {
        str(s.get("name")): s
        for part in ("initContainerStatuses", "containerStatuses")
        for s in _list(status, part)
    }
    for part, init in (("initContainers", True), ("containers", False)):
        for found in _list(spec, part):
            yield _container(found, states.get(str(found.get("name")), {}), init=init)


def _container(found: Object, told: Object, *, init: bool) -> ours.Container:
    resources, state = _part(found, "resources"), _part(told, "state")
    plain = {
        str(e.get("name")): str(e["value"])
        for e in _list(found, "env")
        if isinstance(e.get("value"), str)
    }
    heaps = [heap_option(plain.get(name)) for name in _HEAP_FROM]
    return ours.Container(
        name=_name(found, "name"),
        image=str(found.get("image") or ""),
        requests=_amounts(_part(resources, "requests")),
        limits=_amounts(_part(resources, "limits")),
        ports=tuple(
            ours.ContainerPort(
                _whole(p.get("containerPort")) or 0,
                _text(p.get("name")),
                str(p.get("protocol") or "TCP"),
            )
            for p in _list(found, "ports")
        ),
        mounts=tuple(
            ours.Mount(
                str(m.get("name") or ""), str(m.get("mountPath") or ""), _text(m.get("subPath"))
            )
            for m in _list(found, "volumeMounts")
        ),
        settings={k: blotted(v)[:LONGEST] for k, v in plain.items() if k in SETTINGS},
        heap=next((h for h in reversed(heaps) if h), None),
        init=init,
        ready=bool(told.get("ready")),
        restarts=_whole(told.get("restartCount")) or 0,
        running="running" in state,
        waiting=_waiting(_part(state, "waiting")),
        terminated=_terminated(_part(state, "terminated")),
        last=_terminated(_part(_part(told, "lastState"), "terminated")),
    )


def workload(kind: str, found: Object) -> ours.Workload:
    """A StatefulSet or Deployment."""
    spec, status = _part(found, "spec"), _part(found, "status")
    return ours.Workload(
        kind=kind,
        namespace=_namespace(found),
        name=_name(found),
        wanted=_whole(spec.get("replicas")) if spec.get("replicas") is not None else 1,  # type: ignore[arg-type] # the API defaults it
        created=_whole(status.get("replicas")) or 0,
        ready=_whole(status.get("readyReplicas")) or 0,
        labels=_labels(found),
        pod_labels=_strings(_part(_part(_part(spec, "template"), "metadata"), "labels")),
        service=_text(spec.get("serviceName")),
        claims=tuple(
            ours.ClaimTemplate(
                _name(t),
                _text(_part(t, "spec").get("storageClassName")),
                _storage(_part(_part(_part(t, "spec"), "resources"), "requests")),
            )
            for t in _list(spec, "volumeClaimTemplates")
        ),
        in_order=spec.get("podManagementPolicy") != "Parallel",
        annotations={k: v for k, v in _annotations(found).items() if k.startswith(_ANNOTATIONS)},
        conditions=_conditions(status),
    )


def claim(found: Object) -> ours.Claim:
    """A claim for a volume."""
    meta, spec, status = _part(found, "metadata"), _part(found, "spec"), _part(found, "status")
    return ours.Claim(
        namespace=_namespace(found),
        name=_name(found),
        phase=str(status.get("phase") or "Pending"),
        storage_class=_text(spec.get("storageClassName")),
        volume=_text(spec.get("volumeName")) or None,
        requested=_storage(_part(_part(spec, "resources"), "requests")),
        capacity=_storage(_part(status, "capacity")),
        modes=_words(spec, "accessModes"),
        volume_mode=str(spec.get("volumeMode") or "Filesystem"),
        selector=_selector(_part(spec, "selector")) if spec.get("selector") else None,
        conditions=_conditions(status),
        created_ms=millis(meta.get("creationTimestamp")),
        deleted_ms=millis(meta.get("deletionTimestamp")),
    )


def volume(found: Object) -> ours.PersistentVolume:
    """A volume."""
    spec, held = _part(found, "spec"), _part(_part(found, "spec"), "claimRef")
    return ours.PersistentVolume(
        name=_name(found),
        phase=str(_part(found, "status").get("phase") or "Available"),
        storage_class=str(spec.get("storageClassName") or ""),
        capacity=_storage(_part(spec, "capacity")),
        modes=_words(spec, "accessModes"),
        volume_mode=str(spec.get("volumeMode") or "Filesystem"),
        claim=f"{held.get('namespace')}/{held.get('name')}" if held else None,
        node_terms=_node_terms(_part(_part(spec, "nodeAffinity"), "required")),
        labels=_labels(found),
        reclaim=str(spec.get("persistentVolumeReclaimPolicy") or "Retain"),
    )


def storage_class(found: Object) -> ours.StorageClass:
    """A class of volumes."""
    notes = _annotations(found)
    return ours.StorageClass(
        name=_name(found),
        provisioner=str(found.get("provisioner") or ""),
        binding=str(found.get("volumeBindingMode") or "Immediate"),
        default=any(notes.get(key) == "true" for key in _DEFAULT_CLASS),
        expandable=bool(found.get("allowVolumeExpansion")),
    )


def quota(found: Object) -> ours.Quota:
    """A quota; what it allows is told by its spec until its status is there."""
    status = _part(found, "status")
    hard = _part(status, "hard") or _part(_part(found, "spec"), "hard")
    return ours.Quota(
        _namespace(found), _name(found), _amounts(hard), _amounts(_part(status, "used"))
    )


def namespace(found: Object) -> ours.Namespace:
    """A namespace."""
    return ours.Namespace(
        name=_name(found),
        labels=_labels(found),
        phase=str(_part(found, "status").get("phase") or "Active"),
        conditions=_conditions(_part(found, "status")),
        deleted_ms=millis(_part(found, "metadata").get("deletionTimestamp")),
    )


def service(found: Object) -> ours.Service:
    """A service."""
    spec = _part(found, "spec")
    balancer = _part(_part(found, "status"), "loadBalancer")
    return ours.Service(
        namespace=_namespace(found),
        name=_name(found),
        type=str(spec.get("type") or "ClusterIP"),
        selector=_strings(_part(spec, "selector")),
        ports=tuple(
            ours.ServicePort(
                _whole(p.get("port")) or 0,
                str(p.get("targetPort") or p.get("port") or ""),
                _text(p.get("name")),
                str(p.get("protocol") or "TCP"),
                _whole(p.get("nodePort")),
            )
            for p in _list(spec, "ports")
        ),
        cluster_ip=_text(spec.get("clusterIP")),
        ingress=tuple(
            str(i.get("ip") or i.get("hostname") or "") for i in _list(balancer, "ingress")
        ),
        publish_not_ready=bool(spec.get("publishNotReadyAddresses")),
        labels=_labels(found),
        annotations={k: v for k, v in _annotations(found).items() if k.startswith(_ANNOTATIONS)},
        created_ms=millis(_part(found, "metadata").get("creationTimestamp")),
    )


def endpoints(found: Iterable[Object]) -> tuple[ours.Endpoints, ...]:
    """EndpointSlices, put together by the service that they belong to."""
    merged: dict[tuple[str, str], tuple[list[ours.Endpoint], list[int]]] = {}
    for part in found:
        name = _labels(part).get("kubernetes.io/service-name")
        if name is None:
            continue
        ends, ports = merged.setdefault((_namespace(part), name), ([], []))
        for end in _list(part, "endpoints"):
            ready = _part(end, "conditions").get("ready") is not False
            target = _part(end, "targetRef")
            of = _text(target.get("name")) if target.get("kind") == "Pod" else None
            ends += [ours.Endpoint(a, ready, of) for a in _words(end, "addresses")]
        ports += [number for p in _list(part, "ports") if (number := _whole(p.get("port")))]
    return tuple(
        ours.Endpoints(space, name, tuple(ends), tuple(dict.fromkeys(ports)))
        for (space, name), (ends, ports) in merged.items()
    )


def policy(found: Object) -> ours.NetworkPolicy:
    """A network policy; without `policyTypes` it limits egress only if it has egress rules."""
    spec = _part(found, "spec")
    types = _words(spec, "policyTypes") or (
        ("Ingress", "Egress") if spec.get("egress") else ("Ingress",)
    )
    return ours.NetworkPolicy(
        namespace=_namespace(found),
        name=_name(found),
        pods=_selector(_part(spec, "podSelector")),
        types=types,
        ingress=tuple(_rule(r, "from") for r in _list(spec, "ingress")),
        egress=tuple(_rule(r, "to") for r in _list(spec, "egress")),
    )


def event(found: Object) -> ours.Event:
    """An event; its time is the latest of the four that it may have."""
    about, series = _part(found, "involvedObject"), _part(found, "series")
    times = (
        series.get("lastObservedTime"),
        found.get("eventTime"),
        found.get("lastTimestamp"),
        _part(found, "metadata").get("creationTimestamp"),
    )
    return ours.Event(
        kind=str(about.get("kind") or ""),
        name=str(about.get("name") or ""),
        reason=str(found.get("reason") or ""),
        message=blotted(str(found.get("message") or "")),
        type=str(found.get("type") or "Normal"),
        namespace=_text(about.get("namespace")),
        seen_ms=max((m for t in times if (m := millis(t)) is not None), default=0),
        count=_whole(series.get("count")) or _whole(found.get("count")) or 1,
        source=_text(_part(found, "source").get("component")),
    )


def millis(written: object) -> int | None:
    """A time of the API in milliseconds since the epoch."""
    if not isinstance(written, str):
        return None
    try:
        found = dt.datetime.fromisoformat(written)
    except ValueError:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=dt.UTC)
    return int(found.timestamp() * 1000)


def requested(pods: Iterable[Object]) -> dict[str, dict[str, int]]:
    """What the pods of each node ask for, summed as the scheduler sums it."""
    from learnflow_kafka.core.diagnosis.scheduling import requests  # noqa: PLC0415 - rarely needed

    sums: dict[str, dict[str, int]] = {}
    for found in pods:
        one = pod(found)
        if one.node is None or one.phase in {"Succeeded", "Failed"}:
            continue
        total = sums.setdefault(one.node, {})
        for resource, number in requests(one).items():
            total[resource] = total.get(resource, 0) + number
    return sums


def provisioners(pods: Sequence[Object], classes: Iterable[ours.StorageClass]) -> tuple[str, ...]:
    """
    The classes' provisioners that have a pod.

    It names the provisioner in its arguments or environment, or is called as its last part.
    """
    named = {c.provisioner for c in classes}
    return tuple(sorted(n for n in named if any(_provides(p, n) for p in pods)))


def _provides(found: Object, provisioner: str) -> bool:
    spec = _part(found, "spec")
    called = [_name(found), *(str(c.get("image") or "") for c in _list(spec, "containers"))]
    short = provisioner.rpartition("/")[2]
    return bool(short) and (any(short in n for n in called) or provisioner in json.dumps(spec))


def _rule(found: Object, side: str) -> ours.PolicyRule:
    return ours.PolicyRule(
        peers=tuple(
            ours.Peer(
                pods=_selector(_part(p, "podSelector")) if "podSelector" in p else None,
                namespaces=_selector(_part(p, "namespaceSelector"))
                if "namespaceSelector" in p
                else None,
                cidr=_text(_part(p, "ipBlock").get("cidr")),
                besides=_words(_part(p, "ipBlock"), "except"),
            )
            for p in _list(found, side)
        ),
        ports=tuple(
            ours.PolicyPort(
                _text(p.get("port")), _whole(p.get("endPort")), str(p.get("protocol") or "TCP")
            )
            for p in _list(found, "ports")
        ),
    )


def _apart(found: Object) -> tuple[ours.Apart, ...]:
    return tuple(
        ours.Apart(str(rule.get("topologyKey") or ""), _selector(_part(rule, "labelSelector")))
        for rule in _list(found, "requiredDuringSchedulingIgnoredDuringExecution")
    )


def _node_terms(found: Object) -> tuple[ours.NodeTerm, ...]:
    return tuple(
        ours.NodeTerm(
            tuple(map(_requirement, _list(term, "matchExpressions"))),
            tuple(map(_requirement, _list(term, "matchFields"))),
        )
        for term in _list(found, "nodeSelectorTerms")
    )


def _selector(found: Object) -> ours.Selector:
    return ours.Selector(
        _strings(_part(found, "matchLabels")),
        tuple(map(_requirement, _list(found, "matchExpressions"))),
    )


def _requirement(found: Object) -> ours.Requirement:
    return ours.Requirement(
        str(found.get("key") or ""), str(found.get("operator") or ""), _words(found, "values")
    )


def _conditions(status: Object) -> tuple[ours.Condition, ...]:
    return tuple(
        ours.Condition(
            str(c.get("type") or ""),
            str(c.get("status") or ""),
            _text(c.get("reason")),
            _text(c.get("message")),
            millis(c.get("lastTransitionTime")),
        )
        for c in _list(status, "conditions")
    )


def _waiting(found: Object) -> ours.Waiting | None:
    if not found:
        return None
    message = _text(found.get("message"))
    return ours.Waiting(str(found.get("reason") or ""), blotted(message) if message else None)


def _terminated(found: Object) -> ours.Terminated | None:
    """How a container ended, without its own message, which may hold anything."""
    if not found:
        return None
    return ours.Terminated(
        reason=str(found.get("reason") or ""),
        exit_code=_whole(found.get("exitCode")) or 0,
        finished_ms=millis(found.get("finishedAt")),
    )


def _amounts(found: Object) -> dict[str, int]:
    return {
        str(name): number
        for name, text in found.items()
        if (number := amount(str(name), text)) is not None
    }


def _storage(found: Object) -> int | None:
    return amount("storage", found["storage"]) if "storage" in found else None


def _part(found: Any, name: str) -> Object:
    part = found.get(name) if isinstance(found, dict) else None
    return part if isinstance(part, dict) else {}


def _list(found: Any, name: str) -> list[Object]:
    part = found.get(name) if isinstance(found, dict) else None
    return [one for one in part if isinstance(one, dict)] if isinstance(part, list) else []


def _words(found: Object, name: str) -> tuple[str, ...]:
    part = found.get(name)
    return tuple(map(str, part)) if isinstance(part, list) else ()


def _strings(found: Object) -> dict[str, str]:
    return {str(k): str(v) for k, v in found.items()}


def _labels(found: Object) -> dict[str, str]:
    return _strings(_part(_part(found, "metadata"), "labels"))


def _annotations(found: Object) -> dict[str, str]:
    return _strings(_part(_part(found, "metadata"), "annotations"))


def _name(found: Object, key: str | None = None) -> str:
    return str((found if key else _part(found, "metadata")).get("name") or "")


def _namespace(found: Object) -> str:
    return str(_part(found, "metadata").get("namespace") or "")


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isdecimal() else None
