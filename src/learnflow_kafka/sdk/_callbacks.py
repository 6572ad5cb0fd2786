"""
Requests that are made while a consumer calls us back, on threads of their own.

A consumer (confluent-kafka from 2.16 on) lets in one caller at a time, and others wait: while it
calls us back, all but the thread that it calls. So that a callback's requests are let in from
their own threads too, they show its identity, as those of the client's asyncio face do.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from confluent_kafka import cimpl

if TYPE_CHECKING:
    from collections.abc import Iterator

_IDENTITY: Final[ContextVar[int]] = getattr(
    cimpl, "_reentry_identity_var", ContextVar("identity", default=0)
)
"""Who calls a consumer; 0: the thread that does. A client before 2.16 lets everybody in."""


@contextmanager
def called_back() -> Iterator[None]:
    """In a callback: what is asked for here is let in while the consumer waits for the callback."""
    before = _IDENTITY.set(threading.get_ident())
    try:
        yield
    finally:
        _IDENTITY.reset(before)
