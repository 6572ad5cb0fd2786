"""Pods that are not created, and containers whose image does not come."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.diagnosis import causes, chart
from learnflow_kafka.core.diagnosis.amounts import amount, shown
from learnflow_kafka.core.diagnosis.causes import Cause, Proof, Remedy, Safety

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from learnflow_kafka.core.diagnosis.evidence import Evidence
    from learnflow_kafka.core.diagnosis.objects import Container, Event, Pod, Workload

PULLING: Final = frozenset({
    "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
    "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed",
})  # fmt: skip
CREATING: Final = frozenset({
    "CreateContainerConfigError", "CreateContainerError", "RunContainerError",
})  # fmt: skip


def not_created(evidence: Evidence) -> Iterator[Cause]:
    """
    A StatefulSet's pods, or their claims, are refused: by a quota, a limit or a rule.

    Looks at `status.replicas` against `spec.replicas`, at the `FailedCreate` events, at
    ResourceQuotas (`status.used` against `status.hard`) and at the namespace's Pod Security
    label. There is no pod then, so nothing is Pending, and `kubectl get pods` looks quiet.

    Way out: raise the quota, ask for less, or mend what the message names. Where Pod Security
    refuses, the pods get the security context that is demanded; the namespace keeps its level.
    """
    for workload in evidence.workloads:
        if workload.created >= workload.wanted:
            continue
        event = _refusal(workload, evidence)
        if event is None:
            continue
        missing = workload.wanted - workload.created
        name = f"{workload.kind} {workload.name}"
        yield Cause(
            "pods.not_created",
            (causes.workload(workload.kind, workload.name),),
            f"{name} has {workload.created} of {workload.wanted} pods: {_short(event.message)}",
            (
                Proof(name, "status.replicas", f"{workload.created} of {workload.wanted}"),
                Proof(name, f"event {event.reason}", event.message),
                *_limits(event.message, evidence),
            ),
            _let_in(event.message, missing, workload, evidence),
        )


def image(evidence: Evidence) -> Iterator[Cause]:
    """
    A container's image does not come.

    Looks at `state.waiting.reason` and tells the reasons apart: the image or tag does not
    exist, the registry wants a login, it counts pulls (429), its name does not resolve, or
    the name is no image's name. Images of `docker.io/bitnami` were removed in September 2025;
    those in `bitnamilegacy` still come and get no fixes.

    Way out: an image that exists (`apache/kafka`), a pull secret, or a mirror.
    """
    found: dict[tuple[str, str], list[tuple[Pod, Container]]] = {}
    for pod in evidence.pods:
        for container in pod.containers:
            if container.waiting is not None and container.waiting.reason in PULLING:
                found.setdefault((pod.owner or pod.name, container.image), []).append(
                    (pod, container)
                )
    for (_, name), members in found.items():
        pod, container = members[0]
        said = _pull_message(pod, container, evidence)
        why, way = _pull_fault(name, said, pod)
        yield Cause(
            "image.pull",
            tuple(causes.pod(p.name) for p, _ in members),
            f"image {name} of {', '.join(p.name for p, _ in members)} does not come: {why}",
            (
                Proof(
                    f"pod {pod.name}",
                    f"status.containerStatuses[{container.name}].state.waiting.reason",
                    container.waiting.reason if container.waiting else "",
                ),
                Proof(f"pod {pod.name}", f"spec.containers[{container.name}].image", name),
                *([Proof(f"pod {pod.name}", "message", said)] if said else []),
            ),
            way,
        )


def not_made(evidence: Evidence) -> Iterator[Cause]:
    """
    A container cannot be made, or its volume cannot be mounted.

    Looks at the waiting reasons `CreateContainerConfigError` and its kin, and at the events
    `FailedMount` and `FailedAttachVolume`: a ConfigMap, a Secret or a key that is missing, a
    disk that another node still holds.

    Way out: make what the message names.
    """
    for pod in evidence.pods:
        for container in pod.containers:
            waiting = container.waiting
            if waiting is not None and waiting.reason in CREATING:
                yield Cause(
                    "container.not_made",
                    (causes.pod(pod.name),),
                    f"container {container.name} of {pod.name} cannot be made: "
                    f"{_short(waiting.message or waiting.reason)}",
                    (
                        Proof(
                            f"pod {pod.name}",
                            f"status.containerStatuses[{container.name}].state.waiting",
                            f"{waiting.reason}: {waiting.message or ''}",
                        ),
                    ),
                    Remedy(
                        "make what it names, in the same namespace",
                        Safety.SAFE,
                        f"kubectl get configmaps,secrets -n {pod.namespace}",
                    ),
                )
        yield from _unmounted(pod, evidence)


def _unmounted(pod: Pod, evidence: Evidence) -> Iterator[Cause]:
    stuck = any(c.waiting and c.waiting.reason == "ContainerCreating" for c in pod.containers)
    events = [
        e
        for e in evidence.events
        if e.kind == "Pod"
        and e.name == pod.name
        and e.reason in {"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"}
        and e.seen_ms >= (pod.created_ms or 0)
    ]
    if not stuck or not events:
        return
    event = max(events, key=lambda e: e.seen_ms)
    yield Cause(
        "container.not_made",
        (causes.pod(pod.name),),
        f"pod {pod.name} cannot start its containers: {_short(event.message)}",
        (Proof(f"pod {pod.name}", f"event {event.reason}", event.message),),
        Remedy(
            "make what it names; a disk that another node holds is let go when the pod there ends",
            Safety.SAFE,
            f"kubectl describe pod {pod.name} -n {pod.namespace}",
        ),
    )


def _refusal(workload: Workload, evidence: Evidence) -> Event | None:
    """The newest event that says why a pod, or a claim of one, was not made."""
    found = [e for e in evidence.events if e.reason == "FailedCreate" and _tells_of(e, workload)]
    return max(found, key=lambda e: e.seen_ms, default=None)


def _tells_of(event: Event, workload: Workload) -> bool:
    """Whether an event is about this workload and not one whose name begins like its own."""
    if workload.kind == "Deployment":
        made = re.escape(workload.name) + _REVISION
        return event.kind == "ReplicaSet" and re.fullmatch(made, event.name) is not None
    return (event.kind, event.name) == (workload.kind, workload.name)


_REVISION: Final = r"-[a-z0-9]{1,10}"
"""What Kubernetes puts behind a Deployment's name for the ReplicaSet that makes its pods."""


