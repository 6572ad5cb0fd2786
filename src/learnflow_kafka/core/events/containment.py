"""
Whether one JSON Schema allows everything that another allows, and if not, where not.

Only the wider schema's demands matter: each must follow from what the narrower one says.
Conservative: a keyword whose effect is not understood here, or combinations (`oneOf`, `not`,
`if`) that differ, are reported as "cannot be judged".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from learnflow_kafka.core.events.schemas import Schema, canonical, resolve

AnySchema = Schema | bool


class Direction(Enum):
    """Which of two versions reads the other's events; decides the words."""

    BACKWARD = "the new version reads old events"
    FORWARD = "the old version reads new events"


ANNOTATIONS: Final = frozenset(
    {
        "$anchor",
        "$comment",
        "$defs",
        "$id",
        "$schema",
        "default",
        "definitions",
        "deprecated",
        "description",
        "examples",
        "readOnly",
        "title",
        "writeOnly",
    }
)
_EVERY_TYPE: Final = frozenset(
    {"null", "boolean", "integer", "fraction", "string", "array", "object"}
)
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_TYPE_OF_KEYWORD: Final = {
    "minimum": {"integer", "fraction"},
    "exclusiveMinimum": {"integer", "fraction"},
    "maximum": {"integer", "fraction"},
    "exclusiveMaximum": {"integer", "fraction"},
    "multipleOf": {"integer", "fraction"},
    "minLength": {"string"},
    "maxLength": {"string"},
    "pattern": {"string"},
    "format": {"string"},
    "contentEncoding": {"string"},
    "contentMediaType": {"string"},
    "minItems": {"array"},
    "maxItems": {"array"},
    "uniqueItems": {"array"},
    "prefixItems": {"array"},
    "contains": {"array"},
    "minContains": {"array"},
    "maxContains": {"array"},
    "unevaluatedItems": {"array"},
    "items": {"array"},
    "required": {"object"},
    "properties": {"object"},
    "additionalProperties": {"object"},
    "patternProperties": {"object"},
    "propertyNames": {"object"},
    "minProperties": {"object"},
    "maxProperties": {"object"},
    "dependentRequired": {"object"},
    "dependentSchemas": {"object"},
    "unevaluatedProperties": {"object"},
}
_COMBINING: Final = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else"})
_HANDLED: Final = frozenset(
    {
        *_LOWER,
        *_UPPER,
        "additionalProperties",
        "allOf",
        "anyOf",
        "const",
        "enum",
        "items",
        "properties",
        "required",
        "type",
    }
)


def losses(narrow: Schema, wide: Schema, direction: Direction) -> tuple[str, ...]:
    """
    Where `wide` may refuse what `narrow` allows, one phrase each; empty: it never does.

    `direction` says which of the two is the new version.
    """
    comparison = _Comparison(narrow, wide, direction)
    comparison.compare(narrow, wide, "")
    return tuple(dict.fromkeys(comparison.found))


