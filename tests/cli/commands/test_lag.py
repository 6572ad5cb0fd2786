"""`learnflow lag`, on Kafka in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.commands import Learnflow

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.ports import NewRecord

ZERO = TopicPartition("orders", 0)
CATALOG = """\
version: 1
name: shop
environments: {local: {brokers: 1}}
topics:
  orders: {partitions: 1}
services:
  billing:
    consumes:
      orders: {lag: {max_records: 5}}
"""


@pytest.fixture(autouse=True)
def groups(memory: MemoryKafka) -> None:
    """`billing` stands at 4 of 10."""
    memory.put_topic("orders")
    records = (NewRecord("orders", b"v", partition=0) for _ in range(10))
    list(memory.produce(records, partitioner="murmur2_random", timeout=1))
    memory.commit_offsets("billing", {ZERO: 4})


@pytest.fixture
def catalog(tmp_path: Path) -> str:
    """A catalog that lets `billing` be five records behind."""
    file = tmp_path / "shop.yaml"
    file.write_text(CATALOG)
    return str(file)


def test_without_a_catalog_lag_is_shown_and_not_judged(learnflow: Learnflow):
    """Every group on a line; exit 0 however large the lag is."""
    done = learnflow("lag")

    assert done.code == 0
    assert done.text.splitlines()[1].split() == ["billing", "Empty", "orders", "6"]


def test_a_broken_objective_fails_only_with_check(
    learnflow: Learnflow, memory: MemoryKafka, catalog: str
):
    """It is shown always, and exits 1 with --check until the group has caught up."""
    shown = learnflow("lag", "--catalog", catalog)
    broken = learnflow("lag", "--catalog", catalog, "--check")
    memory.commit_offsets("billing", {ZERO: 5})
    met = learnflow("lag", "--catalog", catalog, "--check")

    assert (shown.code, broken.code, met.code) == (0, 1, 0)
    assert "late: billing on orders: 6 records behind, at most 5 allowed" in shown.text


def test_what_cannot_be_checked_is_not_met(learnflow: Learnflow, memory: MemoryKafka, catalog: str):
    """With --check an unknown lag exits 1 as well."""
    memory.put_topic("orders")
    memory.commit_offsets("billing", {ZERO: 4})
    done = learnflow("lag", "--catalog", catalog, "--check", "--json")
    (group,) = done.json["groups"]

    assert (done.code, done.json["within_objectives"]) == (1, False)
    assert group["topics"][0]["partitions"][0]["status"] == "beyond end"


def test_check_without_objectives_is_wrong_usage(learnflow: Learnflow):
    """Nothing to check is said, and never passes for checked."""
    assert learnflow("lag", "--check").code == 2


def test_partitions_can_be_shown_one_by_one(learnflow: Learnflow):
    """--partitions gives committed, end and lag of each."""
    rows = learnflow("lag", "--group", "billing", "--partitions").text.splitlines()

    assert rows[1].split() == ["billing", "orders", "0", "4", "10", "6"]
