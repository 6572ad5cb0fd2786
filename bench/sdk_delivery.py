"""
Producing with the SDK beside the bare client it stands on: many records, one awaited, a full queue.

Every side moves the same thing: a value of 961 bytes, a key and four headers, acks=all,
idempotent, linger 5 ms (0 for single records), each record's fate known. Sides alternate within
one run, so that a noisy machine hurts them alike; figures are medians.
"""

from __future__ import annotations

import contextlib
import statistics
import time
import uuid
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import psutil
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from tests.support import clusters

from bench.result import Figure, at_least
from learnflow_kafka.core.local import Mode
from learnflow_kafka.events import CONTRACT, LEARNING_QUERY, LearningQuery
from learnflow_kafka.sdk import AsyncProducer, Settings, Topic
from learnflow_kafka.sdk import Producer as TypedProducer
from learnflow_kafka.sdk.codec import Writer
from learnflow_kafka.sdk.contract import Contract, Service, Subscription
from learnflow_kafka.testing import mock as mock_kafka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.effort import Effort
    from learnflow_kafka.sdk.receipt import Receipt

SIZE: Final = 961
RECORDS: Final = 100_000
SINGLES: Final = 2_000
PILE: Final = 1_000_000
"""Records that go through a queue of QUEUE."""
QUEUE: Final = 1_000
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


def raw_produce(place: Place, count: int) -> float:
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


def typed_produce(place: Place, count: int, *, validate: bool = True) -> float:
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


def raw_singles(place: Place, count: int) -> list[float]:
    """Seconds from produce to callback, one record at a time, linger 0."""
    producer = Producer(
        {"bootstrap.servers": place.bootstrap, "enable.idempotence": True, "linger.ms": 0}
    )
    record = Writer(place.topic, "/learnflow/gateway").write(query(STUDENTS[0]))
    taken = []
    for _ in range(count + 1):
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


def typed_singles(place: Place, count: int) -> list[float]:
    """The same through `await producer.send`."""
    import asyncio  # noqa: PLC0415 - for this one alone

    async def run() -> list[float]:
        settings = Settings(linger_ms=0)
        taken = []
        async with AsyncProducer(
            "writer", place.contract, bootstrap=place.bootstrap, settings=settings
        ) as producer:
            event = query(STUDENTS[0])
            for _ in range(count + 1):
                start = time.perf_counter()
                await producer.send(place.topic, event, headers=HEADERS)
                taken.append(time.perf_counter() - start)
        return taken[1:]

    return asyncio.run(run())


@dataclass(frozen=True, slots=True)
class Pile:
    """What became of many records that went through a small queue."""

    acknowledged: int
    out_of_order: int
    grown_mb: float
    rate: float


def pile(place: Place, count: int) -> Pile:
    """Records posted as fast as they are taken, with a queue far smaller than their number."""
    me = psutil.Process()
    before = most = me.memory_info().rss
    acknowledged = out_of_order = 0
    last: dict[int, tuple[int, int]] = {}

    def settled(number: int, receipt: Receipt) -> None:
        nonlocal acknowledged, out_of_order
        if receipt.error is not None:
            return
        written = receipt.result()
        here = (number, written.offset)
        earlier = last.get(written.partition, (-1, -1))
        acknowledged += 1
        out_of_order += here[0] <= earlier[0] or here[1] <= earlier[1]
        last[written.partition] = here

    events = [query(student) for student in STUDENTS]
    settings = Settings(queue_records=QUEUE)
    start = time.perf_counter()
    with TypedProducer(
        "writer", place.contract, bootstrap=place.bootstrap, settings=settings
    ) as producer:
        for number in range(count):
            receipt = producer.post(place.topic, events[number % len(events)])
            receipt.add_done_callback(partial(settled, number))
            if not number % 10_000:
                most = max(most, me.memory_info().rss)
        producer.flush(120)
    rate = count / (time.perf_counter() - start)
    return Pile(acknowledged, out_of_order, (most - before) / 2**20, rate)


def alternate(effort: Effort, *sides: Callable[[], float]) -> list[float]:
    """The median of each side over rounds in which they take turns."""
    found: list[list[float]] = [[] for _ in sides]
    for _ in range(effort.rounds):
        for results, side in zip(found, sides, strict=True):
            results.append(side())
    return [statistics.median(results) for results in found]


def run(effort: Effort) -> list[Figure]:
    """Measure on a real broker, then on the mock."""
    with real("bench-sdk") as place:
        figures = _produce(place, effort, "one real broker", goal=0.6)
    with mock_kafka.started() as mock:
        place = mocked(mock, partitions=3)
        figures += _produce(place, effort, "the mock", goal=0.25)
        figures += _single(place, effort)
        figures += _full_queue(place, effort)
    return figures


@contextlib.contextmanager
def real(name: str) -> Iterator[Place]:
    """A place on a real broker of its own."""
    with contextlib.contextmanager(clusters.started)(name, 1, Mode.KRAFT) as cluster:
        place = Place(cluster.bootstrap)
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
        admin.create_topics([NewTopic(place.topic.name, 3, 1)])[place.topic.name].result(30)
        yield place


def mocked(mock: mock_kafka.MockKafka, *, partitions: int) -> Place:
    """A place on the mock."""
    place = Place(mock.bootstrap)
    mock.create(place.topic.name, partitions)
    return place


def _produce(place: Place, effort: Effort, where: str, *, goal: float) -> list[Figure]:
    count = effort.of(RECORDS)
    raw, typed, trusted = alternate(
        effort,
        lambda: raw_produce(place, count),
        lambda: typed_produce(place, count),
        lambda: typed_produce(place, count, validate=False),
    )
    note = f"bare client {raw:,.0f}/s, ours {typed:,.0f}/s, ours unvalidated {trusted:,.0f}/s"
    return [
        at_least(
            f"typed, validated produce against the bare client, {where}",
            typed / raw, "times", goal, note,
        ),
        at_least(
            f"the same unvalidated, {where}", trusted / raw, "times", 0.65,
            "the event is built and encoded all the same",
        ),
    ]  # fmt: skip


def _single(place: Place, effort: Effort) -> list[Figure]:
    count = effort.of(SINGLES)
    raw_singles(place, count)
    bare, ours = raw_singles(place, count), typed_singles(place, count)
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


def _full_queue(place: Place, effort: Effort) -> list[Figure]:
    count = effort.of(PILE)
    found = pile(place, count)
    note = f"a queue of {QUEUE:,}, the mock; {found.rate:,.0f}/s"
    ordered = count - found.out_of_order
    return [
        Figure(
            f"acknowledgements of {count:,} records", found.acknowledged, "records", "all",
            found.acknowledged == count, note, count,
        ),
        Figure("of them in their order", ordered, "records", "all", ordered == count, "", count),
        Figure(
            "memory grown meanwhile", found.grown_mb, "MB", "at most 100", found.grown_mb <= 100
        ),
    ]  # fmt: skip


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]
