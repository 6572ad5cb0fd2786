"""The SDK on a broker with TLS, SCRAM-SHA-512 and access rights."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.sdk.notes import until
from tests.sdk.running import running
from tests.sdk.talks import Question, talk, told

from learnflow_kafka.core.connection import Mechanism, Secret
from learnflow_kafka.errors import DeliveryError
from learnflow_kafka.sdk import App, Asker, Producer, Settings

if TYPE_CHECKING:
    from tests.sdk.talks import Talk
    from tests.support.sasl import SaslKafka

    from learnflow_kafka.core.connection import Connection

pytestmark = pytest.mark.kafka

PROMPT = Settings(linger_ms=0, delivery_timeout=30)
SECRET = "admin-secret"


@pytest.fixture
def place(kafka_sasl: SaslKafka) -> Talk:
    """A platform whose topics exist on the secured broker."""
    made = talk()
    made.create(kafka_sasl.internal)
    return made


@pytest.mark.parametrize("mechanism", [Mechanism.SCRAM_SHA_512, Mechanism.PLAIN], ids=str)
def test_events_travel_over_tls_with_a_password(
    kafka_sasl: SaslKafka, place: Talk, mechanism: Mechanism, caplog: pytest.LogCaptureFixture
) -> None:
    """Asked, handled and answered as the user; the password is in no repr and in no log."""
    connection = kafka_sasl.context_of("admin", mechanism).connection
    app = App("tutor", place.contract, bootstrap=connection, settings=PROMPT)
    app.answers(place.exchange)(told)
    asker = Asker("asker", place.contract, place.exchange, bootstrap=connection, settings=PROMPT)
    with caplog.at_level(logging.DEBUG), running(app), asker:
        until(lambda: app.health().ready)
        answer = asker.ask(Question(id="q1", text="safe?"), timeout=60)
    shown = [repr(connection), repr(app.settings), repr(app.health()), str(vars(app))]

    assert answer.text == "You said: safe?"
    assert SECRET not in "".join(shown)
    assert SECRET not in "".join(str(vars(record)) for record in caplog.records)


def refused(place: Talk, connection: Connection, seconds: float) -> DeliveryError:
    """Why a question cannot be written with this connection, at the latest after so long."""
    settings = replace(PROMPT, delivery_timeout=seconds)
    producer = Producer("asker", place.contract, bootstrap=connection, settings=settings)
    with producer, pytest.raises(DeliveryError) as raised:
        producer.send(place.questions, Question(id="q1"))
    return raised.value


def test_a_missing_right_is_named(kafka_sasl: SaslKafka, place: Talk) -> None:
    """Who may only read learns which right to ask for."""
    error = refused(place, kafka_sasl.reader.connection, 60)

    # The client asks for a producer's id and for the topic side by side; either refusal may win.
    assert error.code in {"CLUSTER_AUTHORIZATION_FAILED", "TOPIC_AUTHORIZATION_FAILED"}
    assert not error.maybe_written
    assert error.fix == "grant Write and Describe on the topic"


def test_a_wrong_password_is_not_told(
    kafka_sasl: SaslKafka, place: Talk, caplog: pytest.LogCaptureFixture
) -> None:
    """The event is not written; neither error nor log shows what was tried."""
    right = kafka_sasl.context.connection
    assert right.sasl is not None
    wrong = replace(right, sasl=replace(right.sasl, password=Secret("not-the-password")))
    with caplog.at_level(logging.DEBUG):
        error = refused(place, wrong, 3)

    assert error.where == place.questions.name
    assert "not-the-password" not in str(error) + caplog.text
