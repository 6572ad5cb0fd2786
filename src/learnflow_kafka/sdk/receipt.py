"""
What became of one record that was handed over.

A receipt is settled once, by the thread that serves the client's acknowledgements, and can be
waited for from any thread or any asyncio loop. It is made for every record, so it is small: a
lock or an event exists only where somebody waits.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from learnflow_kafka.errors import TimedOutError
from learnflow_kafka.sdk._loops import mailbox

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from learnflow_kafka.errors import SdkError

log: Final = logging.getLogger("learnflow_kafka.sdk")


class Written(NamedTuple):
    """Where a record landed, as the broker acknowledged it; `timestamp_ms` as it is stored."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int


# Guards the making of a receipt's list of waiters. Reentrant: a signal handler may wait for a
# receipt while its thread holds the lock.
_MAKING = threading.RLock()


class Receipt:
    """
    The fate of one record: `result()` on a thread, `await receipt` in asyncio.

    Both give `Written` or raise DeliveryError. A failure that nobody looks at is raised by the
    producer's next `flush` or `close`.
    """

    # The receipt is itself the client's callback, takes the outcome in one assignment and reads
    # the message only where somebody asks: this path is walked for every record.
    __slots__ = ("_message", "_owner", "_waiters", "failure", "seen")

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._message: Any = None
        self._waiters: deque[Callable[[Receipt], object]] | None = None
        self.failure: SdkError | None = None
        self.seen = False

    def __call__(self, error: Any, message: Any) -> None:
        """Take the outcome; the client calls this once."""
        if error is None:
            self._message = message
            message.set_value(None)  # a kept receipt must not keep the payload
        else:
            self._owner.record_failed(self, error, message)
        if self._waiters:
            self._tell()

    def fail(self, error: SdkError) -> None:
        """Settle the receipt as not written."""
        self.failure = error
        self._tell()

    def done(self) -> bool:
        """Whether the record's fate is known."""
        return self._message is not None or self.failure is not None

    @property
    def error(self) -> SdkError | None:
        """Why the record was not written; None while that is open or where it was."""
        self.seen = self.failure is not None
        return self.failure

    def result(self, timeout: float | None = None) -> Written:
        """
        Where the record landed; waits at most `timeout` seconds.

        Raises DeliveryError where it was not written, TimedOutError while nobody knows, UsageError
        in a callback that the acknowledgement waits for.
        """
        if not self.done():
            self._owner.check_waiting()
            event = threading.Event()
            self.add_done_callback(lambda _: event.set())
            # The last look is for an outcome that came and was not told.
            if not event.wait(timeout) and not self.done():
                raise TimedOutError(
                    f"no acknowledgement after {timeout:g} s; the record is still under way"
                )
        return self._outcome()

    def add_done_callback(self, function: Callable[[Receipt], object]) -> None:
        """
        Call a function with this receipt when the fate is known; at once where it is.

        It runs on the thread that serves the acknowledgements, or on the caller's where it is
        late: it must be quick, not raise, and wait for no receipt.
        """
        if self._waiters is None:
            with _MAKING:
                if self._waiters is None:
                    self._waiters = deque()
        self._waiters.append(function)
        # The outcome may have come before the line above was seen; whoever takes a waiter from
        # the deque calls it, so each is called once.
        if self.done():
            self._tell()

    def __await__(self) -> Generator[Any, None, Written]:
        return self._wait().__await__()

    async def _wait(self) -> Written:
        if not self.done():
            self._owner.check_waiting()
            box = mailbox()
            future = asyncio.get_running_loop().create_future()
            self.add_done_callback(lambda _: box.post(_wake, future))
            await future
        return self._outcome()

    def _outcome(self) -> Written:
        message = self._message
        if message is not None:
            return Written(
                message.topic(), message.partition(), message.offset(), message.timestamp()[1]
            )
        self.seen = True
        raise self.failure or AssertionError("an unsettled receipt has no outcome")

    def _tell(self) -> None:
        waiters = self._waiters
        while waiters:
            try:
                function = waiters.popleft()
            except IndexError:  # another thread took the last
                return
            try:
                function(self)
            except KeyboardInterrupt:
                raise
            except BaseException:  # also SystemExit: it would end the thread that serves us all
                log.exception("a receipt's callback failed; the others are called")


class Owner(Protocol):
    """Whoever made the receipts."""

    def record_failed(self, receipt: Receipt, error: Any, message: Any) -> None:
        """Settle the receipt as failed and remember it."""
        ...

    def check_waiting(self) -> None:
        """Raise UsageError on the thread that settles receipts: it would wait for itself."""
        ...


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
