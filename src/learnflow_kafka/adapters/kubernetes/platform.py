"""The port that use cases ask: one release's namespace on one cluster."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from learnflow_kafka.adapters.kubernetes import execute, logs, objects, read, write
from learnflow_kafka.adapters.kubernetes.forward import Forwarder
from learnflow_kafka.adapters.kubernetes.rendered import room
from learnflow_kafka.core.attempts import Spot
from learnflow_kafka.core.kubernetes import BROKER, pods_of
from learnflow_kafka.errors import KubernetesError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from contextlib import AbstractContextManager

    from learnflow_kafka.adapters.kubernetes.client import Client
    from learnflow_kafka.core.kubernetes import (
        Door,
        NodeRoom,
        Pod,
        PodLine,
        Ran,
        Right,
        Snapshot,
        StorageClass,
    )
    from learnflow_kafka.core.platform import Tunnels

_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_CLASSES: Final = "/apis/storage.k8s.io/v1/storageclasses"


class KubernetesPlatform:
    """A release in the client's namespace."""

    def __init__(self, client: Client, release: str) -> None:
        self._client = client
        self._release = release

    def version(self) -> str:
        """The API server's version."""
        return str(self._client.get("/version")["gitVersion"])

    def server(self) -> str:
        """The API server's URL."""
        return self._client.access.server

    def missing_rights(self, rights: Collection[Right]) -> tuple[Right, ...]:
        """Those that we do not have; all are asked for at once."""
        wanted = list(rights)
        with ThreadPoolExecutor(8) as pool:
            allowed = list(pool.map(self._allowed, wanted))
        return tuple(r for r, good in zip(wanted, allowed, strict=True) if not good)

    def _allowed(self, right: Right) -> bool:
        attributes = {
            "verb": right.verb,
            "group": right.group,
            "resource": right.resource,
            "subresource": right.subresource,
            "namespace": self._client.namespace if right.namespaced else "",
        }
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = self._client.post(_REVIEWS, body)
        return bool((answer.get("status") or {}).get("allowed"))

    def create_namespace(self) -> None:
        """Make the namespace; fine where it is there already."""
        write.create_namespace(self._client)

    def storage_classes(self) -> tuple[StorageClass, ...]:
        """The classes of volumes."""
        return tuple(read.storage_class(found) for found in self._client.items(_CLASSES))

    def room(self) -> tuple[NodeRoom, ...]:
        """The nodes that take pods, and what is left on each."""
        nodes = self._client.items("/api/v1/nodes")
        alive = "status.phase!=Succeeded,status.phase!=Failed"
        return room(nodes, self._client.items("/api/v1/pods", fields=alive))

    def snapshot(self) -> Snapshot:
        """What stands there now."""
        return read.snapshot(self._client, self._release)

    def delete_pod(self, pod: Pod) -> None:
        """Delete this very pod."""
        write.delete_pod(self._client, pod)

    def delete_claims(self, names: Collection[str]) -> None:
        """Delete claims, and with them the data."""
        for name in names:
            write.delete_claim(self._client, name)

    def spot(self, namespace: str, pod: str) -> Spot:
        """The container of any pod that commands run in."""
        found = objects.client(self._client.get(f"/api/v1/namespaces/{namespace}/pods/{pod}"))
        if found.runs is None:
            raise KubernetesError("none of its containers runs", where=f"pod {found.name}")
        return Spot(namespace, pod, found.runs)

    def run(self, spot: Spot, command: Sequence[str], *, timeout: float) -> Ran:
        """Run a command in a container."""
        return execute.run(self._client.access, spot, command, timeout=timeout)

    def logs(
        self,
        pods: Collection[str] | None,
        *,
        lines: int | None,
        since: float | None,
        follow: bool,
        previous: bool,
    ) -> Iterator[PodLine]:
        """What pods write, each line with its pod; None: every broker's."""
        names = sorted(pods) if pods is not None else self._brokers()
        whose = [(name, _container(name, self._release)) for name in names]
        if follow:
            yield from logs.follow(self._client, whose, lines=lines, since=since)
            return
        for pod, container in whose:
            yield from logs.read(
                self._client, pod, container, lines=lines, since=since, previous=previous
            )

    def _brokers(self) -> list[str]:
        return [pod.name for pod in pods_of(self.snapshot(), BROKER)]

    def forward(self, doors: Sequence[Door]) -> AbstractContextManager[Tunnels]:
        """Tunnels, opened at once; raises ForwardError, naming every port that is taken."""
        tunnels = Forwarder(self._client.access, self._client.namespace)
        try:
            tunnels.open(doors)
        except BaseException:
            tunnels.close()
            raise
        return tunnels


def _container(pod: str, release: str) -> str:
    """The container that matters in a pod of the chart."""
    return "zookeeper" if pod.startswith(f"{release}-zookeeper-") else "kafka"
