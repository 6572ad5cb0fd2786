"""
Writes events into their envelope: CloudEvents 1.0, structured or binary, or bare JSON.

What never changes for a topic and a service (type, source, schema) is made into bytes once;
an event adds its id, time, subject and data. `envelope` reads what this module writes.
"""

from __future__ import annotations

import datetime as dt
import itertools
import os
import re
import time
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from learnflow_kafka.core.catalog import Envelope
from learnflow_kafka.errors import EventError
from learnflow_kafka.sdk.envelope import CONTENT_TYPE, JSON, KNOWN, PREFIX, TRACEPARENT, TRACESTATE

if TYPE_CHECKING:
    from collections.abc import Mapping

STRUCTURED_HEADER: Final = (CONTENT_TYPE, b"application/cloudevents+json; charset=UTF-8")
BINARY_HEADER: Final = (CONTENT_TYPE, JSON.encode())

_LEGAL: Final = re.compile(r"[a-z0-9]{1,20}\Z")
_json: Final = msgspec.json.encode


Wrapped: TypeAlias = tuple[bytes, list[tuple[str, bytes]]]
"""A record's value and headers; the list is the caller's to extend."""


class Identifiers:
    """
    Ids that no other process draws: 80 random bits of this process, then a counter.

    A tenth of a UUID's cost. A forked child draws bits of its own.
    """

    def __init__(self) -> None:
        self._renew()
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._prefix = os.urandom(10).hex().encode()
        self._count = itertools.count(1)

    def next(self) -> bytes:
        """A new id, of characters that need no escape in JSON."""
        return b"%b-%x" % (self._prefix, next(self._count))


class Clock:
    """The current time as RFC 3339 in UTC, to the millisecond; each text is made once."""

    def __init__(self) -> None:
        self._known = (0, b"")

    def now(self) -> bytes:
        """This moment."""
        now = time.time_ns() // 1_000_000
        known, text = self._known
        if known != now:
            second, rest = divmod(now, 1_000)
            whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            text = f"{whole}.{rest:03d}Z".encode()
            self._known = (now, text)  # one assignment: threads may race, and all are right
        return text


identifiers: Final = Identifiers()
clock: Final = Clock()


def time_text(moment: dt.datetime) -> str:
    """
    A moment as RFC 3339 in UTC.

    Raises EventError for a moment without a time zone: it would be read as another one.
    """
    if moment.tzinfo is None:
        raise EventError("the event's time has no time zone", fix="use datetime.now(datetime.UTC)")
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def additions(
    traceparent: str | None, tracestate: str | None, extensions: Mapping[str, str] | None
) -> dict[str, str]:
    """
    The attributes beyond those that every event has, by their names on the wire.

    Raises EventError for an extension's name that CloudEvents does not allow, or that belongs
    to an attribute of the specification.
    """
    added: dict[str, str] = {}
    if traceparent is not None:
        added[TRACEPARENT] = traceparent
    if tracestate is not None:
        added[TRACESTATE] = tracestate
    for name, text in (extensions or {}).items():
        if not _LEGAL.match(name) or name in KNOWN or name == "data":
            raise EventError(
                f"{name!r} cannot be the name of an extension attribute",
                fix="use up to 20 lower-case letters and digits, and no CloudEvents attribute",
            )
        added[name] = text
    return added


class Wrapper:
    """
    Puts one kind of event, from one service, into its topic's envelope.

    `kind` becomes `type`, `source` names the service (a URI reference), `schema_uri` the
    schema (`dataschema`).
    """

    def __init__(
        self, mode: Envelope, *, kind: str, source: str, schema_uri: str | None = None
    ) -> None:
        fixed = {"specversion": "1.0", "type": kind, "source": source}
        if schema_uri is not None:
            fixed["dataschema"] = schema_uri
        self._fixed = [(PREFIX + name, text.encode()) for name, text in fixed.items()]
        self._fixed.append(BINARY_HEADER)
        self._head = _json({**fixed, "datacontenttype": JSON})[:-1] + b',"id":'
        self._usual_head = self._head + b'"'
        self.wrap = {
            Envelope.STRUCTURED: self._structured,
            Envelope.BINARY: self._binary,
            Envelope.NONE: self._bare,
        }[mode]
        """(data, id, time, subject or None, added attributes) -> Wrapped"""

    def usual(self, data: bytes, subject: str) -> bytes:
        """A structured value of this moment, with a new id and without further attributes."""
        return b"".join(
            (
                self._usual_head,
                identifiers.next(),
                b'","time":"',
                clock.now(),
                b'","subject":',
                _json(subject),
                b',"data":',
                data,
                b"}",
            )
        )

    def _structured(
        self, data: bytes, identity: str, moment: str, subject: str | None, added: dict[str, str]
    ) -> Wrapped:
        parts = [self._head, _json(identity), b',"time":"', moment.encode(), b'"']
        if subject is not None:
            parts += (b',"subject":', _json(subject))
        for name, text in added.items():
            parts += (b',"', name.encode(), b'":', _json(text))
        parts += (b',"data":', data, b"}")
        return b"".join(parts), [STRUCTURED_HEADER]

    def _binary(
        self, data: bytes, identity: str, moment: str, subject: str | None, added: dict[str, str]
    ) -> Wrapped:
        headers = [*self._fixed, ("ce_id", identity.encode()), ("ce_time", moment.encode())]
        if subject is not None:
            headers.append(("ce_subject", subject.encode()))
        headers += [(PREFIX + name, text.encode()) for name, text in added.items()]
        return data, headers

    @staticmethod
    def _bare(
        data: bytes,
        identity: str,  # noqa: ARG004 - the modes share one signature
        moment: str,  # noqa: ARG004
        subject: str | None,  # noqa: ARG004
        added: dict[str, str],
    ) -> Wrapped:
        """No envelope: only a trace travels, in headers as W3C and OpenTelemetry name them."""
        return data, [(name, text.encode()) for name, text in added.items()]
