from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from tests.sdk.notes import Note, create, reading, until, world
from tests.sdk.running import running
from tests.sdk.talks import PROMPT, Question, talk, told

from learnflow_kafka.cli.main import run
from learnflow_kafka.core.catalog import Ordering, Retries, RetryMode
from learnflow_kafka.core.dead_letters import OURS
from learnflow_kafka.errors import EventError, NoReplyError
from learnflow_kafka.sdk import App, AsyncAsker, Producer, Settings, poller
from learnflow_kafka.sdk.tracing import Tracing
from learnflow_kafka.testing import mock as mock_kafka

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import ReadableSpan
    from tests.sdk.notes import World
    from tests.support.clusters import LocalKafka

    from learnflow_kafka.sdk import Delivery
    from learnflow_kafka.testing import MockKafka


class Spans:
    """Where a test's spans go."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.settings = Settings(
            linger_ms=0, extra=PROMPT.extra, observers=(Tracing(self.provider),)
        )

    def all(self) -> list[ReadableSpan]:
        """What has ended, in that order."""
        return list(self._exporter.get_finished_spans())

    def names(self) -> list[str]:
        """The names of what has ended."""
        return [span.name for span in self.all()]

    def named(self, name: str) -> ReadableSpan:
        """The first span of that name."""
        return next(span for span in self.all() if span.name == name)


@pytest.fixture
def spans() -> Spans:
    """A tracer provider of this test's own."""
    return Spans()


@pytest.fixture
def mock() -> Iterator[MockKafka]:
    """A mock cluster of one broker."""
    with mock_kafka.started() as cluster:
        cluster.fast_rebalance()
        yield cluster


def on(mock: MockKafka, place: World) -> World:
    for topic in place.topics:
        mock.create(topic)
    return place


def trace_of(span: ReadableSpan) -> str:
    context = span.get_span_context()
    assert context is not None
    return f"{context.trace_id:032x}"


def below(span: ReadableSpan) -> str | None:
    """The id of the span's parent."""
    return span.parent and f"{span.parent.span_id:016x}"


def id_of(span: ReadableSpan) -> str:
    context = span.get_span_context()
    assert context is not None
    return f"{context.span_id:016x}"


def test_one_trace_from_the_sender_to_the_dead_letter_and_its_replay(
    mock: MockKafka, spans: Spans
) -> None:
    """Sent, tried, tried again from a retry topic, given up, sent back, handled: one trace."""
    retries = Retries(attempts=1, backoff_ms=50, mode=RetryMode.TOPICS)
    place = on(mock, world(retries=retries, ordering=Ordering.NONE))
    app = App("reader", place.contract, bootstrap=mock.bootstrap, settings=spans.settings)
    mended = False

    @app.on(place.notes)
    def handle(note: Note) -> None:
        if not mended:
            raise ValueError(note.text)

    with (
        running(app),
        Producer(
            "writer", place.contract, bootstrap=mock.bootstrap, settings=spans.settings
        ) as producer,
    ):
        producer.send(place.notes, Note(student="ada", number=1))
        with reading(mock.bootstrap, place.dead_letters) as read:
            [letter] = read(1)
        mended = True
        record = producer._outlets.sender(place.notes.partitioner)
        kept = [(name, value) for name, value in letter.headers() if name not in OURS]
        record.post(place.notes.name, letter.value(), letter.key(), kept).result()
        until(lambda: spans.names().count(f"process {place.notes.name}") == 3)
    found = spans.all()
    topic, retry, dead = (place.notes.name, place.subscription.retry_topics[0], place.dead_letters)

    assert sorted(spans.names()) == sorted(
        [f"send {topic}", *[f"process {topic}"] * 3, f"send {retry}", f"send {dead}"]
    )
    assert len({trace_of(span) for span in found}) == 1


def test_spans_follow_the_conventions_for_messaging(mock: MockKafka, spans: Spans) -> None:
    """Names, kinds and attributes are OpenTelemetry's; no key and no payload is among them."""
    place = on(mock, world())
    app = App("reader", place.contract, bootstrap=mock.bootstrap, settings=spans.settings)

    @app.on(place.notes)
    async def copy(note: Note) -> None:
        await app.async_producer.send(place.copies, note)

    with (
        running(app),
        Producer(
            "writer", place.contract, bootstrap=mock.bootstrap, settings=spans.settings
        ) as producer,
    ):
        producer.send(place.notes, Note(student="ada-secret", number=1, text="hush"))
        until(lambda: f"process {place.notes.name}" in spans.names())
    sent, handled, copied = (
        spans.named(f"{verb} {topic.name}")
        for verb, topic in (
            ("send", place.notes),
            ("process", place.notes),
            ("send", place.copies),
        )
    )
    attributes = dict(handled.attributes or {})
    identity = attributes.pop("messaging.message.id")

    assert (sent.kind, handled.kind, copied.kind) == (
        SpanKind.PRODUCER,
        SpanKind.CONSUMER,
        SpanKind.PRODUCER,
    )
    assert below(handled) == id_of(sent)
    assert below(copied) == id_of(handled)
    assert identity
    assert attributes == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": place.notes.name,
        "messaging.destination.partition.id": "0",
        "messaging.kafka.offset": 0,
        "messaging.consumer.group.name": place.subscription.group,
        "learnflow.attempt": 1,
    }
    assert not any("secret" in span.to_json() or "hush" in span.to_json() for span in spans.all())


