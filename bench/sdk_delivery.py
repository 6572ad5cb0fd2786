"""
The SDK beside the bare client it stands on: produce, consume, one awaited record.

Every side moves the same thing: a value of 961 bytes, a key and four headers, acks=all,
idempotent, linger 5 ms (0 for single records), each record's fate known. Sides alternate within
one run, so that a noisy machine hurts them alike; figures are medians.
"""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from tests.support import clusters

from bench.result import Figure
from learnflow_kafka.core.local import Mode
from learnflow_kafka.events import CONTRACT, LEARNING_QUERY, LearningQuery
from learnflow_kafka.sdk import App, AsyncProducer, Settings, Topic
from learnflow_kafka.sdk import Producer as TypedProducer
from learnflow_kafka.sdk.codec import Writer
from learnflow_kafka.sdk.contract import Contract, Service, Subscription
from learnflow_kafka.testing import mock as mock_kafka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZE: Final = 961
RECORDS: Final = 100_000
ROUNDS: Final = 5
SINGLES: Final = 2_000
HEADERS: Final = [("x-tenant", b"learnflow"), ("x-request", b"0123456789abcdef"), ("x-app", b"web")]
STUDENTS: Final = [f"student-{n}" for n in range(500)]


def query(student: str) -> LearningQuery:
    """An event whose record has 961 bytes, envelope included."""
    return LearningQuery(
        query_id="0123456789abcdef",
        student_id=student,
        session_id="session-1",
        query="?" * _room(len(student)),
        context={"exercise": "loops-1", "attempt": 3},
        timestamp="2026-01-01T00:00:00Z",
    )


_ROOM: dict[int, int] = {}


def _room(student: int) -> int:
    if student not in _ROOM:
        _ROOM[student] = 0
        value = Writer(LEARNING_QUERY, "/learnflow/gateway").write(query("s" * student)).value
        _ROOM[student] = SIZE - len(value)
    return _ROOM[student]


