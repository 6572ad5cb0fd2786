"""Namespaces that do not go, releases that do not come, and processes on this machine."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.diagnosis import causes
from learnflow_kafka.core.diagnosis.causes import Cause, Proof, Remedy, Safety
from learnflow_kafka.core.diagnosis.installations import workloads_of_release
from learnflow_kafka.core.diagnosis.matching import has_labels
from learnflow_kafka.core.diagnosis.roles import ready
from learnflow_kafka.core.findings import Status
from learnflow_kafka.core.kubernetes import CHART
from learnflow_kafka.core.local import NodeState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from learnflow_kafka.core.diagnosis.evidence import Evidence, Process
    from learnflow_kafka.core.diagnosis.objects import Release, Workload

STUCK_MS: Final = 15 * 60_000
"""A Helm operation that has been under way for so long was killed, not slow."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A sentence of Helm or the API server, what it means and the way out."""

    pattern: str
    meaning: str
    remedy: Remedy


REFUSALS: Final = (
    Refusal(
        r"PASSWORDS ERROR",
        "the chart wants the passwords that it made at the installation, and was not given them",
        Remedy(
            "read them from their secret and pass them on, as the message says; a chart that "
            "looks them up keeps them by itself",
            Safety.SAFE,
        ),
    ),
    Refusal(
        r"updates to statefulset spec for fields other than .*forbidden",
        "a StatefulSet's claim templates, selector or service name cannot be changed",
        Remedy(
            "to enlarge volumes: patch each claim, then delete the StatefulSet but not its pods, "
            "and upgrade again, which makes it anew around them",
            Safety.ASKS,
            "kubectl delete statefulset {set} -n {namespace} --cascade=orphan",
        ),
    ),
    Refusal(
        r"field is immutable",
        "a field that cannot be changed was changed",
        Remedy("take the change back, or delete the object that is named and upgrade", Safety.ASKS),
    ),
    Refusal(
        r"invalid ownership metadata|exists and cannot be imported",
        "an object of that name belongs to somebody else",
        Remedy("choose another release name, or remove the object", Safety.ASKS),
    ),
    Refusal(
        r"values don't meet the specifications|don't match the schema",
        "the values do not fit the chart's schema",
        Remedy("correct the values that it names", Safety.SAFE),
    ),
    Refusal(
        r"no matches for kind",
        "the cluster does not know a kind of object that the chart uses",
        Remedy("install its CRD first, or switch that part of the chart off", Safety.ASKS),
    ),
    Refusal(
        r"forbidden: exceeded quota|violates PodSecurity|admission webhook",
        "the cluster refuses an object of the release",
        Remedy("mend what the message names", Safety.ASKS),
    ),
)
_SET: Final = re.compile(
    r"(?i:statefulsets?\.apps) \"([\w.-]+)|StatefulSet \"([\w.-]+)",
)
_WAITED: Final = re.compile(
    r"timed out waiting|context deadline exceeded|not ready|InProgress", re.IGNORECASE
)


def terminating(evidence: Evidence) -> Iterator[Cause]:
    """
    The namespace is being deleted and does not go.

    Looks at the namespace's conditions (`NamespaceFinalizersRemaining`,
    `NamespaceContentRemaining`, a failing API service) and at the objects that still have
    finalizers. A finalizer waits for a controller; where that is gone (Strimzi's topic
    operator is the usual one), it waits forever.

    Way out: start the controller again, or take the finalizer away, which skips the cleaning
    up that it stood for.
    """
    state = evidence.namespace_state
    if state is None or not (state.deleted_ms or state.phase == "Terminating"):
        return
    telling = [c for c in state.conditions if c.status == "True" and c.type.startswith("Namespace")]
    held = evidence.held
    names = ", ".join(f"{h.resource} {h.name} ({', '.join(h.finalizers)})" for h in held[:5])
    message = next((c.message for c in telling if "Finalizers" in c.type and c.message), None)
    stays = bool(held or message)
    yield Cause(
        "namespace.terminating",
        (causes.NAMESPACE,),
        f"namespace {state.name} is being deleted"
        + (f", and cannot go: {names or message}" if stays else "; wait until it is gone"),
        (
            Proof(f"namespace {state.name}", "status.phase", state.phase),
            *(
                Proof(f"namespace {state.name}", f"status.conditions[{c.type}]", c.message or "")
                for c in telling
            ),
            *(
                Proof(f"{h.resource} {h.name}", "metadata.finalizers", ", ".join(h.finalizers))
                for h in held[:5]
            ),
        ),
        Remedy(
            "start the controller that owns the finalizer, or take the finalizer away: what it "
            "would have cleaned up then stays",
            Safety.DANGEROUS,
            f"kubectl patch {held[0].resource} {held[0].name} -n {state.name} --type merge "
            '-p \'{"metadata":{"finalizers":null}}\''
            if held
            else None,
        ),
    )


