"""Records as other programs write them: the specification's examples, Dapr, and bare JSON."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import Any

import msgspec
import pytest

from learnflow_kafka.sdk.contract import Envelope
from learnflow_kafka.sdk.envelope import EnvelopeFault, Headers, unwrap

STRUCTURED = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "type": "com.example.someevent",
    "source": "/mycontext/subcontext",
    "id": "1234-1234-1234",
    "time": "2018-04-05T03:56:24Z",
    "data": {"appinfoA": "abc"},
}
BINARY: Headers = [
    ("ce_specversion", b"1.0"),
    ("ce_type", b"com.example.someevent"),
    ("ce_source", b"/mycontext/subcontext"),
    ("ce_id", b"1234-1234-1234"),
    ("ce_time", b"2018-04-05T03:56:24Z"),
    ("content-type", b"application/json"),
]
DAPR: dict[str, Any] = {
    "data": {"query_id": "q1", "student_id": "s1", "query": "why?"},
    "datacontenttype": "application/json",
    "id": "5929aaac-a5e2-4ca1-859c-edfe73f11565",
    "pubsubname": "kafka-pubsub",
    "source": "triage-service",
    "specversion": "1.0",
    "time": "2026-11-23T14:18:41Z",
    "topic": "learning.query",
    "traceid": "00-113ad9c4e42b27583ae98ba698d54255-e3743e35ff56f219-01",
    "traceparent": "00-113ad9c4e42b27583ae98ba698d54255-e3743e35ff56f219-01",
    "tracestate": "",
    "type": "com.dapr.event.sent",
}


def text(value: object) -> bytes:
    """A value as JSON with the spaces that other programs put in."""
    return json.dumps(value, indent=1).encode()


def test_the_specifications_structured_example_is_read() -> None:
    """The example of the Kafka binding's section 3.3.4."""
    found = unwrap(text(EVENT), STRUCTURED)
    said = found.attributes

    assert bytes(found.data or b"") == b'{\n  "appinfoA": "abc"\n }'
    assert (said.type, said.source, said.id) == (EVENT["type"], EVENT["source"], EVENT["id"])
    assert said.time == dt.datetime(2018, 4, 5, 3, 56, 24, tzinfo=dt.UTC)
    assert said.mode is Envelope.STRUCTURED


def test_the_specifications_binary_example_is_read() -> None:
    """The example of the Kafka binding's section 3.2.5, with data as JSON."""
    found = unwrap(b'{"a":1}', BINARY)
    said = found.attributes

    assert found.data == b'{"a":1}'
    assert (said.type, said.source, said.id) == (EVENT["type"], EVENT["source"], EVENT["id"])
    assert said.time == dt.datetime(2018, 4, 5, 3, 56, 24, tzinfo=dt.UTC)
    assert (said.mode, said.datacontenttype) == (Envelope.BINARY, "application/json")


@pytest.mark.parametrize(
    "media",
    [b"application/cloudevents+json", b"Application/CloudEvents+JSON;charset=utf-8"],
)
def test_the_media_type_is_matched_in_any_case(media: bytes) -> None:
    """Section 3: the prefix application/cloudevents is compared case-insensitively."""
    assert unwrap(text(EVENT), [("content-type", media)]).attributes.id == EVENT["id"]


@pytest.mark.parametrize(
    "media", [b"application/cloudevents+avro", b"application/cloudevents-batch+json"]
)
def test_other_event_formats_are_told(media: bytes) -> None:
    """A format that cannot be read is a fault, and never taken for data."""
    with pytest.raises(EnvelopeFault, match="cannot be read, only JSON"):
        unwrap(text(EVENT), [("content-type", media)])


def test_a_structured_record_may_carry_binary_headers() -> None:
    """Section 3.3.3: the same headers beside a structured value change nothing."""
    found = unwrap(text(EVENT), [*BINARY[:-1], *STRUCTURED])

    assert found.attributes.mode is Envelope.STRUCTURED
    assert found.attributes.id == EVENT["id"]


@pytest.mark.parametrize("missing", ["specversion", "type", "source", "id"])
def test_a_structured_record_without_a_required_attribute_is_told(missing: str) -> None:
    """What says that it is a CloudEvent has all four required attributes."""
    broken = {name: value for name, value in EVENT.items() if name != missing}
    with pytest.raises(EnvelopeFault, match=f"lacks {missing}"):
        unwrap(text(broken), STRUCTURED)


@pytest.mark.parametrize("headers", [STRUCTURED, None])
def test_an_older_specification_is_told(headers: Headers | None) -> None:
    """Version 0.3 names its attributes otherwise, so it is not guessed at."""
    with pytest.raises(EnvelopeFault, match=r"specversion 0\.3 is not 1\.0"):
        unwrap(text(EVENT | {"specversion": "0.3"}), headers)


