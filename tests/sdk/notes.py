"""A small platform for tests of delivery: one event, one topic in, one topic out."""

from __future__ import annotations

import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from learnflow_kafka.core.catalog import Envelope, Guarantee, Ordering, Place, Retries, RetryMode
from learnflow_kafka.core.names import dead_letter_topic, retry_topic
from learnflow_kafka.sdk.contract import Contract, EventType, Service, Subscription, Topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Note(msgspec.Struct, kw_only=True):
    """What a student noted."""

    student: str
    number: int
    text: str = ""


@dataclass(frozen=True)
class World:
    """Topics with names of their own, and the contract of two services."""

    notes: Topic[Note]
    copies: Topic[Note]
    contract: Contract
    subscription: Subscription

    @property
    def dead_letters(self) -> str:
        """Where failing notes end."""
        return dead_letter_topic(self.notes.name, self.subscription.group)

    @property
    def topics(self) -> tuple[str, ...]:
        """Every topic of this world."""
        return (
            self.notes.name,
            self.copies.name,
            self.dead_letters,
            *self.subscription.retry_topics,
        )


FAST = Retries(attempts=2, backoff_ms=50)


def world(
    *,
    partitions: int = 1,
    concurrency: int = 1,
    retries: Retries = FAST,
    dead_letter: bool = True,
    ordering: Ordering = Ordering.KEY,
    delivery: Guarantee = Guarantee.AT_LEAST_ONCE,
    name: str | None = None,
) -> World:
    """`writer` writes notes; `reader` reads them in a group of its own and writes copies."""
    name = name or f"notes.{uuid.uuid4().hex[:8]}"
    group = f"{name}.readers"
    kind = EventType("note", Note, place=Place("notes.yaml", 3))
    notes, copies = (
        Topic(
            topic,
            (kind,),
            partitions=partitions,
            key="student",
            ordering=ordering,
            envelope=Envelope.STRUCTURED,
            place=Place("notes.yaml", 7),
        )
        for topic in (name, f"{name}.copies")
    )
    steps = range(1, retries.attempts + 1) if retries.mode is RetryMode.TOPICS else ()
    subscription = Subscription(
        notes,
        group,
        concurrency=concurrency,
        retries=retries,
        retry_topics=tuple(retry_topic(name, group, step) for step in steps),
        dead_letter_topic=dead_letter_topic(name, group) if dead_letter else None,
        delivery=delivery,
        place=Place("notes.yaml", 20),
    )
    writer = Service("writer", "/writer", produces=(notes,), place=Place("notes.yaml", 14))
    reader = Service(
        "reader", "/reader", produces=(copies,), consumes=(subscription,),
        place=Place("notes.yaml", 18),
    )  # fmt: skip
    contract = Contract.of("notes", "0" * 8, topics=(notes, copies), services=(writer, reader))
    return World(notes, copies, contract, subscription)


def create(bootstrap: str, world: World, *, replication: int = 1) -> None:
    """Create the topics of a world on a real cluster."""
    try:
        _create(bootstrap, world, replication)
    except KafkaException as error:
        # A broker that a test before this one froze may answer without a controller for a
        # moment, and a client that hears that may never look again (librdkafka's issue 5301).
        if error.args[0].code() != KafkaError._TIMED_OUT:
            raise
        _create(bootstrap, world, replication)


def _create(bootstrap: str, world: World, replication: int) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics = [NewTopic(t, world.notes.partitions, replication) for t in world.topics]
    for future in admin.create_topics(topics).values():
        future.result(90)


@contextmanager
def reading(bootstrap: str, topic: str) -> Iterator[Callable[[int], list[Any]]]:
    """A function that waits until the topic holds so many committed records, and gives them."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"test-{uuid.uuid4().hex[:8]}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 50,
        }
    )
    consumer.subscribe([topic])
    found: list[Any] = []

    def read(count: int) -> list[Any]:
        deadline = time.monotonic() + 60
        while len(found) < count and time.monotonic() < deadline:
            found.extend(m for m in consumer.consume(500, 0.2) if m.error() is None)
        return found

    try:
        yield read
    finally:
        consumer.close()


def settled(bootstrap: str, topic: str, count: int, *, seconds: float = 120) -> list[Any]:
    """
    Every committed record of a topic, as soon as there are so many at least.

    Reads to the end, so one too many is seen. A transaction that a killed process left open
    hides what is behind it until the broker ends it.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = _to_the_end(bootstrap, topic)
        if len(found) >= count or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def _to_the_end(bootstrap: str, topic: str) -> list[Any]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"test-{uuid.uuid4().hex[:8]}",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 50,
        }
    )
    partitions = set(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
    found: list[Any] = []
    deadline = time.monotonic() + 120
    while partitions and time.monotonic() < deadline:
        for message in consumer.consume(1_000, 0.2):
            if message.error() is None:
                found.append(message)
            elif message.error().code() == KafkaError._PARTITION_EOF:
                partitions.discard(message.partition())
    consumer.close()
    return found


def until(condition: Callable[[], object], *, seconds: float = 60) -> None:
    """Wait for a condition; fails after a generous time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)
