"""`learnflow doctor` on evidence that was saved, on real Kafka, and on nothing."""

import json
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.core.diagnosis import faults
from tests.core.diagnosis import graphs as g
from tests.support.clusters import LocalKafka
from tests.support.sasl import SaslKafka

from learnflow_kafka.cli.main import run
from learnflow_kafka.core.connection import Connection, Context
from learnflow_kafka.core.diagnosis.causes import Cause
from learnflow_kafka.core.diagnosis.document import to_document
from learnflow_kafka.core.diagnosis.evidence import Evidence
from learnflow_kafka.core.diagnosis.rules.zookeeper import mode
from learnflow_kafka.core.diagnosis.table import diagnose
from learnflow_kafka.wiring import doctor

Save = Callable[[Evidence], str]


@pytest.fixture
def saved(tmp_path: Path) -> Save:
    """Saves evidence; gives the file's name."""

    def save(evidence: Evidence) -> str:
        file = tmp_path / "evidence.json"
        file.write_text(json.dumps(to_document(evidence)))
        return str(file)

    return save


def test_a_colleagues_evidence_is_judged_without_a_cluster(
    saved: Save, capsys: pytest.CaptureFixture[str]
):
    """The cause, its proof, the way out and whether it is safe; then what follows from it."""
    code = run(["doctor", "--from", saved(faults.no_default_class())])
    told = capsys.readouterr().out.splitlines()

    assert code == 1
    assert told[0].startswith("FAILED     claim.no_volume  claim data-kafka-2 names no storage")
    assert any("event FailedBinding (Normal)" in line for line in told)
    assert any("fix (asks first): mark a class" in line for line in told)
    assert any("kubectl patch storageclass standard" in line for line in told)
    assert any("so: brokers.missing" in line for line in told)
    assert told[-1].startswith("not healthy in namespace kafka: 1 cause")


def test_health_is_said_in_one_line(saved: Save, capsys: pytest.CaptureFixture[str]):
    """Nothing wrong is exit code 0 and how many rules judged."""
    code = run(["doctor", "--from", saved(g.healthy())])

    assert code == 0
    assert capsys.readouterr().out.startswith("nothing is wrong in namespace kafka: ")


def test_programs_get_causes_with_object_field_and_value(
    saved: Save, capsys: pytest.CaptureFixture[str]
):
    """JSON says what the exit code says, and what each cause follows from."""
    code = run(["doctor", "--from", saved(faults.bitnami()), "--json"])
    told = json.loads(capsys.readouterr().out)
    root, *rest = told["causes"]

    assert code == 1
    assert (told["kind"], told["version"], told["healthy"]) == ("diagnosis", 1, False)
    assert root["name"] == "image.pull"
    assert set(root["proof"][0]) == {"object", "field", "value"}
    assert root["fix"]["safety"] == "asks first"
    assert {cause["because"]["name"] for cause in rest} == {"image.pull"}


@pytest.mark.parametrize(
    "words",
    [
        ["--from", "nothing.json"],
        ["--from", "x.json", "--bootstrap", "127.0.0.1:1"],
        ["--from", "x.json", "--namespace", "kafka"],
        ["--client", "no-slash"],
        ["--from", "x.json", "--client", "shop/orders-0"],
        ["--bootstrap", "127.0.0.1:1", "--client", "shop/orders-0"],
        ["--bootstrap", "127.0.0.1:1", "--namespace", "kafka"],
    ],
)
def test_what_does_not_fit_together_is_wrong_usage(words: list[str]):
    """A wrong call is exit code 2, before anything is asked."""
    assert run(["doctor", *words]) == 2


def test_nobody_at_an_address_is_a_finding(capsys: pytest.CaptureFixture[str]):
    """A dead address is told as such, with what could not be judged."""
    code = run(["doctor", "--bootstrap", "127.0.0.1:1"])
    told = capsys.readouterr().out

    assert code == 1
    assert "FAILED     kafka.silent  no broker answers" in told
    assert "not judged: " in told


