from __future__ import annotations

import copy
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnflow_kafka.core.catalog import Compatibility, EventVersion
from learnflow_kafka.core.events.compatibility import breaks
from learnflow_kafka.core.events.containment import Direction, losses
from learnflow_kafka.core.events.schemas import digest

S: dict[str, Any] = {"type": "string"}
I: dict[str, Any] = {"type": "integer"}  # noqa: E741 - as short as S beside it


def obj(required: str = "", **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required.split(), "properties": properties}


def version(number: int, schema: dict[str, Any]) -> EventVersion:
    return EventVersion(number, schema, digest(schema))


def broken(old: Any, new: Any, rule: str) -> tuple[str, ...]:
    return breaks([version(1, old)], version(2, new), Compatibility(rule))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (obj("a", a=S), obj("a", a=S, b=I)),
        (obj("a", a=S), obj(a=S)),
        (obj("a", a=S, b=I), obj("a", a=S)),
        (obj(a=I), obj(a={"type": "number"})),
        (obj(a=S), obj(a={"type": ["string", "null"]})),
        (obj(a={"enum": ["x"]}), obj(a={"enum": ["x", "y"]})),
        (obj(a={"enum": ["x", 1]}), obj(a={"type": ["string", "integer"]})),
        (obj(a={"const": "xyz"}), obj(a={"type": "string", "minLength": 3})),
        (obj(a={"type": "string", "minLength": 3}), obj(a={"type": "string", "minLength": 1})),
        (obj(a={"type": "integer", "maximum": 3}), obj(a={"type": "integer", "maximum": 5})),
        (obj(a={"type": "string", "pattern": "^a"}), obj(a=S)),
        (obj(a={"type": "string", "format": "date-time"}), obj(a=S)),
        (obj(a=S), obj(a={"anyOf": [S, I]})),
        (obj(a={"anyOf": [S]}), obj(a={"anyOf": [I, S]})),
        (obj(a={"oneOf": [S, I], "title": "x"}), obj(a={"oneOf": [S, I], "title": "y"})),
        (
            {"$defs": {"d": S}, **obj(a={"$ref": "#/$defs/d"})},
            obj(a={"type": ["string", "null"]}),
        ),
        ({**obj(a=S), "additionalProperties": False}, obj(a=S, b=I)),
        (obj(a=S), {**obj(a=S), "description": "another"}),
        (obj(a=False), obj(a=S)),
        (obj(a=S), obj(a=True)),
    ],
)
def test_what_widens_an_event_is_backward_compatible(old: dict[str, Any], new: dict[str, Any]):
    """New readers still read every old event."""
    assert broken(old, new, "backward") == ()
    assert broken(new, old, "forward") == ()


