"""Classes of two versions of an event read each other's records, as the rule promises."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.support.schemas import catalog_of, event, fields, loaded

from learnflow_kafka.app.codegen import generate
from learnflow_kafka.core.catalog import Compatibility
from learnflow_kafka.core.events.compatibility import breaks
from learnflow_kafka.sdk.codec import Decoded, Reader, Writer
from learnflow_kafka.sdk.contract import AnyTopic

TEXT = {"type": "string"}
ID = {"id": TEXT}

BACKWARD: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "an optional field more": (fields(ID, "id"), fields(ID | {"n": TEXT}, "id"), {"id": "a"}),
    "a field less": (fields(ID | {"n": TEXT}, "id"), fields(ID, "id"), {"id": "a", "n": "b"}),
    "a field not required any more": (fields(ID, "id"), fields(ID), {"id": "a"}),
    "a choice more": (
        fields({"c": {"type": "string", "enum": ["a"]}}, "c"),
        fields({"c": {"type": "string", "enum": ["a", "b"]}}, "c"),
        {"c": "a"},
    ),
    "null allowed": (
        fields(ID, "id"),
        fields({"id": {"type": ["string", "null"]}}, "id"),
        {"id": "a"},
    ),
    "whole numbers become numbers": (
        fields({"n": {"type": "integer"}}, "n"),
        fields({"n": {"type": "number"}}, "n"),
        {"n": 3},
    ),
    "a limit loosened": (
        fields({"n": {"type": "integer", "minimum": 5}}, "n"),
        fields({"n": {"type": "integer", "minimum": 0}}, "n"),
        {"n": 5},
    ),
    "a pattern dropped": (
        fields({"id": {"type": "string", "pattern": "^a"}}, "id"),
        fields(ID, "id"),
        {"id": "ab"},
    ),
    "a nested field more": (
        fields({"o": fields(ID, "id")}, "o"),
        fields({"o": fields(ID | {"n": TEXT}, "id")}, "o"),
        {"o": {"id": "a"}},
    ),
}
"""What a new version may change, with an event of the old one."""


def carried(*schemas: dict[str, Any], rule: Compatibility) -> tuple[AnyTopic, Any]:
    """The topic and the class of the newest of these versions."""
    module = loaded(generate(catalog_of(event(*schemas, rule=rule))))
    return module.ORDER_PLACED, module.OrderPlaced


@pytest.mark.parametrize("change", list(BACKWARD))
def test_new_readers_read_old_events(change: str) -> None:
    """Every change that `backward` allows leaves old records readable."""
    old, new, sent = BACKWARD[change]
    versions = event(old, new).versions
    assert breaks(versions[:1], versions[1], Compatibility.BACKWARD) == ()
    old_topic, _ = carried(old, rule=Compatibility.BACKWARD)
    new_topic, _ = carried(old, new, rule=Compatibility.BACKWARD)

    _passes(sent, old_topic, new_topic)


@pytest.mark.parametrize("change", list(BACKWARD))
def test_old_readers_read_new_events(change: str) -> None:
    """The same changes the other way round are what `forward` allows."""
    new, old, sent = BACKWARD[change]
    versions = event(old, new).versions
    assert breaks(versions[:1], versions[1], Compatibility.FORWARD) == ()
    old_topic, _ = carried(old, rule=Compatibility.FORWARD)
    new_topic, _ = carried(old, new, rule=Compatibility.FORWARD)

    _passes(sent, new_topic, old_topic)


def _passes(sent: dict[str, Any], writing: AnyTopic, reading: AnyTopic) -> None:
    """An event of one class is written, and read by the other with every field they share."""
    bare = Reader(writing).read(_json(sent), None)
    assert isinstance(bare, Decoded)
    record = Writer(writing, "/shop/web").write(bare.event)
    found = Reader(reading).read(record.value, record.headers)

    assert isinstance(found, Decoded), found
    shared = set(found.event.__struct_fields__) & set(bare.event.__struct_fields__)
    for name in shared:
        assert _plain(getattr(found.event, name)) == _plain(getattr(bare.event, name))


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)


def _plain(value: object) -> object:
    found = msgspec.to_builtins(value)
    return {k: v for k, v in found.items() if k == "id"} if isinstance(found, dict) else found
