"""Students' programs in a subprocess, and what the limits do."""

from __future__ import annotations

import sys

import pytest

from learnflow_kafka.demo.code_runner.runner import Limits, classify, run
from learnflow_kafka.demo.code_runner.service import MOST, limits
from learnflow_kafka.events import CodeExecutionRequestLimits

PATIENT = Limits(wall_seconds=60, cpu_seconds=20)


def test_a_program_reads_and_writes():
    """Standard input goes in, standard output comes out, and the exit code is its own."""
    outcome = run("print(input()[::-1]); raise SystemExit(3)", stdin="abc", limits=PATIENT)

    assert (outcome.stdout, outcome.exit_code, outcome.error_type) == ("cba\n", 3, "runtime")


@pytest.mark.parametrize(
    ("source", "kind"),
    [("print(1", "syntax"), ("1/0", "runtime"), ("print('fine')", None)],
)
def test_what_went_wrong_has_a_kind(source: str, kind: str | None):
    """The kind is told from the traceback."""
    assert run(source, limits=PATIENT).error_type == kind


def test_an_endless_wait_ends_with_the_elapsed_time():
    """Sleeping costs no CPU, so the clock on the wall ends it."""
    outcome = run("import time; time.sleep(600)", limits=Limits(wall_seconds=0.5))

    assert (outcome.exit_code, outcome.error_type) == (None, "timeout")
    assert outcome.duration_ms < 30_000


def test_an_endless_loop_ends_with_the_cpu_time():
    """One second of CPU, whatever the clock says."""
    outcome = run("while True: pass", limits=Limits(wall_seconds=60, cpu_seconds=1))

    assert (outcome.exit_code, outcome.error_type) == (None, "timeout")
    assert outcome.duration_ms < 60_000


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has no limit on memory")
def test_an_endless_list_ends_with_the_memory():
    """The program gets a MemoryError, the machine goes on."""
    outcome = run("x = []\nwhile True: x.append(bytearray(10**6))", limits=PATIENT)

    assert (outcome.exit_code, outcome.error_type) == (1, "memory")


def test_endless_output_is_cut():
    """The beginning is kept, the rest is thrown away, and it is said."""
    source = "print('a' * 100_000); import sys; sys.stderr.write('b' * 100_000)"
    outcome = run(source, limits=Limits(wall_seconds=60, output_bytes=1_000))

    assert (outcome.stdout, outcome.stderr) == ("a" * 1_000, "b" * 1_000)
    assert outcome.truncated
    assert outcome.exit_code == 0


def test_the_program_sees_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch):
    """Addresses and secrets in variables stay with the service."""
    monkeypatch.setenv("LEARNFLOW_PASSWORD", "secret")
    outcome = run("import os; print(dict(os.environ))", limits=PATIENT)

    assert "secret" not in outcome.stdout
    assert outcome.exit_code == 0


def test_what_a_program_left_running_ends_with_it():
    """A child that holds the outputs open is killed when time is up."""
    child = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'while True: pass'])"
    outcome = run(child, limits=Limits(wall_seconds=5))

    assert outcome.duration_ms < 30_000
    assert outcome.exit_code == 0


def test_a_run_killed_by_the_machine_is_no_error_of_the_program():
    """SIGKILL counts as a timeout: the CPU limit's last word."""
    assert classify(-9, "", late=False) == "timeout"


def test_a_request_gets_no_more_than_the_runner_allows():
    """Less is granted, more is not."""
    wanted = CodeExecutionRequestLimits(wall_ms=1_500, memory_bytes=2**40)

    assert limits(wanted).wall_seconds == 1.5
    assert limits(wanted).memory_bytes == MOST.memory_bytes
    assert limits(None) == MOST
