"""Plans and applies on real Kafka: what memory cannot prove."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from tests.support.planning import DAY, RealClock, applied, catalog, planned
from tests.support.worlds import World, entries, eventually, sent, worlds

from learnflow_kafka.app.adopt import adopt
from learnflow_kafka.app.apply import apply
from learnflow_kafka.app.events import Done, Proved, succeeded
from learnflow_kafka.app.execution import Patience
from learnflow_kafka.app.removals import measure
from learnflow_kafka.core.catalog import Topic
from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.plans.changes import AddPartitions, CreateTopic
from learnflow_kafka.core.plans.desired import resolve
from learnflow_kafka.core.plans.plan import Rule, Scope, VerdictKind
from learnflow_kafka.core.plans.planning import unexpected
from learnflow_kafka.core.ports import NewRecord
from learnflow_kafka.wiring import catalogs, kafka

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.clusters import LocalKafka
    from tests.support.sasl import SaslKafka

    from learnflow_kafka.core.ports import KafkaAdmin
    from learnflow_kafka.core.requests import Sent

pytestmark = pytest.mark.kafka

PATIENT = Patience(brokers=20, settle=15)
SAMPLE = settings(
    max_examples=12,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[*HealthCheck],
)


@pytest.fixture
def prefix() -> str:
    """Names of this test alone, on a cluster that all tests share."""
    return f"plan-{uuid.uuid4().hex[:8]}."


def _now() -> int:
    return RealClock().now_ms()


def _check_world(cluster: LocalKafka, drawn: World, copies: int) -> None:
    """The executed requests are the planned ones, and a second plan is empty."""
    world = drawn.named(f"plan-{uuid.uuid4().hex[:8]}.", copies=copies)
    heard: list[Sent] = []
    with kafka.admin(cluster.context, on_sent=heard.append) as admin:
        world.put(admin)
        eventually(lambda: admin.topics([*world.live]).keys() == world.live.keys())
        plan = planned(admin, world.wanted, world.scope)
        heard.clear()

        clock, desired = RealClock(), resolve(world.wanted)
        events = [*apply(plan, admin, clock, desired, PATIENT)]
        second = planned(admin, world.wanted, world.scope)
        done = sent([s for s in heard if s.mutating])
        world.remove(admin)

    assert done == entries(plan.steps)
    assert [type(e) for e in events] == [Done] * len(plan.steps) + [Proved]
    assert unexpected(plan, second) == ()
    assert {b.topic for b in second.blocked} == {b.topic for b in plan.blocked}


@pytest.mark.slow
@SAMPLE
@given(worlds())
def test_random_pairs_on_one_broker(kafka1: LocalKafka, world: World):
    """A sample of the random pairs, on a real broker."""
    _check_world(kafka1, world, copies=1)


@pytest.mark.slow
@SAMPLE
@given(worlds())
def test_random_pairs_on_three_brokers(kafka3: LocalKafka, world: World):
    """The same on three brokers, where metadata takes its time to spread."""
    _check_world(kafka3, world, copies=3)


def test_describe_rights_suffice(kafka_sasl: SaslKafka, prefix: str):
    """A user with Describe alone gets the whole plan; it says what was not checked."""
    wanted = catalog(Topic(f"{prefix}a", 2), Topic(f"{prefix}b", 2, retention_ms=DAY))
    with kafka.admin(kafka_sasl.context) as admin:
        admin.create_topics([CreateTopic(f"{prefix}b", 1, 1)])
    heard: list[Sent] = []

    with kafka.admin(kafka_sasl.reader, on_sent=heard.append) as admin:
        plan = planned(admin, wanted, Scope(declared_only=True))

    assert [type(s.change).__name__ for s in plan.steps] == [
        "CreateTopic",
        "AlterConfig",
        "AddPartitions",
    ]
    assert {s.verdict.kind for s in plan.steps} == {VerdictKind.NOT_CHECKED}
    assert not any(request.mutating for request in heard)


def test_a_bad_config_fails_at_plan_in_the_brokers_words(kafka1: LocalKafka, prefix: str):
    """Validate-only finds it before anything is done."""
    wanted = catalog(Topic(f"{prefix}a", 1, config={"segment.bytes": "1"}))

    with kafka.admin(kafka1.context) as admin:
        plan = planned(admin, wanted, Scope(declared_only=True))

    assert [b.rule for b in plan.blocked] == [Rule.BROKER_REJECTS]
    assert "segment.bytes" in plan.blocked[0].what


def test_retention_cuts_show_real_offsets(kafka1: LocalKafka, prefix: str):
    """Offsets by time, ends and log directories of a real broker give range and bytes."""
    name = f"{prefix}cut"
    wanted = catalog(Topic(name, 1, retention_ms=DAY))
    now = _now()
    with kafka.admin(kafka1.context) as admin, kafka.data(kafka1.context) as data:
        admin.create_topics([CreateTopic(name, 1, 1, {"retention.ms": "-1"})])
        ages = (9, 8, 7, 0)
        records = (NewRecord(name, b"x" * 500, timestamp_ms=now - a * DAY) for a in ages)
        assert len([*data.produce(records, partitioner="murmur2_random", timeout=20)]) == 4

        plan = planned(admin, wanted, Scope(declared_only=True))
        admin.delete_topics([name])

    (risk,) = plan.steps[0].risks
    assert [(r.first, r.until) for r in risk.removed] == [(0, 3)]
    assert risk.bytes
    assert 1000 < risk.bytes < 3000


def test_a_saved_plan_is_measured_again_by_real_offsets(kafka1: LocalKafka, prefix: str):
    """Old records that arrive after the plan was made count as more than it showed."""
    name = f"{prefix}grew"
    wanted = catalog(Topic(name, 1, retention_ms=DAY))
    with kafka.admin(kafka1.context) as admin, kafka.data(kafka1.context) as data:

        def write(number: int) -> None:
            records = (NewRecord(name, b"x", timestamp_ms=_now() - 3 * DAY) for _ in range(number))
            assert len([*data.produce(records, partitioner="murmur2_random", timeout=20)]) == number

        admin.create_topics([CreateTopic(name, 1, 1, {"retention.ms": "-1"})])
        write(10)
        plan = planned(admin, wanted, Scope(declared_only=True))
        same = measure(plan, admin, now_ms=_now())
        write(5_000)
        more = measure(plan, admin, now_ms=_now())
        admin.delete_topics([name])

    assert [(r.shown.records, r.now.records, r.grew) for r in same] == [(10, 10, False)]
    assert [(r.shown.records, r.now.records, r.grew) for r in more] == [(10, 5_010, True)]


def test_a_latest_group_skips_nothing_in_new_partitions(kafka1: LocalKafka, prefix: str):
    """Offset 0 is committed before the group comes back: it reads what arrived meanwhile."""
    from confluent_kafka import Consumer

    topic, group = f"{prefix}events", f"{prefix}group"
    with kafka.admin(kafka1.context) as admin, kafka.data(kafka1.context) as data:
        admin.create_topics([CreateTopic(topic, 1, 1)])
        eventually(lambda: topic in admin.topics([topic]))
        eventually(
            lambda: not any(admin.commit_offsets(group, {TopicPartition(topic, 0): 0}).values())
        )
        wanted = catalog(Topic(topic, 4), latest=[(topic, group)])
        events = applied(
            admin, wanted, Scope(declared_only=True), clock=RealClock(), patience=PATIENT
        )
        records = (NewRecord(topic, b"%d" % n, partition=n % 4) for n in range(40))
        list(data.produce(records, partitioner="murmur2_random", timeout=20))

    consumer = Consumer(
        {
            "bootstrap.servers": kafka1.bootstrap,
            "group.id": group,
            "auto.offset.reset": "latest",
        }
    )
    consumer.subscribe([topic])
    found: set[bytes | None] = set()
    try:
        eventually(lambda: len(found.union(*_polled(consumer, found))) >= 40, seconds=40)
    finally:
        consumer.close()
    assert succeeded(events)
    assert found == {b"%d" % n for n in range(40)}


def _polled(consumer: object, found: set[bytes | None]) -> Iterator[set[bytes | None]]:
    for message in consumer.consume(100, 0.5):  # type: ignore[attr-defined]
        if message.error() is None:
            found.add(message.value())
            yield {message.value()}


def test_adopting_a_real_cluster_plans_nothing(kafka3: LocalKafka, prefix: str, tmp_path: Path):
    """Through YAML and back, with a real broker's own spelling of values."""
    made = [
        CreateTopic(f"{prefix}a", 3, 3, {"retention.ms": "-1", "min.insync.replicas": "2"}),
        CreateTopic(f"{prefix}b", 1, 2, {"cleanup.policy": "delete, compact"}),
        CreateTopic(f"{prefix}c", 1, 1, {"min.cleanable.dirty.ratio": "0.50"}),
    ]
    with kafka.admin(kafka3.context) as admin:
        assert not any(admin.create_topics(made).values())
        eventually(lambda: len(admin.topics([c.topic for c in made])) == 3)
        found = adopt(admin, "live", [f"{prefix}*"])
        (tmp_path / "live.yaml").write_text(catalogs.dump(found.catalog))
        wanted = catalogs.load(str(tmp_path / "live.yaml"))
        plan = planned(admin, wanted, Scope(declared_only=True))
        admin.delete_topics([c.topic for c in made])

    assert len(wanted.topics) == 3
    assert not plan.pending


