from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import pytest
from confluent_kafka import Consumer
from confluent_kafka import Producer as RawProducer
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from prometheus_client import CollectorRegistry
from tests.sdk.notes import reading, until
from tests.sdk.running import running
from tests.sdk.talks import PROMPT, Answer, Question, talk, told, told_later

from learnflow_kafka.core.catalog import Guarantee
from learnflow_kafka.errors import (
    ClosedError,
    ContractError,
    EventError,
    ForkedError,
    LearnflowError,
    NoReplyError,
    RemoteError,
    UsageError,
)
from learnflow_kafka.sdk import App, Asker, AsyncAsker, Reject, replies
from learnflow_kafka.sdk.metrics import Metrics
from learnflow_kafka.testing import mock as mock_kafka

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sdk.talks import Talk
    from tests.support.clusters import LocalKafka

    from learnflow_kafka.sdk import Delivery
    from learnflow_kafka.testing import MockKafka


@pytest.fixture
def mock() -> Iterator[MockKafka]:
    """A mock cluster of one broker."""
    with mock_kafka.started() as cluster:
        cluster.fast_rebalance()
        yield cluster


@pytest.fixture
def place(mock: MockKafka) -> Talk:
    """A platform whose topics exist on the mock."""
    made = talk()
    for topic in made.topics:
        mock.create(topic, partitions=3)
    return made


def asker_of(bootstrap: str, place: Talk) -> Asker[Question, Answer]:
    return Asker("asker", place.contract, place.exchange, bootstrap=bootstrap, settings=PROMPT)


def async_asker_of(bootstrap: str, place: Talk) -> AsyncAsker[Question, Answer]:
    return AsyncAsker("asker", place.contract, place.exchange, bootstrap=bootstrap, settings=PROMPT)


def test_a_thread_asks_and_a_plain_handler_answers(mock: MockKafka, place: Talk) -> None:
    """What the handler returns is the reply."""
    with place.answering(mock.bootstrap, told), asker_of(mock.bootstrap, place) as asker:
        answer = asker.ask(Question(id="q1", text="why?"), timeout=60)

    assert answer == Answer(id="q1", text="You said: why?")
    assert asker.counts.answered == 1


@pytest.mark.parametrize("timeout", [None, "5", float("nan"), float("inf")], ids=repr)
def test_an_ask_has_a_timeout(mock: MockKafka, place: Talk, timeout: Any) -> None:
    """A reply may never come, so nobody can wait for one without a limit."""
    with (
        asker_of(mock.bootstrap, place) as asker,
        pytest.raises(UsageError, match="number of seconds"),
    ):
        asker.ask(Question(id="q1"), timeout=timeout)
    asynchronous = async_asker_of(mock.bootstrap, place)
    with pytest.raises(UsageError, match="number of seconds"):
        asyncio.run(asynchronous.ask(Question(id="q1"), timeout=timeout))
    asyncio.run(asynchronous.close())


def test_a_task_asks_and_an_async_handler_answers(mock: MockKafka, place: Talk) -> None:
    """The same in asyncio, on both sides; a hundred at a time."""
    app = place.app(mock.bootstrap)
    app.answers(place.exchange)(told_later)

    async def ask() -> list[Answer]:
        async with async_asker_of(mock.bootstrap, place) as asker:
            asked = [asker.ask(Question(id=f"q{n}"), timeout=60) for n in range(100)]
            return await asyncio.gather(*asked)

    with running(app):
        answers = asyncio.run(ask())

    assert answers == [Answer(id=f"q{n}", text="try 1") for n in range(100)]


def test_a_handler_may_keep_silent(mock: MockKafka, place: Talk) -> None:
    """For None nothing is written: somebody else may answer."""
    app = place.app(mock.bootstrap)

    @app.answers(place.exchange)
    def answer(question: Question) -> Answer | None:
        return None if question.text == "silence" else told(question)

    with running(app), asker_of(mock.bootstrap, place) as asker:
        asker.ask(Question(id="q1", text="noise"), timeout=60)
        with pytest.raises(NoReplyError):
            asker.ask(Question(id="q2", text="silence"), timeout=0.2)


