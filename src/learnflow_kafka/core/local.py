"""
Kafka on this machine: what is asked for, what stands on disk, what runs.

A cluster has a name and a folder; the folder holds its record, its data and its logs, and
survives `down`. The runtime (a port, implemented by `adapters.local`) starts and stops the
processes; every step is an event, so that views can show it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from learnflow_kafka.core.connection import Connection, Context
from learnflow_kafka.core.contexts import LOCAL, is_local
from learnflow_kafka.core.units import FOREVER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

DEFAULT_NAME: Final = "default"
"""The cluster of a plain `learnflow up`; its context is `local`."""

DEFAULT_PORT: Final = 9092
ENVIRONMENT: Final = "local"
"""The environment of the catalog that a cluster on this machine is."""

MAX_BROKERS: Final = 9
LOOPBACK: Final = "127.0.0.1"
EVERY_INTERFACE: Final = "0.0.0.0"  # noqa: S104 - where a listener may bind, named to refuse it too


OFFSETS_AT_LEAST_MS: Final = 30 * 86_400_000
"""Offsets of groups that rest are kept a month, and longer where records are."""

_MAX_OFFSETS_MS: Final = (2**31 - 1) * 60_000
"""Kafka counts the minutes in a signed 32-bit number."""

OFFSETS_OF_ENDLESS_MS: Final = 365 * 86_400_000
"""Where records are kept forever; offsets cannot be."""


_LABEL: Final = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*\Z")


def host_fault(host: str) -> str | None:
    """
    Why containers cannot be told this host, or None where they can.

    What a broker cannot advertise kills its JVM, so it must never reach a cluster's record.

    >>> host_fault("host.docker.internal"), host_fault("0.0.0.0")
    (None, "'0.0.0.0' is every interface, and no address that a client can reach")
    """
    if not _HOST.match(host):
        return f"{host!r} is no host; write a name or an IPv4 address, without a port"
    if host == EVERY_INTERFACE:
        return f"{host!r} is every interface, and no address that a client can reach"
    return None


def name_flag(name: str) -> str:
    """
    What a command about clusters of this machine needs, to mean the one of that name.

    >>> name_flag("shop"), name_flag(DEFAULT_NAME)
    (' --name shop', '')
    """
    return "" if name == DEFAULT_NAME else f" --name {name}"


def choose_catalog(name: str) -> str:
    """The command that gives a cluster of this machine another catalog to remember."""
    return f"learnflow up{name_flag(name)} --catalog PATH (learnflow: the built-in one)"


def name_in(context: str) -> str | None:
    """
    The name of the cluster of this machine that a context means, or None for another context.

    >>> name_in("local"), name_in("local/shop"), name_in("prod")
    ('default', 'shop', None)
    """
    if context == LOCAL:
        return DEFAULT_NAME
    return context.removeprefix(f"{LOCAL}/") if is_local(context) else None


def context_name(cluster: str) -> str:
    """The implicit context that means the cluster of this name: `local`, or `local/NAME`."""
    return LOCAL if cluster == DEFAULT_NAME else f"{LOCAL}/{cluster}"


class Mode(StrEnum):
    """Who keeps the cluster's metadata."""

    KRAFT = "kraft"
    ZOOKEEPER = "zookeeper"


class Role(StrEnum):
    """What a process does in its cluster."""

    BROKER = "broker"
    CONTROLLER = "controller"
    ZOOKEEPER = "zookeeper"


