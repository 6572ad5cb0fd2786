"""SIGTERM, which ends a command as Ctrl-C does: what it holds is let go of."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator


class Terminated(KeyboardInterrupt):
    """SIGTERM has come; whoever cleans up after Ctrl-C cleans up after this."""


@contextmanager
def terminable() -> Iterator[None]:
    """
    Raise Terminated in what runs inside when SIGTERM comes.

    Afterwards the handler is what it was: a process that runs a command and goes on (a test)
    must not meet our exception elsewhere. Only a main thread can be told of signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


def _terminate(signum: int, frame: object) -> NoReturn:
    del signum, frame
    raise Terminated