def test_a_reply_that_nobody_awaits_stops_the_service(mock: MockKafka, place: Talk) -> None:
    """A plain handler that returns a coroutine has not replied: the request is not committed."""
    app = place.app(mock.bootstrap)

    async def told_soon(question: Question) -> Answer:
        return told(question)

    app.answers(place.exchange)(lambda question: told_soon(question))  # noqa: PLW0108 - the case
    with running(app) as raised, asker_of(mock.bootstrap, place) as asker:
        with pytest.raises(NoReplyError):
            asker.ask(Question(id="q1"), timeout=2)
        until(lambda: raised)

    assert "returned a coroutine" in str(raised[0])


class Stranger:
    """A responder that knows nothing of us: it reads JSON, and writes JSON without any header."""

    def __init__(self, bootstrap: str, place: Talk, *, times: int = 1) -> None:
        self._place, self._times = place, times
        settings = {"bootstrap.servers": bootstrap, "fetch.wait.max.ms": 1}
        self._producer = RawProducer({"bootstrap.servers": bootstrap, "linger.ms": 0})
        self._consumer = Consumer(
            {**settings, "group.id": "stranger", "auto.offset.reset": "earliest"}
        )
        self._stop = threading.Event()
        self.hold = threading.Event()
        """Cleared, it reads and does not answer."""
        self.hold.set()
        self.seen = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def _run(self) -> None:
        self._consumer.subscribe([self._place.questions.name])
        while not self._stop.is_set():
            message = self._consumer.poll(0.05)
            if message is None or message.error() is not None:
                continue
            self.seen.set()
            self.hold.wait(60)
            asked = json.loads(message.value())["data"]
            reply = json.dumps({"id": asked["id"], "student": "ada", "text": "hm"}).encode()
            for _ in range(self._times):
                self._producer.produce(self._place.answers.name, reply)
            self._producer.flush(30)


def test_who_answers_needs_to_know_nothing(mock: MockKafka, place: Talk) -> None:
    """Bare JSON without headers is the reply: the catalog's field says whose."""
    with Stranger(mock.bootstrap, place), asker_of(mock.bootstrap, place) as asker:
        answer = asker.ask(Question(id="q1"), timeout=60)

    assert answer.text == "hm"


def test_a_repeated_reply_is_ignored(mock: MockKafka, place: Talk) -> None:
    """At least once means that a reply may come again; it is counted and harms nobody."""
    with Stranger(mock.bootstrap, place, times=2), asker_of(mock.bootstrap, place) as asker:
        first = asker.ask(Question(id="q1"), timeout=60)
        second = asker.ask(Question(id="q2"), timeout=60)
        until(lambda: asker.counts.repeated == 2)

    assert (first.id, second.id) == ("q1", "q2")
    assert asker.counts.answered == 2


