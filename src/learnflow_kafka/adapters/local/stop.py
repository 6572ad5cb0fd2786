"""
Stop processes in the right order, and leave none behind.

Brokers that are no controllers go first, and what all stand on (ZooKeeper) last. Brokers that
are controllers too are told at once: a quorum that is taken down one by one loses its majority
before the last broker's controlled shutdown is granted.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final

from learnflow_kafka.adapters.local import launch, processes
from learnflow_kafka.core.local import NodeStopped, Role
from learnflow_kafka.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from learnflow_kafka.core.local import Cluster, Node

PATIENCE: Final = 30.0
"""Seconds for an orderly end before it is forced."""

_STEPS: Final = 3
_FORCED: Final = 10.0
_POLL: Final = 0.01
_CLOSED: Final = ".kafka_cleanshutdown"
"""What Kafka leaves in a data folder that it closed, and removes when it opens it."""

_CLOCK_GRAIN: Final = 0.05


def end(cluster: Cluster, found: Mapping[Node, processes.Running]) -> Iterator[NodeStopped]:
    """
    End the processes, brokers first; one event each.

    Raises LocalError where a process does not even end by force.
    """
    for step in range(_STEPS):
        group = {node: process for node, process in found.items() if _step(node) == step}
        for process in group.values():
            processes.terminate(process)
        yield from _await_end(cluster, group)


def _step(node: Node) -> int:
    """When the node's turn is: brokers alone, brokers that are controllers too, the rest."""
    if not node.is_broker:
        return 2
    return 1 if Role.CONTROLLER in node.roles else 0


def _await_end(cluster: Cluster, waiting: dict[Node, processes.Running]) -> Iterator[NodeStopped]:
    deadline = time.monotonic() + PATIENCE
    began = time.time()
    forced = False
    voters = {node for node in cluster.nodes if Role.CONTROLLER in node.roles}
    while waiting:
        for node in [n for n, process in waiting.items() if not processes.alive(process)]:
            del waiting[node]
            processes.forget(launch.folder_of(cluster, node))
            yield NodeStopped(node, killed=forced)
        if voters and len(voters & waiting.keys()) <= len(voters) // 2:
            _release_last_voters(cluster, waiting, began)
        if waiting and time.monotonic() > deadline:
            if forced:
                names = ", ".join(f"{n.name} (process {p.pid})" for n, p in waiting.items())
                raise LocalError(f"{names} cannot be ended", fix="look at it with ps; it may hang")
            forced = True
            deadline = time.monotonic() + _FORCED
            for process in waiting.values():
                processes.terminate(process, by_force=True)
        time.sleep(_POLL)


def _release_last_voters(
    cluster: Cluster, waiting: Mapping[Node, processes.Running], began: float
) -> None:
    """
    End voters that wait for a majority which is gone.

    Such a one has closed its data, said so in a file, and would now wait five seconds for
    another controller to be elected; its metadata log is written through at every step.
    """
    for node, process in waiting.items():
        closed = launch.data_of(cluster, node) / _CLOSED
        with contextlib.suppress(OSError):
            if closed.stat().st_mtime >= began - _CLOCK_GRAIN:
                processes.terminate(process, by_force=True)
