from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.support.planning import DAY, applied, catalog, memory, planned

from learnflow_kafka.adapters.memory import MemoryKafka, Right
from learnflow_kafka.core.catalog import (
    Catalog,
    Cleanup,
    Ordering,
    Policy,
    Service,
    Subscription,
    Topic,
)
from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.plans.changes import (
    AddPartitions,
    AlterConfig,
    CommitOffsets,
    ConfigEdit,
    CreateTopic,
    DeleteTopic,
)
from learnflow_kafka.core.plans.plan import Rule, Scope, Severity, VerdictKind
from learnflow_kafka.core.plans.retention import Removed
from learnflow_kafka.core.ports import NewRecord
from learnflow_kafka.errors import UsageError

if TYPE_CHECKING:
    from learnflow_kafka.core.plans.changes import Change
    from learnflow_kafka.core.plans.plan import Plan

DESCRIBE = (Right.DESCRIBE, Right.DESCRIBE_CONFIGS, Right.READ)
NOW = time.time_ns() // 1_000_000


def _changes(plan: Plan) -> list[Change]:
    return [step.change for step in plan.steps]


def _fill(
    kafka: MemoryKafka, topic: str, *ages_days: float, partition: int = 0, key: bytes | None = None
) -> None:
    """Records of these ages, oldest first."""
    records = (
        NewRecord(topic, b"x" * 100, key=key, partition=partition, timestamp_ms=int(NOW - a * DAY))
        for a in ages_days
    )
    list(kafka.produce(records, partitioner="murmur2_random", timeout=1))


# --- creating ---------------------------------------------------------------


def test_a_missing_topic_is_created_as_declared():
    """The change holds all that the request will; the broker agreed in advance."""
    plan = planned(memory(), catalog(Topic("a", 2, replication=3, retention_ms=DAY)))

    assert _changes(plan) == [CreateTopic("a", 2, 3, {"retention.ms": str(DAY)})]
    assert plan.steps[0].verdict.kind is VerdictKind.CHECKED
    assert plan.touched == {"a": None}


def test_the_plan_of_a_matching_cluster_is_empty():
    """Nothing to do is nothing at all."""
    plan = planned(memory(a=2), catalog(Topic("a", 2)))

    assert not plan.pending
    assert plan.counts.unchanged == 1


def test_planning_changes_nothing():
    """Whatever a plan holds, making it sends no mutating request."""
    kafka = memory(a=1, gone=1)
    _fill(kafka, "a", 9, 1)
    wanted = catalog(Topic("a", 3, retention_ms=DAY), Topic("b", 1), dead=["gone"])
    kafka.requests.clear()

    plan = planned(kafka, wanted, Scope(allow_delete=("gone",), delete_anyway=("gone",)))

    assert len(plan.steps) == 4
    assert kafka.mutations == []


def test_describe_rights_suffice_and_the_rest_says_not_checked():
    """With Describe alone the plan is whole; no change was checked by the broker."""
    kafka = memory(a=1)
    kafka.grant(*DESCRIBE)

    plan = planned(kafka, catalog(Topic("a", 2, retention_ms=DAY), Topic("b", 1)))

    assert [type(c) for c in _changes(plan)] == [CreateTopic, AlterConfig, AddPartitions]
    assert {s.verdict.kind for s in plan.steps} == {VerdictKind.NOT_CHECKED}
    assert "TOPIC_AUTHORIZATION_FAILED" in plan.steps[0].verdict.detail


def test_a_config_that_the_broker_refuses_fails_at_plan():
    """Validate-only finds it; the topic is blocked and the others go on."""
    plan = planned(
        memory(), catalog(Topic("bad", 1, config={"retention.msec": "5"}), Topic("good", 1))
    )

    assert [c.topic for c in _changes(plan)] == ["good"]
    assert [(b.rule, b.topic) for b in plan.blocked] == [(Rule.BROKER_REJECTS, "bad")]
    assert "Unknown topic config name" in plan.blocked[0].what
    assert plan.touched.keys() == {"good"}


def test_unreadable_configs_block_their_topic():
    """Without DescribeConfigs a comparison would be a guess."""
    kafka = memory(a=1)
    kafka.grant(Right.DESCRIBE)

    plan = planned(kafka, catalog(Topic("a", 1, retention_ms=DAY)))

    assert [b.rule for b in plan.blocked] == [Rule.UNREADABLE]
    assert not plan.steps