# --- whole processes --------------------------------------------------------


@pytest.fixture
def shop(kafka1: LocalKafka, prefix: str, tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """Flags of an apply that takes five changing requests, one of each kind."""
    text = f"""\
version: 1
name: shop
topics:
  {prefix}new: {{partitions: 2}}
  {prefix}edit: {{partitions: 1, retention: 1d}}
  {prefix}grow: {{partitions: 3}}
services:
  {prefix}web:
    consumes:
      {prefix}grow: {{start: latest, dead_letter: false}}
deleted:
  {prefix}old: {{reason: test}}
"""
    (tmp_path / "shop.yaml").write_text(text)
    with kafka.admin(kafka1.context) as admin:
        _put_shop(admin, prefix)
    # No connection stays open here: one of the tests kills the broker.
    yield (
        "apply", "--bootstrap", kafka1.bootstrap, "--catalog", str(tmp_path / "shop.yaml"),
        "--allow-delete", f"{prefix}old", "--only", f"topic/{prefix}*", "--yes",
    )  # fmt: skip
    with kafka.admin(kafka1.context) as admin:
        _clear(admin, prefix)


def _put_shop(admin: KafkaAdmin, prefix: str) -> None:
    _clear(admin, prefix)
    made = [CreateTopic(f"{prefix}{n}", 1, 1) for n in ("edit", "grow", "old")]
    assert not any(admin.create_topics(made).values())
    place = {TopicPartition(f"{prefix}grow", 0): 0}
    eventually(lambda: not any(admin.commit_offsets(f"{prefix}web", place).values()))


def _clear(admin: KafkaAdmin, prefix: str) -> None:
    names = [n for n in admin.topics() if n.startswith(prefix)]
    if names:
        admin.delete_topics(names)
        eventually(lambda: not admin.topics(names))


def _finished(admin: KafkaAdmin, prefix: str) -> dict[str, object]:
    """What must be equal however the run went."""
    live = admin.topics()
    placed = admin.committed([f"{prefix}web"])[f"{prefix}web"]
    return {
        "topics": {n: len(s.partitions) for n, s in live.items() if n.startswith(prefix)},
        "places": placed,
    }


def _learnflow(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *args], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "during"])
def test_kill_9_at_every_request_converges(
    kafka1: LocalKafka, shop: tuple[str, ...], prefix: str, moment: str
):
    """A real process, ended at each of its five changing requests; the next run ends it."""
    with kafka.admin(kafka1.context) as admin:
        whole = _learnflow("learnflow_kafka", *shop)
        wanted = _finished(admin, prefix)
        assert (whole.returncode, whole.stderr.count("error")) == (0, 0), whole.stderr
        for nth in range(1, 6):
            _put_shop(admin, prefix)

            killed = _learnflow("tests.support.killed", moment, str(nth), *shop)
            again = _learnflow("learnflow_kafka", *shop)

            assert killed.returncode == -signal.SIGKILL
            assert again.returncode == 0, again.stdout + again.stderr
            assert "proved: a second plan is empty" in again.stdout
            assert _finished(admin, prefix) == wanted


