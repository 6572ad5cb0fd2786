"""
What other tools let slip, each as a test that this one does not.

Every test names a failure that was read in the code of some topic tool; the tools themselves
are not named.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.planning import DAY, FakeClock, applied, catalog, memory, planned

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.app.events import Done, Failed, succeeded
from learnflow_kafka.core.catalog import Policy, Topic
from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.plans.changes import AlterConfig, CreateTopic, DeleteTopic
from learnflow_kafka.core.plans.plan import Rule, Scope
from learnflow_kafka.core.ports import NewRecord
from learnflow_kafka.errors import CatalogError, PlanStaleError, RefusedError, RequestError
from learnflow_kafka.wiring import catalogs

if TYPE_CHECKING:
    from tests.support.commands import Learnflow


def _edited(kafka: MemoryKafka, topic: str) -> dict[str, str]:
    return dict(kafka._state.topics[topic].config)


# --- dry runs and questions -------------------------------------------------


def test_dry_run_delete_deletes_nothing(learnflow: Learnflow, memory_cluster: MemoryKafka):
    """Elsewhere the delete command inherited --dry-run, never read it, and deleted."""
    memory_cluster.put_topic("a")
    memory_cluster.commit_offsets("g", {TopicPartition("a", 0): 1})
    memory_cluster.requests.clear()

    for words in (("topics", "delete", "a"), ("groups", "delete", "g")):
        learnflow(*words, "--dry-run", "--yes")

    assert memory_cluster.mutations == []


def test_answering_no_changes_nothing(
    learnflow: Learnflow, memory_cluster: MemoryKafka, monkeypatch: pytest.MonkeyPatch
):
    """Elsewhere "no" was logged as "skipping", and then it was done."""

    def refuse(question: str) -> None:
        raise RefusedError(f"{question} no")

    monkeypatch.setattr("learnflow_kafka.cli.confirm.ask", refuse)

    done = learnflow("apply", "--env", "local", "--wait", "0s")

    assert "+ create learning.query" in done.text
    assert done.code == 1
    assert memory_cluster.mutations == []


# --- two at once, half-way, stale -------------------------------------------


def test_two_applies_without_a_lock_do_no_harm():
    """Elsewhere the lock was a no-op on every cluster without ZooKeeper."""
    kafka = memory(a=1)
    wanted = catalog(Topic("a", 3, retention_ms=DAY), Topic("b", 1))
    other_ran: list[bool] = []

    def meet(sent: object, moment: object) -> None:
        if not other_ran:
            other_ran.append(True)
            applied(kafka, wanted)

    kafka.hooks.append(meet)
    events = applied(kafka, wanted)

    assert succeeded(events)
    assert len(kafka.topics(["a"])["a"].partitions) == 3


def test_a_failure_half_way_needs_no_memory_of_what_was_done():
    """Elsewhere state was saved only after the last action: a failure lost what was applied."""
    kafka = memory(b=1)
    wanted = catalog(Topic("a", 1), Topic("b", 1, retention_ms=DAY))
    kafka.fail(2, RequestError("no", code="UNKNOWN_SERVER_ERROR"), mutating_only=True)

    first = applied(kafka, wanted)
    second = applied(kafka, wanted)

    assert [type(e) for e in first[:2]] == [Done, Failed]
    assert succeeded(second)


def test_a_saved_plan_looks_at_the_cluster_again():
    """Elsewhere a saved plan was carried out without reading the cluster again."""
    from learnflow_kafka.app.apply import refuse_stale

    kafka = memory(a=1)
    plan = planned(kafka, catalog(Topic("a", 2)))
    kafka.put_topic("a", 7)

    with pytest.raises(PlanStaleError, match="partitions 1 -> 7"):
        refuse_stale(plan, kafka)


# --- replication ------------------------------------------------------------


def test_replication_is_not_confused_with_who_is_in_sync():
    """Elsewhere a broker that was down made apply fail with a message about replication."""
    kafka = MemoryKafka(3)
    kafka.put_topic("a", 3, replication=3)
    kafka.stop_broker(1)
    wanted = catalog(Topic("a", 3, replication=3, retention_ms=DAY))

    assert succeeded(applied(kafka, wanted))


def test_a_change_of_replication_is_never_a_silent_nothing():
    """Elsewhere it was computed and left out, and the result was OK."""
    kafka = memory(a=1)
    wanted = catalog(Topic("a", 1, replication=3))

    events = applied(kafka, wanted)

    assert [b.rule for b in planned(kafka, wanted).blocked] == [Rule.REPLICATION]
    assert not succeeded(events)


def test_every_partition_counts_for_replication():
    """Elsewhere only the first partition was looked at."""
    kafka = MemoryKafka(3)
    kafka.put_topic("a", 3, replication=2)
    kafka._state.topics["a"].logs[2].replicas = (1, 2, 3)

    (blocked,) = planned(kafka, catalog(Topic("a", 3, replication=2))).blocked

    assert blocked.what == "its partitions have replication 2 and 3 and 2 is declared"


# --- partitions -------------------------------------------------------------


def test_fewer_partitions_never_recreate_the_topic():
    """Elsewhere the topic was destroyed and made anew, with its data."""
    kafka = memory(a=3)
    list(
        kafka.produce(
            iter([NewRecord("a", b"x", partition=0)]), partitioner="murmur2_random", timeout=1
        )
    )

    events = applied(kafka, catalog(Topic("a", 2)))

    assert not succeeded(events)
    assert len(kafka._state.topics["a"].logs) == 3
    assert kafka._state.topics["a"].logs[0].records
    assert [request.api for request in kafka.mutations] == ["Produce"]


def test_fewer_partitions_are_never_silence():
    """Elsewhere there was no difference and no message."""
    assert planned(memory(a=3), catalog(Topic("a", 2))).pending


# --- retention --------------------------------------------------------------


@pytest.mark.parametrize("before", [{"retention.ms": "-1"}, {}])
def test_the_largest_cuts_are_softened_too(before: dict[str, str]):
    """Elsewhere steps never began from "forever" or from the broker's default."""
    kafka = memory()
    kafka.put_topic("a", 1, config=before)
    now = FakeClock().now_ms()
    old = NewRecord("a", b"x", partition=0, timestamp_ms=now - 100 * DAY)
    list(kafka.produce(iter([old]), partitioner="murmur2_random", timeout=1))
    policy = Policy(max_retention_cut_ms=DAY)

    plan = planned(kafka, catalog(Topic("a", 1, retention_ms=DAY), policy=policy), now_ms=now)

    assert plan.steps[0].later == (98 if before else 5)