# --- partitions -------------------------------------------------------------


def test_fewer_partitions_are_refused_with_both_counts():
    """Never a recreate, never silence."""
    plan = planned(memory(a=4), catalog(Topic("a", 3)))

    (blocked,) = plan.blocked
    assert blocked.rule is Rule.FEWER_PARTITIONS
    assert blocked.what == "it has 4 partitions and 3 are declared"
    assert not plan.steps


def test_more_partitions_of_an_unkeyed_topic_are_planned():
    """Nobody relies on its order."""
    plan = planned(memory(a=2), catalog(Topic("a", 5)))

    assert _changes(plan) == [AddPartitions("a", 2, 5)]
    assert plan.steps[0].severity is Severity.LOW


@pytest.mark.parametrize("topic", [Topic("a", 6, key="id"), Topic("a", 6, ordering=Ordering.KEY)])
def test_more_partitions_of_a_keyed_topic_are_refused_with_the_share_of_keys(topic: Topic):
    """From 3 to 6 half of the keys would move."""
    plan = planned(memory(a=3), catalog(topic))

    (blocked,) = plan.blocked
    assert blocked.rule is Rule.KEYS_MOVE
    assert "50 % of its keys would move" in blocked.what
    assert "accept: [key_movement]" in blocked.fix


def test_the_catalog_may_accept_that_keys_move():
    """Then it is planned, and the risk still says how many."""
    plan = planned(memory(a=2), catalog(Topic("a", 3, key="id", accepts_key_movement=True)))

    assert _changes(plan) == [AddPartitions("a", 2, 3)]
    assert plan.steps[0].severity is Severity.HIGH
    assert "66.67 % of its keys move" in plan.steps[0].risks[0].what


def test_a_blocked_topic_is_left_alone_as_a_whole():
    """No half of a topic's changes is made; others go on."""
    wanted = catalog(Topic("a", 1, retention_ms=DAY), Topic("b", 1, retention_ms=DAY))

    plan = planned(memory(a=2, b=1), wanted)

    assert {step.topic for step in plan.steps} == {"b"}
    assert [b.topic for b in plan.blocked] == ["a"]


def test_partitions_are_not_added_under_an_active_latest_group():
    """It would skip what arrives in new partitions before it finds them."""
    kafka = memory(a=2)
    kafka.join("g", ["a"])

    plan = planned(kafka, catalog(Topic("a", 3), latest=[("a", "g")]))

    assert [b.rule for b in plan.blocked] == [Rule.GROUP_READS]


def test_an_inactive_latest_group_gets_offset_0_on_new_partitions():
    """The commit stands directly behind the increase, bare increases before both."""
    kafka = memory(a=2, z=1)
    kafka.commit_offsets("g", {TopicPartition("a", 0): 5, TopicPartition("a", 1): 7})

    plan = planned(kafka, catalog(Topic("a", 4), Topic("z", 2), latest=[("a", "g")]))

    assert _changes(plan) == [
        AddPartitions("z", 1, 2),
        AddPartitions("a", 2, 4),
        CommitOffsets("g", "a", {2: 0, 3: 0}),
    ]


def test_a_latest_group_without_any_place_has_none_to_lose():
    """It begins where it says it begins: at the end."""
    plan = planned(memory(a=2), catalog(Topic("a", 4), latest=[("a", "g")]))

    assert _changes(plan) == [AddPartitions("a", 2, 4)]


def test_a_kill_between_increase_and_commit_is_found_by_its_trace():
    """Places on the first partitions, none on the rest, which begin at 0: finish the work."""
    kafka = memory(a=4)
    kafka.commit_offsets("g", {TopicPartition("a", 0): 5, TopicPartition("a", 1): 7})
    wanted = catalog(Topic("a", 4), latest=[("a", "g")])

    assert _changes(planned(kafka, wanted)) == [CommitOffsets("g", "a", {2: 0, 3: 0})]
    kafka.join("g", ["a"])
    assert _changes(planned(kafka, wanted)) == []


