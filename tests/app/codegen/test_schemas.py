"""What each rule of JSON Schema becomes, and what is refused."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import msgspec
import pytest
from tests.support.schemas import catalog_of, class_of, event, fields

from learnflow_kafka.app.codegen import generate
from learnflow_kafka.errors import CatalogError, Problem


def reads(schema: dict[str, Any], value: object) -> Any:
    """The value of the field `f` as its class reads it."""
    made = class_of(fields({"f": schema}, "f"))
    return msgspec.json.decode(msgspec.json.encode({"f": value}), type=made).f


def problems(*schemas: dict[str, Any]) -> tuple[Problem, ...]:
    """What codegen says to a schema that it cannot use."""
    with pytest.raises(CatalogError) as caught:
        generate(catalog_of(*(event(s, name=f"e{n}") for n, s in enumerate(schemas))))
    return caught.value.problems


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "string"}, ["", "é"], [1, None]),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "äöü"], ["a", "abcd"]),
        ({"type": "string", "pattern": "^[A-Z]\\d+$"}, ["A1"], ["a1", "A"]),
        ({"type": "string", "pattern": 'say "it\'s"\\\\'}, ['say "it\'s"\\'], ["say"]),
        ({"type": "integer"}, [-1, 2**60], [1.5, "1", True]),
        ({"type": "integer", "minimum": 0.5, "exclusiveMaximum": 3}, [1, 2], [0, 3]),
        ({"type": "integer", "exclusiveMinimum": 1, "minimum": 0}, [2], [1]),
        ({"type": "integer", "multipleOf": 5}, [0, 10], [3]),
        ({"type": "number"}, [1, 1.5], ["1", True]),
        ({"type": "number", "minimum": 0, "exclusiveMaximum": 1}, [0, 0.99], [1, -0.1]),
        ({"type": "number", "exclusiveMinimum": 1, "minimum": 1}, [1.1], [1]),
        ({"type": ["number", "null"], "maximum": 1}, [None, 1], [2, "x"]),
        ({"type": ["integer", "number"]}, [1, 1.5], ["x"]),
        ({"type": "boolean"}, [True], [0, "true"]),
        ({"type": "null"}, [None], [0]),
        ({"type": ["string", "integer"], "minLength": 1, "minimum": 5}, ["a", 5], ["", 4, 1.5]),
        ({"enum": ["a", "b"]}, ["a", "b"], ["c", None]),
        ({"enum": ["a", None, 1]}, ["a", None, 1], ["b", 2]),
        ({"type": "string", "enum": ["a", None]}, ["a"], [None]),
        ({"const": "x"}, ["x"], ["y"]),
        ({"type": "array"}, [[], [1, "a", None]], [{}, "a"]),
        ({"type": "array", "items": {"type": "integer"}}, [[1]], [["a"], [None]]),
        ({"type": "array", "items": {"type": ["integer", "null"]}}, [[1, None]], [["a"]]),
        ({"type": "array", "minItems": 1, "maxItems": 2}, [[1], [1, 2]], [[], [1, 2, 3]]),
        ({"type": "array", "uniqueItems": False}, [[1, 1]], [1]),
        ({"type": "object"}, [{}, {"a": [1]}], [[], None]),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, [{"a": 1}], [{"a": "x"}]),
        ({"type": "object", "minProperties": 1, "maxProperties": 1}, [{"a": 1}], [{}]),
        ({}, [1, None, {"a": []}], []),
        ({"description": "any", "deprecated": True, "x-note": 1}, [1, None], []),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, ["a", None], [1]),
        ({"oneOf": [{"type": "integer"}, {"type": "array"}]}, [1, [1]], ["a"]),
        ({"type": "string", "format": "email"}, ["not one"], [1]),
    ],
)
def test_a_rule_holds_in_python(schema: dict[str, Any], good: list[Any], bad: list[Any]) -> None:
    """What the schema allows is read unchanged, and what it forbids is refused."""
    made = class_of(fields({"f": schema}, "f"))

    for value in good:
        assert msgspec.convert({"f": value}, made).f == value
    for value in bad:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"f": value}, made)


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (
            {"format": "date-time"},
            "2026-01-02T03:04:05Z",
            dt.datetime(2026, 1, 2, 3, 4, 5, 0, dt.UTC),
        ),
        ({"format": "date"}, "2026-01-02", dt.date(2026, 1, 2)),
        ({"format": "time"}, "03:04:05Z", dt.time(3, 4, 5, tzinfo=dt.UTC)),
        ({"format": "uuid"}, str(uuid.UUID(int=7)), uuid.UUID(int=7)),
        ({"contentEncoding": "base64"}, "aGk=", b"hi"),
    ],
)
def test_formats_with_a_type_of_their_own(schema: dict[str, Any], text: str, value: object) -> None:
    """Dates, times, ids and bytes are values in Python, not texts."""
    assert reads({"type": "string", **schema}, text) == value


def test_what_is_not_required_is_none_and_not_sent() -> None:
    """An absent field, and null, which services send, are None; None is left out."""
    made = class_of(fields({"f": {"type": "string"}, "g": {"type": ["string", "null"]}}, "g"))

    for text in (b'{"g":null}', b'{"g":null,"f":null}'):
        assert msgspec.json.decode(text, type=made) == made(g=None)
    assert msgspec.json.encode(made(g=None)) == b'{"g":null}'


def test_a_default_is_set_and_sent() -> None:
    """The schema's default is the class's, and is written out for readers with another."""
    made = class_of(
        fields(
            {
                "n": {"type": "integer", "default": 30},
                "s": {"type": "string", "default": "it's"},
                "l": {"type": "array", "items": {"type": "integer"}, "default": [1]},
                "b": {"type": "boolean", "default": False},
            }
        )
    )

    assert msgspec.json.encode(made()) == b'{"n":30,"s":"it\'s","l":[1],"b":false}'
    assert made().l is not made().l


def test_names_become_pythons() -> None:
    """Keywords, other spellings and names that the module needs are renamed, on the wire not."""
    names = ["from", "studentId", "2nd", "with-dash", "str", "é", "id"]
    made = class_of(fields({name: {"type": "integer"} for name in names}))
    spelled = ["from_", "student_id", "n_2_nd", "with_dash", "str_", "n_", "id"]

    assert list(made.__struct_fields__) == spelled
    assert msgspec.json.decode(msgspec.json.encode(dict.fromkeys(names, 1)), type=made) == made(
        **dict.fromkeys(spelled, 1)
    )


def test_objects_become_classes() -> None:
    """Nested objects, objects in lists and definitions have classes of their own."""
    inner = fields({"b": {"type": "integer"}}, "b")
    made = class_of(
        fields(
            {
                "one": inner,
                "many": {"type": "array", "items": inner},
                "named": {"type": "object", "additionalProperties": {"$ref": "#/$defs/part"}},
                "text": {"$ref": "#/$defs/text"},
            },
            **{"$defs": {"part": inner, "text": {"type": "string", "minLength": 1}}},
        )
    )
    text = b'{"one":{"b":1},"many":[{"b":2}],"named":{"x":{"b":3}},"text":"t"}'
    read = msgspec.json.decode(text, type=made)

    assert msgspec.json.encode(read) == text
    assert [type(v).__name__ for v in (read.one, read.many[0], read.named["x"])] == [
        "OrderPlacedOne",
        "OrderPlacedManyItem",
        "OrderPlacedPart",
    ]


@pytest.mark.parametrize("target", ["#", "#/$defs/node"])
def test_a_class_may_hold_itself(target: str) -> None:
    """Trees are classes that refer to themselves."""
    node = fields({"kids": {"type": "array", "items": {"$ref": target}}})
    root = (
        node if target == "#" else fields({"kids": {"$ref": target}}, **{"$defs": {"node": node}})
    )
    made = class_of(root)

    assert msgspec.json.decode(b'{"kids":[]}' if target == "#" else b'{"kids":{}}', type=made)


@pytest.mark.parametrize(
    ("schema", "path", "words"),
    [
        ({"if": {"type": "string"}, "type": "string"}, "if", "the rule 'if'"),
        ({"type": "string", "not": {"const": "x"}}, "not", "the rule 'not'"),
        ({"allOf": [{"minLength": 1}]}, "allOf", "the rule 'allOf'"),
        ({"type": "string", "minimum": 1}, "minimum", "the rule 'minimum'"),
        ({"minLength": 1}, "", "any type"),
        ({"type": "string", "nullable": True}, "nullable", "the rule 'nullable'"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems", "unique"),
        ({"type": "array", "prefixItems": []}, "prefixItems", "the rule"),
        ({"type": "array", "items": False}, "items", "`false`"),
        ({"type": "object", "patternProperties": {}}, "patternProperties", "the rule"),
        ({"type": "object", "required": ["a"]}, "required", "not declared"),
        (fields({"a": {}}, "b"), "required", "'b' is required"),
        (fields({"a": {}}, minProperties=1), "minProperties", "count its fields"),
        (
            fields({"a": {}}, additionalProperties={"type": "string"}),
            "additionalProperties",
            "typed",
        ),
        ({"enum": [1.5]}, "enum", "the choice 1.5"),
        ({"enum": [True]}, "enum", "the choice True"),
        ({"type": "string", "enum": [1]}, "enum", "no choice"),
        ({"enum": ["a"], "minLength": 1}, "minLength", "the rule"),
        ({"anyOf": [fields({"a": {}}), fields({"b": {}})]}, "", "two types of objects"),
        ({"oneOf": [{"type": "string"}, {"type": "string", "format": "date"}]}, "", "two types"),
        ({"anyOf": [{}, {"type": "string"}]}, "", "anythings"),
        ({"type": "string", "pattern": "(?<n>a)(*)"}, "pattern", "no pattern in Python"),
        ({"type": "string", "format": "date-time", "minLength": 1}, "minLength", "a rule for"),
        ({"type": "string", "contentEncoding": "hex"}, "contentEncoding", "the encoding"),
        ({"type": "integer", "multipleOf": 0.5}, "multipleOf", "multiples of 0.5"),
        ({"type": "integer", "maximum": 2**70}, "maximum", "beyond 64 bits"),
        ({"type": "integer", "exclusiveMinimum": True}, "exclusiveMinimum", "not a number"),
        ({"$ref": "#/$defs/none"}, "$ref", "not in this schema"),
        ({"$ref": "other.json"}, "$ref", "not in this schema"),
        ({"$ref": "#/properties/f"}, "$ref", "refers to itself"),
        ({"$ref": "#", "minProperties": 1}, "minProperties", "the rule"),
        ({"type": "integer", "default": "x"}, "default", "not of its type"),
        ({"enum": ["a", "b"], "default": "c"}, "default", "not of its type"),
        ({"type": "object", "default": {"a": 1}}, "default", "with fields"),
        ({"type": "string", "format": "date", "default": "2026-01-01"}, "default", "a default for"),
    ],
)
def test_what_python_cannot_say_is_refused(schema: dict[str, Any], path: str, words: str) -> None:
    """Nothing is loosened silently: the problem names event, version, place and rule."""
    (found,) = problems(fields({"f": schema}))

    assert (found.file, found.line) == ("shop/events.yaml", 7)
    assert found.path.startswith("events.e0.versions.1.properties.f")
    assert found.path.endswith(path)
    assert words in found.what


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "array"}, "an object with fields"),
        ({"type": "object"}, "an object with fields"),
        (fields({"a": {}}, allOf=[]), "the rule 'allOf'"),
        (fields({"aB": {}, "a_b": {}}), "would both be 'a_b'"),
    ],
)
def test_an_event_is_an_object_with_fields(schema: dict[str, Any], words: str) -> None:
    """Other events, and fields of one name, are refused."""
    (found,) = problems(schema)

    assert words in found.what


def test_all_problems_come_at_once() -> None:
    """Every unusable rule of every event is told, not the first."""
    bad = {"type": "string", "not": {}}
    found = problems(fields({"a": bad, "b": bad}), fields({"c": bad}))

    assert [p.path for p in found] == [
        "events.e0.versions.1.properties.a.not",
        "events.e0.versions.1.properties.b.not",
        "events.e1.versions.1.properties.c.not",
    ]
