"""`learnflow plan`, on Kafka in memory."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from tests.support.commands import Learnflow

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.core.connection import Connection, Context
from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.plans.planfile import from_document, json_schema
from learnflow_kafka.core.ports import NewRecord
from learnflow_kafka.wiring import contexts

CATALOG = """\
version: 1
name: shop
environments:
  here: {brokers: 1}
policy: {max_retention_cut: 10d}
topics:
  new: {partitions: 3, replication: 3, min_insync_replicas: 2, retention: 7d}
  keyed: {partitions: 6, key: id}
  grown: {partitions: 4}
  cut: {partitions: 1, retention: 1d}
services:
  web:
    consumes:
      grown: {start: latest, dead_letter: false}
deleted:
  old: {reason: nobody reads it}
"""


@pytest.fixture
def shop(memory: MemoryKafka, tmp_path: Path) -> tuple[str, ...]:
    """Flags for a catalog with one of everything, on a cluster where it all differs."""
    memory.put_topic("keyed", 3)
    memory.put_topic("grown", 2, config={"segment.ms": "5000"})
    memory.put_topic("cut", 1, config={"retention.ms": str(30 * 86_400_000)})
    memory.put_topic("old", 1)
    memory.put_topic("stray", 1)
    memory.commit_offsets("web", {TopicPartition("grown", n): 0 for n in range(2)})
    records = (NewRecord("cut", b"x", partition=0, timestamp_ms=n) for n in range(1000))
    list(memory.produce(records, partitioner="murmur2_random", timeout=1))
    memory.requests.clear()
    (tmp_path / "shop.yaml").write_text(CATALOG)
    return ("--catalog", str(tmp_path / "shop.yaml"), "--env", "here")


def test_people_read_what_why_and_risk(learnflow: Learnflow, shop: tuple[str, ...]):
    """Each step has its mark, reason, place and risk; the rest of the truth follows."""
    done = learnflow("plan", *shop)

    for line in (
        "+ create new: 3 partitions, replication 1, retention.ms 7d, min.insync.replicas 1",
        "for 1 broker: replication capped and min.insync.replicas fitted on 1 topic",
        "~ change cut: retention.ms 30d -> 20d",
        "the policy softens the cut: 20d now, 2 further applies",
        "risk high: removes up to 1,000 of 1,000 records (about ",
        "partition 0: offsets 0 to 999",
        "> grow grown: 2 -> 4 partitions",
        "= commit grown: group web at 0 of partition 2, 3",
        "! keyed: 3 partitions would become 6, and 50 % of its keys would move  [keys-would-move]",
        "next: to delete it, add --allow-delete old",
        "undeclared topics, left alone: stray",
        "undeclared configs of grown, left alone: segment.ms 5s",
        "not checked by the broker: 1 step",
        "plan: 1 to create, 1 to change, 1 to grow, 1 to commit, 1 waiting for --allow-delete",
        ", 1 blocked",
    ):
        assert line in done.text, line
    assert "shop.yaml:7" in done.text
    assert done.code == 1


def test_nothing_is_changed(learnflow: Learnflow, shop: tuple[str, ...], memory: MemoryKafka):
    """A plan sends no mutating request, whatever its flags."""
    learnflow("plan", *shop, "--check", "--allow-delete", "old", "--json")

    assert memory.mutations == []


def test_programs_get_the_published_shape(learnflow: Learnflow, shop: tuple[str, ...]):
    """--json is the document that is saved, and fits the published schema."""
    found = learnflow("plan", *shop, "--json").json

    jsonschema.validate(found, json_schema())
    assert [s["change"]["kind"] for s in found["steps"]] == [
        "create_topic",
        "alter_config",
        "add_partitions",
        "commit_offsets",
    ]


def test_markdown_is_for_a_pull_request(learnflow: Learnflow, shop: tuple[str, ...]):
    """One row a step, and what is blocked below; no cell breaks the table."""
    text = learnflow("plan", *shop, "--format", "markdown").text
    rows = [line for line in text.splitlines() if line.startswith("|")]

    assert text.startswith("### learnflow: 1 to create, 1 to change")
    assert len(rows) == 2 + 4
    assert {row.replace("\\|", "").count("|") for row in rows} == {5}
    assert "**high**: removes up to 1,000 of 1,000 records" in text
    assert "- `keyed` 3 partitions would become 6" in text


def test_check_exits_3_for_pending_changes_only(
    learnflow: Learnflow, memory: MemoryKafka, tmp_path: Path
):
    """0 clean, 3 pending; without --check a plan is a success."""
    file = tmp_path / "c.yaml"
    file.write_text("version: 1\nname: c\ntopics:\n  a: {partitions: 1}\n")
    flags = ("plan", "--catalog", str(file))

    assert [learnflow(*flags).code, learnflow(*flags, "--check").code] == [0, 3]
    memory.put_topic("a", 1)
    assert learnflow(*flags, "--check").code == 0


def test_check_exits_3_where_what_is_pending_is_blocked(
    learnflow: Learnflow, shop: tuple[str, ...]
):
    """One question, one answer: pending and blocked together, or one of them, are no success."""
    assert learnflow("plan", *shop).code == 1
    assert learnflow("plan", *shop, "--check").code == 3
    assert learnflow("plan", *shop, "--only", "topic/keyed", "--check").code == 3


THROTTLE = "leader.replication.throttled.replicas"


@pytest.mark.parametrize(
    ("prune", "config", "codes"),
    [
        ("false", {}, [0, 0]),
        ("false", {"segment.ms": "5000"}, [0, 3]),
        ("false", {THROTTLE: "0:1"}, [0, 0]),
        ("true", {"segment.ms": "5000"}, [3, 3]),
    ],
)
def test_strict_counts_configs_that_nobody_declared(
    learnflow: Learnflow,
    memory: MemoryKafka,
    tmp_path: Path,
    prune: str,
    *,
    config: dict[str, str],
    codes: list[int],
):
    """Drift that the plan leaves alone is no pending change, and counts where it is asked for."""
    file = tmp_path / "c.yaml"
    file.write_text(f"version: 1\nname: c\ntopics:\n  a: {{partitions: 1, prune: {prune}}}\n")
    memory.put_topic("a", 1, config=config)
    memory.put_topic("stray", 1)
    check = ("plan", "--catalog", str(file), "--check")

    assert [learnflow(*check).code, learnflow(*check, "--strict").code] == codes


def test_a_cluster_with_fewer_brokers_than_its_environment_names_is_told(
    learnflow: Learnflow, memory: MemoryKafka, tmp_path: Path
):
    """A local cluster replaces the number of the catalog, and the plan says so once."""
    file = tmp_path / "c.yaml"
    file.write_text(
        "version: 1\nname: c\ntopics:\n  a: {partitions: 1}\nenvironments:\n  l: {brokers: 3}\n"
    )
    mine = Context("mine", Connection(("m:1",)), environment="l", brokers=1)
    contexts.edit(lambda b: b.with_context(mine))
    words = ("plan", "--catalog", str(file), "--context", "mine", "--only", "topic/a")
    said = "cluster mine was made with 1 broker; the environment names 3"

    assert f"  note: {said}\n" in learnflow(*words).text
    assert [n["what"] for n in learnflow(*words, "--json").json["notices"]] == [said]
    assert f"- {said}\n" in learnflow(*words, "--format", "markdown").text


def test_strict_without_check_is_wrong_usage(learnflow: Learnflow, shop: tuple[str, ...]):
    """It changes what is counted, and nothing is."""
    assert learnflow("plan", *shop, "--strict").code == 2


def test_a_tombstone_waiting_for_its_flag_is_pending(
    learnflow: Learnflow, memory: MemoryKafka, tmp_path: Path
):
    """The cluster is not as declared until somebody allows the delete."""
    file = tmp_path / "c.yaml"
    file.write_text("version: 1\nname: c\ntopics:\n  a: {}\ndeleted:\n  old: {reason: x}\n")
    file.write_text(file.read_text().replace("{}", "{partitions: 1}"))
    memory.put_topic("a", 1)
    memory.put_topic("old", 1)

    done = learnflow("plan", "--catalog", str(file), "--check")

    assert done.code == 3
    assert "0 records; 0 B; no write known; groups with offsets: none" in done.text


def test_a_plan_can_be_saved(learnflow: Learnflow, shop: tuple[str, ...], tmp_path: Path):
    """The file is the document, written whole."""
    out = tmp_path / "plan.json"

    learnflow("plan", *shop, "--out", str(out))
    plan = from_document(json.loads(out.read_text()), where="plan.json")

    assert len(plan.steps) == 4
    assert [f.name for f in tmp_path.iterdir() if f.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--only", "new"), "write --only topic/new"),
        (("--only", "topic/neww"), "did you mean 'new'"),
        (("--owner", "x"), "owned by 'x'"),
        (("--allow-delete", "cut"), "no tombstone for 'cut'"),
        (("--out", "/nowhere/p.json"), "/nowhere/p.json: cannot be written"),
        (("--env", "there"), "no environment 'there'; it has: here"),
    ],
)
def test_wrong_words_are_explained(
    learnflow: Learnflow, shop: tuple[str, ...], flags: tuple[str, ...], message: str
):
    """A selector that fits nothing is never "nothing to do"."""
    done = learnflow("plan", *shop, *flags)

    assert done.code in {1, 2}
    assert message in done.err


def test_selectors_narrow_the_plan(learnflow: Learnflow, shop: tuple[str, ...]):
    """Patterns are globs; what was not looked at says so."""
    done = learnflow("plan", *shop, "--only", "topic/n*")

    assert "1 of them selected" in done.text
    assert "undeclared topics: not checked" in done.text
    assert "plan: 1 to create" in done.text


@pytest.mark.parametrize("words", [("--json", "--format", "markdown"), ("--out", "")])
def test_what_cannot_be_meant_is_wrong_usage(
    learnflow: Learnflow, shop: tuple[str, ...], words: tuple[str, ...]
):
    """Two formats at once, and a file without a name, are refused in one line."""
    done = learnflow("plan", *shop, *words)

    assert done.code == 2
    assert "not both" in done.text + done.err or "the name is empty" in done.text + done.err


def test_without_an_environment_the_choice_is_named(learnflow: Learnflow, memory: MemoryKafka):
    """What is planned for no environment may fit no cluster: one line says what to add."""
    notice = "no environment chosen; the catalog has local, staging, production: add --env NAME"

    assert learnflow("plan", "-b", "far.example:9092").err.count(notice) == 1
    assert learnflow("plan", "-b", "far.example:9092", "--env", "local").err == ""
