"""
NaN and the infinities, which JSON does not have: the encoder writes null for them.

Where a class says "a number" its own decoder refuses that null. Where it says "anything", or "a
number or null", the number would be gone without a word; only such fields are looked at.
"""

from __future__ import annotations

import math
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from learnflow_kafka.sdk.shapes import parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from msgspec.inspect import Type


def loose(cls: type) -> Callable[[Any], object] | None:
    """What gives an event's values that may hold such numbers; None where no field may."""
    from msgspec import inspect  # noqa: PLC0415 - once a class; it would slow every import

    info = inspect.type_info(cls)
    if not isinstance(info, inspect.StructType):
        return None
    names = [field.name for field in info.fields if _is_loose(field.type, set())]
    return attrgetter(*names) if names else None


def lost(event: object) -> str | None:
    """The path of the first number within an event that JSON does not have."""
    return next(_lost(event, ""), None)


def _is_loose(info: Type, seen: set[type]) -> bool:
    from msgspec import inspect  # noqa: PLC0415 - as above

    if isinstance(info, inspect.AnyType | inspect.CustomType):
        return True
    if isinstance(info, inspect.UnionType):
        kinds = {type(t) for t in info.types}
        if {inspect.FloatType, inspect.NoneType} <= kinds:
            return True
    return any(_is_loose(part, seen) for part in parts(info, seen))


def _lost(value: object, path: str) -> Iterator[str]:
    items: Iterable[tuple[object, object]] = ()
    if isinstance(value, float):
        if not math.isfinite(value):
            yield path
    elif isinstance(value, msgspec.Struct):
        items = [(name, getattr(value, name)) for name in value.__struct_fields__]
    elif isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    for place, inner in items:
        where = f"{path}[{place}]" if isinstance(value, list | tuple) else f"{path}.{place}"
        yield from _lost(inner, where)
