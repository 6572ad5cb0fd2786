"""
Processes that outlive the command which started them, and are found again safely.

A node's process carries its folder in its command line (`-Dlearnflow.node=FOLDER`), so a pid
alone is never trusted: one that another program got since is not ours, whatever a file says.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import psutil

from learnflow_kafka.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

PROCESS_FILE: Final = "process.json"
OUTPUT_FILE: Final = "process.log"
MARK: Final = "-Dlearnflow.node="
_MAC_LIMIT: Final = 10_240
_SAME_START: Final = 5.0
"""Seconds. The system computes a start time from a clock that may be set meanwhile."""

_NOT_FOR_KAFKA: Final = frozenset(
    {"JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH"}
)

_children: set[int] = set()
"""What this very process started, by pid: it must be reaped by us, or it stays a zombie."""


@dataclass(frozen=True, slots=True)
class Running:
    """A process that is proven to be the node's; `started` in seconds since the epoch."""

    pid: int
    started: float


def mark(folder: Path) -> str:
    """The word in a command line that says which node a process is."""
    return f"{MARK}{folder}"


def spawn(command: Sequence[str], folder: Path) -> Running:
    """
    Start a node's process in its own session, deaf to our terminal; remember its pid.

    Standard output and error go to a file in the folder's `logs`.
    """
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / OUTPUT_FILE).open("wb") as output, _many_descriptors():
        child = subprocess.Popen(  # noqa: S603 - our own arguments
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=_environment(os.environ),
            start_new_session=True,
        )
    # It is meant to outlive us: the library must not warn that it still runs.
    child.returncode = 0
    _children.add(child.pid)
    running = Running(child.pid, _settled(child.pid))
    remember(folder, running)
    return running


def _settled(pid: int) -> float:
    """The start time of a new process, once it shows its own command line (microseconds)."""
    deadline = time.monotonic() + 1.0
    try:
        process = psutil.Process(pid)
        while not process.cmdline() and time.monotonic() < deadline:
            time.sleep(0.001)
        return process.create_time()
    except psutil.Error:
        return time.time()


def remember(folder: Path, running: Running) -> None:
    """Write the pid file; without it the process is still found by its mark."""
    text = json.dumps({"pid": running.pid, "started": running.started})
    with contextlib.suppress(OSError):
        (folder / PROCESS_FILE).write_text(text + "\n", encoding="utf-8")


def forget(folder: Path) -> None:
    """Remove the pid file; on a disk that cannot be written it stays, and means nothing."""
    with contextlib.suppress(OSError):
        (folder / PROCESS_FILE).unlink(missing_ok=True)


def find(folder: Path) -> tuple[Running | None, str | None]:
    """
    The node's process, and, where the pid file means nothing any more, why.

    Looks at the one recorded pid only; `search` looks at all processes.
    """
    try:
        kept = json.loads((folder / PROCESS_FILE).read_text(encoding="utf-8"))
        pid, started = int(kept["pid"]), float(kept["started"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, None
    reap()
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None, f"process {pid} ended"
        same = mark(folder) in process.cmdline()
        if same and abs(process.create_time() - started) < _SAME_START:
            return Running(pid, started), None
        return None, f"process {pid} is now another program ({process.name()})"
    except psutil.NoSuchProcess:
        return None, f"process {pid} ended without being told to"
    except psutil.AccessDenied:
        return None, f"process {pid} is now another user's"


def search(folders: Sequence[Path]) -> dict[Path, Running]:
    """Nodes' processes among all on the machine, whatever the pid files say."""
    marks = {mark(folder): folder for folder in folders}
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            words = process.cmdline()
            folder = next((marks[word] for word in words if word in marks), None)
            if folder is not None and process.status() != psutil.STATUS_ZOMBIE:
                found[folder] = Running(process.pid, process.create_time())
    return found


def terminate(running: Running, *, by_force: bool = False) -> None:
    """Ask the process to stop, or end it; one that stands still goes on to hear it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(running.pid, signal.SIGKILL if by_force else signal.SIGTERM)
        os.kill(running.pid, signal.SIGCONT)


def alive(running: Running) -> bool:
    """
    Whether the process still runs; one that ended and waits to be reaped does not.

    A JVM's first thread ends before the others: until they do, its files are open.
    """
    reap()
    try:
        process = psutil.Process(running.pid)
        if abs(process.create_time() - running.started) > _SAME_START:
            return False
        return process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1
    except psutil.Error:
        return False


def suspended(running: Running) -> bool:
    """Whether the process stands still because somebody stopped it with SIGSTOP or Ctrl-Z."""
    try:
        return psutil.Process(running.pid).status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return False


def await_end(running: Running, *, timeout: float) -> bool:
    """Wait for the process to end; `timeout` in seconds. Whether it ended."""
    deadline = time.monotonic() + timeout
    while alive(running):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def reap() -> None:
    """Collect our own children that ended."""
    for pid in list(_children):
        try:
            ended, _ = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:  # somebody else waited for it
            ended = pid
        if ended:
            _children.discard(pid)


def output_tail(folder: Path, lines: int = 5) -> list[str]:
    """The last lines that the process wrote outside its log (the JVM's own complaints)."""
    try:
        text = (folder / "logs" / OUTPUT_FILE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-lines:]


def require_space(folder: Path, needed: int) -> None:
    """Raise StorageError where less than `needed` bytes are free below the folder."""
    free = psutil.disk_usage(str(folder)).free
    if free < needed:
        raise StorageError(
            f"only {free >> 20} MiB are free on the disk; Kafka needs {needed >> 20} MiB to start",
            where=str(folder),
            fix="free some space, or choose another place with --data DIR",
        )


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Ours, without what would change every JVM (and break the start-up cache)."""
    return {key: value for key, value in environ.items() if key not in _NOT_FOR_KAFKA}


@contextlib.contextmanager
def _many_descriptors() -> Iterator[None]:
    """Raise our limit of open files to the hard one while a child inherits it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard
    if sys.platform == "darwin":  # the kernel refuses more, whatever the hard limit says
        wanted = max(soft, min(hard, _MAC_LIMIT) if hard > 0 else _MAC_LIMIT)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        wanted = soft
    try:
        yield
    finally:
        if wanted != soft:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