class _Comparison:
    """One walk through two schemas side by side."""

    def __init__(self, narrow: Schema, wide: Schema, direction: Direction) -> None:
        self.found: list[str] = []
        self._roots = (narrow, wide)
        self._backward = direction is Direction.BACKWARD
        self._seen: set[tuple[int, int]] = set()

    def compare(self, narrow: AnySchema, wide: AnySchema, path: str) -> None:
        pair = (id(narrow), id(wide))
        if wide is True or narrow is False or pair in self._seen:
            return  # a pair under comparison is taken as fine: schemas may be recursive
        self._seen.add(pair)
        inner, outer = self._follow(narrow, 0), self._follow(wide, 1)
        if inner is None or outer is None:
            if not self._same(narrow, wide):
                self._cannot_judge(path, "$ref")
        elif inner is False or outer is True:
            return
        elif outer is False:
            self._say(path, "is no longer allowed", "was not allowed before")
        else:
            self._both({} if inner is True else inner, outer, path)

    def _follow(self, schema: AnySchema, side: int) -> AnySchema | None:
        """The schema behind references; None where a reference has company or is circular."""
        for _ in range(20):
            if isinstance(schema, bool) or "$ref" not in schema:
                return schema
            if set(schema) - ANNOTATIONS - {"$ref"}:
                return None
            target = resolve(str(schema["$ref"]), self._roots[side])
            if target is None:
                return None
            schema = target
        return None

    def _same(self, narrow: object, wide: object) -> bool:
        """Whether two pieces are the same text and mean the same on both sides."""
        if canonical(narrow) != canonical(wide):
            return False
        if '"$ref"' not in canonical(narrow):
            return True
        return canonical(self._definitions(0)) == canonical(self._definitions(1))

    def _definitions(self, side: int) -> object:
        root = self._roots[side]
        return [root.get("$defs"), root.get("definitions")]

    def _both(self, narrow: Schema, wide: Schema, path: str) -> None:
        types = _types(narrow)
        if not self._types_fit(types, _types(wide), path):
            return
        self._values(narrow, wide, path)
        self._bounds(narrow, wide, path, types)
        if "object" in types:
            self._objects(narrow, wide, path)
        if "array" in types and "items" in wide:
            self._items(narrow, wide, path)
        self._combinations(narrow, wide, path)
        for keyword in sorted(set(wide) - ANNOTATIONS - _HANDLED):
            if _concerns(keyword, types) and not self._kept(keyword, narrow, wide):
                self._changed(path, keyword, narrow, wide)

    def _types_fit(self, narrow: frozenset[str], wide: frozenset[str], path: str) -> bool:
        if narrow <= wide:
            return True
        old, new = (narrow, wide) if self._backward else (wide, narrow)
        self.found.append(f"{_field(path)} changed its type from {_words(old)} to {_words(new)}")
        return False

    def _values(self, narrow: Schema, wide: Schema, path: str) -> None:
        allowed = _finite(wide)
        if allowed is None:
            return
        sent = _finite(narrow)
        if sent is None:
            listed = ", ".join(map(_shown, allowed.values()))
            self._say(path, f"takes only {listed} now", f"is no longer one of {listed}")
            return
        for key, value in sent.items():
            if key not in allowed:
                shown = _shown(value)
                self._say(
                    path,
                    f"no longer takes {shown}",
                    f"may now be {shown}, which readers of the old version refuse",
                )

    def _bounds(self, narrow: Schema, wide: Schema, path: str, types: frozenset[str]) -> None:
        for keyword in (*_LOWER, *_UPPER):
            if keyword not in wide or not _concerns(keyword, types):
                continue
            have, need = narrow.get(keyword), wide[keyword]
            if have is not None and (have >= need if keyword in _LOWER else have <= need):
                continue
            if _values_keep(narrow, keyword, need):
                continue
            self._changed(path, keyword, narrow, wide)

    def _objects(self, narrow: Schema, wide: Schema, path: str) -> None:
        sent, known = _fields(narrow), _fields(wide)
        promised = set(narrow.get("required", ()))
        for name in wide.get("required", ()):
            if name not in promised:
                self._required(_join(path, name), removed=name not in sent)
        for name, field in known.items():
            if name in sent:
                self.compare(sent[name], field, _join(path, name))
            elif name in promised or narrow.get("additionalProperties", True) not in (True, False):
                self.compare(narrow.get("additionalProperties", True), field, _join(path, name))
        if "patternProperties" not in wide:
            self._further(narrow, wide, path, [n for n in sent if n not in known])

    def _required(self, path: str, *, removed: bool) -> None:
        gone = "was removed" if removed else "is no longer required"
        self._say(path, "became required", f"{gone}, and readers of the old version need it")

    def _further(self, narrow: Schema, wide: Schema, path: str, names: list[str]) -> None:
        """Fields that only the narrow schema declares, and those that neither does."""
        rest = wide.get("additionalProperties", True)
        for name in names:
            if rest is False:
                self._say(
                    _join(path, name),
                    "is no longer allowed",
                    "was added, and readers of the old version allow no further fields",
                )
            else:
                self.compare(_fields(narrow)[name], rest, _join(path, name))
        if rest is not True and narrow.get("additionalProperties", True) is not False:
            own = narrow.get("additionalProperties", True)
            if rest is False:
                self._say(
                    path,
                    "no longer allows further fields",
                    "allows further fields now, and readers of the old version do not",
                )
            else:
                self.compare(own, rest, _join(path, "*"))

    def _items(self, narrow: Schema, wide: Schema, path: str) -> None:
        if "prefixItems" in narrow or "prefixItems" in wide:
            if not self._same([_array(narrow)], [_array(wide)]):
                self._cannot_judge(path, "prefixItems")
            return
        self.compare(narrow.get("items", True), wide["items"], f"{path}[]")

    def _combinations(self, narrow: Schema, wide: Schema, path: str) -> None:
        if "allOf" in wide and not self._kept("allOf", narrow, wide):
            for part in wide["allOf"]:
                self.compare(narrow, part, path)
        if "anyOf" in wide and not self._kept("anyOf", narrow, wide):
            branches = narrow.get("anyOf", [{k: v for k, v in narrow.items() if k != "anyOf"}])
            for branch in branches:
                if not any(self._fits(branch, option) for option in wide["anyOf"]):
                    self._cannot_judge(path, "anyOf")
                    return

    def _fits(self, narrow: AnySchema, wide: AnySchema) -> bool:
        trial = _Comparison(*self._roots, Direction.BACKWARD)
        trial._seen = set(self._seen)
        trial.compare(narrow, wide, "")
        return not trial.found

    def _kept(self, keyword: str, narrow: Schema, wide: Schema) -> bool:
        return keyword in narrow and self._same(narrow[keyword], wide[keyword])

    def _changed(self, path: str, keyword: str, narrow: Schema, wide: Schema) -> None:
        if keyword not in _TYPE_OF_KEYWORD or keyword in _COMBINING:
            self._cannot_judge(path, keyword)
            return
        old, new = (narrow, wide) if self._backward else (wide, narrow)
        before = _shown(old[keyword]) if keyword in old else "none"
        after = _shown(new[keyword]) if keyword in new else "none"
        self.found.append(f"{_field(path)} changed its {keyword} from {before} to {after}")

    def _cannot_judge(self, path: str, keyword: str) -> None:
        self.found.append(f"{_field(path)}: a change of {keyword!r} cannot be judged")

    def _say(self, path: str, backward: str, forward: str) -> None:
        self.found.append(f"{_field(path)} {backward if self._backward else forward}")


