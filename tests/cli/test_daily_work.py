"""The daily commands against real brokers: plain, and secured with SASL_SSL."""

from __future__ import annotations

import itertools
import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.clusters import LocalKafka
from tests.support.commands import Done, Learnflow
from tests.support.sasl import USERS, SaslKafka

from learnflow_kafka.core.connection import Context
from learnflow_kafka.core.plans.changes import CreateTopic
from learnflow_kafka.core.ports import NewRecord
from learnflow_kafka.wiring import kafka

pytestmark = pytest.mark.kafka

LEARNFLOW = (sys.executable, "-m", "learnflow_kafka")
_numbers = itertools.count()


@pytest.fixture
def at(kafka1: LocalKafka, learnflow: Learnflow) -> Learnflow:
    """Run `learnflow` against the one-broker cluster by its address."""

    def command(*args: str, stdin: bytes = b"") -> Done:
        return learnflow(*args, "--bootstrap", kafka1.bootstrap, stdin=stdin)

    return command


def made_topic(context: Context, partitions: int = 1, **config: str) -> str:
    """A new topic of this test alone; `_` in config names stands for a dot."""
    name = f"daily.{os.getpid()}.{next(_numbers)}"
    settings = {key.replace("_", "."): value for key, value in config.items()}
    with kafka.admin(context) as admin:
        answers = admin.create_topics([CreateTopic(name, partitions, 1, settings)])
    assert answers[name] is None
    return name