def test_the_trace_goes_on_from_the_span_that_is_current(mock: MockKafka, spans: Spans) -> None:
    """An event belongs to the trace of whoever sends it."""
    place = on(mock, world())
    tracer = spans.provider.get_tracer("test")
    with (
        Producer(
            "writer", place.contract, bootstrap=mock.bootstrap, settings=spans.settings
        ) as producer,
        tracer.start_as_current_span("request") as request,
    ):
        producer.send(place.notes, Note(student="ada", number=1))
        with pytest.raises(EventError):
            producer.send(place.notes, Note(student="ada", number="one"))  # type: ignore[arg-type]
    sent, refused = (span for span in spans.all() if span.name.startswith("send"))

    assert sent.parent == refused.parent == request.get_span_context()
    assert sent.status.is_unset
    assert dict(refused.attributes or {})["error.type"] == "learnflow_kafka.errors.EventError"


def test_asking_is_a_span_around_request_and_reply(mock: MockKafka, spans: Spans) -> None:
    """The request, its handler and the reply are below it; a timeout is its error."""
    place = talk()
    for topic in place.topics:
        mock.create(topic)
    app = App("tutor", place.contract, bootstrap=mock.bootstrap, settings=spans.settings)
    app.answers(place.exchange)(told)

    async def ask() -> None:
        asker = AsyncAsker(
            "asker", place.contract, place.exchange, bootstrap=mock.bootstrap,
            settings=spans.settings,
        )  # fmt: skip
        async with asker:
            await asker.ask(Question(id="q1"), timeout=60)
            await asyncio.to_thread(app.stop)
            with pytest.raises(NoReplyError):
                await asker.ask(Question(id="q2"), timeout=0.1)

    with running(app):
        asyncio.run(ask())
    asked, answered = place.questions.name, place.answers.name
    first, second = (span for span in spans.all() if span.name == f"ask {asked}")
    names = [span.name for span in spans.all() if trace_of(span) == trace_of(first)]

    assert sorted(names) == sorted(
        [f"ask {asked}", f"send {asked}", f"process {asked}", f"send {answered}"]
    )
    assert dict(second.attributes or {})["error.type"] == "learnflow_kafka.errors.NoReplyError"


def test_an_event_without_a_trace_begins_one(mock: MockKafka, spans: Spans) -> None:
    """Whoever sends without tracing is no reason to have none, or a wrong one."""
    place = on(mock, world())
    app = App("reader", place.contract, bootstrap=mock.bootstrap, settings=spans.settings)

    @app.on(place.notes)
    def handle(note: Note, delivery: Delivery) -> None:
        assert trace.get_current_span().get_span_context().is_valid

    with running(app), Producer("writer", place.contract, bootstrap=mock.bootstrap) as producer:
        producer.send(place.notes, Note(student="ada", number=1))
        producer.send(place.notes, Note(student="ada", number=2))
        until(lambda: len(spans.all()) == 2)
    first, second = spans.all()

    assert first.parent is second.parent is None
    assert trace_of(first) != trace_of(second)


def test_empty_polls_leave_no_span(
    mock: MockKafka, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand polls that bring nothing create no span."""
    place = on(mock, world())
    polls = 0
    come_around = poller.Poller._come_around

    def counted(self: poller.Poller) -> None:
        nonlocal polls
        polls += 1
        come_around(self)

    monkeypatch.setattr(poller, "_POLL", 0.001)
    monkeypatch.setattr(poller.Poller, "_come_around", counted)
    app = App("reader", place.contract, bootstrap=mock.bootstrap, settings=spans.settings)
    app.on(place.notes)(lambda note: None)
    with running(app):
        until(lambda: app.health().ready)
        begun = polls
        until(lambda: polls > begun + 1_000)

    assert spans.all() == []


def test_without_the_extra_the_install_line_is_named() -> None:
    """Only who asks for tracing needs OpenTelemetry, and is told how to get it."""
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "import learnflow_kafka.sdk\n"
        "from learnflow_kafka.errors import MissingExtraError\n"
        "try:\n    import learnflow_kafka.sdk.tracing\n"
        "except MissingExtraError as error: print(error.fix)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert done.stdout == 'pip install "learnflow-kafka[tracing]"\n', done.stderr


@pytest.mark.kafka
def test_a_replay_goes_on_with_the_trace(kafka1: LocalKafka, spans: Spans) -> None:
    """What `learnflow dlt replay` sends back is handled in the trace that the sender began."""
    place = world(retries=Retries(attempts=0))
    create(kafka1.bootstrap, place)
    app = App("reader", place.contract, bootstrap=kafka1.bootstrap, settings=spans.settings)
    tries: list[int] = []

    @app.on(place.notes)
    def handle(note: Note) -> None:
        tries.append(note.number)
        if len(tries) == 1:
            raise ValueError(note.text)

    with (
        running(app),
        Producer(
            "writer", place.contract, bootstrap=kafka1.bootstrap, settings=spans.settings
        ) as producer,
    ):
        producer.send(place.notes, Note(student="ada", number=7))
        with reading(kafka1.bootstrap, place.dead_letters) as read:
            read(1)
        chosen = ["--topic", place.notes.name, "--bootstrap", kafka1.bootstrap, "--yes", "--json"]
        code = run(["dlt", "replay", *chosen])
        until(lambda: spans.names().count(f"process {place.notes.name}") == 2)

    assert code == 0
    assert tries == [7, 7]
    assert len({trace_of(span) for span in spans.all()}) == 1
    assert len(spans.all()) == 4
