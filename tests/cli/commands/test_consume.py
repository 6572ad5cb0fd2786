"""`learnflow consume`, on Kafka in memory."""

from __future__ import annotations

import pytest
from tests.support.commands import Learnflow

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.core.ports import NewRecord


@pytest.fixture(autouse=True)
def topics(memory: MemoryKafka) -> None:
    """`orders` has three records a second apart, the last is not UTF-8."""
    memory.put_topic("orders", 2)
    records = (
        NewRecord("orders", b"one", b"k1", (("h", b"x"),), 0, 1_000),
        NewRecord("orders", b"two", b"k2", (), 1, 2_000),
        NewRecord("orders", b"\xff", None, (), 0, 3_000),
    )
    list(memory.produce(iter(records), partitioner="murmur2_random", timeout=1))


def test_from_the_beginning_ends_at_the_end(learnflow: Learnflow, memory: MemoryKafka):
    """Every value on a line, bytes as they are, and no group left behind."""
    done = learnflow("consume", "orders", "--from-beginning")

    assert done.code == 0
    assert sorted(done.out.splitlines()) == [b"one", b"two", b"\xff"]
    assert not memory.groups()


def test_last_and_from_choose_by_time(learnflow: Learnflow):
    """--last counts the newest over all partitions; --from takes a moment."""
    assert learnflow("consume", "orders", "--last", "2").out == b"two\n\xff\n"
    assert learnflow("consume", "orders", "--from", "@2500").out == b"\xff\n"
    assert learnflow("consume", "orders", "--from", "1970-01-01T00:00:03Z").out == b"\xff\n"


def test_json_is_exact(learnflow: Learnflow):
    """One object a line; bytes that are no text are base64 with an encoding."""
    found = learnflow("consume", "orders", "--last", "3", "--json").json_lines

    assert [(r["value"], r.get("value_encoding")) for r in found] == [
        ("one", None),
        ("two", None),
        ("/w==", "base64"),
    ]
    assert found[0] == {
        "kind": "record",
        "version": 1,
        "topic": "orders",
        "partition": 0,
        "offset": 0,
        "timestamp": "1970-01-01T00:00:01.000Z",
        "timestamp_ms": 1000,
        "key": "k1",
        "value": "one",
        "headers": [{"name": "h", "value": "x"}],
    }


def test_keys_headers_and_templates(learnflow: Learnflow):
    """Text shows what was asked for, in the asked form."""
    first = ("consume", "orders", "--partition", "0", "--from-beginning", "--max", "1")

    assert learnflow(*first, "--keys", "--headers").out == b"h=x\tk1\tone\n"
    assert learnflow(*first, "--format", "%t/%p/%o %k=%s;").out == b"orders/0/0 k1=one;"


def test_what_is_consumed_can_be_produced(learnflow: Learnflow, memory: MemoryKafka):
    """`consume --json | produce --input json` copies a topic byte by byte."""
    memory.put_topic("copy", 2)
    lines = learnflow("consume", "orders", "--last", "3", "--json").out
    learnflow("produce", "copy", "--input", "json", stdin=lines)
    copied = learnflow("consume", "copy", "--last", "3", "--json").out

    assert copied.replace(b'"copy"', b'"orders"') == lines


def test_a_group_keeps_its_place(learnflow: Learnflow, memory: MemoryKafka):
    """With --group exactly the records that were shown are committed."""
    first = learnflow("consume", "orders", "--group", "mine", "--max", "2")
    second = learnflow("consume", "orders", "--group", "mine", "--max", "1")

    assert sorted((first.out + second.out).splitlines()) == [b"one", b"two", b"\xff"]
    assert [g.name for g in memory.groups()] == ["mine"]


def test_a_new_group_may_be_told_to_begin_at_the_beginning(learnflow: Learnflow):
    """Where it would begin anyway; a group with a place is refused, and pointed at `reset`."""
    args = ("consume", "orders", "--group", "mine", "--from-beginning", "--max", "3")
    first, second = learnflow(*args), learnflow(*args)

    assert (first.code, len(first.out.splitlines())) == (0, 3)
    assert (second.code, second.out) == (1, b"")
    assert "group mine has a place in orders already" in second.err
    assert "groups reset mine --topic orders --to earliest --execute" in second.err


@pytest.mark.parametrize(
    "flags",
    [
        ("--from-beginning", "--last", "1"),
        ("--from", "yesterday"),
        ("--format", "%z"),
        ("--json", "--format", "%s"),
        ("--group", "g", "--last", "1"),
        ("--group", "g", "--partition", "0"),
        ("--partition", "9", "--from-beginning"),
    ],
)
def test_flags_that_do_not_fit_are_wrong_usage(learnflow: Learnflow, flags: tuple[str, ...]):
    """Exit 2 with what to write instead."""
    assert learnflow("consume", "orders", *flags).code == 2


def test_an_unknown_topic_is_not_created(learnflow: Learnflow, memory: MemoryKafka):
    """A mistyped topic is refused with the nearest name."""
    done = learnflow("consume", "order", "--from-beginning")

    assert (done.code, done.out) == (1, b"")
    assert "did you mean 'orders'" in done.err
