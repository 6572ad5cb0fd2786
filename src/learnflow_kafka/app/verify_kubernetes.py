"""
Verify on Kubernetes: the objects, and what a pod sees.

The cluster itself is verified by `app.verify`, through the tunnel. What it learned about
advertised addresses is tried here from inside, by one command in one pod: a client's, or a
broker's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from learnflow_kafka.core import attempts
from learnflow_kafka.core.attempts import Attempt, Spot
from learnflow_kafka.core.checks.deployment import (
    DeploymentEvidence,
    Inside,
    ZooKeeperServer,
)
from learnflow_kafka.core.checks.evidence import Unknown
from learnflow_kafka.core.findings import Report
from learnflow_kafka.core.kubernetes import BROKER, CLIENT_PORT, ZOOKEEPER, pods_of, workload_of
from learnflow_kafka.core.shells import LIMITED
from learnflow_kafka.errors import KubernetesError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from learnflow_kafka.core.checks.evidence import Settings
    from learnflow_kafka.core.connection import Kubernetes
    from learnflow_kafka.core.kubernetes import Snapshot
    from learnflow_kafka.core.platform import Platform

ADVERTISED: Final = "advertised.listeners"
_OUTSIDE: Final = frozenset({"LOCAL", "EXTERNAL"})
_BETWEEN_BROKERS: Final = frozenset({"INTERNAL"})
"""Listeners for whom they are; a policy of the chart may keep clients from those of brokers."""
_ZOOKEEPER_PORT: Final = 2181
_UNTOLD: Final = Attempt(unresolved="not told")

_ASK: Final = (
    LIMITED
    + r"""
asked='exec 3<>"/dev/tcp/$0/$1"; printf srvr >&3; exec cat <&3'
ask() {
  mode=$(limited 5 bash -c "$asked" "${1%:*}" "${1##*:}" 2>/dev/null | grep "^Mode: ")
  if [ "$mode" ]; then echo "$1 ${mode#Mode: }"; fi
}
for one in "$@"; do ask "$one" & done
wait
"""
)
"""One line for each server of ZooKeeper's that serves: its address and mode."""


def look_at(
    platform: Platform,
    place: Kubernetes,
    advertised: Mapping[int, str],
    client: tuple[str, str] | None = None,
) -> DeploymentEvidence:
    """
    The objects of the release, and what a pod sees.

    `advertised` maps broker ids to their `advertised.listeners`; empty where none answered.
    `client` is the namespace and name of the pod to look from; without, it is a broker's.
    """
    seen = platform.snapshot()
    return DeploymentEvidence(
        namespace=place.namespace,
        release=place.release,
        snapshot=seen,
        inside=look_inside(platform, seen, place.namespace, advertised, client),
        zookeeper=look_at_ensemble(platform, seen, place.namespace),
    )


def ensemble(servers: Mapping[str, ZooKeeperServer] | Unknown) -> dict[str, str | None] | Unknown:
    """Why each ZooKeeper server does not serve (None: it does), as the checks of Kafka ask."""
    if isinstance(servers, Unknown):
        return servers
    return {name: server.fault for name, server in servers.items()}


def together(objects: Report, cluster: Report) -> Report:
    """One report: the objects first, for they carry the cluster."""
    return Report((*objects.findings, *cluster.findings))


def advertised_by(configs: Mapping[int, Settings] | Unknown) -> dict[int, str]:
    """What each broker advertises, from all of its settings."""
    if isinstance(configs, Unknown):
        return {}
    found = {}
    for broker, settings in configs.items():
        value = None if not hasattr(settings, "get") else settings.get(ADVERTISED)
        if value is not None and value.value:
            found[broker] = value.value
    return found


