"""
What a JSON Schema must be to serve as an event's schema.

Beyond the rules of draft 2020-12: it stands on its own (a catalog is checked offline), its
references lead somewhere and end, and its patterns work in the checker that we have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from learnflow_kafka.core.events.schemas import resolve
from learnflow_kafka.core.suggest import did_you_mean

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_TYPES: Final = ("array", "boolean", "integer", "null", "number", "object", "string")
_LONG: Final = 200
_NAMED: Final = {"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"}
_DATA: Final = {"const", "default", "enum", "examples"}

Path = tuple[str | int, ...]
Fault = tuple[Path, str]


def schema_faults(schema: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Where a schema breaks the rules, as paths inside it, and how."""
    import jsonschema  # noqa: PLC0415 - loaded only where a schema is new

    declared = schema.get("$schema", DRAFT)
    if not isinstance(declared, str) or declared.rstrip("#") != DRAFT:
        return ((("$schema",), f"only draft 2020-12 is read here; write {DRAFT}"),)
    checker = jsonschema.Draft202012Validator(jsonschema.Draft202012Validator.META_SCHEMA)
    try:
        faults = [(tuple(e.absolute_path), _fault(e)) for e in checker.iter_errors(dict(schema))]
    except RecursionError:
        return (((), "it is nested too deeply"),)
    return tuple(faults or _own_rules(schema))


def _fault(error: ValidationError) -> str:
    if error.absolute_path and error.absolute_path[-1] == "type" and error.validator == "anyOf":
        word = error.instance if isinstance(error.instance, str) else ""
        hint = did_you_mean(word, _TYPES) or f"write one of: {', '.join(_TYPES)}"
        return f"{error.instance!r} is no type; {hint}"
    return error.message[:_LONG]


def _own_rules(schema: Mapping[str, Any]) -> Iterator[Fault]:
    for path, part in _subschemas(schema):
        if "$dynamicRef" in part:
            yield (*path, "$dynamicRef"), "dynamic references are not followed; write $ref"
        if path and "$id" in part:
            yield (*path, "$id"), "only the whole schema may have an $id"
        if "$ref" in part:
            yield from _reference((*path, "$ref"), part["$ref"], schema)
        if "pattern" in part:
            yield from _pattern((*path, "pattern"), part["pattern"])
        for pattern in part.get("patternProperties", ()):
            yield from _pattern((*path, "patternProperties", pattern), pattern)


def _subschemas(schema: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every mapping that is a schema, with its path; data and names are passed by."""
    todo: list[tuple[Path, object, bool]] = [((), schema, False)]
    while todo:
        path, value, names = todo.pop()
        if isinstance(value, Mapping):
            if not names:
                yield path, value
            todo += [
                ((*path, key), item, not names and key in _NAMED)
                for key, item in value.items()
                if names or key not in _DATA
            ]
        elif isinstance(value, list):
            todo += [((*path, position), item, False) for position, item in enumerate(value)]


def _reference(path: Path, reference: str, root: Mapping[str, Any]) -> Iterator[Fault]:
    seen: set[str] = set()
    current: object = reference
    while isinstance(current, str):
        if current in seen:
            yield path, f"{reference!r} refers to itself without end"
            return
        seen.add(current)
        target = resolve(current, root)
        if target is None:
            yield path, f"{current!r} leads nowhere in this schema; only #/... is followed"
            return
        current = target.get("$ref") if isinstance(target, Mapping) else None


def _pattern(path: Path, pattern: str) -> Iterator[Fault]:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        yield path, f"{pattern!r} is not a regular expression that we can check: {error}"
