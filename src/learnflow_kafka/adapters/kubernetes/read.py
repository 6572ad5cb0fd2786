"""The API's objects to core values; each part of a snapshot is read by itself."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from learnflow_kafka.core.checks.evidence import Unknown
from learnflow_kafka.core.kubernetes import (
    LOCAL_BASE,
    MODE,
    Claim,
    Pod,
    Service,
    Snapshot,
    StorageClass,
    Workload,
)
from learnflow_kafka.errors import ApiForbiddenError, ApiNotFoundError, KubernetesError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from learnflow_kafka.adapters.kubernetes.client import Client, Object

T = TypeVar("T")

COMPONENT: Final = "app.kubernetes.io/component"
INSTANCE: Final = "app.kubernetes.io/instance"
CHART: Final = "learnflow-kafka/chart-version"
_SERVICE_NAME: Final = "kubernetes.io/service-name"
_REVISION: Final = "controller-revision-hash"
_DEFAULT_CLASS: Final = "storageclass.kubernetes.io/is-default-class"

_PROBE: Final = "Unhealthy:"

HOPELESS: Final = frozenset(
    {
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "RunContainerError",
    }
)
"""Why a container waits where only another pod, from other settings, will do."""


def snapshot(client: Client, release: str) -> Snapshot:
    """What stands of a release in the client's namespace; one request a part, all at once."""
    base = f"/api/v1/namespaces/{client.namespace}"
    apps = f"/apis/apps/v1/namespaces/{client.namespace}"
    slices = f"/apis/discovery.k8s.io/v1/namespaces/{client.namespace}/endpointslices"
    labels = f"{INSTANCE}={release}"
    with ThreadPoolExecutor(7) as pool:
        phase = pool.submit(_tried, lambda: namespace_phase(client), "namespaces")
        sets = pool.submit(
            _tried, lambda: client.items(f"{apps}/statefulsets", labels=labels), "statefulsets"
        )
        pods = pool.submit(_tried, lambda: client.items(f"{base}/pods", labels=labels), "pods")
        served = pool.submit(
            _tried, lambda: client.items(f"{base}/services", labels=labels), "services"
        )
        ends = pool.submit(_tried, lambda: client.items(slices), "endpointslices")
        claims = pool.submit(
            _tried, lambda: client.items(f"{base}/persistentvolumeclaims"), "claims"
        )
        events = pool.submit(_tried, lambda: client.items(f"{base}/events"), "events")
    told = _told(events.result())
    return Snapshot(
        namespace=phase.result(),
        workloads=_each(sets.result(), lambda o: workload(o, told)),
        pods=_each(pods.result(), lambda o: pod(o, told)),
        services=_services(served.result(), ends.result()),
        claims=_claims(claims.result(), sets.result(), release, told),
    )


def namespace_phase(client: Client) -> str | None:
    """`Active` or `Terminating`; None where there is no such namespace."""
    found = client.find(f"/api/v1/namespaces/{client.namespace}")
    return None if found is None else str(found.get("status", {}).get("phase") or "Active")


def storage_class(found: Object) -> StorageClass:
    """A class of volumes."""
    notes = found["metadata"].get("annotations") or {}
    return StorageClass(
        found["metadata"]["name"], notes.get(_DEFAULT_CLASS) == "true", found["provisioner"]
    )


def workload(found: Object, told: Mapping[str, str]) -> Workload:
    """A StatefulSet."""
    meta, spec, status = found["metadata"], found["spec"], found.get("status") or {}
    notes = meta.get("annotations") or {}
    base = notes.get(LOCAL_BASE, "")
    wanted = int(spec.get("replicas", 1))
    created = int(status.get("replicas") or 0)
    return Workload(
        name=meta["name"],
        component=(meta.get("labels") or {}).get(COMPONENT, ""),
        wanted=wanted,
        created=created,
        ready=int(status.get("readyReplicas") or 0),
        revision=status.get("updateRevision"),
        local_base=int(base) if base.isdecimal() else None,
        mode=notes.get(MODE),
        chart_version=notes.get(CHART),
        service=spec.get("serviceName"),
        trouble=told.get(f"StatefulSet/{meta['name']}") if created < wanted else None,
    )


def pod(found: Object, told: Mapping[str, str]) -> Pod:
    """A pod, and why it is not ready."""
    meta, status = found["metadata"], found.get("status") or {}
    labels = meta.get("labels") or {}
    ready = _condition(status, "Ready").get("status") == "True"
    deleting = "deletionTimestamp" in meta
    trouble, hopeless = (None, False) if ready else _trouble(meta["name"], status, told)
    containers = status.get("containerStatuses") or []
    return Pod(
        name=meta["name"],
        component=labels.get(COMPONENT, ""),
        phase=str(status.get("phase") or "Unknown"),
        ready=ready and not deleting,
        node=(found.get("spec") or {}).get("nodeName"),
        trouble="it is being deleted" if deleting else trouble,
        hopeless=hopeless,
        restarts=sum(int(c.get("restartCount") or 0) for c in containers),
        revision=labels.get(_REVISION),
        uid=meta.get("uid", ""),
        deleting=deleting,
        seconds=_age(meta.get("creationTimestamp")),
        running=any("running" in (c.get("state") or {}) for c in containers),
    )


