from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnflow_kafka.core.catalog import (
    Catalog,
    Cleanup,
    Environment,
    Event,
    EventVersion,
    Guarantee,
    Isolation,
    Ordering,
    Partitioner,
    Reply,
    Retries,
    RetryMode,
    Service,
    Subscription,
    Tombstone,
    Topic,
    TopicOverride,
)
from learnflow_kafka.core.names import legal_name, topic_name_fault
from learnflow_kafka.core.validation import Flaw, doubts, flaws


def catalog(*parts: Any, **topics: dict[str, Any]) -> Catalog:
    """Topics by name (`_` as it is, `__` a dot) with their fields, and other declarations."""
    declared = [Topic(n.replace("__", "."), **{"partitions": 1, **f}) for n, f in topics.items()]

    def of(kind: type) -> dict[str, Any]:
        label = "topic" if kind is Tombstone else "name"
        return {getattr(part, label): part for part in parts if isinstance(part, kind)}

    return Catalog(
        "c",
        {t.name: t for t in declared} | of(Topic),
        of(Event),
        of(Service),
        of(Environment),
        of(Tombstone),
    )


def reads(service: str, topic: str, **fields: Any) -> Service:
    return Service(service, consumes=(Subscription(topic, fields.pop("group", service), **fields),))


def event(name: str, **properties: Any) -> Event:
    return Event(name, (EventVersion(1, {"properties": properties}, "sha256:0"),))


def only(found: tuple[Flaw, ...]) -> Flaw:
    (flaw,) = found
    return flaw


def test_a_sound_catalog_has_no_flaw():
    """Topics, events, services and environments that fit together are fine."""
    sound = catalog(
        event("e", id={}),
        reads("s", "a.b", group="g"),
        Service("w", produces=("a.b",)),
        Environment("prod", 3, {"a.b": TopicOverride(replication=3, min_insync_replicas=2)}),
        Tombstone("old", "gone"),
        a__b={"events": ("e",), "key": "id", "ordering": Ordering.KEY},
    )

    assert flaws(sound) == ()
    assert doubts(sound) == ()


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("", "needs a name"),
        ("..", "cannot be a topic's name"),
        ("a b", "the name has ' '"),
        ("ü", "the name has 'ü'"),
        ("a" * 250, "has 250 characters"),
        ("_learnflow.verify", "belong to this tool"),
        ("__consumer_offsets", "Kafka's own"),
    ],
)
def test_names_that_kafka_or_we_do_not_take_are_refused(name: str, what: str):
    """Illegal, too long, reserved and Kafka's own names; for tombstones as well."""
    declared = only(flaws(catalog(Topic(name, 1))))
    deleted = only(flaws(Catalog("c", {}, tombstones={name: Tombstone(name, "r")})))

    assert what in declared.what
    assert what in deleted.what


@pytest.mark.parametrize(
    "parts",
    [
        (Topic("a.b", 1), Topic("a_b", 1)),
        (Topic("a", 1), Topic("a.s.dlt", 1), reads("s", "a")),
        (Topic("a", 1), Topic("a_s_dlt", 1), reads("s", "a")),
        (
            Topic("a.b", 1),
            Topic("a", 1),
            reads("s", "a.b", group="c"),
            reads("t", "a", group="b.c"),
        ),
        (
            Topic("a", 1),
            Topic("a.s.retry.2", 1),
            reads("s", "a", dead_letter=False, retries=Retries(mode=RetryMode.TOPICS)),
        ),
    ],
)
def test_names_that_become_one_in_metrics_collide(parts: tuple[Any, ...]):
    """`.` against `_`, derived dead letters and retries included."""
    flaw = only(flaws(catalog(*parts)))

    assert "one name in Kafka's metrics" in flaw.what or " too" in flaw.what
    assert flaw.instead == "rename one of them"


def test_a_derived_name_must_be_legal():
    """A group that cannot be part of a topic's name is refused where it needs one."""
    flaw = only(flaws(catalog(reads("s", "a", group="my group"), a={})))

    assert flaw.path == ("services", "s", "consumes", "a")
    assert "'a.my group.dlt'" in flaw.what
    assert not flaws(catalog(reads("s", "a", group="my group", dead_letter=False), a={}))


def test_fewer_copies_than_a_write_needs_are_refused():
    """Replication below min ISR blocks every write, declared or overridden."""
    sizes = {"replication": 2, "min_insync_replicas": 2}
    override = Environment("e", 3, {"a": TopicOverride(replication=1)})

    assert only(flaws(catalog(a={**sizes, "replication": 1}))).path[-1] == "min_insync_replicas"
    assert only(flaws(catalog(override, a=sizes))).path[:4] == ("environments", "e", "topics", "a")


@pytest.mark.parametrize(
    ("parts", "path", "hint"),
    [
        ((Service("s", produces=("learning.qery",)),), "produces", "learning.query"),
        ((reads("s", "learning.qery"),), "learning.qery", "learning.query"),
        ((Environment("e", 1, {"learnin.query": TopicOverride()}),), "learnin.query", "query"),
        ((Topic("t", 1, events=("querry",)), event("query")), "event", "'query'"),
        ((Topic("t", 1, reply=Reply("learning_query", "id")),), "topic", "learning.query"),
    ],
)
def test_what_is_named_must_be_declared(parts: tuple[Any, ...], path: str, hint: str):
    """Unknown topics and events are refused with the nearest known name."""
    flaw = only(flaws(catalog(*parts, learning__query={})))

    assert flaw.path[-1] == path
    assert hint in (flaw.instead or "")


