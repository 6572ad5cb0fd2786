"""
Kafka on Kubernetes as values: what stands in a namespace, and what Helm is asked for.

Names and numbers that the chart fixes for good (labels, ports, annotations) stand here too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from learnflow_kafka.errors import KubernetesError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from learnflow_kafka.core.checks.evidence import Unknown
    from learnflow_kafka.core.connection import Kubernetes

CHART: Final = "learnflow-kafka"
"""The name of our chart, and of its folder."""

RELEASE: Final = "kafka"
NAMESPACE: Final = "kafka"

BROKER: Final = "broker"
CONTROLLER: Final = "controller"
ZOOKEEPER: Final = "zookeeper"
"""What a pod is for: its label app.kubernetes.io/component."""

CLIENT_PORT: Final = 9092
LOCAL_PORT: Final = 9095
"""Container ports of the listeners CLIENT and LOCAL; the second one is for tunnels."""

LOCAL_BASE: Final = "learnflow-kafka/local-base-port"
"""The annotation that says at which local port the first broker is advertised."""

MODE: Final = "learnflow-kafka/mode"


@dataclass(frozen=True, slots=True)
class Pod:
    """
    One pod; `component` is what it is for.

    `trouble` says why it is not ready, in Kubernetes' words (None: it is ready, or nothing is
    known yet); `hopeless` that only a new pod can get ready: its image, its settings or its
    process fails. `revision` is the state of the workload that it was made from, `seconds` its
    age.
    """

    name: str
    component: str
    phase: str
    ready: bool
    node: str | None = None
    trouble: str | None = None
    hopeless: bool = False
    restarts: int = 0
    revision: str | None = None
    uid: str = ""
    deleting: bool = False
    seconds: float = 0.0
    running: bool = False


@dataclass(frozen=True, slots=True)
class Workload:
    """
    A StatefulSet of the release.

    `revision` is the one that its pods should have. `local_base`: the first local port that
    brokers advertise (None: they have no listener for tunnels). `trouble`: why it makes no
    pods.
    """

    name: str
    component: str
    wanted: int
    created: int
    ready: int
    revision: str | None = None
    local_base: int | None = None
    mode: str | None = None
    chart_version: str | None = None
    service: str | None = None
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """A service; `ready` and `unready` count the pods behind it, None: no EndpointSlice at all."""

    name: str
    component: str
    kind: str
    headless: bool
    ports: tuple[int, ...]
    selector: Mapping[str, str] = field(default_factory=dict)
    ready: int | None = None
    unready: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim for a volume."""

    name: str
    phase: str
    size: str | None = None
    storage_class: str | None = None
    volume: str | None = None
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class StorageClass:
    """A class of volumes that the cluster offers."""

    name: str
    default: bool
    provisioner: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    What stands in a namespace of one release; a part that we may not read is `Unknown`.

    `namespace` is its phase, None where there is none.
    """

    namespace: str | Unknown | None
    workloads: tuple[Workload, ...] | Unknown
    pods: tuple[Pod, ...] | Unknown
    services: tuple[Service, ...] | Unknown
    claims: tuple[Claim, ...] | Unknown


@dataclass(frozen=True, slots=True)
class Door:
    """A local port, and the pod and port that it leads to."""

    pod: str
    local_port: int
    pod_port: int


@dataclass(frozen=True, slots=True)
class Right:
    """Something that we must be allowed to do; `group` is empty for the core API."""

    verb: str
    resource: str
    group: str = ""
    subresource: str = ""
    namespaced: bool = True

    def __str__(self) -> str:
        kind = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return f"{self.verb} {kind}{'.' + self.group if self.group else ''}"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command in a pod gave back."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class PodLine:
    """One line that a pod wrote."""

    pod: str
    text: str


@dataclass(frozen=True, slots=True)
class Wish:
    """
    What Helm is asked for.

    `kept` is YAML: values of an earlier deploy that still hold. `values` are files and
    `settings` are `key=value`. Later ones win, and `kept` over nothing but the chart's own.
    `timeout` is in seconds.
    """

    release: str
    kept: str | None = None
    values: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    timeout: float = 600.0


@dataclass(frozen=True, slots=True)
class Revision:
    """One try of Helm's at a release; `updated_ms` since the epoch."""

    number: int
    status: str
    updated_ms: int
    chart: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object that the chart makes."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Share:
    """
    The pods of one rendered workload and what each asks for.

    `cpu` in thousandths of a core, `memory` in bytes; `classes` are the storage classes of
    its claims (None: the default one, empty: none at all).
    """

    name: str
    component: str
    pods: int
    cpu: int = 0
    memory: int = 0
    classes: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Rendering:
    """What the chart makes of the values; `mode` is `kraft` or `zookeeper`."""

    objects: tuple[Manifest, ...]
    shares: tuple[Share, ...]
    mode: str | None = None

    @property
    def brokers(self) -> int | None:
        """How many brokers there will be."""
        return next((s.pods for s in self.shares if s.component == BROKER), None)


