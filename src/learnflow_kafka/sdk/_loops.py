"""
From our threads to a user's asyncio loop, cheaply.

`call_soon_threadsafe` writes a byte to a socket for each call; a mailbox collects what happens
meanwhile and wakes its loop once.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary, ref

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Mailbox:
    """Calls to be made on one loop, in order, from any thread."""

    __slots__ = ("_calls", "_lock", "_loop", "_woken")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = ref(loop)  # weak: mailboxes are kept by loop, and must not keep it
        self._calls: deque[Callable[[], object]] = deque()
        self._lock = threading.RLock()  # a signal handler may send while its thread holds it
        self._woken = False

    def post(self, function: Callable[[T], object], argument: T) -> None:
        """Have the loop call the function; dropped where the loop is closed."""
        self._calls.append(lambda: function(argument))
        with self._lock:
            if self._woken:
                return
            self._woken = True
        loop = self._loop()
        try:
            if loop is not None:
                loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:  # the loop is closed: nobody waits any more
            self._calls.clear()

    def _deliver(self) -> None:
        with self._lock:
            self._woken = False
        for _ in range(len(self._calls)):
            self._calls.popleft()()


_MAILBOXES: WeakKeyDictionary[asyncio.AbstractEventLoop, Mailbox] = WeakKeyDictionary()


def mailbox() -> Mailbox:
    """The running loop's mailbox."""
    loop = asyncio.get_running_loop()
    box = _MAILBOXES.get(loop)
    if box is None:
        box = _MAILBOXES.setdefault(loop, Mailbox(loop))
    return box
