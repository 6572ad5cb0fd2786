"""
Events to records and back: typed, validated on both sides, in a few microseconds.

A `Writer` and a `Reader` are made once for a topic. What is written has passed the same decoder
that reads it: a struct's constructor checks nothing, so the bytes are the proof. What cannot be
read is a value (`Undecodable`), never an exception: poison is an ordinary thing in a topic.

Unknown fields of an event are tolerated and not kept; whoever passes a record on (retries, dead
letters, replay) passes its bytes on. Times without a zone, which services send, are read as UTC
and refused on the way out.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, Protocol, TypeVar

import msgspec

from learnflow_kafka.core.catalog import Envelope
from learnflow_kafka.errors import EventError
from learnflow_kafka.sdk.contract import EventType
from learnflow_kafka.sdk.envelope import (
    UNREADABLE,
    Attributes,
    EnvelopeFault,
    Glimpse,
    Structured,
    readable,
    traced,
    unwrap,
)
from learnflow_kafka.sdk.infinities import loose, lost
from learnflow_kafka.sdk.partitioning import key_text
from learnflow_kafka.sdk.wrapping import (
    STRUCTURED_HEADER,
    Wrapper,
    additions,
    clock,
    identifiers,
    time_text,
)
from learnflow_kafka.sdk.zones import zones

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    from learnflow_kafka.sdk.contract import Topic
    from learnflow_kafka.sdk.envelope import Headers

E = TypeVar("E")


class JsonModel(Protocol):
    """A model that writes itself as JSON: pydantic's, without knowing pydantic."""

    def model_dump_json(self, *, by_alias: bool = ...) -> str:
        """The model as JSON, under the names that it has there."""
        ...


class Encoded(msgspec.Struct, frozen=True):
    """A record to be produced; `headers` is the caller's own list."""

    value: bytes
    key: bytes | None
    headers: list[tuple[str, bytes]]


class Decoded(msgspec.Struct, Generic[E], frozen=True):
    """An event that was read: itself, what its envelope says, and its kind."""

    event: E
    attributes: Attributes
    type: EventType[E]


class Undecodable(msgspec.Struct, frozen=True):
    """
    A record that holds no event of its topic, and why.

    `stage`: the record is `empty` (a tombstone), its `envelope` is broken, its `type` is not
    one of the topic's, or its `data` does not fit the class. `path` is where in the data.
    """

    stage: Literal["empty", "envelope", "type", "data"]
    what: str
    topic: str
    path: str | None = None
    attributes: Attributes | None = None

    def error(self) -> EventError:
        """The same as an error, to raise or to describe in a dead letter."""
        return EventError(self.what, where=f"{self.topic} {self.path or ''}".rstrip())


class _Kind(Generic[E]):
    """One kind of event within a topic: its codec and, to write it, its envelope."""

    __slots__ = (
        "decode", "decode_structured", "encode", "glimpse", "loose", "type", "usual", "wrap",
        "zones",
    )  # fmt: skip

    def __init__(self, event: EventType[E], topic: Topic[E], source: str) -> None:
        self.type = event
        self.encode = msgspec.json.Encoder().encode
        self.decode = msgspec.json.Decoder(event.cls).decode
        # The subscript is computed, so that mypy cannot see a type in it.
        structured: Any = Structured[event.cls]  # type: ignore[name-defined]
        self.decode_structured = msgspec.json.Decoder(structured).decode
        self.glimpse = _glimpse(event.cls)
        self.zones = zones(event.cls)
        self.loose = loose(event.cls)
        wrapper = Wrapper(
            topic.envelope, kind=event.name, source=source, schema_uri=event.schema_uri
        )
        self.wrap = wrapper.wrap
        self.usual = wrapper.usual if topic.envelope is Envelope.STRUCTURED else None


