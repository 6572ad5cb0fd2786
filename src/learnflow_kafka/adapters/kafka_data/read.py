"""
Reading records.

A reader without a group is assigned its partitions and commits nothing. Where it ends is
told by its position, not by the last record: a partition may end in markers of transactions
and in gaps that compaction left, and no record ever has the last offset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import KafkaException
from confluent_kafka import TopicPartition as Place

from learnflow_kafka.adapters.kafka_data.client import Troubles
from learnflow_kafka.adapters.kafka_data.errors import NO_SUCH_OFFSET, PARTITION_END, translated
from learnflow_kafka.core.observed import Record, TopicPartition
from learnflow_kafka.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from learnflow_kafka.adapters.kafka_data.client import Client

_BATCH: Final = 500
_WAIT: Final = 0.1
_NO_TIMESTAMP: Final = 0


class Reading:
    """The reading half of the data port."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def read(
        self,
        start: Mapping[TopicPartition, int],
        *,
        until: Mapping[TopicPartition, int] | None = None,
        committed_only: bool = True,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Record]:
        """
        Records from the start offsets on, in each partition's order, with no group.

        Ends where every partition reached its `until` offset (exclusive), or `stop` says so.
        A transaction that stays open hides what follows it: with `committed_only` the
        partition ends there. Starts before what is kept at the first record that is;
        raises `RequestError` OFFSET_OUT_OF_RANGE for a start beyond the end.
        """
        reader = _Reader(self._client, start, until, committed_only=committed_only)
        try:
            while reader.open and not stop():
                yield from reader.poll()
        finally:
            reader.close()

    def read_as_group(
        self, group: str, topics: Sequence[str], *, stop: Callable[[], bool]
    ) -> Iterator[Record]:
        """
        Records as a member of a group that starts at the earliest and commits as it goes.

        A record counts as read when the next one is asked for.
        """
        troubles = Troubles(self._client.where)
        consumer = self._client.consumer(
            {
                "group.id": group,
                "auto.offset.reset": "earliest",
                "enable.auto.offset.store": False,
                "auto.commit.interval.ms": 1000,
            },
            troubles,
        )
        try:
            consumer.subscribe(list(topics))
            while not stop():
                for message in consumer.consume(_BATCH, _WAIT):
                    if message.error():
                        raise translated(message.error(), where=message.topic() or group)
                    yield _record(message)
                    consumer.store_offsets(message)
                    if stop():
                        return
                troubles.check()
        finally:
            consumer.close()


class _Reader:
    """One consumer on its way through partitions; `open` until all have ended."""

    def __init__(
        self,
        client: Client,
        start: Mapping[TopicPartition, int],
        until: Mapping[TopicPartition, int] | None,
        *,
        committed_only: bool,
    ) -> None:
        self._where = client.where
        self._patience = client.limits.connect
        self._start = start
        self._until = until
        self._troubles = Troubles(client.where)
        self._consumer = client.consumer(
            {
                # Required by the library, and never used: nothing is subscribed or committed.
                "group.id": "learnflow",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed" if committed_only else "read_uncommitted",
                "fetch.wait.max.ms": 100,
            },
            self._troubles,
        )
        self._left = {p for p in start if until is None or start[p] < until.get(p, 0)}
        self._consumer.assign([Place(p.topic, p.partition, start[p]) for p in self._left])

    @property
    def open(self) -> bool:
        """Whether a partition is left that has not ended."""
        return bool(self._left) or self._until is None

    def poll(self) -> Iterator[Record]:
        """The records that came in within a moment."""
        # `consume` waits for a full batch: ask for one record, then for what came with it.
        messages = self._consumer.consume(1, _WAIT)
        if messages:
            messages += self._consumer.consume(_BATCH, 0)
        for message in messages:
            partition = TopicPartition(message.topic(), message.partition())
            if partition not in self._left:
                continue
            if message.error():
                self._react(message, partition)
            elif self._past(partition, message.offset()):
                self._end(partition)
            else:
                yield _record(message)
                if self._past(partition, message.offset() + 1):
                    self._end(partition)
        if not messages:
            self._troubles.check()

    def close(self) -> None:
        """Let go of the consumer."""
        self._consumer.close()

    def _past(self, partition: TopicPartition, position: int) -> bool:
        return self._until is not None and position >= self._until.get(partition, 0)

    def _end(self, partition: TopicPartition) -> None:
        self._left.discard(partition)
        self._consumer.incremental_unassign([Place(*partition)])

    def _react(self, message: Any, partition: TopicPartition) -> None:
        error = message.error()
        if error.name() == PARTITION_END:
            if self._nothing_more(partition, message.offset()):
                self._end(partition)
        elif error.name() == NO_SUCH_OFFSET:
            self._restart(partition)
        else:
            raise translated(error, where=str(partition))

    def _nothing_more(self, partition: TopicPartition, position: int) -> bool:
        """Whether the end at `position` is also the end of what was asked for."""
        if self._until is None:
            return False
        if self._past(partition, position):
            return True
        _, high = self._consumer.get_watermark_offsets(Place(*partition), cached=True)
        # The log goes on to `until`, hidden behind an open transaction.
        return bool(self._until.get(partition, 0) <= high)

    def _restart(self, partition: TopicPartition) -> None:
        """Retention went past the start: go on with the first record that is kept."""
        try:
            low, high = self._consumer.get_watermark_offsets(
                Place(*partition), timeout=self._patience
            )
        except KafkaException as error:
            raise translated(error.args[0], where=str(partition)) from error
        if self._start[partition] > high:
            raise RequestError(
                f"offset {self._start[partition]} is beyond the partition's end {high}",
                code="OFFSET_OUT_OF_RANGE",
                where=str(partition),
            )
        if self._past(partition, low):
            self._end(partition)
            return
        self._consumer.incremental_unassign([Place(*partition)])
        self._consumer.incremental_assign([Place(partition.topic, partition.partition, low)])


def _record(message: Any) -> Record:
    kind, stamp = message.timestamp()
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        None if kind == _NO_TIMESTAMP else stamp,
        message.key(),
        message.value(),
        tuple(message.headers() or ()),
    )
