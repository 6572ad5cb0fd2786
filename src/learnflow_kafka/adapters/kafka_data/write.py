"""
Writing records: acks=all, idempotent, one result a record in the order given.

Only so many records are on their way at once; the source is read no faster than the
brokers take them.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import KafkaException

from learnflow_kafka.adapters.kafka_data import transfer
from learnflow_kafka.adapters.kafka_data.client import Troubles
from learnflow_kafka.adapters.kafka_data.errors import fault, translated
from learnflow_kafka.adapters.kafka_data.read import Reading
from learnflow_kafka.core.ports import Fault, Written

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from contextlib import AbstractContextManager

    from learnflow_kafka.core.observed import TopicPartition
    from learnflow_kafka.core.ports import Mark, NewRecord, Transfer

_IN_FLIGHT: Final = 5_000
_WAIT: Final = 0.05
_BATCH: Final = 16_384


class _Slot:
    """The place of one record's result, filled in when the broker has answered."""

    __slots__ = ("result",)

    def __init__(self) -> None:
        self.result: Written | Fault | None = None

    def delivered(self, error: Any, message: Any) -> None:
        """Take the broker's answer, as librdkafka reports it."""
        if error is not None:
            self.result = fault(error)
        else:
            self.result = Written(message.topic(), message.partition(), message.offset())


class KafkaDataAdapter(Reading):
    """The whole data port."""

    def produce(
        self,
        records: Iterator[NewRecord],
        *,
        partitioner: str,
        timeout: float,
        batch_bytes: int | None = None,
    ) -> Iterator[Written | Fault]:
        """
        Write records; one result a record, in order.

        `timeout` in seconds bounds the wait for each acknowledgement. Raises
        `AuthenticationError` as soon as it is known that no record will ever arrive.
        """
        troubles = Troubles(self._client.where)
        settings = _settings(partitioner, timeout, idempotent=self._client.idempotent)
        if batch_bytes is not None:
            settings["batch.size"] = max(1, min(_BATCH, batch_bytes))
        producer = self._client.producer(settings, troubles)
        window: deque[_Slot] = deque()
        try:
            for record in records:
                while len(window) >= _IN_FLIGHT:
                    yield from self._arrived(producer, troubles, window, _WAIT)
                window.append(_sent(producer, record))
                yield from self._arrived(producer, troubles, window, 0)
            while window:
                yield from self._arrived(producer, troubles, window, _WAIT)
        finally:
            # What was not acknowledged when the caller lost interest is not waited for.
            producer.purge()
            producer.flush(1)

    def _arrived(
        self, producer: Any, troubles: Troubles, window: deque[_Slot], wait: float
    ) -> Iterator[Written | Fault]:
        """Results at the front of the window; waits a moment for the first."""
        if wait and window and window[0].result is not None:
            wait = 0
        try:
            producer.poll(wait)
        except KafkaException as error:
            # A producer that may not write anywhere is over, and says so here.
            raise translated(error.args[0], where=self._client.where) from error
        troubles.check()
        while window and (result := window[0].result) is not None:
            window.popleft()
            yield result

    def marks(
        self, group: str, partitions: Collection[TopicPartition]
    ) -> Mapping[TopicPartition, Mark]:
        """The group's marks in those partitions where it has one."""
        return transfer.marks(self._client, group, partitions)

    def transfer(self, name: str, group: str) -> AbstractContextManager[Transfer]:
        """A transfer that keeps its marks in the group; ends an earlier one of its name."""
        return transfer.opened(self._client, name, group)

    def close(self) -> None:
        """Nothing is kept between calls."""


def _settings(partitioner: str, timeout: float, *, idempotent: bool) -> dict[str, Any]:
    return {
        "acks": "all",
        "enable.idempotence": idempotent,
        "partitioner": partitioner,
        "message.timeout.ms": max(1, int(timeout * 1000)),
        # The broker judges the size of a record, by its topic's own limit.
        "message.max.bytes": 1_000_000_000,
        # A topic's limit is on whole batches, and librdkafka never splits one: small
        # batches keep records that fit alone from being refused together.
        "batch.size": _BATCH,
        "linger.ms": 1,
        "queue.buffering.max.messages": 2 * _IN_FLIGHT,
        "queue.buffering.max.kbytes": 64 * 1024,
        # A topic that is missing for this long does not exist.
        "topic.metadata.propagation.max.ms": 3_000,
    }


def _sent(producer: Any, record: NewRecord) -> _Slot:
    slot = _Slot()
    place = {} if record.partition is None else {"partition": record.partition}
    stamp = {} if record.timestamp_ms is None else {"timestamp": record.timestamp_ms}
    while True:
        try:
            producer.produce(
                record.topic,
                value=record.value,
                key=record.key,
                headers=list(record.headers),
                on_delivery=slot.delivered,
                **place,
                **stamp,
            )
        except BufferError:
            # The library's queue is full by bytes: wait until some have left.
            producer.poll(_WAIT)
        except KafkaException as error:
            slot.result = fault(error.args[0])
            return slot
        else:
            return slot
