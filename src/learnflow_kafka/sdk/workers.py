"""
Workers: plain handlers on threads of ours, async ones on the app's loop.

Both take turns from lanes, handle the turn's records one after the other, and park a lane while
its first record waits for its next try. Both are told from outside when their partition is gone
(`Assigned.revoked`), and start nothing more of it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from learnflow_kafka.errors import DeadlineError, LearnflowError, SdkError
from learnflow_kafka.sdk.failures import Forward, GiveUp
from learnflow_kafka.sdk.handling import LETTER_RETRY, Call, Wait
from learnflow_kafka.sdk.lanes import Lanes
from learnflow_kafka.sdk.producer import Room

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from learnflow_kafka.sdk._loops import Mailbox
    from learnflow_kafka.sdk.handling import Desk
    from learnflow_kafka.sdk.lanes import Turn
    from learnflow_kafka.sdk.partitions import Assigned, Lane
    from learnflow_kafka.sdk.routes import Handler

log: Final = logging.getLogger("learnflow_kafka.sdk")

_TURN: Final = 64
"""Records of one lane that a worker takes at once."""
_FOREVER: Final = 86_400.0
_TICK: Final = 0.05
_IGNORES_CANCEL: Final = 5.0
"""Seconds that an async handler may go on after it was cancelled."""


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

    def put(self, records: Sequence[tuple[Lane, Any]]) -> None:
        """Queue records."""
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


class ThreadWorkers:
    """Plain handlers, at most `concurrency` at a time."""

    def __init__(
        self,
        desk: Desk,
        concurrency: int,
        *,
        fail: Callable[[SdkError], None],
    ) -> None:
        self._desk = desk
        self._fail = fail
        self._lanes: Lanes[Lane, Any] = Lanes()
        self._changed = threading.Condition()
        self._stopped = False
        self._running = [Running() for _ in range(concurrency)]
        for number, running in enumerate(self._running):
            threading.Thread(
                target=self._work,
                args=(running,),
                name=f"learnflow-{desk.route.subscription.topic.name}-{number}",
                daemon=True,
            ).start()

    def put(self, records: Sequence[tuple[Lane, Any]]) -> None:
        """Queue records."""
        with self._changed:
            for lane, message in records:
                self._lanes.put(lane, message)
            self._changed.notify(len(records))

    def drop(self, gone: Sequence[Assigned]) -> None:
        """Forget what waits of these partitions."""
        with self._changed:
            self._lanes.drop(lambda lane: lane.assigned in gone)

    def stuck(self, now: float) -> str | None:
        """A thread cannot be stopped: a handler past its deadline is stuck."""
        for running in self._running:
            if running.overdue(now):
                return running.describe(now)
        return None

    def stop(self) -> None:
        """Start nothing more; threads end after the record in hand."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def cancel_late(self) -> float:
        """A thread cannot be cancelled."""
        return 0.0

    def _work(self, running: Running) -> None:
        while (turn := self._next()) is not None:
            assigned = turn.lane.assigned
            try:
                left, seconds = self._take_turn(turn, running)
            except BaseException as error:  # noqa: BLE001 - a worker must not vanish silently
                self._fail(SdkError(f"a worker broke: {type(error).__name__}: {error}"))
                return
            finally:
                assigned.running -= 1
                running.handler = None
            with self._changed:
                if left:
                    self._lanes.park(turn.lane, left, time.monotonic() + seconds)
                else:
                    self._lanes.release(turn.lane)
                self._changed.notify()

    def _next(self) -> Turn[Lane, Any] | None:
        with self._changed:
            while not self._stopped:
                now = time.monotonic()
                turn = self._lanes.take(now, _TURN)
                if turn is not None:
                    # Counted under the lock: one lane has one worker, a partition may have more.
                    turn.lane.assigned.running += 1
                    return turn
                due = self._lanes.due()
                self._changed.wait(None if due is None else max(0.0, due - now))
            return None

    def _take_turn(self, turn: Turn[Lane, Any], running: Running) -> tuple[Sequence[Any], float]:
        """Handle a turn's records; those that are left, and the seconds until their next try."""
        assigned, items = turn.lane.assigned, turn.items
        for index, message in enumerate(items):
            if assigned.revoked or self._stopped:
                return items[index:], _FOREVER
            wait = self._handle(assigned, message, running)
            if wait is not None:
                return items[index:], wait
            self._desk.finished(assigned, message)
        return (), 0

    def _handle(self, assigned: Assigned, message: Any, running: Running) -> float | None:
        opened = self._desk.open(assigned, message)
        if isinstance(opened, Call):
            running.begin(opened.handler, message)
            try:
                opened.handler.function(*opened.arguments)
            except Exception as error:  # noqa: BLE001 - the handler's failure is our business
                running.handler = None
                verdict = self._desk.failed(assigned, message, error)
            else:
                running.handler = None
                return None
        elif opened is None:
            return None
        elif isinstance(opened, Wait):
            return opened.seconds
        else:
            verdict = opened
        if isinstance(verdict, Forward):
            return self._forward(assigned, message, verdict)
        if isinstance(verdict, GiveUp):
            self._fail(nowhere(assigned, message))
            return _FOREVER
        return verdict.seconds

    def _forward(self, assigned: Assigned, message: Any, letter: Forward) -> float | None:
        record = self._desk.prepared(message, letter)
        try:
            record.sender.post(record.topic, record.value, record.key, record.headers).result()
        except LearnflowError as error:
            self._desk.unwritten(assigned, message, letter, error)
            return LETTER_RETRY
        self._desk.written(assigned, message)
        return None


