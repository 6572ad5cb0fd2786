from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnflow_kafka.core.catalog import Catalog, DataClass, Envelope, Ordering, Partitioner
from learnflow_kafka.core.connection import Connection, Context
from learnflow_kafka.core.plans.desired import resolve
from learnflow_kafka.core.units import format_duration
from learnflow_kafka.errors import CatalogError
from learnflow_kafka.wiring import catalogs

ROOT = Path(__file__).parents[2]
TOPICS = {
    "learning.query": (3, "7d"),
    "learning.response": (3, "7d"),
    "code.execution.request": (3, "3d"),
    "code.execution.result": (3, "3d"),
    "exercise.assigned": (2, "30d"),
    "exercise.submitted": (2, "30d"),
    "exercise.graded": (2, "30d"),
    "struggle.detected": (2, "7d"),
    "progress.updated": (2, "30d"),
}
QUERY = {
    "query_id": "q-1",
    "student_id": "s-1",
    "session_id": "x-1",
    "query": "Why does my loop never end?",
    "context": {"exercise": "loops-3", "attempts": 4},
    "routed_from": "triage",
    "timestamp": "2026-11-23T10:00:00.123456",
}
RESPONSE = {
    "query_id": "q-1",
    "student_id": "s-1",
    "content": "Look at `i`.",
    "source_service": "tutor",
    "timestamp": "2026-11-23T10:00:01",
}


@pytest.fixture(scope="module")
def learnflow() -> Catalog:
    return catalogs.load(None)


def test_the_built_in_catalog_has_the_nine_topics(learnflow: Catalog):
    """Names, partitions and retentions are LearnFlow's."""
    found = {
        t.name: (t.partitions, format_duration(t.retention_ms or 0))
        for t in learnflow.topics.values()
    }

    assert found == TOPICS


def test_every_built_in_topic_is_safe_and_keyed_by_student(learnflow: Catalog):
    """Three copies, two of them written, ordered by student, CloudEvents, personal data."""
    facts = {
        (t.replication, t.min_insync_replicas, t.key, t.ordering, t.partitioner, t.envelope)
        for t in learnflow.topics.values()
    }

    assert facts == {
        (3, 2, "student_id", Ordering.KEY, Partitioner.MURMUR2_RANDOM, Envelope.STRUCTURED)
    }
    assert {t.data_class for t in learnflow.topics.values()} == {DataClass.PERSONAL}


def test_every_built_in_topic_is_written_and_carries_a_locked_event(learnflow: Catalog):
    """No topic without a producer or a schema, and none of the schemas is unpublished."""
    written = {topic for service in learnflow.services.values() for topic in service.produces}
    checked = catalogs.check(None)

    assert written == set(TOPICS)
    assert {t.name: t.events for t in learnflow.topics.values()} == {n: (n,) for n in TOPICS}
    assert (checked.warnings, checked.unlocked) == ((), ())


def test_the_environments_of_the_built_in_catalog(learnflow: Catalog):
    """One broker on a laptop, three in production."""
    brokers = {e.name: e.brokers for e in learnflow.environments.values()}

    assert brokers == {"local": 1, "staging": 3, "production": 3}
    assert {t.replication for t in resolve(learnflow, "local").topics.values()} == {1}
    assert resolve(learnflow, "production").declared == 9


@pytest.mark.parametrize(
    ("topic", "event"),
    [
        ("learning.query", QUERY),
        ("learning.query", {**QUERY, "session_id": None, "context": {}, "extra": [1]}),
        ("learning.response", {**RESPONSE, "response_type": "hint"}),
        ("learning.response", {**RESPONSE, "message_type": "explanation"}),
    ],
)
def test_what_learnflow_sends_today_is_taken_unchanged(
    learnflow: Catalog, topic: str, event: dict[str, Any]
):
    """Present services' events pass, bare and as Dapr wraps them."""
    check = catalogs.event_checker(learnflow, topic)
    dapr = {
        "specversion": "1.0",
        "id": "1",
        "source": "triage",
        "type": "com.dapr.event.sent",
        "datacontenttype": "application/json",
        "pubsubname": "kafka",
        "topic": topic,
        "data": event,
    }

    assert check(event) == ()
    assert check(dapr) == ()


def test_the_built_in_catalog_has_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`learnflow` means it; a folder of that name is written `./learnflow`."""
    (tmp_path / "learnflow").mkdir()
    (tmp_path / "learnflow" / "own.yaml").write_text("version: 1\nname: own\ntopics: {}\n")
    monkeypatch.chdir(tmp_path)

    assert catalogs.load("learnflow") == catalogs.load(None)
    assert catalogs.load("./learnflow").name == "own"


@pytest.mark.parametrize(
    ("name", "who", "fix"),
    [
        ("local", "cluster default", "learnflow up --catalog PATH"),
        ("local/shop", "cluster shop", "learnflow up --name shop --catalog PATH"),
        ("prod", "context prod", "add --catalog PATH"),
    ],
)
def test_a_remembered_catalog_that_is_gone_names_who_remembers_it(name: str, who: str, fix: str):
    """Nobody named the path this time: the error says where it comes from."""
    context = Context(name, Connection(("a:1",)), catalog="/gone/shop.yaml")

    with pytest.raises(CatalogError, match=f"remembered by {who}:") as caught:
        catalogs.wanted(context, None, None)
    assert fix in (caught.value.fix or "")


@given(st.sampled_from(sorted(TOPICS)))
def test_an_empty_event_is_refused_everywhere(topic: str):
    """Every schema demands what makes an event that event."""
    check = catalogs.event_checker(catalogs.load(None), topic)

    assert any("student_id" in problem for problem in check({}))


@pytest.mark.parametrize(
    "published",
    ["docs/reference/catalog.schema.json", "src/learnflow_kafka/catalogs/catalog.schema.json"],
)
def test_the_published_editor_schema_is_fresh(published: str):
    """The JSON Schema in the repository and in the package is the models' own (make docs)."""
    assert (ROOT / published).read_text(encoding="utf-8") == catalogs.editor_schema()


def test_the_reference_page_is_fresh():
    """docs/reference/catalog.md is what the models say (make docs)."""
    page = (ROOT / "docs/reference/catalog.md").read_text(encoding="utf-8")

    assert page == catalogs.reference_page()


def test_a_catalog_that_was_written_loads_the_same(learnflow: Catalog, tmp_path: Path):
    """`dump` is what `adopt` and `export` write."""
    file = tmp_path / "c.yaml"
    file.write_text(catalogs.dump(learnflow), encoding="utf-8")

    assert catalogs.dump(catalogs.load(str(file))) == catalogs.dump(learnflow)
