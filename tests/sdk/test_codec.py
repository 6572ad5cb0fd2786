"""Events to records and back."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.events import JSON, Lesson, events, topic_of

from learnflow_kafka import events as learnflow
from learnflow_kafka.errors import EventError
from learnflow_kafka.events import LEARNING_QUERY, LearningQuery, LearningResponse
from learnflow_kafka.sdk.codec import Decoded, Reader, Undecodable, Writer
from learnflow_kafka.sdk.contract import AnyTopic, Envelope, Topic

QUERY = LearningQuery(query_id="q1", student_id="s1", query="why?")
NAIVE = dt.datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - what services send
AWARE = NAIVE.replace(tzinfo=dt.UTC)
ANY_EVENT = st.sampled_from(list(learnflow.CONTRACT.topics.values())).flatmap(
    lambda topic: st.tuples(st.just(topic), events(topic.classes[0]))
)


def decoded(topic: AnyTopic, value: bytes | None, headers: Any = None) -> Decoded[Any]:
    """What a reader makes of a record that must be readable."""
    found = Reader(topic).read(value, headers)
    assert isinstance(found, Decoded), found
    return found


def poison(topic: AnyTopic, value: bytes | None, headers: Any = None) -> Undecodable:
    """What a reader makes of a record that must not be readable."""
    found = Reader(topic).read(value, headers)
    assert isinstance(found, Undecodable), found
    return found


@given(ANY_EVENT, st.sampled_from(Envelope), st.sampled_from(Envelope))
def test_any_event_comes_back_through_any_mode(
    pair: tuple[AnyTopic, Any], written: Envelope, declared: Envelope
) -> None:
    """Every event of LearnFlow survives every mode, whichever mode its reader expects."""
    topic, event = pair
    record = Writer(_in_mode(topic, written), "/test").write(event)
    found = decoded(_in_mode(topic, declared), record.value, record.headers)

    assert found.event == event
    assert found.type.cls is type(event)
    assert found.attributes.mode is written
    assert record.key == event.student_id.encode()


@given(ANY_EVENT, st.sampled_from(Envelope), st.sampled_from(Envelope))
def test_a_glance_sees_the_event_that_a_reader_sees(
    pair: tuple[AnyTopic, Any], written: Envelope, declared: Envelope
) -> None:
    """What is written as declared is seen at once; of anything else nothing wrong is seen."""
    topic, event = pair
    record = Writer(_in_mode(topic, written), "/test").write(event)
    seen = Reader(_in_mode(topic, declared)).glance(record.value)

    assert seen is None or seen == event
    if written is declared is Envelope.STRUCTURED:
        assert seen == event


@given(ANY_EVENT, st.lists(st.tuples(st.sampled_from(["ce_id", "x", "content-type"]), st.binary())))
def test_a_structured_record_is_one_whatever_its_headers_say(
    pair: tuple[AnyTopic, Any], headers: list[tuple[str, bytes]]
) -> None:
    """Who looks at the headers and who does not read the same event; a trace is found there."""
    topic, event = pair
    structured = _in_mode(topic, Envelope.STRUCTURED)
    record = Writer(structured, "/test").write(event)
    found = decoded(structured, record.value, [*headers, ("traceparent", b"00-1-2-01")])

    assert found.event == event == Reader(structured).glance(record.value)
    assert (found.attributes.mode, found.attributes.traceparent) == ("structured", "00-1-2-01")


def _in_mode(topic: AnyTopic, mode: Envelope) -> AnyTopic:
    return Topic(topic.name, topic.events, key=topic.key, envelope=mode)


@given(st.text(), st.text(min_size=1), st.sampled_from([Envelope.STRUCTURED, Envelope.BINARY]))
def test_attributes_come_back_as_they_were_given(subject: str, id_: str, mode: Envelope) -> None:
    """Id, time, subject, trace and extensions survive both CloudEvents modes, any text."""
    topic = _in_mode(LEARNING_QUERY, mode)
    record = Writer(topic, "/shop/tutör").write(
        QUERY,
        id=id_,
        time=AWARE,
        subject=subject,
        traceparent="00-1-2-01",
        tracestate=subject,
        extensions={"tenant": subject},
    )
    said = decoded(topic, record.value, record.headers).attributes

    assert (said.id, said.subject, said.tracestate) == (id_, subject, subject)
    assert (said.type, said.source) == ("learning.query", "/shop/tutör")
    assert (said.time, said.traceparent) == (AWARE, "00-1-2-01")
    assert said.dataschema == "urn:event:learnflow:learning.query:1"
    assert said.extensions == {"tenant": subject}


@given(st.binary(), st.lists(st.tuples(st.text(), st.none() | st.binary())))
def test_no_bytes_raise(value: bytes, headers: list[tuple[str, bytes | None]]) -> None:
    """Whatever is in a record, reading it returns a value."""
    found = Reader(LEARNING_QUERY).read(value, headers)

    assert isinstance(found, Decoded | Undecodable)


@given(JSON, st.sampled_from(["content-type", "ce_id", "ce_specversion", "x"]), st.binary())
def test_no_json_raises(value: object, header: str, content: bytes) -> None:
    """JSON that is no event, under any header, is a value too."""
    envelope = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": value}
    for record in (value, envelope):
        data = msgspec.json.encode(record)
        found = Reader(LEARNING_QUERY).read(data, [(header, content)])

        assert isinstance(found, Decoded | Undecodable)
        if isinstance(Reader(LEARNING_QUERY).read(data, None), Undecodable):
            assert Reader(LEARNING_QUERY).glance(data) is None


def test_deep_nesting_is_poison_and_no_crash() -> None:
    """A record nested deeper than Python's stack is refused like any other poison."""
    found = poison(LEARNING_QUERY, b'{"context":' + b"[" * 1_000_000)

    assert found.stage == "data"


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (LearningQuery(query_id="q", student_id="s", query=7), "at query: Expected `str`"),  # type: ignore[arg-type]
        (LearningQuery(query_id="", student_id="s", query="x"), "at query_id: Expected `str` of"),
        (LearningQuery(query_id="q", student_id="s", query="x", context=[1]), "at context: "),  # type: ignore[arg-type]
        (LearningQuery(query_id="q", student_id="s", query="x", context={"a": object()}), "object"),
    ],
)
def test_an_event_that_does_not_fit_is_not_written(event: LearningQuery, words: str) -> None:
    """A struct's constructor checks nothing, so writing does, and names the field."""
    with pytest.raises(EventError) as caught:
        Writer(LEARNING_QUERY, "/test").write(event)

    assert words in str(caught.value)
    assert "LearningQuery does not fit learning.query version 1" in caught.value.what
    assert caught.value.where
    assert "events.yaml:" in caught.value.where


