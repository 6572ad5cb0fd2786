"""
One program in a subprocess, with limits on time, memory and output.

This keeps mistakes small: endless loops, endless lists, endless output. It is no sandbox: the
program runs as the same user, sees the same files and the same network, and may start
processes that leave its session. Hostile code needs a container or a virtual machine.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_READ: Final = 65_536
_MEBIBYTE: Final = 2**20
_FILES: Final = 16 * _MEBIBYTE
"""The largest file that a program may write, in bytes."""

# Sets the limits, then becomes Python with the student's file: limits survive `exec`. A limit
# that the machine does not have (macOS has none on memory) is left out.
_LAUNCH: Final = """
import os, resource, sys
cpu, memory, size = map(int, sys.argv[1:4])
for name, value in (("CPU", cpu), ("AS", memory), ("FSIZE", size), ("CORE", 0)):
    try:
        resource.setrlimit(getattr(resource, "RLIMIT_" + name), (value, value))
    except (ValueError, OSError):
        pass
os.execv(sys.executable, [sys.executable, "-I", "-S", "-B", sys.argv[4]])
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may use: seconds of elapsed and of CPU time, bytes of memory and of output."""

    wall_seconds: float = 5.0
    cpu_seconds: float = 3.0
    memory_bytes: int = 256 * _MEBIBYTE
    output_bytes: int = 64 * 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    How a run ended.

    `exit_code` None: it was killed. `error_type` is syntax, runtime, timeout or memory; None
    where nothing went wrong. `truncated`: output beyond the limit was thrown away.
    """

    exit_code: int | None
    stdout: str
    stderr: str
    duration_ms: int
    error_type: str | None
    truncated: bool


def run(source: str, *, stdin: str = "", limits: Limits | None = None) -> Outcome:
    """
    Run a Python program and wait for its end, at most the limit of elapsed time.

    Whatever it started in its own session is killed when it ends. Raises OSError where no
    process can be started.
    """
    limits = limits or Limits()
    with tempfile.TemporaryDirectory(prefix="learnflow-run-") as name:
        folder = Path(name)
        program, given = folder / "solution.py", folder / "stdin"
        program.write_text(source, encoding="utf-8", errors="surrogatepass")
        given.write_text(stdin, encoding="utf-8", errors="surrogatepass")
        began = time.monotonic()
        with given.open("rb") as feed:
            process = _start(program, feed, limits)
        try:
            captured = _capture(process, began + limits.wall_seconds, limits.output_bytes)
        finally:
            _end(process)
        return _outcome(process, captured, time.monotonic() - began)


@dataclass(slots=True)
class _Captured:
    """The kept beginning of both outputs, and how the watching ended."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    truncated: bool = False
    late: bool = False


def _start(program: Path, feed: IO[bytes], limits: Limits) -> subprocess.Popen[bytes]:
    numbers = (max(1, round(limits.cpu_seconds)), limits.memory_bytes, _FILES)
    return subprocess.Popen(  # noqa: S603 - running a student's program is what this is for
        [sys.executable, "-I", "-S", "-B", "-c", _LAUNCH, *map(str, numbers), program.name],
        stdin=feed,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=program.parent,
        env=_environment(),
        start_new_session=True,
    )


def _environment() -> Mapping[str, str]:
    """Nothing of ours: addresses and secrets of the service stay with it."""
    return {"LANG": "C.UTF-8", "PYTHONIOENCODING": "utf-8"}


def _capture(process: subprocess.Popen[bytes], deadline: float, most: int) -> _Captured:
    """Read both outputs until they are closed or time is up; the rest is thrown away."""
    captured = _Captured()
    assert process.stdout is not None  # noqa: S101 - both are pipes
    assert process.stderr is not None  # noqa: S101
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ, captured.stdout)
        waiting.register(process.stderr, selectors.EVENT_READ, captured.stderr)
        while waiting.get_map() and not captured.late:
            for key, _ in waiting.select(max(0.0, deadline - time.monotonic())):
                data = os.read(key.fd, _READ)
                if not data:
                    waiting.unregister(key.fileobj)
                room = most - len(key.data)
                key.data.extend(data[:room])
                captured.truncated = captured.truncated or len(data) > room
            captured.late = time.monotonic() >= deadline
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        captured.late = True
    return captured


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the program's session, and let go of the pipes."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _outcome(process: subprocess.Popen[bytes], captured: _Captured, seconds: float) -> Outcome:
    stderr = captured.stderr.decode("utf-8", "replace")
    code = process.returncode
    return Outcome(
        exit_code=code if code >= 0 else None,
        stdout=captured.stdout.decode("utf-8", "replace"),
        stderr=stderr,
        duration_ms=round(seconds * 1000),
        error_type=classify(code, stderr, late=captured.late),
        truncated=captured.truncated,
    )


def classify(code: int, stderr: str, *, late: bool) -> str | None:
    """
    What went wrong, from the exit code (negative: the signal that ended it) and the traceback.

    `late`: the elapsed time was up.
    """
    if code == 0:
        return None
    if late or code == -signal.SIGXCPU:
        return "timeout"
    last = stderr.rstrip().rpartition("\n")[2].partition(":")[0]
    if last == "MemoryError":
        return "memory"
    if code == -signal.SIGKILL:
        # The CPU limit's second signal, or the machine ran out of memory.
        return "timeout"
    return "syntax" if last in {"SyntaxError", "IndentationError", "TabError"} else "runtime"
