"""What a deploy decides: values, whether another Helm is at work, and which pods block it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.checks.evidence import Unknown
from learnflow_kafka.core.kubernetes import BROKER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from learnflow_kafka.core.kubernetes import Pod, Revision, Snapshot, Workload

ENVIRONMENT: Final = "production"
"""The catalog's environment where nobody names one, and the catalog has it."""

CHART_OFFSETS_MINUTES: Final = 43_200
"""The chart's own retention of offsets: 30 days."""

_PENDING: Final = ("pending-install", "pending-upgrade", "pending-rollback")
_QUORUM: Final = 3


def settings(
    *, mode: str | None, brokers: int | None, fresh: bool, offsets_minutes: int
) -> tuple[str, ...]:
    """
    The chart's values that follow from flags and the catalog.

    The number of voters is fixed at the first install: fewer than three brokers have one.

    >>> settings(mode=None, brokers=1, fresh=True, offsets_minutes=0)
    ('replicas=1', 'controllers.replicas=1')
    """
    found = []
    if mode is not None:
        found.append(f"mode={mode}")
    if brokers is not None:
        found.append(f"replicas={brokers}")
        if fresh and brokers < _QUORUM:
            found.append("controllers.replicas=1")
    if offsets_minutes > CHART_OFFSETS_MINUTES:
        found.append(f"offsetsRetentionMinutes={offsets_minutes}")
    return tuple(found)


def cut_off(history: Sequence[Revision]) -> Revision | None:
    """The last try of Helm's where it is not finished: one is at work, or was killed."""
    if history and history[-1].status in _PENDING:
        return history[-1]
    return None


def installed(history: Sequence[Revision]) -> bool:
    """Whether there is a release at all."""
    return bool(history) and history[-1].status != "uninstalled"


def blocking(seen: Snapshot) -> tuple[Pod, ...]:
    """
    Pods that only their own replacement can mend, and that nobody replaces.

    A StatefulSet does not touch a pod of an older revision before it is ready, and such a pod
    never will be: its image or its settings were what the new revision mends.
    """
    if isinstance(seen.pods, Unknown) or isinstance(seen.workloads, Unknown):
        return ()
    revisions = {w.name: w.revision for w in seen.workloads}
    return tuple(
        pod
        for pod in seen.pods
        if pod.hopeless
        and not pod.ready
        and not pod.deleting
        and pod.revision is not None
        and revisions.get(pod.name.rpartition("-")[0], pod.revision) != pod.revision
    )


def orphans(seen: Snapshot) -> tuple[str, ...]:
    """
    Pods of a workload that is gone: they end in their own time, and keep their names till then.

    A new workload is refused pods of those names, and tries again ever more rarely.
    """
    if isinstance(seen.pods, Unknown) or isinstance(seen.workloads, Unknown):
        return ()
    owners = {w.name for w in seen.workloads}
    return tuple(
        sorted(
            pod.name
            for pod in seen.pods
            if pod.revision is not None and pod.name.rpartition("-")[0] not in owners
        )
    )


def waiting(seen: Snapshot) -> tuple[tuple[str, str], ...]:
    """What is not ready, and why: objects with reasons, those that say most first."""
    found: list[tuple[str, str]] = []
    if not isinstance(seen.workloads, Unknown):
        found += [(w.name, w.trouble) for w in seen.workloads if w.trouble]
    if not isinstance(seen.claims, Unknown):
        found += [
            (f"claim {c.name}", c.trouble)
            for c in seen.claims
            if c.trouble and not _patient(c.trouble)
        ]
    if not isinstance(seen.pods, Unknown):
        pods = sorted(seen.pods, key=lambda pod: pod.name)
        found += [(p.name, p.trouble or p.phase) for p in pods if not p.ready]
    return tuple(found)


def _patient(trouble: str) -> bool:
    """A claim that waits for its pod to be scheduled is as it should be."""
    return trouble.startswith("WaitForFirstConsumer")


def settled(workload: Workload) -> bool:
    """Whether all of its pods are ready."""
    return workload.ready >= workload.wanted


def brokers_of(seen: Snapshot) -> int | None:
    """How many brokers the release has, ready or not."""
    if isinstance(seen.workloads, Unknown):
        return None
    return next((w.wanted for w in seen.workloads if w.component == BROKER), None)