@pytest.mark.parametrize(
    ("old", "new", "backward", "forward"),
    [
        (
            obj("a", a=S, session_id=S),
            obj("a session_id", a=S, session_id=S),
            "field 'session_id' became required",
            "field 'session_id' is no longer required, and readers of the old version need it",
        ),
        (
            obj(a=S),
            obj(a=I),
            "field 'a' changed its type from string to integer",
            "field 'a' changed its type from integer to string",
        ),
        (
            obj(a={"enum": ["x", "y"]}),
            obj(a={"enum": ["x"]}),
            "field 'a' no longer takes \"y\"",
            "field 'a' may now be \"y\", which readers of the old version refuse",
        ),
        (
            obj(a=S),
            obj(a={"enum": ["x"]}),
            "field 'a' takes only \"x\" now",
            "field 'a' is no longer one of \"x\"",
        ),
        (
            obj(c=obj(p=S)),
            obj(c=obj(p={"type": "string", "minLength": 2})),
            "field 'c.p' changed its minLength from none to 2",
            "field 'c.p' changed its minLength from 2 to none",
        ),
        (
            obj(t={"type": "array", "items": obj("n", n=S, m=S)}),
            obj(t={"type": "array", "items": obj("n m", n=S, m=S)}),
            "field 't[].m' became required",
            "field 't[].m' is no longer required, and readers of the old version need it",
        ),
        (
            obj(a=S),
            obj(a={"type": "string", "format": "uuid"}),
            "field 'a' changed its format from none to \"uuid\"",
            "field 'a' changed its format from \"uuid\" to none",
        ),
        (
            obj(a=S, b=S),
            {**obj(a=S), "additionalProperties": False},
            "field 'b' is no longer allowed",
            "field 'b' was added, and readers of the old version allow no further fields",
        ),
        (
            {"$defs": {"d": I}, **obj(a={"$ref": "#/$defs/d"})},
            {"$defs": {"d": S}, **obj(a={"$ref": "#/$defs/d"})},
            "field 'a' changed its type from integer to string",
            "field 'a' changed its type from string to integer",
        ),
        (
            obj(a={"oneOf": [S, I]}),
            obj(a={"oneOf": [S]}),
            "field 'a': a change of 'oneOf' cannot be judged",
            "field 'a': a change of 'oneOf' cannot be judged",
        ),
        (
            obj(a={"type": "object", "x-own": 1}),
            obj(a={"type": "object", "x-own": 2}),
            "field 'a': a change of 'x-own' cannot be judged",
            "field 'a': a change of 'x-own' cannot be judged",
        ),
        (
            obj(a=S),
            obj(a=False),
            "field 'a' is no longer allowed",
            "field 'a' was not allowed before",
        ),
    ],
)
def test_what_narrows_an_event_names_the_field(
    old: dict[str, Any], new: dict[str, Any], backward: str, forward: str
):
    """The same step breaks backward compatibility one way, and forward the other way."""
    assert backward in broken(old, new, "backward")
    assert forward in broken(new, old, "forward")


def test_a_removed_field_that_old_readers_need_is_named():
    """Forward compatibility forbids dropping a required field."""
    assert broken(obj("a b", a=S, b=S), obj("a", a=S), "forward") == (
        "field 'b' was removed, and readers of the old version need it",
    )


def test_full_is_both_and_none_is_neither():
    """`full` lets optional fields in and out; `none` lets everything."""
    assert broken(obj("a", a=S), obj("a", a=S, b=I), "full") == ()
    assert broken(obj(a=S), obj("a", a=S), "full") != ()
    assert broken(obj(a=I), obj("a", a=S), "none") == ()


def test_every_older_version_counts():
    """Topics hold events of all versions: a field may not come back as something else."""
    old = [version(1, obj(a=S)), version(2, obj())]

    assert breaks(old, version(3, obj(a=I)), Compatibility.BACKWARD) == (
        "field 'a' changed its type from string to integer",
    )


def test_recursive_schemas_end():
    """A tree that refers to itself is compared once."""
    old = {"$defs": {"n": obj(child={"$ref": "#/$defs/n"}, v=S)}, "$ref": "#/$defs/n"}
    new = {"$defs": {"n": obj(child={"$ref": "#/$defs/n"}, v=I)}, "$ref": "#/$defs/n"}

    assert losses(old, old, Direction.BACKWARD) == ()
    (loss,) = losses(old, new, Direction.BACKWARD)
    assert loss.endswith("v' changed its type from string to integer")


LEAVES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "integer", "number", "null", ["string", "null"]]),
        "enum": st.lists(
            st.sampled_from(["", "x", "xyz", 0, 1, 1.5, None]), min_size=1, max_size=3
        ),
        "const": st.sampled_from(["x", 1, None]),
        "minLength": st.integers(0, 3),
        "maxLength": st.integers(0, 3),
        "minimum": st.integers(-1, 2),
        "exclusiveMaximum": st.integers(0, 3),
        "multipleOf": st.sampled_from([1, 2]),
        "pattern": st.sampled_from(["^x", "z$"]),
    },
)


def deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(inner, min_size=1, max_size=2)
    return st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("object")},
            optional={
                "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
                "required": st.lists(st.sampled_from("ab"), unique=True, max_size=2),
                "additionalProperties": st.booleans() | inner,
                "minProperties": st.integers(0, 2),
                "dependentRequired": st.just({"a": ["b"]}),
                "propertyNames": st.just({"pattern": "a"}),
            },
        ),
        st.fixed_dictionaries(
            {"type": st.just("array")},
            optional={
                "items": inner,
                "prefixItems": some,
                "minItems": st.integers(0, 2),
                "maxItems": st.integers(0, 2),
                "uniqueItems": st.booleans(),
                "contains": inner,
            },
        ),
        st.fixed_dictionaries(
            {}, optional={"allOf": some, "anyOf": some, "oneOf": some, "not": inner}
        ),
        st.just({"$ref": "#/$defs/d"}),
    )


PARTS = st.recursive(st.booleans() | LEAVES, deeper, max_leaves=4)
WHOLES = st.builds(
    lambda d, rest: {"$defs": {"d": d}, **(rest if isinstance(rest, dict) else {})},
    st.booleans() | LEAVES,
    PARTS,
)
VALUES = st.recursive(
    st.sampled_from(["", "x", "xyz", -1, 0, 1, 2, 1.5, None, True]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=5,
)


def declared(schema: Any, value: Any, root: Any) -> bool:
    """Whether a value has only fields that the schema declares (we take that for granted)."""
    if isinstance(schema, dict) and "$ref" in schema:
        schema = root["$defs"]["d"]
    if not isinstance(schema, dict) or not isinstance(value, dict | list):
        return not isinstance(value, dict | list) or not value
    if isinstance(value, list):
        return all(declared(schema.get("items"), item, root) for item in value)
    known = schema.get("properties", {})
    return all(key in known and declared(known[key], item, root) for key, item in value.items())


@given(WHOLES)
def test_a_schema_allows_what_it_allows(schema: dict[str, Any]):
    """No schema breaks with itself, however odd."""
    assert losses(schema, schema, Direction.BACKWARD) == ()


def mappings(schema: Any) -> list[dict[str, Any]]:
    """The schema and every mapping inside it, `$defs` apart."""
    if isinstance(schema, list):
        return [found for item in schema for found in mappings(item)]
    if not isinstance(schema, dict):
        return []
    parts = [
        *schema.get("properties", {}).values(),
        *(v for k, v in schema.items() if k not in {"$defs", "properties", *_PLAIN}),
    ]
    return [schema, *(found for part in parts for found in mappings(part))]


_PLAIN = {"dependentRequired", "enum", "const", "required", "type"}


@st.composite
def steps(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A schema and another one that is an edit or two away, in either order."""
    one = draw(WHOLES)
    other = copy.deepcopy(one)
    for _ in range(draw(st.integers(1, 2))):
        part = draw(st.sampled_from(mappings(other)))
        removable = [key for key in part if key != "$defs"]
        if removable and draw(st.sampled_from([True, False])):
            del part[draw(st.sampled_from(removable))]
        else:
            part.update(copy.deepcopy(draw(st.one_of(LEAVES, deeper(st.booleans() | LEAVES)))))
    return (one, other) if draw(st.booleans()) else (other, one)


@settings(max_examples=600, deadline=None)
@given(steps(), st.lists(VALUES, min_size=4, max_size=12))
def test_no_loss_means_that_every_event_passes(
    step: tuple[dict[str, Any], dict[str, Any]], values: list[Any]
):
    """Whatever the narrower schema allows, the wider one does, where we say that it does."""
    narrow, wide = step
    if losses(narrow, wide, Direction.BACKWARD):
        return
    allowed, checker = (jsonschema.Draft202012Validator(schema) for schema in step)
    sent = [v for v in values if declared(narrow, v, narrow) and allowed.is_valid(v)]

    assert [value for value in sent if not checker.is_valid(value)] == []