class LoopWorkers:
    """Async handlers, at most `concurrency` at a time, all on one loop."""

    def __init__(
        self,
        desk: Desk,
        concurrency: int,
        *,
        mailbox: Mailbox,
        fail: Callable[[SdkError], None],
    ) -> None:
        self._desk = desk
        self._concurrency = concurrency
        self._mailbox = mailbox
        self._fail = fail
        self._lanes: Lanes[Lane, Any] = Lanes()
        self._room = Room()
        self._tasks: dict[asyncio.Task[None], Running] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._stopped = False

    def put(self, records: Sequence[tuple[Lane, Any]]) -> None:
        """Queue records; for other threads."""
        self._mailbox.post(self._put, records)

    def drop(self, gone: Sequence[Assigned]) -> None:
        """Forget what waits of these partitions; for other threads."""
        self._mailbox.post(lambda them: self._lanes.drop(lambda lane: lane.assigned in them), gone)

    def stuck(self, now: float) -> str | None:
        """A handler that goes on long after it was cancelled is stuck."""
        for running in list(self._tasks.values()):
            handler = running.handler
            if (
                handler is not None
                and handler.deadline is not None
                and now - running.since > handler.deadline + _IGNORES_CANCEL
            ):
                return running.describe(now)
        return None

    def stop(self) -> None:
        """Start nothing more."""
        self._stopped = True

    def cancel_late(self) -> float:
        """Cancel what still runs; for other threads."""
        self._mailbox.post(lambda tasks: [task.cancel() for task in list(tasks)], self._tasks)
        return _IGNORES_CANCEL

    def _put(self, records: Sequence[tuple[Lane, Any]]) -> None:
        for lane, message in records:
            self._lanes.put(lane, message)
        self._spawn()

    def _spawn(self) -> None:
        loop = asyncio.get_running_loop()
        now = time.monotonic()
        while len(self._tasks) < self._concurrency and not self._stopped:
            turn = self._lanes.take(now, _TURN)
            if turn is None:
                break
            turn.lane.assigned.running += 1
            running = Running()
            task = loop.create_task(self._work(turn, running))
            self._tasks[task] = running
            task.add_done_callback(self._ended)
        self._set_timers(loop, now)

    def _set_timers(self, loop: asyncio.AbstractEventLoop, now: float) -> None:
        due = self._lanes.due()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None and not self._stopped:
            self._timer = loop.call_later(max(0.0, due - now), self._spawn)
        if self._watch is None and self._tasks:
            self._watch = loop.call_later(_TICK, self._watch_deadlines)

    def _watch_deadlines(self) -> None:
        self._watch = None
        now = time.monotonic()
        for task, running in self._tasks.items():
            if not running.cancelled and running.overdue(now):
                running.cancelled = True
                task.cancel()
        if self._tasks:
            self._watch = asyncio.get_running_loop().call_later(_TICK, self._watch_deadlines)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(SdkError(f"a worker broke: {type(error).__name__}: {error}"))
        self._spawn()

    async def _work(self, turn: Turn[Lane, Any], running: Running) -> None:
        left: Sequence[Any] = turn.items
        seconds = _FOREVER
        try:
            left, seconds = await self._take_turn(turn, running)
        finally:
            turn.lane.assigned.running -= 1
            running.handler = None
            if left:
                self._lanes.park(turn.lane, left, time.monotonic() + seconds)
            else:
                self._lanes.release(turn.lane)

    async def _take_turn(
        self, turn: Turn[Lane, Any], running: Running
    ) -> tuple[Sequence[Any], float]:
        assigned, items = turn.lane.assigned, turn.items
        for index, message in enumerate(items):
            if assigned.revoked or self._stopped:
                return items[index:], _FOREVER
            wait = await self._handle(assigned, message, running)
            if wait is not None:
                return items[index:], wait
            self._desk.finished(assigned, message)
        return (), 0

    async def _handle(self, assigned: Assigned, message: Any, running: Running) -> float | None:
        opened = self._desk.open(assigned, message)
        if isinstance(opened, Call):
            error = await self._call(opened, message, running)
            if error is None:
                return None
            verdict = self._desk.failed(assigned, message, error)
        elif opened is None:
            return None
        elif isinstance(opened, Wait):
            return opened.seconds
        else:
            verdict = opened
        if isinstance(verdict, Forward):
            return await self._forward(assigned, message, verdict)
        if isinstance(verdict, GiveUp):
            self._fail(nowhere(assigned, message))
            return _FOREVER
        return verdict.seconds

    async def _call(self, call: Call, message: Any, running: Running) -> Exception | None:
        """Call a handler; what it raised, if anything. A cancelled app cancels through."""
        running.begin(call.handler, message)
        try:
            await call.handler.function(*call.arguments)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not running.cancelled or (task is not None and task.cancelling() > 1):
                raise
            if task is not None:
                task.uncancel()
            return DeadlineError(
                f"{call.handler.name} took longer than {call.handler.deadline:g} seconds"
            )
        except Exception as error:  # noqa: BLE001 - the handler's failure is our business
            return error
        finally:
            running.handler = None
        return None

    async def _forward(self, assigned: Assigned, message: Any, letter: Forward) -> float | None:
        try:
            await (await self._room.post(self._desk.prepared(message, letter)))
        except LearnflowError as error:
            self._desk.unwritten(assigned, message, letter, error)
            return LETTER_RETRY
        self._desk.written(assigned, message)
        return None


def nowhere(assigned: Assigned, message: Any) -> SdkError:
    """The error of an event that cannot be handled and has no dead-letter topic."""
    return SdkError(
        "an event cannot be handled, and its subscription has no dead-letter topic; "
        "the service stops rather than lose it",
        where=f"{assigned.topic}[{assigned.partition}]@{message.offset()} "
        f"({assigned.route.subscription.place})",
        fix="mend the handler, or set dead_letter: true in the catalog",
    )
