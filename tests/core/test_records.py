"""Lines to records, and records to lines."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnflow_kafka.core.formats import as_json_record
from learnflow_kafka.core.observed import Record
from learnflow_kafka.core.ports import NewRecord
from learnflow_kafka.core.records import (
    BadLineError,
    LineRules,
    batch_bytes,
    from_json,
    from_text,
    parse_header,
    parse_separator,
)

RULES = LineRules("t")
content = st.one_of(st.none(), st.binary(max_size=40), st.text(max_size=20).map(str.encode))
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)


def test_a_line_of_text_is_a_value():
    """Without rules the whole line is the value; an empty line is an empty value."""
    assert from_text(b"hello: you", RULES) == NewRecord("t", b"hello: you")
    assert from_text(b"", RULES) == NewRecord("t", b"")


def test_a_separator_splits_key_and_value_once():
    """The first separator ends the key; a line without one is refused."""
    rules = LineRules("t", separator=b":")

    assert from_text(b"k:v:w", rules) == NewRecord("t", b"v:w", b"k")
    with pytest.raises(BadLineError, match="no key separator ':'"):
        from_text(b"kv", rules)


def test_a_json_line_has_all_of_a_record():
    """Key, value, headers, partition and timestamp come from the object."""
    line = b'{"key": "k", "value": {"a": 1}, "headers": {"h": "x", "n": null},'
    line += b'"partition": 2, "timestamp": "1970-01-01T00:00:01Z"}'

    assert from_json(line, RULES) == NewRecord(
        "t", b'{"a":1}', b"k", (("h", b"x"), ("n", None)), 2, 1_000
    )


def test_flags_fill_what_a_json_line_leaves_out():
    """The command's key, headers and partition hold where the line has none."""
    rules = LineRules("t", key=b"k", headers=(("h", b"1"),), partition=3)

    assert from_json(b'{"value": null}', rules) == NewRecord("t", None, b"k", (("h", b"1"),), 3)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hello", "not JSON"),
        (b"[1]", "no JSON object"),
        (b'{"key": "k"}', "write null to send a tombstone"),
        (b'{"vlaue": "v"}', "did you mean 'value'"),
        (b'{"value": "v", "partition": -1}', "whole number"),
        (b'{"value": "v", "partition": true}', "whole number"),
        (b'{"value": "v", "timestamp": "10m"}', "timestamp"),
        (b'{"value": "v", "timestamp": "2026-99-01"}', "timestamp"),
        (b'{"value": "?", "value_encoding": "base64"}', "base64"),
        (b'{"value": "v", "value_encoding": "hex"}', "only 'base64'"),
        (b'{"value": "v", "headers": 5}', "headers"),
        (b'{"value": "v", "headers": [{"name": "n", "valu": "x"}]}', "unknown key 'valu'"),
        (b'{"value": "\\ud800"}', "surrogate"),
        (b'{"value": "\xff"}', "UTF-8"),
        (b'{"value": ' + b"[" * 100_000, "deeply|not JSON"),
    ],
)
def test_a_bad_json_line_says_what_to_write(line: bytes, reason: str):
    """Each kind of mistake has its own answer; a misspelt key never becomes a tombstone."""
    with pytest.raises(BadLineError, match=reason):
        from_json(line, RULES)


@given(content, content, st.lists(st.tuples(names, content), max_size=3))
def test_what_consume_prints_produce_reads_back(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
):
    """JSON out and in again gives the same bytes, UTF-8 or not."""
    record = Record("t", 1, 7, 1_000, key, value, tuple(headers))
    line = json.dumps(as_json_record(record)).encode()

    assert from_json(line, RULES) == NewRecord("t", value, key, tuple(headers), 1, 1_000)


@pytest.mark.parametrize(
    ("record", "size"),
    [
        (NewRecord("t", b""), 61 + 1 + 3 + 1 + 1 + 1),
        (NewRecord("t", None), 61 + 1 + 3 + 1 + 1 + 1),
        (NewRecord("t", b"x" * 63), 61 + 2 + 3 + 1 + 1 + 63 + 1),
        (NewRecord("t", b"x" * 100, b"key"), 61 + 2 + 3 + 4 + 2 + 100 + 1),
        (NewRecord("t", b"v", None, (("h", b"1"),)), 61 + 1 + 3 + 1 + 2 + 1 + 2 + 2),
    ],
)
def test_a_record_weighs_what_the_broker_counts(record: NewRecord, size: int):
    """The size is that of a batch of one, its overhead and its varints included."""
    assert batch_bytes(record) == size


def test_headers_and_separators_are_read_from_flags():
    r"""`name=value` is a header and `\t` a tab; other forms are refused."""
    assert parse_header("a=b=c") == ("a", b"b=c")
    assert parse_separator("\\t") == b"\t"
    with pytest.raises(BadLineError, match="name=value"):
        parse_header("=x")
    with pytest.raises(BadLineError, match="at least one"):
        parse_separator("")