def test_places_with_a_gap_are_no_trace_of_a_kill():
    """A group that skipped a partition by itself is left alone."""
    kafka = memory(a=3)
    kafka.commit_offsets("g", {TopicPartition("a", 0): 5, TopicPartition("a", 2): 7})

    assert _changes(planned(kafka, catalog(Topic("a", 3), latest=[("a", "g")]))) == []


# --- replication ------------------------------------------------------------


def test_another_replication_is_explained_and_never_ignored():
    """It is blocked as unsupported, with what it has."""
    plan = planned(memory(a=2), catalog(Topic("a", 2, replication=3)))

    assert [b.rule for b in plan.blocked] == [Rule.REPLICATION]
    assert plan.blocked[0].what == "it has replication 1 and 3 is declared"


def test_replication_is_right_with_a_broker_down():
    """Replicas are counted from the assignment, not from who is alive."""
    kafka = MemoryKafka(3)
    kafka.put_topic("a", 3, replication=3)
    kafka.stop_broker(2)

    assert not planned(kafka, catalog(Topic("a", 3, replication=3))).pending


def test_min_isr_above_the_real_replication_is_refused():
    """No write with acks=all could ever succeed."""
    plan = planned(memory(a=1), catalog(Topic("a", 1, min_insync_replicas=2)))

    assert [b.rule for b in plan.blocked] == [Rule.MIN_ISR]


def test_a_blocked_replication_is_said_once():
    """Where too few replicas are there, that min.insync.replicas exceeds them says nothing more."""
    plan = planned(memory(a=1), catalog(Topic("a", 1, replication=3, min_insync_replicas=2)))

    assert [b.rule for b in plan.blocked] == [Rule.REPLICATION]


# --- configs ----------------------------------------------------------------


def test_a_default_that_equals_the_declared_value_is_pinned_without_risk():
    """The reason says that it was only the default."""
    plan = planned(memory(a=1), catalog(Topic("a", 1, retention_ms=7 * DAY)))

    (step,) = plan.steps
    week = str(7 * DAY)
    assert step.change == AlterConfig("a", (ConfigEdit("retention.ms", None, week, week),))
    assert "only the cluster's default" in step.why[0]
    assert step.severity is Severity.NONE


def test_undeclared_configs_are_drift_and_kept():
    """Somebody set it for a reason; only prune removes it."""
    kafka = memory()
    kafka.put_topic("a", 1, config={"segment.ms": "5000"})

    plan = planned(kafka, catalog(Topic("a", 1)))

    assert not plan.pending
    assert plan.drift.configs == {"a": {"segment.ms": "5000"}}


def test_prune_removes_undeclared_configs_but_never_throttles():
    """Throttles belong to the tool that moves replicas."""
    throttle = "leader.replication.throttled.replicas"
    kafka = memory()
    kafka.put_topic("a", 1, config={"segment.ms": "5000", throttle: "0:1"})

    plan = planned(kafka, catalog(Topic("a", 1, prune=True)))

    (change,) = _changes(plan)
    assert isinstance(change, AlterConfig)
    assert [(e.key, e.after) for e in change.edits] == [("segment.ms", None)]
    assert plan.drift.configs == {"a": {throttle: "0:1"}}


def test_cleanup_changes_are_flagged():
    """Compaction keeps one record a key and refuses records without one."""
    plan = planned(memory(a=1), catalog(Topic("a", 1, cleanup=Cleanup.COMPACT)))

    risks = [(r.severity, r.what) for r in plan.steps[0].risks]
    assert risks[0][0] is Severity.HIGH
    assert "only the newest record stays" in risks[0][1]
    assert "disks may fill" in risks[1][1]


def test_min_isr_changes_mention_eligible_leaders():
    """Changing it clears the topic's eligible leader replicas."""
    kafka = MemoryKafka(3)
    kafka.put_topic("a", 1, replication=3)

    plan = planned(kafka, catalog(Topic("a", 1, min_insync_replicas=3)))

    risks = [r.what for r in plan.steps[0].risks]
    assert "as soon as one broker is down" in risks[0]
    assert "eligible leader replicas" in risks[1]