class NodeState(StrEnum):
    """What can be said of a process without asking Kafka's protocol."""

    RUNNING = "running"
    STARTING = "starting"
    """The process is there; its port takes no connections yet."""
    SUSPENDED = "suspended"
    """The process is there and stands still (SIGSTOP): its port takes connections in vain."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Declaration:
    """
    What is meant to be on the cluster.

    `catalog` is the path that the user gave (None: the built-in one), `environment` the one of
    its environments that this cluster is (None: the catalog has none for it).
    """

    catalog: str | None = None
    environment: str | None = ENVIRONMENT


@dataclass(frozen=True, slots=True)
class ClusterSpec:
    """
    What is asked of `up`; None is "as the cluster was made", or the default for a new one.

    `directory` is the cluster's folder; `containers` the host name or address by which
    containers reach this machine, and asks for a second listener; `offsets_retention_ms` is
    how long the brokers keep the offsets of a group that rests.
    """

    name: str = DEFAULT_NAME
    brokers: int | None = None
    mode: Mode | None = None
    port: int | None = None
    directory: Path | None = None
    containers: str | None = None
    declaration: Declaration | None = None
    offsets_retention_ms: int = OFFSETS_AT_LEAST_MS


@dataclass(frozen=True, slots=True)
class Node:
    """
    One process of a cluster and its ports on loopback.

    `id` is Kafka's node id, 0 for ZooKeeper. `port` is the one for clients (for ZooKeeper,
    its own), None on a node without that role; `containers_port` the one of the second
    listener.
    """

    id: int
    roles: tuple[Role, ...]
    port: int | None
    controller_port: int | None = None
    containers_port: int | None = None

    @property
    def name(self) -> str:
        """What the node is called in messages and folders: `broker-1`, `zookeeper`."""
        return "zookeeper" if Role.ZOOKEEPER in self.roles else f"broker-{self.id}"

    @property
    def is_broker(self) -> bool:
        """Whether clients talk to this node."""
        return Role.BROKER in self.roles


@dataclass(frozen=True, slots=True)
class Cluster:
    """
    A cluster as it stands on disk: the record that `up` writes and every command reads.

    `version` is Apache Kafka's; `containers` is as in `ClusterSpec`.
    """

    name: str
    cluster_id: str
    mode: Mode
    version: str
    directory: Path
    nodes: tuple[Node, ...]
    containers: str | None = None
    declaration: Declaration = Declaration()

    @property
    def brokers(self) -> tuple[Node, ...]:
        """The nodes that serve clients."""
        return tuple(node for node in self.nodes if node.is_broker)

    @property
    def bootstrap(self) -> tuple[str, ...]:
        """Every broker's address for programs on this machine."""
        return tuple(f"{LOOPBACK}:{node.port}" for node in self.brokers)

    @property
    def containers_bootstrap(self) -> tuple[str, ...]:
        """Every broker's address for programs in containers; empty unless asked for."""
        ports = (node.containers_port for node in self.brokers)
        return tuple(f"{self.containers}:{p}" for p in ports if p and self.containers)

    @property
    def context_name(self) -> str:
        """The implicit context that means this cluster: `local`, or `local/NAME`."""
        return context_name(self.name)

    @property
    def context(self) -> Context:
        """The cluster as every other command takes it."""
        return Context(
            name=self.context_name,
            connection=Connection(bootstrap=self.bootstrap),
            cluster_id=self.cluster_id or None,
            environment=self.declaration.environment,
            catalog=self.declaration.catalog,
            brokers=len(self.brokers),
            zookeeper=next((n.port for n in self.nodes if Role.ZOOKEEPER in n.roles), None),
        )


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """
    What is known of one process.

    `pid` None where none runs; `disk_bytes` is what its data takes; `started_ms` since the
    epoch; `stale` is why a recorded process is not ours any more, where that is so.
    """

    node: Node
    state: NodeState
    log_file: Path
    disk_bytes: int
    pid: int | None = None
    started_ms: int | None = None
    memory_bytes: int | None = None
    stale: str | None = None


@dataclass(frozen=True, slots=True)
class LocalStatus:
    """A cluster and its processes at one moment."""

    cluster: Cluster
    nodes: tuple[NodeStatus, ...]

    @property
    def running(self) -> bool:
        """Whether every process of the cluster runs and takes connections."""
        return all(n.state is NodeState.RUNNING for n in self.nodes)

    @property
    def stopped(self) -> bool:
        """Whether no process of the cluster is there."""
        return all(n.state is NodeState.STOPPED for n in self.nodes)


