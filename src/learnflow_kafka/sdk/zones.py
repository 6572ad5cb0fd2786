"""
Times without a zone: services write them, and mean UTC.

A class of events gets its `Zones` once; None for classes that hold no times, which cost
nothing. Times that stand in the event itself are looked up by name, those in nested values are
searched for.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from learnflow_kafka.sdk.shapes import parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from msgspec.inspect import Type


@dataclass(frozen=True, slots=True)
class Zones:
    """Where events of one class hold times: in fields of their own, or somewhere below."""

    direct: tuple[str, ...]
    below: tuple[str, ...]

    def assume_utc(self, event: object) -> None:
        """Give every time without a zone UTC; changes a freshly decoded event in place."""
        for name in self.direct:
            moment = getattr(event, name)
            if isinstance(moment, dt.datetime) and moment.tzinfo is None:
                _put(event, name, moment)
        for name in self.below:
            for naive in _naive(getattr(event, name), name):
                _put(naive.holder, naive.place, naive.moment)

    def missing(self, event: object) -> str | None:
        """The path of the first time without a zone; None where every time has one."""
        for name in self.direct:
            moment = getattr(event, name)
            if isinstance(moment, dt.datetime) and moment.tzinfo is None:
                return name
        for name in self.below:
            for naive in _naive(getattr(event, name), name):
                return naive.path
        return None


@dataclass(frozen=True, slots=True)
class _Naive:
    """One time without a zone: `holder` has it at `place` (a field, an index, a key)."""

    path: str
    holder: object
    place: str | int
    moment: dt.datetime


def zones(cls: type) -> Zones | None:
    """Where a class of events holds times, or None where nowhere."""
    from msgspec import inspect  # noqa: PLC0415 - once a class; it would slow every import

    info = inspect.type_info(cls)
    if not isinstance(info, inspect.StructType):
        return None
    direct, below = [], []
    for field in info.fields:
        here = field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
        if any(isinstance(t, inspect.DateTimeType) for t in here):
            direct.append(field.name)
        elif _holds_time(field.type, set()):
            below.append(field.name)
    return Zones(tuple(direct), tuple(below)) if direct or below else None


def _holds_time(info: Type, seen: set[type]) -> bool:
    from msgspec import inspect  # noqa: PLC0415 - as above

    if isinstance(info, inspect.DateTimeType):
        return True
    return any(_holds_time(part, seen) for part in parts(info, seen))


def _naive(value: object, path: str) -> Iterator[_Naive]:
    """Every time without a zone inside a decoded value."""
    items: Iterable[tuple[str | int, object]]
    if isinstance(value, msgspec.Struct):
        items = [(name, getattr(value, name)) for name in value.__struct_fields__]
    elif isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    else:
        return
    for place, inner in items:
        where = f"{path}[{place}]" if isinstance(place, int) else f"{path}.{place}"
        if not isinstance(inner, dt.datetime):
            yield from _naive(inner, where)
        elif inner.tzinfo is None:
            yield _Naive(where, value, place, inner)


def _put(holder: object, place: str | int, moment: dt.datetime) -> None:
    aware = moment.replace(tzinfo=dt.UTC)
    if isinstance(holder, msgspec.Struct):
        msgspec.structs.force_setattr(holder, str(place), aware)
    elif isinstance(holder, dict):
        holder[place] = aware
    elif isinstance(holder, list):
        holder[int(place)] = aware