def test_a_lower_record_limit_warns_producers():
    """Records that fit today would be refused."""
    plan = planned(memory(a=1), catalog(Topic("a", 1, max_record_bytes=1024)))

    assert "records above 1.0 KiB are refused" in plan.steps[0].risks[0].what


# --- retention --------------------------------------------------------------


@pytest.mark.parametrize("before", ["-1", str(30 * DAY), None])
def test_a_retention_cut_shows_the_offsets_and_bytes_that_go(before: str | None):
    """Also from "forever" and from the broker's default."""
    kafka = memory()
    kafka.put_topic("a", 2, config={"retention.ms": before} if before else {})
    _fill(kafka, "a", 6, 5, 4, 1)
    _fill(kafka, "a", 2, partition=1)

    plan = planned(kafka, catalog(Topic("a", 2, retention_ms=3 * DAY)), now_ms=NOW)

    (risk,) = plan.steps[0].risks
    assert risk.severity is Severity.HIGH
    assert risk.removed == (Removed(0, 0, 3),)
    assert risk.what.startswith("removes up to 3 of 5 records (about ")
    assert risk.what.endswith("estimated)")
    assert risk.bytes


def test_a_cut_that_removes_nothing_says_so():
    """The risk is low while every record is young."""
    kafka = memory(a=1)
    _fill(kafka, "a", 1)

    plan = planned(kafka, catalog(Topic("a", 1, retention_ms=3 * DAY)), now_ms=NOW)

    assert [(r.severity, r.removed) for r in plan.steps[0].risks] == [(Severity.LOW, ())]


def test_a_longer_retention_is_no_risk():
    """Nothing goes."""
    plan = planned(memory(a=1), catalog(Topic("a", 1, retention_ms=-1)))

    assert plan.steps[0].risks == ()


def test_a_size_limit_shows_what_goes_by_size():
    """The share of bytes above the limit, as estimated offsets."""
    kafka = memory(a=1)
    _fill(kafka, "a", *([1] * 10))

    plan = planned(kafka, catalog(Topic("a", 1, retention_bytes=400)), now_ms=NOW)

    (risk,) = plan.steps[0].risks
    assert risk.severity is Severity.HIGH
    assert risk.removed[0].first == 0
    assert 0 < risk.removed[0].until < 10


def test_ending_compaction_counts_as_a_retention_cut():
    """Records that only compaction kept are older than the retention that holds then."""
    kafka = memory()
    kafka.put_topic("a", 1, config={"cleanup.policy": "compact"})
    _fill(kafka, "a", 60, 50, 1, key=b"k")

    plan = planned(kafka, catalog(Topic("a", 1, cleanup=Cleanup.DELETE)), now_ms=NOW)

    assert plan.steps[0].risks[0].removed == (Removed(0, 0, 2),)
    assert any("compaction ends" in r.what for r in plan.steps[0].risks)


def test_retention_under_compaction_removes_nothing():
    """Where only compaction cleans, age does not matter."""
    kafka = memory()
    kafka.put_topic("a", 1, config={"cleanup.policy": "compact"})
    _fill(kafka, "a", 60, key=b"k")
    wanted = Topic("a", 1, cleanup=Cleanup.COMPACT, retention_ms=DAY)

    assert planned(kafka, catalog(wanted), now_ms=NOW).steps[0].risks == ()


@pytest.mark.parametrize(
    ("before", "ages", "target", "later"),
    [
        (30 * DAY, (29,), 20 * DAY, 2),
        (13 * DAY, (9,), 3 * DAY, 0),
        (-1, (25.5,), int(15.5 * DAY), 2),
        (-1, (), 3 * DAY, 0),
        (-1, (2,), 3 * DAY, 0),
    ],
)
def test_the_policy_softens_cuts_step_by_step(
    before: int, ages: tuple[float, ...], target: int, later: int
):
    """One apply takes off at most ten days; from "forever" the oldest record counts."""
    kafka = memory()
    kafka.put_topic("a", 1, config={"retention.ms": str(before)})
    _fill(kafka, "a", *ages)
    policy = Policy(max_retention_cut_ms=10 * DAY)

    plan = planned(kafka, catalog(Topic("a", 1, retention_ms=3 * DAY), policy=policy), now_ms=NOW)

    (step,) = plan.steps
    assert isinstance(step.change, AlterConfig)
    assert (step.change.edits[0].after, step.later) == (str(target), later)
    assert ("further appl" in step.why[0]) is (later > 0)


