from __future__ import annotations

from typing import Any

import pytest

from learnflow_kafka.core.catalog import Catalog, Envelope, Event, EventVersion, Topic
from learnflow_kafka.core.events.schemas import digest
from learnflow_kafka.wiring.catalogs import event_checker

OLD = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
NEW = {
    "type": "object",
    "required": ["id", "at"],
    "properties": {
        "id": {"type": "string"},
        "at": {"type": "integer"},
        "list": {"type": "array", "items": {"type": "string"}},
    },
}
CLOUD = {"specversion": "1.0", "id": "1", "source": "test", "type": "any.type"}


def catalog(envelope: Envelope = Envelope.NONE, **events: list[dict[str, Any]]) -> Catalog:
    declared = {
        name: Event(name, tuple(EventVersion(n, s, digest(s)) for n, s in enumerate(schemas, 1)))
        for name, schemas in events.items()
    }
    topic = Topic("t", 1, events=tuple(events), envelope=envelope)
    return Catalog("c", {"t": topic}, declared)


def test_problems_come_with_their_json_paths():
    """Each thing wrong with an event is one line that begins with its path."""
    check = event_checker(catalog(e=[NEW]), "t")

    assert check({"at": "x", "list": ["a", 1]}) == (
        "$: the field 'id' is missing",
        '$.at: "x" is not of type integer',
        "$.list[1]: 1 is not of type string",
    )


def test_an_event_of_an_older_version_is_an_event():
    """Producers may lag behind; problems are those against the newest version."""
    check = event_checker(catalog(e=[OLD, NEW]), "t")

    assert check({"id": "1"}) == ()
    assert check({}) == ("$: the field 'id' is missing", "$: the field 'at' is missing")


def test_any_of_a_topics_events_will_do():
    """A topic that carries two events takes either."""
    check = event_checker(catalog(a=[NEW], b=[{"type": "integer"}]), "t")

    assert check(3) == ()
    assert check({"id": "1", "at": 1}) == ()
    assert check("x") == ('$: "x" is not of type object',)


@pytest.mark.parametrize("envelope", [Envelope.STRUCTURED, Envelope.BINARY])
def test_a_topic_with_an_envelope_takes_the_event_bare_or_wrapped(envelope: Envelope):
    """CloudEvents objects are looked into; their type is the sender's own affair."""
    check = event_checker(catalog(envelope, e=[OLD]), "t")

    assert check({"id": "1"}) == ()
    assert check({**CLOUD, "data": {"id": "1"}}) == ()
    assert check({**CLOUD, "data": {}}) == ("$.data: the field 'id' is missing",)


def test_a_broken_envelope_is_named():
    """Missing attributes, another version and missing data each say so."""
    check = event_checker(catalog(Envelope.STRUCTURED, e=[OLD]), "t")
    found = check({"specversion": "0.3", "id": "", "source": "s"})

    assert [problem.split(":")[0] for problem in found] == [
        "$.specversion",
        "$.id",
        "$.type",
        "$.data",
    ]


def test_the_type_of_an_envelope_picks_the_event():
    """Where the type names one of the topic's events, that event's schema holds."""
    check = event_checker(catalog(Envelope.STRUCTURED, a=[OLD], b=[{"type": "integer"}]), "t")

    assert check({**CLOUD, "type": "b", "data": 3}) == ()
    assert check({**CLOUD, "type": "b", "data": {"id": "1"}}) != ()


def test_without_an_envelope_nothing_is_unwrapped():
    """A bare topic takes the object as it is."""
    check = event_checker(catalog(e=[OLD]), "t")

    assert check({**CLOUD, "id": 3, "data": {"id": "1"}}) == ("$.id: 3 is not of type string",)


def test_topics_without_events_take_everything():
    """Nothing is declared, so nothing is wrong; unknown topics too."""
    assert event_checker(catalog(), "t")(object()) == ()
    assert event_checker(catalog(), "unknown")(None) == ()


def test_long_values_are_cut():
    """A problem is one line, however large the value."""
    (problem,) = event_checker(catalog(e=[{"type": "integer"}]), "t")("x" * 10_000)

    assert len(problem) < 200
