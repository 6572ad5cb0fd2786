"""The rights that a replay needs, given one after the other on a secured broker."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from tests.support.letters import letter, write

from learnflow_kafka.app.dead_letters import prepare, replay
from learnflow_kafka.core.names import dead_letter_topic
from learnflow_kafka.core.plans.changes import CreateTopic
from learnflow_kafka.core.replaying import GROUP, Selection
from learnflow_kafka.errors import LearnflowError, NotAuthorizedError
from learnflow_kafka.wiring import kafka

if TYPE_CHECKING:
    from tests.support.sasl import SaslKafka

pytestmark = pytest.mark.kafka


def refusal(secured: SaslKafka, selection: Selection) -> LearnflowError | None:
    """Why the user who may only describe cannot replay; None where it did."""
    with kafka.admin(secured.reader) as admin, kafka.data(secured.reader) as data:
        try:
            delivery = prepare(admin, data, selection)
            assert sum(event.letters for event in replay(admin, data, delivery)) == 3
        except LearnflowError as error:
            return error
    return None


def test_a_replay_needs_four_rights_beside_describe(kafka_sasl: SaslKafka) -> None:
    """Without one of them it says so and writes nothing; with all of them it is done."""
    word = uuid.uuid4().hex[:8]
    source, group = f"orders.{word}", f"billing.{word}"
    dead_letters = dead_letter_topic(source, group)
    with kafka.admin(kafka_sasl.context) as admin, kafka.data(kafka_sasl.context) as data:
        admin.create_topics([CreateTopic(source, 1, 1), CreateTopic(dead_letters, 1, 1)])
        write(data, [letter(n, source=source, group=group) for n in range(3)])
    refusals = []
    for operation, resource, name in (
        ("READ", "TOPIC", dead_letters),
        ("READ", "GROUP", GROUP),
        ("WRITE", "TRANSACTIONAL_ID", f"{GROUP}.{dead_letters}"),
        ("WRITE", "TOPIC", source),
    ):
        refusals.append(refusal(kafka_sasl, Selection(group=group)))
        kafka_sasl.allow("reader", operation, resource, name)

    assert [type(error) for error in refusals] == [NotAuthorizedError] * 4, refusals
    assert refusal(kafka_sasl, Selection(group=group)) is None
