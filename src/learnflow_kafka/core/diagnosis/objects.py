"""
Kubernetes objects as plain values, reduced to what the rules look at.

Amounts are whole numbers: CPU in thousandths of a core, memory and storage in bytes, all else
in pieces. Times are milliseconds since the epoch. Words of the API (phases, reasons, effects)
stay text, since a newer server may know more of them than we do. None: not set, or not told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Condition:
    """One entry of an object's `status.conditions`."""

    type: str
    status: str
    reason: str | None = None
    message: str | None = None
    since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Requirement:
    """One expression of a selector: `key operator values`."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selector:
    """A label selector; empty, it selects everything."""

    labels: Mapping[str, str] = field(default_factory=dict)
    requirements: tuple[Requirement, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeTerm:
    """One of several alternatives of node expressions; all of its expressions must hold."""

    expressions: tuple[Requirement, ...] = ()
    fields: tuple[Requirement, ...] = ()


@dataclass(frozen=True, slots=True)
class Taint:
    """What keeps pods off a node."""

    key: str
    effect: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Toleration:
    """What lets a pod stand a taint; `key` None stands for every taint."""

    key: str | None = None
    operator: str = "Equal"
    value: str | None = None
    effect: str | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """
    A node and what is left of it.

    `requested` sums the requests of every pod that is bound to it, of all namespaces; None
    where we may not list those.
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    conditions: tuple[Condition, ...] = ()
    allocatable: Mapping[str, int] = field(default_factory=dict)
    requested: Mapping[str, int] | None = None
    unschedulable: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a container does not run yet."""

    reason: str
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Terminated:
    """How a container ended."""

    reason: str
    exit_code: int
    message: str | None = None
    finished_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a volume appears in a container."""

    volume: str
    path: str
    sub_path: str | None = None


@dataclass(frozen=True, slots=True)
class ContainerPort:
    """A port that a container names."""

    number: int
    name: str | None = None
    protocol: str = "TCP"


