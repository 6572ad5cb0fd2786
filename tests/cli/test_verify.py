import json
from pathlib import Path

import pytest
from tests.support.clusters import LocalKafka

from learnflow_kafka.cli.main import run
from learnflow_kafka.core.checks.table import CHECKS
from learnflow_kafka.core.plans.changes import CreateTopic
from learnflow_kafka.wiring import kafka

NOBODY = ["--bootstrap", "127.0.0.1:1"]


@pytest.fixture
def catalog(tmp_path: Path) -> str:
    """A catalog of one topic."""
    file = tmp_path / "catalog.yaml"
    file.write_text("version: 1\ntopics:\n  verify.cli:\n    partitions: 1\n    retention: 1d\n")
    return str(file)


def test_nobody_there_exits_1_with_every_finding(capsys: pytest.CaptureFixture[str]):
    """A dead address is a report like any other, for programs too."""
    code = run(["verify", *NOBODY, "--json"])
    told = json.loads(capsys.readouterr().out)

    assert code == 1
    assert told["healthy"] is False
    assert [f["name"] for f in told["findings"]] == [check.name for check in CHECKS]
    assert told["counts"]["failed"] == 1


def test_what_failed_is_failed_whatever_is_allowed(capsys: pytest.CaptureFixture[str]):
    """Allowing what could not be checked does not allow a failure."""
    assert run(["verify", *NOBODY, "--allow-unchecked"]) == 1
    assert "not healthy: 1 failed" in capsys.readouterr().out


def test_waiting_says_what_it_waits_for_and_gives_up(capsys: pytest.CaptureFixture[str]):
    """While waiting, the first failure is told once; the time limit holds."""
    code = run(["verify", *NOBODY, "--wait", "1s"])
    told = capsys.readouterr()

    assert code == 1
    assert told.err.count("waiting for bootstrap.reachable: no broker answers") == 1
    assert told.out.splitlines()[0].startswith("FAILED     bootstrap.reachable")


@pytest.mark.parametrize("words", ["forever", "soon", "60"])
def test_a_wait_without_an_end_or_unit_is_a_usage_error(
    words: str, capsys: pytest.CaptureFixture[str]
):
    """A wait is a duration with a unit."""
    assert run(["verify", *NOBODY, "--wait", words]) == 2
    assert "error:" in capsys.readouterr().err


def test_a_clients_pod_is_of_a_cluster_on_kubernetes(capsys: pytest.CaptureFixture[str]):
    """Where there are no pods there is none to look from, and nothing is verified."""
    assert run(["verify", *NOBODY, "--client", "shop/orders-0"]) == 2
    assert "not on Kubernetes" in capsys.readouterr().err


def test_help_has_an_example_and_the_exit_codes(capsys: pytest.CaptureFixture[str]):
    """The help tells how it is used and what its exit code means."""
    assert run(["verify", "--help"]) == 0
    told = capsys.readouterr().out
    assert "Example:" in told
    assert "--read-only" in told


@pytest.mark.kafka
def test_a_declared_topic_makes_it_healthy(
    kafka1: LocalKafka, catalog: str, capsys: pytest.CaptureFixture[str]
):
    """Exit 1 names the missing topic; once it is there, exit 0."""
    words = ["verify", "--bootstrap", kafka1.bootstrap, "--catalog", catalog]
    assert run(words) == 1
    assert "- verify.cli: missing" in capsys.readouterr().out
    wish = CreateTopic("verify.cli", 1, 1, {"retention.ms": "86400000"})
    with kafka.admin(kafka1.context) as admin:
        admin.create_topics([wish])

    assert run(words) == 0
    assert "healthy: " in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.kafka
def test_reading_only_is_healthy_and_says_what_was_left_out(
    kafka1: LocalKafka, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """What the user leaves out is shown as not checked and does not count."""
    file = tmp_path / "empty.yaml"
    file.write_text("version: 1\ntopics: {}\n")
    words = ["--bootstrap", kafka1.bootstrap, "--catalog", str(file), "--read-only", "--json"]
    code = run(["verify", *words])
    told = json.loads(capsys.readouterr().out)

    assert code == 0
    assert told["healthy"] is True
    assert {f["name"] for f in told["findings"] if f["status"] == "not checked"} == {
        "records.round_trip",
        "brokers.clocks",
    }
