"""
Records out: one librdkafka producer, the thread that serves it, and every record's fate.

Bytes only; `producer` has the types. Two facts of the client shape this module: a full queue
raises BufferError, which we turn into waiting, and a record can fail in two ways, at once (an
exception) or later (its callback), which we turn into one: its receipt.

Acknowledgements are served by our own thread, except in a burst: a thread that posts many
records serves them itself, in between, and ours stays away. Two threads that fight for the
interpreter's lock over each acknowledgement would halve the throughput.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from confluent_kafka import KafkaException
from confluent_kafka import Producer as Client

from learnflow_kafka.errors import BacklogError, ClosedError, DeliveryError, TimedOutError
from learnflow_kafka.sdk import faults, forks
from learnflow_kafka.sdk.receipt import Receipt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from learnflow_kafka.core.catalog import Partitioner
    from learnflow_kafka.errors import SdkError
    from learnflow_kafka.sdk.settings import Settings

log: Final = logging.getLogger("learnflow_kafka.sdk")

Headers = list[tuple[str, bytes | None]]

_BURST: Final = 128
"""A thread that posts serves acknowledgements once in so many records (a power of two)."""
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
        self.client = Client(merged, logger=log)
        self.last_error: str | None = None
        self._room_timeout = settings.delivery_timeout
        self.fault: SdkError | None = None
        """Why nothing can be sent any more; None while it can."""
        self._failed: list[Receipt] = []
        self._posted = 0
        self._burst_until = 0.0
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
            self.client.produce(
                topic,
                value,
                key,
                partition,
                receipt,
                headers=headers,
            )
        except BufferError:
            return None
        except KafkaException as error:
            self._fail(receipt, faults.delivery_error(error.args[0], topic))
        self._posted += 1
        if not self._posted & (_BURST - 1):
            self.serve(0)
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
        deadline = time.monotonic() + self._room_timeout
        while receipt is None:
            if time.monotonic() > deadline:
                raise self.backlog(topic)
            self.serve(0.05)
            receipt = self.offer(topic, value, key, headers, partition)
        return receipt

    def backlog(self, topic: str) -> BacklogError:
        """The error of a queue that stayed full."""
        return BacklogError(
            f"no room in the send queue for {self._room_timeout:g} seconds: "
            f"{len(self)} records wait for the broker"
            + (f" (last error: {self.last_error})" if self.last_error else ""),
            where=topic,
            fix="learnflow verify",
        )

    @property
    def room_timeout(self) -> float:
        """How long to wait for room, in seconds."""
        return self._room_timeout

    def serve(self, timeout: float) -> None:
        """Serve acknowledgements on this thread; the sender's own thread stays away."""
        self._burst_until = time.monotonic() + timeout + _BURST_LASTS
        self.client.poll(timeout)

    def flush(self, timeout: float) -> None:
        """
        Wait until the fate of every record is known.

        Raises TimedOutError where that takes longer than `timeout` seconds, and DeliveryError
        where records failed whose receipts nobody looked at.
        """
        if self.fault is not None and not isinstance(self.fault, ClosedError):
            raise self.fault
        deadline = time.monotonic() + timeout
        while left := len(self.client):
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise TimedOutError(
                    f"{left} records are still under way after {timeout:g} seconds",
                    fix="learnflow verify",
                )
            # In slices: Python handles signals only between calls.
            self._burst_until = time.monotonic() + _POLL
            self.client.flush(min(_POLL, remaining))
        self.raise_unseen()

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
            f"{len(unseen)} records were not written; the first: {first}",
            code=getattr(first, "code", "UNKNOWN"),
            maybe_written=any(getattr(r.error, "maybe_written", False) for r in unseen),
        ) from first

    def close(self, timeout: float) -> None:
        """
        Send what waits, for at most `timeout` seconds, and let go of the client.

        What is not acknowledged by then is given up: its receipt says so. Raises DeliveryError
        where records failed whose receipts nobody looked at. A second call does nothing.
        """
        if self._closing.is_set() or forks.is_forked(self):
            return
        try:
            self.flush(timeout)
        except TimedOutError:
            self.client.purge()
            self.client.flush(_EXIT_TIMEOUT)
        finally:
            self.fault = self.fault or ClosedError("the producer is closed")
            self._closing.set()
            self._thread.join(_EXIT_TIMEOUT)
            _OPEN.discard(self)
            self.client.close()
        self.raise_unseen()

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                if time.monotonic() < self._burst_until:
                    self._closing.wait(0.003)
                else:
                    self.client.poll(_POLL)
            except Exception:
                log.exception("serving acknowledgements failed; going on")

    def record_failed(self, receipt: Receipt, error: Any, message: Any) -> None:
        """Settle a receipt as failed, and remember it until somebody looks or `flush` raises."""
        self._fail(receipt, faults.delivery_error(error, message.topic()))

    def _fail(self, receipt: Receipt, error: DeliveryError) -> None:
        if len(self._failed) >= _REMEMBERED:
            self._failed = [kept for kept in self._failed if not kept.seen]
        self._failed.append(receipt)
        receipt.fail(error)

    def wait_for(self, event: threading.Event, receipt: Receipt, timeout: float | None) -> bool:
        """
        Wait for a receipt's event; False where the time is over.

        A receipt may have missed its acknowledgement: Ctrl-C can strike in the client's
        callback. Then nothing is under way any more, and its fate is "unknown".
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        idle = 0
        while not event.is_set():
            left = 1.0 if deadline is None else min(1.0, deadline - time.monotonic())
            if left <= 0:
                return False
            if event.wait(left):
                return True
            idle = idle + 1 if len(self) == 0 else 0
            if idle > 1 and not receipt.done():
                self._fail(
                    receipt,
                    DeliveryError(
                        "the acknowledgement was lost to an interrupt",
                        code="UNKNOWN",
                        maybe_written=True,
                    ),
                )
        return True

    def _noticed(self, error: Any) -> None:
        self.last_error = error.str()
        if error.fatal() and self.fault is None:
            self.fault = ClosedError(
                f"the producer broke for good: {error.str()}",
                fix="make a new producer; with exactly-once another instance took over",
            )
        log.warning("producer: %s", error.str())


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
