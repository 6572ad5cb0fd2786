"""
What type checkers know of contract and codec.

mypy reads this file with the rest (`make types`): an `ignore` that nothing needs is an error
there, so each one below proves that the line is refused.
"""

from __future__ import annotations

from typing import assert_type

import pytest

from learnflow_kafka.errors import EventError
from learnflow_kafka.events import (
    LEARNING_QUERY,
    LEARNING_QUERY_EXCHANGE,
    LEARNING_RESPONSE,
    LearningQuery,
    LearningResponse,
    StruggleDetected,
    StruggleDetectedSeverity,
)
from learnflow_kafka.sdk.codec import Decoded, Encoded, Reader, Undecodable, Writer
from learnflow_kafka.sdk.contract import EventType, Exchange, Topic

QUERY = LearningQuery(query_id="q", student_id="s", query="why?")


def test_topics_know_their_events() -> None:
    """A generated topic is generic in its event's class."""
    assert_type(LEARNING_QUERY, Topic[LearningQuery])
    assert_type(LEARNING_QUERY_EXCHANGE, Exchange[LearningQuery, LearningResponse])
    assert_type(LEARNING_QUERY.classes, tuple[type[LearningQuery], ...])


def test_writing_the_wrong_class_is_an_error_of_types() -> None:
    """A response cannot be written to the topic of queries."""
    writer = Writer(LEARNING_QUERY, "/test")
    assert_type(writer.write(QUERY), Encoded)
    with pytest.raises(EventError):
        writer.write(LearningResponse(query_id="q", student_id="s", content="x"))  # type: ignore[arg-type]


def test_reading_says_what_comes() -> None:
    """A reader returns its topic's class, or says that there is none: no cast is needed."""
    found = Reader(LEARNING_RESPONSE).read(b"{}", None)
    assert_type(found, Decoded[LearningResponse] | Undecodable)
    assert isinstance(found, Undecodable)
    read = Reader(LEARNING_QUERY).read(b'{"query_id":"q","student_id":"s","query":"x"}', None)
    assert isinstance(read, Decoded)
    assert_type(read.event, LearningQuery)
    assert_type(read.event.session_id, str | None)


def test_a_topic_of_two_events_takes_both() -> None:
    """The class of such a topic is the union, and a third is refused."""
    both: Topic[LearningQuery | LearningResponse] = Topic(
        "both", (EventType("q", LearningQuery), EventType("r", LearningResponse))
    )
    writer = Writer(both, "/test")
    writer.write(QUERY)
    third = StruggleDetected(struggle_id="x", student_id="s", reason="r", severity="low")
    with pytest.raises(EventError):
        writer.write(third)  # type: ignore[arg-type]


def test_choices_are_literals() -> None:
    """A choice that the schema does not have is an error of types."""
    severity: StruggleDetectedSeverity = "high"
    right = StruggleDetected(struggle_id="x", student_id="s", reason="r", severity=severity)
    StruggleDetected(struggle_id="x", student_id="s", reason="r", severity="worst")  # type: ignore[arg-type]

    assert right.severity == "high"
