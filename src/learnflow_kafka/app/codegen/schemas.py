"""
JSON Schema to Python types.

Strict on purpose: whatever a class cannot hold (conditions, unions of objects, unique items)
and whatever is not understood is a problem that names its place, never a looser type. Formats
but dates, times and UUIDs are annotations in JSON Schema, and here. Further fields of an object
are tolerated when read, whatever `additionalProperties` says: newer writers send them.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from learnflow_kafka.app.codegen import scalars
from learnflow_kafka.app.codegen.shapes import Alias, Class, EventShape, Field, Kind, Type
from learnflow_kafka.app.codegen.spelling import class_name, field_name
from learnflow_kafka.core.events.schemas import resolve
from learnflow_kafka.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from learnflow_kafka.core.catalog import Event, EventVersion

ANYTHING: Final = Type("Any", frozenset({Kind.ANYTHING, Kind.NULL}))
_WIDE: Final = 72
"""Types longer than this get a name of their own."""

_ANNOTATIONS: Final = frozenset(
    {"$comment", "$defs", "$id", "$schema", "default", "definitions", "deprecated"}
    | {"description", "examples", "format", "readOnly", "title", "writeOnly"}
    | {"contentMediaType"}
)
_OBJECT: Final = frozenset({"additionalProperties", "properties", "required"})
_SIZES: Final = frozenset({"minProperties", "maxProperties"})
_ARRAY: Final = frozenset({"items", "minItems", "maxItems", "uniqueItems"})
_KEYWORDS: Final = {
    "string": scalars.TEXT,
    "integer": scalars.NUMERIC,
    "number": scalars.NUMERIC,
    "boolean": frozenset[str](),
    "null": frozenset[str](),
    "object": _OBJECT | _SIZES,
    "array": _ARRAY,
}
_ANY_KEYWORD: Final = _ANNOTATIONS.union({"type"}, *_KEYWORDS.values())
_HARMLESS: Final = {"uniqueItems": False, "unevaluatedProperties": True, "unevaluatedItems": True}


class Unsayable(Exception):  # noqa: N818 - never leaves this package; it becomes a Problem
    """The schema at `path` cannot be said in Python types."""

    def __init__(self, path: tuple[str, ...], what: str, instead: str | None = None) -> None:
        super().__init__(what)
        self.path = path
        self.what = what
        self.instead = instead


def shape(event: Event, own: str, taken: set[str], problems: list[Problem]) -> EventShape | None:
    """
    The classes of an event's newest version; None, with `problems` told, where it has none.

    `own` is the event's class; further names are free of `taken`, which grows. Every problem
    of the schema is told, not the first.
    """
    version = event.versions[-1]
    maker = _Maker(event.name, version, own, taken, problems)
    maker.event_class()
    return maker.finished()


@dataclass(slots=True)
class _Maker:
    """Walks one schema; collects classes, aliases and problems."""

    event: str
    version: EventVersion
    own: str
    taken: set[str]
    problems: list[Problem]
    classes: list[Class] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)
    faults: int = 0

    def event_class(self) -> None:
        """The event itself: an object with fields."""
        schema = self.version.schema
        self.named["#"] = self.own
        with self._telling():
            if schema.get("type", "object") != "object" or not schema.get("properties"):
                raise Unsayable((), "an event is an object with fields", "give it `properties`")
            title = str(schema.get("title") or self.event).strip().rstrip(".")
            heading = f"{title}: version {self.version.number} of `{self.event}`."
            self._class(self.own, heading, schema, ())

    def finished(self) -> EventShape | None:
        """All classes, or None where there were problems."""
        if self.faults:
            return None
        return EventShape(
            event=self.event,
            version=self.version.number,
            digest=self.version.digest,
            aliases=tuple(self.aliases),
            classes=tuple(self.classes),
        )

    # --- types -------------------------------------------------------------------

    def _type(self, schema: object, path: tuple[str, ...], owner: str) -> Type:
        """The type of a schema at a path; `owner` is the name that a new class would have."""
        if schema is True:
            return ANYTHING
        if not isinstance(schema, dict):
            raise Unsayable(path, "the schema `false` allows no value", "remove it")
        if "$ref" in schema:
            return self._reference(schema, path)
        for word in ("anyOf", "oneOf"):
            if word in schema:
                return self._union(schema, word, path, owner)
        if "enum" in schema or "const" in schema:
            return self._choice(schema, path, owner)
        if all(word in _ANNOTATIONS or word.startswith("x-") for word in schema):
            return ANYTHING
        return self._plain(schema, path, owner)

    def _plain(self, schema: Mapping[str, Any], path: tuple[str, ...], owner: str) -> Type:
        """A schema with a type, or with several of which each keeps its own keywords."""
        _understood(schema, _ANY_KEYWORD, path)
        names = _types(schema, path)
        _understood(schema, _ANNOTATIONS.union({"type"}, *(_KEYWORDS[n] for n in names)), path)
        found = [self._single(name, schema, path, owner) for name in names]
        return self._joined(found, path)

    def _single(
        self, name: str, schema: Mapping[str, Any], path: tuple[str, ...], owner: str
    ) -> Type:
        if name == "object":
            return self._object(schema, path, owner)
        if name == "array":
            return self._array(schema, path, owner)
        try:
            python, kind, limits = scalars.scalar(name, schema)
        except scalars.LimitError as error:
            raise Unsayable((*path, error.keyword), str(error), error.instead) from error
        return self._limited(Type(python, frozenset({kind})), limits, owner)

    def _joined(self, types: list[Type], path: tuple[str, ...]) -> Type:
        """One type that takes what each of these takes."""
        kinds: set[Kind] = set()
        for found in types:
            twice = found.kinds & kinds - {Kind.NULL}
            if twice or (kinds and Kind.ANYTHING in found.kinds | kinds):
                raise Unsayable(
                    path,
                    f"a union of two types of {next(iter(twice), 'anything')}s",
                    "keep one of each kind; objects cannot be told apart here",
                )
            kinds |= found.kinds
        sources = [found.source for found in types if found.source != "None"]
        return Type(" | ".join(dict.fromkeys(sources)) or "None", frozenset(kinds))

    def _limited(self, base: Type, limits: Mapping[str, object], owner: str) -> Type:
        """The type with its limits; under a name of its own where the line would be long."""
        if not limits:
            return base
        meta = (
            "Meta(" + ", ".join(f"{name}={scalars.source(v)}" for name, v in limits.items()) + ")"
        )
        whole = f"Annotated[{base.source}, {meta}]"
        if len(whole) > _WIDE:
            return Type(self._alias(owner, "Annotated", (base.source, meta)), base.kinds)
        return Type(whole, base.kinds)

    def _alias(self, owner: str, form: str, parts: tuple[str, ...]) -> str:
        name = self._free(owner)
        self.aliases.append(Alias(name, form, parts))
        return name

    def _free(self, name: str) -> str:
        """The name, or with a number where something has it already."""
        free, number = name, 1
        while free in self.taken:
            number += 1
            free = f"{name}{number}"
        self.taken.add(free)
        return free

    def _choice(self, schema: Mapping[str, Any], path: tuple[str, ...], owner: str) -> Type:
        _understood(schema, _ANNOTATIONS | {"type", "enum", "const"}, path)
        word = "enum" if "enum" in schema else "const"
        values = schema["enum"] if word == "enum" else [schema["const"]]
        allowed = _types(schema, path) if "type" in schema else None
        kinds, kept = set(), []
        for value in values:
            name = scalars.CHOICES.get(type(value))
            if name is None:
                raise Unsayable(
                    (*path, word), f"the choice {value!r}", "choose texts, whole numbers and null"
                )
            if allowed is None or name in allowed:
                kinds.add(scalars.KINDS[name])
                kept.append(value)
        if not kept:
            raise Unsayable((*path, word), "no choice fits the type")
        parts = tuple(scalars.source(v) for v in dict.fromkeys(kept) if v is not None)
        if not parts:
            return Type("None", frozenset({Kind.NULL}))
        if len(parts) == 1:
            return Type(f"Literal[{parts[0]}]", frozenset(kinds))
        return Type(self._alias(owner, "Literal", parts), frozenset(kinds))

    def _union(
        self, schema: Mapping[str, Any], word: str, path: tuple[str, ...], owner: str
    ) -> Type:
        _understood(schema, _ANNOTATIONS | {word}, path)
        members = [
            self._type(member, (*path, word, str(i)), owner)
            for i, member in enumerate(schema[word])
        ]
        return self._joined(members, path)

    def _array(self, schema: Mapping[str, Any], path: tuple[str, ...], owner: str) -> Type:
        if schema.get("uniqueItems"):
            raise Unsayable(
                (*path, "uniqueItems"), "a list cannot promise unique items", "remove it"
            )
        item = self._type(schema.get("items", True), (*path, "items"), f"{owner}Item")
        limits = {
            name: schema[word]
            for word, name in (("minItems", "min_length"), ("maxItems", "max_length"))
            if word in schema
        }
        base = Type(f"list[{or_none(item)}]", frozenset({Kind.ARRAY}))
        return self._limited(base, limits, owner)

    def _object(self, schema: Mapping[str, Any], path: tuple[str, ...], owner: str) -> Type:
        further = schema.get("additionalProperties", True)
        if not schema.get("properties"):
            return self._map(schema, further, path, owner)
        for word in _SIZES & schema.keys():
            raise Unsayable((*path, word), "a class cannot count its fields", "remove it")
        if isinstance(further, dict) and further.keys() - _ANNOTATIONS:
            raise Unsayable(
                (*path, "additionalProperties"),
                "an object with fields and typed further fields",
                "put those into an object of their own",
            )
        name = self._free(owner)
        self._class(name, f"A part of `{self.event}`.", schema, path)
        return Type(name, frozenset({Kind.OBJECT}))

    def _map(
        self, schema: Mapping[str, Any], further: object, path: tuple[str, ...], owner: str
    ) -> Type:
        if schema.get("required"):
            raise Unsayable(
                (*path, "required"), "required fields that are not declared", "add `properties`"
            )
        value = self._type(further, (*path, "additionalProperties"), f"{owner}Value")
        limits = {
            name: schema[word]
            for word, name in (("minProperties", "min_length"), ("maxProperties", "max_length"))
            if word in schema
        }
        base = Type(f"dict[str, {or_none(value)}]", frozenset({Kind.OBJECT}))
        return self._limited(base, limits, owner)

    def _reference(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> Type:
        _understood(schema, _ANNOTATIONS | {"$ref"}, path)
        target = schema["$ref"]
        if target in self.named:
            return Type(self.named[target], frozenset({Kind.OBJECT}))
        found = resolve(target, self.version.schema)
        if found is None:
            raise Unsayable((*path, "$ref"), f"{target!r} is not in this schema")
        owner = f"{self.own}{class_name(target.rpartition('/')[2])}"
        if isinstance(found, dict) and found.get("type") == "object" and found.get("properties"):
            # Named before its fields are read, so that it may refer to itself.
            self.named[target] = name = self._free(owner)
            self._class(name, f"A part of `{self.event}`.", found, ("$ref", target))
            return Type(name, frozenset({Kind.OBJECT}))
        if (*path, target).count(target) > 1:
            raise Unsayable((*path, "$ref"), f"{target!r} refers to itself")
        return self._type(found, (*path, target), owner)

    # --- classes -----------------------------------------------------------------

    def _class(
        self, name: str, heading: str, schema: Mapping[str, Any], path: tuple[str, ...]
    ) -> None:
        with self._telling():
            _understood(schema, _ANNOTATIONS | _OBJECT | {"type"}, path)
        required = set(schema.get("required", ()))
        fields: list[Field] = []
        for missing in sorted(required - schema["properties"].keys()):
            with self._telling():
                raise Unsayable((*path, "required"), f"{missing!r} is required and not declared")
        for wire, inner in schema["properties"].items():
            with self._telling():
                where = (*path, "properties", wire)
                made = self._field(name, wire, inner, where, required=wire in required)
                _collision(made, fields, where)
                fields.append(made)
        self.classes.append(Class(name, heading, tuple(fields), schema.get("description")))

    def _field(
        self, owner: str, wire: str, schema: object, path: tuple[str, ...], *, required: bool
    ) -> Field:
        found = self._type(schema, path, f"{owner}{class_name(wire)}")
        said = schema if isinstance(schema, dict) else {}
        default = None
        if not required and said.get("default") is not None:
            default = _default(said, found, path)
        return Field(
            name=field_name(wire),
            wire=wire,
            type=found,
            required=required,
            default=default,
            description=said.get("description"),
        )

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Make what cannot be said a problem, and go on."""
        try:
            yield
        except Unsayable as fault:
            place = self.version.place
            inside = ("events", self.event, "versions", str(self.version.number), *fault.path)
            self.faults += 1
            self.problems.append(
                Problem(
                    place.file,
                    place.line,
                    place.column,
                    ".".join(inside),
                    f"Python's types cannot say this: {fault.what}",
                    fault.instead,
                )
            )


