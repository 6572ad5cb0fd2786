"""What pods ask for: of a chart's rendering, and of the nodes that are there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from learnflow_kafka.adapters.kubernetes.read import COMPONENT
from learnflow_kafka.core.kubernetes import MODE, Manifest, NodeRoom, Rendering, Share

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from learnflow_kafka.adapters.kubernetes.client import Object

_UNITS: Final = {
    "": 1.0,
    "m": 1e-3,
    **{letter: 1000.0**power for power, letter in enumerate("kMGTPE", start=1)},
    **{f"{letter}i": 1024.0**power for power, letter in enumerate("KMGTPE", start=1)},
}
_TAINTS: Final = frozenset({"NoSchedule", "NoExecute"})


def quantity(text: object) -> float:
    """
    A number as Kubernetes writes it.

    >>> quantity("250m"), quantity("2Gi"), quantity("1e3"), quantity(2)
    (0.25, 2147483648.0, 1000.0, 2.0)
    """
    found = re.fullmatch(r"([0-9.]+(?:[eE][0-9]+)?)([A-Za-z]*)", str(text).strip())
    return float(found[1]) * _UNITS.get(found[2], 1.0) if found else 0.0


def rendering(objects: Sequence[Object]) -> Rendering:
    """The objects that a chart makes, and what their pods ask for."""
    sets = [one for one in objects if one["kind"] == "StatefulSet"]
    modes = [(one["metadata"].get("annotations") or {}).get(MODE) for one in sets]
    return Rendering(
        objects=tuple(Manifest(one["kind"], one["metadata"]["name"]) for one in objects),
        shares=tuple(_share(one) for one in sets),
        mode=next((mode for mode in modes if mode), None),
    )


def _share(found: Object) -> Share:
    spec = found["spec"]
    cpu, memory = _asked(spec["template"]["spec"])
    return Share(
        name=found["metadata"]["name"],
        component=(found["metadata"].get("labels") or {}).get(COMPONENT, ""),
        pods=int(spec.get("replicas", 1)),
        cpu=cpu,
        memory=memory,
        classes=tuple(
            claim["spec"].get("storageClassName")
            for claim in spec.get("volumeClaimTemplates") or []
        ),
    )


def room(nodes: Iterable[Object], pods: Iterable[Object]) -> tuple[NodeRoom, ...]:
    """
    What is left on each node that takes any pod.

    Pods that tolerate a taint, or that must go to certain nodes, are the scheduler's business.
    """
    taken: dict[str, list[int]] = {}
    for pod in pods:
        spec = pod["spec"]
        if name := spec.get("nodeName"):
            sums = taken.setdefault(name, [0, 0, 0])
            for at, amount in enumerate((*_asked(spec), 1)):
                sums[at] += amount
    return tuple(_left(node, taken) for node in nodes if _takes_pods(node))


def _left(node: Object, taken: dict[str, list[int]]) -> NodeRoom:
    name, has = node["metadata"]["name"], node["status"]["allocatable"]
    cpu, memory, pods = taken.get(name, (0, 0, 0))
    return NodeRoom(
        name,
        cpu=round(quantity(has["cpu"]) * 1000) - cpu,
        memory=round(quantity(has["memory"])) - memory,
        pods=round(quantity(has.get("pods", 110))) - pods,
    )


def _takes_pods(node: Object) -> bool:
    spec = node.get("spec") or {}
    tainted = any(taint.get("effect") in _TAINTS for taint in spec.get("taints") or [])
    conditions = (node.get("status") or {}).get("conditions") or []
    ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)
    return ready and not tainted and not spec.get("unschedulable")


def _asked(spec: Object) -> tuple[int, int]:
    """
    CPU in thousandths and memory in bytes that a pod asks for.

    Its containers together, or its largest init container, whichever is more.
    """
    cpu, memory = 0, 0
    for container in spec.get("containers") or []:
        one = _requests(container)
        cpu, memory = cpu + one[0], memory + one[1]
    for container in spec.get("initContainers") or []:
        one = _requests(container)
        cpu, memory = max(cpu, one[0]), max(memory, one[1])
    return cpu, memory


def _requests(container: Object) -> tuple[int, int]:
    resources = container.get("resources") or {}
    # Kubernetes takes the limit for a request that is not given.
    asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return round(quantity(asked.get("cpu", 0)) * 1000), round(quantity(asked.get("memory", 0)))
