"""What belongs together in one namespace: the workloads of a Helm release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from learnflow_kafka.core.diagnosis.evidence import Evidence
    from learnflow_kafka.core.diagnosis.objects import Release, Workload

RELEASE: Final = "meta.helm.sh/release-name"
"""The annotation that Helm gives to everything that it makes."""

INSTANCE: Final = "app.kubernetes.io/instance"
"""The label by which charts tell one installation from another; in most it is the release."""


def workloads_of_release(release: Release, evidence: Evidence) -> tuple[Workload, ...]:
    """The StatefulSets and Deployments that a release made."""
    return tuple(
        w
        for w in evidence.workloads
        if w.annotations.get(RELEASE, w.labels.get(INSTANCE)) == release.name
    )
