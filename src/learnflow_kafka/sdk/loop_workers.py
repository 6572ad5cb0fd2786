"""Async handlers, on the app's loop."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from learnflow_kafka.errors import DeadlineError, LearnflowError, SdkError, UndoneError
from learnflow_kafka.sdk.failures import Forward, GiveUp
from learnflow_kafka.sdk.handling import LETTER_RETRY, Call, Wait
from learnflow_kafka.sdk.lanes import Lanes
from learnflow_kafka.sdk.producer import Room
from learnflow_kafka.sdk.workers import FOREVER, SLICE, TURN, Running, left_undone, nowhere

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from learnflow_kafka.sdk._loops import Mailbox
    from learnflow_kafka.sdk.handling import Desk
    from learnflow_kafka.sdk.lanes import Turn
    from learnflow_kafka.sdk.partitions import Assigned, Lane
    from learnflow_kafka.sdk.routes import Handler

_TICK: Final = 0.05
_IGNORES_CANCEL: Final = 3.0
"""Seconds that an async handler may go on after it was cancelled."""


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

    def put(self, batch: Sequence[tuple[Lane, Sequence[Any]]]) -> None:
        """Queue records, each lane's in their order; for other threads."""
        self._mailbox.post(self._put, batch)

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

    def _put(self, batch: Sequence[tuple[Lane, Sequence[Any]]]) -> None:
        for lane, records in batch:
            self._lanes.put(lane, records)
        self._spawn()

    def _spawn(self) -> None:
        loop = asyncio.get_running_loop()
        now = time.monotonic()
        while len(self._tasks) < self._concurrency and not self._stopped:
            turn = self._lanes.take(now, TURN)
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
        if task.cancelled():
            if not self._stopped:  # its events would wait for ever, and nobody would know
                self._fail(SdkError("a handler's task was cancelled, and not by its app"))
        elif (error := task.exception()) is not None:
            self._fail(SdkError(f"a worker broke: {type(error).__name__}: {error}"))
        self._spawn()

    async def _work(self, turn: Turn[Lane, Any], running: Running) -> None:
        left: Sequence[Any] = turn.items
        seconds = FOREVER
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
        until = time.monotonic() + SLICE
        for index, message in enumerate(items):
            if assigned.revoked or self._stopped:
                return items[index:], FOREVER
            wait = await self._handle(assigned, message, running)
            if wait is not None:
                return items[index:], wait
            self._desk.finished(assigned, message)
            if time.monotonic() > until:
                return items[index + 1 :], 0
        return (), 0

    async def _handle(self, assigned: Assigned, message: Any, running: Running) -> float | None:
        opened = self._desk.open(assigned, message)
        if isinstance(opened, Call):
            error = await self._call(opened, message, running)
            if error is None or isinstance(error, UndoneError):
                return self._stop_undone(error)
            verdict = self._desk.failed(assigned, message, error)
        elif opened is None:
            return None
        elif isinstance(opened, Wait):
            return opened.seconds
        else:
            verdict = opened
        if isinstance(verdict, Forward):
            kept = self._desk.keep(assigned, message, verdict)
            return None if kept else await self._forward(assigned, message, verdict)
        if isinstance(verdict, GiveUp):
            self._fail(nowhere(assigned, message))
            return FOREVER
        return verdict.seconds

    async def _call(self, call: Call, message: Any, running: Running) -> BaseException | None:
        """
        Call a handler; what it raised, if anything. A cancelled app cancels through.

        A cancellation that nobody asked of this task comes from what the handler awaited, and is
        a failure like any other.
        """
        running.begin(call.handler, message)
        try:
            result = await call.handler.function(*call.arguments)
        except asyncio.CancelledError as error:
            if _asked_to_end() > running.cancelled:
                raise
            return _deadline_error(call.handler) if running.cancelled else error
        except Exception as error:  # noqa: BLE001 - the handler's failure is our business
            return error
        finally:
            running.handler = None
            if running.cancelled:
                _forget_deadline()
        return None if result is None else left_undone(call.handler, message, result)

    def _stop_undone(self, error: UndoneError | None) -> float | None:
        """Stop the service where a handler returned its work instead of doing it."""
        if error is None:
            return None
        self._fail(error)
        return FOREVER

    async def _forward(self, assigned: Assigned, message: Any, letter: Forward) -> float | None:
        try:
            await (await self._room.post(self._desk.prepared(message, letter)))
        except LearnflowError as error:
            self._desk.unwritten(assigned, message, letter, error)
            return LETTER_RETRY
        self._desk.written(assigned, message)
        return None


def _asked_to_end() -> int:
    """How often this task was asked to end, the deadline's request included."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def _forget_deadline() -> None:
    """Take the deadline's request back, whatever came of it: the task goes on."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()


def _deadline_error(handler: Handler) -> DeadlineError:
    return DeadlineError(f"{handler.name} took longer than {handler.deadline:g} s")
