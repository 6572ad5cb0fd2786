"""What a schema becomes in Python: classes, their fields, and named types."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What JSON value a type takes; a union may hold each kind once."""

    TEXT = "text"
    WHOLE = "whole number"
    NUMBER = "number"
    TRUTH = "truth value"
    OBJECT = "object"
    ARRAY = "array"
    NULL = "null"
    ANYTHING = "anything"


@dataclass(frozen=True, slots=True)
class Type:
    """
    One Python type: its source, and the kinds of JSON values that it takes.

    `source` is without `None`; a nullable type has NULL among its kinds.
    """

    source: str
    kinds: frozenset[Kind]

    @property
    def nullable(self) -> bool:
        """Whether `None` is a value."""
        return Kind.NULL in self.kinds


@dataclass(frozen=True, slots=True)
class Field:
    """
    One field: `wire` is its name in JSON, `name` its name in Python.

    `default` is the source of the value that it has where the schema gives one; without, a
    field that is not required is None and is not sent.
    """

    name: str
    wire: str
    type: Type
    required: bool
    default: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Class:
    """One struct: `heading` is the first line of its docstring."""

    name: str
    heading: str
    fields: tuple[Field, ...]
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Alias:
    """
    A type with a name of its own: choices, and types too long for a field's line.

    `form` is `Literal` or `Annotated`, `parts` the sources between its brackets.
    """

    name: str
    form: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EventShape:
    """The classes of one event, those it needs first; the last is the event's own."""

    event: str
    version: int
    digest: str
    aliases: tuple[Alias, ...]
    classes: tuple[Class, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that the module gets from this event."""
        return (*(a.name for a in self.aliases), *(c.name for c in self.classes))

    @property
    def own(self) -> Class:
        """The event's class."""
        return self.classes[-1]