class Place:
    """A fresh topic of the catalog's shape on one cluster, and a contract that names it."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        name = f"bench.{uuid.uuid4().hex[:8]}"
        self.topic: Topic[LearningQuery] = replace(LEARNING_QUERY, name=name)
        subscription = Subscription(self.topic, f"{name}.readers")
        self.contract = Contract.of(
            CONTRACT.name,
            CONTRACT.digest,
            topics=[self.topic],
            services=[
                Service("writer", "/learnflow/gateway", produces=(self.topic,)),
                Service("reader", "/learnflow/tutor", consumes=(subscription,)),
            ],
        )


def raw_produce(place: Place, count: int = RECORDS) -> float:
    """Records a second of the bare client: bytes made before, a callback for each record."""
    producer = Producer(
        {
            "bootstrap.servers": place.bootstrap,
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 5,
            "partitioner": "murmur2_random",
        }
    )
    write = Writer(place.topic, "/learnflow/gateway").write
    made = [write(query(student)) for student in STUDENTS]
    records = [(r.value, r.key, [*r.headers, *HEADERS]) for r in made]
    acknowledged = 0

    def count_one(error: Any, _: Any) -> None:
        nonlocal acknowledged
        acknowledged += error is None

    producer.list_topics(place.topic.name, timeout=10)
    start = time.perf_counter()
    for number in range(count):
        value, key, headers = records[number % len(records)]
        while True:
            try:
                producer.produce(
                    place.topic.name, value, key, headers=headers, on_delivery=count_one
                )
                break
            except BufferError:
                producer.poll(0.1)
        if not number % 500:
            producer.poll(0)
    producer.flush()
    elapsed = time.perf_counter() - start
    assert acknowledged == count
    return count / elapsed


def typed_produce(place: Place, *, validate: bool = True, count: int = RECORDS) -> float:
    """Records a second of ours: an event made, validated, encoded and wrapped each time."""
    events = [query(student) for student in STUDENTS]
    with TypedProducer(
        "writer", place.contract, bootstrap=place.bootstrap, validate=validate
    ) as producer:
        producer.send(place.topic, events[0])
        post = producer.post
        topic = place.topic
        start = time.perf_counter()
        for number in range(count):
            post(topic, events[number % len(events)], headers=HEADERS)
        producer.flush(120)
        return count / (time.perf_counter() - start)


def raw_consume(place: Place, count: int) -> float:
    """Records a second of the bare client in batches of 500, each decoded into the event."""
    consumer = Consumer(
        {
            "bootstrap.servers": place.bootstrap,
            "group.id": uuid.uuid4().hex,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([place.topic.name])

    class Record(msgspec.Struct):
        data: LearningQuery

    decode = msgspec.json.Decoder(Record).decode
    seen, start = 0, 0.0
    while seen < count:
        for message in consumer.consume(500, 0.1):
            if not seen:
                start = time.perf_counter()
            decode(message.value())
            seen += 1
    elapsed = time.perf_counter() - start
    consumer.close()
    return count / elapsed


def typed_consume(place: Place, count: int, *, is_async: bool) -> float:
    """Records a second through an app whose handler counts and does nothing else."""
    group = f"{place.topic.name}.{uuid.uuid4().hex[:8]}"
    reader = replace(place.contract.service("reader"), consumes=(Subscription(place.topic, group),))
    contract = replace(place.contract, services={"reader": reader})
    app = App("reader", contract, bootstrap=place.bootstrap, settings=Settings())
    times: list[float] = []
    seen = 0

    def tick() -> None:
        nonlocal seen
        seen += 1
        if seen in {1, count}:
            times.append(time.perf_counter())

    if is_async:

        @app.on(place.topic)
        async def count_async(_: LearningQuery) -> None:
            tick()

    else:

        @app.on(place.topic)
        def count_plain(_: LearningQuery) -> None:
            tick()

    thread = threading.Thread(target=app.run)
    thread.start()
    while len(times) < 2:
        time.sleep(0.01)
    app.stop()
    thread.join()
    return count / (times[1] - times[0])


def raw_singles(place: Place) -> list[float]:
    """Seconds from produce to callback, one record at a time, linger 0."""
    producer = Producer(
        {"bootstrap.servers": place.bootstrap, "enable.idempotence": True, "linger.ms": 0}
    )
    record = Writer(place.topic, "/learnflow/gateway").write(query(STUDENTS[0]))
    taken = []
    for _ in range(SINGLES + 1):
        done: list[Any] = []
        start = time.perf_counter()
        producer.produce(
            place.topic.name,
            record.value,
            record.key,
            headers=[*record.headers, *HEADERS],
            on_delivery=lambda error, _, done=done: done.append(error),
        )
        while not done:
            producer.poll(0.1)
        taken.append(time.perf_counter() - start)
    return taken[1:]


def typed_singles(place: Place) -> list[float]:
    """The same through `await producer.send`."""
    import asyncio  # noqa: PLC0415 - for this one alone

    async def run() -> list[float]:
        settings = Settings(linger_ms=0)
        taken = []
        async with AsyncProducer(
            "writer", place.contract, bootstrap=place.bootstrap, settings=settings
        ) as producer:
            event = query(STUDENTS[0])
            for _ in range(SINGLES + 1):
                start = time.perf_counter()
                await producer.send(place.topic, event, headers=HEADERS)
                taken.append(time.perf_counter() - start)
        return taken[1:]

    return asyncio.run(run())


def _alternate(*sides: Callable[[], float]) -> list[float]:
    """The median of each side over rounds in which they take turns."""
    found: list[list[float]] = [[] for _ in sides]
    for _ in range(ROUNDS):
        for results, side in zip(found, sides, strict=True):
            results.append(side())
    return [statistics.median(results) for results in found]


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]


def run() -> list[Figure]:
    """Measure on a real broker, then on the mock."""
    with contextlib.ExitStack() as stack:
        kafka = stack.enter_context(_real())
        figures = [*_produce(kafka, "one real broker", goal=0.6), *_consume(kafka)]
    with mock_kafka.started() as mock:
        figures += _produce(_mock_place(mock), "the mock", goal=0.25)
        figures += _single(_mock_place(mock))
    return figures


@contextlib.contextmanager
def _real() -> Iterator[Place]:
    kafka = contextlib.contextmanager(clusters.started)("bench-sdk", 1, Mode.KRAFT)
    with kafka as cluster:
        place = Place(cluster.bootstrap)
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
        admin.create_topics([NewTopic(place.topic.name, 3, 1)])[place.topic.name].result(30)
        yield place


def _mock_place(mock: mock_kafka.MockKafka) -> Place:
    place = Place(mock.bootstrap)
    mock.create(place.topic.name, 3)
    return place


def _produce(place: Place, where: str, *, goal: float) -> list[Figure]:
    raw, typed, trusted = _alternate(
        lambda: raw_produce(place),
        lambda: typed_produce(place),
        lambda: typed_produce(place, validate=False),
    )
    note = f"bare client {raw:,.0f}/s, ours {typed:,.0f}/s, ours unvalidated {trusted:,.0f}/s"
    ratio = typed / raw
    return [
        Figure(
            f"typed, validated produce against the bare client, {where}",
            ratio,
            "times",
            f"at least {goal}",
            ratio >= goal,
            note,
        )
    ]


def _consume(place: Place) -> list[Figure]:
    count = RECORDS
    raw, plain, in_loop = _alternate(
        lambda: raw_consume(place, count),
        lambda: typed_consume(place, count, is_async=False),
        lambda: typed_consume(place, count, is_async=True),
    )
    note = (
        f"bare consume(500) and decode {raw:,.0f}/s, plain handler {plain:,.0f}/s, async handler "
        f"{in_loop:,.0f}/s; the goal is set against aiokafka, which is not installed here"
    )
    return [
        Figure("plain no-op handler, one real broker", plain, "records/s", None, None, note),
        Figure("async no-op handler, one real broker", in_loop, "records/s", None, None, ""),
        Figure("plain no-op handler against bare consume and decode", plain / raw, "times"),
    ]


def _single(place: Place) -> list[Figure]:
    raw_singles(place)
    bare, ours = raw_singles(place), typed_singles(place)
    ratio = _percentile(ours, 0.99) / _percentile(bare, 0.99)
    note = (
        f"p50 {_percentile(ours, 0.5) * 1000:.2f} ms and p99 {_percentile(ours, 0.99) * 1000:.2f} "
        f"ms; bare produce and poll {_percentile(bare, 0.5) * 1000:.2f} and "
        f"{_percentile(bare, 0.99) * 1000:.2f} ms"
    )
    return [
        Figure(
            "one awaited record at a time, p99 against a bare produce and poll, the mock",
            ratio,
            "times",
            "at most 4",
            ratio <= 4,
            note,
        )
    ]