def test_validation_can_be_left_out() -> None:
    """Who trusts its events may skip the check; readers still find what does not fit."""
    wrong = LearningQuery(query_id="q", student_id="s", query=7)  # type: ignore[arg-type]
    record = Writer(LEARNING_QUERY, "/test", validate=False).write(wrong)

    assert poison(LEARNING_QUERY, record.value, record.headers).path == "query"


def test_an_event_of_another_topic_is_not_written() -> None:
    """The wrong class is refused at run time as well, with the topic's own."""
    wrong: Any = LearningResponse(query_id="q", student_id="s", content="x")
    with pytest.raises(EventError, match=r"no event of learning\.query; it carries LearningQuery"):
        Writer(LEARNING_QUERY, "/test").write(wrong)


class Asked(pydantic.BaseModel):
    """A query as a service models it, with a field more."""

    query_id: str
    student_id: str
    query: str
    session_id: str | None = None
    mood: int = 3


def test_a_pydantic_model_goes_as_it_writes_itself() -> None:
    """Models are accepted, checked against the event's class, and keep their own fields."""
    record = Writer(LEARNING_QUERY, "/test").write(Asked(query_id="q", student_id="s", query="x"))
    found = decoded(LEARNING_QUERY, record.value, record.headers)

    assert found.event == LearningQuery(query_id="q", student_id="s", query="x")
    assert b'"mood":3' in record.value
    assert record.key == b"s"


def test_a_model_that_does_not_fit_is_refused() -> None:
    """A model's own validation does not replace the event's."""
    with pytest.raises(EventError, match="at query_id"):
        Writer(LEARNING_QUERY, "/test").write(Asked(query_id="", student_id="s", query="x"))


def test_several_kinds_are_told_apart_by_type() -> None:
    """A topic of two kinds reads each as what its envelope says."""
    topic = topic_of(LearningQuery, LearningResponse, key="student_id")
    response = LearningResponse(query_id="q", student_id="s", content="x")
    writer = Writer(topic, "/test")

    for event in (QUERY, response):
        record = writer.write(event)
        assert decoded(topic, record.value, record.headers).event == event


def test_an_unknown_kind_among_several_is_poison() -> None:
    """Without a known type nobody can say which of two classes a record is."""
    topic = topic_of(LearningQuery, LearningResponse)
    found = poison(topic, b'{"query_id":"q","student_id":"s","query":"x"}')

    assert found.stage == "type"
    assert "no type; lessons carries learningquery, learningresponse" in found.what
    with pytest.raises(EventError, match="a model does not say"):
        Writer(topic, "/test").write(Asked(query_id="q", student_id="s", query="x"))


def test_poison_says_what_and_where() -> None:
    """A dead letter can tell the stage, the field and the reason."""
    found = poison(LEARNING_QUERY, b'{"query_id":"q","student_id":5,"query":"x"}')

    assert (found.stage, found.path) == ("data", "student_id")
    assert found.what == "Expected `str`, got `int`"
    assert str(found.error()) == "learning.query student_id: Expected `str`, got `int`"


