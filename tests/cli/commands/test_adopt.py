"""`learnflow adopt` and `learnflow export`, on Kafka in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.commands import Learnflow

from learnflow_kafka.adapters.memory import MemoryKafka, Right


@pytest.fixture(autouse=True)
def cluster(memory: MemoryKafka) -> MemoryKafka:
    """Three topics of different make, and an internal one."""
    memory.put_topic("shop.orders", 3, replication=2, config={"retention.ms": "-1"})
    memory.put_topic("shop.items", 1, config={"cleanup.policy": "delete,compact"})
    memory.put_topic("other", 1, config={"segment.ms": "5000"})
    memory.put_topic("__state", 1, internal=True)
    return memory


def test_the_first_plan_of_an_adopted_catalog_is_empty(learnflow: Learnflow, tmp_path: Path):
    """What is set on topics is declared, in the catalog's own words."""
    file = tmp_path / "live.yaml"

    done = learnflow("adopt", "--out", str(file), "--name", "live")
    plan = learnflow("plan", "--catalog", str(file), "--check")

    assert done.code == 0
    assert "3 topics" in done.err
    assert "retention: forever" in file.read_text()
    assert plan.code == 0
    assert "undeclared" not in plan.text


def test_the_catalog_goes_to_standard_output_or_to_a_new_file(learnflow: Learnflow, tmp_path: Path):
    """An existing file is never replaced, and a dry run writes none."""
    file = tmp_path / "live.yaml"

    printed = learnflow("adopt", "--only", "topic/shop.*")
    learnflow("adopt", "--out", str(file), "--dry-run")
    assert not file.exists()
    file.write_text("mine")
    refused = learnflow("adopt", "--out", str(file))

    assert printed.text.startswith("version: 1\nname: adopted\n")
    assert "other" not in printed.text
    assert refused.code == 1
    assert file.read_text() == "mine"


def test_a_file_without_a_name_is_wrong_usage(learnflow: Learnflow):
    """An empty --out, as an unset variable gives it, is not standard output."""
    assert learnflow("adopt", "--out", "").code == 2


def test_adopting_nothing_or_unreadable_topics_is_an_error(
    learnflow: Learnflow, cluster: MemoryKafka
):
    """A pattern must fit, and configs must be readable, or the catalog would lie."""
    wrong = learnflow("adopt", "--only", "topic/x*")
    cluster.grant(Right.DESCRIBE)
    hidden = learnflow("adopt")

    assert "no topic of the cluster fits x*" in wrong.err
    assert "configs of 3 topics cannot be read" in hidden.err


def test_json_holds_the_yaml_and_what_was_left_out(learnflow: Learnflow):
    """For programs that keep the text themselves."""
    found = learnflow("adopt", "--json").json

    assert found["topics"] == ["other", "shop.items", "shop.orders"]
    assert found["left_out"] == 1
    assert "shop.orders:" in found["catalog"]


def test_export_merges_an_environment(learnflow: Learnflow, tmp_path: Path):
    """The exported catalog is concrete, and valid."""
    text = learnflow("export", "catalog", "--env", "staging").text
    (tmp_path / "staging.yaml").write_text(text)
    script = learnflow("export", "kafka-topics", "--catalog", str(tmp_path / "staging.yaml")).text

    assert "environments" not in text
    assert "--topic exercise.graded --partitions 2 --replication-factor 3" in script
    assert "--config retention.ms=604800000" in script


def test_export_as_json_has_derived_topics_and_their_places(learnflow: Learnflow):
    """For programs: nine declared, the rest follows from the services."""
    found = learnflow("export", "json", "--env", "local").json
    declared = [t["name"] for t in found["topics"] if t["origin"] == "declared"]

    assert len(declared) == 9
    assert {t["replication"] for t in found["topics"]} == {1}
    assert found["notices"]
    assert learnflow("export", "catalog", "--json").code == 2
