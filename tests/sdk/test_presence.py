from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
from tests.sdk.notes import Note, create, until, world
from tests.sdk.running import QUICK, running

from learnflow_kafka.sdk.app import App
from learnflow_kafka.sdk.presence import Presence
from learnflow_kafka.sdk.producer import Producer
from learnflow_kafka.sdk.settings import GroupProtocol, Settings

if TYPE_CHECKING:
    from tests.sdk.notes import World
    from tests.support.clusters import LocalKafka


def fill(bootstrap: str, place: World, count: int) -> None:
    """Write so many notes of so many students."""
    with Producer("writer", place.contract, bootstrap=bootstrap) as producer:
        for number in range(count):
            producer.post(place.notes, Note(student=f"s{number}", number=number))


@pytest.mark.kafka
@pytest.mark.parametrize("protocol", [GroupProtocol.CLASSIC, GroupProtocol.CONSUMER])
def test_a_topic_that_was_deleted_and_made_anew_is_read(
    kafka1: LocalKafka, protocol: GroupProtocol
) -> None:
    """Until it is there again the app is not ready and says why; then every event is handled."""
    place = world(partitions=3)
    create(kafka1.bootstrap, place)
    kafka1.lead_anew()
    fill(kafka1.bootstrap, place, 30)
    extra = QUICK.extra if protocol is GroupProtocol.CLASSIC else {}
    settings = Settings(commit_interval=0.1, group_protocol=protocol, extra=extra)
    app = App("reader", place.contract, bootstrap=kafka1.bootstrap, settings=settings)
    seen: list[int] = []
    app.on(place.notes)(lambda note: seen.append(note.number))
    admin, name = AdminClient({"bootstrap.servers": kafka1.bootstrap}), place.notes.name
    with running(app):
        until(lambda: len(seen) == 30)
        until(lambda: app.health().ready)
        until(lambda: app._pollers[0]._presence.has(name))
        admin.delete_topics([name])[name].result(30)
        until(lambda: f"topic {name} does not exist" in " ".join(app.health().reasons))
        assert not app.health().ready
        admin.create_topics([NewTopic(name, 3, 1)])[name].result(30)
        fill(kafka1.bootstrap, place, 15)
        until(lambda: set(seen[30:]) == set(range(15)))
        until(lambda: app.health().ready)


class Answers:
    """What a cluster says of topics: an id, or a code of an error."""

    def __init__(self) -> None:
        self.topics: dict[str, str | int] = {}

    def describe_topics(self, asked: Any, **_: object) -> dict[str, Future[Any]]:
        """As the admin client does."""
        return {topic: self._answer(topic) for topic in self.topics}

    def _answer(self, topic: str) -> Future[Any]:
        found, future = self.topics[topic], Future[Any]()
        if isinstance(found, int):
            future.set_exception(KafkaException(KafkaError(found)))
        else:
            future.set_result(SimpleNamespace(topic_id=found))
        return future


def looking(answers: Answers, **topics: str | int) -> Presence:
    """A presence that looked once and found these."""
    presence = Presence({}, ["a", "b"])
    presence.client = answers
    answers.topics = topics
    presence._look()
    return presence


def test_another_id_is_another_topic() -> None:
    """It is told once, for the topic that it is."""
    answers = Answers()
    presence = looking(answers, a="one", b="two")
    before = presence.take_anew()
    answers.topics["a"] = "three"
    presence._look()

    assert not before
    assert presence.take_anew() == {"a"}
    assert not presence.take_anew()


def test_a_topic_that_is_gone_is_missing_until_it_is_back() -> None:
    """Its old id is remembered, so that what comes back is known for another."""
    answers = Answers()
    presence = looking(answers, a="one")
    answers.topics["a"] = KafkaError.UNKNOWN_TOPIC_OR_PART
    presence._look()
    gone = dict(presence.missing), presence.has("a")
    answers.topics["a"] = "two"
    presence._look()

    assert gone == ({"a": "topic a does not exist; run `learnflow apply`"}, False)
    assert not presence.missing
    assert presence.has("a")
    assert presence.take_anew() == {"a"}


def test_only_what_was_there_is_gone() -> None:
    """A topic that nobody made yet is missing, and not gone."""
    answers = Answers()
    presence = looking(answers, a="one", b=KafkaError.UNKNOWN_TOPIC_OR_PART)
    before = presence.gone("a")
    answers.topics["a"] = KafkaError.UNKNOWN_TOPIC_OR_PART
    presence._look()

    assert before is None
    assert presence.gone("a") == "topic a does not exist; run `learnflow apply`"
    assert presence.gone("b") is None


def test_no_answer_changes_nothing() -> None:
    """A broker that is silent, or refuses, says nothing of what is there."""
    answers = Answers()
    presence = looking(answers, a="one", b=KafkaError.UNKNOWN_TOPIC_OR_PART)
    for code in (KafkaError._TIMED_OUT, KafkaError.TOPIC_AUTHORIZATION_FAILED):
        answers.topics = {"a": code, "b": code}
        presence._look()

    assert presence.has("a")
    assert set(presence.missing) == {"b"}
    assert not presence.take_anew()


def test_a_client_that_hears_nothing_is_left() -> None:
    """After three looks in a row; a refusal is an answer, and one topic's is enough."""
    answers = Answers()
    silent, refused = KafkaError._TIMED_OUT, KafkaError.TOPIC_AUTHORIZATION_FAILED
    presence = looking(answers, a="one")
    for code in (silent, silent, refused, silent, silent):
        answers.topics = {"a": code, "b": silent}
        presence._look()
    kept = presence.client
    presence._look()

    assert kept is answers
    assert presence.client is None