def refused(evidence: Evidence) -> Iterator[Cause]:
    """
    A Helm release failed, or is stuck half way.

    Looks at the newest revision of each release: its status, Helm's description and its chart,
    and the newest revision that was deployed. A release that waited for pods in vain is a
    consequence: the pods' finding stands above it; where they are all ready by now, only the
    record is behind, and that is a warning.

    Way out: per reason. After a run that was killed, one of our chart is deployed again; another
    one goes back to the revision that was deployed, or is uninstalled where none ever was.
    """
    for release in evidence.releases:
        if release.status == "failed":
            yield _judged(release, evidence)
        elif release.status.startswith("pending-") and _is_old(release, evidence):
            yield Cause(
                "release.failed",
                (f"upgrade of {release.name}",),
                f"release {release.name} has been {release.status} for a long time: a Helm run "
                "was killed",
                (
                    Proof(
                        f"release {release.name}",
                        f"status of revision {release.revision}",
                        release.status,
                    ),
                    Proof(
                        f"release {release.name}",
                        "last deployed revision",
                        str(release.deployed or "none"),
                    ),
                ),
                _way_back(release),
            )


def process_down(evidence: Evidence) -> Iterator[Cause]:
    """
    A process of the cluster on this machine does not run, or stands still.

    Looks at the processes of `learnflow up`: which are there, which were suspended (SIGSTOP; their
    ports still take connections, in vain), and whether another program has taken a port meanwhile.

    Way out: `learnflow up` starts what is missing and leaves the rest alone; what was suspended
    goes on where it stood with `kill -CONT`.
    """
    stopped = [p for p in evidence.processes if p.state == NodeState.STOPPED]
    if stopped:
        yield _stopped(stopped, evidence)
    suspended = [p for p in evidence.processes if p.state == NodeState.SUSPENDED]
    if suspended:
        yield _suspended(suspended)


def _stopped(stopped: list[Process], evidence: Evidence) -> Cause:
    every = len(stopped) == len(evidence.processes)
    return Cause(
        "process.down",
        tuple(causes.process(p.name) for p in stopped),
        "the cluster is stopped" if every else f"{', '.join(p.name for p in stopped)} is stopped",
        (
            *(Proof(p.name, "process", p.stale or "stopped") for p in stopped),
            *(Proof(p.name, f"port {p.port}", p.port_taken) for p in stopped if p.port_taken),
        ),
        Remedy("start what is missing", Safety.SAFE, f"learnflow up{evidence.name_flag}"),
    )


def _suspended(suspended: list[Process]) -> Cause:
    pids = [str(p.pid) for p in suspended if p.pid is not None]
    names = ", ".join(p.name for p in suspended)
    return Cause(
        "process.down",
        tuple(causes.process(p.name) for p in suspended),
        f"{names}: suspended by a signal (SIGSTOP), so there is a process and no answer",
        tuple(Proof(p.name, "process state", f"{p.state}, pid {p.pid}") for p in suspended),
        Remedy("let it go on", Safety.SAFE, f"kill -CONT {' '.join(pids)}" if pids else None),
    )


def _is_old(release: Release, evidence: Evidence) -> bool:
    return release.updated_ms is None or evidence.taken_ms - release.updated_ms > STUCK_MS


