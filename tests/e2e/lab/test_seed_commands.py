"""
Every command that the users' handbook of LearnFlow's Kafka names, word for word.

People know these commands from before there was this tool. Only the chart is another, since the
one that they name cannot be installed any more. `<kafka-pod>` is kafka-0. They run in `deploy/`,
in both modes: the tests stand in the handbook's order and share one deployment each.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.lab import until

from lab import node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.lab import Lab

pytestmark = pytest.mark.timeout(900)
ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
END_OF_INPUT, INTERRUPT = "\x04", "\x03"
DAY_MS = 24 * 3600 * 1000
TOPICS = {
    "learning.query": (3, 7),
    "learning.response": (3, 7),
    "code.execution.request": (3, 3),
    "code.execution.result": (3, 3),
    "exercise.assigned": (2, 30),
    "exercise.submitted": (2, 30),
    "exercise.graded": (2, 30),
    "struggle.detected": (2, 7),
    "progress.updated": (2, 30),
}
"""Partitions and days of retention, as the handbook's table has them."""


@dataclass(frozen=True, slots=True)
class Shell:
    """A shell in `deploy/`, with the lab's cluster and the project's command."""

    lab: Lab
    mode: str

    @property
    def environment(self) -> dict[str, str]:
        """As a user's, who has installed the tool."""
        path = f"{Path(sys.executable).parent}:{self.lab.environment['PATH']}"
        return self.lab.environment | {"PATH": path}

    def run(self, line: str, *, times: int = 1) -> str:
        """What the line prints; fails where it fails, `times` times on a machine too busy."""
        done = self._attempt(line)
        while done.returncode != 0 and times > 1:
            done, times = self._attempt(line), times - 1
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def _attempt(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", line], cwd=DEPLOY, env=self.environment,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=700, check=False,
        )  # fmt: skip

    @contextmanager
    def terminal(self, line: str, end: str) -> Iterator[Terminal]:
        """The line on a terminal of its own, ended by the keys `end`."""
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            ["bash", "-c", line], cwd=DEPLOY, env=self.environment,
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        ) as process:  # fmt: skip
            os.close(theirs)
            os.set_blocking(ours, False)
            shown = Terminal(ours)
            try:
                yield shown
            finally:
                shown.type(end)
                try:
                    process.wait(240)
                finally:
                    process.kill()
                    os.close(ours)


@dataclass(slots=True)
class Terminal:
    """One end of a pseudo-terminal; `shown` is all that appeared on it."""

    descriptor: int
    shown: str = ""

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self.descriptor, text.encode())

    def wait_for(self, text: str) -> None:
        """Until the text stands on it."""
        until(lambda: self._sees(text), f"{text!r} on the terminal; it shows {self.shown!r}")

    def _sees(self, text: str) -> bool:
        try:
            self.shown += os.read(self.descriptor, 1 << 16).decode(errors="replace")
        except (BlockingIOError, OSError):
            time.sleep(0.1)
        return text in self.shown


@pytest.fixture(scope="module", params=["kraft", "zookeeper"])
def shell(request: pytest.FixtureRequest, lab: Lab) -> Iterator[Shell]:
    """Kafka deployed into the namespace kafka, by the handbook's first commands."""
    made = Shell(lab, request.param)
    kubectl = lab.program("kubectl")
    known = kubectl.attempt("get", "namespace", "kafka")
    assert known.returncode != 0, "the namespace kafka exists: not ours to delete"
    mode = (
        "" if made.mode == "kraft" else "--values ../charts/learnflow-kafka/presets/zookeeper.yaml"
    )
    try:
        made.run("kubectl create namespace kafka")
        made.run(
            "helm install kafka ../charts/learnflow-kafka "
            f"--namespace kafka --values values.yaml {mode} --wait --timeout 10m"
        )
        made.run("./create-topics.sh", times=3)
        yield made
    finally:
        kubectl.attempt("delete", "namespace", "kafka", "--wait=false")
        kubectl.attempt("delete", "pods", "--all", "-n", "kafka", "--grace-period=0", "--force")
        kubectl.attempt("wait", "namespace/kafka", "--for=delete", "--timeout=240s")


def test_verify(shell: Shell):
    """The script of verification ends well and speaks of the topics."""
    said = shell.run("./verify-kafka.sh", times=3)

    assert "learning.query" in said or "topics" in said


def test_pods_services_and_logs_by_label(shell: Shell):
    """The label selects the brokers, their services, and their logs."""
    pods = shell.run("kubectl get pods -n kafka -l app.kubernetes.io/name=kafka")
    services = shell.run("kubectl get svc -n kafka -l app.kubernetes.io/name=kafka")
    logs = shell.run("kubectl logs -n kafka -l app.kubernetes.io/name=kafka")
    one = shell.run("kubectl logs -n kafka kafka-0")

    assert [line.split()[:3] for line in pods.splitlines()[1:]] == [
        [f"kafka-{n}", "1/1", "Running"] for n in range(3)
    ]
    assert {"kafka", "kafka-headless"} <= {line.split()[0] for line in services.splitlines()}
    assert "INFO" in logs
    assert "Kafka Server started" in one or "started (kafka.server" in one


