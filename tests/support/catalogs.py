"""Random catalogs that are valid, and catalogs without their places, for comparing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from learnflow_kafka.core import validation
from learnflow_kafka.core.catalog import (
    NOWHERE,
    Catalog,
    Cleanup,
    Compatibility,
    DataClass,
    Envelope,
    Environment,
    Event,
    EventVersion,
    Guarantee,
    Isolation,
    LagObjective,
    Ordering,
    Partitioner,
    Policy,
    Reply,
    Retries,
    RetryMode,
    Service,
    Start,
    Subscription,
    Tombstone,
    Topic,
    TopicOverride,
)
from learnflow_kafka.core.events.schemas import digest

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,6}(\.[a-z0-9-]{1,6}){0,2}", fullmatch=True)
WORDS = ["no", "012", "1_000", "1:30", "~", "null", "1.5e5", "true", "- a", "a: b", "<<", "*x", "é"]
TEXTS = st.one_of(
    st.sampled_from(WORDS),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
).filter(str.strip)
DURATIONS = st.integers(1, 2**63 - 1)
SIZES = st.integers(1, 2**31 - 1)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


SIZING: dict[str, st.SearchStrategy[Any]] = {
    "replication": maybe(st.integers(1, 5)),
    "min_insync_replicas": maybe(st.integers(1, 3)),
    "retention_ms": maybe(st.sampled_from([-1, 0]) | DURATIONS),
    "retention_bytes": maybe(st.sampled_from([-1, 0]) | st.integers(1, 2**63 - 1)),
    "max_record_bytes": maybe(SIZES),
    "config": st.dictionaries(st.sampled_from(["segment.ms", "compression.type"]), TEXTS),
}


def topics(name: str, events: list[str], others: list[str]) -> st.SearchStrategy[Topic]:
    carried = st.lists(st.sampled_from(events), unique=True, max_size=2) if events else st.just([])
    return st.builds(
        Topic,
        name=st.just(name),
        partitions=st.integers(1, 100),
        owner=maybe(TEXTS),
        description=maybe(TEXTS),
        **SIZING,
        cleanup=maybe(st.sampled_from(Cleanup)),
        key=maybe(TEXTS),
        partitioner=st.sampled_from(Partitioner),
        ordering=st.sampled_from(Ordering),
        events=carried.map(tuple),
        envelope=st.sampled_from(Envelope),
        data_class=st.sampled_from(DataClass),
        reply=maybe(st.builds(Reply, st.sampled_from(others), TEXTS)),
        accepts_key_movement=st.booleans(),
        prune=st.booleans(),
    )


def subscriptions(topic: str) -> st.SearchStrategy[Subscription]:
    retries = st.builds(
        Retries,
        attempts=st.integers(0, 5),
        backoff_ms=st.integers(1, 10_000),
        factor=st.floats(1, 100),
        max_backoff_ms=st.integers(10_000, 10**9),
        mode=st.sampled_from(RetryMode),
    )
    return st.builds(
        Subscription,
        topic=st.just(topic),
        group=NAMES,
        start=st.sampled_from(Start),
        concurrency=st.integers(1, 9),
        retries=retries,
        dead_letter=st.booleans(),
        isolation=st.sampled_from(Isolation),
        delivery=st.sampled_from(Guarantee),
        lag=maybe(st.builds(LagObjective, maybe(st.integers(0, 99)), maybe(DURATIONS))),
    ).map(_coherent)


def _coherent(subscription: Subscription) -> Subscription:
    if subscription.exactly_once:
        return dataclasses.replace(subscription, isolation=Isolation.READ_COMMITTED)
    return subscription


SCHEMAS = st.fixed_dictionaries(
    {"type": st.just("object")},
    optional={
        "description": TEXTS,
        "properties": st.dictionaries(TEXTS, st.just({"type": "string"}), max_size=3),
        "default": st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(-1e300, 1e300) | TEXTS,
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
            max_leaves=4,
        ),
    },
)


@st.composite
def events(draw: st.DrawFn, name: str) -> Event:
    schemas = draw(st.lists(SCHEMAS, min_size=1, max_size=2))
    versions = tuple(EventVersion(n + 1, s, digest(s)) for n, s in enumerate(schemas))
    return Event(name, versions, Compatibility.NONE, draw(maybe(TEXTS)))


@st.composite
def services(draw: st.DrawFn, name: str, known: list[str]) -> Service:
    written = draw(st.lists(st.sampled_from(known), unique=True, max_size=2))
    read = draw(st.lists(st.sampled_from(known), unique=True, max_size=2))
    consumes = tuple(draw(subscriptions(topic)) for topic in read)
    return Service(name, tuple(written), consumes, draw(maybe(TEXTS)), draw(maybe(TEXTS)))


@st.composite
def catalogs(draw: st.DrawFn) -> Catalog:
    """A catalog without a flaw."""
    event_names = draw(st.lists(NAMES, unique=True, max_size=2))
    names = draw(st.lists(NAMES, unique_by=lambda n: n.replace(".", "_"), min_size=1, max_size=3))
    overrides = st.builds(TopicOverride, partitions=maybe(st.integers(1, 9)), **SIZING)
    catalog = Catalog(
        name=draw(TEXTS),
        topics={n: draw(topics(n, event_names, names)) for n in names},
        events={n: draw(events(n)) for n in event_names},
        services={n: draw(services(n, names)) for n in draw(st.lists(NAMES, max_size=2))},
        environments={
            n: Environment(
                n,
                draw(st.integers(1, 9)),
                draw(st.dictionaries(st.sampled_from(names), overrides, max_size=2)),
            )
            for n in draw(st.lists(NAMES, max_size=2))
        },
        tombstones={
            n: Tombstone(n, draw(TEXTS))
            for n in draw(st.lists(NAMES, max_size=1))
            if n not in names
        },
        policy=draw(st.builds(Policy, maybe(DURATIONS), DURATIONS)),
    )
    assume(not validation.flaws(catalog))
    return catalog


def bare(value: Any) -> Any:
    """The value without places and names of files, mappings as dicts."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: bare(getattr(value, f.name)) for f in dataclasses.fields(value)}
        forgotten = {"place": NOWHERE, "files": ()}
        return dataclasses.replace(value, **{k: forgotten.get(k, v) for k, v in fields.items()})
    if isinstance(value, Mapping):
        return {key: bare(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(bare(item) for item in value)
    return value
