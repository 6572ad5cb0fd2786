from __future__ import annotations

from typing import Any

import pytest

from learnflow_kafka.errors import ClosedError
from learnflow_kafka.sdk.outlets import Prepared
from learnflow_kafka.sdk.outputs import Outputs

SENDER: Any = None


def record(_topic: Any, value: bytes, *_: Any) -> Prepared:
    """A record of these bytes."""
    return Prepared(SENDER, "t", value, None, [])


def values(outputs: Outputs, position: int) -> list[bytes]:
    return [record.value for record in outputs.before(position)]


def test_what_finished_comes_in_the_order_of_the_events() -> None:
    """Handlers end in any order; what is written is in that of the offsets, up to a position."""
    outputs = Outputs()
    for offset in (2, 0, 3):
        outputs.open(offset, record).send("t", b"%d" % offset, None, None)

    assert values(outputs, 3) == [b"0", b"2"]
    assert len(outputs) == 3
    assert outputs.bytes == 3


def test_what_was_written_is_forgotten() -> None:
    """What lies behind the position stays."""
    outputs = Outputs()
    for offset in range(4):
        outputs.open(offset, record).send("t", b"ab", None, None)
    outputs.forget(3)

    assert values(outputs, 9) == [b"ab"]
    assert outputs.bytes == 2


def test_a_new_try_begins_with_nothing() -> None:
    """What the failed try handed over is dropped, and it can hand over no more."""
    outputs = Outputs()
    first = outputs.open(0, record)
    first.send("t", b"first", None, None)
    second = outputs.open(0, record)
    second.send("t", b"2nd", None, None)

    assert values(outputs, 1) == [b"2nd"]
    assert outputs.bytes == 3
    with pytest.raises(ClosedError):
        first.send("t", b"late", None, None)


def test_a_finished_event_takes_nothing_more() -> None:
    """A handler's task that outlives it is told, instead of losing what it sends."""
    outputs = Outputs()
    box = outputs.open(0, record)
    outputs.close(0)
    outputs.close(1)

    with pytest.raises(ClosedError, match="has ended"):
        box.send("t", b"late", None, None)
    assert values(outputs, 1) == []