@pytest.mark.parametrize("headers", [None, [("content-type", b"application/cloudevents+json")]])
def test_a_record_without_value_is_empty(headers: Any) -> None:
    """A tombstone is no event and no broken envelope."""
    assert poison(LEARNING_QUERY, None, headers).stage == "empty"


def test_unknown_fields_are_tolerated() -> None:
    """A newer writer's fields do not stop an older reader."""
    found = decoded(LEARNING_QUERY, b'{"query_id":"q1","student_id":"s1","query":"why?","new":1}')

    assert found.event == QUERY


def test_a_key_that_is_missing_is_refused() -> None:
    """An event of a keyed topic without its key would lose its place in the order."""
    topic = topic_of(LearningQuery, key="session_id")
    with pytest.raises(EventError, match="session_id is empty, and it is the key of lessons"):
        Writer(topic, "/test").write(QUERY)


def test_times_without_a_zone_are_read_as_utc() -> None:
    """Services write naive times and mean UTC: at every depth, in any mode."""
    step = b'{"at":"2026-01-02 03:04:05","marks":{"a":"2026-01-02T03:04:05"}}'
    text = b'{"at":"2026-01-02T03:04:05","steps":[' + step + b"]}"
    wrapped = b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":' + text + b"}"

    for value in (text, wrapped):
        lesson = decoded(topic_of(Lesson), value).event
        first = lesson.steps[0]

        assert lesson.at == first.at == first.marks["a"] == AWARE


@pytest.mark.parametrize(
    ("event", "path"),
    [
        (Lesson(at=NAIVE), "at"),
        (Lesson(at=AWARE, steps=[Lesson(at=NAIVE)]), "steps[0].at"),
        (Lesson(at=AWARE, marks={"a": AWARE, "b": NAIVE}), "marks.b"),
    ],
)
def test_times_without_a_zone_are_not_written(event: Lesson, path: str) -> None:
    """What would be read as another moment is refused, wherever it stands."""
    with pytest.raises(EventError) as caught:
        Writer(topic_of(Lesson), "/test").write(event)

    assert f"at {path}: the time has no time zone" in caught.value.what


def test_an_envelope_time_needs_a_zone() -> None:
    """The event's own time follows the same rule."""
    with pytest.raises(EventError, match="no time zone"):
        Writer(LEARNING_QUERY, "/test").write(QUERY, time=NAIVE)


class Measured(msgspec.Struct):
    """A number that may be missing, and whatever else."""

    student_id: str
    score: float | None = None
    more: Any = None


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("mode", Envelope)
def test_a_number_that_json_does_not_have_is_refused(number: float, mode: Envelope) -> None:
    """It would be null for readers; the error names the place, also in what holds anything."""
    writer = Writer(_in_mode(LEARNING_QUERY, mode), "/test")
    query = LearningQuery(query_id="q", student_id="s", query="", context={"a": [1.5, (number,)]})
    with pytest.raises(EventError, match=r"at context\.a\[1\]\[0\]: JSON has no NaN"):
        writer.write(query)
    with pytest.raises(EventError, match="at score: JSON has no NaN"):
        Writer(topic_of(Measured), "/test").write(Measured("s", score=number))


def test_what_json_writes_otherwise_is_written() -> None:
    """A tuple, a time and a number as a key come back as JSON has them, and are no fault."""
    writer = Writer(LEARNING_QUERY, "/test")
    context = {"pair": (1.5, None), "at": AWARE, "missing": None, "of": {1: "one"}}
    record = writer.write(msgspec.structs.replace(QUERY, context=context))

    assert decoded(LEARNING_QUERY, record.value).event.context["pair"] == [1.5, None]


@pytest.mark.parametrize("name", ["Tenant", "data", "time", "with-dash", "x" * 21, ""])
def test_extensions_have_legal_names(name: str) -> None:
    """A name that CloudEvents does not allow, or owns, is refused."""
    with pytest.raises(EventError, match="cannot be the name of an extension"):
        Writer(LEARNING_QUERY, "/test").write(QUERY, extensions={name: "x"})


def test_the_headers_are_the_callers_own() -> None:
    """Adding a header to one record does not change the next."""
    writer = Writer(LEARNING_QUERY, "/test")
    writer.write(QUERY).headers.append(("x", b"1"))

    assert writer.write(QUERY).headers == [
        ("content-type", b"application/cloudevents+json; charset=UTF-8")
    ]


def test_renamed_fields_keep_their_names_in_json() -> None:
    """A field that is a keyword in Python has its own name on the wire."""
    record = Writer(topic_of(Lesson, envelope=Envelope.NONE), "/test").write(
        Lesson(at=AWARE, from_="x")
    )

    assert record.value == b'{"at":"2026-01-02T03:04:05Z","from":"x"}'
