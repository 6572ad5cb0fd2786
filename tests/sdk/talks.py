"""A small platform for tests of request and reply: questions on one topic, answers on another."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
from confluent_kafka.admin import AdminClient, NewTopic
from tests.sdk.notes import FAST, until
from tests.sdk.running import QUICK, running

from learnflow_kafka.core.catalog import Envelope, Guarantee, Ordering, Place, Retries
from learnflow_kafka.core.names import dead_letter_topic
from learnflow_kafka.sdk.app import App
from learnflow_kafka.sdk.contract import (
    Contract,
    EventType,
    Exchange,
    Service,
    Subscription,
    Topic,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from learnflow_kafka.sdk.delivery import Delivery

PROMPT = replace(QUICK, extra={**QUICK.extra, "fetch.wait.max.ms": 1})
"""The mock's broker wakes no waiting fetch, so each hop would cost the whole wait."""


class Question(msgspec.Struct, kw_only=True):
    """What a student asks."""

    id: str
    student: str = "ada"
    text: str = ""


class Answer(msgspec.Struct, kw_only=True):
    """What a student is told."""

    id: str
    student: str = "ada"
    text: str = ""


@dataclass(frozen=True)
class Talk:
    """Topics with names of their own, and the contract of `asker` and `tutor`."""

    exchange: Exchange[Question, Answer]
    contract: Contract
    dead_letters: str

    @property
    def questions(self) -> Topic[Question]:
        """Where questions go."""
        return self.exchange.request

    @property
    def answers(self) -> Topic[Answer]:
        """Where answers come."""
        return self.exchange.reply

    @property
    def topics(self) -> tuple[str, ...]:
        """Every topic of this platform."""
        return (self.questions.name, self.answers.name, self.dead_letters)

    def create(self, bootstrap: str, partitions: int = 3) -> None:
        """Create the topics on a real cluster."""
        admin = AdminClient({"bootstrap.servers": bootstrap})
        for made in admin.create_topics([NewTopic(t, partitions, 1) for t in self.topics]).values():
            made.result(30)

    def app(self, bootstrap: str) -> App:
        """The service that answers."""
        return App("tutor", self.contract, bootstrap=bootstrap, settings=PROMPT)

    @contextmanager
    def answering(self, bootstrap: str, answer: Callable[[Question], Answer]) -> Iterator[App]:
        """The tutor, answering with a plain function, from ready until the block ends."""
        app = self.app(bootstrap)
        app.answers(self.exchange)(answer)
        with running(app):
            until(lambda: app.health().ready)
            yield app


def talk(
    *,
    retries: Retries = FAST,
    concurrency: int = 1,
    guarantee: Guarantee = Guarantee.AT_LEAST_ONCE,
) -> Talk:
    """A new platform."""
    name = f"talk.{uuid.uuid4().hex[:8]}"
    place = Place("talk.yaml", 5)
    question: EventType[Question] = EventType("question", Question, place=place)
    answer: EventType[Answer] = EventType("answer", Answer, place=place)
    questions: Topic[Question] = Topic(
        f"{name}.questions", (question,), partitions=3, key="student", ordering=Ordering.KEY,
        envelope=Envelope.STRUCTURED, place=place,
    )  # fmt: skip
    answers: Topic[Answer] = Topic(
        f"{name}.answers", (answer,), partitions=3, key="student", ordering=Ordering.KEY,
        envelope=Envelope.STRUCTURED, place=place,
    )  # fmt: skip
    exchange = Exchange(questions, answers, "id", "id", place)
    group = f"{name}.tutor"
    letters = dead_letter_topic(questions.name, group)
    asked = Subscription(
        questions, group, concurrency=concurrency, retries=retries, dead_letter_topic=letters,
        delivery=guarantee, place=place,
    )  # fmt: skip
    told = Subscription(answers, f"{name}.asker", place=place)
    services = (
        Service("asker", "/asker", produces=(questions,), consumes=(told,), place=place),
        Service("tutor", "/tutor", produces=(answers,), consumes=(asked,), place=place),
    )
    contract = Contract.of(
        "talk", "0" * 8, topics=(questions, answers), services=services, exchanges=(exchange,)
    )
    return Talk(exchange, contract, letters)


def told(question: Question) -> Answer:
    """The answer that says the question again."""
    return Answer(id=question.id, student=question.student, text=f"You said: {question.text}")


async def told_later(question: Question, delivery: Delivery) -> Answer:
    """The same as an async handler that takes the delivery."""
    return Answer(id=question.id, student=question.student, text=f"try {delivery.attempt}")