def or_none(found: Type) -> str:
    """The type's source with its `None`."""
    if not found.nullable or found.source in {"None", "Any"}:
        return found.source
    return f"{found.source} | None"


def _collision(made: Field, fields: list[Field], path: tuple[str, ...]) -> None:
    for other in fields:
        if other.name == made.name:
            raise Unsayable(
                path, f"{made.wire!r} and {other.wire!r} would both be {made.name!r}", "rename one"
            )


def _types(schema: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    """The JSON types that a schema names, a number that may be whole counted once."""
    named = schema.get("type")
    if named is None:
        raise Unsayable(path, "values of any type, with rules for some", "say its `type`")
    names = [named] if isinstance(named, str) else list(named)
    return [n for n in names if n != "integer" or "number" not in names]


def _understood(schema: Mapping[str, Any], known: Collection[str], path: tuple[str, ...]) -> None:
    """Raise for the first keyword that would be lost."""
    for word, value in schema.items():
        lost = word not in known and _HARMLESS.get(word, _LOST) != value
        if lost and not word.startswith("x-"):
            raise Unsayable((*path, word), f"the rule {word!r}", "remove it, or say it in types")


def _default(schema: Mapping[str, Any], found: Type, path: tuple[str, ...]) -> str:
    """The source of a default; containers only where they are empty or hold plain values."""
    value, where = schema["default"], (*path, "default")
    kind = scalars.kind_of(value)
    fits = kind in found.kinds or (kind is Kind.WHOLE and Kind.NUMBER in found.kinds)
    if not fits or value not in schema.get("enum", [value]):
        raise Unsayable(where, f"the default {value!r} is not of its type")
    if kind is Kind.OBJECT and value:
        raise Unsayable(where, "a default with fields", "let the reader decide")
    if any(word in found.source for word in ("dt.", "uuid.", "bytes")):
        raise Unsayable(where, "a default for a time or an id", "remove it")
    return scalars.source(value)


_LOST: Final = object()
