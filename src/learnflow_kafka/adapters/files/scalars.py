"""
The format's kinds of values: what YAML gave, checked and turned into what the core holds.

Each raises a `PydanticCustomError` whose context says what is wrong and what to write
instead; `errors` turns it into a problem with its place.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final, NoReturn, TypeVar

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from learnflow_kafka.core.suggest import nearest
from learnflow_kafka.core.units import FOREVER, parse_duration, parse_size

CODE: Final = "catalog"
MAX_INT: Final = 2**31 - 1
MAX_SHORT: Final = 2**15 - 1
UNLIMITED: Final = "unlimited"

_TRUE: Final = {"yes", "y", "on", "1"}
_FALSE: Final = {"no", "n", "off", "0"}
E = TypeVar("E", bound=StrEnum)


def wrong(what: str, instead: str | None = None) -> NoReturn:
    """Refuse a value, saying what to write instead."""
    raise PydanticCustomError(CODE, "{what}", {"what": what, "instead": instead})


def kind(value: object) -> str:
    """What a value is, for a sentence."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    return repr(value) if isinstance(value, str) else str(value).lower()


def text(value: object) -> str:
    """A text; what every YAML reader takes for a number or a truth value needs quotes."""
    if isinstance(value, bool | int | float):
        shown = str(value).lower()
        wrong(f"{shown} is not a text", f'write it in quotes: "{shown}"')
    if not isinstance(value, str):
        wrong(f"a text is expected here, not {kind(value)}")
    if not value.strip():
        wrong("the text is empty", "write something, or remove the line")
    return value


def names(value: object) -> list[str]:
    """At least one name; a single one may stand without its list."""
    found = names_or_none(value)
    if not found:
        wrong("this list is empty", "name at least one, or leave the key out")
    return found


def names_or_none(value: object) -> list[str]:
    """Names, none of them twice; a single one may stand without its list."""
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list):
        wrong(f"a name or a list of names is expected here, not {kind(value)}")
    for entry in found:
        if not isinstance(entry, str):
            wrong(f"names are expected in this list, not {kind(entry)}", "write them in quotes")
    if len(set(found)) < len(found):
        twice = next(n for n in found if found.count(n) > 1)
        wrong(f"{twice!r} stands in the list twice", "keep one of them")
    return found


def whole(low: int, high: int) -> BeforeValidator:
    """A whole number between the bounds, both included."""

    def check(value: object) -> int:
        if isinstance(value, str):
            wrong(f"{value!r} is not a whole number", _as_whole(value))
        if isinstance(value, bool) or not isinstance(value, int):
            wrong(f"a whole number is expected here, not {kind(value)}")
        if value < low:
            wrong(f"{value} is too small", f"write {low} or more")
        if value > high:
            wrong(f"{value} is too large", f"write {high} or less")
        return value

    return BeforeValidator(check)


def _as_whole(value: str) -> str:
    digits = value.replace("_", "").replace(",", "").replace(" ", "")
    if digits.isascii() and digits.isdigit():
        return f"write {digits.lstrip('0') or '0'} (plain digits, no quotes)"
    return "write plain digits"


def number(low: float, high: float) -> BeforeValidator:
    """A number between the bounds, both included."""

    def check(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            wrong(f"a number is expected here, not {kind(value)}")
        if not low <= value <= high:
            wrong(f"{value} is out of range", f"write a number from {low:g} to {high:g}")
        return float(value)

    return BeforeValidator(check)


def flag(value: object) -> bool:
    """`true` or `false`."""
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word in _TRUE | _FALSE:
        wrong(f"{kind(value)} is not a truth value here", f"write {_truth(word)}")
    wrong(f"true or false is expected here, not {kind(value)}")


def _truth(word: str) -> str:
    return "true" if word in _TRUE else "false"


def duration(*, forever: bool, low: int) -> BeforeValidator:
    """A duration in milliseconds, at least `low`; `forever` allowed or not."""

    def check(value: object) -> int:
        if isinstance(value, int | float) and not isinstance(value, bool):
            hint = "write 'forever'" if value == FOREVER and forever else "write a unit too: 7d"
            wrong(f"{value} has no unit", hint)
        if not isinstance(value, str):
            wrong(f"a duration such as 7d is expected here, not {kind(value)}")
        parsed = _parse(parse_duration, value)
        if parsed == FOREVER and not forever:
            wrong("'forever' is not possible here", "write a duration such as 7d")
        if parsed != FOREVER and parsed < low:
            wrong(f"{value!r} is too short", f"write {low}ms or more")
        return parsed

    return BeforeValidator(check)


def size(*, unlimited: bool, low: int, high: int) -> BeforeValidator:
    """A size in bytes between the bounds; `unlimited` (-1) allowed or not."""

    def check(value: object) -> int:
        if value == UNLIMITED and unlimited:
            return FOREVER
        if isinstance(value, int) and not isinstance(value, bool):
            parsed = value
        elif isinstance(value, str):
            parsed = _parse(parse_size, value)
        else:
            wrong(f"a size such as 512Ki is expected here, not {kind(value)}")
        if parsed < low:
            hint = f"write {UNLIMITED!r}" if unlimited else "write 1 or more, such as 1Mi"
            wrong(f"{value} is not a size", hint)
        if parsed > high:
            wrong(f"{value} is more than Kafka can hold", f"write at most {high} bytes")
        return parsed

    return BeforeValidator(check)


def _parse(parser: Any, value: str) -> int:
    try:
        parsed: int = parser(value)
    except ValueError as error:
        what, _, instead = str(error).partition("; ")
        wrong(what, instead or None)
    return parsed


def choice(options: type[E]) -> BeforeValidator:
    """One of a few words."""
    words = [str(option) for option in options]

    def check(value: object) -> E:
        if isinstance(value, str) and value in words:
            return options(value)
        near = nearest(value, words) if isinstance(value, str) else None
        hint = f"write {near}" if near else f"write one of: {', '.join(words)}"
        wrong(f"{kind(value)} is not known here", hint)

    return BeforeValidator(check)


def kafka_value(value: object) -> str:
    """A config's value as Kafka takes it: a text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    wrong(
        f"a single value is expected here, not {kind(value)}",
        "write lists as Kafka does, with commas: a,b",
    )


Text = Annotated[str, BeforeValidator(text)]
Flag = Annotated[bool, BeforeValidator(flag)]
KafkaValue = Annotated[
    str,
    BeforeValidator(kafka_value),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]

_DURATION_PATTERN: Final = "([0-9]+(ms|s|m|h|d|w))+"
_SIZE_PATTERN: Final = "[0-9]+ ?(B|k|M|G|T|Ki|Mi|Gi|Ti)?B?"


def _schema(pattern: str, *words: str, low: int | None = None) -> WithJsonSchema:
    """A text of one form, or (`low` given) a whole number too."""
    any_of = "|".join((pattern, *words))
    numbers = {"type": ["string", "integer"], "minimum": low}
    return WithJsonSchema(
        {**({"type": "string"} if low is None else numbers), "pattern": f"^({any_of})$"}
    )


Retention = Annotated[int, duration(forever=True, low=0), _schema(_DURATION_PATTERN, "forever")]
Duration = Annotated[int, duration(forever=False, low=1), _schema(_DURATION_PATTERN)]
RetentionBytes = Annotated[
    int,
    size(unlimited=True, low=0, high=2**63 - 1),
    _schema(_SIZE_PATTERN, UNLIMITED, low=0),
]
RecordBytes = Annotated[
    int, size(unlimited=False, low=1, high=MAX_INT), _schema(_SIZE_PATTERN, low=1)
]
