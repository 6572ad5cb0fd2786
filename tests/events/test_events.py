"""LearnFlow's events: fresh, as their schemas say, and as today's services send them."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.events import JSON, events

from learnflow_kafka import events as learnflow
from learnflow_kafka.app.codegen import generate
from learnflow_kafka.events import CONTRACT, LEARNING_QUERY, LEARNING_RESPONSE
from learnflow_kafka.sdk.codec import Decoded, Reader
from learnflow_kafka.sdk.contract import AnyTopic, Envelope, Ordering, Partitioner
from learnflow_kafka.wiring.catalogs import load

CATALOG = load(None)
TOPICS = list(CONTRACT.topics.values())
VALIDATORS = {
    name: jsonschema.Draft202012Validator(event.versions[-1].schema)
    for name, event in CATALOG.events.items()
}
ANY = st.sampled_from(TOPICS).flatmap(
    lambda topic: st.tuples(st.just(topic), events(topic.classes[0]))
)

QUERY = {
    "query_id": "0b7e1d4e-7f7e-4f2f-8a51-0a1a3a4b5c6d",
    "student_id": "student-17",
    "session_id": "session-4",
    "query": "Why does my loop never end?",
    "context": {"exercise": "loops-3", "attempts": 2, "code": "while True:\n    pass"},
    "routed_from": "triage-service",
    "timestamp": "2026-11-23T14:18:41.123456",
}
RESPONSE = {
    "query_id": QUERY["query_id"],
    "student_id": "student-17",
    "content": "Because its condition stays true.",
    "source_service": "concepts-service",
    "timestamp": "2026-11-23T14:18:42Z",
}


def test_the_package_is_fresh() -> None:
    """learnflow_kafka.events is what codegen writes of the built-in catalog today."""
    with open(learnflow.__file__ or "", encoding="utf-8") as file:  # noqa: PTH123 - one file
        assert file.read() == generate(CATALOG).text


def test_the_nine_topics_are_there() -> None:
    """Every topic carries one event, is keyed by student, ordered, and structured for Dapr."""
    assert len(TOPICS) == 9
    for topic in TOPICS:
        assert len(topic.events) == 1
        assert (topic.key, topic.ordering) == ("student_id", Ordering.KEY)
        assert topic.partitioner is Partitioner.MURMUR2_RANDOM
        assert topic.envelope is Envelope.STRUCTURED


def test_everything_that_is_exported_is_there() -> None:
    """`__all__` names what the module has, once."""
    assert len(set(learnflow.__all__)) == len(learnflow.__all__)
    assert all(hasattr(learnflow, name) for name in learnflow.__all__)


@pytest.mark.parametrize(
    ("topic", "sent"),
    [
        (LEARNING_QUERY, QUERY),
        (LEARNING_RESPONSE, RESPONSE | {"response_type": "explanation"}),
        (LEARNING_RESPONSE, RESPONSE | {"message_type": "assistant", "response_type": None}),
    ],
)
@pytest.mark.parametrize("shape", ["bare", "dapr", "dapr without content type"])
def test_what_services_send_today_is_read_unchanged(
    topic: AnyTopic, sent: dict[str, Any], shape: str
) -> None:
    """Every field of today's queries and responses arrives, as they are sent: bare or by Dapr."""
    found = Reader(topic).read(_as_sent(topic, sent, shape), None)

    assert isinstance(found, Decoded)
    assert {name: getattr(found.event, name) for name in sent} == sent


def _as_sent(topic: AnyTopic, sent: dict[str, Any], shape: str) -> bytes:
    """A record's value as Dapr's Kafka component builds it, or without any envelope."""
    if shape == "bare":
        return json.dumps(sent).encode()
    typed = shape == "dapr"
    event = {
        "data": sent if typed else json.dumps(sent),
        "datacontenttype": "application/json" if typed else "text/plain",
        "id": "5929aaac-a5e2-4ca1-859c-edfe73f11565",
        "pubsubname": "kafka-pubsub",
        "source": "triage-service",
        "specversion": "1.0",
        "time": "2026-11-23T14:18:41Z",
        "topic": topic.name,
        "traceid": "00-113ad9c4e42b27583ae98ba698d54255-e3743e35ff56f219-01",
        "traceparent": "00-113ad9c4e42b27583ae98ba698d54255-e3743e35ff56f219-01",
        "tracestate": "",
        "type": "com.dapr.event.sent",
    }
    return json.dumps(event).encode()


@given(ANY)
def test_what_is_written_fits_the_schema(pair: tuple[AnyTopic, Any]) -> None:
    """Any event of a class, on the wire, is valid by its JSON Schema."""
    topic, event = pair

    VALIDATORS[topic.name].validate(json.loads(msgspec.json.encode(event)))


@given(ANY, st.data())
def test_what_the_schema_allows_is_read_and_nothing_else(
    pair: tuple[AnyTopic, Any], data: st.DataObject
) -> None:
    """With any value in any field, class and schema agree; null for an absent field is read."""
    topic, event = pair
    document = json.loads(msgspec.json.encode(event))
    name = data.draw(st.sampled_from(sorted(topic.classes[0].__struct_fields__)) | st.text())
    document[name] = data.draw(JSON)
    found = Reader(topic).read(json.dumps(document).encode(), None)
    allowed = VALIDATORS[topic.name].is_valid(document)
    required = CATALOG.events[topic.name].versions[-1].schema["required"]

    if document[name] is None and name not in required:
        allowed = True
    assert isinstance(found, Decoded) is allowed, found
