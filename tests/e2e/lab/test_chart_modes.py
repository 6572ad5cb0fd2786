"""The chart's other shapes on a real Kubernetes: ZooKeeper, and dedicated controllers by Helm 3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.support import clients
from tests.support.chart import CHART
from tests.support.lab import until
from tests.support.rendering import preset_file

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.lab import Lab, Program

pytestmark = pytest.mark.timeout(2400)
SMALL = ("--set", "resourcesPreset=dev,storage.size=1Gi,minReadySeconds=0")
PODS = ("get", "pods", "-l", "app.kubernetes.io/name=kafka")
WAIT = ("--wait", "--timeout", "9m")


def ready(kubectl: Program, pod: str) -> bool:
    status: dict[str, Any] = kubectl.json("get", "pod", pod)["status"]
    return any(c["type"] == "Ready" and c["status"] == "True" for c in status["conditions"])


def test_kafka_with_zookeeper(helm: Program, kubectl: Program):
    """Three and three come up, work, and say that their support has ended; no quorum, not ready."""
    said = helm(
        "install", "kafka", str(CHART), "--values", str(preset_file("zookeeper")), *SMALL,
        "--set", "zookeeper.storage.size=1Gi", *WAIT,
    )  # fmt: skip
    assert "END OF SUPPORT" in said

    tested = helm("test", "kafka", "--logs", "--timeout", "5m")
    label = "app.kubernetes.io/name=zookeeper"
    servers = kubectl.json("get", "pods", "-l", label)["items"]
    assert "ok: 3 brokers registered" in tested
    assert "ok: a record written and read back" in tested
    assert len(servers) == 3

    kubectl("scale", "statefulset", "kafka-zookeeper", "--replicas=1")
    until(lambda: not ready(kubectl, "kafka-zookeeper-0") or None, "one of three is not ready")
    left = kubectl.json("get", "pod", "kafka-zookeeper-0")["status"]["containerStatuses"][0]
    assert left["restartCount"] == 0


def test_dedicated_controllers_through_the_life_of_a_release_of_helm_3(
    lab: Lab, helm3: Program, kubectl: Program, namespace: str, tmp_path: Path
):
    """
    Upgrade and rollback without loss, uninstall, a new install: one cluster, voters from 1000.

    Every controller and both brokers restart twice under a producer and a consumer.
    """
    told = tmp_path / "history.json"
    values = ("--values", str(preset_file("dedicated-controllers")), *SMALL,
              "--set", "replicas=2,controllers.storage.size=1Gi")  # fmt: skip
    rolled = ("--set", "podAnnotations.round=one,controllers.podAnnotations.round=one")

    def meta() -> str:
        told = kubectl("exec", "kafka-0", "--", "cat", "/var/lib/kafka/data/kafka/meta.properties")
        return next(line for line in told.splitlines() if line.startswith("cluster.id="))

    def tool(name: str, *words: str) -> str:
        bootstrap = ("--bootstrap-server", "localhost:9092")
        return kubectl("exec", "kafka-0", "--", name, *bootstrap, *words)

    helm3("install", "kafka", str(CHART), *values, *WAIT)
    first = meta()
    quorum = tool("kafka-metadata-quorum.sh", "describe", "--status")
    voters = next(line for line in quorum.splitlines() if line.startswith("CurrentVoters"))
    assert [n for n in range(1005) if f'"id": {n},' in voters] == [1000, 1001, 1002]

    tool("kafka-topics.sh", "--create", "--topic", "history", "--partitions", "6",
         "--replication-factor", "2", "--config", "min.insync.replicas=1")  # fmt: skip
    rounds = [_pods(kubectl)]
    with clients.running(lab, namespace, "history", told) as process:
        helm3("upgrade", "kafka", str(CHART), *values, *rolled, *WAIT)
        rounds.append(_pods(kubectl))
        helm3("rollback", "kafka", "1", *WAIT)
        rounds.append(_pods(kubectl))
        assert process.poll() is None, "the clients died"
    assert [len(r) for r in rounds] == [5, 5, 5]
    assert len({uid for r in rounds for uid in r}) == 15
    assert clients.Fate.of(told).faults() == []

    helm3("uninstall", "kafka", *WAIT)
    until(lambda: not kubectl.json(*PODS)["items"] or None, "the pods are gone", 480)
    helm3("install", "kafka", str(CHART), *values, *WAIT)

    assert meta() == first
    assert helm3.attempt("upgrade", "kafka", str(CHART), "--reuse-values", "--set",
                         "controllers.dedicated=false").returncode != 0  # fmt: skip


def _pods(kubectl: Program) -> set[str]:
    """The identities of the brokers' and controllers' pods, those that are going left out."""
    found = kubectl.json(*PODS)["items"]
    return {p["metadata"]["uid"] for p in found if "deletionTimestamp" not in p["metadata"]}
