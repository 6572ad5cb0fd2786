"""
Frozen dataclasses as JSON documents, and back, and their JSON Schema.

One walk over a type's annotations serves all three, so that a document, its reader and its
published schema cannot drift apart. Known here: text, numbers, booleans, None, enums of text,
`tuple[X, ...]`, `Mapping[str | int, X]`, dataclasses, and unions of dataclasses, which are
told apart by a member `kind` (`AddPartitions` is `add_partitions`).
"""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

KIND: Final = "kind"
_LONGEST: Final = 60
"""How much of a wrong value a message quotes, in characters."""

Encode = Callable[[Any], object]
Decode = Callable[[object, str], Any]


class DocumentError(ValueError):
    """A document does not have the shape of its type; the message begins with the place."""


@dataclasses.dataclass(frozen=True, slots=True)
class Coder:
    """How values of one type are written and read (`decode` takes the place for messages)."""

    encode: Encode
    decode: Decode
    schema: Mapping[str, object]


@dataclasses.dataclass(frozen=True, slots=True)
class Definition:
    """The schema of one dataclass: what it is, and the schema of each of its fields."""

    summary: str
    properties: Mapping[str, object]

    def as_json(self) -> Mapping[str, object]:
        """The definition as JSON Schema writes it; nothing unnamed is allowed."""
        return {
            "type": "object",
            "description": self.summary,
            "properties": dict(self.properties),
            "required": [*self.properties],
            "additionalProperties": False,
        }


class Documents:
    """
    Documents of a family of dataclasses.

    `names` are the types that annotations name and whose modules import them for the type
    checker alone.
    """

    def __init__(self, *names: type) -> None:
        self._names: dict[str, object] = {"Mapping": Mapping, **{t.__name__: t for t in names}}
        self._coders: dict[object, Coder] = {}
        self._definitions: dict[str, Definition] = {}

    def encode(self, value: object) -> Mapping[str, object]:
        """A dataclass's value as JSON's own types."""
        return _members(self.coder(type(value)).encode(value), "")

    def schemas(self, kind: type) -> Mapping[str, Definition]:
        """The definitions of a dataclass and of all it is made of, by name."""
        self.coder(kind)
        return self._definitions

    def coder(self, hint: object) -> Coder:
        """The coder of a type; the same one every time."""
        if hint not in self._coders:
            self._coders[hint] = self._make(hint)
        return self._coders[hint]

    def _make(self, hint: object) -> Coder:
        origin = get_origin(hint)
        if origin in {Union, types.UnionType}:
            return self._union(get_args(hint))
        if origin is tuple:
            return _sequence(self.coder(get_args(hint)[0]))
        if origin is Mapping:
            key, value = get_args(hint)
            return _mapping(key, self.coder(value))
        if isinstance(hint, type) and issubclass(hint, StrEnum):
            return _enum(hint)
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            return self._dataclass(hint)
        return _SCALARS[hint]

    def _union(self, members: tuple[Any, ...]) -> Coder:
        rest = [m for m in members if m is not type(None)]
        if len(rest) < len(members):
            return _optional(self.coder(rest[0] if len(rest) == 1 else Union[tuple(rest)]))  # noqa: UP007 - built from a list
        coders = {m: self.coder(m) for m in rest}
        for member in rest:
            self._tag_definition(member)
        return _tagged({_kind(m): m for m in rest}, coders)

    def _tag_definition(self, member: type) -> None:
        """A member of a union carries its kind, and a definition allows nothing unnamed."""
        plain = self._definitions[member.__name__]
        tag = {KIND: {"const": _kind(member)}}
        self._definitions[member.__name__] = Definition(plain.summary, tag | dict(plain.properties))

    def _dataclass(self, kind: type) -> Coder:
        hints = get_type_hints(kind, localns=dict(self._names))
        coders = {f.name: self.coder(hints[f.name]) for f in dataclasses.fields(kind)}

        def encode(value: Any) -> object:
            return {name: coder.encode(getattr(value, name)) for name, coder in coders.items()}

        def decode(found: object, at: str) -> Any:
            known = _members(found, at)
            _same_names(known, coders, at)
            return kind(**{n: c.decode(known[n], _inside(at, n)) for n, c in coders.items()})

        self._definitions[kind.__name__] = Definition(
            _summary(kind), {name: coder.schema for name, coder in coders.items()}
        )
        return Coder(encode, decode, {"$ref": f"#/$defs/{kind.__name__}"})


