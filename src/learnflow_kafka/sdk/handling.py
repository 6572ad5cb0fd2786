"""
From a record to its handler, and from a failure to what is done about it.

What both kinds of workers share: everything but the waiting.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from learnflow_kafka.core.dead_letters import Origin
from learnflow_kafka.sdk.codec import Undecodable
from learnflow_kafka.sdk.delivery import Delivery
from learnflow_kafka.sdk.failures import Again, Forward, GiveUp, Trial, decide, first_origin
from learnflow_kafka.sdk.observing import FailedTry
from learnflow_kafka.sdk.outlets import Prepared
from learnflow_kafka.sdk.routes import Handler

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from learnflow_kafka.sdk.failures import Verdict
    from learnflow_kafka.sdk.observing import Observer
    from learnflow_kafka.sdk.outputs import Outbox
    from learnflow_kafka.sdk.partitions import Assigned
    from learnflow_kafka.sdk.routes import Route
    from learnflow_kafka.sdk.sender import Sender

log: Final = logging.getLogger("learnflow_kafka.sdk")

LETTER_RETRY: Final = 1.0
"""Seconds until a dead letter that could not be written is written again."""

_TIMESTAMP_TYPES: Final = {1: "CreateTime", 2: "LogAppendTime"}


class Call(msgspec.Struct, frozen=True, gc=False):
    """A handler and its arguments; one is made for every event, so it is a cheap struct."""

    handler: Handler
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Not yet: the record is due in so many seconds."""

    seconds: float


Opened: TypeAlias = "Call | Wait | Forward | GiveUp | None"


