"""
One release by `learnflow deploy`, its whole life: from nothing, through tunnels, to its end.

The tests stand in the order of that life and share the release; each says one fact of it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.deployed import Deployed, free_run
from tests.support.lab import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.lab import Lab

pytestmark = pytest.mark.timeout(900)

GOAL = 90
"""Seconds from nothing to nine verified topics, on two idle cores with the images loaded."""

TOPIC = "test.connect"
PARTITIONS = 6


@pytest.fixture(scope="module")
def deployed(lab: Lab, module_namespace: str) -> tuple[Deployed, Any]:
    """A release, and what `deploy` said of it."""
    release = Deployed(lab, module_namespace, free_run(4))
    lab.program("kubectl")("delete", "namespace", module_namespace)
    return release, release.deploy()


@pytest.fixture(scope="module")
def release(deployed: tuple[Deployed, Any]) -> Deployed:
    """The release alone."""
    return deployed[0]


def test_from_nothing_to_nine_verified_topics(deployed: tuple[Deployed, Any]):
    """Namespace, three brokers, nine topics, a verification without a fault, and a context."""
    release, said = deployed
    verified = {f["name"]: f["status"] for f in said["verification"]["findings"]}

    assert said["ok"]
    assert said["fresh"]
    assert said["topics"]["declared"] == 9
    assert said["context"] == release.context
    assert said["bootstrap"] == release.bootstrap
    assert verified["kubernetes.dns"] == verified["records.round_trip"] == "ok"
    assert said["preflight"]["healthy"]


def test_it_takes_at_most_ninety_seconds(deployed: tuple[Deployed, Any]):
    """The goal is for a machine that does nothing else."""
    busy, cores = os.getloadavg()[2], os.cpu_count() or 1
    if busy > 2 * cores:
        pytest.skip(f"the machine is busy: load {busy:.0f} on {cores} cores")

    assert deployed[1]["seconds"] <= GOAL


def test_every_command_reaches_it_by_its_context(release: Deployed):
    """No tunnel by hand: a saved context, or a name that says all itself, is enough."""
    listed = release.json("topics", "list", "--context", release.context)
    described = release.json(
        "topics", "describe", "learning.query", "--context", f"kubernetes/{release.namespace}"
    )

    assert {t["name"] for t in listed["topics"]} >= {"learning.query", "progress.updated"}
    assert "learning.query" in json.dumps(described)


def test_a_command_uses_the_tunnels_of_another(release: Deployed):
    """Ports belong to brokers, so there is one set of tunnels, and commands share it."""
    with release.connected():
        listed = release.json("topics", "list", "--context", release.context)

    assert {t["name"] for t in listed["topics"]} >= {"learning.query"}


def test_verify_finds_a_service_without_pods_and_nothing_else_of_its_kind(release: Deployed):
    """One broken check never hides the rest: names, claims and the cluster are still judged."""
    selector = {"app.kubernetes.io/name": "kafkaesque"}
    _select(release, selector)
    try:
        found = until(lambda: _findings(release, "kubernetes.services", "failed"), "the fault")
    finally:
        _select(release, {"app.kubernetes.io/name": "kafka"})
    healed = until(lambda: _findings(release, "kubernetes.services", "ok"), "the healthy twin")

    assert found["kubernetes.workloads"] == found["kubernetes.claims"] == "ok"
    assert found["records.round_trip"] == "ok"
    assert set(healed.values()) <= {"ok", "warning"}


def _select(release: Deployed, labels: dict[str, str]) -> None:
    release.kubectl(
        "patch",
        "service",
        "kafka",
        "--type=merge",
        "-p",
        json.dumps({"spec": {"selector": labels}}),
    )


def _findings(release: Deployed, name: str, status: str) -> dict[str, str] | None:
    """The status of every finding, once this one has this status."""
    done = release.attempt("verify", "--context", release.context, "--json")
    found = {f["name"]: f["status"] for f in json.loads(done.stdout)["findings"]}
    return found if found[name] == status else None


def test_a_client_reaches_all_partitions_through_the_restart_of_a_broker(release: Deployed):
    """
    A real librdkafka client, every broker, a pod deleted under it: no acknowledged record is lost.

    A forward of the service alone lets a client list topics and then reaches one broker.
    """
    with release.connected() as connection:
        _make_topic(connection.bootstrap)
        writer = _Writer(connection.bootstrap)
        with writer.running():
            until(lambda: writer.partitions() == PARTITIONS, "a record in each partition")
            release.restart("kafka-1")
            seen = len(writer.acked)
            until(lambda: len(writer.acked) > seen + 200, "records after the restart")
        read = _read_all(connection.bootstrap)

        assert connection.process.poll() is None
    assert set(writer.acked) <= read
    assert not writer.refused
    assert connection.process.returncode == 130


def test_kcat_works_through_the_tunnels(release: Deployed):
    """A client that knows nothing of us: it lists, writes and reads every partition."""
    if shutil.which("kcat") is None:
        pytest.skip("kcat is not installed (Debian: kcat)")
    lines = [
        (
            "for p in 0 1 2 3 4 5; do echo from-kcat-$p | kcat -b $KAFKA_BOOTSTRAP_SERVERS "
            f"-P -t {TOPIC} -p $p || exit 1; done"
        ),
        f"kcat -b $KAFKA_BOOTSTRAP_SERVERS -C -t {TOPIC} -o beginning -e -q",
    ]

    said = release.run("connect", *release.place, "--", "sh", "-c", "; ".join(lines))

    assert {f"from-kcat-{p}" for p in range(PARTITIONS)} <= set(said.split())


def test_a_command_gets_the_address_and_gives_its_exit_code(release: Deployed):
    """`connect -- command`: the tunnels end with it, and its exit code is ours."""
    done = release.attempt(
        "connect", *release.place, "--", "sh", "-c", "echo $KAFKA_BOOTSTRAP_SERVERS; exit 7"
    )

    assert done.returncode == 7
    assert done.stdout.strip() == release.bootstrap


def test_a_taken_port_is_named(release: Deployed):
    """All ports or none: who holds one of them is told which."""
    import socket

    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", release.base_port + 1))
        taken.listen()
        done = release.attempt("connect", *release.place, timeout=60)

    assert done.returncode == 1
    assert f"{release.base_port + 1} (for kafka-1)" in done.stderr


def test_logs_follow_a_pod_through_its_restart(release: Deployed):
    """Lines of the old container and of the new one, each with its pod."""
    with subprocess.Popen(
        [*_logs(release), "--follow", "--broker", "2", "--lines", "1"],
        env=release.lab.environment, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        shown: list[str] = []
        assert process.stdout is not None
        reader = threading.Thread(target=lambda: shown.extend(process.stdout or ()), daemon=True)
        reader.start()
        try:
            until(lambda: shown, "a line of the old container")
            release.restart("kafka-2")
            until(lambda: any("started (kafka.server" in line for line in shown), "a new start")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
            reader.join(60)

    assert all(line.startswith("kafka-2  ") for line in shown)


def _logs(release: Deployed) -> list[str]:
    from tests.support.deployed import command

    return command(["logs", *release.place])


def test_a_second_deploy_changes_nothing(release: Deployed):
    """Idempotent: no pod is restarted, no topic is touched."""
    before = [release.uid(f"kafka-{n}") for n in range(3)]

    said = release.deploy()

    assert said["ok"]
    assert not said["fresh"]
    assert [release.uid(f"kafka-{n}") for n in range(3)] == before


def test_a_release_whose_helm_was_killed_over_a_broken_pod_is_brought_out_of_it(
    release: Deployed, tmp_path: Path
):
    """A lock of Helm's and a pod that can never start: one deploy mends both."""
    _kill_helm_over_a_broken_image(release, tmp_path)

    refused = release.attempt("deploy", *release.place, "--yes", "--set", "image.tag=4.3.1")
    said = release.deploy("--set", "image.tag=4.3.1", "--take-over")

    assert refused.returncode == 1
    assert "--take-over" in refused.stderr
    assert said["ok"]