@dataclass(frozen=True, slots=True)
class Container:
    """
    A container of a pod, as asked for and as it fares.

    `settings` are those variables of its environment that the rules know and that hold no
    secret; `heap` is the part of its Java options that sizes the heap (`-Xmx1g`).
    """

    name: str
    image: str
    requests: Mapping[str, int] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    ports: tuple[ContainerPort, ...] = ()
    mounts: tuple[Mount, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    heap: str | None = None
    init: bool = False
    ready: bool = False
    restarts: int = 0
    running: bool = False
    waiting: Waiting | None = None
    terminated: Terminated | None = None
    last: Terminated | None = None


@dataclass(frozen=True, slots=True)
class Apart:
    """A rule of a pod to stay apart from (or with) pods that the selector names."""

    topology_key: str
    selector: Selector
    max_skew: int | None = None


@dataclass(frozen=True, slots=True)
class PodVolume:
    """A volume of a pod; `claim` where it is a claim's."""

    name: str
    claim: str | None = None


@dataclass(frozen=True, slots=True)
class Pod:
    """
    A pod. `owner` is `StatefulSet/kafka`; `hard` rules only (soft ones never keep it waiting).

    `away` are its required anti-affinities, `together` its required affinities, `spread` the
    topology spread constraints that may keep it from a node.
    """

    namespace: str
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    owner: str | None = None
    node: str | None = None
    phase: str = "Pending"
    reason: str | None = None
    conditions: tuple[Condition, ...] = ()
    containers: tuple[Container, ...] = ()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    node_terms: tuple[NodeTerm, ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    away: tuple[Apart, ...] = ()
    together: tuple[Apart, ...] = ()
    spread: tuple[Apart, ...] = ()
    volumes: tuple[PodVolume, ...] = ()
    pull_secrets: tuple[str, ...] = ()
    ip: str | None = None
    host_network: bool = False
    service_links: bool = True
    created_ms: int | None = None
    deleted_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ClaimTemplate:
    """A claim that a StatefulSet makes for each of its pods."""

    name: str
    storage_class: str | None = None
    requested: int | None = None


@dataclass(frozen=True, slots=True)
class Workload:
    """A StatefulSet or Deployment: pods wanted, created and ready."""

    kind: str
    namespace: str
    name: str
    wanted: int = 1
    created: int = 0
    ready: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    pod_labels: Mapping[str, str] = field(default_factory=dict)
    service: str | None = None
    claims: tuple[ClaimTemplate, ...] = ()
    in_order: bool = True
    annotations: Mapping[str, str] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """A PersistentVolumeClaim; `storage_class` "" asks for a volume without a class."""

    namespace: str
    name: str
    phase: str = "Pending"
    storage_class: str | None = None
    volume: str | None = None
    requested: int | None = None
    capacity: int | None = None
    modes: tuple[str, ...] = ()
    volume_mode: str = "Filesystem"
    selector: Selector | None = None
    conditions: tuple[Condition, ...] = ()
    created_ms: int | None = None
    deleted_ms: int | None = None


@dataclass(frozen=True, slots=True)
class PersistentVolume:
    """A volume; `claim` is `namespace/name` of the claim it is bound to or kept for."""

    name: str
    phase: str = "Available"
    storage_class: str = ""
    capacity: int | None = None
    modes: tuple[str, ...] = ()
    volume_mode: str = "Filesystem"
    claim: str | None = None
    node_terms: tuple[NodeTerm, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    reclaim: str = "Retain"


@dataclass(frozen=True, slots=True)
class StorageClass:
    """A storage class; `default` where claims without a class get it."""

    name: str
    provisioner: str
    binding: str = "Immediate"
    default: bool = False
    expandable: bool = False


@dataclass(frozen=True, slots=True)
class Quota:
    """A ResourceQuota: the limit of each resource, and what is used of it."""

    namespace: str
    name: str
    hard: Mapping[str, int] = field(default_factory=dict)
    used: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace; `deleted_ms` where it is being deleted."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    phase: str = "Active"
    conditions: tuple[Condition, ...] = ()
    deleted_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """An object that cannot go because of its finalizers; `resource` is what kubectl calls it."""

    resource: str
    name: str
    finalizers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServicePort:
    """A port of a service; `target` is a number or the name of a container's port."""

    port: int
    target: str
    name: str | None = None
    protocol: str = "TCP"
    node_port: int | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """A service; `ingress` are the addresses that its load balancer got."""

    namespace: str
    name: str
    type: str = "ClusterIP"
    selector: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[ServicePort, ...] = ()
    cluster_ip: str | None = None
    ingress: tuple[str, ...] = ()
    publish_not_ready: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    created_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address behind a service."""

    address: str
    ready: bool
    pod: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Every address behind one service, of all its slices, and the port numbers they use."""

    namespace: str
    service: str
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Peer:
    """One kind of partner that a network policy admits; `besides` are left out of `cidr`."""

    pods: Selector | None = None
    namespaces: Selector | None = None
    cidr: str | None = None
    besides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyPort:
    """A port that a rule admits: a number or a container port's name; None for all."""

    port: str | None = None
    end: int | None = None
    protocol: str = "TCP"


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """Partners and ports that a policy admits; empty, all of them."""

    peers: tuple[Peer, ...] = ()
    ports: tuple[PolicyPort, ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """A network policy; `types` are the directions that it limits."""

    namespace: str
    name: str
    pods: Selector
    types: tuple[str, ...] = ("Ingress",)
    ingress: tuple[PolicyRule, ...] = ()
    egress: tuple[PolicyRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """
    Something that Kubernetes noted about an object.

    `seen_ms` is the latest of all its times: events of the scheduler have no `lastTimestamp`.
    """

    kind: str
    name: str
    reason: str
    message: str
    type: str = "Normal"
    namespace: str | None = None
    seen_ms: int = 0
    count: int = 1
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """
    The newest revision of a Helm release, without its values.

    `chart` is the name of its chart, told of a revision that is not deployed; `deployed` is the
    newest revision that was, None where none ever was.
    """

    namespace: str
    name: str
    revision: int
    status: str
    description: str | None = None
    chart: str | None = None
    deployed: int | None = None
    updated_ms: int | None = None
