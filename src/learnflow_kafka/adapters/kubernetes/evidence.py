"""
What a diagnosis reads of a cluster: everything once, side by side, and nothing changed.

Each list is one request. What we may not read is skipped with the reason; where the API server
itself is gone, everything is. Only what the objects give reason for is read further: all pods
of the cluster where one finds no node or a claim no volume, logs of Kafka and of what crashes,
the objects that keep a namespace from going, the words of a Helm revision that failed.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import re
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from learnflow_kafka.adapters.kubernetes import objects
from learnflow_kafka.core.diagnosis.evidence import Client as Asker
from learnflow_kafka.core.diagnosis.evidence import Evidence, Part, Skipped, Where
from learnflow_kafka.core.diagnosis.objects import Held, Release
from learnflow_kafka.core.diagnosis.roles import Role, ready, role
from learnflow_kafka.core.diagnosis.scheduling import unschedulable
from learnflow_kafka.core.diagnosis.signs import blotted, signs
from learnflow_kafka.errors import ApiForbiddenError, ApiNotFoundError, KubernetesError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from learnflow_kafka.adapters.kubernetes.client import Client, Object
    from learnflow_kafka.core.diagnosis.objects import Container, Event, Namespace, Pod
    from learnflow_kafka.core.diagnosis.signs import LogSign

T = TypeVar("T")

LINES: Final = 300
SINCE_S: Final = 1800
LOG_BYTES: Final = 512 * 1024
"""How much of each log is read: its end, and of running containers the last half hour."""

WORKERS: Final = 16
DNS_SPACE: Final = "kube-system"
DNS_LABEL: Final = "k8s-app=kube-dns"
_UNFINISHED: Final = "failed,pending-install,pending-upgrade,pending-rollback,uninstalling"
_CORE: Final = "/api/v1"
_MOST_HELD: Final = 20


@dataclass(slots=True)
class _Skips:
    """What could not be read, once a part."""

    found: dict[Part, Skipped] = field(default_factory=dict)

    def read(self, part: Part, call: Callable[[], T], otherwise: Any) -> T:
        """What the call returns; `otherwise`, and a note, where we may not or cannot read it."""
        try:
            return call()
        except ApiForbiddenError as error:
            self.found.setdefault(
                part, Skipped(part, f"forbidden: {error.what}", "ask for a role that may list it")
            )
        except ApiNotFoundError as error:
            self.found.setdefault(part, Skipped(part, f"not there: {error.what}"))
        except KubernetesError as error:
            self.found.setdefault(part, Skipped(part, str(error), error.fix))
        return otherwise  # type: ignore[no-any-return] # nothing, of the call's type


def gather(client: Client, *, asker: tuple[str, str] | None = None) -> Evidence:
    """
    Everything around Kafka in the client's namespace; `asker` is a client's namespace and pod.

    Raises nothing of Kubernetes': see `Evidence.skipped`.
    """
    skips = _Skips()
    with ThreadPoolExecutor(WORKERS) as pool:
        evidence = _Reading(client, skips, pool).run(asker)
    return replace(evidence, skipped=tuple(skips.found.values()))


class _Reading:
    """One gathering: lists first, then what they give reason for."""

    def __init__(self, client: Client, skips: _Skips, pool: ThreadPoolExecutor) -> None:
        self._client = client
        self._skips = skips
        self._pool = pool
        self._space = f"{_CORE}/namespaces/{client.namespace}"

    def run(self, asker: tuple[str, str] | None) -> Evidence:
        """Both rounds."""
        first = self._lists()
        return self._further(first, asker)

    def _lists(self) -> Evidence:
        space, apps = self._client.namespace, "/apis/apps/v1/namespaces"
        nets = f"/apis/networking.k8s.io/v1/namespaces/{space}/networkpolicies"
        slices = f"/apis/discovery.k8s.io/v1/namespaces/{space}/endpointslices"
        asked: dict[str, Callable[[], Any]] = {
            "namespace": self._later(Part.NAMESPACE, self._namespace, None),
            "namespaces": self._list(Part.NAMESPACES, f"{_CORE}/namespaces", objects.namespace),
            "pods": self._list(Part.PODS, f"{self._space}/pods", objects.pod),
            "sets": self._list(
                Part.WORKLOADS,
                f"{apps}/{space}/statefulsets",
                lambda o: objects.workload("StatefulSet", o),
            ),
            "deployments": self._list(
                Part.WORKLOADS,
                f"{apps}/{space}/deployments",
                lambda o: objects.workload("Deployment", o),
            ),
            "claims": self._list(
                Part.CLAIMS, f"{self._space}/persistentvolumeclaims", objects.claim
            ),
            "volumes": self._list(Part.VOLUMES, f"{_CORE}/persistentvolumes", objects.volume),
            "classes": self._list(
                Part.CLASSES, "/apis/storage.k8s.io/v1/storageclasses", objects.storage_class
            ),
            "drivers": self._list(
                Part.DRIVERS,
                "/apis/storage.k8s.io/v1/csidrivers",
                lambda o: str(o["metadata"]["name"]),
            ),
            "nodes": self._list(Part.NODES, f"{_CORE}/nodes", objects.node),
            "quotas": self._list(Part.QUOTAS, f"{self._space}/resourcequotas", objects.quota),
            "services": self._list(Part.SERVICES, f"{self._space}/services", objects.service),
            "endpoints": self._later(
                Part.ENDPOINTS, lambda: objects.endpoints(self._client.items(slices)), ()
            ),
            "policies": self._list(Part.POLICIES, nets, objects.policy),
            "events": self._list(Part.EVENTS, f"{self._space}/events", objects.event),
            "releases": self._later(Part.RELEASES, self._releases, ()),
            "dns": self._later(Part.DNS_SERVICE, self._dns, (None, None)),
            "server": self._later(Part.NAMESPACE, self._version, None),
        }
        got: dict[str, Any] = {name: call() for name, call in asked.items()}
        dns_service, dns_endpoints = got["dns"]
        return Evidence(
            where=Where.KUBERNETES,
            server=got["server"],
            namespace=self._client.namespace,
            namespace_state=got["namespace"],
            namespaces=got["namespaces"],
            pods=tuple(p for p in got["pods"] if p.phase != "Succeeded"),
            workloads=(*got["sets"], *got["deployments"]),
            claims=got["claims"],
            volumes=got["volumes"],
            classes=got["classes"],
            drivers=got["drivers"],
            nodes=got["nodes"],
            quotas=got["quotas"],
            services=got["services"],
            endpoints=got["endpoints"],
            policies=got["policies"],
            events=_recent(got["events"]),
            releases=got["releases"],
            dns_service=dns_service,
            dns_endpoints=dns_endpoints,
        )

    def _further(self, evidence: Evidence, asker: tuple[str, str] | None) -> Evidence:
        pending = any(unschedulable(p) is not None for p in evidence.pods) or any(
            c.phase == "Pending" for c in evidence.claims
        )
        everyone = self._later(Part.NODES, self._everyone, None) if pending else lambda: None
        held = self._later(Part.NAMESPACE, lambda: tuple(self._held(evidence)), ())
        asking = self._later(Part.CLIENT, lambda: self._asker(asker), None)
        beyond = self._later(Part.POLICIES, lambda: self._policies_of(asker), ())
        logs = [
            self._pool.submit(self._log, pod, container, previous=previous)
            for pod, container, previous in _telling(evidence)
        ]
        told = tuple(sign for job in logs for sign in job.result())
        pods = everyone()
        nodes = evidence.nodes
        if pods is not None:
            known = objects.requested(pods)
            nodes = tuple(replace(n, requested=known.get(n.name, {})) for n in nodes)
        return replace(
            evidence,
            nodes=nodes,
            provisioners=objects.provisioners(pods or (), evidence.classes),
            held=held(),
            logs=told,
            client=asking(),
            policies=(*evidence.policies, *beyond()),
        )

    def _later(self, part: Part, call: Callable[[], T], otherwise: Any) -> Callable[[], T]:
        job = self._pool.submit(self._skips.read, part, call, otherwise)
        return job.result

    def _list(
        self, part: Part, path: str, convert: Callable[[Object], T]
    ) -> Callable[[], tuple[T, ...]]:
        return self._later(part, lambda: tuple(convert(o) for o in self._client.items(path)), ())

    def _namespace(self) -> Namespace | None:
        found = self._client.find(self._space)
        return None if found is None else objects.namespace(found)

    def _version(self) -> str | None:
        return str(self._client.get("/version").get("gitVersion") or "") or None

    def _dns(self) -> tuple[Any, Any]:
        """The cluster's DNS and what stands behind it; nothing where it is another one's."""
        services = self._client.items(f"{_CORE}/namespaces/{DNS_SPACE}/services", labels=DNS_LABEL)
        if not services:
            return None, None
        slices = self._client.items(
            f"/apis/discovery.k8s.io/v1/namespaces/{DNS_SPACE}/endpointslices", labels=DNS_LABEL
        )
        found = objects.service(services[0])
        behind = [e for e in objects.endpoints(slices) if e.service == found.name]
        return found, behind[0] if behind else None

    def _everyone(self) -> list[Object] | None:
        """Every pod of the cluster; only sums of them are kept, and names of provisioners."""
        return self._client.items(f"{_CORE}/pods", fields="spec.nodeName!=")

    def _asker(self, asker: tuple[str, str] | None) -> Asker | None:
        if asker is None:
            return None
        space, name = asker
        return objects.client(self._client.get(f"{_CORE}/namespaces/{space}/pods/{name}"))

    def _policies_of(self, asker: tuple[str, str] | None) -> tuple[Any, ...]:
        if asker is None or asker[0] == self._client.namespace:
            return ()
        path = f"/apis/networking.k8s.io/v1/namespaces/{asker[0]}/networkpolicies"
        return tuple(map(objects.policy, self._client.items(path)))

    def _log(self, pod: Pod, container: Container, *, previous: bool) -> tuple[LogSign, ...]:
        """The telling lines of one log."""
        params = {
            "container": container.name,
            "tailLines": str(LINES),
            "limitBytes": str(LOG_BYTES),
        }
        if previous:
            params["previous"] = "true"
        elif container.ready:
            params["sinceSeconds"] = str(SINCE_S)
        path = f"{self._space}/pods/{pod.name}/log"
        try:
            text = self._client.text(path, params)
        except ApiForbiddenError as error:
            self._skips.found.setdefault(
                Part.LOGS, Skipped(Part.LOGS, f"forbidden: {error.what}", "ask for pods/log")
            )
            return ()
        except KubernetesError:
            return ()  # the container has no log: it never ran, or its node is gone
        found = signs(text.splitlines(), pod=pod.name, container=container.name, previous=previous)
        return tuple(found)

    def _releases(self) -> tuple[Release, ...]:
        """The newest revision of each release; only of one that failed the words are read."""
        path = f"{self._space}/secrets"
        found = self._client.items(path, labels=f"owner=helm,status in (deployed,{_UNFINISHED})")
        revisions: dict[str, list[Object]] = {}
        for secret in sorted(found, key=_revision):
            revisions.setdefault(_helm(secret).get("name", ""), []).append(secret)
        return tuple(_release(secrets, self._client.namespace) for secrets in revisions.values())

    def _held(self, evidence: Evidence) -> Iterator[Held]:
        """What keeps a namespace from going, by the kinds that its own conditions name."""
        state = evidence.namespace_state
        if state is None or state.deleted_ms is None:
            return
        told = " ".join(c.message or "" for c in state.conditions)
        for resource in sorted(set(re.findall(r"([\w.-]+) has \d+ resource instances", told))):
            for found in self._instances(resource):
                finalizers = tuple(map(str, found["metadata"].get("finalizers") or ()))
                if finalizers:
                    yield Held(resource.rstrip("."), str(found["metadata"]["name"]), finalizers)

    def _instances(self, resource: str) -> list[Object]:
        plural, _, group = resource.rstrip(".").partition(".")
        base = _CORE
        if group:
            known = self._client.get(f"/apis/{group}")
            base = f"/apis/{known['preferredVersion']['groupVersion']}"
        path = f"{base}/namespaces/{self._client.namespace}/{plural}"
        return self._client.items(path)[:_MOST_HELD]


def _telling(evidence: Evidence) -> Iterator[tuple[Pod, Container, bool]]:
    """The logs that are worth reading: Kafka's and ZooKeeper's, and of whatever crashes."""
    for pod in evidence.pods:
        ours = role(pod) is not Role.OTHER
        for container in pod.containers:
            began = container.running or container.terminated or container.last
            if began and (ours or not ready(pod)):
                yield pod, container, False
                if container.restarts and container.last and not container.ready:
                    yield pod, container, True


def _recent(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """The newest of those that say the same of the same object."""
    newest: dict[tuple[str, str, str, str], Event] = {}
    for event in sorted(events, key=lambda e: e.seen_ms):
        newest[event.kind, event.name, event.reason, event.message] = event
    return tuple(newest.values())


def _helm(secret: Object) -> dict[str, str]:
    """What Helm's labels say of a revision."""
    return secret["metadata"].get("labels") or {}


