"""
One `learnflow` at a time on the same files.

A lock is the kernel's (flock): it ends with its holder, however that ends, so none is ever
left behind. Children do not inherit it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING, Final

from learnflow_kafka.adapters.local import errors
from learnflow_kafka.core.local import Waiting
from learnflow_kafka.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_POLL: Final = 0.05


class FileLock:
    """An exclusive lock on a file, held from `acquire` to `release`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def try_acquire(self) -> bool:
        """
        Take the lock if nobody has it.

        Raises StorageError where the file cannot be made.
        """
        descriptor = self._open()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        if not self._still_there(descriptor):
            os.close(descriptor)
            return self.try_acquire()
        self._descriptor = descriptor
        with contextlib.suppress(OSError):  # a full disk takes no number; the lock holds
            os.truncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return True

    def acquire(self, what: str, *, timeout: float) -> Iterator[Waiting]:
        """
        Take the lock, saying once that another has it; `timeout` in seconds.

        Raises BusyError where the other does not let go in time.
        """
        deadline = time.monotonic() + timeout
        told = False
        while not self.try_acquire():
            if not told:
                told = True
                yield Waiting(what)
            if time.monotonic() > deadline:
                raise BusyError(
                    f"another learnflow{self._holder()} has been working on {what} "
                    f"for {timeout:.0f} s",
                    where=str(self._path),
                    fix="wait for it to end, or end that process, then run this again",
                )
            time.sleep(_POLL)

    def release(self) -> None:
        """Let go; harmless where it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        """The lock's file; an existing one is enough, so that a full disk can be left."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            with contextlib.suppress(OSError):
                return os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            raise errors.storage(error, "the folder cannot be used") from error

    def _still_there(self, descriptor: int) -> bool:
        """Whether the path still names the file we locked (a wipe removes it)."""
        try:
            named = self._path.stat()
        except OSError:
            return False
        return os.path.samestat(named, os.fstat(descriptor))

    def _holder(self) -> str:
        try:
            text = self._path.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return ""
        return f" (process {text})" if text.isdigit() else ""
