"""
Words of a JSON Schema that no checker knows, and that turn a check off by being there.

JSON Schema ignores what it does not know: `requird` asks for nothing. The words are those of draft
2020-12; `x-...` is left to whoever writes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from learnflow_kafka.core.suggest import did_you_mean

_ONE: Final = frozenset(
    [
        "additionalProperties",
        "contains",
        "contentSchema",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    ]
)
"""What holds a schema."""

_LISTS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
"""What holds schemas in a list."""

_NAMED: Final = frozenset(
    {"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"}
)
"""What holds schemas by name. `definitions` is the older name of `$defs`; references find both."""

_PLAIN: Final = frozenset(
    [
        "$anchor",
        "$comment",
        "$dynamicAnchor",
        "$dynamicRef",
        "$id",
        "$ref",
        "$schema",
        "$vocabulary",
        "const",
        "contentEncoding",
        "contentMediaType",
        "default",
        "dependentRequired",
        "deprecated",
        "description",
        "enum",
        "examples",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "maxContains",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minContains",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "pattern",
        "readOnly",
        "required",
        "title",
        "type",
        "uniqueItems",
        "writeOnly",
    ]
)

KEYWORDS: Final = _ONE | _LISTS | _NAMED | _PLAIN

_INSTEAD: Final = {
    "additionalItems": "write `items` beside `prefixItems`",
    "dependencies": "write `dependentRequired` or `dependentSchemas`",
    "example": "write `examples`, a list",
    "id": "write `$id`",
    "nullable": "write `type: [..., 'null']`",
    "schema": "write what is in it one level up: the schema itself stands here",
}
"""Words of older drafts, of OpenAPI, and of those who wrap a schema."""

Path = tuple[str | int, ...]


def unknown_keywords(schema: Mapping[str, Any]) -> Iterator[tuple[Path, str, str | None]]:
    """Each word that draft 2020-12 does not have: its path, what is wrong, what to write."""
    todo: list[tuple[Path, object]] = [((), schema)]
    while todo:
        path, part = todo.pop(0)
        if not isinstance(part, Mapping):
            continue
        for word, value in part.items():
            where = (*path, word)
            if word not in KEYWORDS and not word.startswith("x-"):
                yield where, f"JSON Schema has no keyword {word!r}: it checks nothing", _hint(word)
            todo += _inside(where, word, value)


def _hint(word: str) -> str:
    fallback = "remove it, or begin it with `x-`"
    return _INSTEAD.get(word) or did_you_mean(word, sorted(KEYWORDS)) or fallback


def _inside(path: Path, word: str, value: object) -> list[tuple[Path, object]]:
    """The schemas that a keyword holds; what an unknown one holds may be anything."""
    if word in _ONE:
        return [(path, value)]
    if word in _LISTS and isinstance(value, list):
        return [((*path, position), item) for position, item in enumerate(value)]
    if word in _NAMED and isinstance(value, Mapping):
        return [((*path, name), item) for name, item in value.items()]
    return []
