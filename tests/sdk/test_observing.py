from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaError
from tests.sdk.notes import Note, World, world
from tests.sdk.talks import Question, talk

from learnflow_kafka.errors import BacklogError, ClosedError, DeliveryError, EventError
from learnflow_kafka.sdk import Asker, AsyncProducer, Producer, Settings
from learnflow_kafka.sdk.observing import Observer, Sending
from learnflow_kafka.sdk.producer import Room
from learnflow_kafka.testing import Api
from learnflow_kafka.testing import mock as mock_kafka

if TYPE_CHECKING:
    from collections.abc import Iterator

    from learnflow_kafka.sdk.contract import AnyTopic
    from learnflow_kafka.testing import MockKafka


class Ledger(Observer):
    """Writes down how each event that was begun ended."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended: list[str] = []

    def sending(self, topic: AnyTopic) -> Sending:
        """One more begins."""
        self.begun += 1
        return Line(self)


class Line(Sending):
    """One event of a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def settled(self, error: BaseException | None) -> None:
        """It ended."""
        self._ledger.ended.append("written" if error is None else type(error).__name__)


@pytest.fixture
def mock() -> Iterator[MockKafka]:
    """A mock cluster of one broker."""
    with mock_kafka.started() as cluster:
        cluster.fast_rebalance()
        yield cluster


@pytest.fixture
def place(mock: MockKafka) -> World:
    """A world whose topics exist on the mock."""
    made = world()
    for topic in made.topics:
        mock.create(topic)
    return made


@pytest.fixture
def ledger() -> Ledger:
    """An observer that has seen nothing yet."""
    return Ledger()


def note(number: int) -> Note:
    return Note(student="ada", number=number)


def test_whatever_becomes_of_an_event_its_observers_hear_once(
    mock: MockKafka, place: World, ledger: Ledger
) -> None:
    """Written, misfit, refused by the broker, sent after the end: each has one ending."""
    settings = Settings(linger_ms=0, observers=(ledger,))
    producer = Producer("writer", place.contract, bootstrap=mock.bootstrap, settings=settings)
    with producer:
        producer.send(place.notes, note(1))
        with pytest.raises(EventError):
            producer.post(place.notes, Note(student="ada", number="x"))  # type: ignore[arg-type]
        mock.answer(Api.PRODUCE, KafkaError.MSG_SIZE_TOO_LARGE)
        with pytest.raises(DeliveryError):
            producer.send(place.notes, note(2))
    with pytest.raises(ClosedError):
        producer.post(place.notes, note(3))

    assert ledger.begun == 4
    assert ledger.ended == ["written", "EventError", "DeliveryError", "ClosedError"]


def test_a_full_queue_is_heard_of(mock: MockKafka, place: World, ledger: Ledger) -> None:
    """What found no room was never queued, and has ended all the same."""
    settings = Settings(linger_ms=0, queue_records=1, observers=(ledger,))
    mock.down()

    async def fill(producer: AsyncProducer) -> None:
        producer._room = Room(timeout=0.05)
        for number in range(100):
            await producer.post(place.notes, note(number))

    async def run() -> None:
        producer = AsyncProducer(
            "writer", place.contract, bootstrap=mock.bootstrap, settings=settings
        )
        with pytest.raises(BacklogError):
            await fill(producer)
        mock.up()
        await producer.close(60)

    asyncio.run(run())

    assert ledger.ended[0] == "BacklogError"
    assert ledger.ended[1:] == ["written"] * (ledger.begun - 1)


def test_a_second_ask_with_one_id_has_an_ending(mock: MockKafka, ledger: Ledger) -> None:
    """The request that was not sent ends as refused."""
    place = talk()
    for topic in place.topics:
        mock.create(topic)
    settings = Settings(linger_ms=0, observers=(ledger,))
    asker = Asker(
        "asker", place.contract, place.exchange, bootstrap=mock.bootstrap, settings=settings
    )
    with asker:
        asker._line.pending.open("other", "q1", lambda _: None)
        with pytest.raises(EventError):
            asker.ask(Question(id="q1"), timeout=60)

    assert (ledger.begun, ledger.ended) == (1, ["EventError"])
