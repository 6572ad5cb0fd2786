"""
CloudEvents 1.0 read from Kafka records: the structured and the binary mode, and bare JSON.

Reading does not care which mode a topic declares: `unwrap` finds out from the headers and the
value, so that all three may live in one topic, as they do while producers change. Only JSON is
read as event format, and only specversion 1. `wrapping` writes what this module reads.

The wire format, attribute by attribute, stands in docs/reference/envelope.md.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Final,
    Generic,
    Literal,
    TypeAlias,
    TypeVar,
)

import msgspec

from learnflow_kafka.core.catalog import Envelope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Headers: TypeAlias = "Sequence[tuple[str, bytes | None]]"
"""A record's headers, in order; a name may come twice."""

T = TypeVar("T")

_Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]

CONTENT_TYPE: Final = "content-type"
JSON: Final = "application/json"
TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"

PREFIX: Final = "ce_"
_DATA: Final = frozenset({"data", "data_base64"})
_REQUIRED: Final = ("specversion", "id", "source", "type")
_ALL_REQUIRED: Final = frozenset(_REQUIRED)
UNREADABLE: Final = (msgspec.DecodeError, UnicodeError, RecursionError)
"""What msgspec raises for bytes that are no JSON, or not of the shape; it counts its depth."""


class Attributes(msgspec.Struct, frozen=True, kw_only=True):
    """
    What an envelope says about its event; every attribute is None where it said nothing.

    `mode` is how the record was written, whatever its topic declares. `time_text` is the
    time as it was written, `time` the same as a moment.
    """

    mode: ClassVar[Envelope] = Envelope.NONE

    id: str | None = None
    source: str | None = None
    type: str | None = None
    specversion: str | None = None
    time_text: str | None = msgspec.field(default=None, name="time")
    subject: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    # Not on the wire (no attribute may have this name): where `extensions` are found when
    # somebody asks, which is rare.
    carried: Any = msgspec.field(default=None, name="~carried")

    def __repr__(self) -> str:
        # Without payload: this is what logs show.
        said = ", ".join(
            f"{name}={value!r}" for name in SAID if (value := getattr(self, name)) is not None
        )
        return f"Attributes({self.mode.value}, {said})"

    @property
    def time(self) -> dt.datetime | None:
        """The event's time, aware; None where it has none or none that can be read."""
        if self.time_text is None:
            return None
        try:
            moment = msgspec.convert(self.time_text, dt.datetime)
        except msgspec.ValidationError:
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)

    @property
    def extensions(self) -> Mapping[str, object]:
        """The attributes that have no name here, such as Dapr's `topic` and `pubsubname`."""
        if isinstance(self.carried, bytes):
            found = msgspec.json.decode(self.carried)
            return {k: v for k, v in found.items() if k not in KNOWN and k not in _DATA}
        return dict(self.carried or ())


SAID: Final = tuple(name for name in Attributes.__struct_fields__ if name != "carried")
KNOWN: Final = frozenset({"time" if name == "time_text" else name for name in SAID})
"""The attributes that `Attributes` names, as they stand on the wire."""


class Structured(Attributes, Generic[T], frozen=True, kw_only=True):
    """A structured record whose data is decoded in the same pass."""

    mode: ClassVar[Envelope] = Envelope.STRUCTURED

    data: T


class Glimpse(msgspec.Struct, Generic[T], gc=False):
    """
    A complete structured record of which only the event matters: the least that decodes.

    What does not decode so may be in order all the same; see `unwrap`.
    """

    id: _Text
    source: _Text
    type: _Text
    specversion: Literal["1.0"]
    data: T


class _Outline(Attributes, frozen=True, kw_only=True):
    """A structured record with its data left as it stands."""

    mode: ClassVar[Envelope] = Envelope.STRUCTURED

    data: msgspec.Raw = msgspec.Raw(b"null")
    data_base64: str | None = None


class _Binary(Attributes, frozen=True, kw_only=True):
    mode: ClassVar[Envelope] = Envelope.BINARY


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """What a record holds: the event's own bytes (None: no data) and what is said about it."""

    data: bytes | msgspec.Raw | None
    attributes: Attributes


class EnvelopeFault(Exception):  # noqa: N818 - never leaves this package; codec makes it a value
    """The record claims an envelope that cannot be read."""


class _Probe(msgspec.Struct):
    """Only what tells a structured CloudEvent from other JSON; any type may stand there."""

    specversion: object = None
    id: object = None
    source: object = None
    type: object = None


_FORMATS: Final = ("application/cloudevents+json", "application/cloudevents")
_FIELDS: Final = {PREFIX + ("time" if name == "time_text" else name): name for name in SAID}
_TRACE: Final = frozenset({TRACEPARENT, TRACESTATE})


def unwrap(value: bytes | None, headers: Headers | None) -> Unwrapped:
    """
    Find the event's bytes and its attributes in a record of any mode.

    Raises EnvelopeFault where the record says that it is a CloudEvent and is none that can be
    read.
    """
    if not headers:
        said, extra, trace = _NOTHING_SAID
    else:
        said, extra, trace = _heard(headers)
    content_type = said.get("datacontenttype", "").strip().lower()
    if content_type.startswith("application/cloudevents"):
        return _structured(value, content_type, trace)
    if said.keys() >= _ALL_REQUIRED:
        attributes = _Binary(**said, carried=extra)
        if not readable(attributes):
            _complete(attributes)
        return Unwrapped(value, _with_trace(attributes, trace))
    if value is not None and looks_structured(value):
        return _structured(value, "", trace)
    return Unwrapped(value, _with_trace(Attributes(), trace))


