"""The source of an event's classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from learnflow_kafka.app.codegen.scalars import source
from learnflow_kafka.app.codegen.schemas import or_none
from learnflow_kafka.app.codegen.source import INDENT, LINE, docstring, note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from learnflow_kafka.app.codegen.shapes import Alias, Class, EventShape, Field

_BASE: Final = "Struct, frozen=True, kw_only=True, omit_defaults=True"


def classes_source(shape: EventShape) -> Iterator[str]:
    """The source of each alias and class of an event, those that others need first."""
    for alias in shape.aliases:
        yield _alias(alias)
    for made in shape.classes:
        yield "\n".join(_class(made))


def _alias(alias: Alias) -> str:
    short = f"{alias.name} = {alias.form}[{', '.join(alias.parts)}]"
    if len(short) <= LINE:
        return short
    parts = "".join(f"{INDENT}{part},\n" for part in alias.parts)
    return f"{alias.name} = {alias.form}[\n{parts}]"


def _class(made: Class) -> Iterator[str]:
    yield f"class {made.name}({_BASE}):"
    yield from docstring(made.heading, made.description, INDENT)
    yield ""
    for field in made.fields:
        yield from _field(field)


def _field(field: Field) -> Iterator[str]:
    given = _given(field)
    typed = or_none(field.type)
    if given.get("default") == "None" and not field.type.nullable:
        typed = f"{typed} | None"
    head = f"{INDENT}{field.name}: {typed}"
    if not given:
        yield head
    elif given.keys() == {"default"}:
        yield f"{head} = {given['default']}"
    else:
        yield from _assigned(head, given)
    if field.description:
        yield from note(field.description, INDENT)


def _given(field: Field) -> dict[str, str]:
    """
    The arguments of msgspec's `field`.

    A default of the schema is made by a function: what equals a plain default is not sent, and
    then a later version with another default would change what was meant.
    """
    given = {}
    if field.default is not None:
        given["default_factory"] = "list" if field.default == "[]" else _maker(field.default)
    elif not field.required:
        given["default"] = "None"
    if field.name != field.wire:
        given["name"] = source(field.wire)
    return given


def _maker(default: str) -> str:
    return "dict" if default == "{}" else f"lambda: {default}"


def _assigned(head: str, given: dict[str, str]) -> Iterator[str]:
    arguments = [f"{name}={value}" for name, value in given.items()]
    short = f"{head} = field({', '.join(arguments)})"
    if len(short) <= LINE:
        yield short
        return
    yield f"{head} = field("
    yield from (f"{INDENT * 2}{argument}," for argument in arguments)
    yield f"{INDENT})"
