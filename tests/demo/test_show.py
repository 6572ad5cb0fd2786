"""`learnflow demo` on real Kafka."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from learnflow_kafka.cli.main import run
from learnflow_kafka.cli.views.demo import screen
from learnflow_kafka.demo.ledger import IDS
from learnflow_kafka.demo.stage import Curtain, Flowed
from learnflow_kafka.events import LearningQuery
from learnflow_kafka.wiring import kafka

if TYPE_CHECKING:
    from tests.support.clusters import LocalKafka

DEMO = ["demo", "--context", "local/demo"]


def groups(platform: LocalKafka) -> set[str]:
    with kafka.admin(platform.context) as admin:
        return {group.name for group in admin.groups()}


@pytest.mark.kafka
def test_every_number_adds_up(platform: LocalKafka, capsys: pytest.CaptureFixture[str]):
    """Six students: all nine topics, five struggles, seven grades; no group stays."""
    before = groups(platform)
    capsys.readouterr()
    code = run([*DEMO, "--students", "6", "--json"])
    summary = json.loads(capsys.readouterr().out)
    accounts = {a["name"]: (a["found"], a["wanted"]) for a in summary["accounts"]}

    assert (code, summary["balanced"], summary["in_time"]) == (0, True, True)
    assert set(summary["events"]) == set(IDS)
    assert all(summary["events"].values())
    assert accounts["submissions graded exactly once"] == (7, 7)
    assert accounts["planted struggles found"] == (5, 5)
    assert groups(platform) == before


@pytest.mark.kafka
def test_lines_tell_of_every_event(platform: LocalKafka, capsys: pytest.CaptureFixture[str]):
    """In a pipe there is a line for each event, then the summary; two shows share nothing."""
    code = run([*DEMO, "--students", "2", "--seed", "5"])
    out = capsys.readouterr().out
    flowed = [line for line in out.splitlines() if line.split(" ")[0] in IDS]

    assert code == 0
    assert f"\n{len(flowed)} events through 9 topics:" in out
    assert "every number adds up" in out


@pytest.mark.kafka
def test_a_show_that_runs_out_of_time_fails(
    platform: LocalKafka, capsys: pytest.CaptureFixture[str]
):
    """A second is too short for thirty students: exit 1, and what is missing is named."""
    code = run([*DEMO, "--students", "30", "--timeout", "1", "--json"])
    summary = json.loads(capsys.readouterr().out)

    assert (code, summary["balanced"], summary["in_time"]) == (1, False, False)
    assert any(account["missing"] for account in summary["accounts"])
    assert not {name for name in groups(platform) if name.startswith("demo-")}


@pytest.mark.kafka
def test_an_interrupted_show_leaves_no_group(platform: LocalKafka):
    """Ctrl-C in the middle ends it with 130, and cleans up."""
    program = "import sys; from learnflow_kafka.cli.main import run; sys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-u", "-c", program, *DEMO, "--students", "100"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as show:
        assert show.stdout is not None
        while not show.stdout.readline().startswith("learning.query"):
            assert show.poll() is None
        time.sleep(0.3)
        show.send_signal(signal.SIGINT)
        show.stdout.read()

    assert show.returncode == 130
    assert not {name for name in groups(platform) if name.startswith("demo-")}


@pytest.mark.kafka
def test_a_running_service_of_the_catalog_is_refused(
    platform: LocalKafka, capsys: pytest.CaptureFixture[str]
):
    """It would answer the demo's students too; the message names its group."""
    program = "import sys; from learnflow_kafka.cli.main import run; sys.exit(run(sys.argv[1:]))"
    member = ["consume", "learning.query", "--group", "tutor", "--context", "local/demo"]
    with subprocess.Popen([sys.executable, "-c", program, *member]) as service:
        try:
            deadline = time.monotonic() + 60
            while not _live(platform) and time.monotonic() < deadline:
                time.sleep(0.1)
            code = run([*DEMO, "--students", "1", "--json"])
        finally:
            service.send_signal(signal.SIGINT)
    error = json.loads(capsys.readouterr().out)

    assert (code, error["error"]) == (1, "RefusedError")
    assert "group 'tutor'" in error["what"]


def _live(platform: LocalKafka) -> bool:
    with kafka.admin(platform.context) as admin:
        found = admin.describe_groups(["tutor"])["tutor"]
    return bool(getattr(found, "members", None))


def test_a_terminal_shows_a_board_of_topics():
    """On eighty columns each topic keeps its name, its count, and the start of its latest."""
    board = StringIO()
    console = Console(file=board, force_terminal=True, width=80, highlight=False)
    query = LearningQuery(query_id="q", student_id="demo-x-ada-1", query="What is a loop? " * 9)
    with screen(console, quiet=False) as shown:
        shown.tell(Curtain(6, 1.0))
        shown.tell(Flowed("learning.query", query.student_id, query))
    lines = board.getvalue().splitlines()

    assert any("five services are ready after 1.0 s; 6 students begin" in line for line in lines)
    assert any("learning.query" in x and " 1  ada-1: What is a loop?" in x for x in lines)
    assert all(any(topic in line for line in lines) for topic in IDS)