def test_a_late_reply_is_counted(
    mock: MockKafka, place: Talk, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody waits any more: that is a number, and no line in the log."""
    with Stranger(mock.bootstrap, place) as stranger, asker_of(mock.bootstrap, place) as asker:
        stranger.hold.clear()
        with caplog.at_level(logging.INFO):
            errors = list(unanswered(asker))
            stranger.hold.set()
            until(lambda: asker.counts.late == len(errors))
    counts = asker.counts

    assert "the request was written" in str(errors[-1])
    assert (counts.timed_out, counts.answered, counts.pending) == (len(errors), 0, 0)
    assert not [r for r in caplog.records if "CONFWARN" not in r.getMessage()]


def unanswered(asker: Asker[Question, Answer]) -> Iterator[NoReplyError]:
    """What asks end with whose time is up, until one of them was acknowledged in its time."""
    for number, seconds in enumerate((0.2, 1, 5, 60)):
        with pytest.raises(NoReplyError) as raised:
            asker.ask(Question(id=f"q{number}"), timeout=seconds)
        yield raised.value
        if raised.value.sent:
            return


def test_a_refusal_arrives_as_an_error(mock: MockKafka, place: Talk) -> None:
    """The dead letter of whoever gave the request up is the error, with its class and service."""

    def refuse(question: Question) -> Answer:
        raise Reject(f"nobody answers {question.text}")

    with (
        place.answering(mock.bootstrap, refuse),
        asker_of(mock.bootstrap, place) as asker,
        pytest.raises(RemoteError) as raised,
    ):
        asker.ask(Question(id="q1", text="that"), timeout=60)
    error = raised.value

    assert error.kind == "learnflow_kafka.sdk.failures.Reject"
    assert (error.reason, error.attempts, error.service) == ("rejected", 1, "tutor")
    assert "nobody answers that" in str(error)
    assert asker.counts.failed == 1


def test_a_failure_arrives_after_its_retries(mock: MockKafka, place: Talk) -> None:
    """Others are still tried as often as the catalog says; a reply to something else is one."""

    def answer(question: Question) -> Answer:
        return Answer(id="of somebody else", student=question.student)

    async def ask() -> None:
        async with async_asker_of(mock.bootstrap, place) as asker:
            await asker.ask(Question(id="q1"), timeout=60)

    with place.answering(mock.bootstrap, answer), pytest.raises(RemoteError) as raised:
        asyncio.run(ask())

    assert raised.value.kind == "learnflow_kafka.errors.EventError"
    assert raised.value.attempts == 3


def test_requests_with_one_id_are_told_apart(mock: MockKafka, place: Talk) -> None:
    """Two clients chose the same id: our responder repeats a header that no two share."""
    both = threading.Barrier(2, timeout=60)
    answers: dict[str, str] = {}

    def ask(text: str) -> None:
        with asker_of(mock.bootstrap, place) as asker:
            both.wait()
            answers[text] = asker.ask(Question(id="same", text=text), timeout=60).text

    with place.answering(mock.bootstrap, told):
        threads = [threading.Thread(target=ask, args=(text,)) for text in ("one", "two")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert answers == {"one": "You said: one", "two": "You said: two"}


def test_an_id_waits_once(mock: MockKafka, place: Talk) -> None:
    """A reply could be either's, so the second ask with an id that waits is refused."""

    async def ask() -> tuple[object, object]:
        async with async_asker_of(mock.bootstrap, place) as asker:
            await asyncio.to_thread(until, asker._line.replies.listening.is_set)
            asks = [asker.ask(Question(id="q"), timeout=0.5) for _ in range(2)]
            first, second = await asyncio.gather(*asks, return_exceptions=True)
            return first, second

    first, second = asyncio.run(ask())

    assert isinstance(first, NoReplyError)
    assert isinstance(second, EventError)


def test_a_timeout_says_what_could_not_be_heard(mock: MockKafka) -> None:
    """Without the responder's dead letters its failure is a timeout, which says so."""
    place = talk()
    for topic in (place.questions.name, place.answers.name):
        mock.create(topic)
    with asker_of(mock.bootstrap, place) as asker:
        until(asker._line.replies.listening.is_set)
        with pytest.raises(NoReplyError) as raised:
            asker.ask(Question(id="q1"), timeout=0.1)

    assert f"not heard (topic {place.dead_letters} does not exist" in str(raised.value)


@pytest.mark.parametrize("face", ["plain", "async"])
def test_nothing_is_asked_while_no_reply_could_be_read(face: str) -> None:
    """Without its reply topic a request never leaves; with it, the next one does."""
    made = talk()
    with mock_kafka.started() as mock:
        mock.fast_rebalance()
        mock.create(made.questions.name)
        mock.create(made.dead_letters)
        outcome = asyncio.run(_refused_then_asked(mock, made, face))

    assert not outcome[0].sent
    assert "does not exist" in str(outcome[0])
    assert outcome[1] == ["second"]


async def _refused_then_asked(
    mock: MockKafka, place: Talk, face: str
) -> tuple[NoReplyError, list[str]]:
    heard: list[str] = []

    def hear(question: Question) -> Answer:
        heard.append(question.id)
        return told(question)

    plain, later = asker_of(mock.bootstrap, place), async_asker_of(mock.bootstrap, place)

    async def ask(question: Question, seconds: float) -> object:
        if face == "plain":
            return await asyncio.to_thread(plain.ask, question, timeout=seconds)
        return await later.ask(question, timeout=seconds)

    line = (plain if face == "plain" else later)._line
    line.start()
    await asyncio.to_thread(until, lambda: line.replies.trouble)
    with pytest.raises(NoReplyError) as raised:
        await ask(Question(id="first"), 0.1)
    mock.create(place.answers.name)
    app = place.app(mock.bootstrap)
    app.answers(place.exchange)(hear)
    with running(app):
        await ask(Question(id="second"), 60)
        plain.close()
        await later.close()
    return raised.value, heard


def test_closing_ends_every_wait(mock: MockKafka, place: Talk) -> None:
    """Who waits for a reply is told that the asker was closed, and so is who asks later."""
    asker = asker_of(mock.bootstrap, place)
    ended: list[LearnflowError] = []

    def ask(number: int) -> None:
        try:
            asker.ask(Question(id=f"q{number}"), timeout=60)
        except LearnflowError as error:
            ended.append(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: asker.counts.pending == 3)
    asker.close()
    for thread in threads:
        thread.join(60)
    with pytest.raises(ClosedError):
        asker.ask(Question(id="after"))

    assert [type(error) for error in ended] == [ClosedError] * 3
    assert asker.counts.failed == 3


def test_a_cancelled_ask_waits_no_more(mock: MockKafka, place: Talk) -> None:
    """Cancelling the task that asks leaves nothing behind."""

    async def ask() -> int:
        async with async_asker_of(mock.bootstrap, place) as asker:
            task = asyncio.create_task(asker.ask(Question(id="q"), timeout=60))
            await asyncio.to_thread(until, lambda: asker.counts.pending)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return asker.counts.pending

    assert asyncio.run(ask()) == 0


def test_asking_needs_both_directions(place: Talk) -> None:
    """Who may not write requests, or not read replies, learns the catalog's line at once."""
    app = App("asker", place.contract, bootstrap="127.0.0.1:1")
    with pytest.raises(ContractError, match=r"talk.yaml:5.*does not produce"):
        Asker("tutor", place.contract, place.exchange, bootstrap="127.0.0.1:1")
    with pytest.raises(ContractError, match=r"talk.yaml:5.*does not produce"):
        app.answers(place.exchange)


def test_a_forked_child_cannot_ask(mock: MockKafka, place: Talk) -> None:
    """The thread that would hear the reply lives in the parent: an error at once, and no hang."""
    with place.answering(mock.bootstrap, told), asker_of(mock.bootstrap, place) as asker:
        asker.ask(Question(id="q1"), timeout=60)
        child = os.fork()
        if child == 0:  # pragma: no cover - another process
            code = 1
            try:
                asker.ask(Question(id="q2"), timeout=60)
            except ForkedError:
                asker.close()
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)

    assert status == 0