def test_zookeeper_pods_by_label(shell: Shell):
    """Three servers in that mode; in the other there are none to look for."""
    done = shell.run("kubectl get pods -n kafka -l app.kubernetes.io/name=zookeeper")

    running = [line.split()[1:3] for line in done.splitlines()[1:]]
    assert running == ([["1/1", "Running"]] * 3 if shell.mode == "zookeeper" else [])


def test_the_nine_topics_are_as_the_table_says(shell: Shell):
    """Listed, and each described with its partitions, three replicas and its retention."""
    listed = shell.run(
        "kubectl exec -n kafka kafka-0 -- kafka-topics.sh --list --bootstrap-server localhost:9092"
    ).split()
    one = shell.run(
        "kubectl exec -n kafka kafka-0 -- kafka-topics.sh --describe --topic learning.query "
        "--bootstrap-server localhost:9092"
    )
    described = shell.run(
        "kubectl exec -n kafka kafka-0 -- kafka-topics.sh --describe "
        "--bootstrap-server localhost:9092"
    )
    lines = {line.split()[1]: line for line in described.splitlines() if "PartitionCount" in line}

    assert set(TOPICS) <= set(listed)
    assert "PartitionCount: 3" in one
    for topic, (partitions, days) in TOPICS.items():
        assert f"PartitionCount: {partitions}\t" in lines[topic]
        assert "ReplicationFactor: 3\t" in lines[topic]
        assert f"retention.ms={days * DAY_MS}" in lines[topic]


def test_a_message_produced_on_a_terminal_is_consumed_on_another(shell: Shell):
    """The console tools, interactively, by their names."""
    with shell.terminal(
        "kubectl exec -it -n kafka kafka-0 -- kafka-console-producer.sh "
        "--bootstrap-server localhost:9092 --topic learning.query",
        END_OF_INPUT,
    ) as producer:
        producer.wait_for(">")
        producer.type("what is a loop?\r")
        producer.wait_for("what is a loop?\r\n>")
    with shell.terminal(
        "kubectl exec -it -n kafka kafka-0 -- kafka-console-consumer.sh "
        "--bootstrap-server localhost:9092 --topic learning.query --from-beginning",
        INTERRUPT,
    ) as consumer:
        consumer.wait_for("what is a loop?")


def test_consumer_groups_are_listed_and_described(shell: Shell):
    """A group that has read stands in the list, and its lag in its description."""
    shell.run(
        "kubectl exec -n kafka kafka-0 -- kafka-console-consumer.sh --bootstrap-server "
        "localhost:9092 --topic learning.query --from-beginning --group tutor --max-messages 1 "
        "--timeout-ms 120000"
    )
    listed = shell.run(
        "kubectl exec -n kafka kafka-0 -- kafka-consumer-groups.sh "
        "--bootstrap-server localhost:9092 --list"
    )
    described = shell.run(
        "kubectl exec -n kafka kafka-0 -- kafka-consumer-groups.sh "
        "--bootstrap-server localhost:9092 --describe --group tutor"
    )

    assert "tutor" in listed.split()
    assert "LAG" in described
    assert "learning.query" in described


def test_the_bootstrap_name_resolves_and_serves(shell: Shell):
    """`kafka:9092` in the namespace, the whole name from everywhere, and `nslookup` of it."""
    image = shell.run("kubectl get pod -n kafka kafka-0 -o jsonpath='{.spec.containers[0].image}'")
    shell.run(
        f"kubectl run client -n default --image={image} --env=PATH=/opt/kafka/bin:/usr/bin:/bin "
        "--command -- sleep 3600 && kubectl wait -n default pod/client --for=condition=Ready "
        "--timeout=240s"
    )
    try:
        looked_up = shell.run(
            "kubectl exec -n default client -- nslookup kafka.kafka.svc.cluster.local"
        )
        far = shell.run(
            "kubectl exec -n default client -- kafka-topics.sh --list "
            "--bootstrap-server kafka.kafka.svc.cluster.local:9092"
        )
    finally:
        shell.run("kubectl delete pod client -n default --grace-period=0 --force")
    near = shell.run(
        "kubectl exec -n kafka kafka-0 -- kafka-topics.sh --list --bootstrap-server kafka:9092"
    )

    assert "Address: 10.96." in looked_up
    assert set(TOPICS) <= set(far.split())
    assert set(TOPICS) <= set(near.split())


def test_a_port_forward_lists_the_cluster(shell: Shell, tmp_path: Path):
    """
    It shows all brokers, under names that a laptop cannot reach: that is what `connect` is for.

    In the lab's network, where port 9092 is free whatever this machine runs.
    """
    line = ["kubectl", "port-forward", "-n", "kafka", "svc/kafka", "9092:9092"]
    with (
        (tmp_path / "forward.log").open("wb") as log,
        subprocess.Popen(
            node.in_network(shell.lab.places, line), env=shell.environment, stdout=log, stderr=log
        ) as forward,
    ):
        try:
            words = node.in_network(shell.lab.places, ["kcat", "-b", "localhost:9092", "-L"])

            def listed() -> str | None:
                done = subprocess.run(words, capture_output=True, text=True, check=False)
                return done.stdout if done.returncode == 0 else None

            said = until(listed, "kcat lists the cluster")
        finally:
            forward.kill()

    assert "3 brokers" in said
    assert "kafka-2.kafka-headless" in said
    assert all(f'topic "{topic}"' in said for topic in TOPICS)
