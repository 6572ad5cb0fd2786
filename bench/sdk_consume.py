"""
Consuming with the SDK beside bare clients and FastStream: one filled topic, read from its start.

Every side reads the same records (a value of 961 bytes, a key, four headers) into the same event
class; handlers count and do nothing else. Sides take turns, each reads with a group of its own, and
the first tenth of its records does not count. aiokafka and FastStream run in an environment of
their own (see `bench.peers`), each in a process of its own.
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec
from confluent_kafka import Consumer

from bench import peers
from bench.meter import Meter
from bench.result import Figure, at_least
from bench.sdk_delivery import HEADERS, STUDENTS, alternate, mocked, query, real
from learnflow_kafka.events import LearningQuery
from learnflow_kafka.sdk import App, Producer, Settings
from learnflow_kafka.sdk.contract import Subscription
from learnflow_kafka.testing import mock as mock_kafka

if TYPE_CHECKING:
    from bench.effort import Effort
    from bench.sdk_delivery import Place

RECORDS: Final = 200_000
SLOW_RECORDS: Final = 20_000
"""For FastStream, which is slower by more than an order of magnitude."""
MOCK_RECORDS: Final = 40_000
MOCK_PARTITIONS: Final = 16
"""The mock keeps 5 MiB of a partition, and keys are not spread evenly."""


class Record(msgspec.Struct):
    """The part of a structured record that holds the event."""

    data: LearningQuery


def fill(place: Place, count: int) -> None:
    """Write so many events."""
    events = [query(student) for student in STUDENTS]
    with Producer("writer", place.contract, bootstrap=place.bootstrap) as producer:
        for number in range(count):
            producer.post(place.topic, events[number % len(events)], headers=HEADERS)


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
    decode = msgspec.json.Decoder(Record).decode
    meter = Meter(count)
    while not meter.done:
        for message in consumer.consume(500, 0.1):
            decode(message.value())
            meter.tick()
    consumer.close()
    return meter.rate


def typed_consume(place: Place, count: int, *, is_async: bool) -> float:
    """Records a second through an app whose handler counts and does nothing else."""
    group = f"{place.topic.name}.{uuid.uuid4().hex[:8]}"
    reader = replace(place.contract.service("reader"), consumes=(Subscription(place.topic, group),))
    contract = replace(place.contract, services={"reader": reader})
    app = App("reader", contract, bootstrap=place.bootstrap, settings=Settings())
    meter, last = Meter(count), threading.Event()

    def tick() -> None:
        meter.tick()
        if meter.done:
            last.set()

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
    last.wait()
    app.stop()
    thread.join()
    return meter.rate


def run(effort: Effort) -> list[Figure]:
    """Measure on a real broker, then on the mock."""
    with real("bench-consume") as place:
        fill(place, effort.of(RECORDS))
        figures = _real(place, effort)
    with mock_kafka.started() as mock:
        place = mocked(mock, partitions=MOCK_PARTITIONS)
        fill(place, effort.of(MOCK_RECORDS))
        return [*figures, *_mock(place, effort)]


def _real(place: Place, effort: Effort) -> list[Figure]:
    count, few = effort.of(RECORDS), effort.of(SLOW_RECORDS)
    where = (place.bootstrap, place.topic.name)
    missing = ""
    sides = [
        lambda: raw_consume(place, count),
        lambda: typed_consume(place, count, is_async=False),
        lambda: typed_consume(place, count, is_async=True),
    ]
    try:
        peers.environment()
        sides.append(lambda: peers.consume("aiokafka", *where, count))
        sides.append(lambda: peers.consume("faststream", *where, few))
    except peers.PeersMissingError as error:
        missing = f"; aiokafka and FastStream were not measured: {error}"
    raw, plain, in_loop, *others = alternate(effort, *sides)
    note = (
        f"plain handler {plain:,.0f}/s, async handler {in_loop:,.0f}/s, bare confluent-kafka "
        f"consume(500) and decode {raw:,.0f}/s"
    )
    figures = [
        Figure("plain no-op handler, one real broker", plain, "records/s", note=note + missing),
        Figure("async no-op handler, one real broker", in_loop, "records/s"),
        Figure("plain no-op handler against confluent-kafka's bare consume", plain / raw, "times"),
    ]
    if others:
        aiokafka, faststream = others
        figures += [
            at_least(
                "plain no-op handler against aiokafka's bare getmany", plain / aiokafka, "times",
                0.6, f"getmany(500) and decode {aiokafka:,.0f}/s",
            ),
            at_least(
                "plain no-op handler against FastStream's confluent subscriber",
                plain / faststream, "times", 20,
                f"{faststream:,.0f}/s with a msgspec type, without its log lines",
            ),
        ]  # fmt: skip
    return figures


def _mock(place: Place, effort: Effort) -> list[Figure]:
    count = effort.of(MOCK_RECORDS)
    raw, plain, in_loop = alternate(
        effort,
        lambda: raw_consume(place, count),
        lambda: typed_consume(place, count, is_async=False),
        lambda: typed_consume(place, count, is_async=True),
    )
    note = f"bare consume(500) and decode {raw:,.0f}/s; here"
    return [
        at_least(
            "plain no-op handler against bare consume and decode, the mock", plain / raw, "times",
            0.4, f"{note} {plain:,.0f}/s (aimed at: 150,000 where the bare client has 376,000)",
        ),
        at_least(
            "async no-op handler against bare consume and decode, the mock", in_loop / raw,
            "times", 0.16,
            f"{note} {in_loop:,.0f}/s (aimed at: 60,000 where the bare client has 376,000)",
        ),
    ]  # fmt: skip
