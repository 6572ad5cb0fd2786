"""Processes that outlive us and are recognised."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from learnflow_kafka.adapters.local import processes

if TYPE_CHECKING:
    from collections.abc import Iterator

SLEEP = "import time; time.sleep(600)"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[tuple[Path, processes.Running]]:
    """A node's folder and its process, which sleeps."""
    folder = tmp_path / "broker-1"
    running = processes.spawn([sys.executable, "-c", SLEEP, processes.mark(folder)], folder)
    yield folder, running
    processes.terminate(running, by_force=True)
    processes.await_end(running, timeout=60)


def test_a_node_is_found_by_its_pid_file(node: tuple[Path, processes.Running]):
    """The recorded process is there and carries the folder's mark."""
    folder, running = node

    assert processes.find(folder) == (running, None)


def test_a_node_lives_in_a_session_of_its_own(node: tuple[Path, processes.Running]):
    """Ctrl-C in our terminal, and its closing, do not reach it."""
    assert os.getsid(node[1].pid) == node[1].pid != os.getsid(0)


def test_a_node_reads_no_terminal_and_writes_to_its_folder(node: tuple[Path, processes.Running]):
    """Nothing of ours stays open in it: a pipe behind our command ends with us."""
    folder, running = node
    files = {int(e.name): str(e.readlink()) for e in Path(f"/proc/{running.pid}/fd").iterdir()}

    assert files[0] == "/dev/null"
    assert files[1] == files[2] == str(folder / "logs" / processes.OUTPUT_FILE)


def test_a_node_may_open_as_many_files_as_the_system_allows(tmp_path: Path):
    """The soft limit is raised to the hard one for the child, and not for us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        running = processes.spawn([sys.executable, "-c", SLEEP], tmp_path)
        ours = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        theirs = psutil.Process(running.pid).rlimit(psutil.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    processes.terminate(running, by_force=True)

    assert ours == 256
    assert theirs == (hard, hard)
    assert processes.await_end(running, timeout=60)


def test_a_stale_pid_file_means_nothing_runs(node: tuple[Path, processes.Running]):
    """A process that was killed is gone, and the reason is told."""
    folder, running = node
    processes.terminate(running, by_force=True)
    processes.await_end(running, timeout=60)

    found, why = processes.find(folder)
    assert found is None
    assert why == f"process {running.pid} ended without being told to"


def test_a_pid_that_another_program_got_is_not_ours(tmp_path: Path):
    """A process without the node's mark is left alone, whatever the pid file says."""
    other = psutil.Process()
    started = other.create_time()
    processes.remember(tmp_path, processes.Running(other.pid, started))

    found, why = processes.find(tmp_path)
    assert found is None
    assert "is now another program" in (why or "")


def test_a_process_without_a_pid_file_is_found_by_its_mark(node: tuple[Path, processes.Running]):
    """A lost pid file does not lose the process."""
    folder, running = node
    (folder / processes.PROCESS_FILE).unlink()

    assert processes.find(folder) == (None, None)
    assert processes.search([folder])[folder].pid == running.pid


@pytest.mark.parametrize("text", ["", "12", "{}", '{"pid": "x"}', "\0\0"])
def test_a_broken_pid_file_is_no_pid_file(tmp_path: Path, text: str):
    """What a full disk left of it does no harm."""
    (tmp_path / processes.PROCESS_FILE).write_text(text)

    assert processes.find(tmp_path) == (None, None)


def test_a_command_that_leaves_its_node_running_ends_without_a_warning(tmp_path: Path):
    """The node outlives it, and Python does not complain of a process that nobody waited for."""
    code = (
        "import sys; from pathlib import Path\n"
        "from learnflow_kafka.adapters.local import processes\n"
        "print(processes.spawn([sys.executable, '-c', sys.argv[2]], Path(sys.argv[1])).pid)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code, str(tmp_path), SLEEP],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    node = psutil.Process(int(done.stdout))
    alive = node.is_running()
    node.kill()

    assert alive
    assert "still running" not in done.stderr


def test_a_zombie_is_not_alive(tmp_path: Path):
    """A child that ended and was not reaped does not hold up `down`."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    process = psutil.Process(child.pid)
    running = processes.Running(child.pid, process.create_time())
    while process.status() != psutil.STATUS_ZOMBIE:
        pass

    assert not processes.alive(running)
    child.wait()


def test_options_meant_for_other_javas_do_not_reach_kafka(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """JAVA_TOOL_OPTIONS may hold a debugger's port or spoil the start-up cache."""
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Dx=y")
    code = f"import json, os; print(json.dumps(dict(os.environ)), flush=True); {SLEEP}"
    running = processes.spawn([sys.executable, "-c", code], tmp_path)
    output = tmp_path / "logs" / processes.OUTPUT_FILE
    while not output.read_text().endswith("\n"):
        assert processes.alive(running)
    processes.terminate(running, by_force=True)
    processes.await_end(running, timeout=60)

    assert "JAVA_TOOL_OPTIONS" not in json.loads(output.read_text())
