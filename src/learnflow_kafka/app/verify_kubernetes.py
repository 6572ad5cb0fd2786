"""
Verify on Kubernetes: the objects, and what a pod of the release sees.

The cluster itself is verified by `app.verify`, through the tunnel. What it learned about
advertised addresses is tried here from inside, by one command in one broker's pod.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.checks.deployment import (
    DeploymentEvidence,
    Inside,
    ZooKeeperServer,
)
from learnflow_kafka.core.checks.evidence import Unknown
from learnflow_kafka.core.findings import Report
from learnflow_kafka.core.kubernetes import BROKER, ZOOKEEPER, pods_of, workload_of
from learnflow_kafka.core.shells import LIMITED
from learnflow_kafka.errors import KubernetesError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from learnflow_kafka.core.checks.evidence import Settings
    from learnflow_kafka.core.connection import Kubernetes
    from learnflow_kafka.core.kubernetes import Snapshot
    from learnflow_kafka.core.platform import Platform

PATIENCE: Final = 30.0
"""Seconds for all probes together; each has five, and all run at once."""

ADVERTISED: Final = "advertised.listeners"
_OUTSIDE: Final = frozenset({"LOCAL", "EXTERNAL"})
_ZOOKEEPER_PORT: Final = 2181

_PROBE: Final = r"""
export LC_ALL=C
open() { limited 5 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$@" 2>&1; }
asked='exec 3<>"/dev/tcp/$0/$1"; printf srvr >&3; exec cat <&3'
ask() { limited 5 bash -c "$asked" "$@" 2>/dev/null; }
probe() {
  kind=${1%%:*} rest=${1#*:}
  host=${rest%:*} port=${rest##*:}
  case $kind in
    dns) said=$(open "$rest" 9092)
         case $said in *"Invalid argument"*) echo "$1 no";; *) echo "$1 ok";; esac;;
    tcp) if open "$host" "$port" >/dev/null; then echo "$1 ok"; else echo "$1 no"; fi;;
    zk)  mode=$(ask "$host" "$port" | grep "^Mode: ")
         if [ "$mode" ]; then echo "$1 ${mode#Mode: }"; else echo "$1 no"; fi;;
  esac
}
for one in "$@"; do probe "$one" & done
wait
"""
PROBE: Final = LIMITED + _PROBE
"""
One line a probe: the probe, and `ok`, `no`, or the mode of a ZooKeeper server.

Bash is all that both official images have. It resolves names as every client does, and says
"Invalid argument" of a name that it cannot.
"""


def look_at(
    platform: Platform, place: Kubernetes, advertised: Mapping[int, str]
) -> DeploymentEvidence:
    """
    The objects of the release, and what its pods see.

    `advertised` maps broker ids to their `advertised.listeners`; empty where none answered.
    """
    seen = platform.snapshot()
    return DeploymentEvidence(
        namespace=place.namespace,
        release=place.release,
        snapshot=seen,
        inside=look_inside(platform, seen, place.namespace, advertised),
    )


def ensemble(inside: Inside | Unknown) -> dict[str, str | None] | Unknown:
    """Why each ZooKeeper server does not serve (None: it does), as the checks of Kafka ask."""
    if isinstance(inside, Unknown):
        return inside
    return {name: server.fault for name, server in inside.zookeeper.items()}


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
    platform: Platform, seen: Snapshot, namespace: str, advertised: Mapping[int, str]
) -> Inside | Unknown:
    """What a broker's pod sees, or why nobody could look."""
    running = [pod for pod in pods_of(seen, BROKER) if pod.running and not pod.deleting]
    if not running:
        return Unknown("no broker's pod runs to look from", "see `kubernetes.pods`")
    pod = next((pod for pod in running if pod.ready), running[0])
    addresses = _inner(advertised)
    probes = [
        *(f"dns:{name}" for name in _names(seen, namespace, addresses)),
        *(f"tcp:{address}" for address in addresses),
        *(f"zk:{address}" for address in _ensemble(seen, namespace).values()),
    ]
    command = ["bash", "-c", PROBE, "learnflow", *probes]
    try:
        ran = platform.run(pod.name, "kafka", command, timeout=PATIENCE)
    except KubernetesError as error:
        return Unknown(f"no command ran in pod {pod.name}: {error.what}", error.fix)
    answers = dict(line.split(maxsplit=1) for line in ran.out.splitlines() if " " in line)
    if not answers:
        return Unknown(f"the probe in pod {pod.name} said nothing: {ran.err.strip()}")
    return Inside(
        pod.name,
        names=_faults(probes, "dns", answers, "does not resolve"),
        addresses=_faults(probes, "tcp", answers, "takes no connection"),
        zookeeper={
            name: _server(answers.get(f"zk:{address}"))
            for name, address in _ensemble(seen, namespace).items()
        },
    )


def _faults(
    probes: Sequence[str], kind: str, answers: Mapping[str, str], fault: str
) -> dict[str, str | None]:
    asked = [probe for probe in probes if probe.startswith(f"{kind}:")]
    return {
        probe.partition(":")[2]: None if answers.get(probe) == "ok" else fault for probe in asked
    }


def _server(answer: str | None) -> ZooKeeperServer:
    if answer in {None, "no"}:
        return ZooKeeperServer(fault="does not serve")
    return ZooKeeperServer(mode=answer)


def _inner(advertised: Mapping[int, str]) -> tuple[str, ...]:
    """
    The addresses that are for clients in the cluster.

    >>> _inner({0: "CLIENT://kafka-0.k:9092,LOCAL://localhost:19092"})
    ('kafka-0.k:9092',)
    """
    found = []
    for _, listeners in sorted(advertised.items()):
        for listener in listeners.split(","):
            name, _, address = listener.strip().partition("://")
            if name not in _OUTSIDE and address:
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
