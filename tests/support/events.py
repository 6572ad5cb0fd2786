"""Random events of the generated classes, and topics for them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from learnflow_kafka.sdk.contract import Envelope, EventType, Topic

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class Lesson(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step of a lesson, with times at every depth."""

    at: dt.datetime
    steps: list[Lesson] = msgspec.field(default_factory=list)
    marks: dict[str, dt.datetime] | None = None
    from_: str | None = msgspec.field(default=None, name="from")


def topic_of(
    *classes: type[Any],
    envelope: Envelope = Envelope.STRUCTURED,
    key: str | None = None,
    name: str = "lessons",
) -> Topic[Any]:
    """A topic that carries the classes, each as an event of its name in lower case."""
    events = tuple(EventType(c.__name__.lower(), c, 2, schema_uri="urn:event:x:2") for c in classes)
    return Topic(name, events, key=key, envelope=envelope)


def events(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Any valid event of a class, as a decoder would give it."""
    return _values(inspect.type_info(cls))


def _values(info: inspect.Type) -> st.SearchStrategy[Any]:
    return _MAKERS[type(info)](info)


def _struct(info: inspect.StructType) -> st.SearchStrategy[Any]:
    required = {f.name: _values(f.type) for f in info.fields if f.required}
    optional = {f.name: _values(f.type) for f in info.fields if not f.required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda given: info.cls(**given))


def _whole(info: inspect.IntType) -> st.SearchStrategy[Any]:
    lowest = -(2**63) if info.ge is None else info.ge
    return st.integers(lowest, 2**63 - 1 if info.le is None else info.le)


def _number(info: inspect.FloatType) -> st.SearchStrategy[Any]:
    return st.floats(info.ge, info.le, allow_nan=False, allow_infinity=False)


_MAKERS: dict[type, Callable[[Any], st.SearchStrategy[Any]]] = {
    inspect.StructType: _struct,
    inspect.UnionType: lambda info: st.one_of([_values(t) for t in info.types]),
    inspect.StrType: lambda info: st.text(min_size=info.min_length or 0, max_size=info.max_length),
    inspect.IntType: _whole,
    inspect.FloatType: _number,
    inspect.ListType: lambda info: st.lists(_values(info.item_type), max_size=3),
    inspect.DictType: lambda _: st.dictionaries(st.text(), JSON, max_size=3),
    inspect.LiteralType: lambda info: st.sampled_from(info.values),
    inspect.BoolType: lambda _: st.booleans(),
    inspect.NoneType: lambda _: st.none(),
}
