"""`learnflow produce`, on Kafka in memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.commands import Learnflow

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.core.connection import Connection, Context
from learnflow_kafka.core.observed import OffsetAt, Record
from learnflow_kafka.core.plans.facts import partitions_of
from learnflow_kafka.core.ports import Edge
from learnflow_kafka.wiring import contexts

EVENT = {
    "query_id": "q-1",
    "student_id": "s-1",
    "question": "why?",
}


@pytest.fixture(autouse=True)
def topics(memory: MemoryKafka) -> None:
    """`orders` takes small records; `learning.query` has an event in the built-in catalog."""
    memory.put_topic("orders", 2, config={"max.message.bytes": "200"})
    memory.put_topic("learning.query", 3)


def written(memory: MemoryKafka, topic: str = "orders") -> list[Record]:
    """Every record of the topic."""
    partitions = partitions_of(memory.topics([topic])[topic])
    ends = memory.offsets(list(partitions), Edge.LATEST)
    until = {p: at.offset or 0 for p, at in ends.items() if isinstance(at, OffsetAt)}
    return list(memory.read(dict.fromkeys(until, 0), until=until))


def test_each_line_is_a_record(learnflow: Learnflow, memory: MemoryKafka):
    """Text lines are values as they stand, and the count is told."""
    done = learnflow("produce", "orders", stdin=b"one\n\xff\nlast")

    assert done.code == 0
    assert {r.value for r in written(memory)} == {b"one", b"\xff", b"last"}
    assert done.text.startswith("3 records written to orders")


def test_key_headers_and_partition_go_with_each_line(learnflow: Learnflow, memory: MemoryKafka):
    """Flags give what text lines cannot say."""
    flags = ("--key", "k", "--header", "a=1", "--header", "b=2", "--partition", "1")
    learnflow("produce", "orders", *flags, stdin=b"v\n")
    (record,) = written(memory)

    assert (record.key, record.partition) == (b"k", 1)
    assert record.headers == (("a", b"1"), ("b", b"2"))


def test_keys_in_lines_choose_the_partition(learnflow: Learnflow, memory: MemoryKafka):
    """--key-separator splits each line, and one key stays in one partition."""
    lines = b"".join(b"k%d:v\n" % (n % 5) for n in range(50))
    learnflow("produce", "orders", "--key-separator", ":", stdin=lines)
    places = {(r.key, r.partition) for r in written(memory)}

    assert len(places) == 5
    assert {p for _, p in places} == {0, 1}


def test_one_value_a_tombstone_and_a_file(
    learnflow: Learnflow, memory: MemoryKafka, tmp_path: Path
):
    """Records come from flags and files as well as from lines."""
    file = tmp_path / "lines"
    file.write_bytes(b"from file\n")

    assert learnflow("produce", "orders", "--value", "one", "--partition", "0").code == 0
    assert learnflow("produce", "orders", "--key", "k", "--tombstone", "--partition", "0").code == 0
    assert learnflow("produce", "orders", "--file", str(file), "--partition", "0").code == 0
    assert [r.value for r in written(memory)] == [b"one", None, b"from file"]


def test_json_lines_have_all_of_a_record(learnflow: Learnflow, memory: MemoryKafka):
    """--input json reads value, key, headers, partition and timestamp."""
    line = {"value": {"a": 1}, "key": "k", "headers": {"h": "x"}, "partition": 1, "timestamp": 5}
    learnflow("produce", "orders", "--input", "json", stdin=json.dumps(line).encode())

    assert written(memory) == [Record("orders", 1, 0, 5, b"k", b'{"a":1}', (("h", b"x"),))]


def test_the_first_bad_line_stops_and_is_named(learnflow: Learnflow, memory: MemoryKafka):
    """Exit 1, the line's number and reason, and how many were written before it."""
    lines = b"ok\n" + b"x" * 300 + b"\nnever\n"
    done = learnflow("produce", "orders", stdin=lines)

    assert done.code == 1
    assert done.err.startswith("line 2: the record takes 370 bytes; orders takes at most 200")
    assert "1 record written to orders" in done.text
    assert "1 bad line" in done.text
    assert [r.value for r in written(memory)] == [b"ok"]


def test_bad_lines_can_be_skipped(learnflow: Learnflow):
    """--skip-bad sends the rest, still exits 1, and the JSON report names the lines."""
    lines = b'{"value": 1}\nnonsense\n{"value": 2}\n{"vlaue": 3}\n'
    args = ("produce", "orders", "--input", "json", "--skip-bad", "--json")
    done = learnflow(*args, stdin=lines)

    assert done.code == 1
    assert (done.json["written"], done.json["bad"]) == (2, 2)
    assert [b["line"] for b in done.json["bad_lines"]] == [2, 4]


def test_dry_run_checks_and_sends_nothing(learnflow: Learnflow, memory: MemoryKafka):
    """Every check is made; no record is written."""
    done = learnflow("produce", "orders", "--dry-run", "--json", stdin=b"ok\n" + b"x" * 300)

    assert (done.code, done.json["good"], done.json["written"], done.json["bad"]) == (1, 1, 0, 1)
    assert not memory.mutations


def test_events_are_checked_against_the_catalog(learnflow: Learnflow, memory: MemoryKafka):
    """What is no event of the topic is refused, field by field, unless asked otherwise."""
    refused = learnflow("produce", "learning.query", stdin=b'{"student_id": 5}\n')
    text = learnflow("produce", "learning.query", stdin=b"hello\n")
    forced = learnflow("produce", "learning.query", "--no-validate", stdin=b"hello\n")

    assert refused.code == 1
    assert "line 1: " in refused.err
    assert "student_id" in refused.err
    assert "the value is no JSON" in text.err
    assert forced.code == 0
    assert [r.value for r in written(memory, "learning.query")] == [b"hello"]


def test_an_unknown_topic_is_not_created(learnflow: Learnflow, memory: MemoryKafka):
    """A mistyped topic is refused with the nearest name."""
    done = learnflow("produce", "order", stdin=b"v\n")

    assert done.code == 1
    assert "did you mean 'orders'" in done.err
    assert "order" not in memory.topics()


@pytest.mark.parametrize(
    "flags",
    [
        ("--value", "v", "--tombstone"),
        ("--tombstone",),
        ("--key", "k", "--key-separator", ":"),
        ("--key-separator", ""),
        ("--value", "v", "--key-separator", ":"),
        ("--header", "nonsense"),
    ],
)
def test_flags_that_do_not_fit_are_wrong_usage(learnflow: Learnflow, flags: tuple[str, ...]):
    """Exit 2, before anything is connected to."""
    assert learnflow("produce", "orders", *flags).code == 2


def test_writing_to_a_protected_cluster_wants_its_name(
    learnflow: Learnflow, memory: MemoryKafka, monkeypatch: pytest.MonkeyPatch
):
    """Records for a protected context need its name typed; LEARNFLOW_CONFIRM types it."""
    contexts.edit(lambda b: b.with_context(Context("prod", Connection(("m:1",)), protected=True)))
    args = ("produce", "orders", "--context", "prod", "--value", "v")
    refused = learnflow(*args)
    monkeypatch.setenv("LEARNFLOW_CONFIRM", "prod")

    assert refused.code == 2
    assert not memory.mutations
    assert learnflow(*args).code == 0
