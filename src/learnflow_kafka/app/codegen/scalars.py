"""Texts, numbers and truth values: their Python types and limits, and the source of values."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

from learnflow_kafka.app.codegen.shapes import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXT: Final = frozenset({"minLength", "maxLength", "pattern", "contentEncoding"})
NUMERIC: Final = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
)
KINDS: Final = {
    "string": Kind.TEXT,
    "integer": Kind.WHOLE,
    "number": Kind.NUMBER,
    "boolean": Kind.TRUTH,
    "null": Kind.NULL,
    "object": Kind.OBJECT,
    "array": Kind.ARRAY,
}
CHOICES: Final[Mapping[type, str]] = {str: "string", int: "integer", type(None): "null"}
"""What may be a choice, and its type in JSON."""

_FORMATS: Final = {
    "date-time": "dt.datetime",
    "date": "dt.date",
    "time": "dt.time",
    "uuid": "uuid.UUID",
}
_PYTHON: Final = {"integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_BOUNDS: Final = {
    "minimum": "ge",
    "exclusiveMinimum": "gt",
    "maximum": "le",
    "exclusiveMaximum": "lt",
}
_LONG: Final = 2**63 - 1


class LimitError(ValueError):
    """A limit that cannot be kept; `keyword` holds it, `instead` is what could be."""

    def __init__(self, keyword: str, what: str, instead: str | None = None) -> None:
        super().__init__(what)
        self.keyword = keyword
        self.instead = instead


def scalar(name: str, schema: Mapping[str, Any]) -> tuple[str, Kind, dict[str, object]]:
    """
    Python's type, the kind and the limits of one of JSON's simple types.

    Raises LimitError for a limit that the type cannot have.
    """
    kind = KINDS[name]
    if name == "string":
        python, limits = _text(schema)
        return python, kind, limits
    if name in {"integer", "number"}:
        return _PYTHON[name], kind, _numeric(schema, whole=name == "integer")
    return _PYTHON[name], kind, {}


def source(value: object) -> str:
    r"""
    The Python source of a JSON value, with double quotes.

    >>> source('say "hi"'), source([True, None])
    ('\'say "hi"\'', '[True, None]')
    """
    if isinstance(value, list):
        return "[" + ", ".join(map(source, value)) + "]"
    if isinstance(value, str):
        return _quoted(value)
    return repr(value)


def kind_of(value: object) -> Kind:
    """The kind of a JSON value."""
    kinds = {
        bool: Kind.TRUTH,
        int: Kind.WHOLE,
        float: Kind.NUMBER,
        str: Kind.TEXT,
        list: Kind.ARRAY,
        dict: Kind.OBJECT,
    }
    return kinds.get(type(value), Kind.NULL)


def _quoted(text: str) -> str:
    """As the formatter writes it: double quotes, unless single ones need fewer escapes."""
    body = repr("'" + text)[2:-1]  # the quote in front makes repr choose double quotes ...
    if '"' in text:  # ... but where both are inside, it escapes the single ones
        body = repr('"' + text)[2:-1].replace("\\'", "'")
        if text.count('"') > text.count("'"):
            return "'" + body.replace("'", "\\'") + "'"
        body = body.replace('"', '\\"')
    return f'"{body}"'


def _text(schema: Mapping[str, Any]) -> tuple[str, dict[str, object]]:
    if schema.get("contentEncoding") is not None:
        return _encoded(schema)
    python = _FORMATS.get(schema.get("format", ""), "str")
    limits: dict[str, object] = {
        name: schema[word]
        for word, name in (
            ("minLength", "min_length"),
            ("maxLength", "max_length"),
            ("pattern", "pattern"),
        )
        if word in schema
    }
    if limits and python != "str":
        word = next(word for word in ("pattern", "minLength", "maxLength") if word in schema)
        raise LimitError(word, f"a rule for the text of a {schema['format']}", "remove the rule")
    if "pattern" in limits:
        _compiles(schema["pattern"])
    return python, limits


def _compiles(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise LimitError("pattern", f"{pattern!r} is no pattern in Python: {error}") from error


def _encoded(schema: Mapping[str, Any]) -> tuple[str, dict[str, object]]:
    if schema["contentEncoding"] != "base64":
        raise LimitError(
            "contentEncoding", f"the encoding {schema['contentEncoding']!r}", "use base64"
        )
    for word in ("pattern", "minLength", "maxLength"):
        if word in schema:
            raise LimitError(word, "a rule for the text of encoded bytes", "remove the rule")
    return "bytes", {}


def _numeric(schema: Mapping[str, Any], *, whole: bool) -> dict[str, object]:
    limits: dict[str, object] = {}
    for word, name in _BOUNDS.items():
        if word in schema:
            bound, side = _number(word, schema[word]), name
            if whole:
                bound, side = _whole_bound(bound, name)
            _tighten(limits, side, bound)
    if "multipleOf" in schema:
        step = _number("multipleOf", schema["multipleOf"])
        if step <= 0 or (whole and step != int(step)):
            raise LimitError("multipleOf", f"multiples of {step}", "use a positive number")
        limits["multiple_of"] = int(step) if whole else step
    return limits


def _number(word: str, value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise LimitError(word, f"{value!r} is not a number", "write the number itself")
    if abs(value) > _LONG:
        raise LimitError(word, "a limit beyond 64 bits", "remove it")
    return value


def _whole_bound(bound: float, name: str) -> tuple[int, str]:
    """The nearest whole number that a limit allows, inclusive."""
    if name == "ge":
        return math.ceil(bound), "ge"
    if name == "gt":
        return math.floor(bound) + 1, "ge"
    if name == "le":
        return math.floor(bound), "le"
    return math.ceil(bound) - 1, "le"


def _tighten(limits: dict[str, object], name: str, bound: float) -> None:
    """Add a limit; where the same side has one already, the stricter of the two stays."""
    exclusive = name in {"gt", "lt"}
    sides = ("ge", "gt") if name in {"ge", "gt"} else ("le", "lt")
    for side in sides:
        other = limits.get(side)
        if isinstance(other, int | float):
            looser = bound < other if sides[0] == "ge" else bound > other
            if looser or (bound == other and not exclusive):
                return
            del limits[side]
    limits[name] = bound