# --- configs that nobody declared -------------------------------------------


def test_configs_of_others_survive_by_default():
    """Elsewhere configs not in the file were deleted by default, throttles mid-move included."""
    kafka = memory()
    own = {"segment.ms": "5000", "leader.replication.throttled.replicas": "0:1"}
    kafka.put_topic("a", 1, config=own)

    applied(kafka, catalog(Topic("a", 1, retention_ms=DAY)))

    assert _edited(kafka, "a") == {**own, "retention.ms": str(DAY)}


def test_throttles_survive_even_prune():
    """They belong to the tool that moves replicas, and it is still moving."""
    kafka = memory()
    throttle = {"follower.replication.throttled.replicas": "0:1"}
    kafka.put_topic("a", 1, config={"segment.ms": "5000", **throttle})

    applied(kafka, catalog(Topic("a", 1, prune=True)))

    assert _edited(kafka, "a") == throttle


def test_configs_are_edited_one_by_one():
    """Elsewhere all configs were read, merged and replaced, losing what came in between."""
    kafka = memory(a=1)
    plan = planned(kafka, catalog(Topic("a", 1, retention_ms=DAY)))

    (change,) = [s.change for s in plan.steps]

    assert isinstance(change, AlterConfig)
    assert [e.key for e in change.edits] == ["retention.ms"]


# --- deletes ----------------------------------------------------------------


def test_what_nobody_declared_is_never_deleted():
    """Elsewhere a first apply deleted every topic that the file did not name."""
    kafka = memory(a=1, b=1, c=1)

    for wanted in (catalog(), catalog(Topic("a", 1))):
        applied(kafka, wanted)

    assert sorted(kafka.topics()) == ["a", "b", "c"]
    assert kafka.mutations == []


def test_a_second_file_does_not_delete_the_first_ones_topics():
    """Elsewhere adding a second file planned to delete the topics of the first."""
    kafka = memory()
    applied(kafka, catalog(Topic("a", 1)))

    plan = planned(kafka, catalog(Topic("b", 1)))

    assert [s.change for s in plan.steps] == [CreateTopic("b", 1, None)]


def test_a_wildcard_never_deletes():
    """Elsewhere one pattern deleted every topic without asking; deletes are by exact name."""
    kafka = memory(a=1, b=1)
    wanted = catalog(dead=["a", "b"])

    plan = planned(kafka, wanted, Scope(allow_delete=("a",)))

    assert [s.change for s in plan.steps] == [DeleteTopic("a")]


def test_internal_topics_are_never_swept_up():
    """Elsewhere a cleanup took a control plane's own topics with it."""
    kafka = MemoryKafka(1)
    for name in ("__consumer_offsets", "_schemas", "connect-offsets", "app-store-changelog"):
        kafka.put_topic(name, internal=name.startswith("__"))

    plan = planned(kafka, catalog())

    assert plan.drift.topics == ()
    assert not plan.pending


# --- selectors and owners ---------------------------------------------------


def test_a_selector_does_not_create_what_exists():
    """Elsewhere a selector tried to create topics that were there."""
    kafka = memory(a=1, b=1)
    wanted = catalog(Topic("a", 1), Topic("b", 1))

    for scope in (Scope(only=("a",)), Scope(only=("*",)), Scope(declared_only=True)):
        assert not planned(kafka, wanted, scope).steps


def test_two_files_that_claim_one_topic_are_an_error(tmp_path: Path):
    """Elsewhere the last file won."""
    for owner in ("x", "y"):
        text = f"version: 1\nname: c\ntopics:\n  shared: {{partitions: 1, owner: {owner}}}\n"
        (tmp_path / f"{owner}.yaml").write_text(text)

    with pytest.raises(CatalogError) as caught:
        catalogs.load(str(tmp_path))

    assert any("shared" in str(problem) for problem in caught.value.problems)


def test_a_place_of_a_group_is_never_moved_back():
    """Elsewhere a reset rewrote every partition; only missing places are given."""
    kafka = memory(a=1)
    kafka.commit_offsets("g", {TopicPartition("a", 0): 42})

    applied(kafka, catalog(Topic("a", 3), latest=[("a", "g")]))

    assert kafka._state.groups["g"].committed == {
        TopicPartition("a", 0): 42,
        TopicPartition("a", 1): 0,
        TopicPartition("a", 2): 0,
    }