@pytest.mark.kafka
def test_real_kafka_is_asked_at_its_address(
    kafka1: LocalKafka, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Topics of a catalog that are not there are told; what was seen is saved, and judged again."""
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text("version: 1\ntopics:\n  doctor.cli:\n    partitions: 1\n    retention: 1d\n")
    file = tmp_path / "evidence.json"
    words = ["--bootstrap", kafka1.bootstrap, "--catalog", str(catalog), "--save", str(file)]
    first = run(["doctor", *words, "--json"])
    told = json.loads(capsys.readouterr().out)
    again = run(["doctor", "--from", str(file), "--json"])
    same = json.loads(capsys.readouterr().out)

    assert first == again == 1
    assert [c["name"] for c in told["causes"]] == ["topics.missing"]
    assert "nothing keeps them from it" in told["causes"][0]["detail"]
    assert same == told


@pytest.mark.kafka
def test_each_broker_is_asked_alone(kafka3: LocalKafka, capsys: pytest.CaptureFixture[str]):
    """Three addresses are three views of one cluster, with its quorum."""
    addresses = tuple(kafka3.bootstrap.split(","))
    seen = doctor.at_addresses(Context("three", Connection(addresses)))

    assert [v.node for v in seen.kafka.views] == list(addresses)
    assert len({v.cluster.cluster_id for v in seen.kafka.views if v.cluster}) == 1
    assert any(v.quorum is not None and v.quorum.leader for v in seen.kafka.views)
    assert len(seen.kafka.disks) == 3
    assert [p.refused or p.unresolved for p in seen.probes] == [None] * 4


@pytest.mark.kafka
def test_without_the_right_to_ask_the_quorum_is_not_judged(kafka_sasl: SaslKafka):
    """Who may not describe the cluster is told the right that is missing; who may, nothing."""
    refused = diagnose(doctor.at_addresses(kafka_sasl.nobody))
    allowed = diagnose(doctor.at_addresses(kafka_sasl.reader))
    reasons = {u.rule: u.skipped.reason for u in refused.unchecked}

    assert set(reasons) == {"quorum.split", "quorum.no_leader"}
    assert "needs Describe on the Cluster resource" in reasons["quorum.no_leader"]
    assert not refused.healthy()
    assert allowed.unchecked == ()


@pytest.mark.kafka
def test_a_killed_process_comes_before_the_brokers_that_are_missed(kafka3: LocalKafka):
    """Two of three nodes are gone: the processes are the cause, quorum and brokers follow."""
    told: dict[str, Cause | None] = {}
    kafka3.kill(2)
    kafka3.kill(3)
    deadline = time.monotonic() + 60
    try:
        # Where the third one led, it says so until it has missed the others for some seconds.
        while "quorum.no_leader" not in told and time.monotonic() < deadline:
            found = diagnose(doctor.on_this_machine(kafka3.cluster.name))
            told = {r.cause.rule: r.of for r in found.causes}
    finally:
        kafka3.restart()

    assert found.root is not None
    assert found.root.rule == "process.down"
    assert "broker-2, broker-3" in found.root.detail
    assert found.root.remedy is not None
    assert found.root.remedy.command == f"learnflow up --name {kafka3.cluster.name}"
    assert told["quorum.no_leader"] == found.root


@pytest.mark.kafka
def test_a_frozen_process_is_named_at_once_and_goes_on(kafka3: LocalKafka):
    """It is there and its port is open; asked by its address alone, it is silent."""
    with kafka3.frozen(3):
        seen = doctor.on_this_machine(kafka3.cluster.name)
        told = doctor.at_addresses(kafka3.context)
        root = diagnose(seen).root
        assert root is not None
        assert root.remedy is not None
        subprocess.run(shlex.split(str(root.remedy.command)), check=True)
        after = doctor.on_this_machine(kafka3.cluster.name)

    assert (root.rule, root.about) == ("process.down", ("process/broker-3",))
    assert [v.node for v in seen.kafka.views] == ["broker-1", "broker-2"]
    assert [v.silence is None for v in told.kafka.views] == [True, True, False]
    assert {p.state for p in after.processes} == {"running"}


@pytest.mark.kafka
@pytest.mark.parametrize("addresses", [3, 1], ids=["all are named", "one is named"])
def test_a_broker_that_hangs_at_its_address_is_named_at_once(kafka3: LocalKafka, addresses: int):
    """Its port takes connections, and the cluster counts it as serving for nine seconds."""
    bootstrap = tuple(kafka3.bootstrap.split(","))
    context = Context("three", Connection(bootstrap[:addresses]))
    with kafka3.frozen(3):
        seen = doctor.at_addresses(context)
    cluster, root = seen.kafka.cluster, diagnose(seen).root
    assert cluster is not None
    assert root is not None
    fenced = [b.id for b in cluster.brokers if b.fenced]
    said = "fenced: 3" if fenced else f"3 ({bootstrap[2]}) counts as serving and does not answer"

    assert root.rule == "brokers.missing"
    assert root.detail == f"2 of 3 brokers serve; {said}"
    until_healthy(lambda: doctor.at_addresses(context))


@pytest.mark.kafka
def test_a_broker_that_was_killed_is_not_told_to_advertise_another_address(kafka3: LocalKafka):
    """Its address is refused because it is gone, which comes first."""
    kafka3.kill(3)
    try:
        found = diagnose(doctor.at_addresses(kafka3.context))
    finally:
        kafka3.restart()
    told = {r.cause.rule: r.of for r in found.causes}

    assert found.root is not None
    assert found.root.rule == "brokers.missing"
    assert told.get("connect.advertised", found.root) == found.root
    until_healthy(lambda: doctor.at_addresses(kafka3.context))


def until_healthy(look: Callable[[], Evidence]) -> None:
    """Wait until nothing is wrong any more."""
    deadline = time.monotonic() + 60
    while g.rules(found := diagnose(look())):
        assert time.monotonic() < deadline, g.rules(found)


@pytest.mark.zookeeper
def test_zookeeper_is_asked_in_its_own_words(kafka39: LocalKafka):
    """Kafka 3.9 with ZooKeeper: its server tells its mode, and nothing is wrong."""
    seen = doctor.on_this_machine(kafka39.cluster.name)
    causes = {ranked.cause.rule for ranked in diagnose(seen).causes}

    assert [mode(server) for server in seen.zookeeper] == ["standalone"]
    assert causes <= {"zookeeper.sessions"}  # true where the machine let the broker starve