@dataclass(frozen=True, slots=True)
class Preview:
    """
    What `up` would do: the cluster as it would be, whether it exists, and what runs of it.

    `download_bytes` is what would be fetched.
    """

    cluster: Cluster
    exists: bool
    running: tuple[Node, ...]
    download_bytes: int


@dataclass(frozen=True, slots=True)
class Downloading:
    """How far the download of a distribution is, in files and bytes."""

    what: str
    files_done: int
    files: int
    bytes_done: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Another `learnflow` works on the same files; we wait for it."""

    what: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """Kafka and Java are there. `fast` says whether a start-up cache is used."""

    kafka: str
    java: str
    fast: bool


@dataclass(frozen=True, slots=True)
class NodeStarting:
    """A process was started."""

    node: Node
    pid: int


@dataclass(frozen=True, slots=True)
class NodeStopped:
    """A process ended; `killed` where it did not stop in time and was ended by force."""

    node: Node
    killed: bool


@dataclass(frozen=True, slots=True)
class Serving:
    """Every broker is registered and answers; `already` where nothing had to be started."""

    cluster: Cluster
    already: bool


@dataclass(frozen=True, slots=True)
class Warned:
    """Something the user should know, which does not stop the work."""

    message: str


@dataclass(frozen=True, slots=True)
class Wiped:
    """The cluster's data and record are gone."""

    directory: Path
    bytes: int


def offsets_retention_ms(retentions_ms: Iterable[int]) -> int:
    """
    How long brokers should keep offsets, for topics of these retentions.

    >>> offsets_retention_ms([7 * 86_400_000]) == OFFSETS_AT_LEAST_MS
    True
    """
    longest = OFFSETS_AT_LEAST_MS
    for retention in retentions_ms:
        longest = max(longest, OFFSETS_OF_ENDLESS_MS if retention == FOREVER else retention)
    return min(longest, _MAX_OFFSETS_MS)


LocalEvent = (
    Downloading | Waiting | Prepared | NodeStarting | NodeStopped | Serving | Warned | Wiped
)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a process wrote."""

    node: Node
    text: str


class Runtime(Protocol):
    """Clusters of this machine. Raises errors.LocalError and its children."""

    def find(self, name: str) -> Cluster | None:
        """The cluster's record, or None where there is no cluster of that name."""
        ...

    def names(self) -> tuple[str, ...]:
        """The names of all clusters that stand on disk."""
        ...

    def start(self, spec: ClusterSpec) -> Iterator[LocalEvent]:
        """
        Make the cluster run as asked; the last event is `Serving`.

        A running cluster is left alone; a node that is missing is started.
        """
        ...

    def find_running(self, name: str) -> Cluster | None:
        """The cluster's record if any process of it is there; quicker than `status`."""
        ...

    def preview(self, spec: ClusterSpec) -> Preview:
        """What `start` would do; changes nothing. Raises as `start` does where it can tell."""
        ...

    def warm(self, name: str) -> None:
        """Begin, in the background, to make what lets the next start be quick."""
        ...

    def status(self, name: str) -> LocalStatus | None:
        """The cluster's processes now, or None where there is no such cluster."""
        ...

    def stop(self, name: str, *, wipe: bool) -> Iterator[LocalEvent]:
        """Stop the processes, brokers before what they stand on; `wipe` removes the data."""
        ...

    def logs(
        self, name: str, *, nodes: Sequence[int] | None, last: int, follow: bool
    ) -> Iterator[LogLine]:
        """The last lines of each node's log, then, with `follow`, new ones without end."""
        ...

    def tool_command(self, name: str, tool: str, args: Sequence[str]) -> list[str]:
        """The command line of one of Kafka's own tools, pointed at the cluster."""
        ...