def look_inside(
    platform: Platform,
    seen: Snapshot,
    namespace: str,
    advertised: Mapping[int, str],
    client: tuple[str, str] | None = None,
) -> Inside | Unknown:
    """What a client's pod sees, or without one a broker's, or why nobody could look."""
    addresses = _inner(advertised, _OUTSIDE if client is None else _OUTSIDE | _BETWEEN_BROKERS)
    names = {name: f"{name}:{CLIENT_PORT}" for name in _names(seen, namespace, addresses)}
    asked = list(dict.fromkeys((*names.values(), *addresses)))
    pod = "/".join(client) if client is not None else ""
    try:
        spot = _broker(seen, namespace) if client is None else platform.spot(*client)
        if isinstance(spot, Unknown):
            return spot
        pod = pod or spot.pod
        ran = platform.run(spot, attempts.command(asked), timeout=attempts.RUNNING)
    except KubernetesError as error:
        return Unknown(f"no command ran in pod {pod}: {error.what}", error.fix)
    look = attempts.heard(ran)
    if look.lacking is not None:
        by_hand = attempts.by_hand(spot, asked[0]) if asked else None
        return Unknown(f"pod {pod} can try no address: {look.lacking}", by_hand)
    tried = {one: look.attempts.get(one, _UNTOLD) for one in asked}
    return Inside(
        pod,
        {name: tried[one].fault if tried[one].unresolved else None for name, one in names.items()},
        {address: tried[address].fault for address in addresses},
        client=client is not None,
    )


def look_at_ensemble(
    platform: Platform, seen: Snapshot, namespace: str
) -> Mapping[str, ZooKeeperServer] | Unknown:
    """Each server of ZooKeeper's, asked from a broker's pod, or why nobody could ask."""
    servers = _ensemble(seen, namespace)
    if not servers:
        return {}
    spot = _broker(seen, namespace)
    if isinstance(spot, Unknown):
        return spot
    command = ["bash", "-c", _ASK, "learnflow", *servers.values()]
    try:
        ran = platform.run(spot, command, timeout=attempts.RUNNING)
    except KubernetesError as error:
        return Unknown(f"no command ran in pod {spot.pod}: {error.what}", error.fix)
    if ran.code != 0:
        return Unknown(f"nobody could ask from pod {spot.pod}: {ran.err.strip() or ran.code}")
    modes = dict(line.split(maxsplit=1) for line in ran.out.splitlines() if " " in line)
    return {name: _server(modes.get(address)) for name, address in servers.items()}


def _broker(seen: Snapshot, namespace: str) -> Spot | Unknown:
    """A broker that runs; one that is ready first."""
    running = [pod for pod in pods_of(seen, BROKER) if pod.running and not pod.deleting]
    if not running:
        return Unknown("no broker's pod runs to look from", "see `kubernetes.pods`")
    pod = next((pod for pod in running if pod.ready), running[0])
    return Spot(namespace, pod.name, "kafka")


def _server(mode: str | None) -> ZooKeeperServer:
    return ZooKeeperServer(mode) if mode else ZooKeeperServer(fault="does not serve")


def _inner(advertised: Mapping[int, str], others: frozenset[str] = _OUTSIDE) -> tuple[str, ...]:
    """
    The addresses that are for a pod in the cluster: all but those of the `others` listeners.

    >>> _inner({0: "CLIENT://kafka-0.k:9092,LOCAL://localhost:19092"})
    ('kafka-0.k:9092',)
    """
    found = []
    for _, listeners in sorted(advertised.items()):
        for listener in listeners.split(","):
            name, _, address = listener.strip().partition("://")
            if name not in others and address:
                found.append(address)
    return tuple(found)


def _names(seen: Snapshot, namespace: str, addresses: Sequence[str]) -> tuple[str, ...]:
    """The names that clients in the cluster need, each once."""
    hosts = [address.rpartition(":")[0] for address in addresses]
    domain = next((h.partition(".svc.")[2] for h in hosts if ".svc." in h), "")
    end = f"svc.{domain.rstrip('.')}" if domain else "svc"
    services = seen.services if isinstance(seen.services, tuple) else ()
    front = [s.name for s in services if s.component == BROKER and not s.headless]
    brokers = workload_of(seen, BROKER)
    if not hosts and brokers is not None and brokers.service:
        hosts = [f"{pod.name}.{brokers.service}.{namespace}.{end}" for pod in pods_of(seen, BROKER)]
    return tuple(dict.fromkeys([*(f"{name}.{namespace}.{end}" for name in front), *hosts]))


def _ensemble(seen: Snapshot, namespace: str) -> dict[str, str]:
    """The address of each ZooKeeper server by its pod's name; none without ZooKeeper."""
    servers = workload_of(seen, ZOOKEEPER)
    if servers is None:
        return {}
    pods = [f"{servers.name}-{number}" for number in range(servers.wanted)]
    place = f"{servers.service}.{namespace}.svc" if servers.service else f"{namespace}.svc"
    return {pod: f"{pod}.{place}:{_ZOOKEEPER_PORT}" for pod in pods}