@pytest.mark.kafka
def test_clients_that_share_a_reply_topic_get_their_own(kafka1: LocalKafka) -> None:
    """A thousand asks at once from three clients on a real broker: each its own reply."""
    place = talk(concurrency=8)
    place.create(kafka1.bootstrap)

    async def ask(client: int, asker: AsyncAsker[Question, Answer]) -> list[tuple[str, str]]:
        asked = [
            Question(id=f"{client}-{n}", student=f"s{n % 50}", text=f"{client}:{n}")
            for n in range(334)
        ]
        answers = await asyncio.gather(*(asker.ask(question, timeout=100) for question in asked))
        return [(q.text, a.text) for q, a in zip(asked, answers, strict=True)]

    async def ask_all() -> tuple[list[tuple[str, str]], Counter[str]]:
        askers = [async_asker_of(kafka1.bootstrap, place) for _ in range(3)]
        pairs = await asyncio.gather(*(ask(n, a) for n, a in enumerate(askers)))
        counts: Counter[str] = Counter()
        for asker in askers:
            await asker.close()
            counts["answered"] += asker.counts.answered
            counts["strays"] += asker.counts.late + asker.counts.repeated
        return [pair for part in pairs for pair in part], counts

    with place.answering(kafka1.bootstrap, told):
        pairs, counts = asyncio.run(ask_all())

    assert len(pairs) == 1_002
    assert [answer for _, answer in pairs] == [f"You said: {asked}" for asked, _ in pairs]
    assert counts == {"answered": 1_002, "strays": 0}