def _types(schema: Schema) -> frozenset[str]:
    """The kinds of values the schema may allow; numbers are split in whole and other ones."""
    said = schema.get("type")
    names = [said] if isinstance(said, str) else said
    types = _EVERY_TYPE if names is None else frozenset(t for n in names for t in _parts(n))
    finite = _finite(schema)
    if finite is None:
        return types
    return types & frozenset(_type_of(value) for value in finite.values())


def _parts(name: str) -> tuple[str, ...]:
    return ("integer", "fraction") if name == "number" else (name,)


def _type_of(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "integer" if float(value).is_integer() else "fraction"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _finite(schema: Schema) -> dict[str, Any] | None:
    """The values that `enum` and `const` leave, by their canonical text; None: any number."""
    found: dict[str, Any] | None = None
    if isinstance(schema.get("enum"), list):
        found = {canonical(value): value for value in schema["enum"]}
    if "const" in schema:
        key = canonical(schema["const"])
        found = {key: schema["const"]} if found is None or key in found else {}
    return found


def _values_keep(schema: Schema, keyword: str, bound: float) -> bool:
    """Whether every value that a finite schema allows keeps a bound."""
    finite = _finite(schema)
    if finite is None:
        return False
    return all(_keeps(value, keyword, bound) for value in finite.values())


def _keeps(value: Any, keyword: str, bound: float) -> bool:
    if _type_of(value) not in _KIND_OF_BOUND[keyword]:
        return True
    measure = value if isinstance(value, int | float) else len(value)
    if keyword == "exclusiveMinimum":
        return bool(measure > bound)
    if keyword == "exclusiveMaximum":
        return bool(measure < bound)
    return bool(measure >= bound if keyword in _LOWER else measure <= bound)


_KIND_OF_BOUND: Final = {key: _TYPE_OF_KEYWORD[key] for key in (*_LOWER, *_UPPER)}


def _concerns(keyword: str, types: frozenset[str]) -> bool:
    return keyword not in _TYPE_OF_KEYWORD or bool(_TYPE_OF_KEYWORD[keyword] & types)


def _fields(schema: Schema) -> Mapping[str, AnySchema]:
    properties = schema.get("properties", {})
    return properties if isinstance(properties, Mapping) else {}


def _array(schema: Schema) -> list[object]:
    return [schema.get("prefixItems"), schema.get("items")]


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _field(path: str) -> str:
    return f"field {path!r}" if path else "the event"


def _words(types: frozenset[str]) -> str:
    if types == _EVERY_TYPE:
        return "anything"
    names = set(types)
    if "fraction" in names:
        names = names - {"fraction", "integer"} | {"number"}
    return " or ".join(sorted(names)) or "nothing"


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - for reading
