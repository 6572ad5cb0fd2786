"""The chart's other shapes on a real Kubernetes: ZooKeeper, and dedicated controllers by Helm 3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.support.chart import CHART
from tests.support.lab import until
from tests.support.rendering import preset_file

if TYPE_CHECKING:
    from tests.support.lab import Program

pytestmark = pytest.mark.timeout(2400)
SMALL = ("--set", "resourcesPreset=dev,storage.size=1Gi,minReadySeconds=0")
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
    helm3: Program, kubectl: Program
):
    """Upgrade, rollback, uninstall and a new install: the same cluster, its voters from 1000."""
    values = ("--values", str(preset_file("dedicated-controllers")), *SMALL,
              "--set", "replicas=1,controllers.storage.size=1Gi")  # fmt: skip

    def meta() -> str:
        told = kubectl("exec", "kafka-0", "--", "cat", "/var/lib/kafka/data/kafka/meta.properties")
        return next(line for line in told.splitlines() if line.startswith("cluster.id="))

    helm3("install", "kafka", str(CHART), *values, *WAIT)
    first = meta()
    quorum = kubectl(
        "exec", "kafka-0", "--", "kafka-metadata-quorum.sh", "--bootstrap-server",
        "localhost:9092", "describe", "--status",
    )  # fmt: skip
    voters = next(line for line in quorum.splitlines() if line.startswith("CurrentVoters"))
    assert [n for n in range(1005) if f'"id": {n},' in voters] == [1000, 1001, 1002]

    helm3("upgrade", "kafka", str(CHART), *values, "--set", "podAnnotations.round=one", *WAIT)
    helm3("rollback", "kafka", "1", *WAIT)
    helm3("uninstall", "kafka", *WAIT)
    until(lambda: not _kafka_pods(kubectl) or None, "the pods are gone", 480)
    helm3("install", "kafka", str(CHART), *values, *WAIT)

    assert meta() == first
    assert helm3.attempt("upgrade", "kafka", str(CHART), "--reuse-values", "--set",
                         "controllers.dedicated=false").returncode != 0  # fmt: skip


def _kafka_pods(kubectl: Program) -> list[Any]:
    found: list[Any] = kubectl.json("get", "pods", "-l", "app.kubernetes.io/name=kafka")["items"]
    return found