@pytest.mark.slow
def test_two_real_applies_at_once(kafka1: LocalKafka, shop: tuple[str, ...], prefix: str):
    """Each ends well or stops with a clear error; afterwards one more run finds all done."""
    words = [sys.executable, "-m", "learnflow_kafka", *shop]
    runs = [
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ends = [run.communicate(timeout=120) for run in runs]
    last = _learnflow("learnflow_kafka", *shop)

    assert {run.returncode for run in runs} <= {0, 1}, ends
    assert not any("Traceback" in err or "bug" in err for _, err in ends), ends
    assert last.returncode == 0, last.stdout + last.stderr
    with kafka.admin(kafka1.context) as admin:
        assert len(admin.topics([f"{prefix}grow"])[f"{prefix}grow"].partitions) == 3


@pytest.mark.slow
def test_a_broker_killed_during_apply(kafka1: LocalKafka, shop: tuple[str, ...], prefix: str):
    """The only broker dies at the second changing request: a clear error; later it converges."""
    code = (
        "import functools, os, signal, sys\n"
        "from learnflow_kafka.cli.main import run\n"
        "from learnflow_kafka.wiring import kafka\n"
        "left = [2]\n"
        "def hear(sent):\n"
        "    left[0] -= sent.mutating\n"
        "    if sent.mutating and left[0] == 0:\n"
        "        os.kill(int(sys.argv[1]), signal.SIGKILL)\n"
        "kafka.admin = functools.partial(kafka.admin, on_sent=hear)\n"
        "sys.exit(run(sys.argv[2:]))\n"
    )
    pid = _pid(kafka1)
    try:
        cut = subprocess.run(
            [sys.executable, "-c", code, str(pid), *shop],
            capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip
    finally:
        kafka1.restart()
    again = _learnflow("learnflow_kafka", *shop)

    assert cut.returncode == 1, cut.stdout + cut.stderr
    assert "error:" in cut.stderr
    assert "Traceback" not in cut.stderr
    assert "stopped: 1 of 5 steps are done" in cut.stdout
    assert again.returncode == 0, again.stdout + again.stderr


def _pid(cluster: LocalKafka) -> int:
    from learnflow_kafka.wiring.local import runtime

    status = runtime().status(cluster.cluster.name)
    assert status is not None
    pid = status.nodes[0].pid
    assert pid is not None
    return pid


def test_the_exported_script_runs_with_kafkas_own_tool(
    kafka1: LocalKafka, prefix: str, tmp_path: Path
):
    """A value with a comma survives the Java tool, and the plan finds nothing to do."""
    text = (
        f"version: 1\nname: e\ntopics:\n  {prefix}x:\n    partitions: 2\n    key: id\n"
        "    cleanup: [compact, delete]\n"
    )
    (tmp_path / "e.yaml").write_text(text)
    flags = ("--catalog", str(tmp_path / "e.yaml"))
    script = _learnflow("learnflow_kafka", "export", "kafka-topics", *flags).stdout
    (tmp_path / "kafka-topics.sh").write_text(_tool(kafka1))
    (tmp_path / "kafka-topics.sh").chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "BOOTSTRAP": kafka1.bootstrap}

    ran = subprocess.run(
        ["sh"], input=script, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    plan = _learnflow("learnflow_kafka", "plan", "-b", kafka1.bootstrap, *flags, "--check")

    assert ran.returncode == 0, ran.stderr
    assert plan.returncode == 0, plan.stdout


def _tool(cluster: LocalKafka) -> str:
    """A stand-in for the distribution's script that runs the same Java class."""
    import shlex

    from learnflow_kafka.wiring.local import runtime

    words = runtime().tool_command(cluster.cluster.name, "kafka-topics", ("--mark",))
    head = words[: words.index("--mark")]
    if "--bootstrap-server" in head:
        head = head[: head.index("--bootstrap-server")]
    return f'#!/bin/sh\nexec {shlex.join(head)} "$@"\n'


def test_a_growing_topic_is_seen_through_every_broker(kafka3: LocalKafka, prefix: str):
    """Right after the increase other brokers may not know: the run waits and proves it."""
    name = f"{prefix}a"
    with kafka.admin(kafka3.context) as admin:
        admin.create_topics([CreateTopic(name, 1, 3)])
        eventually(lambda: name in admin.topics([name]))
        wanted = catalog(Topic(name, 50, retention_ms=DAY))
        plan = planned(admin, wanted, Scope(declared_only=True))
        events = [*apply(plan, admin, RealClock(), resolve(wanted), PATIENT)]
        admin.delete_topics([name])

    assert any(isinstance(s.change, AddPartitions) for s in plan.steps)
    assert succeeded(events)
