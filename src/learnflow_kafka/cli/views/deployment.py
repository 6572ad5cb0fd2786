"""How a deploy looks: what it would do, what it waits for, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learnflow_kafka.app.deploy import (
    Deployed,
    Diagnosed,
    HelmStarted,
    Installed,
    Ready,
    Replaced,
    Unlocked,
    WaitingFor,
)
from learnflow_kafka.app.events import Event, succeeded
from learnflow_kafka.app.prospect import Prospect
from learnflow_kafka.app.up import Held
from learnflow_kafka.app.verify import Attempt
from learnflow_kafka.cli.views import findings, local
from learnflow_kafka.cli.views import tables as tabular
from learnflow_kafka.core.findings import Report, Status
from learnflow_kafka.core.names import is_reserved

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from learnflow_kafka.app.deploy import DeployEvent
    from learnflow_kafka.core.connection import Kubernetes
    from learnflow_kafka.errors import LearnflowError

END_OF_SUPPORT = (
    "mode zookeeper: Kafka 3.9 is the last line with ZooKeeper, and its support ended in "
    "November 2025; move to KRaft"
)
"""Printed whenever a release with ZooKeeper is deployed."""

_WIDTH = 160


def lines(event: DeployEvent) -> Iterator[str]:
    """One event in lines; none for what is shown otherwise."""
    match event:
        case Unlocked():
            number, status = event.revision.number, event.revision.status
            yield f"revision {number} was cut off ({status}); it is marked as failed"
        case HelmStarted():
            verb = "installs" if event.fresh else "upgrades"
            yield f"Helm {verb} release {event.release}: {event.objects} objects"
        case Ready():
            yield f"{event.pod} is ready"
        case WaitingFor():
            yield from (f"waiting for {name}: {_short(why)}" for name, why in event.objects)
        case Replaced():
            yield f"{event.pod} blocked its own repair and was replaced ({_short(event.why)})"
        case Installed():
            yield f"every pod is ready after {event.seconds:.1f} s"
        case Attempt() if not event.last:
            yield f"waiting for {findings.unsettled(event.report)}"
        case Prospect() | Diagnosed() | Deployed() | Attempt():
            pass
        case _:
            text = local.line(event)
            if text:
                yield text


def show_prospect(found: Prospect, console: Console) -> None:
    """What was found beforehand: shown in full where something speaks against the deploy."""
    place = found.place
    console.print(
        f"release {place.release} in namespace {place.namespace}, Kubernetes {found.kubernetes}, "
        f"Helm {found.helm}"
    )
    if found.rendering.mode == "zookeeper":
        console.print(END_OF_SUPPORT, style="yellow")
    show_findings(found.report, console)


def show_findings(report: Report, console: Console) -> None:
    """What is not as it should be; nothing where all is."""
    grave = tuple(f for f in report.findings if f.status is not Status.OK)
    if grave:
        healthy = not report.count(Status.FAILED)
        findings.show(Report(grave), console, healthy=healthy)


def show_dry_run(found: Prospect, console: Console) -> None:
    """The objects and topics that a deploy would bring about."""
    verb = "install" if found.revision is None else f"upgrade (revision {found.revision.number})"
    console.print(f"dry run: Helm would {verb}; {len(found.rendering.objects)} objects:")
    grid = tabular.table("kind", "name")
    for one in found.rendering.objects:
        grid.add_row(one.kind, one.name)
    console.print(grid)
    desired = found.desired
    console.print(f"and topics: {desired.declared} declared, {desired.derived} derived")
    topics = tabular.table("topic", "partitions>", "replication>")
    for topic in desired.topics.values():
        topics.add_row(topic.name, str(topic.partitions), str(topic.replication))
    console.print(topics)
    console.print("nothing was changed")


def show_end(end: Deployed, name: str, console: Console) -> None:
    """The verdict, with what is wrong where something is, and how to connect."""
    if not end.ok:
        findings.show(end.report, console, healthy=False)
    else:
        verdict = findings.summary(end.report, healthy=True)
        console.print(f"{verdict}; deployed after {end.seconds:.1f} s", style="bold green")
    console.print()
    for text in connecting(end, name):
        console.print(text)


def connecting(end: Deployed, name: str) -> Iterator[str]:
    """How programs in the cluster, programs here and people get to it."""
    place = end.context.kubernetes
    topics = [topic for topic in end.desired.topics if not is_reserved(topic)]
    topic = topics[0] if topics else "my.topic"
    if place is not None:
        yield f"in the cluster  {place.release}.{place.namespace}.svc:9092"
    yield f"from here       learnflow connect -c {name}"
    yield f"next            learnflow topics list -c {name}"
    yield f"                learnflow consume {topic} --follow -c {name}"
    yield f"                learnflow logs -c {name}   learnflow verify -c {name}"


def prospect_json(found: Prospect) -> dict[str, object]:
    """A dry run for programs."""
    return {
        "kind": "deploy-preview",
        "version": 1,
        "ok": found.ok,
        **_place(found.place),
        "helm": found.helm,
        "kubernetes": found.kubernetes,
        "installed": found.revision is not None,
        "objects": [{"kind": o.kind, "name": o.name} for o in found.rendering.objects],
        "topics": [
            {"name": t.name, "partitions": t.partitions, "replication": t.replication}
            for t in found.desired.topics.values()
        ],
        "preflight": findings.as_json(found.report, healthy=found.ok),
    }


def deploy_json(
    found: Prospect,
    events: Sequence[DeployEvent],
    name: str | None,
    error: LearnflowError | None = None,
) -> dict[str, object]:
    """A whole deploy for programs, and the `error` that ended it early."""
    end = next((e for e in reversed(events) if isinstance(e, Deployed)), None)
    diagnosis = next((e.report for e in events if isinstance(e, Diagnosed)), None)
    installed = next((e.seconds for e in events if isinstance(e, Installed)), None)
    value: dict[str, object] = {
        "kind": "deploy",
        "version": 1,
        "ok": bool(end and end.ok),
        **_place(found.place),
        "context": name,
        "fresh": found.revision is None,
        "installed_seconds": None if installed is None else round(installed, 3),
        "replaced": [e.pod for e in events if isinstance(e, Replaced)],
        "applied": succeeded([e for e in events if isinstance(e, Event)]),
        "held": any(isinstance(e, Held) for e in events),
        "preflight": findings.as_json(found.report, healthy=found.ok),
    }
    if error is not None:
        value["error"] = {"name": type(error).__name__, "what": str(error), "fix": error.fix}
    if diagnosis is not None:
        value["diagnosis"] = findings.as_json(diagnosis, healthy=diagnosis.healthy())
    if end is not None:
        value |= {
            "bootstrap": end.context.connection.address,
            "cluster_id": end.context.cluster_id,
            "seconds": round(end.seconds, 3),
            "topics": {"declared": end.desired.declared, "derived": end.desired.derived},
            "verification": findings.as_json(end.report, healthy=end.report.healthy()),
        }
    return value


def _place(place: Kubernetes) -> dict[str, object]:
    return {"namespace": place.namespace, "release": place.release, "kube_context": place.context}


def _short(why: str) -> str:
    """One line: the scheduler and image pullers say a lot."""
    words = " ".join(why.split())
    return words if len(words) <= _WIDTH else f"{words[: _WIDTH - 4]} ..."
