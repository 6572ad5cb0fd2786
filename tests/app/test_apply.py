from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.planning import DAY, IMPATIENT, FakeClock, applied, catalog, memory, planned

from learnflow_kafka.adapters.memory import MemoryKafka, Moment
from learnflow_kafka.app.apply import apply, prepare, refuse_stale
from learnflow_kafka.app.events import Done, Failed, Proved, Skipped, Stopped, Waiting, succeeded
from learnflow_kafka.core.catalog import Policy, Topic
from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.plans.changes import AlterConfig
from learnflow_kafka.core.plans.desired import resolve
from learnflow_kafka.core.plans.plan import Scope
from learnflow_kafka.core.ports import Fault
from learnflow_kafka.errors import (
    PlanStaleError,
    RequestError,
    TimedOutError,
    UnreachableError,
    WrongClusterError,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from learnflow_kafka.app.events import Event
    from learnflow_kafka.core.catalog import Catalog
    from learnflow_kafka.core.observed import TopicState
    from learnflow_kafka.core.plans.plan import Plan
    from learnflow_kafka.core.requests import Sent
    from learnflow_kafka.errors import KafkaError


def _run(plan: Plan, kafka: MemoryKafka, wanted: Catalog) -> tuple[list[Event], Exception | None]:
    """Carry a plan out; the events and what stopped it."""
    events: list[Event] = []
    desired = resolve(wanted, next(iter(wanted.environments), None))
    try:
        for event in apply(plan, kafka, FakeClock(), desired, IMPATIENT):
            events.append(event)  # noqa: PERF402 - they must survive an error
    except Exception as error:  # noqa: BLE001 - the error is the result
        return events, error
    return events, None


def _committed(kafka: MemoryKafka, group: str) -> Mapping[TopicPartition, int]:
    found = kafka.committed([group])[group]
    assert not isinstance(found, Fault)
    return found


def _kinds(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


def test_every_kind_of_change_is_made_and_proved():
    """Creates, configs, partitions with their commits, deletes: then nothing is left."""
    kafka = memory(b=1, c=2, old=1)
    kafka.commit_offsets("g", {TopicPartition("c", 0): 1, TopicPartition("c", 1): 1})
    wanted = catalog(
        Topic("a", 2), Topic("b", 1, retention_ms=DAY), Topic("c", 3),
        latest=[("c", "g")], dead=["old"],
    )  # fmt: skip
    kafka.requests.clear()

    events = applied(kafka, wanted, Scope(allow_delete=("old",)))

    assert succeeded(events)
    assert _kinds(events) == [Done] * 5 + [Proved]
    assert [r.api for r in kafka.mutations] == [
        "CreateTopics",
        "IncrementalAlterConfigs",
        "CreatePartitions",
        "OffsetCommit",
        "DeleteTopics",
    ]
    assert _committed(kafka, "g")[TopicPartition("c", 2)] == 0


def test_an_empty_plan_sends_nothing_and_proves_itself():
    """Applying twice is as good as once."""
    kafka = memory()
    wanted = catalog(Topic("a", 1))
    applied(kafka, wanted)
    kafka.requests.clear()

    events = applied(kafka, wanted)

    assert _kinds(events) == [Proved]
    assert kafka.mutations == []


def test_a_failed_topic_does_not_stop_the_others():
    """Its later steps are skipped, and the run is not a success."""
    kafka = memory(a=1, b=1)
    wanted = catalog(Topic("a", 2, retention_ms=DAY), Topic("b", 2))
    plan = planned(kafka, wanted)
    kafka.fail(1, RequestError("no", code="INVALID_CONFIG"), mutating_only=True)

    events, error = _run(plan, kafka, wanted)

    assert error is None
    assert _kinds(events) == [Failed, Skipped, Done, Proved]
    assert isinstance(events[-1], Proved)
    assert [s.topic for s in events[-1].left] == ["a", "a"]
    assert not succeeded(events)


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("error", [TimedOutError("slow"), UnreachableError("gone")])
def test_a_lost_answer_is_resolved_by_looking(moment: Moment, error: KafkaError):
    """What took effect counts as done, what did not as failed; nothing is sent twice."""
    kafka = memory(b=1)
    wanted = catalog(Topic("a", 1), Topic("b", 1, retention_ms=DAY))
    plan = planned(kafka, wanted)
    kafka.requests.clear()
    kafka.fail(1, error, moment=moment, mutating_only=True)

    events, raised = _run(plan, kafka, wanted)

    first = Done if moment is Moment.AFTER else Failed
    assert raised is None
    assert _kinds(events) == [first, Done, Proved]
    assert len(kafka.mutations) == 2


def test_a_change_that_shows_itself_late_counts_as_done():
    """The request timed out, and a slow cluster made the topic afterwards."""
    kafka = memory()
    wanted = catalog(Topic("a", 2))
    plan = planned(kafka, wanted)
    kafka.fail(1, TimedOutError("slow"), mutating_only=True)

    class Clock(FakeClock):
        def sleep(self, seconds: float) -> None:
            self.now += seconds
            kafka.put_topic("a", 2)

    events = [*apply(plan, kafka, Clock(), resolve(wanted), IMPATIENT)]

    assert _kinds(events) == [Done, Proved]
    assert succeeded(events)


def test_the_proof_waits_for_a_broker_that_learns_slowly():
    """A broker that does not know a new topic yet shows it as missing, and refuses it again."""
    kafka = memory()
    wanted = catalog(Topic("a", 2))
    plan = planned(kafka, wanted)
    hidden: list[object] = []

    def hide(sent: Sent, moment: Moment) -> None:
        if sent.api == "CreateTopics" and sent.mutating and moment is Moment.AFTER:
            hidden.append(True)

    class Slow(MemoryKafka):
        def topics(self, names: Collection[str] | None = None) -> Mapping[str, TopicState]:
            return {} if len(hidden) == 1 else super().topics(names)

    class Clock(FakeClock):
        def sleep(self, seconds: float) -> None:
            self.now += seconds
            hidden.append(True)

    slow = Slow(3)
    slow._state = kafka._state
    slow.hooks.append(hide)
    events = [*apply(plan, slow, Clock(), resolve(wanted), IMPATIENT)]

    assert len(hidden) > 1
    assert succeeded(events)


def test_a_cluster_out_of_reach_stops_with_what_was_done():
    """The error says so, and the event before it how far the run came."""
    kafka = memory(b=1)
    wanted = catalog(Topic("a", 1), Topic("b", 1, retention_ms=DAY))
    plan = planned(kafka, wanted)

    def cut(sent: Sent, moment: Moment):
        if sent.api == "IncrementalAlterConfigs" or len(kafka.mutations) > 1:
            raise UnreachableError("no broker answers")

    kafka.hooks.append(cut)
    events, error = _run(plan, kafka, wanted)

    assert isinstance(error, UnreachableError)
    assert events[-1] == Stopped(done=1, total=2)


def test_a_topic_changed_meanwhile_stops_the_run():
    """The topic is read again right before its batch; the error says what changed."""
    kafka = memory(a=1, b=1)
    wanted = catalog(Topic("n", 1), Topic("a", 1, retention_ms=DAY), Topic("b", 3))
    plan = planned(kafka, wanted)

    def meddle(sent: Sent, moment: Moment):
        if sent.api == "IncrementalAlterConfigs" and moment is Moment.AFTER:
            kafka.put_topic("b", 2)

    kafka.hooks.append(meddle)
    events, error = _run(plan, kafka, wanted)

    assert isinstance(error, PlanStaleError)
    assert "b: it was deleted and created anew (another topic id), partitions 1 -> 2" in str(error)
    assert events[-1] == Stopped(done=2, total=3)
    assert [r.api for r in kafka.mutations] == ["CreateTopics", "IncrementalAlterConfigs"]


def test_a_topic_that_somebody_else_made_as_declared_counts_as_done():
    """Two applies of one catalog may meet."""
    kafka = memory()
    wanted = catalog(Topic("a", 2, retention_ms=DAY))
    plan = planned(kafka, wanted)
    kafka.put_topic("a", 2, config={"retention.ms": str(DAY)})

    events, error = _run(plan, kafka, wanted)

    assert error is None
    assert succeeded(events)
    assert isinstance(events[0], Done)
    assert "somebody else made it" in events[0].note


def test_a_topic_that_somebody_else_made_otherwise_stops_the_run():
    """It is not what the plan saw, and not what it wants."""
    kafka = memory()
    wanted = catalog(Topic("a", 2))
    plan = planned(kafka, wanted)
    kafka.put_topic("a", 3)

    _, error = _run(plan, kafka, wanted)

    assert isinstance(error, PlanStaleError)
    assert kafka.mutations == []


def test_the_last_moment_race_for_a_name_is_resolved():
    """TOPIC_ALREADY_EXISTS after the look: as declared it is done, otherwise failed."""
    for partitions, kind in ((2, Done), (3, Failed)):
        kafka = memory()
        wanted = catalog(Topic("a", 2))
        plan = planned(kafka, wanted)

        def race(
            sent: Sent, moment: Moment, kafka: MemoryKafka = kafka, partitions: int = partitions
        ):
            if sent.mutating and moment is Moment.BEFORE:
                kafka.put_topic("a", partitions)

        kafka.hooks.append(race)
        events, error = _run(plan, kafka, wanted)

        assert error is None
        assert isinstance(events[0], kind)


def test_a_group_that_wakes_up_before_the_commit_fails_with_the_way_on():
    """Kafka refuses the commit; the next plan finds the trace."""
    kafka = memory(a=1)
    kafka.commit_offsets("g", {TopicPartition("a", 0): 3})
    wanted = catalog(Topic("a", 2), latest=[("a", "g")])
    plan = planned(kafka, wanted)
    kafka.hooks.append(
        lambda sent, moment: (
            kafka.join("g", ["a"])
            if sent.api == "OffsetCommit" and moment is Moment.BEFORE
            else None
        )
    )

    events, _ = _run(plan, kafka, wanted)
    kafka.hooks.clear()
    kafka.leave("g")

    assert isinstance(events[1], Failed)
    assert "became active" in events[1].fault.message
    assert succeeded(applied(kafka, wanted))
    assert _committed(kafka, "g")[TopicPartition("a", 1)] == 0


def test_a_place_that_the_group_took_meanwhile_is_kept():
    """The commit never moves a group back."""
    kafka = memory(a=1)
    kafka.commit_offsets("g", {TopicPartition("a", 0): 3})
    wanted = catalog(Topic("a", 2), latest=[("a", "g")])
    plan = planned(kafka, wanted)

    def advance(sent: Sent, moment: Moment):
        if sent.api == "CreatePartitions" and moment is Moment.AFTER:
            kafka._state.groups["g"].committed[TopicPartition("a", 1)] = 57

    kafka.hooks.append(advance)
    events, error = _run(plan, kafka, wanted)

    assert error is None
    assert succeeded(events)
    assert _committed(kafka, "g")[TopicPartition("a", 1)] == 57


def test_a_delete_is_decided_anew_right_before_it_is_done():
    """A group that began to read the topic meanwhile saves it."""
    kafka = memory(old=1)
    wanted = catalog(dead=["old"])
    plan = planned(kafka, wanted, Scope(allow_delete=("old",)))
    kafka.join("g", ["old"])

    _, error = _run(plan, kafka, wanted)

    assert isinstance(error, PlanStaleError)
    assert "group g is active on it" in str(error)
    assert kafka.topics(["old"])


def test_a_softened_cut_leaves_exactly_its_next_step():
    """The proof expects what the policy put off, and the applies end at the declared value."""
    kafka = memory()
    kafka.put_topic("a", 1, config={"retention.ms": str(30 * DAY)})
    policy = Policy(max_retention_cut_ms=10 * DAY)
    wanted = catalog(Topic("a", 1, retention_ms=5 * DAY), policy=policy)

    runs = [applied(kafka, wanted) for _ in range(4)]
    proofs = [run[-1] for run in runs]

    assert all(succeeded(run) for run in runs)
    assert [len(p.later) for p in proofs if isinstance(p, Proved)] == [1, 1, 0, 0]
    assert kafka._state.topics["a"].config == {"retention.ms": str(5 * DAY)}


def test_apply_waits_for_the_environments_brokers():
    """One event says so; the missing broker comes, and the topic spreads."""
    kafka = MemoryKafka(3)
    kafka.stop_broker(3)
    wanted = catalog(Topic("a", 3, replication=3), brokers=3)

    class Clock(FakeClock):
        def sleep(self, seconds: float) -> None:
            self.now += seconds
            kafka.start_broker(3)

    events = applied(kafka, wanted, clock=Clock())

    assert events[0] == Waiting(alive=2, wanted=3)
    assert succeeded(events)
    assert kafka.topics(["a"])["a"].replication == 3


def test_brokers_that_do_not_come_are_an_error_and_nothing_is_done():
    """New partitions would not spread over all brokers."""
    kafka = MemoryKafka(3)
    kafka.stop_broker(3)

    with pytest.raises(TimedOutError, match="2 of 3 brokers"):
        applied(kafka, catalog(Topic("a", 1, replication=1), brokers=3))
    assert kafka.mutations == []


def test_a_config_change_does_not_wait_for_brokers():
    """At night with a broker down, a longer retention must be possible."""
    kafka = MemoryKafka(3)
    kafka.put_topic("a", 1)
    kafka.stop_broker(3)
    wanted = catalog(Topic("a", 1, retention_ms=30 * DAY), brokers=3)

    assert succeeded(applied(kafka, wanted))
    assert not [*prepare(kafka, FakeClock(), resolve(wanted, "here"), Scope(), IMPATIENT)]


def test_a_plan_for_another_cluster_is_refused():
    """The cluster id is the first thing that is looked at."""
    wanted = catalog(Topic("a", 1))
    plan = planned(memory(), wanted)
    other = memory()

    _, error = _run(plan, other, wanted)

    assert isinstance(error, WrongClusterError)
    assert other.mutations == []
    with pytest.raises(WrongClusterError):
        refuse_stale(plan, other)


def test_a_saved_plan_is_refused_when_a_touched_topic_changed():
    """Every difference is named; untouched topics may change."""
    kafka = memory(a=1, free=1)
    plan = planned(kafka, catalog(Topic("a", 2), Topic("n", 1)))

    kafka.put_topic("free", 9)
    refuse_stale(plan, kafka)
    kafka.alter_configs([AlterConfig("a", ())])
    kafka.put_topic("n", 1)

    with pytest.raises(PlanStaleError, match="n: it exists now"):
        refuse_stale(plan, kafka)


def test_a_thousand_new_topics_take_requests_by_batches():
    """The number of requests does not grow with topics, reads included."""
    kafka = memory()
    wanted = catalog(*(Topic(f"t{n}", 12) for n in range(1000)))

    events = applied(kafka, wanted)

    assert succeeded(events)
    assert len(kafka.mutations) == 2
    assert len(kafka.requests) < 20
