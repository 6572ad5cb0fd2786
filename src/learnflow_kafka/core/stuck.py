"""
Calls that may not return: each on a thread that can be left behind.

librdkafka takes a time limit for few of its requests, and does not always keep it. A thread that
is left behind ends when its call returns, or with the process.
"""

from __future__ import annotations

import threading
import time
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK: Final = 0.1


class StuckError(Exception):
    """A call did not return in time."""


def ask(
    request: Callable[..., Any], *arguments: object, keep_on: Callable[[], bool], **named: object
) -> Any:
    """
    What a call returns, or raises; StuckError where it does not while it is waited for.

    `keep_on` is asked ten times a second whether to wait on. The call sees the caller's context.
    """
    asked = _Call(request, arguments, named)
    while asked.is_alive() and keep_on():
        asked.join(_LOOK)
    if asked.is_alive():
        raise StuckError(f"the client does not come back from {request.__name__}")
    if asked.error is not None:
        raise asked.error
    return asked.result


def within(seconds: float) -> Callable[[], bool]:
    """Wait for so many seconds from now."""
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() < deadline


class _Call(threading.Thread):
    def __init__(
        self, request: Callable[..., Any], arguments: tuple[object, ...], named: dict[str, object]
    ) -> None:
        super().__init__(name="learnflow-request", daemon=True)
        self._request, self._arguments, self._named = request, arguments, named
        self._context = copy_context()
        self.result: Any = None
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self.result = self._context.run(self._request, *self._arguments, **self._named)
        except Exception as error:  # noqa: BLE001 - raised where it was asked for
            self.error = error