class Writer(Generic[E]):
    """
    Makes records of one topic's events, on behalf of one service.

    `source` names the service in the envelope. `validate` False trusts the events: a third of
    the cost, and what does not fit the schema is found by its readers.
    """

    def __init__(self, topic: Topic[E], source: str, *, validate: bool = True) -> None:
        self.topic = topic
        self._kinds: dict[type, _Kind[E]] = {
            event.cls: _Kind(event, topic, source) for event in topic.events
        }
        self._validate = validate
        self._key = attrgetter(topic.key) if topic.key else None

    def write(  # noqa: PLR0913 - each is an attribute of the envelope
        self,
        event: E | JsonModel,
        *,
        id: str | None = None,  # noqa: A002 - the attribute's name
        time: dt.datetime | None = None,
        subject: str | None = None,
        traceparent: str | None = None,
        tracestate: str | None = None,
        extensions: Mapping[str, str] | None = None,
    ) -> Encoded:
        """
        The record of an event; its key from the topic's key field, its subject the key.

        A pydantic model goes as it writes itself, after its JSON was read as the topic's
        event. Raises EventError, naming the field, for an event that does not fit.
        """
        if (id, time, subject, traceparent, tracestate, extensions) == _NOTHING_GIVEN:
            record = self._write_usual(event)
            if record is not None:
                return record
        kind = self._kinds.get(type(event))
        checked: object = event
        if kind is None:
            kind, data, checked = self._model(event)
        else:
            try:
                data = kind.encode(event)
                if self._validate:
                    checked = kind.decode(data)
            except (*UNREADABLE, TypeError, ValueError, msgspec.EncodeError) as error:
                raise self._misfit(kind, error) from error
            if self._validate:
                self._refuse_naive(kind, checked)
                self._refuse_lost(kind, event)
        key = None
        if self._key is not None:
            key = self._key(checked)
            if type(key) is not str:
                key = key_text(key, topic=self.topic.name, field=self.topic.key or "")
        value, headers = kind.wrap(
            data,
            identifiers.next().decode() if id is None else id,
            clock.now().decode() if time is None else time_text(time),
            key if subject is None else subject,
            additions(traceparent, tracestate, extensions)
            if traceparent or tracestate or extensions
            else _NOTHING,
        )
        return Encoded(value, None if key is None else key.encode(), headers)

    def _write_usual(self, event: object) -> Encoded | None:
        """
        The usual case, a structured record with a key, without detours; None: take them.

        Nothing is judged here, so that each fault is found and named in one place.
        """
        kind = self._kinds.get(type(event))
        if kind is None or kind.usual is None or self._key is None:
            return None
        key = self._key(event)
        if type(key) is not str:
            return None
        try:
            data = kind.encode(event)
            if self._validate:
                checked = kind.decode(data)
                if kind.zones and kind.zones.missing(checked):
                    return None
                if kind.loose is not None:
                    given = kind.loose(event)
                    if given is not None and given != kind.loose(checked) and lost(event):
                        return None
            return Encoded(kind.usual(data, key), key.encode(), [STRUCTURED_HEADER])
        except (*UNREADABLE, TypeError, ValueError, msgspec.EncodeError):
            return None

    def _refuse_naive(self, kind: _Kind[E], event: object) -> None:
        naive = kind.zones.missing(event) if kind.zones else None
        if naive:
            raise self._misfit(kind, f"the time has no time zone - at `$.{naive}`")

    def _refuse_lost(self, kind: _Kind[E], event: object) -> None:
        path = lost(event) if kind.loose else None
        if path:
            raise self._misfit(kind, f"JSON has no NaN and no infinity - at `${path}`")

    def _misfit(self, kind: _Kind[E], fault: object) -> EventError:
        what, path = _split(str(fault))
        field = f" at {path}" if path else ""
        return EventError(
            f"{kind.type.cls.__name__} does not fit {kind.type.name} "
            f"version {kind.type.version}{field}: {what}",
            where=str(kind.type.place),
        )

    def _model(self, event: E | JsonModel) -> tuple[_Kind[E], bytes, E]:
        dump = getattr(event, "model_dump_json", None)
        if dump is None:
            wanted = ", ".join(cls.__name__ for cls in self._kinds)
            raise EventError(
                f"{type(event).__name__} is no event of {self.topic.name}; it carries {wanted}",
                where=str(self.topic.place),
            )
        if len(self._kinds) > 1:
            raise EventError(
                f"{self.topic.name} carries {len(self._kinds)} kinds of events, and a model does "
                "not say which it is",
                where=str(self.topic.place),
                fix="make one of " + ", ".join(cls.__name__ for cls in self._kinds),
            )
        kind = next(iter(self._kinds.values()))
        data = dump(by_alias=True)
        try:
            checked = kind.decode(data)
        except UNREADABLE as error:
            raise self._misfit(kind, error) from error
        self._refuse_naive(kind, checked)
        return kind, data.encode(), checked


