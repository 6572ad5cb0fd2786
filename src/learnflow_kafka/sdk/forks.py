"""
Clients and fork(): a child has none of its parent's threads.

A librdkafka client in a forked child would wait for ever, even while it is destroyed. So each
guarded client is marked in the child, its use raises ForkedError, and it is never destroyed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, Protocol
from weakref import WeakSet

from learnflow_kafka.errors import ForkedError

if TYPE_CHECKING:
    from learnflow_kafka.errors import SdkError


class Guarded(Protocol):
    """What is guarded: the client, and why it cannot be used (None while it can)."""

    client: Any
    fault: SdkError | None


_GUARDED: Final[WeakSet[Any]] = WeakSet()


def guard(owner: Guarded) -> None:
    """Have the owner's client marked in every child that is forked from now on."""
    _GUARDED.add(owner)


def is_forked(owner: Guarded) -> bool:
    """Whether the client was made before a fork, by the parent."""
    return isinstance(owner.fault, ForkedError)


def _in_child() -> None:
    if not _GUARDED:
        return
    import ctypes  # noqa: PLC0415 - only forked children need it

    for owner in list(_GUARDED):
        owner.fault = ForkedError(
            "this client was made before os.fork(), and its threads live in the parent only",
            fix="make the client in the child, or start the child with 'spawn'",
        )
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(owner.client))


os.register_at_fork(after_in_child=_in_child)
