"""
What a diagnosis looks at: everything that was read, once, and what could not be read.

The value can be saved and given to a colleague (`document`): it holds no record, no secret
and no whole log. Parts that were not read are empty, and `skipped` says which and why, so
that "nothing is wrong" and "nobody looked" are never the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from learnflow_kafka.core.diagnosis.signs import LogSign
from learnflow_kafka.core.local import DEFAULT_NAME, name_flag, name_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from learnflow_kafka.core.diagnosis.objects import (
        Claim,
        Endpoints,
        Event,
        Held,
        Namespace,
        NetworkPolicy,
        Node,
        PersistentVolume,
        Pod,
        Quota,
        Release,
        Service,
        StorageClass,
        Workload,
    )
    from learnflow_kafka.core.observed import ClusterState, ConfigValue, QuorumState

__all__ = ["Evidence", "KafkaView", "LogSign", "Part", "Skipped"]


class Where(StrEnum):
    """What kind of place the diagnosed Kafka runs in."""

    KUBERNETES = "kubernetes"
    LOCAL = "local"
    """Processes of `learnflow up` on this machine."""
    ADDRESS = "address"
    """Only Kafka's own protocol could be asked."""


class Part(StrEnum):
    """The parts of the evidence; each is read, or skipped with a reason."""

    NAMESPACE = "namespace"
    PODS = "pods"
    WORKLOADS = "workloads"
    CLAIMS = "claims"
    VOLUMES = "volumes"
    CLASSES = "storage classes"
    DRIVERS = "csi drivers"
    NODES = "nodes"
    QUOTAS = "quotas"
    SERVICES = "services"
    ENDPOINTS = "endpoint slices"
    POLICIES = "network policies"
    NAMESPACES = "namespaces"
    EVENTS = "events"
    LOGS = "logs"
    RELEASES = "releases"
    DNS_SERVICE = "cluster dns"
    KAFKA = "kafka"
    QUORUM = "quorum"
    PROBES = "probes"
    CLIENT = "client's view"
    ZOOKEEPER = "zookeeper"
    PROCESSES = "processes"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A part that was not read: why, and what would let us read it."""

    part: Part
    reason: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class WantedTopic:
    """A topic of the catalog, in Kafka's words; `replication` None: not managed."""

    name: str
    partitions: int
    replication: int | None = None
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LiveTopic:
    """
    A topic of the cluster.

    `leaderless` counts partitions without a leader, `short` those with fewer replicas in sync
    than they have; `config` holds the managed configs of a wanted topic.
    """

    name: str
    partitions: int
    replication: int | None = None
    leaderless: int = 0
    short: int = 0
    config: Mapping[str, ConfigValue] | None = None


@dataclass(frozen=True, slots=True)
class NodeView:
    """
    The cluster as one of its nodes sees it, asked alone.

    `node` is the pod (or process, or address) that was asked; `silence` is why it told nothing,
    and `quorum_fault` why it told nothing of the quorum though it may be asked. One that said
    nothing while another spoke was asked twice: `again` is why it told nothing then either, and
    `hangs` that its port takes connections all the same.
    """

    node: str
    cluster: ClusterState | None = None
    quorum: QuorumState | None = None
    quorum_fault: str | None = None
    silence: str | None = None
    again: str | None = None
    hangs: bool = False