@contextmanager
def started(*args: str) -> Iterator[subprocess.Popen[bytes]]:
    """`learnflow` as a process of its own, ended whatever happens."""
    process = subprocess.Popen(
        [*LEARNFLOW, *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def kafka_tool(*words: str, stdin: str = "") -> str:
    """What one of Kafka's own Java tools says about the one-broker cluster."""
    done = subprocess.run(
        [*LEARNFLOW, "kafka-tool", "--name", "kafka1", *words],
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something, or fail."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def first_line(process: subprocess.Popen[bytes], feed: Callable[[], object]) -> bytes:
    """The first line that a follower shows; records are fed until it is there."""
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    shown = b""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        feed()
        time.sleep(0.25)
        shown += process.stdout.read() or b""
        if b"\n" in shown:
            break
    os.set_blocking(process.stdout.fileno(), True)
    return shown.partition(b"\n")[0]


def test_records_travel_through_both_clients(kafka1: LocalKafka, at: Learnflow):
    """What produce writes consume reads, from the beginning, the end, a time; no group stays."""
    topic = made_topic(kafka1.context, 3)
    before = at("groups", "list", "--json").json["groups"]
    lines = b"".join(b"k%d:v%d\n" % (n, n) for n in range(20))
    written = at("produce", topic, "--key-separator", ":", "--header", "h=1", stdin=lines)
    every = at("consume", topic, "--from-beginning", "--keys")

    assert (written.code, every.code) == (0, 0)
    assert {tuple(r.split("\t")) for r in every.text.splitlines()} == {
        (f"k{n}", f"v{n}") for n in range(20)
    }
    assert len(at("consume", topic, "--last", "7").out.splitlines()) == 7
    assert len(at("consume", topic, "--from", "10m").out.splitlines()) == 20
    assert at("consume", topic, "--from", "2100-01-01").out == b""
    assert at("groups", "list", "--json").json["groups"] == before


def test_keys_land_where_java_puts_them(kafka1: LocalKafka, at: Learnflow):
    """The default partitioner is Java's murmur2: both clients put a key in one partition."""
    topic = made_topic(kafka1.context, 3)
    at("produce", topic, "--key-separator", ":", stdin=b"".join(b"k%d:x\n" % n for n in range(30)))
    properties = ("--reader-property", "parse.key=true", "--reader-property", "key.separator=:")
    lines = "".join(f"k{n}:java\n" for n in range(30))
    kafka_tool("kafka-console-producer", "--topic", topic, *properties, stdin=lines)
    places: dict[str, set[int]] = {}
    for record in at("consume", topic, "--from-beginning", "--json").json_lines:
        places.setdefault(record["key"], set()).add(record["partition"])

    assert {key: len(found) for key, found in places.items()} == {f"k{n}": 1 for n in range(30)}
    assert len(set().union(*places.values())) == 3


@pytest.mark.parametrize("size", [930, 931])
def test_our_size_is_the_brokers_size(kafka1: LocalKafka, at: Learnflow, size: int):
    """The largest record that we let through is taken, and one byte more would be refused."""
    topic = made_topic(kafka1.context, max_message_bytes="1000")
    ours = at("produce", topic, "--dry-run", "--value", "x" * size)
    record = NewRecord(topic, b"x" * size)
    with kafka.data(kafka1.context) as data:
        (theirs,) = data.produce(iter([record]), partitioner="murmur2_random", timeout=10)

    assert (ours.code == 0) == (size == 930)
    assert hasattr(theirs, "offset") == (size == 930)


def test_small_records_are_not_refused_together(kafka1: LocalKafka, at: Learnflow):
    """A burst of records that fit alone is written to a topic with a small limit."""
    topic = made_topic(kafka1.context, max_message_bytes="1000")
    done = at("produce", topic, "--json", stdin=(b"x" * 500 + b"\n") * 300)

    assert (done.code, done.json["written"]) == (0, 300)


def test_bytes_survive_a_copy(kafka1: LocalKafka, at: Learnflow):
    """Keys, values, headers, times and tombstones are copied by JSON without loss."""
    first, second = made_topic(kafka1.context), made_topic(kafka1.context)
    line = {"key": "/w==", "key_encoding": "base64", "value": "v", "timestamp": 1_700_000_000_000}
    lines = [json.dumps(line), '{"key": "k", "value": null, "headers": {"h": "x"}}']
    at("produce", first, "--input", "json", stdin="\n".join(lines).encode())
    original = at("consume", first, "--from-beginning", "--json").out
    at("produce", second, "--input", "json", stdin=original)
    copied = at("consume", second, "--from-beginning", "--json").out

    assert len(original.splitlines()) == 2
    assert copied.replace(second.encode(), first.encode()) == original


def test_a_mistyped_topic_is_never_created(kafka1: LocalKafka, at: Learnflow):
    """Neither writing nor reading creates a topic, and both suggest the right one."""
    topic = made_topic(kafka1.context)
    wrong = topic + "x"
    codes = [
        at("produce", wrong, "--value", "v").code,
        at("consume", wrong, "--from-beginning").code,
        at("topics", "describe", wrong).code,
    ]

    assert codes == [1, 1, 1]
    assert f"did you mean {topic!r}" in at("topics", "describe", wrong).err
    assert wrong not in at("topics", "list").text


def test_a_group_is_read_described_reset_and_deleted(kafka1: LocalKafka, at: Learnflow):
    """A group's whole life by our commands."""
    topic = made_topic(kafka1.context)
    group = f"group.{topic}"
    at("produce", topic, stdin=b"1\n2\n3\n4\n5\n")
    first = at("consume", topic, "--group", group, "--max", "3")
    (found,) = at("groups", "describe", group, "--json").json["groups"]
    moved = at("groups", "reset", group, "--to", "shift:-2", "--execute", "--yes")
    second = at("consume", topic, "--group", group, "--max", "1")
    deleted = at("groups", "delete", group, "--yes")

    assert first.out == b"1\n2\n3\n"
    assert (found["state"], found["records"]) == ("Empty", 2)
    assert (moved.code, second.out) == (0, b"2\n")
    assert deleted.code == 0
    assert group not in at("groups", "list").text


def test_an_active_group_is_shown_and_refused(kafka1: LocalKafka, at: Learnflow):
    """A running member is named; reset, deletion of the group and of its topic are refused."""
    topic = made_topic(kafka1.context)
    group = f"group.{topic}"
    at("produce", topic, "--value", "v")
    with started("consume", topic, "--group", group, "-b", kafka1.bootstrap) as reader:
        until(lambda: f"{group} " in at("groups", "list").text)
        until(lambda: at("groups", "describe", group, "--json").json["groups"][0]["members"] != [])
        reset = at("groups", "reset", group, "--to", "latest", "--execute", "--yes")
        gone = at("groups", "delete", group, "--yes")
        topic_gone = at("topics", "delete", topic, "--yes")
        reader.send_signal(signal.SIGINT)
        code = reader.wait(60)

    assert (reset.code, gone.code, topic_gone.code, code) == (1, 1, 1, 130)
    assert "learnflow at 127.0.0.1" in reset.err
    assert f"group {group} is active" in topic_gone.err


def test_sigterm_lets_a_member_leave_its_group(kafka1: LocalKafka, at: Learnflow):
    """No ghost stays to hold partitions until its session ends, and its place is committed."""
    topic = made_topic(kafka1.context)
    group = f"group.{topic}"
    at("produce", topic, "--value", "v")
    with started("consume", topic, "--group", group, "-b", kafka1.bootstrap) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"v\n"
        reader.send_signal(signal.SIGTERM)
        code = reader.wait(60)
    (found,) = at("groups", "describe", group, "--json").json["groups"]

    assert code == 143
    assert (found["state"].lower(), found["members"]) == ("empty", [])
    assert at("groups", "reset", group, "--to", "earliest", "--execute", "--yes").code == 0


def test_ctrl_c_ends_a_follower_cleanly(kafka1: LocalKafka, at: Learnflow):
    """Following shows what arrives; Ctrl-C ends it with 130 and no traceback."""
    topic = made_topic(kafka1.context)
    with started("consume", topic, "--bootstrap", kafka1.bootstrap) as follower:
        shown = first_line(follower, lambda: at("produce", topic, "--value", "new"))
        follower.send_signal(signal.SIGINT)
        code = follower.wait(60)
        assert follower.stderr is not None
        err = follower.stderr.read()

    assert (shown, code) == (b"new", 130)
    assert b"Traceback" not in err


def test_a_reader_that_has_seen_enough_ends_a_follower(kafka1: LocalKafka, at: Learnflow):
    """`consume | head -1` ends by itself, with 0 and without another record."""
    topic = made_topic(kafka1.context)
    with started("consume", topic, "--bootstrap", kafka1.bootstrap) as follower:
        first_line(follower, lambda: at("produce", topic, "--value", "new"))
        assert follower.stdout is not None
        follower.stdout.close()
        code = follower.wait(60)
        assert follower.stderr is not None
        err = follower.stderr.read()

    assert (code, err) == (0, b"")


def test_a_closed_pipe_in_the_middle_is_no_error(kafka1: LocalKafka, at: Learnflow):
    """`consume --from-beginning | head -1` of many records ends with 0 and says nothing."""
    topic = made_topic(kafka1.context)
    at("produce", topic, stdin=(b"x" * 1000 + b"\n") * 2000)
    args = f"consume {topic} --from-beginning --bootstrap {kafka1.bootstrap}"
    script = f"set -o pipefail; {sys.executable} -m learnflow_kafka {args} | head -1 >/dev/null"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, b"")


def test_deleting_shows_the_loss_first(kafka1: LocalKafka, at: Learnflow):
    """Records, bytes, last write and groups of a real topic; fresh as it is, it is named twice."""
    topic = made_topic(kafka1.context)
    at("produce", topic, stdin=b"1\n2\n3\n")
    at("consume", topic, "--group", f"group.{topic}", "--max", "1")
    refused = at("topics", "delete", topic, "--yes")
    words = ("topics", "delete", topic, "--delete-anyway", topic)
    dry = at(*words, "--dry-run", "--json").json["topics"][0]
    done = at(*words, "--yes")

    assert refused.code == 1
    assert "[delete-fresh-data]" in refused.err
    assert (dry["records"], dry["groups"]) == (3, [f"group.{topic}"])
    assert dry["bytes"] > 0
    assert abs(dry["last_write_ms"] - time.time() * 1000) < 600_000
    assert (done.code, topic in at("topics", "list").text) == (0, False)


def test_lag_matches_kafkas_own_tool(kafka1: LocalKafka, at: Learnflow, learnflow: Learnflow):
    """Committed, end and lag of each partition are those of kafka-consumer-groups."""
    topic = made_topic(kafka1.context, 2)
    group = f"group.{topic}"
    at("produce", topic, "--key-separator", ":", stdin=b"".join(b"%d:v\n" % n for n in range(30)))
    at("consume", topic, "--group", group, "--max", "11")
    own = at("lag", "--group", group, "--json").json["groups"][0]["topics"][0]["partitions"]
    shown = kafka_tool("kafka-consumer-groups", "--describe", "--group", group)
    pattern = rf"{re.escape(topic)}\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)"
    theirs = {tuple(map(int, m)) for m in re.findall(pattern, shown)}
    ours = {
        (p["partition"], p["committed"], p["end"], p["records"])
        for p in own
        if p["committed"] is not None
    }

    assert theirs
    assert ours == theirs


@pytest.fixture
def secured(
    kafka_sasl: SaslKafka, own_home: Path, learnflow: Learnflow, monkeypatch: pytest.MonkeyPatch
) -> Learnflow:
    """Run `learnflow` with contexts of every kind of secret for the SASL_SSL broker."""
    common = ("--bootstrap", kafka_sasl.bootstrap, "--ca", kafka_sasl.ca, "--username")
    file = str(kafka_sasl.password_file("admin"))
    kinds: dict[str, tuple[str, ...]] = {
        "by-file": ("admin", "--password-file", file),
        "by-command": ("admin", "--password-command", f"cat {file}", "--mechanism", "PLAIN"),
        "by-env": ("reader", "--password-env", "READER_PW"),
    }
    monkeypatch.setenv("READER_PW", USERS["reader"])
    for name, flags in kinds.items():
        done = learnflow("context", "add", name, *common, *flags)
        assert done.code == 0, done.err
    return learnflow


def test_sasl_ssl_serves_both_clients(secured: Learnflow, kafka_sasl: SaslKafka):
    """Admin and data client work through TLS with PLAIN and SCRAM, by file and by command."""
    topic = made_topic(kafka_sasl.context)
    for name in ("by-file", "by-command"):
        assert secured("topics", "describe", topic, "--context", name).code == 0
        assert secured("produce", topic, "--value", name, "--context", name).code == 0
    read = secured("consume", topic, "--from-beginning", "--context", "by-command")

    assert read.out == b"by-file\nby-command\n"


def test_what_a_user_may_not_do_is_an_error(secured: Learnflow, kafka_sasl: SaslKafka):
    """One who may only describe sees topics, and is told no for records and deletion."""
    topic = made_topic(kafka_sasl.context)
    reader = ("--context", "by-env")
    listed = secured("topics", "list", *reader)
    written = secured("produce", topic, "--value", "v", *reader)
    deleted = secured("topics", "delete", topic, "--yes", *reader)

    assert listed.code == 0
    assert topic in listed.text
    assert (written.code, deleted.code) == (1, 1)
    # The broker refuses the producer as a whole, unless the user may write to another topic.
    assert "not allowed" in written.err or "TOPIC_AUTHORIZATION_FAILED" in written.err
    assert "AUTHORIZATION_FAILED" in deleted.text
    assert topic in secured("topics", "list", *reader).text


def test_a_wrong_password_and_a_wrong_authority_are_clear(
    secured: Learnflow, kafka_sasl: SaslKafka, monkeypatch: pytest.MonkeyPatch
):
    """Both clients say that the login failed; the password is not in it."""
    monkeypatch.setenv("READER_PW", "hunter2")
    for args in (("topics", "list"), ("consume", "x", "--from-beginning")):
        done = secured(*args, "--context", "by-env", "--json")
        assert (done.code, done.json["error"]) == (1, "AuthenticationError")
        assert "hunter2" not in done.text + done.err
    file = str(kafka_sasl.password_file("admin"))
    login = ("--username", "admin", "--password-file", file, "--bootstrap", kafka_sasl.bootstrap)
    untrusted = secured("context", "add", "untrusted", *login, "--json")

    assert (untrusted.code, untrusted.json["error"]) == (1, "AuthenticationError")


def test_no_secret_is_ever_shown(
    secured: Learnflow,
    kafka_sasl: SaslKafka,
    own_home: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    """Output, errors, logs and files of every daily command hold no password."""
    caplog.set_level(logging.DEBUG)
    topic = made_topic(kafka_sasl.context)
    commands = [
        ("context", "list"),
        ("context", "show", "by-file"),
        ("context", "test", "by-command"),
        ("topics", "list", "--context", "by-file"),
        ("topics", "describe", "nope", "--context", "by-command"),
        ("produce", topic, "--value", "v", "--context", "by-command"),
        ("consume", topic, "--from-beginning", "--context", "by-file"),
        ("groups", "list", "--context", "by-env"),
        ("groups", "describe", "nope", "--context", "by-env"),
        ("lag", "--context", "by-env"),
        ("topics", "delete", topic, "--yes", "--context", "by-env"),
    ]
    shown = ""
    for args in commands:
        for flags in ((), ("--json",)):
            done = secured(*args, *flags)
            shown += done.text + done.err
    files = "".join(p.read_text() for p in own_home.rglob("*") if p.is_file())

    assert caplog.text
    for secret in USERS.values():
        assert secret not in shown
        assert secret not in caplog.text
        assert secret not in files
