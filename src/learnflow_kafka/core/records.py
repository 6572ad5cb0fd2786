"""
Records as people write them: a line of text, or a JSON object a line.

What `core.formats.as_json_record` gives, `from_json` reads back as the same bytes. Each
refusal is a `BadLineError` that says what to write instead.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.moments import parse_moment
from learnflow_kafka.core.ports import NewRecord
from learnflow_kafka.core.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

Headers = tuple[tuple[str, bytes | None], ...]

_BATCH_OVERHEAD: Final = 61
_RECORD_FIXED: Final = 3  # attributes, and the deltas of time and offset: one byte each
_KNOWN: Final = (
    "key",
    "key_encoding",
    "value",
    "value_encoding",
    "headers",
    "partition",
    "timestamp",
    "timestamp_ms",
    "topic",
    "offset",
    "kind",
    "version",
)
_HEADER_KEYS: Final = ("name", "value", "encoding")
_MAX_PARTITION: Final = 2**31 - 1
_MAX_TIME: Final = 2**63 - 1


class BadLineError(ValueError):
    """A line is no record; the message says why, and what to write instead."""


@dataclass(frozen=True, slots=True)
class LineRules:
    """
    How a line of text becomes a record.

    `key` for every record, or `separator` between the key and the value of each line; never
    both. `headers` and `partition` (None: the partitioner's choice) go with each.
    """

    topic: str
    key: bytes | None = None
    separator: bytes | None = None
    headers: Headers = ()
    partition: int | None = None


def from_text(line: bytes, rules: LineRules) -> NewRecord:
    """
    The record of one line (without its line end).

    Raises BadLineError where the line lacks the separator.
    """
    key, value = rules.key, line
    if rules.separator is not None:
        key, found, value = line.partition(rules.separator)
        if not found:
            raise BadLineError(f"there is no key separator {_shown(rules.separator)} in the line")
    return NewRecord(rules.topic, value, key, rules.headers, rules.partition)


def from_json(line: bytes, rules: LineRules) -> NewRecord:
    """
    The record of one JSON object.

    It has `value` (null: a tombstone), `key`, `headers`, `partition` and `timestamp`. A value
    that is no string is written as compact JSON. What `consume --json` prints is read; its
    `topic` and `offset` say where a record was, and are passed over.

    Raises BadLineError, with what to write instead.
    """
    found = _json_object(line)
    if "value" not in found:
        raise BadLineError("there is no 'value'; write null to send a tombstone")
    headers = rules.headers + _headers(found.get("headers"))
    key = _bytes(found, "key") if found.get("key") is not None else rules.key
    return NewRecord(
        rules.topic,
        _bytes(found, "value"),
        key,
        headers,
        _whole(found, "partition", _MAX_PARTITION, default=rules.partition),
        _timestamp(found),
    )


def parse_header(text: str) -> tuple[str, bytes]:
    """
    A header written as `name=value`.

    Raises BadLineError for anything else.
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise BadLineError(f"{text!r} is not a header; write name=value")
    return name, value.encode()


def batch_bytes(record: NewRecord) -> int:
    """
    What the broker holds against `max.message.bytes`: the record alone in a batch (magic 2).

    >>> batch_bytes(NewRecord("t", b"x" * 100))
    170
    """
    body = _RECORD_FIXED + _field(record.key) + _field(record.value)
    body += _varint(len(record.headers))
    body += sum(_field(name.encode()) + _field(value) for name, value in record.headers)
    return _BATCH_OVERHEAD + _varint(body) + body


def parse_separator(text: str) -> bytes:
    r"""
    A separator as the shell passes it: `:` or `\t`.

    Raises BadLineError where it is empty.
    """
    if not text:
        raise BadLineError("a key separator has at least one character")
    return text.replace("\\t", "\t").replace("\\0", "\0").encode()


def _json_object(line: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(line)
    except UnicodeDecodeError:
        raise BadLineError("the line is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise BadLineError(f"the line is not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise BadLineError("the line is nested too deeply") from None
    if not isinstance(found, dict):
        raise BadLineError('the line is no JSON object; write {"key": ..., "value": ...}')
    unknown = next((key for key in found if key not in _KNOWN), None)
    if unknown is not None:
        hint = did_you_mean(unknown, _KNOWN) or f"known are {', '.join(_KNOWN[:7])}"
        raise BadLineError(f"unknown key {unknown!r}; {hint}")
    return found


def _bytes(found: Mapping[str, object], name: str, encoding_key: str | None = None) -> bytes | None:
    value = found.get(name)
    encoding = found.get(encoding_key or f"{name}_encoding")
    if value is None:
        return None
    if encoding == "base64":
        return _from_base64(name, value)
    if encoding is not None:
        raise BadLineError(f"the encoding of {name!r} is {encoding!r}; only 'base64' is known")
    if isinstance(value, str):
        return _utf8(name, value)
    return _utf8(name, json.dumps(value, separators=(",", ":"), ensure_ascii=False))


def _utf8(name: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise BadLineError(f"{name!r} holds half a surrogate pair, which has no UTF-8") from None


def _from_base64(name: str, value: object) -> bytes:
    if not isinstance(value, str):
        raise BadLineError(f"{name!r} is said to be base64 and is no string")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise BadLineError(f"{name!r} is said to be base64 and is not") from None


def _headers(found: object) -> Headers:
    if found is None:
        return ()
    if isinstance(found, dict):
        return tuple((name, _bytes({"value": value}, "value")) for name, value in found.items())
    if isinstance(found, list):
        return tuple(_header(item) for item in found)
    raise BadLineError("'headers' is an object, or a list of objects with name and value")


def _header(item: object) -> tuple[str, bytes | None]:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        raise BadLineError("a header in a list is an object with 'name' and 'value'")
    unknown = next((key for key in item if key not in _HEADER_KEYS), None)
    if unknown is not None:
        raise BadLineError(f"unknown key {unknown!r} in a header; known: name, value, encoding")
    return item["name"], _bytes(item, "value", "encoding")


def _whole(
    found: Mapping[str, object], name: str, most: int, *, default: int | None = None
) -> int | None:
    value = found.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise BadLineError(f"{name!r} is {value!r}; write a whole number of 0 or more")
    return value


def _timestamp(found: Mapping[str, object]) -> int | None:
    exact = _whole(found, "timestamp_ms", _MAX_TIME)
    if exact is not None:
        return exact
    value = found.get("timestamp")
    if isinstance(value, str):
        # Nothing is "ago" in a file: the line must mean the same tomorrow.
        if not value[:1].isdecimal() or value[-1:] in "smhdw":
            raise BadLineError(f"'timestamp' is {value!r}; write 2026-11-23T10:00:00Z")
        try:
            return parse_moment(value, now_ms=0)
        except ValueError as error:
            raise BadLineError(f"'timestamp': {error}") from None
    return _whole(found, "timestamp", _MAX_TIME)


def _field(value: bytes | None) -> int:
    return _varint(-1) if value is None else _varint(len(value)) + len(value)


def _varint(number: int) -> int:
    """Bytes of a number in Kafka's zigzag encoding."""
    zigzag = (number << 1) ^ (number >> 63)
    return max(1, -(-zigzag.bit_length() // 7))


def _shown(separator: bytes) -> str:
    return repr(separator.decode("utf-8", "backslashreplace"))
