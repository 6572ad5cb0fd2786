from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError
from tests.sdk.notes import Note, World, until, world
from tests.sdk.running import QUICK, running

from learnflow_kafka.errors import DeliveryError, RequestError
from learnflow_kafka.sdk import App, Producer, Settings
from learnflow_kafka.testing import Api, MockKafka, mocking

FAST = Settings(linger_ms=0, delivery_timeout=30)


@pytest.fixture
def mock() -> Iterator[MockKafka]:
    """A mock cluster of one broker."""
    with mocking() as cluster:
        cluster.fast_rebalance()
        yield cluster


@pytest.fixture
def notes(mock: MockKafka) -> World:
    """A world whose topics exist on the mock."""
    made = world()
    for topic in made.topics:
        mock.create(topic)
    return made


def test_a_mock_is_there_in_a_moment():
    """Within a second: nothing is downloaded and no process is started."""
    took = []
    for _ in range(3):
        begin = time.monotonic()
        with mocking() as cluster:
            took.append(time.monotonic() - begin)
            assert cluster.bootstrap.startswith("127.0.0.1:")

    assert statistics.median(took) < 1  # one of them may be late on a busy machine


def test_a_topic_is_made_once(mock: MockKafka):
    """The second time is an error with Kafka's name."""
    mock.create("one")

    with pytest.raises(RequestError) as caught:
        mock.create("one")
    assert caught.value.code == "TOPIC_ALREADY_EXISTS"


def test_a_service_runs_on_the_mock(mock: MockKafka, notes: World):
    """What a producer sends, an app's handler gets."""
    got: list[int] = []
    app = App("reader", notes.contract, bootstrap=mock.bootstrap, settings=QUICK)
    app.on(notes.notes)(lambda note: got.append(note.number))
    with running(app), Producer("writer", notes.contract, bootstrap=mock.bootstrap) as producer:
        producer.send(notes.notes, Note(student="ada", number=7))
        until(lambda: bool(got))

    assert got == [7]


def test_an_answer_with_an_error_reaches_the_sender(mock: MockKafka, notes: World):
    """Requests are answered with the codes that were pushed, one each."""
    mock.answer(Api.PRODUCE, KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with (
        Producer("writer", notes.contract, bootstrap=mock.bootstrap, settings=FAST) as producer,
        pytest.raises(DeliveryError) as caught,
    ):
        producer.send(notes.notes, Note(student="ada", number=1))

    assert caught.value.code == "TOPIC_AUTHORIZATION_FAILED"


def test_a_broker_that_is_down_comes_back(mock: MockKafka, notes: World):
    """While it is away nothing is written; then what waited is."""
    with Producer("writer", notes.contract, bootstrap=mock.bootstrap) as producer:
        producer.send(notes.notes, Note(student="ada", number=1))
        mock.down()
        receipt = producer.post(notes.notes, Note(student="ada", number=2))
        time.sleep(0.3)
        waiting = not receipt.done()
        mock.up()

        assert receipt.result(30).offset == 1
    assert waiting


def test_a_slow_broker_answers_late(mock: MockKafka, notes: World):
    """Each answer takes the round trip that was set."""
    with Producer(
        "writer", notes.contract, bootstrap=mock.bootstrap, settings=Settings(linger_ms=0)
    ) as producer:
        producer.send(notes.notes, Note(student="ada", number=1))
        mock.round_trip(300)
        begin = time.monotonic()
        producer.send(notes.notes, Note(student="ada", number=2))

    assert time.monotonic() - begin >= 0.3
