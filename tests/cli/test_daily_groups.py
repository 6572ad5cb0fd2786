"""Groups of every protocol, open transactions, and the old line of Kafka, on real brokers."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from tests.support.clusters import LocalKafka
from tests.support.commands import Done, Learnflow

from learnflow_kafka.core.plans.changes import CreateTopic
from learnflow_kafka.wiring import kafka

pytestmark = pytest.mark.kafka

_numbers = itertools.count()


def made_topic(cluster: LocalKafka) -> str:
    """A new topic of this test alone, with two partitions."""
    name = f"groups.{os.getpid()}.{next(_numbers)}"
    with kafka.admin(cluster.context) as admin:
        assert admin.create_topics([CreateTopic(name, 2, 1)])[name] is None
    return name


@pytest.fixture
def at(kafka1: LocalKafka, learnflow: Learnflow) -> Learnflow:
    """Run `learnflow` against the one-broker cluster by its address."""

    def command(*args: str, stdin: bytes = b"") -> Done:
        return learnflow(*args, "--bootstrap", kafka1.bootstrap, stdin=stdin)

    return command


def listed(at: Learnflow, group: str) -> dict[str, Any]:
    """The group's line in the list; empty where it is not listed."""
    groups: list[dict[str, Any]] = at("groups", "list", "--json").json["groups"]
    return next((g for g in groups if g["group"] == group), {})


def awaited(at: Learnflow, group: str, state: str) -> dict[str, Any]:
    """The group's line once it is in that state with a member."""
    end = time.monotonic() + 90
    found: dict[str, Any] = {}
    while time.monotonic() < end:
        found = listed(at, group)
        if found.get("state") == state and found.get("members"):
            return found
        time.sleep(0.2)
    raise AssertionError(f"{group} is {found}")


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_live_group_is_shown_right_in_both_protocols(
    kafka1: LocalKafka, at: Learnflow, protocol: str
):
    """State, protocol, members and their partitions of a running group, KIP-848 or not."""
    topic = made_topic(kafka1)
    group = f"{protocol}.{topic}"
    member = Consumer(
        {
            "bootstrap.servers": kafka1.bootstrap,
            "group.id": group,
            "group.protocol": protocol,
            "client.id": "svc",
            "auto.offset.reset": "earliest",
        }
    )
    try:
        member.subscribe([topic])
        for _ in range(600):
            member.poll(0.1)
            if len(member.assignment()) == 2:
                break
        shown = awaited(at, group, "Stable")
        (detail,) = at("groups", "describe", group, "--json").json["groups"]
        reset = at("groups", "reset", group, "--to", "latest", "--topic", topic, "--execute")
    finally:
        member.close()

    assert (shown["protocol"], shown["members"]) == (protocol, 1)
    assert detail["members"][0]["client_id"] == "svc"
    assert {(a["topic"], a["partition"]) for a in detail["members"][0]["assignment"]} == {
        (topic, 0),
        (topic, 1),
    }
    assert reset.code == 1
    assert "svc at 127.0.0.1" in reset.err


@contextmanager
def sharing(topic: str, group: str) -> Iterator[None]:
    """Kafka's own console share consumer, running."""
    words = ["kafka-tool", "--name", "kafka1", "kafka-console-share-consumer"]
    process = subprocess.Popen(
        [sys.executable, "-m", "learnflow_kafka", *words, "--topic", topic, "--group", group],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def test_a_share_group_is_shown_and_left_alone(kafka1: LocalKafka, at: Learnflow):
    """A share group has its own protocol and no lag; it is not reset, and spares its topic."""
    topic = made_topic(kafka1)
    group = f"share.{topic}"
    with sharing(topic, group):
        shown = awaited(at, group, "Stable")
        reset = at("groups", "reset", group, "--to", "latest", "--topic", topic)
        deleted = at("topics", "delete", topic, "--yes")
        lag = at("lag", "--group", group, "--json").json["groups"][0]

    assert (shown["protocol"], shown["lag"]) == ("share", None)
    assert (reset.code, deleted.code) == (1, 1)
    assert "cannot reset" in reset.err
    assert f"group {group} " in deleted.err
    assert lag["records"] is None


def test_an_open_transaction_hides_what_is_not_committed(kafka1: LocalKafka, at: Learnflow):
    """Reading ends before it instead of waiting; --uncommitted shows it."""
    topic = made_topic(kafka1)
    at("produce", topic, "--value", "committed", "--partition", "0")
    writer = Producer(
        {"bootstrap.servers": kafka1.bootstrap, "transactional.id": topic, "log_level": 0}
    )
    writer.init_transactions(20)
    writer.begin_transaction()
    writer.produce(topic, b"open", partition=0)
    writer.flush(20)
    hidden = at("consume", topic, "--from-beginning")
    last = at("consume", topic, "--last", "5")
    shown = at("consume", topic, "--from-beginning", "--uncommitted")
    writer.abort_transaction(20)
    aborted = at("consume", topic, "--last", "5")

    assert hidden.out == last.out == aborted.out == b"committed\n"
    assert shown.out == b"committed\nopen\n"


def test_the_last_records_are_found_behind_markers_of_transactions(
    kafka1: LocalKafka, at: Learnflow
):
    """Offsets that hold no record do not make --last come up short."""
    topic = made_topic(kafka1)
    writer = Producer({"bootstrap.servers": kafka1.bootstrap, "transactional.id": topic})
    writer.init_transactions(20)
    for number in range(6):
        writer.begin_transaction()
        writer.produce(topic, b"%d" % number, partition=0)
        writer.commit_transaction(20)

    assert at("consume", topic, "--last", "4").out == b"2\n3\n4\n5\n"


@pytest.mark.zookeeper
def test_the_daily_work_is_the_same_on_kafka_3_9_with_zookeeper(
    kafka39: LocalKafka, learnflow: Learnflow
):
    """Topics, records, groups and lag on the line that has reached its end of support."""
    topic = made_topic(kafka39)
    group = f"group.{topic}"
    address = ("--bootstrap", kafka39.bootstrap)
    lines = [json.dumps({"value": str(n), "partition": 0}) for n in range(5)]
    written = learnflow(
        "produce", topic, "--input", "json", *address, stdin="\n".join(lines).encode()
    )
    read = learnflow("consume", topic, "--group", group, "--max", "3", *address)
    lag = learnflow("lag", "--group", group, "--json", *address).json["groups"][0]
    reset = learnflow("groups", "reset", group, "--to", "0", "--execute", "--yes", *address)
    deleted = learnflow("groups", "delete", group, "--yes", *address)
    gone = learnflow("topics", "delete", topic, "--yes", "--delete-anyway", topic, *address)

    assert (written.code, read.out, lag["records"]) == (0, b"0\n1\n2\n", 2)
    assert (reset.code, deleted.code, gone.code) == (0, 0, 0)
    assert topic not in learnflow("topics", "list", *address).text