def spokesman(views: Iterable[NodeView]) -> NodeView | None:
    """
    The view that stands for all: of the first cluster that is told of, one that knows its quorum.

    A broker that is cut off from the controllers goes on telling what it knew before.
    """
    told = [(v.cluster.cluster_id, v) for v in views if v.cluster is not None]
    mine = [view for id_, view in told if id_ == told[0][0]]
    return next((v for v in mine if v.quorum is not None), mine[0] if mine else None)


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk under a log directory; `fault` where Kafka took it offline."""

    node: str
    path: str
    total: int | None = None
    usable: int | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class KafkaView:
    """
    What Kafka says of itself.

    `asked` is the way on which it was reached; `silence` is why it was not, in the client's
    words. `views` holds what single nodes said; `wanted` is the catalog, and `refusals` what
    the broker answers when it is asked, without effect, to create a missing topic.
    `wanted_brokers` is how many the catalog's environment names.
    """

    asked: str | None = None
    silence: str | None = None
    cluster: ClusterState | None = None
    quorum: QuorumState | None = None
    topics: tuple[LiveTopic, ...] | None = None
    topics_fault: str | None = None
    wanted: tuple[WantedTopic, ...] = ()
    wanted_brokers: int | None = None
    refusals: Mapping[str, str] = field(default_factory=dict)
    views: tuple[NodeView, ...] = ()
    disks: tuple[Disk, ...] = ()


@dataclass(frozen=True, slots=True)
class Probe:
    """
    An address tried from one place, as a client there would.

    `place` is a pod's name, `Client.name` or "this machine"; `purpose` says whose address it is
    (`bootstrap`, `broker 1`); `unresolved` and `refused` are the faults of name and
    connection, None where all went well.
    """

    place: str
    host: str
    port: int
    purpose: str
    unresolved: str | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Resolver:
    """The `resolv.conf` of a pod, which is called as `Probe.place` is."""

    pod: str
    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ZooKeeperServer:
    """One server of the ensemble: what it answered to each four-letter word, or its silence."""

    pod: str
    answers: Mapping[str, str] = field(default_factory=dict)
    silence: str | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """
    A process of a cluster on this machine; `state` as `learnflow status` says it.

    `id` is Kafka's number of the node, `pid` the system's of the process, None where none runs.
    """

    name: str
    id: int
    state: str
    port: int | None = None
    stale: str | None = None
    port_taken: str | None = None
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Client:
    """
    A pod whose connections are asked about, and what limits them.

    `runs` is the container that addresses are tried from, None where none runs. `aliases` are
    the names that its `hostAliases` lead past DNS, each to an address.
    """

    namespace: str
    pod: str
    labels: Mapping[str, str] = field(default_factory=dict)
    ip: str | None = None
    runs: str | None = None
    containers: tuple[str, ...] = ()
    dns_policy: str | None = None
    host_network: bool = False
    aliases: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is called, also where brokers are of another namespace."""
        return f"{self.namespace}/{self.pod}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """
    Everything that the rules look at.

    `namespace` is the one that is diagnosed; `namespaces` are the labels of all namespaces,
    for network policies; `drivers` names the CSI drivers, `provisioners` those of the storage
    classes that some pod of the cluster belongs to; `dns_service` and `dns_endpoints`
    are the cluster's own DNS; `held` what keeps a namespace from going.
    """

    where: Where = Where.KUBERNETES
    taken_ms: int = 0
    tool: str = ""
    target: str = ""
    server: str | None = None
    namespace: str = ""
    namespace_state: Namespace | None = None
    namespaces: tuple[Namespace, ...] = ()
    held: tuple[Held, ...] = ()
    pods: tuple[Pod, ...] = ()
    workloads: tuple[Workload, ...] = ()
    claims: tuple[Claim, ...] = ()
    volumes: tuple[PersistentVolume, ...] = ()
    classes: tuple[StorageClass, ...] = ()
    drivers: tuple[str, ...] = ()
    provisioners: tuple[str, ...] = ()
    nodes: tuple[Node, ...] = ()
    quotas: tuple[Quota, ...] = ()
    services: tuple[Service, ...] = ()
    endpoints: tuple[Endpoints, ...] = ()
    policies: tuple[NetworkPolicy, ...] = ()
    events: tuple[Event, ...] = ()
    logs: tuple[LogSign, ...] = ()
    releases: tuple[Release, ...] = ()
    dns_service: Service | None = None
    dns_endpoints: Endpoints | None = None
    resolvers: tuple[Resolver, ...] = ()
    probes: tuple[Probe, ...] = ()
    kafka: KafkaView = field(default_factory=KafkaView)
    zookeeper: tuple[ZooKeeperServer, ...] = ()
    processes: tuple[Process, ...] = ()
    client: Client | None = None
    skipped: tuple[Skipped, ...] = ()

    @property
    def name_flag(self) -> str:
        """The flag, with a space before it, for the cluster of this machine that was looked at."""
        return name_flag(name_in(self.target) or DEFAULT_NAME)

    def missing(self, *parts: Part) -> tuple[Skipped, ...]:
        """Those of the parts that were not read."""
        return tuple(s for s in self.skipped if s.part in parts)
