"""
The training as a process of its own: `python -m learnflow_kafka.adapters.local.train`.

It outlives the command that began it, works at the lowest priority, and ends, with its
broker, when it is told to.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from learnflow_kafka.adapters.local import aot, distribution, java, lock, processes
from learnflow_kafka.adapters.local.launch import Engine
from learnflow_kafka.adapters.local.locking import FileLock
from learnflow_kafka.core.local import Mode

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOCK: Final = ".training"
_FOLDER: Final = "trainer"


def begin(derived: Path, cache: Path) -> None:
    """Start the training in the background, unless one is at work."""
    held = FileLock(derived / _LOCK)
    if not held.try_acquire():
        return
    held.release()
    folder = derived / _FOLDER
    command = [
        sys.executable, "-P", "-m", __name__, processes.mark(folder), str(derived), str(cache),
    ]  # fmt: skip
    processes.spawn(command, folder)


def end(derived: Path) -> None:
    """End a training that is at work; what it made so far goes."""
    running, _ = processes.find(derived / _FOLDER)
    if running:
        processes.terminate(running)
        processes.await_end(running, timeout=10.0)
        aot.clear_leftovers(derived)


def main(args: Sequence[str]) -> int:
    """Make the cache for the jars that this process would run Kafka with."""
    derived, cache = map(Path, args[1:])
    signal.signal(signal.SIGTERM, _stop)
    os.nice(19)
    held = FileLock(derived / _LOCK)
    if not held.try_acquire():
        return 0
    try:
        engine = Engine(_distribution(cache), java.find(os.environ))
        if not aot.flags(engine, derived):
            aot.train(engine, derived)
    finally:
        (derived / _FOLDER / processes.PROCESS_FILE).unlink(missing_ok=True)
        held.release()
    return 0


def _distribution(cache: Path) -> distribution.Distribution:
    home = os.environ.get("KAFKA_HOME")
    if home:
        return distribution.from_home(home)
    return distribution.installed(lock.read(lock.VERSIONS[Mode.KRAFT]), cache)


def _stop(signum: int, frame: object) -> NoReturn:
    del signum, frame
    raise SystemExit(1)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (subprocess.SubprocessError, OSError) as error:
        sys.exit(f"the training failed: {error}")
