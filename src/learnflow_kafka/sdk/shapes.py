"""What the types of an event's fields are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from msgspec.inspect import Type


def parts(info: Type, seen: set[type]) -> Iterable[Type]:
    """The types that one is made of; a class that was `seen` before is not looked into again."""
    from msgspec import inspect  # noqa: PLC0415 - once a class; it would slow every import

    if isinstance(info, inspect.UnionType):
        return info.types
    if isinstance(info, inspect.ListType):
        return (info.item_type,)
    if isinstance(info, inspect.DictType):
        return (info.value_type,)
    if isinstance(info, inspect.StructType) and info.cls not in seen:
        seen.add(info.cls)
        return (field.type for field in info.fields)
    return ()
