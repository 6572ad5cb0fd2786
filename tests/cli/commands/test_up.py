"""up, status, logs, kafka-tool and down, as people and programs call them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from tests.support.commands import Done, Learnflow
from tests.support.ports import free_ports

from learnflow_kafka.adapters.local import records
from learnflow_kafka.core.local import Cluster, Mode
from learnflow_kafka.wiring.local import runtime

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.kafka


@pytest.fixture
def port(own_home: Path) -> Iterator[str]:
    """A free port; the clusters of the test, and the training they began, end with it."""
    yield str(free_ports(3))
    for name in runtime().names():
        list(runtime().stop(name, wipe=True))


@pytest.fixture
def running(port: str, learnflow: Learnflow) -> Done:
    """The default cluster, started by `up --json`."""
    done = learnflow("up", "--port", port, "--json")
    assert done.code == 0, done.err
    return done


def test_up_gives_nine_verified_topics(running: Done, port: str):
    """One command from nothing: the report is healthy and names the bootstrap address."""
    value = running.json

    assert (value["kind"], value["ok"], value["already_running"]) == ("up", True, False)
    assert value["bootstrap"] == f"127.0.0.1:{port}"
    assert value["topics"]["declared"] == 9
    assert value["verification"]["healthy"]


def test_up_beside_json_tells_its_progress_on_standard_error(running: Done):
    """Standard output holds one JSON object; people watch the other."""
    assert "broker-1 starts" in running.err
    assert "serving: 1 broker" in running.err


@pytest.mark.usefixtures("running")
def test_a_second_up_finds_it_running(learnflow: Learnflow):
    """Idempotent: nothing starts, nothing is created, all is verified again."""
    done = learnflow("up")

    assert done.code == 0
    assert "already running" in done.text
    assert "all there" in done.text
    assert "starts" not in done.text


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_its_address_means_the_cluster(learnflow: Learnflow, port: str, host: str):
    """`-b` with the address of a cluster that runs here knows its catalog and environment."""
    address = f"{host}:{port}"
    planned, verified = learnflow("plan", "-b", address), learnflow("verify", "-b", address)

    assert (planned.code, planned.err) == (0, "")
    assert (verified.code, verified.err) == (0, "")


def test_verify_says_which_address_only_containers_know(port: str, learnflow: Learnflow):
    """A name that does not resolve here cannot be checked from here, and is no failure."""
    learnflow("up", "--port", port, "--listen-containers", "only.containers.invalid")
    done = learnflow("verify")

    assert done.code == 0
    assert "warning: the address for containers only.containers.invalid:" in done.err
    assert "was not checked: the name 'only.containers.invalid' does not resolve" in done.err


@pytest.mark.usefixtures("running")
def test_up_says_how_to_connect(learnflow: Learnflow, port: str):
    """Bootstrap address, kcat, Python, and what to run next."""
    text = learnflow("up").text

    for word in (f"127.0.0.1:{port}", "kcat -b", "confluent_kafka.Producer", "learnflow down"):
        assert word in text


@pytest.mark.usefixtures("running")
def test_status_shows_brokers_and_leader(learnflow: Learnflow, port: str):
    """State, roles, leader, port, process, disk and log, for people and for programs."""
    text = learnflow("status").text
    value: Any = learnflow("status", "--json").json

    assert "broker and controller (leader)" in text
    assert (value["state"], value["healthy"], value["leader"]) == ("running", True, 1)
    assert value["bootstrap"] == f"127.0.0.1:{port}"
    assert value["nodes"][0]["pid"] > 0
    assert value["nodes"][0]["log_file"].endswith("server.log")


@pytest.mark.usefixtures("running")
def test_status_of_a_killed_broker_says_what_to_do(learnflow: Learnflow):
    """It exits 1, tells that the process ended unasked, and names `up`; `up` mends it."""
    broker = psutil.Process(learnflow("status", "--json").json["nodes"][0]["pid"])
    broker.kill()
    broker.wait(60)
    done = learnflow("status")
    again = learnflow("up")

    assert done.code == 1
    assert "ended without being told to" in done.text
    assert "next: learnflow up" in done.text
    assert again.code == 0


@pytest.mark.usefixtures("running")
def test_logs_show_what_the_broker_wrote(learnflow: Learnflow):
    """The last lines as text, and as JSON one object a line."""
    text = learnflow("logs", "-n", "3").text
    values = learnflow("logs", "-n", "2", "--broker", "1", "--json").json_lines

    assert len(text.splitlines()) == 3
    assert [v["node"] for v in values] == ["broker-1", "broker-1"]


@pytest.mark.usefixtures("running")
def test_a_java_tool_lists_the_topics(own_home: Path):
    """`kafka-tool` becomes the tool: its output and exit code are the tool's."""
    done = subprocess.run(
        [sys.executable, "-m", "learnflow_kafka", "kafka-tool", "kafka-topics", "--list"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert {"learning.query", "progress.updated"} <= set(done.stdout.split())


@pytest.mark.usefixtures("running")
def test_a_tools_command_line_can_be_seen(learnflow: Learnflow):
    """With --json nothing runs; the command is printed for scripts."""
    value = learnflow("kafka-tool", "--json", "topics", "--describe").json

    assert value["command"][-4:-2] == ["org.apache.kafka.tools.TopicCommand", "--describe"]


@pytest.mark.usefixtures("running")
def test_down_keeps_the_data_and_says_what_it_did(learnflow: Learnflow):
    """The broker stops; the record stays; a second `down` has nothing to do."""
    done = learnflow("down", "--json")
    again = learnflow("down")

    assert [n["name"] for n in done.json["stopped"]] == ["broker-1"]
    assert not done.json["wiped"]
    assert learnflow("status", "--json").json["state"] == "stopped"
    assert (again.code, again.text) == (0, "the cluster 'default' does not run\n")


@pytest.mark.parametrize("rehearsal", [(), ("--dry-run",), ("--wipe", "--yes")])
def test_down_of_a_mistyped_name_is_an_error(
    learnflow: Learnflow, own_home: Path, rehearsal: tuple[str, ...]
):
    """It names the nearest cluster, instead of saying that the one it stopped does not run."""
    shop = own_home / "data" / "clusters" / "shop"
    shop.mkdir(parents=True)
    records.write(Cluster("shop", "id", Mode.KRAFT, "4.3.1", shop, ()))
    done = learnflow("down", "--name", "shpo", *rehearsal)

    assert done.code == 1
    assert "there is no cluster 'shpo' on this machine" in done.err
    assert "next: learnflow down --name shop; learnflow status --all" in done.err


@pytest.mark.usefixtures("own_home")
def test_down_where_nothing_was_made_has_nothing_to_do(learnflow: Learnflow):
    """Nobody mistyped a name: a script may clean up twice."""
    done = learnflow("down")

    assert (done.code, done.text) == (0, "the cluster 'default' does not exist\n")


@pytest.mark.usefixtures("running")
def test_wiping_asks_first(learnflow: Learnflow):
    """Without a terminal and without --yes nothing is removed; with it, all is."""
    refused = learnflow("down", "--wipe")
    kept = learnflow("status", "--json").json["state"]
    wiped = learnflow("down", "--wipe", "--yes")

    assert (refused.code, kept) == (2, "running")
    assert wiped.code == 0
    assert learnflow("status", "--json").json["state"] == "absent"


@pytest.mark.usefixtures("running")
def test_a_rehearsed_down_stops_nothing(learnflow: Learnflow):
    """--dry-run names what would be stopped and removed."""
    text = learnflow("down", "--wipe", "--dry-run").text

    assert "would stop broker-1" in text
    assert "would remove its data" in text
    assert learnflow("status").code == 0


def test_a_rehearsed_up_starts_nothing(port: str, learnflow: Learnflow):
    """--dry-run shows nodes and ports, and leaves no folder."""
    done = learnflow("up", "--brokers", "3", "--port", port, "--dry-run")
    value = learnflow("up", "--port", port, "--dry-run", "--json").json

    assert "would start broker-3" in done.text
    assert "9 topics declared" in done.text
    assert value["exists"] is False
    assert learnflow("status", "--json").json["state"] == "absent"


def test_zookeeper_says_that_its_time_is_over(port: str, learnflow: Learnflow):
    """The older line works, and its end of support is said each time."""
    done = learnflow("up", "--zookeeper", "--port", port)
    status = learnflow("status")

    assert done.code == 0, done.text
    assert "end of support" in done.text
    assert "zookeeper" in status.text
    assert status.code == 0


def test_a_taken_port_is_one_error_with_a_way_out(running: Done, port: str, learnflow: Learnflow):
    """The holder is named, and a free --port."""
    done = learnflow("up", "--name", "other", "--port", port)

    assert done.code == 1
    assert f"port {port} is taken by Kafka in" in done.err
    assert "next: learnflow up --name other --port" in done.err


def test_in_the_foreground_kafka_ends_with_the_command(port: str, own_home: Path):
    """Logs are shown, and SIGTERM (or Ctrl-C) stops the brokers before the command ends."""
    command = [sys.executable, "-m", "learnflow_kafka", "up", "--port", port, "--foreground"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("logs follow"):
            break
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    status = subprocess.run(
        [sys.executable, "-m", "learnflow_kafka", "status", "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert process.returncode == 0
    assert "broker-1 stopped" in err
    assert json.loads(status.stdout)["state"] == "stopped"


def test_several_clusters_live_side_by_side(port: str, learnflow: Learnflow):
    """Each has its name and context; `status --all` shows both."""
    learnflow("up", "--name", "a", "--port", port)
    learnflow("up", "--name", "b", "--port", str(int(port) + 1))
    found = learnflow("status", "--all", "--json").json

    assert [c["context"] for c in found["clusters"]] == ["local/a", "local/b"]
    assert all(c["healthy"] for c in found["clusters"])
