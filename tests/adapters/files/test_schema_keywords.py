from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped] # has none

from learnflow_kafka.adapters.files.schema_keywords import KEYWORDS, unknown_keywords

DRAFT = "https://json-schema.org/draft/2020-12/"


def test_the_keywords_are_those_of_the_draft():
    """Every vocabulary of draft 2020-12, and `definitions`, which references find all the same."""
    meta = jsonschema.Draft202012Validator.META_SCHEMA
    assert isinstance(meta, Mapping)
    found = {
        word
        for vocabulary in meta["allOf"]
        for word in REGISTRY.contents(DRAFT + str(vocabulary["$ref"]))["properties"]
    }

    assert found | {"definitions"} == KEYWORDS


@pytest.mark.parametrize(
    ("schema", "path", "instead"),
    [
        ({"requird": ["a"]}, ("requird",), "did you mean 'required'?"),
        ({"propertis": {"a": {"tpye": 1}}}, ("propertis",), "did you mean 'properties'?"),
        ({"schema": {"type": "object"}}, ("schema",), "one level up"),
        ({"properties": {"a": {"tpye": 1}}}, ("properties", "a", "tpye"), "did you mean 'type'?"),
        ({"items": {"maxlength": 1}}, ("items", "maxlength"), "did you mean 'maxLength'?"),
        ({"allOf": [{}, {"iff": {}}]}, ("allOf", 1, "iff"), "did you mean 'if'?"),
        ({"$defs": {"a": {"nullable": True}}}, ("$defs", "a", "nullable"), "'null'"),
        ({"dependencies": {}}, ("dependencies",), "dependentRequired"),
        ({"zzzzzzzz": 1}, ("zzzzzzzz",), "begin it with `x-`"),
    ],
)
def test_a_word_that_checks_nothing_is_told_with_the_nearest_one(
    schema: dict[str, Any], path: tuple[str | int, ...], instead: str
):
    """Wherever a schema may stand; what an unknown word holds is not looked at."""
    ((where, what, hint),) = unknown_keywords(schema)

    assert where == path
    assert repr(path[-1]) in what
    assert instead in (hint or "")


@pytest.mark.parametrize(
    "schema",
    [
        {"x-owner": "me", "properties": {"requird": {"x-pii": True}}},
        {"const": {"requird": 1}, "enum": [{"requird": 1}], "default": {"requird": 1}},
        {
            "examples": [{"requird": 1}],
            "required": ["requird"],
            "dependentRequired": {"requird": []},
        },
        {"additionalProperties": False, "items": True, "definitions": {"requird": {}}},
    ],
)
def test_names_and_data_are_no_keywords(schema: dict[str, Any]):
    """Fields may be called anything, and so may what a value holds; `x-...` is free."""
    assert [*unknown_keywords(schema)] == []