def _scalar(name: str, *accepted: type) -> Coder:
    def decode(found: object, at: str) -> Any:
        # In Python a bool is an int; in JSON it is not.
        if not isinstance(found, accepted) or (isinstance(found, bool) and bool not in accepted):
            raise DocumentError(
                f"{at}: {_shown(found)} is not a{'n' if name[0] in 'aio' else ''} {name}"
            )
        return found

    return Coder(lambda value: value, decode, {"type": name})


_SCALARS: Final[Mapping[object, Coder]] = {
    str: _scalar("string", str),
    int: _scalar("integer", int),
    bool: _scalar("boolean", bool),
}


def _enum(kind: type[StrEnum]) -> Coder:
    def decode(found: object, at: str) -> Any:
        member = next((m for m in kind if m.value == found), None)
        if member is None:
            raise DocumentError(f"{at}: {_shown(found)} is none of {', '.join(kind)}")
        return member

    return Coder(lambda value: value.value, decode, {"enum": [member.value for member in kind]})


def _optional(inner: Coder) -> Coder:
    return Coder(
        lambda value: None if value is None else inner.encode(value),
        lambda found, at: None if found is None else inner.decode(found, at),
        {"anyOf": [inner.schema, {"type": "null"}]},
    )


def _sequence(inner: Coder) -> Coder:
    def decode(found: object, at: str) -> Any:
        if not isinstance(found, list):
            raise DocumentError(f"{at}: {_shown(found)} is not a list")
        return tuple(inner.decode(item, f"{at}[{n}]") for n, item in enumerate(found))

    return Coder(
        lambda value: [inner.encode(item) for item in value],
        decode,
        {"type": "array", "items": inner.schema},
    )


def _mapping(key: object, inner: Coder) -> Coder:
    def decode(found: object, at: str) -> Any:
        return {
            _read_key(key, name, at): inner.decode(item, _inside(at, name))
            for name, item in _members(found, at).items()
        }

    return Coder(
        lambda value: {str(name): inner.encode(item) for name, item in value.items()},
        decode,
        {"type": "object", "additionalProperties": inner.schema},
    )


def _read_key(key: object, name: str, at: str) -> str | int:
    if key is str:
        return name
    if not re.fullmatch(r"\d+", name):
        raise DocumentError(f"{at}: {name!r} is not a whole number")
    return int(name)


def _tagged(kinds: Mapping[str, type], coders: Mapping[type, Coder]) -> Coder:
    def encode(value: Any) -> object:
        return {KIND: _kind(type(value)), **_members(coders[type(value)].encode(value), KIND)}

    def decode(found: object, at: str) -> Any:
        members = dict(_members(found, at))
        name = members.pop(KIND, None)
        if name not in kinds:
            raise DocumentError(
                f"{_inside(at, KIND)}: {_shown(name)} is none of {', '.join(kinds)}"
            )
        return coders[kinds[str(name)]].decode(members, at)

    schema = {"oneOf": [coders[kind].schema for kind in kinds.values()]}
    return Coder(encode, decode, schema)


def _members(found: object, at: str) -> Mapping[str, object]:
    if not isinstance(found, dict):
        raise DocumentError(f"{at or 'the document'}: {_shown(found)} is not an object")
    return found


def _same_names(found: Mapping[str, object], wanted: Mapping[str, object], at: str) -> None:
    if missing := [name for name in wanted if name not in found]:
        raise DocumentError(f"{at or 'the document'}: {', '.join(missing)} is missing")
    if unknown := [name for name in found if name not in wanted]:
        raise DocumentError(f"{at or 'the document'}: {', '.join(unknown)} is not known")


def _inside(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def _kind(kind: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def _summary(kind: type) -> str:
    """The first sentence of its docstring."""
    return " ".join((kind.__doc__ or "").strip().split("\n\n")[0].split())


def _shown(found: object) -> str:
    text = repr(found)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
