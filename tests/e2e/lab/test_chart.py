"""
The chart on a real Kubernetes with real brokers, by plain Helm 4: one release, its whole life.

The tests stand in the order of that life and share the release; each says one fact of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support import clients
from tests.support.chart import CHART
from tests.support.lab import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.lab import Lab, Program

pytestmark = pytest.mark.timeout(2400)
VALUES = """\
resourcesPreset: dev
storage: {size: 1Gi}
minReadySeconds: 2
"""


@dataclass(frozen=True, slots=True)
class Release:
    """A release of the chart in a namespace of its own."""

    lab: Lab
    namespace: str
    values: Path

    @property
    def kubectl(self) -> Program:
        """In the release's namespace."""
        return self.lab.program("kubectl", self.namespace)

    def helm(self, *words: str, timeout: float = 1000) -> str:
        """Helm 4 in the release's namespace."""
        return self.lab.program("helm", self.namespace)(*words, timeout=timeout)

    def upgrade(self, *words: str) -> str:
        """`helm upgrade` with the release's values and these, to the end of the roll."""
        where = ["kafka", str(CHART), "--values", str(self.values), "--wait", "--timeout", "15m"]
        return self.helm("upgrade", *where, *words)

    def tool(self, *words: str, pod: str = "kafka-0") -> str:
        """A Kafka tool in a broker's container, found on its PATH."""
        bootstrap = ["--bootstrap-server", "localhost:9092"]
        return self.kubectl("exec", pod, "--", words[0], *bootstrap, *words[1:])

    def cluster_id(self, pod: str = "kafka-0") -> str:
        """What stands on a broker's disk."""
        text = self.kubectl("exec", pod, "--", "cat", "/var/lib/kafka/data/kafka/meta.properties")
        return next(line for line in text.splitlines() if line.startswith("cluster.id="))

    def state(self, pod: str) -> str:
        """What the pod's readiness agent says; nothing before it answers."""
        command = ["exec", pod, "--", "wget", "-q", "-O", "-", "http://127.0.0.1:9404/state"]
        return self.kubectl.attempt(*command).stdout.strip()

    def pods(self) -> dict[str, Any]:
        """The brokers' pods by name."""
        label = "app.kubernetes.io/name=kafka"
        return {
            p["metadata"]["name"]: p for p in self.kubectl.json("get", "pods", "-l", label)["items"]
        }

    def begun(self) -> dict[str, tuple[str, int]]:
        """When each pod was made and how often its container was started again."""
        return {
            name: (pod["metadata"]["uid"], pod["status"]["containerStatuses"][0]["restartCount"])
            for name, pod in self.pods().items()
        }


@pytest.fixture(scope="module")
def release(
    lab: Lab, module_namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Release]:
    """Three combined nodes, installed as the documentation says."""
    values = tmp_path_factory.mktemp("chart") / "values.yaml"
    values.write_text(VALUES, encoding="utf-8")
    made = Release(lab, module_namespace, values)
    made.helm(
        "install", "kafka", str(CHART), "--create-namespace", "--values", str(values),
        "--wait", "--timeout", "15m",
    )  # fmt: skip
    yield made
    lab.program("helm", module_namespace).attempt("uninstall", "kafka", "--ignore-not-found")


def test_a_plain_install_gives_a_working_cluster(release: Release):
    """`helm test`, as a client pod: every broker, a record there and back."""
    said = release.helm("test", "kafka", "--logs", "--timeout", "5m")

    assert "ok: 3 brokers registered" in said
    assert "ok: a record written and read back" in said


def test_tools_work_by_their_names_without_the_brokers_options(release: Release):
    """`kubectl exec kafka-0 -- kafka-topics.sh` needs no path and meets no agent's port."""
    release.tool(
        "kafka-topics.sh", "--create", "--topic", "history", "--partitions", "6",
        "--replication-factor", "3", "--config", "min.insync.replicas=2",
    )  # fmt: skip

    listed = release.tool("kafka-topics.sh", "--list", pod="kafka-1")

    assert "history" in listed.split()


def test_a_change_of_voters_is_refused(release: Release):
    """Helm stops before it sends anything (bitnami#29167)."""
    done = release.lab.program("helm", release.namespace).attempt(
        "upgrade", "kafka", str(CHART), "--reuse-values", "--set", "controllers.replicas=1"
    )

    assert done.returncode != 0
    assert 'the controllers were "3 combined" at install' in done.stderr


def test_another_size_of_the_volumes_is_explained(release: Release):
    """Not Kubernetes' words about forbidden fields (bitnami#21787), but what to do."""
    done = release.lab.program("helm", release.namespace).attempt(
        "upgrade", "kafka", str(CHART), "--reuse-values", "--set", "storage.size=2Gi"
    )

    assert done.returncode != 0
    assert "have 1Gi and the values say 2Gi" in done.stderr


def test_no_acked_record_is_lost_through_upgrade_and_rollback(release: Release, tmp_path: Path):
    """Every broker restarts twice; each acked record is read at its promised place."""
    told = tmp_path / "history.json"
    before = release.begun()
    with clients.running(release.lab, release.namespace, "history", told) as process:
        release.upgrade("--set", "podAnnotations.round=one")
        between = release.begun()
        release.helm("rollback", "kafka", "1", "--wait", "--timeout", "15m")
        after = release.begun()
        assert process.poll() is None, "the clients died"
    became = clients.Fate.of(told)

    assert all(before[pod] != between[pod] != after[pod] for pod in before)
    assert became.faults() == []


def test_a_fourth_broker_changes_no_voter_and_restarts_nobody(release: Release):
    """It joins as a broker only; the quorum's voters stay 0, 1 and 2."""
    before = release.begun()

    release.upgrade("--set", "replicas=4")

    after = release.begun()
    assert {pod: after[pod] for pod in before} == before
    assert "raft=none" in release.state("kafka-3")
    status = release.tool("kafka-metadata-quorum.sh", "describe", "--status")
    voters = next(line for line in status.splitlines() if line.startswith("CurrentVoters"))
    assert [n for n in range(4) if f'"id": {n}' in voters] == [0, 1, 2]


def test_data_and_cluster_id_survive_uninstall(release: Release):
    """
    The claims and the kept object stay; the next install finds its cluster and its records.

    It begins with one pod of three: alive, not ready, not killed, until the others come.
    """
    was, ends = release.cluster_id(), _ends(release)
    release.helm("uninstall", "kafka", "--wait", "--timeout", "15m")
    until(lambda: not release.pods() or None, "the pods are gone", 480)
    claims = release.kubectl.json("get", "pvc")["items"]
    assert {c["metadata"]["name"] for c in claims} == {f"data-kafka-{n}" for n in range(4)}

    release.helm("install", "kafka", str(CHART), "--values", str(release.values))
    release.kubectl("scale", "statefulset", "kafka", "--replicas=1")
    until(lambda: "raft=unknown" not in (release.state("kafka-0") or "raft=unknown") or None,
          "kafka-0 looks for its quorum", 300)  # fmt: skip
    alone = release.pods()["kafka-0"]["status"]["containerStatuses"][0]
    assert (alone["ready"], alone["restartCount"]) == (False, 0)
    release.kubectl("scale", "statefulset", "kafka", "--replicas=3")
    release.kubectl("rollout", "status", "statefulset", "kafka", "--timeout=15m", "--watch")

    assert release.cluster_id("kafka-2") == was
    assert _ends(release) == ends


def _ends(release: Release) -> list[str]:
    said = release.tool("kafka-get-offsets.sh", "--topic", "history")
    return sorted(line for line in said.splitlines() if line.startswith("history:"))
