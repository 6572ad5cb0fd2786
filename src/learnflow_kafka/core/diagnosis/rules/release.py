"""Namespaces that do not go, releases that do not come, and processes on this machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.diagnosis import causes
from learnflow_kafka.core.diagnosis.causes import Cause, Proof, Remedy, Safety
from learnflow_kafka.core.findings import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from learnflow_kafka.core.diagnosis.evidence import Evidence

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
            "kubectl delete statefulset {release} -n {namespace} --cascade=orphan",
        ),
    ),
    Refusal(
        r"field is immutable",
        "a field that cannot be changed was changed",
        Remedy("take the change back, or delete the object that is named and upgrade", Safety.ASKS),
    ),
    Refusal(
        r"another operation \(install/upgrade/rollback\) is in progress",
        "an earlier Helm run was killed, and its record says that it still runs",
        Remedy(
            "go back to the last revision that was deployed",
            Safety.ASKS,
            "helm rollback {release} -n {namespace}",
        ),
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

    Looks at the newest revision of each release: its status and Helm's description, and at
    what Helm said where `learnflow deploy` asks. A release that waited for pods in vain is a
    consequence: the pods' finding stands above it.

    Way out: per reason; none of them loses data.
    """
    for release in evidence.releases:
        text = release.description or ""
        stuck = release.status.startswith("pending-")
        if release.status == "failed":
            yield _judged(release.name, text, evidence, (Proof(
                f"release {release.name}", f"status of revision {release.revision}",
                f"{release.status}: {text}"),))  # fmt: skip
        elif stuck and (
            release.updated_ms is None or evidence.taken_ms - release.updated_ms > STUCK_MS
        ):
            yield Cause(
                "release.failed",
                (f"upgrade of {release.name}",),
                f"release {release.name} has been {release.status} for a long time: a Helm run "
                "was killed",
                (Proof(f"release {release.name}", "status", release.status),),
                Remedy(
                    "go back to the last revision that was deployed",
                    Safety.ASKS,
                    f"helm rollback {release.name} -n {release.namespace}",
                ),
            )
    if evidence.release_error:
        name = evidence.releases[0].name if evidence.releases else "kafka"
        if not any(r.status == "failed" for r in evidence.releases):
            yield _judged(name, evidence.release_error, evidence, (
                Proof("helm", "error", evidence.release_error.strip()[:400]),))  # fmt: skip


def process_down(evidence: Evidence) -> Iterator[Cause]:
    """
    A process of the cluster on this machine does not run.

    Looks at the processes of `learnflow up`: which are there, and whether another program has
    taken a port meanwhile.

    Way out: `learnflow up` starts what is missing and leaves the rest alone.
    """
    stopped = [p for p in evidence.processes if p.state == "stopped"]
    if not stopped:
        return
    every = len(stopped) == len(evidence.processes)
    command = f"learnflow up{evidence.name_flag}"
    yield Cause(
        "process.down",
        tuple(causes.process(p.name) for p in stopped),
        "the cluster is stopped" if every else f"{', '.join(p.name for p in stopped)} is stopped",
        tuple(
            Proof(p.name, "process", p.stale or "stopped")
            for p in stopped
        )
        + tuple(
            Proof(p.name, f"port {p.port}", p.port_taken) for p in stopped if p.port_taken
        ),
        Remedy("start what is missing", Safety.SAFE, command),
    )  # fmt: skip


def _judged(name: str, text: str, evidence: Evidence, proof: tuple[Proof, ...]) -> Cause:
    """A failed release, by the sentence that says why."""
    for refusal in REFUSALS:
        if re.search(refusal.pattern, text, re.DOTALL):
            found = re.search(r"(?i:statefulsets?\.apps) \"([\w.-]+)|StatefulSet \"([\w.-]+)", text)
            target = next((g for g in (found.groups() if found else ()) if g), name)
            way = refusal.remedy
            command = (way.command or "").format(release=target, namespace=evidence.namespace)
            return Cause(
                "release.failed",
                (f"upgrade of {name}",),
                f"release {name} failed: {refusal.meaning}",
                proof,
                Remedy(way.what, way.safety, command or None, way.manifest),
            )
    if _WAITED.search(text):
        return Cause(
            "release.failed",
            (causes.release(name),),
            f"release {name} waited in vain for its pods",
            proof,
            Remedy("follow the pods, then deploy again"),
        )
    return Cause(
        "release.failed",
        (f"upgrade of {name}",),
        f"release {name} failed: {' '.join(text.split())[:200] or 'Helm gives no reason'}",
        proof,
        Remedy("mend what Helm names, then deploy again"),
        Status.FAILED,
    )