def _revision(secret: Object) -> int:
    written = _helm(secret).get("version", "0")
    return int(written) if str(written).isdecimal() else 0


def _release(secrets: list[Object], namespace: str) -> Release:
    """A release by its revisions, the newest last."""
    secret = secrets[-1]
    labels = _helm(secret)
    status = str(labels.get("status") or "")
    description, chart = (None, None) if status == "deployed" else _told(secret)
    moment = str(labels.get("modifiedAt") or "")
    created = objects.millis(secret["metadata"].get("creationTimestamp"))
    deployed = [_revision(s) for s in secrets if _helm(s).get("status") == "deployed"]
    return Release(
        namespace=namespace,
        name=str(labels.get("name") or ""),
        revision=_revision(secret),
        status=status,
        description=description,
        chart=chart,
        deployed=deployed[-1] if deployed else None,
        updated_ms=int(moment) * 1000 if moment.isdecimal() else created,
    )


def _told(secret: Object) -> tuple[str | None, str | None]:
    """Helm's sentence about a revision, and its chart's name; its values are let go."""
    try:
        packed = base64.b64decode(base64.b64decode((secret.get("data") or {})["release"]))
        record = json.loads(gzip.decompress(packed))
        sentence = (record.get("info") or {}).get("description")
        chart = ((record.get("chart") or {}).get("metadata") or {}).get("name")
    except (AttributeError, KeyError, ValueError, OSError, EOFError, zlib.error, binascii.Error):
        return None, None
    return blotted(str(sentence)) if sentence else None, str(chart) if chart else None