def _limits(message: str, evidence: Evidence) -> Iterator[Proof]:
    for quota in evidence.quotas:
        if f"exceeded quota: {quota.name}" not in message:
            continue
        for resource, hard in sorted(quota.hard.items()):
            if f"limited: {resource}=" in message or f"{resource}=" in message:
                used = quota.used.get(resource, 0)
                yield Proof(
                    f"quota {quota.name}",
                    f"status.used.{resource}",
                    f"{shown(resource, used)} of {shown(resource, hard)}",
                )
    enforced = (evidence.namespace_state.labels if evidence.namespace_state else {}).get(
        "pod-security.kubernetes.io/enforce"
    )
    if "PodSecurity" in message and enforced:
        yield Proof(
            f"namespace {evidence.namespace}",
            "metadata.labels[pod-security.kubernetes.io/enforce]",
            enforced,
        )


def _let_in(message: str, missing: int, workload: Workload, evidence: Evidence) -> Remedy:
    way = _way_in(message, missing, workload, evidence)
    if way.command is None:
        return way
    # The controller tries again ever more rarely, up to every 17 minutes: this wakes it.
    wake = (
        f"kubectl annotate {workload.kind.lower()} {workload.name} -n {workload.namespace} "
        "--overwrite learnflow-kafka/tried-again=$(date +%s)"
    )
    return replace(way, command=f"{way.command} && {wake}")