def _trouble(name: str, status: Object, told: Mapping[str, str]) -> tuple[str | None, bool]:
    """Why a pod is not ready, and whether only another pod can be."""
    scheduled = _condition(status, "PodScheduled")
    if scheduled.get("status") == "False":
        return f"no node takes it: {scheduled.get('message') or scheduled.get('reason')}", True
    every = [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]
    for container in every:
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason = waiting.get("reason")
        if reason in HOPELESS:
            return _container_words(container, waiting), True
    event = told.get(f"Pod/{name}")
    if event is not None and event.startswith(_PROBE):
        event = None  # a probe that fails says no more than that it is not ready
    if any("running" in (c.get("state") or {}) for c in status.get("containerStatuses") or []):
        return f"it runs and is not ready yet{f' ({event})' if event else ''}", False
    return event or "its containers are being started", False


def _container_words(container: Object, waiting: Object) -> str:
    words = f"container {container['name']}: {waiting['reason']}"
    ended = ((container.get("lastState") or {}).get("terminated")) or {}
    if ended:
        reason, code = ended.get("reason") or "ended", ended.get("exitCode")
        return f"{words}, after it ended with {reason} (exit code {code})"
    message = str(waiting.get("message") or "").strip()
    return f"{words}: {message}" if message else words


def _services(
    served: list[Object] | Unknown, ends: list[Object] | Unknown
) -> tuple[Service, ...] | Unknown:
    if isinstance(served, Unknown):
        return served
    if isinstance(ends, Unknown):
        return ends
    counts: dict[str, tuple[set[str], set[str]]] = {}
    for part in ends:
        name = (part["metadata"].get("labels") or {}).get(_SERVICE_NAME)
        if name is None:
            continue
        ready, unready = counts.setdefault(name, (set(), set()))
        for end in part.get("endpoints") or []:
            good = (end.get("conditions") or {}).get("ready") is not False
            (ready if good else unready).update(end.get("addresses") or [])
    return tuple(_service(found, counts.get(found["metadata"]["name"])) for found in served)


def _service(found: Object, counts: tuple[set[str], set[str]] | None) -> Service:
    spec = found["spec"]
    ready, unready = counts or (None, set())
    return Service(
        name=found["metadata"]["name"],
        component=(found["metadata"].get("labels") or {}).get(COMPONENT, ""),
        kind=str(spec.get("type") or "ClusterIP"),
        headless=spec.get("clusterIP") == "None",
        ports=tuple(int(port["port"]) for port in spec.get("ports") or []),
        selector=dict(spec.get("selector") or {}),
        ready=None if ready is None else len(ready),
        unready=len(unready),
    )


def _claims(
    found: list[Object] | Unknown,
    sets: list[Object] | Unknown,
    release: str,
    told: Mapping[str, str],
) -> tuple[Claim, ...] | Unknown:
    """The release's claims: by their label, or by the name that their StatefulSet gives them."""
    if isinstance(found, Unknown):
        return found
    templates = () if isinstance(sets, Unknown) else tuple(_claim_prefixes(sets))

    def ours(one: Object) -> bool:
        labels = one["metadata"].get("labels") or {}
        name = one["metadata"]["name"]
        return labels.get(INSTANCE) == release or name.rpartition("-")[0] in templates

    return tuple(_claim(one, told) for one in found if ours(one))


def _claim_prefixes(sets: Iterable[Object]) -> Iterable[str]:
    for found in sets:
        for template in found["spec"].get("volumeClaimTemplates") or []:
            yield f"{template['metadata']['name']}-{found['metadata']['name']}"


def _claim(found: Object, told: Mapping[str, str]) -> Claim:
    spec, status = found["spec"], found.get("status") or {}
    phase = str(status.get("phase") or "Pending")
    name = found["metadata"]["name"]
    return Claim(
        name=name,
        phase=phase,
        size=((spec.get("resources") or {}).get("requests") or {}).get("storage"),
        storage_class=spec.get("storageClassName"),
        volume=spec.get("volumeName"),
        trouble=None if phase == "Bound" else told.get(f"PersistentVolumeClaim/{name}"),
    )


def _told(events: list[Object] | Unknown) -> dict[str, str]:
    """
    What was last said about each object, by `Kind/name`; nothing where we may not read it.

    A claim that waits says so in an event of type Normal, so these count there as well.
    """
    if isinstance(events, Unknown):
        return {}
    found: dict[str, str] = {}
    for event in sorted(events, key=_when):
        about = event.get("involvedObject") or {}
        kind = str(about.get("kind"))
        if event.get("type") == "Warning" or kind == "PersistentVolumeClaim":
            message = str(event.get("message") or "").strip()
            found[f"{kind}/{about.get('name')}"] = f"{event.get('reason')}: {message}"
    return found


def _when(event: Object) -> str:
    """ISO times of one form sort as text; the scheduler leaves `lastTimestamp` empty."""
    series = event.get("series") or {}
    return str(
        series.get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or (event.get("metadata") or {}).get("creationTimestamp")
        or ""
    )


def _condition(status: Object, kind: str) -> Object:
    return next((c for c in status.get("conditions") or [] if c.get("type") == kind), {})


def _age(created: str | None) -> float:
    if not created:
        return 0.0
    born = dt.datetime.fromisoformat(created)
    return max(0.0, (dt.datetime.now(tz=dt.UTC) - born).total_seconds())


def _each(found: list[Object] | Unknown, convert: Callable[[Object], T]) -> tuple[T, ...] | Unknown:
    return found if isinstance(found, Unknown) else tuple(convert(one) for one in found)


def _tried(call: Callable[[], T], what: str) -> T | Unknown:
    """What the call returns, or why it could not be read."""
    try:
        return call()
    except ApiForbiddenError as error:
        return Unknown(f"we may not read {what}: {error.what}", error.fix)
    except ApiNotFoundError as error:
        return Unknown(f"this cluster does not know {what}: {error.what}", error.fix)
    except KubernetesError as error:
        return Unknown(str(error), error.fix)
