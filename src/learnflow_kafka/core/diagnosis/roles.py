"""What a pod is for: a broker, a controller, ZooKeeper, or nothing of ours."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.diagnosis import causes
from learnflow_kafka.core.diagnosis.evidence import Where
from learnflow_kafka.core.diagnosis.matching import has_labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from learnflow_kafka.core.diagnosis.evidence import Evidence
    from learnflow_kafka.core.diagnosis.objects import Container, Pod, Service, Workload

KAFKA_PORT: Final = 9092
ZOOKEEPER_PORT: Final = 2181
_NOT_KAFKA: Final = re.compile(
    r"(?i)connect|exporter|ui\b|kafdrop|akhq|operator|cruise|mirror|schema|bridge|rest|registry"
)
_COMPONENT: Final = "app.kubernetes.io/component"
_NAME: Final = "app.kubernetes.io/name"
INSTANCE: Final = "app.kubernetes.io/instance"
"""The label by which charts tell one installation from another; in most it is the release."""
_STRIMZI: Final = "strimzi.io/cluster"


class Role(StrEnum):
    """What a pod does for a Kafka cluster."""

    BROKER = "broker"
    """Serves clients; it may be a controller too."""
    CONTROLLER = "controller"
    ZOOKEEPER = "zookeeper"
    OTHER = "other"


def role(pod: Pod) -> Role:
    """
    The role of a pod, from our labels, Bitnami's, Strimzi's, or its image.

    Strimzi says `strimzi.io/broker-role` and `strimzi.io/controller-role`.
    """
    labels = pod.labels
    component = f"{labels.get(_COMPONENT, '')} {labels.get('strimzi.io/component-type', '')}"
    name = f"{labels.get(_NAME, '')} {labels.get('strimzi.io/name', '')}"
    if "zookeeper" in f"{component} {name}" or _image(pod, "zookeeper"):
        return Role.ZOOKEEPER
    if "strimzi.io/broker-role" in labels:
        return Role.BROKER if labels["strimzi.io/broker-role"] == "true" else Role.CONTROLLER
    if "controller" in component:
        return Role.BROKER if _serves_clients(pod) else Role.CONTROLLER
    if component.strip() in {"broker", "kafka"} or labels.get(_NAME) == "kafka":
        return Role.BROKER
    client = component.strip() == "test"  # the pod of `helm test` has the broker's image
    if _image(pod, "kafka") and not client and not _NOT_KAFKA.search(_image(pod, "kafka")):
        return Role.BROKER
    return Role.OTHER


def pods_of(evidence: Evidence, *roles: Role) -> tuple[Pod, ...]:
    """The pods with one of these roles, but for those that are being deleted."""
    return tuple(p for p in evidence.pods if p.deleted_ms is None and role(p) in roles)


def cluster_of(labels: Mapping[str, str]) -> str | None:
    """Which of several clusters in one namespace something is of; None where it does not say."""
    return labels.get(_STRIMZI) or labels.get(INSTANCE)


def workloads_of(evidence: Evidence, *roles: Role) -> Iterator[Workload]:
    """The StatefulSets and Deployments whose pods have one of these roles."""
    for workload in evidence.workloads:
        owner = f"{workload.kind}/{workload.name}"
        members = [p for p in evidence.pods if p.owner == owner]
        labels = {**workload.labels, **workload.pod_labels}
        probe = members[0] if members else None
        if (role(probe) if probe else _role_of_labels(labels)) in roles:
            yield workload


def ready(pod: Pod) -> bool:
    """Whether the pod's condition `Ready` is true."""
    return any(c.type == "Ready" and c.status == "True" for c in pod.conditions)


def ordinal(pod: Pod) -> int | None:
    """The number at the end of the name of a StatefulSet's pod."""
    found = re.search(r"-(\d{1,9})$", pod.name)
    return int(found[1]) if found else None


def services_of(pod: Pod, evidence: Evidence) -> Iterator[Service]:
    """The services that select the pod."""
    for service in evidence.services:
        if (
            service.namespace == pod.namespace
            and service.selector
            and has_labels(service.selector, pod.labels)
        ):
            yield service


def reference(evidence: Evidence, name: str) -> str:
    """How the writer of a log line is referred to: a pod, or a process on this machine."""
    return causes.process(name) if evidence.where is Where.LOCAL else causes.pod(name)


def called(evidence: Evidence, name: str) -> str:
    """How it is called in sentences."""
    return name if evidence.where is Where.LOCAL else f"pod {name}"


def main_container(pod: Pod) -> Container | None:
    """The container that Kafka or ZooKeeper runs in: named so, or the first."""
    ordinary = [c for c in pod.containers if not c.init]
    named = [c for c in ordinary if c.name in {"kafka", "zookeeper", "broker", "controller"}]
    return next(iter((*named, *ordinary)), None)


def _role_of_labels(labels: dict[str, str]) -> Role:
    from learnflow_kafka.core.diagnosis.objects import Pod  # noqa: PLC0415 - a pod with labels only

    return role(Pod("", "", labels=labels))


def _image(pod: Pod, word: str) -> str:
    return next(
        (c.image.rpartition("/")[2] for c in pod.containers if word in c.image.rpartition("/")[2]),
        "",
    )


def _serves_clients(pod: Pod) -> bool:
    return any(port.number == KAFKA_PORT for c in pod.containers for port in c.ports)
