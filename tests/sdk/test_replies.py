from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from tests.sdk.notes import until
from tests.sdk.talks import PROMPT, Answer, Question, talk, told

from learnflow_kafka.errors import LearnflowError, NoReplyError, RemoteError
from learnflow_kafka.sdk import Asker, Reject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sdk.talks import Talk
    from tests.support.clusters import LocalKafka


def refuse(question: Question) -> Answer:
    """A handler that answers nothing."""
    raise Reject(f"nobody answers {question.text}")


class Conversation:
    """One asker on topics whose leaders have changed before it came."""

    def __init__(self, kafka: LocalKafka, place: Talk) -> None:
        self.bootstrap, self.place = kafka.bootstrap, place
        place.create(kafka.bootstrap)
        kafka.lead_anew()
        self.admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        self.asker = Asker(
            "asker", place.contract, place.exchange, bootstrap=kafka.bootstrap, settings=PROMPT
        )
        self.heard: dict[str, Answer | LearnflowError] = {}

    def ask(self, name: str, timeout: float) -> Answer | LearnflowError:
        """What an ask ends with; it is kept by name, too."""
        try:
            self.heard[name] = self.asker.ask(Question(id=name, text=name), timeout=timeout)
        except LearnflowError as error:
            self.heard[name] = error
        return self.heard[name]

    def talk(self) -> None:
        """Ask once and be answered, once the asker has seen which topics there are."""
        with self.place.answering(self.bootstrap, told):
            assert self.ask("first", 60) == Answer(id="first", text="You said: first")
        read = (self.place.answers.name, self.place.dead_letters)
        until(lambda: all(map(self.asker._line.replies._presence.has, read)))

    def delete(self, topic: str) -> None:
        self.admin.delete_topics([topic])[topic].result(30)

    def create(self, topic: str) -> None:
        """With fewer partitions than it had."""
        self.admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)


@pytest.fixture
def conversation(kafka1: LocalKafka) -> Iterator[Conversation]:
    made = Conversation(kafka1, talk())
    yield made
    made.asker.close()


@pytest.mark.kafka
def test_a_reply_topic_that_was_made_anew_is_read(conversation: Conversation) -> None:
    """Who waited meanwhile is answered too, and while it is gone no request leaves."""
    there, topic = conversation, conversation.place.answers.name
    there.talk()
    waiting = threading.Thread(target=there.ask, args=("waiting", 100))
    waiting.start()
    until(lambda: there.asker.counts.pending)
    there.delete(topic)
    until(lambda: there.asker._line.replies.trouble)
    refused = there.ask("refused", 0.1)
    there.create(topic)
    with there.place.answering(there.bootstrap, told):
        waiting.join()
        there.ask("last", 60)

    assert isinstance(refused, NoReplyError)
    assert not refused.sent
    assert f"topic {topic} does not exist" in str(refused)
    assert there.heard["waiting"] == Answer(id="waiting", text="You said: waiting")
    assert there.heard["last"] == Answer(id="last", text="You said: last")


@pytest.mark.kafka
def test_dead_letters_on_a_topic_that_was_made_anew_are_heard(conversation: Conversation) -> None:
    """What a responder gives up is an error again, and replies are read as before."""
    there, topic = conversation, conversation.place.dead_letters
    there.talk()
    there.delete(topic)
    until(lambda: there.asker._line.replies.deaf)
    unheard = there.ask("unheard", 0.1)
    there.create(topic)
    with there.place.answering(there.bootstrap, refuse):
        refused = there.ask("refused", 60)
    with there.place.answering(there.bootstrap, told):
        there.ask("last", 60)

    assert f"not heard (topic {topic} does not exist" in str(unheard)
    assert isinstance(refused, RemoteError)
    assert there.heard["last"] == Answer(id="last", text="You said: last")
    assert there.asker.counts.repeated == 0
