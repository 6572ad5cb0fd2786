"""`learnflow plan` on a real broker, judged by the bytes that reach it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.clusters import LocalKafka
from tests.support.commands import Learnflow
from tests.support.wire import ALTER_CONFIGS, CREATE_PARTITIONS, CREATE_TOPICS, Tap, tapped
from tests.support.worlds import eventually

from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.plans.changes import CreateTopic
from learnflow_kafka.core.ports import NewRecord
from learnflow_kafka.wiring import kafka

pytestmark = pytest.mark.kafka

DAY_MS = 86_400_000
CATALOG = """\
version: 1
name: wire
topics:
  {0}.new: {{partitions: 2, retention: 1d}}
  {0}.cut: {{partitions: 1, retention: 1d}}
  {0}.grown: {{partitions: 3}}
services:
  web: {{consumes: {{{0}.grown: {{group: {0}.web, start: latest, dead_letter: false}}}}}}
deleted:
  {0}.old: {{reason: nobody reads it}}
"""


@pytest.fixture
def words(kafka1: LocalKafka, own_home: Path, tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """Flags of a catalog from which everything on the broker differs; its topics end with it."""
    prefix = f"wire-{uuid.uuid4().hex[:8]}"
    old, cut, grown = (f"{prefix}.{name}" for name in ("old", "cut", "grown"))
    file = tmp_path / "wire.yaml"
    file.write_text(CATALOG.format(prefix))
    stamp = time.time_ns() // 1_000_000 - 3 * DAY_MS
    with kafka.admin(kafka1.context) as admin, kafka.data(kafka1.context) as data:
        live = {"retention.ms": "-1"}
        admin.create_topics([CreateTopic(name, 1, 1, live) for name in (old, cut, grown)])
        eventually(lambda: len(admin.topics([old, cut, grown])) == 3)
        records = (NewRecord(t, b"x", timestamp_ms=stamp) for t in (old, cut))
        assert len([*data.produce(records, partitioner="murmur2_random", timeout=20)]) == 2
        place = {TopicPartition(grown, 0): 0}
        eventually(lambda: not any(admin.commit_offsets(f"{prefix}.web", place).values()))
        yield ("--catalog", str(file), "--declared-only", "--allow-delete", old)
        admin.delete_topics([name for name in admin.topics() if name.startswith(prefix)])


@pytest.fixture
def tap(kafka1: LocalKafka) -> Iterator[Tap]:
    """A tap in front of the broker."""
    port = kafka1.cluster.brokers[0].port
    assert port is not None
    with tapped(port) as made:
        yield made


def test_a_plan_sends_nothing_that_could_change_anything(
    learnflow: Learnflow, words: tuple[str, ...], tap: Tap
):
    """With full rights and every kind of change pending: reads, and what is validate-only."""
    done = learnflow("plan", "-b", tap.address, *words)
    apis = {request.api for request in tap.requests}

    assert done.code == 0, done.err
    assert "1 to create, 1 to change, 1 to grow, 1 to commit, 1 to delete" in done.text
    assert {CREATE_TOPICS, CREATE_PARTITIONS, ALTER_CONFIGS} <= apis
    assert [request for request in tap.requests if not request.harmless] == []


def test_the_bytes_of_an_apply_show_its_changes(
    learnflow: Learnflow, words: tuple[str, ...], tap: Tap
):
    """The same eyes see what does change something: five requests, one a kind of change."""
    done = learnflow("apply", "-b", tap.address, *words, "--yes")
    changing = [request.api for request in tap.requests if not request.harmless]

    assert done.code == 0, done.err
    assert {CREATE_TOPICS, CREATE_PARTITIONS, ALTER_CONFIGS} < set(changing)
    assert len(set(changing)) == 5
