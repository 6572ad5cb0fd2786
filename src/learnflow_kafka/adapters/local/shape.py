"""Which processes a cluster has, with which roles and ports, from what was asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from learnflow_kafka.adapters.local import config, ports
from learnflow_kafka.core.local import (
    DEFAULT_PORT,
    MAX_BROKERS,
    Cluster,
    ClusterSpec,
    Declaration,
    Mode,
    Node,
    Role,
    host_fault,
    name_flag,
)
from learnflow_kafka.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_QUORUM: Final = 3
_INTERNAL_OFFSET: Final = 100
_CONTAINERS_OFFSET: Final = 20_000


def new_cluster(spec: ClusterSpec, directory: Path, version: str, cluster_id: str) -> Cluster:
    """
    The record of a cluster that does not exist yet; its ports are free now.

    Raises UsageError for impossible wishes, PortTakenError for a port in use.
    """
    mode, brokers = spec.mode or Mode.KRAFT, 1 if spec.brokers is None else spec.brokers
    if not 1 <= brokers <= MAX_BROKERS:
        raise UsageError(f"{brokers} brokers on one machine?", fix=f"choose 1 to {MAX_BROKERS}")
    ids = range(1, brokers + 1)
    nodes = [Node(i, _roles(mode, i, brokers), None) for i in ids]
    if mode is Mode.ZOOKEEPER:
        nodes.insert(0, Node(0, (Role.ZOOKEEPER,), None))
    bare = Cluster(
        spec.name, cluster_id, mode, version, directory, tuple(nodes),
        containers=spec.containers, declaration=spec.declaration or Declaration(),
    )  # fmt: skip
    return with_ports(bare, spec.port or DEFAULT_PORT)


def require_possible(spec: ClusterSpec, there: Cluster | None) -> None:
    """Raise UsageError or RefusedError for what can be refused before anything is fetched."""
    fault = None if spec.containers is None else host_fault(spec.containers)
    if fault is not None:
        raise UsageError(
            fault, where="--listen-containers", fix="such as host.docker.internal or 172.17.0.1"
        )
    if there is not None:
        require_same(spec, there)


def require_same(spec: ClusterSpec, cluster: Cluster) -> None:
    """Raise RefusedError where the wish does not fit the cluster that stands there."""
    wishes = [
        ("brokers", spec.brokers, len(cluster.brokers)),
        ("mode", spec.mode, cluster.mode),
    ]
    for what, wished, there in wishes:
        if wished is not None and wished != there:
            raise RefusedError(
                f"the cluster {cluster.name!r} was made with {what} {there}, not {wished}",
                where=str(cluster.directory),
                fix=f"another cluster: learnflow up --name OTHER ...; or begin anew (this removes "
                f"its data): learnflow down --wipe{name_flag(cluster.name)}",
            )


def changed(spec: ClusterSpec, cluster: Cluster) -> Cluster:
    """The record with what may change while nothing runs: ports, second listener, catalog."""
    wished = replace(
        cluster,
        containers=spec.containers or cluster.containers,
        declaration=spec.declaration or cluster.declaration,
    )
    first = next(iter(cluster.brokers)).port
    return with_ports(wished, spec.port or first or DEFAULT_PORT)


def with_ports(cluster: Cluster, first: int) -> Cluster:
    """
    Ports for every node: brokers from `first` on, the rest wherever it is free.

    Raises PortTakenError where a broker's port is in use: programs know that address, so
    another is never chosen silently.
    """
    count = len(cluster.brokers)
    if not 1 <= first <= ports.HIGHEST - count + 1:
        raise UsageError(f"port {first} is not possible", fix="choose one from 1024 to 65000")
    client = list(range(first, first + count))
    ports.require_free(client, brokers=count)
    containers: list[int] = []
    if cluster.containers:
        lowest = first + _CONTAINERS_OFFSET
        lowest = lowest if lowest + count <= ports.HIGHEST else first + 2 * _INTERNAL_OFFSET
        containers = list(range(lowest, lowest + count))
        address = config.bind_address(cluster.containers)
        ports.require_own(address)
        ports.require_free(containers, address=address, brokers=count)
    return replace(cluster, nodes=tuple(_assign(cluster.nodes, client, containers)))


def required_ports(nodes: Iterable[Node]) -> tuple[int, ...]:
    """Every loopback port that the nodes listen at."""
    found = (p for node in nodes for p in (node.port, node.controller_port))
    return tuple(port for port in found if port)


def _assign(nodes: Iterable[Node], client: list[int], containers: list[int]) -> Iterable[Node]:
    """Give out the ports; internal ones (controllers, ZooKeeper) begin 100 above."""
    used = {*client, *containers}
    begin = client[0] + _INTERNAL_OFFSET
    if begin > ports.HIGHEST - _INTERNAL_OFFSET:
        begin = client[0] - 2 * _INTERNAL_OFFSET
    waiting, outside = iter(client), iter(containers)
    for node in nodes:
        internal = None
        if Role.CONTROLLER in node.roles or Role.ZOOKEEPER in node.roles:
            internal = ports.free_run(begin, 1, used)
            used.add(internal)
        if node.is_broker:
            yield replace(
                node,
                port=next(waiting),
                controller_port=internal,
                containers_port=next(outside, None),
            )
        else:
            yield replace(node, port=internal)


def _roles(mode: Mode, node: int, brokers: int) -> tuple[Role, ...]:
    """
    Combined roles on the first three nodes; brokers only beyond.

    Two brokers get one controller: a quorum of two stops when either does.
    """
    if mode is Mode.ZOOKEEPER:
        return (Role.BROKER,)
    voters = _QUORUM if brokers >= _QUORUM else 1
    return (Role.BROKER, Role.CONTROLLER) if node <= voters else (Role.BROKER,)
