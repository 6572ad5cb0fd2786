"""How tunnels and deployments look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learnflow_kafka.app.connect import Back, Blind, Connected, Gone, Grown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from learnflow_kafka.app.connect import ConnectEvent
    from learnflow_kafka.core.connection import Context, Kubernetes
    from learnflow_kafka.core.kubernetes import Door


def connect_lines(event: ConnectEvent) -> list[str]:
    """One event of `connect`, in lines."""
    match event:
        case Connected():
            waiting = [f"{pod} is not ready: {why}" for pod, why in event.waiting]
            return [*map(_door, event.doors), *waiting]
        case Gone():
            return [f"{event.pod} is not ready: {event.why}"]
        case Back():
            return [f"{event.pod} is back{', in a new pod' if event.renewed else ''}"]
        case Grown():
            return [_door(door) for door in event.doors]
        case Blind():
            return [f"the pods cannot be seen: {event.why}"]


def connect_json(event: ConnectEvent, place: Kubernetes) -> dict[str, object]:
    """One event for programs: one JSON object a line."""
    head: dict[str, object] = {"kind": "connection", "version": 1}
    match event:
        case Connected():
            return {
                **head,
                "event": "connected",
                "bootstrap": ",".join(event.bootstrap),
                "namespace": place.namespace,
                "release": place.release,
                "tunnels": _doors_json(event.doors),
                "waiting": [{"pod": pod, "why": why} for pod, why in event.waiting],
            }
        case Gone():
            return {**head, "event": "gone", "pod": event.pod, "why": event.why}
        case Back():
            return {**head, "event": "back", "pod": event.pod, "renewed": event.renewed}
        case Grown():
            return {**head, "event": "grown", "tunnels": _doors_json(event.doors)}
        case Blind():
            return {**head, "event": "blind", "why": event.why}


def saved_line(context: Context) -> str:
    """That a context was saved, and how it is used."""
    return (
        f"context {context.name} saved: `learnflow --help` lists what takes "
        f"`--context {context.name}`; it builds its own tunnels"
    )


def _door(door: Door) -> str:
    return f"localhost:{door.local_port} -> {door.pod}"


def _doors_json(doors: Sequence[Door]) -> list[dict[str, object]]:
    return [{"local_port": d.local_port, "pod": d.pod, "pod_port": d.pod_port} for d in doors]
