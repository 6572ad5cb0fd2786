"""`learnflow topics`, on Kafka in memory."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.support.commands import Learnflow

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.core.connection import Connection, Context
from learnflow_kafka.core.ports import NewRecord
from learnflow_kafka.wiring import contexts


@pytest.fixture(autouse=True)
def topics(memory: MemoryKafka) -> None:
    """Two topics and an internal one."""
    memory.put_topic("orders", 2, replication=3, config={"retention.ms": "604800000"})
    memory.put_topic("other")
    memory.put_topic("__consumer_offsets", internal=True)


def test_list_shows_each_topic_on_a_line(learnflow: Learnflow):
    """Partitions, replication, retention; internal topics on demand."""
    done = learnflow("topics", "list")

    assert done.code == 0
    assert done.text.splitlines()[1].split() == ["orders", "2", "3", "0", "B", "7d", "none"]
    assert "__consumer_offsets" not in done.text
    assert "__consumer_offsets" in learnflow("topics", "list", "--internal").text


def test_list_speaks_json(learnflow: Learnflow):
    """The JSON has kind, version and the same topics."""
    found = learnflow("topics", "list", "--json").json

    assert (found["kind"], found["version"]) == ("topics", 1)
    assert [t["name"] for t in found["topics"]] == ["orders", "other"]


def test_describe_shows_partitions_and_configs_with_sources(learnflow: Learnflow):
    """Leaders, replicas and the topic's own configs; JSON has every config."""
    done = learnflow("topics", "describe", "orders")
    (topic,) = learnflow("topics", "describe", "orders", "--json").json["topics"]

    assert "retention.ms" in done.text
    assert "7d" in done.text
    assert len(topic["partitions"][0]["replicas"]) == 3
    assert topic["configs"]["retention.ms"] == {"value": "604800000", "source": "topic"}


def test_an_unknown_topic_fails_with_a_suggestion(learnflow: Learnflow):
    """Exit 1, the nearest name and the next command."""
    done = learnflow("topics", "describe", "order")

    assert done.code == 1
    assert "did you mean 'orders'" in done.err
    assert "learnflow topics list" in done.err


def test_delete_needs_a_yes(learnflow: Learnflow, memory: MemoryKafka):
    """Without a terminal and without --yes nothing is deleted, and the loss is shown."""
    done = learnflow("topics", "delete", "orders")

    assert done.code == 2
    assert "0 records" in done.text
    assert "add --yes" in done.err
    assert "orders" in memory.topics()


def test_delete_shows_cluster_and_deletes(learnflow: Learnflow, memory: MemoryKafka):
    """With --yes the named topics go; the context and the cluster are shown."""
    done = learnflow("topics", "delete", "orders", "other", "--yes")

    assert done.code == 0
    assert memory.cluster().cluster_id in done.err
    assert set(memory.topics()) == {"__consumer_offsets"}


def test_fresh_data_is_refused_until_the_topic_is_named_again(
    learnflow: Learnflow, memory: MemoryKafka
):
    """--yes alone does not delete what was written minutes ago."""
    records = iter([NewRecord("orders", b"v", timestamp_ms=time.time_ns() // 1_000_000)])
    list(memory.produce(records, partitioner="murmur2_random", timeout=1))
    refused = learnflow("topics", "delete", "orders", "--yes")
    there = "orders" in memory.topics()
    done = learnflow("topics", "delete", "orders", "--yes", "--delete-anyway", "orders")

    assert refused.code == 1
    assert "orders: it was written to less than a minute ago [delete-fresh-data]" in refused.err
    assert "add --delete-anyway orders" in refused.err
    assert there
    assert done.code == 0


def test_a_declared_topic_is_told_with_the_services_that_use_it(
    learnflow: Learnflow, tmp_path: Path
):
    """The catalog is named, in JSON too; a topic that it does not know is shown as before."""
    catalog = tmp_path / "shop.yaml"
    catalog.write_text(
        "version: 1\nname: shop\ntopics:\n  orders: {partitions: 2}\nservices:\n"
        "  web: {produces: [orders]}\n  billing: {consumes: {orders: {}}}\n"
    )
    words = ("topics", "delete", "orders", "other", "--catalog", str(catalog), "--dry-run")
    done = learnflow(*words)
    told = {t["name"]: t["declared"] for t in learnflow(*words, "--json").json["topics"]}

    assert "orders: declared in catalog shop; produced by web, consumed by billing;" in done.text
    assert "other: declared" not in done.text
    assert told["orders"]["consumed_by"] == ["billing"]
    assert told["other"] is None


def test_dry_run_says_that_nothing_was_changed(learnflow: Learnflow, memory: MemoryKafka):
    """A rehearsal is told apart from a deletion."""
    done = learnflow("topics", "delete", "orders", "--dry-run")

    assert done.text.endswith("dry run: nothing was changed\n")
    assert not memory.mutations


def test_dry_run_changes_nothing(learnflow: Learnflow, memory: MemoryKafka):
    """--dry-run shows the loss, in JSON too, and sends no change."""
    found = learnflow("topics", "delete", "orders", "--dry-run", "--json").json

    assert (found["dry_run"], found["topics"][0]["deleted"]) == (True, False)
    assert not memory.mutations


@pytest.mark.parametrize(
    ("name", "override"),
    [("__consumer_offsets", "--allow-internal"), ("orders", "--delete-anyway")],
)
def test_internal_and_active_topics_want_to_be_named_again(
    learnflow: Learnflow, memory: MemoryKafka, name: str, override: str
):
    """--yes alone does not delete them; the named override does, for that topic only."""
    memory.join("billing", ["orders"])
    refused = learnflow("topics", "delete", name, "--yes")
    wrong = learnflow("topics", "delete", name, "--yes", override, "other")
    done = learnflow("topics", "delete", name, "--yes", override, name)

    assert (refused.code, wrong.code, done.code) == (1, 1, 0)
    assert f"add {override} {name}" in refused.err


def test_a_protected_context_wants_its_name_typed(
    learnflow: Learnflow, memory: MemoryKafka, monkeypatch: pytest.MonkeyPatch
):
    """--yes is not enough where the context is protected."""
    guarded = Context("prod", Connection(("m:1",)), protected=True)
    contexts.edit(lambda b: b.with_context(guarded))
    args = ("topics", "delete", "orders", "--yes", "--context", "prod")
    refused = learnflow(*args)
    monkeypatch.setenv("LEARNFLOW_CONFIRM", "prod")

    assert refused.code == 2
    assert "orders" in memory.topics()
    assert learnflow(*args).code == 0


def test_another_cluster_behind_a_pinned_context_is_refused(learnflow: Learnflow):
    """A context that pins its cluster does not talk to another."""
    contexts.edit(lambda b: b.with_context(Context("p", Connection(("m:1",)), cluster_id="x")))
    done = learnflow("topics", "list", "--context", "p", "--json")

    assert (done.code, done.json["error"]) == (1, "WrongClusterError")
