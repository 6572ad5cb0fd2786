"""
Requests of a client that may not return: each on a thread that can be left behind.

librdkafka takes a time limit for few of its requests, and does not always keep it. A thread that
is left behind ends when its request returns, or with the process.

A consumer (confluent-kafka from 2.16 on) lets in one caller at a time, and others wait: while it
calls us back, all but the thread that it calls. So that a callback's requests are let in from
their own threads too, they show its identity, as those of the client's asyncio face do.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import cimpl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOOK: Final = 0.1
_IDENTITY: Final[ContextVar[int]] = getattr(
    cimpl, "_reentry_identity_var", ContextVar("identity", default=0)
)
"""Who calls a consumer; 0: the thread that does. A client before 2.16 lets everybody in."""


class StuckError(Exception):
    """A request did not return in time."""


def ask(
    request: Callable[..., Any], *arguments: object, keep_on: Callable[[], bool], **named: object
) -> Any:
    """
    What a request returns, or raises; StuckError where it does not while it is waited for.

    `keep_on` is asked ten times a second whether to wait on.
    """
    asked = _Request(request, arguments, named)
    while asked.is_alive() and keep_on():
        asked.join(_LOOK)
    if asked.is_alive():
        raise StuckError(f"the client does not come back from {request.__name__}")
    if asked.error is not None:
        raise asked.error
    return asked.result


@contextmanager
def called_back() -> Iterator[None]:
    """In a callback: what is asked for here is let in while the consumer waits for the callback."""
    before = _IDENTITY.set(threading.get_ident())
    try:
        yield
    finally:
        _IDENTITY.reset(before)


def within(seconds: float) -> Callable[[], bool]:
    """Wait for so many seconds from now."""
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() < deadline


class _Request(threading.Thread):
    def __init__(
        self, request: Callable[..., Any], arguments: tuple[object, ...], named: dict[str, object]
    ) -> None:
        super().__init__(name="learnflow-request", daemon=True)
        self._request, self._arguments, self._named = request, arguments, named
        self._identity = _IDENTITY.get()
        self.result: Any = None
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        _IDENTITY.set(self._identity)
        try:
            self.result = self._request(*self._arguments, **self._named)
        except Exception as error:  # noqa: BLE001 - raised where it was asked for
            self.error = error