def test_prune_may_not_cut_more_than_the_policy_allows():
    """Removing an undeclared "forever" would let the broker's seven days hold at once."""
    kafka = memory()
    kafka.put_topic("a", 1, config={"retention.ms": "-1"})
    policy = Policy(max_retention_cut_ms=DAY)

    plan = planned(kafka, catalog(Topic("a", 1, prune=True), policy=policy))

    assert [b.rule for b in plan.blocked] == [Rule.PRUNE_CUTS]


def test_prune_of_a_retention_shows_what_goes():
    """The broker's own retention is asked for, since it will hold."""
    kafka = memory()
    kafka.put_topic("a", 1, config={"retention.ms": "-1"})
    _fill(kafka, "a", 9, 8, 1)

    plan = planned(kafka, catalog(Topic("a", 1, prune=True)), now_ms=NOW)

    assert plan.steps[0].risks[0].removed == (Removed(0, 0, 2),)


# --- deletes ----------------------------------------------------------------


def test_a_tombstone_alone_deletes_nothing_and_shows_the_loss():
    """Records, bytes, last write and groups come before any consent."""
    kafka = memory(old=2)
    _fill(kafka, "old", 9, 8)
    kafka.commit_offsets("g", {TopicPartition("old", 0): 2})

    plan = planned(kafka, catalog(dead=["old"]), now_ms=NOW)

    assert not plan.steps
    (item,) = plan.tombstoned
    assert not item.allowed
    assert (item.loss.records, item.loss.groups) == (2, ("g",))
    assert item.loss.last_write_ms == NOW - 8 * DAY
    assert plan.pending


def test_a_tombstone_and_the_flag_delete():
    """Both together are consent."""
    kafka = memory(old=1)
    _fill(kafka, "old", 9)

    plan = planned(kafka, catalog(dead=["old"]), Scope(allow_delete=("old",)), now_ms=NOW)

    assert _changes(plan) == [DeleteTopic("old")]
    assert plan.steps[0].severity is Severity.HIGH


def test_a_topic_in_use_is_not_deleted():
    """An active group or fresh data blocks, until it is named again."""
    kafka = memory(old=1)
    _fill(kafka, "old", 0.5)
    kafka.join("g", ["old"])
    wanted = catalog(dead=["old"])

    plan = planned(kafka, wanted, Scope(allow_delete=("old",)), now_ms=NOW)
    anyway = Scope(allow_delete=("old",), delete_anyway=("old",))

    assert [b.rule for b in plan.blocked] == [Rule.DELETE_IN_USE, Rule.DELETE_FRESH]
    assert _changes(planned(kafka, wanted, anyway, now_ms=NOW)) == [DeleteTopic("old")]


def test_internal_topics_need_a_flag_of_their_own():
    """Kafka, registries and Connect keep their state there."""
    kafka = MemoryKafka(1)
    kafka.put_topic("_schemas", 1)
    wanted = catalog(dead=["_schemas"])
    scope = Scope(allow_delete=("_schemas",))

    plan = planned(kafka, wanted, scope)
    anyway = Scope(allow_delete=("_schemas",), allow_internal=("_schemas",))

    assert [b.rule for b in plan.blocked] == [Rule.DELETE_INTERNAL]
    assert _changes(planned(kafka, wanted, anyway)) == [DeleteTopic("_schemas")]


def test_a_delete_without_a_tombstone_is_wrong_usage():
    """A flag alone never deletes; a near name is offered."""
    with pytest.raises(UsageError, match="no tombstone for 'od'; did you mean 'old'"):
        planned(memory(), catalog(dead=["old"]), Scope(allow_delete=("od",)))


def test_a_deleted_topic_with_a_tombstone_is_done():
    """The tombstone may stay in the catalog."""
    assert not planned(memory(), catalog(dead=["old"])).pending


# --- scope and drift --------------------------------------------------------


def test_undeclared_topics_are_drift_and_left_alone():
    """Internal and reserved ones are nobody's drift."""
    kafka = memory(other=1)
    kafka.put_topic("__consumer_offsets", 1, internal=True)
    kafka.put_topic("_learnflow.verify", 1)

    plan = planned(kafka, catalog())

    assert plan.drift.topics == ("other",)
    assert not plan.pending


