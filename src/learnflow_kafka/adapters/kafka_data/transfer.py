"""
Transfers: records and a group's marks, written in one transaction.

Kafka keeps both or neither. The transactional id is the transfer's name: opening it fences an
earlier one and ends the transaction that it left open, killed or not.

A request of a transaction may never return, whatever time it was given, where the group's
coordinator dies or is slow to be found (librdkafka 2.16, its issues 5456 and 5511). So each runs
on a thread that can be left behind, with its client.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import KafkaException
from confluent_kafka import TopicPartition as Place

from learnflow_kafka.adapters.kafka_data.client import Troubles
from learnflow_kafka.adapters.kafka_data.errors import code_name, translated
from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.ports import Mark
from learnflow_kafka.core.stuck import StuckError, ask, within
from learnflow_kafka.core.text import counted
from learnflow_kafka.errors import RequestError, TimedOutError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from learnflow_kafka.adapters.kafka_data.client import Client
    from learnflow_kafka.core.ports import NewRecord

_NO_OFFSET: Final = 0
"""The library's special offsets (none, stored, end) are all below."""
_FENCED: Final = frozenset(
    {"_FENCED", "PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH", "INVALID_PRODUCER_ID_MAPPING"}
)
_BUSY: Final = frozenset(
    {"COORDINATOR_LOAD_IN_PROGRESS", "COORDINATOR_NOT_AVAILABLE", "NOT_COORDINATOR"}
)
"""A fresh cluster, or one that lost a broker, answers so for a moment."""

_PAUSE: Final = 0.2
_OPEN_FOR: Final = 60.0
"""Seconds after which the broker ends a transaction that was left open."""
_SETTLES: Final = 3.0
"""Seconds for a transaction that is being ended."""
_LAST_WORDS: Final = 5.0
_GRACE: Final = 5.0
"""Seconds beyond the time it was given after which a request is left behind."""


def marks(
    client: Client, group: str, partitions: Collection[TopicPartition]
) -> Mapping[TopicPartition, Mark]:
    """The group's marks where it has one; a transaction that stays open does not hold them up."""
    try:
        return _looked_up(client, _member(group), partitions, _SETTLES)
    except TimedOutError:
        # The transaction of a killed writer stays open for a minute, and its marks are none yet.
        anyway = {**_member(group), "isolation.level": "read_uncommitted"}
        return _looked_up(client, anyway, partitions, client.limits.request)


def _looked_up(
    client: Client, member: dict[str, Any], partitions: Collection[TopicPartition], wait: float
) -> Mapping[TopicPartition, Mark]:
    """What the coordinator answers within `wait` seconds."""
    if not partitions:
        return {}
    deadline = time.monotonic() + wait
    consumer = client.consumer(member, Troubles(client.where))
    try:
        return _marks(consumer, partitions, member["group.id"], deadline)
    finally:
        consumer.close()


def _marks(
    consumer: Any, partitions: Collection[TopicPartition], where: str, deadline: float
) -> dict[TopicPartition, Mark]:
    while (found := _committed(consumer, partitions, where, deadline)) is None:
        time.sleep(_PAUSE)
    for place in found:
        if place.error is not None:
            raise translated(place.error, where=f"{place.topic}-{place.partition}")
    return {
        TopicPartition(place.topic, place.partition): Mark(place.offset, place.metadata or "")
        for place in found
        if place.offset >= _NO_OFFSET
    }


def _committed(
    consumer: Any, partitions: Collection[TopicPartition], where: str, deadline: float
) -> list[Any] | None:
    """What the coordinator answers; None while it is finding its feet, until the deadline."""
    left = deadline - time.monotonic()
    try:
        found: list[Any] = consumer.committed(
            [Place(*p) for p in partitions], timeout=max(1.0, left)
        )
    except KafkaException as error:
        if left > 0 and code_name(error.args[0]) in _BUSY:
            return None
        raise translated(error.args[0], where=where) from error
    return found


@contextmanager
def opened(client: Client, name: str, group: str) -> Iterator[Mover]:
    """A transfer; raises `NotAuthorizedError` and its siblings where it may not be opened."""
    troubles = Troubles(client.where)
    producer = client.producer(_settings(name), troubles)
    consumer = client.consumer(_member(group), troubles)
    mover = Mover(client, producer, consumer, troubles, name)
    try:
        mover.begin()
        yield mover
    finally:
        consumer.close()
        if not mover.is_stuck:
            # A fatal error is raised once more by whatever polls next; it was told already.
            with suppress(KafkaException):
                producer.purge()
                producer.flush(1)