def test_a_reply_is_paired_by_a_field_of_both_events():
    """The field must be in the events of the question and of the answer."""
    parts = (event("q", id={}, n={}), event("r", id={}))
    fine = catalog(*parts, a={"events": ("q",), "reply": Reply("b", "id")}, b={"events": ("r",)})
    wrong = catalog(*parts, a={"events": ("q",), "reply": Reply("b", "n")}, b={"events": ("r",)})

    assert flaws(fine) == ()
    assert "the event 'r' has no field 'n'" in only(flaws(wrong)).what


def test_one_group_reads_a_topic_for_one_service():
    """Two services in one group would each get a part of the records."""
    flaw = only(
        flaws(
            catalog(reads("s", "a", group="g"), reads("t", "a", group="g", dead_letter=False), a={})
        )
    )

    assert flaw.path == ("services", "t", "consumes", "a", "group")
    assert "service 's'" in flaw.what


def test_retry_topics_are_refused_where_order_is_promised():
    """A failed event must not be overtaken by later ones of its key."""
    ordered = {"key": "id", "ordering": Ordering.KEY}
    reader = reads("s", "a", retries=Retries(mode=RetryMode.TOPICS))

    assert only(flaws(catalog(reader, a=ordered))).path[-2:] == ("retries", "mode")
    assert flaws(catalog(reader, a={})) == ()


def test_order_by_key_needs_a_key():
    """`ordering: key` without a key promises nothing."""
    assert "no key" in only(flaws(catalog(a={"ordering": Ordering.KEY}))).what


def test_waits_grow():
    """A longest wait below the first one is a slip."""
    flaw = only(flaws(catalog(reads("s", "a", retries=Retries(max_backoff_ms=10)), a={})))

    assert flaw.path[-1] == "retries"


def test_exactly_once_reads_what_was_committed():
    """A copy of an aborted event would be a copy of nothing."""
    reader = reads("s", "a", delivery=Guarantee.EXACTLY_ONCE, isolation=Isolation.READ_UNCOMMITTED)

    assert only(flaws(catalog(reader, a={}))).path[-1] == "isolation"


def test_exactly_once_writes_through_one_partitioner():
    """One transaction has one client, and that places all keys alike; others may differ."""
    topics = {"a": {}, "b": {}, "c": {"partitioner": Partitioner.FNV1A_RANDOM}}
    one, two = (
        replace(reads("s", "a", delivery=delivery), produces=("b", "c")) for delivery in Guarantee
    )

    assert flaws(catalog(one, **topics)) == ()
    assert only(flaws(catalog(two, **topics))).path == ("services", "s", "produces")


def test_a_declared_topic_has_no_tombstone():
    """What is declared is not to be deleted."""
    flaw = only(flaws(catalog(Tombstone("a", "r"), a={})))

    assert flaw.path == ("deleted", "a")


def test_an_environment_has_a_broker():
    """None would run nothing."""
    assert only(flaws(catalog(Environment("e", 0), a={}))).path[-1] == "brokers"


@pytest.mark.parametrize(
    ("parts", "fields", "what"),
    [
        ((), {"config": {"compresion.type": "zstd"}}, "no topic config 'compresion.type'"),
        ((), {"config": {"foo.bar": "3"}}, "no topic config 'foo.bar'"),
        (
            (Environment("e", 1, {"a": TopicOverride(config={"segment.sm": "1"})}),),
            {},
            "no topic config 'segment.sm'",
        ),
        ((), {"partitions": 10_001}, "at most 10000 partitions"),
        ((), {"cleanup": Cleanup.COMPACT, "key": "k", "retention_ms": 1}, "only compacted"),
        ((), {"cleanup": Cleanup.COMPACT_DELETE}, "no record without a key"),
        ((reads("s", "a", concurrency=3),), {"partitions": 2}, "1 will have nothing to do"),
        ((event("e"),), {}, "no topic carries the event 'e'"),
        ((Topic("connect-configs", 1),), {}, "own state of Kafka"),
    ],
)
def test_what_is_probably_not_meant_is_a_doubt(
    parts: tuple[Any, ...], fields: dict[str, Any], what: str
):
    """Allowed, and worth a look."""
    doubted = catalog(*parts, a=fields)

    assert flaws(doubted) == ()
    assert what in only(doubts(doubted)).what


def test_a_group_of_two_services_is_a_doubt():
    """On different topics it works, and every change of one rebalances the other."""
    shared = catalog(reads("s", "a", group="g"), reads("t", "b", group="g"), a={}, b={})

    assert flaws(shared) == ()
    assert {flaw.path for flaw in doubts(shared)} == {("services", "s"), ("services", "t")}


def test_an_empty_catalog_is_a_doubt():
    """A wrong folder often looks like this."""
    assert "declares no topic" in only(doubts(catalog())).what


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("order placed", "write 'order-placed'"),
        ("Käufe/neu", "write 'Kaufe-neu'"),
        ("?", None),
        ("..", None),
        ("a" * 250, None),
    ],
)
def test_an_illegal_name_comes_with_a_legal_one(name: str, instead: str | None):
    """Where one reads like it; a shorter name is for people to find."""
    flaw = only(flaws(catalog(Topic(name, 1))))

    assert "cannot be" in flaw.what
    assert flaw.instead == instead


@given(st.text(max_size=300))
def test_a_legal_name_is_legal(name: str):
    """Whatever it was made from, Kafka takes it; and what is legal stays as it is."""
    made = legal_name(name)

    assert made is None or topic_name_fault(made) is None
    if topic_name_fault(name) is None and not name.startswith("-") and not name.endswith("-"):
        assert made == name