def _kill_helm_over_a_broken_image(release: Deployed, folder: Path) -> None:
    helm = release.lab.program("helm", release.namespace)
    values = folder / "values.yaml"
    values.write_text(helm("get", "values", "kafka", "-o", "yaml"))
    chart = Path(__file__).parents[3] / "charts" / "learnflow-kafka"
    with subprocess.Popen(
        helm.command("upgrade", "kafka", str(chart), "--values", str(values),
                     "--set", "image.tag=9.9.9", "--wait", "--timeout", "10m"),
        env=release.lab.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            until(
                lambda: "9.9.9" in release.kubectl("get", "pods", "-o", "yaml"), "a broken pod",
                patience=300,
            )  # fmt: skip
        finally:
            process.kill()
    assert "pending-upgrade" in helm("history", "kafka")


def test_pods_that_never_get_ready_end_in_their_cause(release: Deployed):
    """The error is not `timed out`: the doctor names the image, and the release can be mended."""
    failed = release.attempt(
        "deploy", *release.place, "--yes", "--set", "image.tag=9.9.9", "--timeout", "75s"
    )
    said = release.deploy("--set", "image.tag=4.3.1")

    assert failed.returncode == 1
    assert "image.pull" in failed.stdout
    assert "9.9.9" in failed.stderr
    assert said["ok"]


def test_undeploy_keeps_the_data_and_deploy_takes_it_up_again(release: Deployed):
    """Claims, cluster id, topics and records survive; nothing of it is made anew."""
    before = release.json("context", "show", release.context)["context"]["cluster_id"]
    gone = release.json("undeploy", *release.place, "--yes")

    said = release.deploy("--set", "image.tag=4.3.1")
    read = release.run(
        "connect", *release.place, "--", "sh", "-c",
        f"kcat -b $KAFKA_BOOTSTRAP_SERVERS -C -t {TOPIC} -o beginning -e -q | grep -c ^n-",
    )  # fmt: skip

    assert gone["removed"]
    assert len(gone["claims"]) == 3
    assert said["ok"]
    assert said["fresh"]
    assert said["cluster_id"] == before
    assert int(read) > 200


def test_wipe_removes_the_data(release: Deployed):
    """Only when it is named: every claim goes, as soon as its broker has ended."""
    said = release.json("undeploy", *release.place, "--yes", "--wipe")
    left = json.loads(release.kubectl("get", "pvc", "-o", "json"))["items"]

    assert len(said["claims"]) == 3
    assert all("deletionTimestamp" in claim["metadata"] for claim in left)


def _make_topic(bootstrap: str) -> None:
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": bootstrap})
    made = admin.create_topics(
        [NewTopic(TOPIC, PARTITIONS, 3, config={"min.insync.replicas": "2"})],
        operation_timeout=60,
        request_timeout=60,
    )
    made[TOPIC].result(60)


class _Writer:
    """Writes numbered records to each partition in turn, until it is stopped."""

    def __init__(self, bootstrap: str) -> None:
        from confluent_kafka import Producer

        self.acked: dict[str, int] = {}
        self.refused: list[str] = []
        self._stopped = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "acks": "all",
                "enable.idempotence": True,
                "message.timeout.ms": 300_000,
                "topic.metadata.refresh.interval.ms": 2_000,
                "log_level": 0,
            }
        )

    def partitions(self) -> int:
        """How many partitions have taken a record."""
        return len(set(self.acked.values()))

    def running(self) -> Any:
        """Writes while the context lasts; at its end everything sent has an answer."""
        from contextlib import contextmanager

        @contextmanager
        def run() -> Iterator[None]:
            thread = threading.Thread(target=self._write, daemon=True)
            thread.start()
            try:
                yield
            finally:
                self._stopped.set()
                thread.join(60)
                assert self._producer.flush(300) == 0

        return run()

    def _write(self) -> None:
        number = 0
        while not self._stopped.is_set():
            name, partition = f"n-{number}", number % PARTITIONS
            self._producer.produce(
                TOPIC, name.encode(), partition=partition, on_delivery=self._delivered
            )
            self._producer.poll(0)
            number += 1
            time.sleep(0.01)

    def _delivered(self, error: Any, message: Any) -> None:
        if error is not None:
            self.refused.append(str(error))
        else:
            self.acked[message.value().decode()] = message.partition()


def _read_all(bootstrap: str) -> set[str]:
    """Every record of the topic, from all partitions."""
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "not-used",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "log_level": 0,
        }
    )
    consumer.assign([TopicPartition(TOPIC, p, OFFSET_BEGINNING) for p in range(PARTITIONS)])
    found: set[str] = set()
    ended: set[int] = set()
    deadline = time.monotonic() + 180
    while len(ended) < PARTITIONS:
        assert time.monotonic() < deadline, f"only partitions {ended} were read to their end"
        for message in consumer.consume(1000, 1.0):
            if message.error() is not None:
                ended.add(message.partition())
            else:
                found.add(message.value().decode())
    consumer.close()
    return found