@dataclass(frozen=True, slots=True)
class NodeRoom:
    """A node that takes pods, and what is not promised to others; units as in `Share`."""

    name: str
    cpu: int
    memory: int
    pods: int


def context_name(place: Kubernetes) -> str:
    """
    What the context of a release is called where nobody says otherwise.

    >>> from learnflow_kafka.core.connection import Kubernetes
    >>> context_name(Kubernetes()), context_name(Kubernetes(namespace="shop"))
    ('kafka', 'shop.kafka')
    """
    if place.namespace == place.release:
        return place.release
    return f"{place.namespace}.{place.release}"


def pods_of(snapshot: Snapshot, component: str) -> tuple[Pod, ...]:
    """The pods of one component, in the order of their numbers; none where they are not known."""
    if not isinstance(snapshot.pods, tuple):
        return ()
    found = (pod for pod in snapshot.pods if pod.component == component)
    return tuple(sorted(found, key=lambda pod: (_ordinal(pod.name), pod.name)))


def named_pods(
    snapshot: Snapshot, place: Kubernetes, component: str, numbers: Collection[int] = ()
) -> list[str]:
    """
    The names of a component's pods, or only of those with these numbers.

    Raises KubernetesError where there are none, or not all of the numbers.
    """
    where = f"release {place.release}, namespace {place.namespace}"
    if not isinstance(snapshot.pods, tuple):
        raise KubernetesError(snapshot.pods.reason, where=where, fix=snapshot.pods.fix)
    found = {_ordinal(pod.name): pod.name for pod in pods_of(snapshot, component)}
    if not found:
        raise KubernetesError(
            f"there are no {component} pods",
            where=where,
            fix="`learnflow deploy`, or name the place with --namespace and --release",
        )
    absent = sorted(set(numbers) - set(found))
    if absent:
        raise KubernetesError(
            f"there is no {component} pod with number {', '.join(map(str, absent))}; "
            f"there are {', '.join(found.values())}",
            where=where,
        )
    return [found[number] for number in sorted(numbers or found)]


def workload_of(snapshot: Snapshot, component: str) -> Workload | None:
    """The workload of one component, or None where there is none or it is not known."""
    if not isinstance(snapshot.workloads, tuple):
        return None
    return next((w for w in snapshot.workloads if w.component == component), None)


def doors(brokers: Workload) -> tuple[Door, ...]:
    """A door for every broker of the workload; none where it has no listener for tunnels."""
    base = brokers.local_base
    if base is None:
        return ()
    return tuple(
        Door(f"{brokers.name}-{number}", base + number, LOCAL_PORT)
        for number in range(brokers.wanted)
    )


def bootstrap(opened: Sequence[Door]) -> tuple[str, ...]:
    """The addresses at which the doors stand open."""
    return tuple(f"localhost:{door.local_port}" for door in opened)


def _ordinal(name: str) -> int:
    number = name.rpartition("-")[2]
    return int(number) if number.isdecimal() else -1
