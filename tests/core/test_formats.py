"""Records as text, JSON and templates."""

from __future__ import annotations

import pytest

from learnflow_kafka.core.formats import as_json_record, for_terminal, parse_template, text_line
from learnflow_kafka.core.observed import Record

RECORD = Record("t", 1, 7, 1_000, b"k", b"v", (("h", b"x"), ("n", None)))
EMPTY = Record("t", 0, 0, None, None, None)


def test_json_tells_bytes_from_text():
    """Bytes that are no UTF-8 are base64 with an encoding beside them, text is plain."""
    shown = as_json_record(Record("t", 1, 7, 1_000, b"k", b"\xff", (("h", b"\xfe"),)))

    assert shown["key"] == "k"
    assert "key_encoding" not in shown
    assert (shown["value"], shown["value_encoding"]) == ("/w==", "base64")
    assert shown["headers"] == [{"name": "h", "value": "/g==", "encoding": "base64"}]


def test_text_shows_headers_key_and_value_between_tabs():
    """A line has what was asked for; what is absent is `null`, as in Kafka's own tool."""
    assert text_line(RECORD) == b"v\n"
    assert text_line(RECORD, keys=True, headers=True) == b"h=x,n=null\tk\tv\n"
    assert text_line(EMPTY, keys=True) == b"null\tnull\n"


def test_templates_use_the_letters_of_kcat():
    """Every letter shows its part, and escapes are themselves."""
    template = parse_template(r"%t/%p/%o %T %k=%s %h 100%%\n")

    assert template.render(RECORD) == b"t/1/7 1000 k=v h=x,n=null 100%\n"
    assert template.render(EMPTY) == b"t/0/0 -1 =  100%\n"


@pytest.mark.parametrize("text", ["%z", "100%"])
def test_an_unknown_letter_is_refused(text: str):
    """A template with an unknown letter says which there are."""
    with pytest.raises(ValueError, match="%k key"):
        parse_template(text)


def test_a_record_cannot_steer_the_terminal():
    """Escape sequences and control characters are made visible; letters of any script stay."""
    assert for_terminal("é\t漢\n".encode()) == "é\t漢\n".encode()
    assert for_terminal(b"\x1b[2J\x07\xff") == b"\\x1b[2J\\x07\\xff"
    assert for_terminal("\u202e\x9b".encode()) == b"\\u202e\\x9b"
