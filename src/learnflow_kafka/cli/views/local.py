"""How clusters of this machine look: progress of `up` and `down`, status, logs, connecting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learnflow_kafka.app.events import (
    Event,
    Failed,
    Planned,
    Proved,
    Skipped,
    Stopped,
    Waiting,
    succeeded,
)
from learnflow_kafka.app.up import Held, Up
from learnflow_kafka.cli.views import findings, plan
from learnflow_kafka.cli.views import tables as tabular
from learnflow_kafka.core.local import (
    NodeStarting,
    NodeState,
    NodeStopped,
    Prepared,
    Role,
    Serving,
    Warned,
    Wiped,
    name_flag,
)
from learnflow_kafka.core.local import Waiting as WaitingForOther
from learnflow_kafka.core.names import is_reserved
from learnflow_kafka.core.plans.changes import CreateTopic
from learnflow_kafka.core.plans.desired import OTHER_BROKERS
from learnflow_kafka.core.text import counted
from learnflow_kafka.core.units import approximate_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from learnflow_kafka.app.status import ClusterStatus
    from learnflow_kafka.app.up import UpEvent
    from learnflow_kafka.core.local import (
        Cluster,
        LocalStatus,
        LogLine,
        Node,
        NodeStatus,
        Preview,
    )
    from learnflow_kafka.core.plans.desired import Desired
    from learnflow_kafka.core.plans.plan import Plan


def line(event: UpEvent) -> str | None:
    """One event of `up` or `down` in one line; None for what is shown otherwise."""
    text: str | None
    match event:
        case Waiting():
            text = plan.line(event, 0)
        case Planned():
            text = _planned(event.plan)
        case Held():
            text = _held(event)
        case Failed() | Skipped() | Stopped():
            text = plan.line(event, event.total if isinstance(event, Stopped) else event.number)
        case Proved():
            text = None if event.empty else plan.line(event, 0)
        case _:
            text = _machine_line(event)
    return text


def _machine_line(event: UpEvent) -> str | None:
    """What happens to processes and folders."""
    text = None
    match event:
        case WaitingForOther():
            text = f"waiting: another learnflow is at work on {event.what}"
        case Prepared():
            text = f"{event.kafka} on {event.java}"
        case NodeStarting():
            text = f"{event.node.name} starts ({_roles(event.node)}, process {event.pid})"
        case NodeStopped():
            text = f"{event.node.name} stopped{' by force' if event.killed else ''}"
        case Serving():
            text = _serving(event)
        case Warned():
            text = f"warning: {event.message}"
        case Wiped():
            size = approximate_size(event.bytes)
            text = f"removed the cluster's data ({size}) from {event.directory}"
    return text


def _serving(event: Serving) -> str:
    count = len(event.cluster.brokers)
    told = f"{count} broker{'' if count == 1 else 's'} at {','.join(event.cluster.bootstrap)}"
    return f"already running: {told}" if event.already else f"serving: {told}"


def _planned(made: Plan) -> str:
    counts = made.counts
    declared = counted(counts.declared, "topic")
    told = f"catalog {made.catalog}: {declared} declared + {counts.derived} derived"
    created = made.count(CreateTopic)
    if not made.pending:
        return f"{told}; all there"
    if not made.steps:
        blocked = len({b.topic for b in made.blocked})
        return f"{told}; nothing to create or change" + (f", {blocked} blocked" if blocked else "")
    return f"{told}; {created} to create, {len(made.steps) - created} to change"


def _held(event: Held) -> str:
    count = f"{len(event.risky)} of its {len(event.plan.steps)} steps"
    lines = [f"the plan is held: {count} could destroy something, so nothing was changed"]
    for step in event.risky:
        mark, text = plan.headline(step.change)
        lines.append(f"  {mark} {text}")
        lines += [f"      risk {risk.severity}: {risk.what}" for risk in step.risks]
    return "\n".join([*lines, "  next: learnflow apply   (shows the whole plan and asks)"])


def show_up(event: Up, console: Console) -> None:
    """The end of `up`: the verdict, with what is wrong where something is, and how to connect."""
    if not event.ok:
        findings.show(event.report, console, healthy=False)
    else:
        verdict = findings.summary(event.report, healthy=True)
        console.print(f"{verdict}; ready after {event.seconds:.1f} s", style="bold green")
    for notice in event.desired.notices:
        if notice.rule == OTHER_BROKERS:
            console.print(f"note: {notice.what}")
    console.print()
    for text in connecting(event.cluster, event.desired):
        console.print(text)


def connecting(cluster: Cluster, desired: Desired | None = None) -> Iterator[str]:
    """How programs, kcat and people get to the cluster."""
    address = ",".join(cluster.bootstrap)
    topics = list(desired.topics) if desired else []
    topic = next((t for t in topics if not is_reserved(t)), "my.topic")
    name = "" if cluster.context_name == "local" else f" -c {cluster.context_name}"
    yield f"bootstrap   {address}"
    if cluster.containers_bootstrap:
        yield f"containers  {','.join(cluster.containers_bootstrap)}   (open beyond loopback)"
    yield f"kcat        kcat -b {address} -L"
    yield (
        'python      confluent_kafka.Producer({"bootstrap.servers": '
        f'"{address}"}}).produce("{topic}", b"...")'
    )
    yield f"next        learnflow topics list{name}"
    yield f"            learnflow consume {topic} --follow{name}"
    flag = name_flag(cluster.name)
    yield f"            learnflow status{flag}   learnflow down{flag}"


def up_json(events: Sequence[UpEvent]) -> dict[str, object]:
    """A whole `up` for programs."""
    end = next((e for e in reversed(events) if isinstance(e, Up)), None)
    applied = [e for e in events if isinstance(e, Event)]
    value: dict[str, object] = {
        "kind": "up",
        "version": 1,
        "ok": bool(end and end.ok),
        "already_running": any(isinstance(e, Serving) and e.already for e in events),
        "applied": succeeded(applied),
        "held": any(isinstance(e, Held) for e in events),
        "warnings": [e.message for e in events if isinstance(e, Warned)],
    }
    if end:
        value |= cluster_json(end.cluster)
        value |= {
            "seconds": round(end.seconds, 3),
            "topics": {"declared": end.desired.declared, "derived": end.desired.derived},
            "verification": findings.as_json(end.report, healthy=end.report.healthy()),
        }
    return value


def cluster_json(cluster: Cluster) -> dict[str, object]:
    """What every program wants to know of a cluster here."""
    return {
        "name": cluster.name,
        "context": cluster.context_name,
        "cluster_id": cluster.cluster_id or None,
        "bootstrap": ",".join(cluster.bootstrap),
        "containers_bootstrap": ",".join(cluster.containers_bootstrap) or None,
        "kafka": cluster.version,
        "mode": cluster.mode.value,
        "directory": str(cluster.directory),
        "catalog": cluster.declaration.catalog,
        "environment": cluster.declaration.environment,
    }


def show_preview(found: Preview, desired: Desired, console: Console) -> None:
    """What `up` would do."""
    cluster = found.cluster
    if found.download_bytes:
        console.print(f"would download {approximate_size(found.download_bytes)} of Kafka")
    verb = "use" if found.exists else "make"
    console.print(f"would {verb} the cluster {cluster.name!r} in {cluster.directory}")
    for node in cluster.nodes:
        if node in found.running:
            console.print(f"{node.name} runs already, at port {node.port}")
        else:
            console.print(f"would start {node.name} ({_roles(node)}) at port {node.port}")
    console.print(
        f"would apply catalog {desired.catalog}: {counted(desired.declared, 'topic')} declared + "
        f"{desired.derived} derived, and verify"
    )
    console.print("dry run: nothing was changed")


def preview_json(found: Preview) -> dict[str, object]:
    """The same for programs."""
    return {
        "kind": "up-preview",
        "version": 1,
        "exists": found.exists,
        "running": [node.name for node in found.running],
        "download_bytes": found.download_bytes,
        "nodes": [_node_json(node) for node in found.cluster.nodes],
        **cluster_json(found.cluster),
    }


def show_status(found: ClusterStatus, console: Console) -> None:
    """Processes, ports, disk and logs, and who leads."""
    cluster = found.local.cluster
    console.print(f"cluster {cluster.name}: {_verdict(found)}", style="bold")
    console.print(
        f"Kafka {cluster.version} ({cluster.mode}), cluster id {cluster.cluster_id or 'not yet'}, "
        f"context {cluster.context_name}"
    )
    console.print(f"bootstrap {','.join(cluster.bootstrap)}")
    if cluster.containers_bootstrap:
        console.print(f"for containers {','.join(cluster.containers_bootstrap)}")
    console.print(f"folder {cluster.directory}")
    console.print()
    grid = tabular.table("node", "state", "roles", "port>", "process>", "memory>", "disk>", "log")
    for node in found.local.nodes:
        grid.add_row(*_status_row(node, found))
    console.print(grid)
    for node in found.local.nodes:
        if node.stale and node.pid is None:
            console.print(f"{node.node.name}: {node.stale}")
        if node.state is NodeState.SUSPENDED:
            still = "its process stands still (SIGSTOP); let it go on with"
            console.print(f"{node.node.name}: {still} `kill -CONT {node.pid}`")
    if found.silence:
        console.print(f"leader and registrations: not known ({found.silence})")
    if not found.healthy:
        console.print(f"next: {_next(found.local)}")


def _next(found: LocalStatus) -> str:
    """What mends the cluster: `up` starts what is missing, and nothing that stands still."""
    still = [str(n.pid) for n in found.nodes if n.state is NodeState.SUSPENDED]
    up = f"learnflow up{name_flag(found.cluster.name)}"
    if not still:
        return up
    missing = any(n.state is NodeState.STOPPED for n in found.nodes)
    return f"kill -CONT {' '.join(still)}" + (f", then {up}" if missing else "")


def _verdict(found: ClusterStatus) -> str:
    if found.healthy:
        return "running"
    if found.local.stopped:
        return "stopped"
    return "not complete"


def _status_row(status: NodeStatus, found: ClusterStatus) -> tuple[str, ...]:
    node = status.node
    leads = " (leader)" if node.id == found.leader and Role.ZOOKEEPER not in node.roles else ""
    ports = [node.port, node.controller_port, node.containers_port]
    return (
        node.name,
        _state(status, found),
        f"{_roles(node)}{leads}",
        " ".join(str(port) for port in ports if port),
        str(status.pid or "-"),
        approximate_size(status.memory_bytes) if status.memory_bytes else "-",
        approximate_size(status.disk_bytes),
        str(status.log_file),
    )


def _state(status: NodeStatus, found: ClusterStatus) -> str:
    unregistered = (
        found.registered is not None
        and status.node.is_broker
        and status.node.id not in found.registered
    )
    return f"{status.state.value}, not registered" if unregistered and status.pid else status.state


def status_json(found: ClusterStatus) -> dict[str, object]:
    """The same for programs; `bootstrap` is what clients take."""
    return {
        "kind": "status",
        "version": 1,
        "state": _verdict(found),
        "healthy": found.healthy,
        "leader": found.leader,
        "registered": None if found.registered is None else list(found.registered),
        "silence": found.silence,
        "nodes": [
            {
                **_node_json(status.node),
                "state": status.state.value,
                "pid": status.pid,
                "started_ms": status.started_ms,
                "memory_bytes": status.memory_bytes,
                "disk_bytes": status.disk_bytes,
                "log_file": str(status.log_file),
                "stale": status.stale,
            }
            for status in found.local.nodes
        ],
        **cluster_json(found.local.cluster),
    }


def no_cluster_json(name: str) -> dict[str, object]:
    """Status where there is no cluster of that name."""
    return {"kind": "status", "version": 1, "state": "absent", "healthy": False, "name": name}


def all_json(documents: Sequence[dict[str, object]]) -> dict[str, object]:
    """Every cluster of this machine."""
    return {"kind": "clusters", "version": 1, "clusters": list(documents)}


def show_down(found: LocalStatus, console: Console, *, wipe: bool) -> None:
    """What `down` would do."""
    for status in found.nodes:
        if status.pid:
            console.print(f"would stop {status.node.name} (process {status.pid})")
    if wipe:
        size = approximate_size(sum(n.disk_bytes for n in found.nodes))
        console.print(f"would remove its data ({size}) from {found.cluster.directory}")
    console.print("dry run: nothing was changed")


def down_preview_json(name: str, found: LocalStatus | None, *, wipe: bool) -> dict[str, object]:
    """The same for programs."""
    nodes = found.nodes if found else ()
    return {
        "kind": "down-preview",
        "version": 1,
        "name": name,
        "would_stop": [n.node.name for n in nodes if n.pid],
        "would_remove_bytes": sum(n.disk_bytes for n in nodes) if wipe else 0,
    }


def down_json(name: str, events: Sequence[object]) -> dict[str, object]:
    """A whole `down` for programs."""
    stopped = [e for e in events if isinstance(e, NodeStopped)]
    return {
        "kind": "down",
        "version": 1,
        "name": name,
        "stopped": [{"name": e.node.name, "by_force": e.killed} for e in stopped],
        "wiped": any(isinstance(e, Wiped) for e in events),
    }


def log_text(log: LogLine, *, several: bool) -> str:
    """One line of a log; with its node's name where there are several."""
    return f"{log.node.name}  {log.text}" if several else log.text


def log_json(log: LogLine) -> dict[str, object]:
    """The same as one object a line."""
    return {"kind": "log", "version": 1, "node": log.node.name, "text": log.text}


def _node_json(node: Node) -> dict[str, object]:
    return {
        "name": node.name,
        "id": node.id,
        "roles": [role.value for role in node.roles],
        "port": node.port,
        "controller_port": node.controller_port,
        "containers_port": node.containers_port,
    }


def _roles(node: Node) -> str:
    return " and ".join(role.value for role in node.roles)