@pytest.mark.kafka
def test_replies_on_new_partitions_are_read(
    kafka1: LocalKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reply topic may get partitions while somebody asks, and its dead letters may be missing."""
    monkeypatch.setattr(replies, "_LOOK", 0.2)
    place = talk()
    admin = AdminClient({"bootstrap.servers": kafka1.bootstrap})
    for topic in (place.questions, place.answers):
        admin.create_topics([NewTopic(topic.name, 1, 1)])[topic.name].result(30)
    raw = RawProducer({"bootstrap.servers": kafka1.bootstrap, "linger.ms": 0})

    def reply(asker: Asker[Question, Answer]) -> None:
        until(lambda: asker.counts.pending == 1)
        admin.create_partitions([NewPartitions(place.answers.name, 3)])[place.answers.name].result()
        until(
            lambda: (
                len(admin.list_topics(place.answers.name, 30).topics[place.answers.name].partitions)
                == 3
            )
        )
        text = json.dumps({"id": "q1", "text": "from a new partition"}).encode()
        raw.produce(place.answers.name, text, partition=2)
        raw.flush(60)

    with asker_of(kafka1.bootstrap, place) as asker:
        replying = threading.Thread(target=reply, args=(asker,))
        replying.start()
        answer = asker.ask(Question(id="q1"), timeout=100)
        replying.join()

    assert answer.text == "from a new partition"


@pytest.mark.kafka
def test_a_reply_may_be_written_exactly_once(kafka1: LocalKafka) -> None:
    """Where requests are handled exactly once, the reply is in the transaction of its request."""
    place = talk(guarantee=Guarantee.EXACTLY_ONCE)
    place.create(kafka1.bootstrap)
    metrics = Metrics(CollectorRegistry())
    settings = replace(PROMPT, observers=(metrics,))
    app = App("tutor", place.contract, bootstrap=kafka1.bootstrap, settings=settings)
    tries: list[str] = []

    @app.answers(place.exchange)
    def answer(question: Question, delivery: Delivery) -> Answer:
        tries.append(question.id)
        assert delivery.exactly_once
        if len(tries) == 1:
            raise ValueError(question.id)
        return told(question)

    with running(app), asker_of(kafka1.bootstrap, place) as asker:
        answers = [asker.ask(Question(id=f"q{n}"), timeout=60) for n in range(3)]
    with reading(kafka1.bootstrap, place.answers.name) as read:
        records = read(3)
    name = "learnflow_events_produced_total"
    written = metrics.registry.get_sample_value(name, {"topic": place.answers.name})

    assert [a.id for a in answers] == ["q0", "q1", "q2"]
    assert tries == ["q0", "q0", "q1", "q2"]
    assert (len(records), written) == (3, 3)
