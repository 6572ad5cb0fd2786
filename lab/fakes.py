"""
Nodes that are only registered: the scheduler and the controllers take them for real.

No kubelet stands behind them, so a pod that is placed there stays Pending. They are kept
alive by heartbeats; without, the controllers would taint them within a minute.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.api import Api, Object

FAKE: Final = "lab.learnflow.dev/fake"
_NODES: Final = "/api/v1/nodes"
_LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


@dataclass(frozen=True, slots=True)
class FakeNode:
    """
    A node to register. `taints` are as kubectl writes them: `key=value:Effect`.

    One without taints takes everybody's pods: give it one, or a test of its own.
    """

    name: str
    zone: str = "zone-b"
    cpu: str = "4"
    memory: str = "8Gi"
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[str, ...] = ()


def add(api: Api, node: FakeNode) -> None:
    """Register the node, ready at once."""
    labels = {
        FAKE: "true",
        "kubernetes.io/hostname": node.name,
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/zone": node.zone,
        "topology.kubernetes.io/region": "lab",
        **node.labels,
    }
    api.create(
        _NODES,
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": node.name, "labels": labels},
            "spec": {"taints": [taint(text) for text in node.taints]},
        },
    )
    resources = {"cpu": node.cpu, "memory": node.memory, "pods": "110"}
    resources["ephemeral-storage"] = "100Gi"
    api.patch(
        f"{_NODES}/{node.name}/status",
        {"status": {"capacity": resources, "allocatable": resources}},
    )
    beat(api, node.name)


def remove(api: Api, name: str) -> None:
    """Take the node away; the controllers then remove the pods that were placed on it."""
    api.delete(f"{_NODES}/{name}")
    api.delete(f"{_LEASES}/{name}")


def beat_all(api: Api) -> None:
    """One heartbeat of every registered node; one that is annotated `silent` stays still."""
    for node in api.items(_NODES, labels=FAKE):
        if f"{FAKE}-silent" not in node["metadata"].get("annotations", {}):
            beat(api, node["metadata"]["name"])


def beat(api: Api, name: str) -> None:
    """The node says that it is well, as a kubelet does: in its status and in its lease."""
    now = dt.datetime.now(dt.UTC)
    api.patch(f"{_NODES}/{name}/status", {"status": {"conditions": _conditions(now)}})
    renewed = {
        "holderIdentity": name,
        "leaseDurationSeconds": 40,
        "renewTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    lease: Object = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": "kube-node-lease"},
        "spec": renewed,
    }
    api.create(_LEASES, lease)
    api.patch(f"{_LEASES}/{name}", {"spec": renewed})


def _conditions(now: dt.datetime) -> list[Object]:
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    states = {
        "MemoryPressure": ("False", "KubeletHasSufficientMemory"),
        "DiskPressure": ("False", "KubeletHasNoDiskPressure"),
        "PIDPressure": ("False", "KubeletHasSufficientPID"),
        "Ready": ("True", "KubeletReady"),
    }
    return [
        {
            "type": kind, "status": status, "reason": reason, "message": reason,
            "lastHeartbeatTime": stamp, "lastTransitionTime": stamp,
        }
        for kind, (status, reason) in states.items()
    ]  # fmt: skip


def taint(text: str) -> Object:
    """A taint from kubectl's words for it: `key=value:Effect`."""
    pair, _, effect = text.rpartition(":")
    key, _, value = pair.partition("=")
    return {"key": key, "value": value, "effect": effect}
