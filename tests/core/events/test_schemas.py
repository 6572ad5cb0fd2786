from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnflow_kafka.core.events.schemas import (
    WHOLE,
    canonical,
    changed_fields,
    digest,
    field_digests,
    resolve,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=10,
)
FIELDS = st.dictionaries(
    st.sampled_from(["a", "b", "a.b", "[]", ""]),
    st.sampled_from([{"type": "string"}, {"type": "integer"}, {"items": {"type": "null"}}]),
)
SCHEMAS = st.fixed_dictionaries(
    {"properties": FIELDS, "required": st.lists(st.sampled_from(["a", "b", "c"]), unique=True)},
    optional={"title": st.sampled_from(["x", "y"])},
)


@given(JSON)
def test_the_canonical_text_means_the_same(value: object):
    """Reading the canonical text gives the value, whatever its order or spacing was."""
    again = json.loads(canonical(value))

    assert again == value
    assert canonical(again) == canonical(value)


def test_the_digest_does_not_depend_on_how_the_schema_is_written():
    """Order of keys and `1.0` for `1` are spelling."""
    assert digest({"b": 1.0, "a": []}) == digest({"a": [], "b": 1})


def test_the_digest_can_be_computed_without_us():
    """It is the SHA-256 of the sorted compact JSON."""
    text = '{"a":"é","b":[1,2]}'

    assert digest({"b": [1, 2], "a": "é"}) == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def test_what_json_does_not_have_has_no_digest():
    """Not-a-number cannot be published."""
    with pytest.raises(ValueError, match="JSON"):
        digest({"minimum": float("nan")})


@given(SCHEMAS, SCHEMAS)
def test_fields_differ_exactly_where_schemas_differ(one: dict[str, Any], other: dict[str, Any]):
    """Equal field digests mean equal schemas (the order of `required` is spelling)."""
    same = digest(one) == digest(other)
    named = changed_fields(field_digests(one), field_digests(other))

    assert (not named) or not same
    if not same:
        assert named or sorted(one["required"]) == sorted(other["required"])


def test_a_nested_field_is_named_and_its_parents_are_not():
    """The deepest field that changed is the one that is named."""
    before = {
        "properties": {
            "a": {"properties": {"b": {"type": "string"}}},
            "c": {"type": "array", "items": {"properties": {"d": {"type": "string"}}}},
        }
    }
    after = json.loads(json.dumps(before).replace("string", "integer"))

    assert changed_fields(field_digests(before), field_digests(after)) == (
        "field 'a.b' was changed",
        "field 'c[].d' was changed",
    )


def test_becoming_required_changes_that_field():
    """`required` belongs to the field it names."""
    before = {"properties": {"a": {}, "b": {}}, "required": ["a"]}
    after = {"properties": {"a": {}, "b": {}}, "required": ["a", "b"]}

    assert changed_fields(field_digests(before), field_digests(after)) == ("field 'b' was changed",)


def test_the_rest_of_a_schema_is_the_event_itself():
    """What belongs to no field is named as such."""
    found = changed_fields(field_digests({"title": "x"}), field_digests({"title": "y"}))

    assert found == ("the event itself was changed",)
    assert set(field_digests({})) == {WHOLE}


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("#/$defs/a~1b", {"type": "string"}),
        ("#/$defs/c%20d", True),
        ("#/allOf/0", {"title": "x"}),
        ("#/allOf/1", None),
        ("#/allOf/x", None),
        ("#/title", None),
        ("#anchor", None),
        ("https://example.org/x", None),
        ("x", None),
    ],
)
def test_references_are_followed_inside_the_schema_only(reference: str, found: object):
    """A JSON pointer into the same schema leads to a schema; all else leads nowhere."""
    root = {
        "$defs": {"a/b": {"type": "string"}, "c d": True},
        "allOf": [{"title": "x"}],
        "title": "t",
    }

    assert resolve(reference, root) == found
    assert resolve("#", root) == root
