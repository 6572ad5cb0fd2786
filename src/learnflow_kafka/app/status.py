"""Status: the processes of a cluster on this machine, and who leads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from learnflow_kafka.core.local import Mode, NodeState
from learnflow_kafka.errors import LearnflowError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from learnflow_kafka.core.connection import Context
    from learnflow_kafka.core.local import Cluster, LocalStatus, Runtime
    from learnflow_kafka.core.ports import KafkaAdmin


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """
    What runs, and what the cluster says of itself.

    `leader` is the node that leads the quorum, or the controller of a cluster with
    ZooKeeper; `registered` are the brokers that the cluster knows as alive. Both None where
    nothing was asked or answered; `silence` says why.
    """

    local: LocalStatus
    leader: int | None = None
    registered: tuple[int, ...] | None = None
    silence: str | None = None

    @property
    def healthy(self) -> bool:
        """Whether every process runs and every broker is registered."""
        wanted = {node.id for node in self.local.cluster.brokers}
        return self.local.running and self.registered is not None and wanted <= {*self.registered}


def status(
    name: str, runtime: Runtime, admin: Callable[[Context], AbstractContextManager[KafkaAdmin]]
) -> ClusterStatus | None:
    """The cluster's status, or None where there is no cluster of that name."""
    local = runtime.status(name)
    if local is None:
        return None
    if not any(n.state is NodeState.RUNNING and n.node.is_broker for n in local.nodes):
        still = any(n.state is NodeState.SUSPENDED and n.node.is_broker for n in local.nodes)
        silence = "no broker runs" if not still else "every broker that is there stands still"
        return ClusterStatus(local, silence=silence)
    try:
        with admin(local.cluster.context) as port:
            return _asked(local, local.cluster, port)
    except LearnflowError as error:
        return ClusterStatus(local, silence=str(error))


def _asked(local: LocalStatus, cluster: Cluster, admin: KafkaAdmin) -> ClusterStatus:
    state = admin.cluster()
    leader = state.controller
    if cluster.mode is Mode.KRAFT:
        quorum = admin.quorum()
        leader = quorum.leader if quorum else None
    alive = tuple(sorted(b.id for b in state.brokers if not b.fenced))
    return ClusterStatus(local, leader, alive)