class Mover:
    """One open transfer."""

    def __init__(
        self, client: Client, producer: Any, consumer: Any, troubles: Troubles, name: str
    ) -> None:
        self._patience = client.limits.request
        self._producer = producer
        self._consumer = consumer
        self._troubles = troubles
        self._name = name
        self.is_stuck = False
        """Whether a request did not return: the client belongs to it, and is not to be touched."""

    def begin(self) -> None:
        """Fence whoever had the name, and wait until what it left open has ended."""
        self._insist(self._producer.init_transactions)

    def move(self, records: Sequence[NewRecord], marks: Mapping[TopicPartition, Mark]) -> None:
        """Write the records and the marks, or nothing; see the port."""
        try:
            self._producer.begin_transaction()
            self._write(records)
            places = [Place(p.topic, p.partition, m.offset, m.note) for p, m in marks.items()]
            member = self._consumer.consumer_group_metadata()
            self._insist(self._producer.send_offsets_to_transaction, places, member)
            self._insist(self._producer.commit_transaction)
        except KafkaException as error:
            self._abort()
            raise self._explained(error) from error
        except BaseException:
            self._abort()
            raise

    def marks(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, Mark]:
        """The group's marks; what earlier transfers of this name left open ended in `begin`."""
        if not partitions:
            return {}
        deadline = time.monotonic() + self._patience
        return _marks(self._consumer, partitions, self._name, deadline)

    def _write(self, records: Sequence[NewRecord]) -> None:
        """
        Hand over the records and wait until the brokers have answered for each.

        Without delivery callbacks: a fatal error is raised inside `poll` and `flush`, and no
        Python may run beside it. What became of a record is what the commit says.
        """
        for record in records:
            place = {} if record.partition is None else {"partition": record.partition}
            self._producer.produce(
                record.topic,
                value=record.value,
                key=record.key,
                headers=list(record.headers),
                **place,
            )
            self._producer.poll(0)
        if left := self._producer.flush(self._patience):
            raise TimedOutError(
                f"{counted(left, 'record')} not taken within {self._patience:g} s", where=self._name
            )

    def _insist(self, request: Callable[..., object], *arguments: object) -> None:
        """Do one step of the protocol, again while the library says that it can be repeated."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                self._ask(request, *arguments, limit=max(0.1, deadline - time.monotonic()))
            except StuckError as stuck:
                raise TimedOutError(
                    f"{stuck} within {self._patience:g} s", where=self._name
                ) from stuck
            except KafkaException as error:
                self._troubles.check()
                if not error.args[0].retriable() or time.monotonic() > deadline:
                    raise self._explained(error) from error
            else:
                return

    def _ask(self, request: Callable[..., object], *arguments: object, limit: float) -> None:
        try:
            ask(request, *arguments, limit, keep_on=within(limit + _GRACE))
        except StuckError:
            self.is_stuck = True
            raise

    def _abort(self) -> None:
        # Where it cannot be aborted now, the broker does it in a minute, or the next opening.
        if self.is_stuck:
            return
        with suppress(KafkaException, StuckError):
            self._producer.purge()
            self._ask(self._producer.abort_transaction, limit=_LAST_WORDS)

    def _explained(self, error: KafkaException) -> Exception:
        reason = error.args[0]
        if reason.name() in _FENCED:
            return RequestError(
                f"another transfer took over ({reason.str()})",
                code="PRODUCER_FENCED",
                where=self._name,
            )
        return self._troubles.fatal or translated(reason, where=self._name)


def _settings(name: str) -> dict[str, Any]:
    return {
        "transactional.id": name,
        "transaction.timeout.ms": int(_OPEN_FOR * 1000),
        "partitioner": "murmur2_random",
        # The broker judges the size of a record, by its topic's own limit.
        "message.max.bytes": 1_000_000_000,
        "batch.size": 16_384,
        "linger.ms": 1,
        "topic.metadata.propagation.max.ms": 3_000,
    }


def _member(group: str) -> dict[str, Any]:
    """One who keeps marks in a group without ever joining it."""
    return {
        "group.id": group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # Marks of a transaction that is still open are waited for.
        "isolation.level": "read_committed",
    }
