"""What belongs together in one namespace: the workloads of a release, the nodes of one Kafka."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.diagnosis.evidence import spokesman
from learnflow_kafka.core.diagnosis.roles import INSTANCE, Role, cluster_of, role, workloads_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from learnflow_kafka.core.diagnosis.evidence import Evidence, KafkaView
    from learnflow_kafka.core.diagnosis.objects import Pod, Release, Workload

RELEASE: Final = "meta.helm.sh/release-name"
"""The annotation that Helm gives to everything that it makes."""

_SET: Final = "StatefulSet/"
_NODES: Final = (Role.BROKER, Role.CONTROLLER)


def workloads_of_release(release: Release, evidence: Evidence) -> tuple[Workload, ...]:
    """The StatefulSets and Deployments that a release made."""
    return tuple(
        w
        for w in evidence.workloads
        if w.annotations.get(RELEASE, w.labels.get(INSTANCE)) == release.name
    )


def installations(evidence: Evidence) -> Mapping[str, Evidence]:
    """
    What was seen of each Kafka in the namespace, by its name; one alone is seen as it is.

    The label of the instance tells them apart, else the StatefulSet of the brokers. What neither
    tells of (controllers without labels, say) is seen with each of them; one that was scaled to
    nothing is none.
    """
    pods = {p.name: home for p in evidence.pods if (home := installation(p))}
    sets = {
        f"{w.kind}/{w.name}": home
        for kind in _NODES
        for w in workloads_of(evidence, kind)
        if w.wanted and (home := _home(w.pod_labels, f"{w.kind}/{w.name}", kind))
    }
    names = sorted({*pods.values(), *sets.values()})
    if len(names) < 2:  # noqa: PLR2004 - nothing to tell apart
        return {"": evidence}
    return {name: _of(name, pods, sets, evidence) for name in names}


def installation(pod: Pod) -> str | None:
    """The Kafka that a pod is a node of; None where it is none, or does not say."""
    kind = role(pod)
    return _home(pod.labels, pod.owner or "", kind) if kind in _NODES else None


def _home(labels: Mapping[str, str], owner: str, kind: Role) -> str | None:
    told = cluster_of(labels)
    if not told and kind is Role.BROKER and owner.startswith(_SET):
        return owner.removeprefix(_SET)
    return told


def _of(
    name: str, pods: Mapping[str, str], sets: Mapping[str, str], evidence: Evidence
) -> Evidence:
    """The evidence without the nodes of other installations."""
    return replace(
        evidence,
        pods=tuple(p for p in evidence.pods if pods.get(p.name, name) == name),
        workloads=tuple(
            w for w in evidence.workloads if sets.get(f"{w.kind}/{w.name}", name) == name
        ),
        logs=tuple(s for s in evidence.logs if pods.get(s.pod, name) == name),
        kafka=_view(name, pods, evidence.kafka),
    )


def _view(name: str, pods: Mapping[str, str], seen: KafkaView) -> KafkaView:
    """What one installation says of itself."""
    views = tuple(v for v in seen.views if pods.get(v.node, name) == name)
    speaker = spokesman(views)
    cluster = speaker.cluster if speaker is not None else None
    silence = seen.silence
    if cluster is None and seen.cluster is not None:
        told = "; ".join(f"{v.node}: {v.silence or 'no answer'}" for v in views)
        silence = told or "none of its brokers' pods runs"
    return replace(
        seen,
        silence=silence,
        cluster=cluster,
        quorum=next((v.quorum for v in views if v.quorum is not None), None),
        views=views,
    )