def _way_in(message: str, missing: int, workload: Workload, evidence: Evidence) -> Remedy:
    quota = next((q for q in evidence.quotas if f"exceeded quota: {q.name}" in message), None)
    if quota is not None:
        return Remedy(
            "raise the quota, or ask for less",
            Safety.ASKS,
            _raise_quota(message, missing, quota.name, quota.namespace, dict(quota.hard)),
        )
    if "PodSecurity" in message:
        return _secure(message, workload, evidence)
    if "failed quota" in message or "must specify" in message:
        return Remedy("set `resources` (requests and limits): the quota demands them", Safety.ASKS)
    if "usage per" in message:
        return Remedy("ask for what the LimitRange allows, or change it", Safety.ASKS)
    return Remedy("mend what the message names")


_FOR_PODS: Final[Mapping[str, Mapping[str, object]]] = {
    "runAsNonRoot != true": {"runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 1000},
    "seccompProfile": {"seccompProfile": {"type": "RuntimeDefault"}},
}
_FOR_CONTAINERS: Final[Mapping[str, Mapping[str, object]]] = {
    "allowPrivilegeEscalation != false": {"allowPrivilegeEscalation": False},
    "unrestricted capabilities": {"capabilities": {"drop": ["ALL"]}},
}
"""What meets a demand of Pod Security, by its words; 1000 is the user of the official images."""


def _secure(message: str, workload: Workload, evidence: Evidence) -> Remedy:
    """Give the pods what is demanded; the namespace's level is for all of its pods."""
    values = chart.within(chart.POD_SECURITY, chart.CONTAINER_SECURITY)
    spec = _secured(message, workload, evidence)
    if spec is None:
        return Remedy(
            f"take what the message names out of the pods {values}; where they need it, they "
            "belong in a namespace of their own: to lower the level of this one is a risk, since "
            "it lets in every pod that asks for as much",
            Safety.ASKS,
        )
    patch = json.dumps({"spec": {"template": {"spec": spec}}}, separators=(",", ":"))
    return Remedy(
        f"give the pods the security context that is demanded {values}; the chart's own passes "
        "every level, with user 1000, that of the official images",
        Safety.ASKS,
        f"kubectl patch {workload.kind.lower()} {workload.name} -n {workload.namespace} "
        f"-p '{patch}'",
    )


def _secured(message: str, workload: Workload, evidence: Evidence) -> dict[str, object] | None:
    """The part of a pod's spec that meets every demand; None where a context does not."""
    _, _, told = message.partition("violates PodSecurity")
    demands = {d.strip() for d in re.sub(r"\([^()]*\)", "", told.partition('": ')[2]).split(",")}
    if demands - {*_FOR_PODS, *_FOR_CONTAINERS} or "must not" in told:
        return None
    inner = _meeting(demands, _FOR_CONTAINERS)
    named = {n for part in _CONTAINERS.findall(told) for n in re.findall(r'"([^"]+)"', part)}
    if inner and not named:
        return None
    first = {
        c.name
        for p in evidence.pods
        if p.owner == f"{workload.kind}/{workload.name}"
        for c in p.containers
        if c.init
    }
    parts = {
        "securityContext": _meeting(demands, _FOR_PODS),
        "initContainers": _each(named & first, inner),
        "containers": _each(named - first, inner),
    }
    return {name: part for name, part in parts.items() if part}


_CONTAINERS: Final = re.compile(r'containers? ((?:"[^"]+"(?:, )?)+)')


def _meeting(demands: set[str], fields: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    return {k: v for demand in fields if demand in demands for k, v in fields[demand].items()}


def _each(names: set[str], context: dict[str, object]) -> list[dict[str, object]]:
    return [{"name": name, "securityContext": context} for name in sorted(names) if context]


def _raise_quota(
    message: str, missing: int, name: str, namespace: str, hard: dict[str, int]
) -> str | None:
    """The command that raises the quota by what the missing pods ask for."""
    asked = re.search(r"requested: ([^ ]+), used", message)
    wanted = {}
    for part in (asked[1] if asked else "").split(","):
        resource, _, text = part.partition("=")
        found = amount(resource, text)
        if found is not None and resource in hard:
            wanted[resource] = shown(resource, hard[resource] + found * missing)
    if not wanted:
        return None
    listed = ",".join(f'"{resource}":"{text}"' for resource, text in wanted.items())
    return f'kubectl patch resourcequota {name} -n {namespace} -p \'{{"spec":{{"hard":{{{listed}}}}}}}\''  # noqa: E501 - one command


def _pull_message(pod: Pod, container: Container, evidence: Evidence) -> str:
    """What the registry said: in the container's state, or in the newest event that tells."""
    said = [
        e.message
        for e in sorted(evidence.events, key=lambda e: -e.seen_ms)
        if e.kind == "Pod"
        and e.name == pod.name
        and e.reason in {"Failed", "InspectFailed"}
        and container.image in e.message
        and "Back-off" not in e.message
    ]
    waiting = container.waiting.message if container.waiting else None
    return next((m for m in (*said, waiting or "") if m), "")


def _pull_fault(name: str, said: str, pod: Pod) -> tuple[str, Remedy]:
    """Why it does not come, and the way out; the image's origin decides before the message."""
    if re.match(r"(docker\.io/)?bitnami/", name):
        return "docker.io/bitnami images were removed in September 2025", _official(name)
    low = said.lower()
    for words, why, way in _PULL_FAULTS:
        if any(word in low for word in words):
            return why, way
    if any(word in low for word in _NO_SUCH):
        return "there is no such image or tag", _set_image(pod, name)
    if any(word in low for word in _DENIED):
        secrets = ", ".join(pod.pull_secrets) or "none"
        return (
            f"the registry refuses us, or there is no such image (pull secrets: {secrets})",
            Remedy("correct the name, or give the pods a pull secret", Safety.ASKS),
        )
    return _short(said) or "no reason was given", _set_image(pod, name)


def _official(name: str) -> Remedy:
    kind = "zookeeper:3.9" if "zookeeper" in name else "apache/kafka:4.3.1"
    return Remedy(
        f"use the official image {kind} with a chart made for it (learnflow deploy); "
        "bitnamilegacy has the old ones, frozen, without fixes",
        Safety.ASKS,
        "learnflow deploy --dry-run",
    )


_PULL_FAULTS: Final = (
    (
        ("toomanyrequests", "429"),
        "the registry counts pulls and has had enough",
        Remedy("log in with a pull secret, or use a mirror; it recovers by itself in some hours"),
    ),
    (
        ("invalidimagename", "invalid reference format"),
        "this is no image's name",
        Remedy("correct the image's name", Safety.ASKS),
    ),
    (
        ("no such host", "i/o timeout", "connection refused", "tls:", "x509", "unreachable"),
        "the node cannot reach the registry",
        Remedy("look at the node's DNS, proxy and certificates; or load the image onto the node"),
    ),
)
_NO_SUCH: Final = ("not found", "manifest unknown", "never")
_DENIED: Final = ("denied", "unauthorized", "authentication required", "forbidden")


def _set_image(pod: Pod, name: str) -> Remedy:
    kind, _, owner = (pod.owner or "").partition("/")
    container = next((c.name for c in pod.containers if c.image == name), None)
    command = None
    if kind == "StatefulSet" and container:
        command = f"kubectl set image statefulset/{owner} -n {pod.namespace} {container}=IMAGE"
    return Remedy("name an image that exists", Safety.ASKS, command)


def _short(message: str) -> str:
    text = " ".join(message.split())
    return text if len(text) <= _LONG else f"{text[:_LONG]}..."


_LONG: Final = 220
