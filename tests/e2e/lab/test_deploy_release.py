"""
One release by `learnflow deploy`, its whole life: from nothing, through tunnels, to its end.

The tests stand in the order of that life and share the release; each says one fact of it.
"""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support import clients
from tests.support.deployed import Deployed
from tests.support.doctor import proves
from tests.support.kafka_pods import client
from tests.support.lab import until

if TYPE_CHECKING:
    from tests.support.lab import Program

pytestmark = pytest.mark.timeout(900)


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


def test_verify_proves_what_a_clients_pod_sees(release: Deployed, kubectl: Program):
    """Of another namespace, whose own `hosts` file leads one broker's name astray."""
    broker = f"kafka-0.kafka-headless.{release.namespace}.svc.cluster.local"
    kubectl.apply(client("shop", hostAliases=[{"ip": "127.0.0.1", "hostnames": [broker]}]))
    kubectl("wait", "--for=condition=Ready", "pod/shop", "--timeout=60s")
    whose = f"{kubectl.namespace}/shop"

    done = release.attempt("verify", "--context", release.context, "--json", "--client", whose)
    found = {f["name"]: f for f in json.loads(done.stdout)["findings"]}
    bad = [name for name, finding in found.items() if finding["status"] == "failed"]

    assert bad == ["kubernetes.listeners"]
    assert f"from pod {whose}, no connection to {broker}:9092" == found[bad[0]]["detail"]
    assert f"names resolve in pod {whose}" in found["kubernetes.dns"]["detail"]


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
    clients.make_topics(release, clients.TOPIC)

    told = clients.through_a_restart(release, "kafka-1")

    assert told.acked <= told.read
    assert not told.refused
    assert told.code == 130


def test_kcat_works_through_the_tunnels(release: Deployed):
    """A client that knows nothing of us: it lists, writes and reads every partition."""
    said = clients.kcat(release)

    assert {f"from-kcat-{p}" for p in range(clients.PARTITIONS)} <= said


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
        "deploy", *release.place, "--yes", "--set", "image.tag=9.9.9", "--timeout", "45s"
    )
    said = release.deploy("--set", "image.tag=4.3.1")

    assert failed.returncode == 1
    assert "image.pull" in failed.stdout
    assert "9.9.9" in failed.stderr
    assert said["ok"]


@proves("topics.missing")
def test_a_deleted_topic_is_made_by_the_command_that_the_doctor_prints(release: Deployed):
    """Somebody deletes a topic of the catalog: it is named first, and the command mends it."""
    delete = ("kafka-topics.sh", "--delete", "--topic", "progress.updated")
    release.kubectl("exec", "kafka-0", "--", *delete, "--bootstrap-server", "localhost:9092")

    ill = release.attempt("doctor", "--context", release.context, "--json")
    first = json.loads(ill.stdout)["causes"][0]
    _, *words = first["fix"]["command"].split()
    release.run(*words, "--yes")
    well = release.attempt("doctor", "--context", release.context, "--json")

    assert (ill.returncode, first["name"]) == (1, "topics.missing")
    assert "progress.updated" in first["detail"]
    assert well.returncode == 0, well.stdout


def test_undeploy_keeps_the_data_and_deploy_takes_it_up_again(release: Deployed):
    """Claims, cluster id, topics and records survive; nothing of it is made anew."""
    before = release.json("context", "show", release.context)["context"]["cluster_id"]
    gone = release.json("undeploy", *release.place, "--yes")

    said = release.deploy("--set", "image.tag=4.3.1")
    read = clients.read_by_kcat(release)

    assert gone["removed"]
    assert len(gone["claims"]) == 3
    assert said["ok"]
    assert said["fresh"]
    assert said["cluster_id"] == before
    assert len([r for r in read if r.startswith("n-")]) > 200


def test_wipe_removes_the_data(release: Deployed):
    """Only when it is named: every claim goes, as soon as its broker has ended."""
    said = release.json("undeploy", *release.place, "--yes", "--wipe")
    left = json.loads(release.kubectl("get", "pvc", "-o", "json"))["items"]

    assert len(said["claims"]) == 3
    assert all("deletionTimestamp" in claim["metadata"] for claim in left)
