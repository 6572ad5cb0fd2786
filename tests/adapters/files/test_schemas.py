from __future__ import annotations

from collections.abc import Callable

import pytest

from learnflow_kafka.errors import Problem

Problems = Callable[..., list[Problem]]
EVENT = "events:\n  e:\n    versions: {1: s.json}\n"


@pytest.mark.parametrize(
    ("schema", "line", "what"),
    [
        ('{"type": "object",\n oops}', 2, "is not JSON: Expecting property name"),
        ('{"a": 1, "a": 2}', 4, "the key 'a' stands in one object twice"),
        ('{"minimum": NaN}', 4, "NaN is not JSON"),
        ("[1]", 4, "holds no JSON object"),
        ("[" * 100_000, 4, "nested too deeply"),
        ('{"const": "\\ud800"}', 4, "half of a surrogate pair"),
        ('{\n "required": "a"}', 2, "'a' is not of type 'array'"),
        ('{\n "properties": {\n  "a": {"type": "int"}}}', 3, "'int' is no type"),
        ('{"items": {"anyOf": [\n{"type": ["strng"]}]}}', 2, "is no type"),
        ('{"$defs": {"a": {"properties": {"b":\n{"type": "strng"}}}}}', 2, "did you mean 'string'"),
        ('{"$schema": "http://json-schema.org/draft-07/schema#"}', 1, "only draft 2020-12"),
        ('{\n "$ref": "#/$defs/x"}', 2, "leads nowhere in this schema"),
        ('{"$ref": "https://example.org/x"}', 1, "only #/... is followed"),
        ('{"$defs": {"x": {"$ref": "#/$defs/x"}}}', 1, "refers to itself without end"),
        ('{"$ref": "#"}', 1, "refers to itself without end"),
        ('{"items": {"$id": "y"}}', 1, "only the whole schema may have an $id"),
        ('{"$dynamicRef": "#a"}', 1, "dynamic references"),
        ('{"pattern": "("}', 1, "not a regular expression"),
        ('{"patternProperties": {"*": {}}}', 1, "not a regular expression"),
    ],
)
def test_a_schema_file_that_is_no_schema_says_where(
    problems: Problems, schema: str, line: int, what: str
):
    """JSON's and JSON Schema's rules are checked with the line of the schema's own file."""
    (problem,) = problems(EVENT, s=schema)

    assert problem.line == line
    assert what in problem.what


def test_fields_may_have_the_names_of_keywords(load_text: Callable[..., object]):
    """A field called `pattern`, `$ref`, `const` or `default` is a field like others."""
    schema = (
        '{"properties": {"pattern": {"type": "string"}, "const": {"type": "string"}, '
        '"$ref": {"type": "string"}}, "default": {"$ref": "x", "pattern": "("}}'
    )

    assert load_text(EVENT, s=schema)


def test_an_invalid_version_beside_another_is_one_problem(problems: Problems):
    """What is no schema is not compared with anything."""
    (problem,) = problems(
        "events: {e: {versions: {1: {properties: {a: x}}, 2: {properties: {a: {}}}}}}\n"
    )

    assert "is not a JSON Schema that can be used" in problem.what