def _way_back(release: Release) -> Remedy:
    """Out of a run that was killed: on with our own chart, else back, else away."""
    if release.chart == CHART:
        return Remedy(
            "deploy again: it takes over from the run that was killed; the data stays",
            Safety.ASKS,
            f"{_deploy(release)} --take-over",
        )
    if release.deployed is not None:
        return Remedy(
            f"go back to revision {release.deployed}, the last that was deployed; the data stays",
            Safety.ASKS,
            f"helm rollback {release.name} {release.deployed} -n {release.namespace}",
        )
    return Remedy(
        "no revision was ever deployed, so there is none to go back to: uninstall it, and install "
        "it again. Claims that StatefulSets made stay, with their data; claims that the chart "
        "itself lists go, and theirs is lost",
        Safety.DANGEROUS,
        f"helm uninstall {release.name} -n {release.namespace}",
    )


def _deploy(release: Release) -> str:
    return f"learnflow deploy --namespace {release.namespace} --release {release.name}"


def _judged(release: Release, evidence: Evidence) -> Cause:
    """A failed release, by the sentence that says why."""
    name, text = release.name, release.description or ""
    proof = Proof(
        f"release {name}",
        f"status of revision {release.revision}",
        f"{release.status}: {text}",
    )
    for refusal in REFUSALS:
        if re.search(refusal.pattern, text, re.DOTALL):
            return Cause(
                "release.failed",
                (f"upgrade of {name}",),
                f"release {name} failed: {refusal.meaning}",
                (proof,),
                _filled(refusal.remedy, release, evidence),
            )
    if _WAITED.search(text):
        return _waited(release, proof, evidence)
    return Cause(
        "release.failed",
        (f"upgrade of {name}",),
        f"release {name} failed: {' '.join(text.split())[:200] or 'Helm gives no reason'}",
        (proof,),
        Remedy("mend what Helm names, then deploy again"),
    )


def _filled(way: Remedy, release: Release, evidence: Evidence) -> Remedy:
    """A way out whose command names the StatefulSet; without a command where none is known."""
    if way.command is None:
        return way
    target = _named_set(release, evidence)
    command = way.command.format(set=target, namespace=release.namespace) if target else None
    return replace(way, command=command)


def _named_set(release: Release, evidence: Evidence) -> str | None:
    """The StatefulSet that Helm's sentence names, else the only one of the release."""
    found = _SET.search(release.description or "")
    if found is not None:
        return found[1] or found[2]
    sets = [w.name for w in workloads_of_release(release, evidence) if w.kind == "StatefulSet"]
    return sets[0] if len(sets) == 1 else None


def _waited(release: Release, proof: Proof, evidence: Evidence) -> Cause:
    """A release that timed out: a consequence of its pods, or history where they are ready."""
    workloads = workloads_of_release(release, evidence)
    if not workloads or not all(_settled(w, evidence) for w in workloads):
        return Cause(
            "release.failed",
            (causes.release(release.name),),
            f"release {release.name} waited in vain for its pods",
            (proof,),
            Remedy("follow the pods, then deploy again"),
        )
    return Cause(
        "release.failed",
        (causes.release(release.name),),
        f"release {release.name} is recorded as failed: it once waited too long for its pods, "
        "which are all ready now",
        (
            proof,
            *(
                Proof(f"{w.kind} {w.name}", "status.readyReplicas", f"{w.ready} of {w.wanted}")
                for w in workloads
            ),
        ),
        Remedy(
            "nothing is to be done now: the next deploy mends the status",
            Safety.SAFE,
            _deploy(release) if release.chart == CHART else None,
        ),
        Status.WARNING,
    )


def _settled(workload: Workload, evidence: Evidence) -> bool:
    """Whether it has its pods; one that is replaced meanwhile keeps old ones ready."""
    members = [p for p in evidence.pods if has_labels(workload.pod_labels, p.labels)]
    return workload.ready >= workload.wanted and all(ready(p) for p in members)
