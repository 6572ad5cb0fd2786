"""
Kafka 3.9 with ZooKeeper by `learnflow deploy`, with Helm 3.

One release; the tests stand in the order of its life.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.support import clients
from tests.support.deployed import SMALL, Deployed, free_run
from tests.support.doctor import Patient, proves
from tests.support.lab import frozen, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.lab import Lab

pytestmark = pytest.mark.timeout(1200)
PODS = tuple(f"{name}-{n}" for name in ("kafka", "kafka-zookeeper") for n in range(3))
ROLLED = (
    "--mode", "zookeeper",
    "--set", "podAnnotations.round=one", "--set", "zookeeper.podAnnotations.round=one",
)  # fmt: skip


@pytest.fixture(scope="module")
def release(lab: Lab, module_namespace: str) -> Iterator[Deployed]:
    """A place for a release, worked on with Helm 3."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEARNFLOW_HELM", str(lab.places.bin / "helm3"))
        yield Deployed(lab, module_namespace, free_run(4))


@pytest.fixture(scope="module")
def deployed(release: Deployed) -> tuple[Any, str]:
    """What `deploy --mode zookeeper` gave: its JSON, and what it told meanwhile."""
    ports = ("--set", f"listeners.local.basePort={release.base_port}")
    done = release.attempt(
        "deploy", *release.place, "--mode", "zookeeper", "--json", *SMALL, *ports, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout), done.stderr


def test_zookeeper_mode_is_deployed_and_verified_the_same_way(deployed: tuple[Any, str]):
    """Nine topics, an ensemble with a leader, and the end of its support said aloud."""
    said, told = deployed
    found = {f["name"]: f for f in said["verification"]["findings"]}

    assert said["ok"]
    assert said["topics"]["declared"] == 9
    assert "Helm v3." in told
    assert "support ended in November 2025" in told
    assert found["kubernetes.zookeeper"]["detail"] == "one leader, 2 followers"
    assert found["cluster.metadata"]["status"] == "ok"


def test_its_brokers_are_reached_from_here(release: Deployed, deployed: tuple[Any, str]):
    """The LOCAL listener is the same in both modes."""
    said = release.json("topics", "list", "--context", release.context)

    assert {t["name"] for t in said["topics"]} >= {"learning.query"}


def test_all_servers_are_rolled_at_once_and_no_acked_record_is_lost(
    release: Deployed, deployed: tuple[Any, str], tmp_path: Path
):
    """One `deploy` restarts brokers and ZooKeeper under clients; who is ready knows the brokers."""
    history = tmp_path / "history.json"
    clients.make_topics(release, "history", clients.TOPIC)
    before = [release.uid(pod) for pod in PODS]

    with (
        clients.asking(release.lab, release.namespace, tmp_path) as told,
        clients.running(release.lab, release.namespace, "history", history) as process,
    ):
        said = release.deploy(*ROLLED)
        assert process.poll() is None, "the clients died"
    after = [release.uid(pod) for pod in PODS]

    assert said["ok"]
    assert not {*before} & {*after}
    assert told.nobody == [], told.counts
    assert clients.Fate.of(history).faults() == []


def test_a_client_reaches_all_partitions_through_the_restart_of_a_broker(
    release: Deployed, deployed: tuple[Any, str]
):
    """`connect` holds its promise in this mode too: no acknowledged record is lost."""
    told = clients.through_a_restart(release, "kafka-1")

    assert told.acked <= told.read
    assert not told.refused
    assert told.code == 130


def test_kcat_works_through_the_tunnels(release: Deployed, deployed: tuple[Any, str]):
    """It lists, writes and reads every partition."""
    said = clients.kcat(release)

    assert {f"from-kcat-{p}" for p in range(clients.PARTITIONS)} <= said


def test_a_server_that_is_away_is_found_and_its_return_too(
    release: Deployed, deployed: tuple[Any, str]
):
    """Two of three still serve: verify names the third, and is content when it is back."""
    image = release.kubectl(
        "get", "statefulset", "kafka-zookeeper",
        "-o", "jsonpath={.spec.template.spec.containers[0].image}",
    )  # fmt: skip
    _set_image(release, "docker.io/zookeeper:9.9.9")
    try:
        found = until(lambda: _ensemble(release, "failed"), "the missing server", patience=300)
    finally:
        _set_image(release, image)
        # The StatefulSet would wait for ever for the pod that cannot start.
        release.kubectl("delete", "pod", "kafka-zookeeper-2")
    healed = until(lambda: _ensemble(release, "ok"), "its return", patience=300)

    assert found["evidence"]
    assert healed["detail"] == "one leader, 2 followers"


def _set_image(release: Deployed, image: str) -> None:
    release.kubectl("set", "image", "statefulset/kafka-zookeeper", f"zookeeper={image}")


def _ensemble(release: Deployed, status: str) -> Any:
    done = release.attempt("verify", "--context", release.context, "--json")
    findings = {f["name"]: f for f in json.loads(done.stdout)["findings"]}
    found = findings["kubernetes.zookeeper"]
    return found if found["status"] == status else None


def test_logs_of_the_ensemble_are_named_by_its_component(
    release: Deployed, deployed: tuple[Any, str]
):
    """Its pods and its container have other names than the brokers'."""
    said = release.run(
        "logs", *release.place, "--component", "zookeeper", "--broker", "0", "--lines", "3"
    )

    assert all(line.startswith("kafka-zookeeper-0  ") for line in said.splitlines())
    assert said


def test_another_mode_is_refused_and_changes_nothing(release: Deployed, deployed: tuple[Any, str]):
    """The mode is fixed by the first install: data of one is nothing to the other."""
    before = release.uid("kafka-0")

    done = release.attempt("deploy", *release.place, "--yes", "--mode", "kraft")

    assert done.returncode == 1
    assert "mode" in done.stderr
    assert release.uid("kafka-0") == before


@proves("zookeeper.sessions")
def test_brokers_that_lost_their_sessions_are_named_by_the_doctor(
    release: Deployed, deployed: tuple[Any, str]
):
    """ZooKeeper stands still for longer than brokers wait; when it goes on, their logs tell."""
    patient = Patient(release.lab, release.namespace, "zookeeper.sessions")
    servers = [pod for pod in PODS if "zookeeper" in pod]

    with frozen(release.lab, release.namespace, *servers):
        until(lambda: patient.finds() or None, "lost sessions", patience=60)
    cause = patient.named()

    assert any(p.field == "log" and "session" in p.value for p in cause.proof)


def test_undeploy_keeps_the_data_and_deploy_takes_it_up_again(
    release: Deployed, deployed: tuple[Any, str]
):
    """Claims of brokers and servers, cluster id, topics and records survive."""
    before = release.json("context", "show", release.context)["context"]["cluster_id"]
    gone = release.json("undeploy", *release.place, "--yes")

    said = release.deploy(*ROLLED)
    read = clients.read_by_kcat(release)

    assert gone["removed"]
    assert len(gone["claims"]) == 6
    assert said["ok"]
    assert said["fresh"]
    assert said["cluster_id"] == before
    assert len([r for r in read if r.startswith("n-")]) > 200
