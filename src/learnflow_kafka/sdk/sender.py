"""
Records out: one librdkafka producer, the thread that serves it, and every record's fate.

Bytes only; `producer` has the types. Two facts of the client shape this module: a full queue
raises BufferError, which we turn into waiting, and a record can fail in two ways, at once (an
exception) or later (its callback), which we turn into one: its receipt.

Acknowledgements are served by one thread of our own and nowhere else: on a user's thread,
Ctrl-C would strike within the client's callback and take the record's fate with it. In a burst
that thread waits until the one that posts hands over, once in some hundred records, and waits
in turn: two threads that fight for the interpreter's lock over each acknowledgement would halve
the throughput.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from confluent_kafka import KafkaError as Code
from confluent_kafka import KafkaException
from confluent_kafka import Producer as Client

from learnflow_kafka.core.text import counted
from learnflow_kafka.errors import (
    BacklogError,
    ClosedError,
    DeliveryError,
    TimedOutError,
    UsageError,
)
from learnflow_kafka.sdk import faults, forks
from learnflow_kafka.sdk._clients import made
from learnflow_kafka.sdk.receipt import Receipt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from learnflow_kafka.core.catalog import Partitioner
    from learnflow_kafka.errors import SdkError
    from learnflow_kafka.sdk.settings import Settings

log: Final = logging.getLogger("learnflow_kafka.sdk")

Headers = list[tuple[str, bytes | None]]

_BURST: Final = 512
"""A thread that posts hands over once in so many records (a power of two)."""
_REMEMBERED: Final = 10_000
"""So many failures are remembered before those that were looked at are forgotten."""
_BURST_LASTS: Final = 0.01
_POLL: Final = 0.1
_EXIT_TIMEOUT: Final = 5.0


class Sender:
    """
    A queue of records on their way to Kafka.

    Safe for any number of threads. Idempotent, acks=all: order per partition is kept and no
    retry doubles a record.
    """

    def __init__(
        self,
        config: Mapping[str, str | float | bool],
        settings: Settings,
        *,
        partitioner: Partitioner,
        transactional_id: str | None = None,
    ) -> None:
        merged: dict[str, Any] = {
            **config,
            "acks": "all",
            "enable.idempotence": True,
            "partitioner": partitioner.value,
            "linger.ms": settings.linger_ms,
            "compression.type": settings.compression,
            "delivery.timeout.ms": int(settings.delivery_timeout * 1000),
            "queue.buffering.max.messages": settings.queue_records,
            "queue.buffering.max.kbytes": max(1, settings.queue_bytes // 1024),
            "error_cb": self._noticed,
        }
        if transactional_id is not None:
            merged["transactional.id"] = transactional_id
        self.client = made(Client, merged)
        self._transactional = transactional_id is not None
        self.last_error: str | None = None
        self._room_timeout = settings.delivery_timeout
        self.fault: SdkError | None = None
        """Why nothing can be sent any more; None while it can."""
        self._fatal: Any = None
        self._failed: list[Receipt] = []
        self._posted = 0
        self._burst_until = 0.0
        self._flushing = 0
        self._wanted = threading.Event()
        self._served = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="learnflow-acks", daemon=True)
        self._thread.start()
        _OPEN.add(self)
        forks.guard(self)

    def __len__(self) -> int:
        """Records whose fate is open."""
        return 0 if self.fault is not None else len(self.client)

    def offer(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        headers: Headers | None,
        partition: int = -1,
    ) -> Receipt | None:
        """
        Queue a record, or return None at once where the queue is full.

        Raises ClosedError after close or a fatal error, ForkedError in a forked child.
        """
        if self.fault is not None:
            raise self.fault
        receipt = Receipt(self)
        try:
            # By position, `callback` and its alias, `timestamp`, `headers`: names would be felt.
            self.client.produce(topic, value, key, partition, receipt, None, 0, headers)
        except BufferError:
            return None
        except RuntimeError as error:  # another thread closed it this moment
            raise ClosedError("the producer is closed") from error
        except KafkaException as error:
            self._fail(receipt, faults.delivery_error(error.args[0], topic))
        self._posted += 1
        if not self._posted & (_BURST - 1):
            self._burst_until = time.monotonic() + _BURST_LASTS
            self._wanted.set()
            self.wait_served(_BURST_LASTS)
        return receipt

    def post(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        headers: Headers | None,
        partition: int = -1,
    ) -> Receipt:
        """
        Queue a record; wait for room where there is none.

        Raises BacklogError where there was none for the whole delivery timeout, and what
        `offer` raises.
        """
        receipt = self.offer(topic, value, key, headers, partition)
        if receipt is not None:
            return receipt
        self.check_waiting()
        deadline = time.monotonic() + self._room_timeout
        while receipt is None:
            if time.monotonic() > deadline:
                raise self.backlog(topic)
            self._burst_until = 0
            self.wait_served(_POLL)
            receipt = self.offer(topic, value, key, headers, partition)
        return receipt

    def backlog(self, topic: str) -> BacklogError:
        """The error of a queue that stayed full."""
        return BacklogError(
            f"no room in the send queue for {self._room_timeout:g} s: "
            f"{counted(len(self), 'record')} not taken by the broker yet"
            + (f" (last error: {self.last_error})" if self.last_error else ""),
            where=topic,
            fix="learnflow verify",
        )

    @property
    def room_timeout(self) -> float:
        """How long to wait for room, in seconds."""
        return self._room_timeout

    def check_waiting(self) -> None:
        """
        Raise UsageError on the thread that serves acknowledgements.

        It runs the receipts' callbacks: one that waits there waits for itself.
        """
        if threading.current_thread() is self._thread:
            raise UsageError(
                "a receipt's callback waits, on the thread that serves the acknowledgements: what "
                "it waits for would never come",
                fix="post in the callback and look at the receipt later, or have another thread "
                "wait",
            )

    def wait_served(self, timeout: float) -> None:
        """Wait until some acknowledgements were served, at most so many seconds."""
        self._served.clear()
        self._served.wait(timeout)

    def flush(self, timeout: float, *, since: float | None = None) -> None:
        """
        Wait until the fate of every record is known; after `close` it is.

        Raises TimedOutError where that takes longer than `timeout` seconds (counted from
        `since`, on the monotonic clock), and DeliveryError where records failed whose receipts
        nobody looked at.
        """
        if self.fault is not None and not isinstance(self.fault, ClosedError):
            raise self.fault
        self._drain(timeout, since)
        self.raise_unseen()

    def _drain(self, timeout: float, since: float | None = None) -> None:
        self.check_waiting()
        deadline = (time.monotonic() if since is None else since) + timeout
        self._flushing += 1
        try:
            while left := len(self.client):
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise TimedOutError(
                        f"{counted(left, 'record')} still under way after {timeout:g} s",
                        fix="learnflow verify",
                    )
                self.wait_served(min(_POLL, remaining))
        finally:
            self._flushing -= 1

    def raise_unseen(self) -> None:
        """Raise DeliveryError for failures since the last call that nobody looked at."""
        failed, self._failed = self._failed, []
        unseen = [receipt for receipt in failed if not receipt.seen]
        if not unseen:
            return
        first = unseen[0].error  # looking marks it as seen
        if len(unseen) == 1 and first is not None:
            raise first
        raise DeliveryError(
            f"{counted(len(unseen), 'record')} not written; the first: {first}",
            code=getattr(first, "code", "UNKNOWN"),
            maybe_written=any(getattr(r.error, "maybe_written", False) for r in unseen),
        ) from first

    def close(self, timeout: float) -> None:
        """
        Send what waits, for at most `timeout` seconds, and let go of the client.

        What is not acknowledged by then is given up: its receipt says so. A transaction that is
        open is the broker's to end. Raises DeliveryError where records failed whose receipts
        nobody looked at. A second call does nothing.
        """
        if self._closing.is_set() or forks.is_forked(self):
            return
        self.check_waiting()
        try:
            self._drain(timeout)
        except TimedOutError:
            self.client.purge()
            with suppress(TimedOutError):
                self._drain(_EXIT_TIMEOUT)
        finally:
            self.abandon()
            if self._thread.is_alive():
                # The client's `close` would wait, without an end, for the call that is under way.
                log.error(
                    "the client is left behind: a receipt's callback still runs after %g seconds",
                    _EXIT_TIMEOUT,
                )
            elif not self._transactional:
                # A client that broke says so once more, in odd ways.
                with suppress(KafkaException, SystemError):
                    self.client.close()
        self.raise_unseen()

    def abandon(self) -> None:
        """
        Serve nobody any more, whatever is under way.

        A transaction's client ends with its last reference: its `close` would abort what is open,
        and wait for ever for a broker that does not answer.
        """
        self.fault = self.fault or ClosedError("the producer is closed")
        self._closing.set()
        self._thread.join(_EXIT_TIMEOUT)
        _OPEN.discard(self)
        if self._transactional:
            self.client = None

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                self._serve_once()
            except KafkaException as error:
                # A fatal error is raised by whatever polls next, again and again.
                self._noticed(error.args[0])
                self._closing.wait(_POLL)
            except Exception:
                log.exception("serving acknowledgements failed; going on")
            self._served.set()

    def _serve_once(self) -> None:
        if self._flushing:
            self.client.flush(_POLL)
        elif time.monotonic() < self._burst_until:
            self._wanted.wait(_BURST_LASTS)
            self._wanted.clear()
            self.client.poll(0)
        else:
            self.client.poll(_POLL)

    def record_failed(self, receipt: Receipt, error: Any, message: Any) -> None:
        """Settle a receipt as failed, and remember it until somebody looks or `flush` raises."""
        # Where the client broke it names the purge, and not the reason.
        self._fail(
            receipt, faults.delivery_error(self._fatal or error, message.topic(), self.last_error)
        )

    def _fail(self, receipt: Receipt, error: DeliveryError) -> None:
        if len(self._failed) >= _REMEMBERED:
            self._failed = [kept for kept in self._failed if not kept.seen]
        self._failed.append(receipt)
        receipt.fail(error)

    def _noticed(self, error: Any) -> None:
        # That all brokers are down says less than why one is.
        if self.last_error is None or error.code() != Code._ALL_BROKERS_DOWN:  # noqa: SLF001
            self.last_error = error.str()
        if error.fatal() and self._fatal is None:
            self._fatal = error
            self.fault = self.fault or ClosedError(
                f"the producer broke for good: {error.str()}",
                fix="make a new producer; with exactly-once another instance took over",
            )
            self.client.purge()  # nobody needs to wait for what will never be sent


_OPEN: Final[WeakSet[Sender]] = WeakSet()


@atexit.register
def _close_at_exit() -> None:
    for sender in list(_OPEN):
        if forks.is_forked(sender):
            continue
        left = len(sender)
        if left:
            log.warning("%d records were under way at exit; close the producer first", left)
        try:
            sender.close(_EXIT_TIMEOUT)
        except Exception:
            log.exception("records were lost at exit")