def looks_structured(value: bytes) -> bool:
    """
    Whether a value without telling headers is a structured CloudEvent.

    Dapr's Kafka component writes those. An event of one's own may have a field `specversion`,
    so all four required attributes must be there, as strings.
    """
    if b'"specversion"' not in value:
        return False
    try:
        found = msgspec.json.decode(value, type=_Probe)
    except UNREADABLE:
        return False
    return all(isinstance(getattr(found, name), str) for name in _REQUIRED)


_Said: TypeAlias = "tuple[dict[str, str], dict[str, str], dict[str, str]]"
_NOTHING_SAID: Final[_Said] = ({}, {}, {})


def _heard(headers: Headers) -> _Said:
    """Named attributes, extensions, and the trace that stands in headers of its own."""
    said: dict[str, str] = {}
    extra: dict[str, str] = {}
    trace: dict[str, str] = {}
    name = ""
    try:
        for name, value in headers:
            if value is None:
                continue
            field = _FIELDS.get(name)
            if field is not None:
                said[field] = value.decode()
            elif name == CONTENT_TYPE:
                said["datacontenttype"] = value.decode("utf-8", "replace")
            elif name.startswith(PREFIX):
                extra[name.removeprefix(PREFIX)] = value.decode()
            elif name in _TRACE:
                trace[name] = value.decode("utf-8", "replace")
    except UnicodeDecodeError as error:
        raise EnvelopeFault(f"header {name} is not UTF-8") from error
    return said, extra, trace


def header_fault(name: object, value: object, mode: Envelope) -> str | None:
    """Why a sender's header cannot stand beside its record's envelope; None where it can."""
    if not isinstance(name, str):
        return f"has a name of type {type(name).__name__}; it is a string"
    if value is not None and not isinstance(value, bytes | str):
        return f"has a value of type {type(value).__name__}; it is bytes"
    ours = mode is not Envelope.NONE and name == CONTENT_TYPE
    if ours or (mode is Envelope.BINARY and name.startswith(PREFIX)):
        return "is the envelope's own"
    return None


def traced(attributes: Attributes, headers: Headers | None) -> Attributes:
    """The attributes, with the trace from a record's headers where the envelope has none."""
    if not headers or attributes.traceparent:
        return attributes
    trace = {
        name: value.decode("utf-8", "replace")
        for name, value in headers
        if name in _TRACE and value is not None
    }
    return _with_trace(attributes, trace)


def _with_trace(attributes: Attributes, trace: dict[str, str]) -> Attributes:
    """The attributes, with the trace from plain headers where the envelope has none."""
    if not trace or attributes.traceparent:
        return attributes
    return msgspec.structs.replace(attributes, **trace)


def _structured(value: bytes | None, content_type: str, trace: dict[str, str]) -> Unwrapped:
    media = content_type.partition(";")[0].strip()
    if media and media not in _FORMATS:
        raise EnvelopeFault(f"the event format {media} cannot be read, only JSON")
    if value is None:
        return Unwrapped(None, Attributes())
    try:
        outline = msgspec.json.decode(value, type=_Outline)
        _complete(outline)
        data = _data(outline)
    except UNREADABLE as error:
        raise EnvelopeFault(str(error)) from error
    msgspec.structs.force_setattr(outline, "carried", value)
    return Unwrapped(data, _with_trace(outline, trace))


def _complete(attributes: Attributes) -> None:
    missing = [n for n in _REQUIRED if not getattr(attributes, n)]
    if missing:
        raise EnvelopeFault(f"the envelope lacks {', '.join(missing)}")
    if not readable(attributes):
        raise EnvelopeFault(f"specversion {attributes.specversion} is not 1.0")


def readable(attributes: Attributes) -> bool:
    """Whether the required attributes are there and of a version that can be read."""
    return bool(
        attributes.id
        and attributes.source
        and attributes.type
        and attributes.specversion
        and attributes.specversion.startswith("1.")
    )


def _data(outline: _Outline) -> bytes | msgspec.Raw | None:
    """
    The event's own bytes.

    Data that is not JSON travels as a JSON string of its text, or as base64. Dapr does so with
    JSON too where its publisher named no content type, so a string is unpacked unless the
    content type says that the string is the JSON itself.
    """
    if outline.data_base64 is not None:
        try:
            return base64.b64decode(outline.data_base64, validate=True)
        except binascii.Error as error:
            raise EnvelopeFault("data_base64 is not base64") from error
    data = outline.data
    if bytes(data) == b"null":
        return None
    if is_json(outline.datacontenttype):
        return data
    decoded = msgspec.json.decode(data)
    return decoded.encode() if isinstance(decoded, str) else data


def is_json(content_type: str | None) -> bool:
    """Whether data of this content type stands in the envelope as JSON; it does unless said."""
    if content_type is None:
        return True
    media = content_type.partition(";")[0].strip().lower()
    return media.endswith(("/json", "+json"))