class Reader(Generic[E]):
    """Reads records of one topic, whichever way they were written."""

    def __init__(self, topic: Topic[E]) -> None:
        self.topic = topic
        self._kinds = {event.name: _Kind(event, topic, "") for event in topic.events}
        self._only = next(iter(self._kinds.values())) if len(self._kinds) == 1 else None
        self._fast = self._only is not None and topic.envelope is Envelope.STRUCTURED
        self._glimpse = self._only.glimpse if self._only and self._fast else None

    def glance(self, value: bytes | None) -> E | None:
        """
        The event of a record that is as its topic declares, headers unseen; None: use `read`.

        For those who want nothing but the event: making Python values of a record's headers and
        of its envelope costs more than decoding the event.
        """
        if self._glimpse is None or value is None:
            return None
        try:
            event = self._glimpse(value).data
        except UNREADABLE:
            return None
        zones = self._only.zones if self._only else None
        if zones:
            zones.assume_utc(event)
        return event

    def read(self, value: bytes | None, headers: Headers | None) -> Decoded[E] | Undecodable:
        """The event in a record, or why there is none."""
        if self._fast and value is not None:
            decoded = self._read_structured(value, headers)
            if decoded is not None:
                return decoded
        try:
            found = unwrap(value, headers)
        except EnvelopeFault as fault:
            return Undecodable("envelope", str(fault), self.topic.name)
        attributes = found.attributes
        if found.data is None:
            return Undecodable("empty", "the record has no data", self.topic.name, None, attributes)
        kind = self._only or self._kinds.get(attributes.type or "")
        if kind is None:
            return self._foreign(attributes)
        try:
            event = kind.decode(found.data)
        except UNREADABLE as error:
            what, path = _split(str(error))
            return Undecodable("data", what, self.topic.name, path, attributes)
        if kind.zones:
            kind.zones.assume_utc(event)
        return Decoded(event, attributes, kind.type)

    def _read_structured(self, value: bytes, headers: Headers | None) -> Decoded[E] | None:
        """
        The usual case in one pass over the bytes; None: look again, slowly.

        Nothing is judged here, so that each fault is found and named in one place.
        """
        kind = self._only
        assert kind is not None  # noqa: S101 - what makes a reader fast
        try:
            wire = kind.decode_structured(value)
        except UNREADABLE:
            return None
        if not readable(wire):
            return None
        msgspec.structs.force_setattr(wire, "carried", value)
        event = wire.data
        if kind.zones:
            kind.zones.assume_utc(event)
        return Decoded(event, traced(wire, headers), kind.type)

    def _foreign(self, attributes: Attributes) -> Undecodable:
        said = "no type" if attributes.type is None else f"type {attributes.type!r}"
        return Undecodable(
            "type",
            f"the event has {said}; {self.topic.name} carries {', '.join(self._kinds)}",
            self.topic.name,
            None,
            attributes,
        )


_NOTHING: dict[str, str] = {}
_NOTHING_GIVEN: Final = (None,) * 6


def _glimpse(cls: type[E]) -> Callable[[bytes], Glimpse[E]]:
    # The subscript is computed, so that mypy cannot see a type in it.
    kind: Any = Glimpse[cls]  # type: ignore[valid-type]
    decode: Callable[[bytes], Glimpse[E]] = msgspec.json.Decoder(kind).decode
    return decode


def _split(message: str) -> tuple[str, str | None]:
    """What msgspec says, and the path at its end without the `$` that stands for the event."""
    what, found, path = message.partition(" - at `$")
    return what, path.rstrip("`").lstrip(".") or None if found else None