def test_headers_without_all_required_attributes_make_no_envelope() -> None:
    """Section 3: a record is a CloudEvent where all mandatory attributes are headers."""
    found = unwrap(b'{"a":1}', BINARY[1:])

    assert found.data == b'{"a":1}'
    assert found.attributes.mode is Envelope.NONE


def test_headers_that_are_no_utf8_are_told() -> None:
    """Attributes are UTF-8; others are a fault and no crash."""
    with pytest.raises(EnvelopeFault, match="ce_id is not UTF-8"):
        unwrap(b"{}", [*BINARY, ("ce_id", b"\xff")])


@pytest.mark.parametrize("name", ["traceparent", "content-type", "x-other"])
def test_other_headers_may_hold_any_bytes(name: str) -> None:
    """A header that is not an attribute never makes a record unreadable."""
    assert unwrap(b'{"a":1}', [(name, b"\xff")]).data == b'{"a":1}'
    assert unwrap(text(EVENT), [(name, b"\xff")]).attributes.id == EVENT["id"]


def test_data_in_base64_is_unpacked() -> None:
    """JSON format, section 3.1: binary data travels as `data_base64`."""
    packed = base64.b64encode(b'{"a":1}').decode()
    event = {k: v for k, v in EVENT.items() if k != "data"} | {"data_base64": packed}

    assert unwrap(text(event), STRUCTURED).data == b'{"a":1}'
    with pytest.raises(EnvelopeFault, match="not base64"):
        unwrap(text(event | {"data_base64": "%"}), STRUCTURED)


@pytest.mark.parametrize("content_type", ["text/plain", "text/xml; charset=utf-8"])
def test_data_that_is_text_is_unpacked(content_type: str) -> None:
    """Data of another type is a JSON string of its text; Dapr's default type is text/plain."""
    event = EVENT | {"datacontenttype": content_type, "data": '{"a":1}'}

    assert unwrap(text(event), STRUCTURED).data == b'{"a":1}'


@pytest.mark.parametrize(
    "event", [EVENT | {"data": None}, {k: EVENT[k] for k in EVENT if k != "data"}]
)
def test_an_event_without_data_has_none(event: dict[str, Any]) -> None:
    """An envelope alone is legal, and holds no event of ours."""
    assert unwrap(text(event), STRUCTURED).data is None


def test_a_record_of_dapr_is_read() -> None:
    """What Dapr's Kafka component writes: no telling header, its own type, more attributes."""
    found = unwrap(text(DAPR), [("partitionKey", b"s1")])
    said = found.attributes

    assert msgspec.json.decode(found.data or b"") == DAPR["data"]
    assert (said.mode, said.type) == (Envelope.STRUCTURED, "com.dapr.event.sent")
    assert said.traceparent == DAPR["traceparent"]
    assert said.extensions == {name: DAPR[name] for name in ("pubsubname", "topic", "traceid")}


@pytest.mark.parametrize(
    "value",
    [
        b'{"specversion":"1.0","id":"1","source":"s"}',
        b'{"specversion":1,"id":"1","source":"s","type":"t"}',
        b'{"note":"about \\"specversion\\""}',
        b'["specversion"]',
        b'"specversion"',
        b"no json",
    ],
)
def test_what_is_no_envelope_is_left_alone(value: bytes) -> None:
    """Without headers only all four attributes, as texts, make a CloudEvent."""
    found = unwrap(value, None)

    assert found.data == value
    assert found.attributes.mode is Envelope.NONE


@pytest.mark.parametrize("value", [b'{"a":1}', text(EVENT)])
def test_a_trace_in_plain_headers_is_read(value: bytes) -> None:
    """Other programs put `traceparent` beside the value; the envelope's own wins."""
    headers = [("traceparent", b"00-a-b-01"), ("tracestate", b"x=1")]

    assert unwrap(value, headers).attributes.traceparent == "00-a-b-01"
    both = unwrap(text(EVENT | {"traceparent": "00-c-d-01"}), headers)
    assert both.attributes.traceparent == "00-c-d-01"


@pytest.mark.parametrize("moment", ["yesterday", "", "12:00"])
def test_a_time_that_cannot_be_read_is_no_fault(moment: str) -> None:
    """A broken time loses nobody the event; its text stays."""
    said = unwrap(text(EVENT | {"time": moment}), STRUCTURED).attributes

    assert said.time is None
    assert said.time_text == moment


def test_attributes_show_themselves_without_the_payload() -> None:
    """Logs may hold attributes: no data and no extension is in their repr."""
    shown = repr(unwrap(text(DAPR), None).attributes)

    assert "com.dapr.event.sent" in shown
    assert "why?" not in shown
    assert "kafka-pubsub" not in shown
