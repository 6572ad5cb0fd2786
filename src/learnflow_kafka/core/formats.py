"""
Records as people read them: text, JSON, templates.

JSON is exact (base64 where bytes are not UTF-8); text is for eyes and pipes.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.moments import format_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from learnflow_kafka.core.observed import Record

NULL: Final = b"null"
"""How text shows the absence of a key or a value, as Kafka's console consumer does."""


def as_json_record(record: Record) -> dict[str, object]:
    """
    The record as a JSON object.

    `key` and `value` are text, or base64 with a `key_encoding` or `value_encoding` beside
    them where the bytes are not UTF-8; `headers` a list, as names may repeat.
    """
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": None if record.timestamp_ms is None else format_moment(record.timestamp_ms),
        "timestamp_ms": record.timestamp_ms,
        **_text("key", "key_encoding", record.key),
        **_text("value", "value_encoding", record.value),
        "headers": [
            {"name": name, **_text("value", "encoding", value)} for name, value in record.headers
        ],
    }


def text_line(record: Record, *, keys: bool = False, headers: bool = False) -> bytes:
    """The record's value, after its headers and key (tabs between) where they are wanted."""
    parts = []
    if headers:
        parts.append(_header_text(record.headers))
    if keys:
        parts.append(_or_null(record.key))
    return b"\t".join([*parts, _or_null(record.value)]) + b"\n"


@dataclass(frozen=True, slots=True)
class Template:
    """A format such as `%k: %s`, parsed once; `parts` are literal bytes and letters."""

    parts: tuple[bytes | str, ...]

    def render(self, record: Record) -> bytes:
        """The record in this format."""
        return b"".join(
            part if isinstance(part, bytes) else _PLACEHOLDERS[part](record) for part in self.parts
        )


_ESCAPES: Final = {"n": b"\n", "t": b"\t", "r": b"\r", "0": b"\0", "\\": b"\\"}


def parse_template(text: str) -> Template:
    r"""
    The template of kcat's letters.

    `%k` key, `%s` (or `%v`) value, `%t` topic, `%p` partition, `%o` offset, `%T` time in
    milliseconds, `%h` headers, `%%`; and `\n`, `\t`, `\r`, `\0`.

    Raises ValueError for an unknown letter.
    """
    parts: list[bytes | str] = []
    letters = iter(text)
    for letter in letters:
        if letter == "%":
            parts.append(_template_letter(next(letters, "")))
        elif letter == "\\":
            after = next(letters, "")
            parts.append(_ESCAPES.get(after, b"\\" + after.encode()))
        else:
            parts.append(letter.encode())
    return Template(tuple(parts))


def for_terminal(text: bytes) -> bytes:
    """
    The same bytes with everything a terminal would obey made visible.

    Records come from anybody: an escape sequence in one must not steer the reader's terminal.
    """
    shown = text.decode("utf-8", "backslashreplace")
    safe = "".join(c if c in "\n\t" or c.isprintable() else _visible(c) for c in shown)
    return safe.encode()


def _visible(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"  # noqa: PLR2004 - one byte


def _text(name: str, encoding: str, value: bytes | None) -> dict[str, str | None]:
    if value is None:
        return {name: None}
    try:
        return {name: value.decode("utf-8")}
    except UnicodeDecodeError:
        return {name: base64.b64encode(value).decode("ascii"), encoding: "base64"}


def _or_null(value: bytes | None) -> bytes:
    return NULL if value is None else value


def _header_text(headers: Sequence[tuple[str, bytes | None]]) -> bytes:
    return b",".join(name.encode() + b"=" + _or_null(value) for name, value in headers)


def _template_letter(letter: str) -> bytes | str:
    if letter == "%":
        return b"%"
    if letter in _PLACEHOLDERS:
        return letter
    raise ValueError(
        f"'%{letter}' is no part of a format; write %k key, %s value, %t topic, %p partition, "
        "%o offset, %T time, %h headers or %% for a percent sign"
    )


_PLACEHOLDERS: Final[Mapping[str, Callable[[Record], bytes]]] = {
    "k": lambda record: record.key or b"",
    "s": lambda record: record.value or b"",
    "v": lambda record: record.value or b"",
    "t": lambda record: record.topic.encode(),
    "p": lambda record: str(record.partition).encode(),
    "o": lambda record: str(record.offset).encode(),
    "T": lambda record: str(-1 if record.timestamp_ms is None else record.timestamp_ms).encode(),
    "h": lambda record: _header_text(record.headers),
}