def test_declared_only_asks_for_declared_names_and_says_so():
    """Metadata of other topics is not read."""
    kafka = memory(other=1, a=1)
    kafka.requests.clear()

    plan = planned(kafka, catalog(Topic("a", 1)), Scope(declared_only=True))

    assert plan.drift.topics is None
    assert [r.items for r in kafka.requests if r.api == "Metadata"] == [("a",)]


def test_only_selects_by_pattern_and_plans_nothing_else():
    """A selected topic that exists is not created again; the rest is not looked at."""
    wanted = catalog(Topic("a.x", 1), Topic("a.y", 1), Topic("b", 1))
    kafka = MemoryKafka(1)
    kafka.put_topic("a.x", 1)

    plan = planned(kafka, wanted, Scope(only=("a.*",)))

    assert _changes(plan) == [CreateTopic("a.y", 1, None)]
    assert plan.counts.selected == 2


def test_owners_select_and_undeclared_stays_the_same():
    """Another owner's topics are not drift: they are declared."""
    wanted = catalog(Topic("a", 1, owner="x"), Topic("b", 1, owner="y"))

    plan = planned(memory(b=1, other=1), wanted, Scope(owner="x"))

    assert [c.topic for c in _changes(plan)] == ["a"]
    assert plan.drift.topics == ("other",)


@pytest.mark.parametrize("scope", [Scope(only=("aa",)), Scope(owner="xx")])
def test_a_selector_that_fits_nothing_is_wrong_usage(scope: Scope):
    """A misspelt name must not look like "nothing to do"."""
    with pytest.raises(UsageError, match="did you mean"):
        planned(memory(), catalog(Topic("aab", 1, owner="xxy")), scope)


def test_requests_grow_with_batches_and_not_with_topics():
    """A plan of 1,000 topics that all differ in nothing takes a handful of requests."""
    kafka = MemoryKafka(3)
    wanted = catalog(*(Topic(f"t{n}", 1) for n in range(1000)))
    for name in wanted.topics:
        kafka.put_topic(name)
    kafka.requests.clear()

    planned(kafka, wanted)

    assert [r.api for r in kafka.requests] == ["DescribeCluster", "Metadata", "DescribeConfigs"]


# --- topics that follow a blocked one ----------------------------------------


def _followed(partitions: int, retention_days: int = 1) -> Catalog:
    """A keyed topic that a service reads, so that a topic for dead letters follows it."""
    topic = Topic("a", partitions, key="id", ordering=Ordering.KEY, retention_ms=DAY)
    reader = Service("s", consumes=(Subscription("a", "s"),))
    kept = Policy(dead_letter_retention_ms=retention_days * DAY)
    return Catalog("test", {"a": topic}, services={"s": reader}, policy=kept)


def test_dead_letters_wait_with_their_blocked_source():
    """What follows from a blocked change is blocked with it, and says by what."""
    kafka = memory()
    applied(kafka, _followed(2))
    plan = planned(kafka, _followed(4))

    assert not plan.steps
    assert [(b.topic, b.rule) for b in plan.blocked] == [
        ("a", Rule.KEYS_MOVE),
        ("a.s.dlt", Rule.SOURCE_BLOCKED),
    ]
    assert "settle what blocks a" in plan.blocked[1].fix


def test_missing_dead_letters_are_not_created_ahead_of_a_blocked_source():
    """Made with the wanted number of partitions, they could never shrink to the source's."""
    plan = planned(memory(a=2), _followed(4))

    assert not plan.steps
    assert {b.rule for b in plan.blocked} == {Rule.KEYS_MOVE, Rule.SOURCE_BLOCKED}


def test_missing_dead_letters_come_where_the_source_keeps_its_partitions():
    """A source that is blocked for another reason takes nothing from its consumers."""
    kafka = memory(a=2)
    kafka.grant(Right.DESCRIBE, Right.CREATE)
    plan = planned(kafka, _followed(2))

    assert [b.rule for b in plan.blocked] == [Rule.UNREADABLE]
    assert [step.topic for step in plan.steps] == ["a.s.dlt"]
