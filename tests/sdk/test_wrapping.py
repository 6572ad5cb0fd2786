"""Records as we write them, byte for byte, and the ids and times in them."""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import sys
import threading

from learnflow_kafka.sdk.contract import Envelope
from learnflow_kafka.sdk.wrapping import Clock, Identifiers, Wrapper

FIXED = {"kind": "learning.query", "source": "/learnflow/tutor", "schema_uri": "urn:event:x:1"}
TIME = "2026-11-23T14:18:41.001Z"


def wrapper(mode: Envelope) -> Wrapper:
    """A wrapper of one event, in one mode."""
    return Wrapper(mode, **FIXED)


def test_a_structured_record_is_the_json_event_format() -> None:
    """Value and header as the Kafka binding's section 3.3 has them, the data as it is."""
    value, headers = wrapper(Envelope.STRUCTURED).wrap(b'{"a": 1}', "i", TIME, 's"1', {"x": "é"})

    assert headers == [("content-type", b"application/cloudevents+json; charset=UTF-8")]
    assert b'"data":{"a": 1}}' in value
    assert json.loads(value) == {
        "specversion": "1.0",
        "type": "learning.query",
        "source": "/learnflow/tutor",
        "dataschema": "urn:event:x:1",
        "datacontenttype": "application/json",
        "id": "i",
        "time": TIME,
        "subject": 's"1',
        "x": "é",
        "data": {"a": 1},
    }


def test_a_binary_record_has_its_attributes_as_headers() -> None:
    """Section 3.2: `ce_` before each name, the content type by its own, UTF-8 values."""
    value, headers = wrapper(Envelope.BINARY).wrap(b"{}", "i", TIME, "é", {"traceparent": "t"})

    assert value == b"{}"
    assert headers == [
        ("ce_specversion", b"1.0"),
        ("ce_type", b"learning.query"),
        ("ce_source", b"/learnflow/tutor"),
        ("ce_dataschema", b"urn:event:x:1"),
        ("content-type", b"application/json"),
        ("ce_id", b"i"),
        ("ce_time", TIME.encode()),
        ("ce_subject", "é".encode()),
        ("ce_traceparent", b"t"),
    ]


def test_a_bare_record_carries_its_trace_alone() -> None:
    """Without an envelope the value is the event, and only a trace stands in headers."""
    wrapped = wrapper(Envelope.NONE).wrap(b"{}", "i", TIME, "s", {"traceparent": "t"})

    assert wrapped == (b"{}", [("traceparent", b"t")])


def test_the_clock_writes_utc_as_rfc_3339() -> None:
    """The text is now, in UTC, to the millisecond."""
    before = dt.datetime.now(dt.UTC) - dt.timedelta(milliseconds=1)
    text = Clock().now().decode()

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    assert before <= dt.datetime.fromisoformat(text) <= dt.datetime.now(dt.UTC)


def test_ids_are_never_drawn_twice() -> None:
    """Four threads drawing from one counter, and a second counter, share no id."""
    mine, drawn = Identifiers(), set[bytes]()
    threads = [
        threading.Thread(target=lambda: drawn.update([mine.next() for _ in range(5_000)]))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(drawn) == 20_000
    assert Identifiers().next() not in drawn


FORK = """
import os
from learnflow_kafka.sdk.wrapping import Identifiers
mine = Identifiers()
reading, writing = os.pipe()
if os.fork() == 0:
    os.write(writing, mine.next())
    os._exit(0)
os.wait()
print(os.read(reading, 100).decode(), mine.next().decode())
"""


def test_a_forked_child_draws_ids_of_its_own() -> None:
    """After a fork, parent and child never draw the same id."""
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, check=True)
    child, parent = done.stdout.split()

    assert child.split("-")[0] != parent.split("-")[0]
