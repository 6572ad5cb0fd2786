"""
What workers are to the poll thread, and what is told of a handler that runs.

Workers take turns from lanes, handle the turn's records one after the other, and park a lane
while its first record waits for its next try. They are told from outside when a partition is
gone (`Assigned.revoked`), and start nothing more of it.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncGenerator, Coroutine, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from learnflow_kafka.errors import SdkError, UndoneError
from learnflow_kafka.sdk.receipt import Receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from learnflow_kafka.sdk.partitions import Assigned, Lane
    from learnflow_kafka.sdk.routes import Handler

TURN: Final = 64
"""Records of one lane that a worker takes at once."""
SLICE: Final = 0.01
"""
Seconds after which the next lane gets its turn. Were slow handlers to go through one key's events
first, those of other keys would hold the commit, and all that was finished behind them would come
again after a kill.
"""
FOREVER: Final = 86_400.0
"""Seconds for which a lane is parked that will not be woken any more."""


@dataclass(slots=True)
class Running:
    """What a worker is doing: the handler, its record, and since when (monotonic)."""

    handler: Handler | None = None
    message: Any = None
    since: float = 0.0
    cancelled: bool = False

    def begin(self, handler: Handler, message: Any) -> None:
        """A handler is about to be called."""
        self.message = message
        self.since = time.monotonic()
        self.cancelled = False
        self.handler = handler

    def overdue(self, now: float) -> bool:
        """Whether the handler has run longer than it may."""
        handler = self.handler
        return (
            handler is not None
            and handler.deadline is not None
            and now - self.since > handler.deadline
        )

    def describe(self, now: float) -> str:
        """The handler and its record, for messages."""
        message, handler = self.message, self.handler
        name = handler.name if handler else "a handler"
        place = f"{message.topic()}[{message.partition()}]@{message.offset()}" if message else "?"
        return f"{name} has run for {now - self.since:.1f} s on {place}"


class Workers(Protocol):
    """What the poll thread asks of workers."""

    def put(self, batch: Sequence[tuple[Lane, Sequence[Any]]]) -> None:
        """Queue records, each lane's in their order."""
        ...

    def drop(self, gone: Sequence[Assigned]) -> None:
        """Forget what waits of these partitions."""
        ...

    def stuck(self, now: float) -> str | None:
        """Which handler can no longer be stopped, in words; None while all is well."""
        ...

    def stop(self) -> None:
        """Start nothing more."""
        ...

    def cancel_late(self) -> float:
        """Cancel what can be cancelled; how many seconds that may take."""
        ...


def left_undone(handler: Handler, message: Any, result: object) -> UndoneError | None:
    """
    The error of a handler whose result is work that is left; None: it did its work.

    A receipt is no work: its record is under way already.
    """
    if not is_work(result):
        return None
    if isinstance(result, (Coroutine, Generator)):
        result.close()  # else Python warns that it was never awaited
    return UndoneError(
        f"{handler.name} returned a {type(result).__name__}, which nobody runs: its event is not "
        "handled, and the service stops rather than lose it",
        where=f"{message.topic()}[{message.partition()}]@{message.offset()}",
        fix="make the handler, and every decorator around it, an async def that awaits",
    )


def is_work(result: object) -> bool:
    """Whether something must still be awaited or iterated."""
    if isinstance(result, (Generator, AsyncGenerator)):
        return True
    return inspect.isawaitable(result) and not isinstance(result, Receipt)


def nowhere(assigned: Assigned, message: Any) -> SdkError:
    """The error of an event that cannot be handled and has no dead-letter topic."""
    return SdkError(
        "an event cannot be handled, and its subscription has no dead-letter topic; "
        "the service stops rather than lose it",
        where=f"{assigned.topic}[{assigned.partition}]@{message.offset()} "
        f"({assigned.route.subscription.place})",
        fix="mend the handler, or set dead_letter: true in the catalog",
    )
