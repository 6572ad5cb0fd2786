from __future__ import annotations

import subprocess
import sys
import threading
import urllib.request
from typing import TYPE_CHECKING
from urllib.error import HTTPError

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from tests.sdk.notes import Note, reading, until, world
from tests.sdk.running import running
from tests.sdk.talks import PROMPT, Question, talk, told

from learnflow_kafka.core.catalog import Retries
from learnflow_kafka.errors import EventError, NoReplyError
from learnflow_kafka.sdk import App, Asker, Producer, Settings
from learnflow_kafka.sdk.metrics import Metrics
from learnflow_kafka.testing import mock as mock_kafka

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sdk.notes import World

    from learnflow_kafka.testing import MockKafka


@pytest.fixture
def mock() -> Iterator[MockKafka]:
    """A mock cluster of one broker."""
    with mock_kafka.started() as cluster:
        cluster.fast_rebalance()
        yield cluster


@pytest.fixture
def place(mock: MockKafka) -> World:
    """A world whose topics exist on the mock; an event is tried twice."""
    made = world(retries=Retries(attempts=1, backoff_ms=10))
    for topic in made.topics:
        mock.create(topic)
    return made


def settings_of(metrics: Metrics) -> Settings:
    return Settings(linger_ms=0, extra=PROMPT.extra, observers=(metrics,))


def scraped(port: int | None) -> dict[str, float]:
    """What a scrape finds: names with their labels, in the order of the labels' names."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    return {
        sample.name + "".join(f" {k}={v}" for k, v in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith(("_created", "_bucket"))
    }


def test_what_happens_to_events_is_counted(mock: MockKafka, place: World) -> None:
    """Written, handled, failed, tried again and given up: at `/metrics`, beside the health."""
    metrics = Metrics()
    settings = settings_of(metrics)
    app = App("reader", place.contract, bootstrap=mock.bootstrap, settings=settings, health_port=0)

    @app.on(place.notes)
    def handle(note: Note) -> None:
        if note.text == "bad":
            raise ValueError(note.text)

    with (
        running(app),
        Producer("writer", place.contract, bootstrap=mock.bootstrap, settings=settings) as producer,
    ):
        for text in ("good", "good", "bad"):
            producer.send(place.notes, Note(student="ada", number=1, text=text))
        with pytest.raises(EventError):
            producer.send(place.notes, Note(student="ada", number="x"))  # type: ignore[arg-type]
        with reading(mock.bootstrap, place.dead_letters) as read:
            read(1)
        until(lambda: scraped(app.health_port).get("learnflow_service_ready service=reader") == 1)
        lag = f"learnflow_partition_lag group={place.subscription.group} partition=0"
        until(lambda: scraped(app.health_port).get(f"{lag} topic={place.notes.name}") == 0)
        found = scraped(app.health_port)
    topic = place.notes.name
    where = f"group={place.subscription.group}"

    assert found[f"learnflow_events_produced_total topic={topic}"] == 3
    assert found[f"learnflow_events_unwritten_total topic={topic}"] == 1
    assert found[f"learnflow_events_consumed_total {where} topic={topic}"] == 2
    assert found[f"learnflow_events_failed_total error=ValueError {where} topic={topic}"] == 2
    assert found[f"learnflow_events_retried_total {where} topic={topic}"] == 1
    dead = f"learnflow_events_dead_lettered_total {where} reason=retries exhausted topic={topic}"
    assert found[dead] == 1
    assert found[f"learnflow_handler_seconds_count {where} topic={topic}"] == 4
    assert found["learnflow_service_live service=reader"] == 1


def test_lag_and_progress_are_told_for_each_partition(mock: MockKafka, place: World) -> None:
    """While a handler hangs, its partition's lag and the age of its last progress grow."""
    metrics = Metrics()
    app = App(
        "reader", place.contract, bootstrap=mock.bootstrap, settings=settings_of(metrics),
        health_port=0,
    )  # fmt: skip
    go_on = threading.Event()
    app.on(place.notes)(lambda note: go_on.wait(60))
    where = f"group={place.subscription.group} partition=0 topic={place.notes.name}"
    with running(app), Producer("writer", place.contract, bootstrap=mock.bootstrap) as producer:
        for number in range(3):
            producer.send(place.notes, Note(student="ada", number=number))
        until(lambda: scraped(app.health_port).get(f"learnflow_partition_lag {where}") == 3)
        age = f"learnflow_partition_progress_age_seconds {where}"
        until(lambda: scraped(app.health_port)[age] > 0.5)
        waiting = scraped(app.health_port)[f"learnflow_events_in_flight {where}"]
        go_on.set()
        until(lambda: scraped(app.health_port)[f"learnflow_partition_lag {where}"] == 0)
        until(lambda: scraped(app.health_port)[age] == 0)

    assert waiting == 3


def test_asks_are_counted(mock: MockKafka) -> None:
    """Those that wait, were answered and timed out, in a registry of the user's."""
    place = talk()
    for topic in place.topics:
        mock.create(topic)
    registry = CollectorRegistry()
    settings = settings_of(Metrics(registry))
    asker = Asker(
        "asker", place.contract, place.exchange, bootstrap=mock.bootstrap, settings=settings
    )
    name = place.questions.name
    with asker:
        with place.answering(mock.bootstrap, told):
            asker.ask(Question(id="q1"), timeout=60)
        with pytest.raises(NoReplyError):
            asker.ask(Question(id="q2"), timeout=0.1)

    def value(metric: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"learnflow_{metric}", {"topic": name, **labels})

    assert value("asks_total", outcome="answered") == 1
    assert value("asks_total", outcome="timed_out") == 1
    assert value("asks_pending") == 0
    assert value("asks_stray_replies_total", kind="late") == 0
    assert value("ask_seconds_count") == 2
    assert value("events_produced_total") == 2


@pytest.mark.parametrize(
    "metrics", [(), (Metrics(CollectorRegistry()),)], ids=["none", "elsewhere"]
)
def test_there_is_no_page_without_numbers(
    mock: MockKafka, place: World, metrics: tuple[Metrics, ...]
) -> None:
    """Without metrics, or with a registry of the user's, the health server has no such page."""
    settings = Settings(extra=PROMPT.extra, observers=metrics)
    app = App("reader", place.contract, bootstrap=mock.bootstrap, settings=settings, health_port=0)
    app.on(place.notes)(lambda note: None)
    with running(app):
        until(lambda: app.health_port)
        with pytest.raises(HTTPError) as raised:
            scraped(app.health_port)
        raised.value.close()

    assert raised.value.code == 404


def test_without_the_extra_the_install_line_is_named() -> None:
    """Only who asks for metrics needs the Prometheus client, and is told how to get it."""
    program = (
        "import sys; sys.modules['prometheus_client'] = None\n"
        "import learnflow_kafka.sdk\n"
        "from learnflow_kafka.errors import MissingExtraError\n"
        "try:\n    import learnflow_kafka.sdk.metrics\n"
        "except MissingExtraError as error: print(error.fix)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert done.stdout == 'pip install "learnflow-kafka[metrics]"\n', done.stderr