class Desk:
    """Opens the records of one route, and judges failures."""

    def __init__(
        self,
        route: Route,
        sender: Sender,
        *,
        mark: Callable[[Handler], Handler] = lambda handler: handler,
    ) -> None:
        """`mark` wraps each handler, where something must be known while it runs."""
        self.route = route
        self.observers: Sequence[Observer] = ()
        self._sender = sender
        self._read = route.reader.read
        self._handlers = {cls: mark(handler) for cls, handler in route.handlers.items()}
        self._glance = route.reader.glance
        # A delivery shows all that the record says: nothing to save there.
        self._glances = not any(h.with_delivery for h in self._handlers.values())
        self._declared = route.subscription.topic.name
        self._group = route.subscription.group

    def open(self, assigned: Assigned, message: Any) -> Opened:
        """
        What to do with a record: call a handler, wait, forward it, or nothing (None).

        A record that is no event of its topic is poison, and judged at once.
        """
        if assigned.letters:
            letter = assigned.letters.get(message.offset())
            if letter is not None:
                return letter
        if assigned.is_retry:
            wait = self._until_due(assigned, message)
            if wait is not None:
                return wait
        if self._glances:
            event = self._glance(message.value())
            if event is not None:
                handler = self._handlers.get(type(event))
                return None if handler is None else Call(handler, (event,))
        return self._open_whole(assigned, message)

    def _open_whole(self, assigned: Assigned, message: Any) -> Opened:
        """The same for a record whose envelope and headers matter, or whose event is not seen."""
        decoded = self._read(message.value(), message.headers())
        if isinstance(decoded, Undecodable):
            error = decoded.error()
            verdict = self._judge(assigned, message, error, unreadable=True)
            self._report(assigned, message, error, verdict)
            # Without retries for the unreadable, the verdict is never "again".
            return verdict if isinstance(verdict, (Forward, GiveUp)) else None
        handler = self._handlers.get(type(decoded.event))
        if handler is None:
            return None
        if not handler.with_delivery:
            return Call(handler, (decoded.event,))
        offset = message.offset()
        topic, partition, first, earlier = assigned.topic, assigned.partition, offset, 0
        if assigned.is_retry:
            origin, earlier, _ = self._origin(assigned, message)
            topic, partition, first = origin.topic, origin.partition, origin.offset
        delivery = Delivery(
            message,
            decoded,
            topic=topic,
            partition=partition,
            offset=first,
            group=self._group,
            attempt=earlier + assigned.attempts.get(offset, 0) + 1,
            outbox=self.outbox(assigned, offset),
        )
        return Call(handler, (decoded.event, delivery))

    def outbox(self, assigned: Assigned, offset: int) -> Outbox | None:  # noqa: ARG002 - not here
        """Where a try of an event leaves what is written with its offset; None: nowhere."""
        return None

    def keep(
        self,
        assigned: Assigned,  # noqa: ARG002 - not here
        message: Any,  # noqa: ARG002
        letter: Forward,  # noqa: ARG002
    ) -> bool:
        """Whether this desk sees to a letter, so that workers need not write it."""
        return False

    def failed(self, assigned: Assigned, message: Any, error: BaseException) -> Verdict:
        """What to do after a handler raised; counts the try."""
        offset = message.offset()
        assigned.attempts[offset] = assigned.attempts.get(offset, 0) + 1
        verdict = self._judge(assigned, message, error)
        self._report(assigned, message, error, verdict)
        return verdict

    def prepared(self, message: Any, letter: Forward) -> Prepared:
        """The record that a verdict wants written."""
        return Prepared(self._sender, letter.topic, message.value(), message.key(), letter.headers)

    def written(self, assigned: Assigned, message: Any) -> None:
        """Take note that a forwarded record is written."""
        assigned.letters.pop(message.offset(), None)

    def unwritten(
        self, assigned: Assigned, message: Any, letter: Forward, error: BaseException
    ) -> None:
        """Keep what could not be written: its offset is not finished before it is."""
        assigned.letters[message.offset()] = letter
        log.error(
            "%s[%d]@%d: its record could not be written to %s, and waits: %s",
            assigned.topic, assigned.partition, message.offset(), letter.topic, error,
            extra=self._fields(assigned, message, error),
        )  # fmt: skip

    def finished(self, assigned: Assigned, message: Any) -> None:
        """Take note that a record needs no more work here."""
        if assigned.attempts:
            assigned.attempts.pop(message.offset(), None)
        assigned.completed.append(message)

    def _judge(
        self, assigned: Assigned, message: Any, error: BaseException, *, unreadable: bool = False
    ) -> Verdict:
        origin, earlier, _ = self._origin(assigned, message)
        tried = assigned.attempts.get(message.offset(), 0)
        trial = Trial(
            origin,
            message.headers() or (),
            attempts=earlier + max(tried, 1),
            error=error,
            now_ms=int(time.time() * 1000),
            unreadable=unreadable,
        )
        return decide(self.route.subscription, trial)

    def _origin(self, assigned: Assigned, message: Any) -> tuple[Origin, int, int | None]:
        kind, stamp = message.timestamp()
        here = Origin(
            assigned.topic,
            assigned.partition,
            message.offset(),
            stamp,
            _TIMESTAMP_TYPES.get(kind, ""),
            self._group,
            self.route.service,
        )
        if assigned.topic == self._declared:
            return here, 0, None
        return first_origin(here, message.headers() or ())

    def _until_due(self, assigned: Assigned, message: Any) -> Wait | None:
        _, _, due_ms = self._origin(assigned, message)
        seconds = (due_ms or 0) / 1000 - time.time()
        return Wait(seconds) if seconds > 0 else None

    def _tell(
        self, assigned: Assigned, message: Any, error: BaseException, verdict: Verdict
    ) -> None:
        letter = verdict if isinstance(verdict, Forward) else None
        failed = FailedTry(
            topic=assigned.topic,
            partition=assigned.partition,
            offset=message.offset(),
            group=self._group,
            attempt=max(1, assigned.attempts.get(message.offset(), 0)),
            error=error,
            retry_in=verdict.seconds if isinstance(verdict, Again) else None,
            to=letter.topic if letter else None,
            reason=letter.reason if letter else None,
            value=message.value(),
            headers=message.headers() or (),
        )
        for observer in self.observers:
            observer.failed(failed)

    def _report(
        self, assigned: Assigned, message: Any, error: BaseException, verdict: Verdict
    ) -> None:
        if isinstance(verdict, Forward):
            ending = f"goes to {verdict.topic}"
        elif isinstance(verdict, GiveUp):
            ending = "has nowhere to go"
        else:
            ending = f"is tried again in {verdict.seconds:g} s"
        if self.observers:
            self._tell(assigned, message, error, verdict)
        # The error's class and no more: its message may hold what students wrote.
        log.warning(
            "%s[%d]@%d: %s at try %d; it %s",
            assigned.topic, assigned.partition, message.offset(), type(error).__name__,
            max(1, assigned.attempts.get(message.offset(), 0)), ending,
            extra=self._fields(assigned, message, error),
        )  # fmt: skip

    def _fields(self, assigned: Assigned, message: Any, error: BaseException) -> dict[str, object]:
        """What log formatters for machines find as fields of a record."""
        return {
            "topic": assigned.topic,
            "partition": assigned.partition,
            "offset": message.offset(),
            "group": self._group,
            "attempt": max(1, assigned.attempts.get(message.offset(), 0)),
            "error": type(error).__name__,
        }
