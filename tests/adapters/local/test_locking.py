"""One learnflow at a time."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from learnflow_kafka.adapters.local.locking import FileLock
from learnflow_kafka.core.local import Waiting
from learnflow_kafka.errors import BusyError

if TYPE_CHECKING:
    from pathlib import Path


def test_the_second_waits_says_so_once_and_gives_up(tmp_path: Path):
    """The error names the process that holds the lock."""
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert first.try_acquire()
    waiting = second.acquire("the cluster", timeout=0.2)

    assert next(waiting) == Waiting("the cluster")
    with pytest.raises(BusyError, match=r"another learnflow \(process \d+\)"):
        next(waiting)
    first.release()


def test_a_released_lock_can_be_taken(tmp_path: Path):
    """Taking it again needs no clean-up."""
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    first.try_acquire()
    first.release()

    assert second.try_acquire()
    second.release()


def test_a_lock_ends_with_its_holder(tmp_path: Path):
    """A process that was killed leaves no lock behind."""
    code = (
        "import os, pathlib, sys; from learnflow_kafka.adapters.local.locking import FileLock; "
        "FileLock(pathlib.Path(sys.argv[1])).try_acquire() or sys.exit(1); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "lock")], check=False)
    lock = FileLock(tmp_path / "lock")

    assert killed.returncode == -9
    assert lock.try_acquire()
    lock.release()


def test_a_lock_whose_file_was_removed_protects_nothing(tmp_path: Path):
    """After a wipe the next one locks the file that is there, not the one that was."""
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    first.try_acquire()
    (tmp_path / "lock").unlink()

    assert second.try_acquire()
    assert (tmp_path / "lock").exists()
    first.release()
    second.release()
