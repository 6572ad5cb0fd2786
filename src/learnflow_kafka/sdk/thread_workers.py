"""Plain handlers, on threads of ours."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from learnflow_kafka.errors import LearnflowError, SdkError
from learnflow_kafka.sdk.failures import Forward, GiveUp
from learnflow_kafka.sdk.handling import LETTER_RETRY, Call, Wait
from learnflow_kafka.sdk.lanes import Lanes
from learnflow_kafka.sdk.workers import FOREVER, SLICE, TURN, Running, left_undone, nowhere

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from learnflow_kafka.sdk.handling import Desk
    from learnflow_kafka.sdk.lanes import Turn
    from learnflow_kafka.sdk.partitions import Assigned, Lane


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

    def put(self, batch: Sequence[tuple[Lane, Sequence[Any]]]) -> None:
        """Queue records, each lane's in their order."""
        with self._changed:
            for lane, records in batch:
                self._lanes.put(lane, records)
            self._changed.notify(len(batch))

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
                running.handler = None
                with self._changed:  # counting is no single step, and others count as well
                    assigned.running -= 1
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
                turn = self._lanes.take(now, TURN)
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
        until = time.monotonic() + SLICE
        for index, message in enumerate(items):
            if assigned.revoked or self._stopped:
                return items[index:], FOREVER
            wait = self._handle(assigned, message, running)
            if wait is not None:
                return items[index:], wait
            self._desk.finished(assigned, message)
            if time.monotonic() > until:
                return items[index + 1 :], 0
        return (), 0

    def _handle(self, assigned: Assigned, message: Any, running: Running) -> float | None:
        opened = self._desk.open(assigned, message)
        if isinstance(opened, Call):
            running.begin(opened.handler, message)
            try:
                result = opened.handler.function(*opened.arguments)
            except Exception as error:  # noqa: BLE001 - the handler's failure is our business
                running.handler = None
                verdict = self._desk.failed(assigned, message, error)
            else:
                running.handler = None
                return None if result is None else self._stop_undone(opened, message, result)
        elif opened is None:
            return None
        elif isinstance(opened, Wait):
            return opened.seconds
        else:
            verdict = opened
        if isinstance(verdict, Forward):
            kept = self._desk.keep(assigned, message, verdict)
            return None if kept else self._forward(assigned, message, verdict)
        if isinstance(verdict, GiveUp):
            self._fail(nowhere(assigned, message))
            return FOREVER
        return verdict.seconds

    def _stop_undone(self, call: Call, message: Any, result: object) -> float | None:
        """Stop the service where a handler returned its work instead of doing it."""
        undone = left_undone(call.handler, message, result)
        if undone is None:
            return None
        self._fail(undone)
        return FOREVER

    def _forward(self, assigned: Assigned, message: Any, letter: Forward) -> float | None:
        record = self._desk.prepared(message, letter)
        try:
            record.sender.post(record.topic, record.value, record.key, record.headers).result()
        except LearnflowError as error:
            self._desk.unwritten(assigned, message, letter, error)
            return LETTER_RETRY
        self._desk.written(assigned, message)
        return None
