"""
The run of one plan: batch by batch, each looked at again before it is sent.

`app.apply` has the entrances.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Final

from learnflow_kafka.app.events import Done, Failed, Proved, Skipped, Waiting
from learnflow_kafka.app.plan import GONE, make_plan, with_configs
from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.plans import planning
from learnflow_kafka.core.plans.changes import (
    AddPartitions,
    AlterConfig,
    CommitOffsets,
    CreateTopic,
    DeleteTopic,
)
from learnflow_kafka.core.plans.desired import DesiredTopic
from learnflow_kafka.core.plans.diff import matches
from learnflow_kafka.core.plans.fingerprint import differences, expected, fingerprint
from learnflow_kafka.core.ports import Fault
from learnflow_kafka.core.requests import (
    DELETED_TOPICS,
    alterations,
    chunks,
    creations,
    growths,
)
from learnflow_kafka.errors import (
    KafkaError,
    PlanStaleError,
    TimedOutError,
    UnreachableError,
    WrongClusterError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from learnflow_kafka.app.events import Event
    from learnflow_kafka.core.observed import TopicState
    from learnflow_kafka.core.plans.changes import Change
    from learnflow_kafka.core.plans.desired import Desired
    from learnflow_kafka.core.plans.fingerprint import Fingerprint
    from learnflow_kafka.core.plans.plan import Blocked, Plan, Step
    from learnflow_kafka.core.ports import Clock, KafkaAdmin


_LONGEST_PAUSE: Final = 2.0
_ABSENT: Final = Fault("REQUEST_TIMED_OUT", "no answer came, and the change is not there")


@dataclass(frozen=True, slots=True)
class Patience:
    """
    How long to wait, in seconds.

    `brokers`: for the environment's brokers to register. `settle`: for a change that was
    taken to be seen on every broker. `silence`: for a change whose answer was lost to show
    itself. `poll`: the first pause between two looks; pauses grow up to two seconds.
    """

    brokers: float = 60.0
    settle: float = 15.0
    silence: float = 60.0
    poll: float = 0.1


def refuse_other_cluster(plan: Plan, admin: KafkaAdmin) -> None:
    """Raise WrongClusterError unless the plan's cluster answers."""
    found = admin.cluster().cluster_id
    if found != plan.cluster_id:
        raise WrongClusterError(
            f"the plan was made for cluster {plan.cluster_id}, and {found} answers",
            fix="choose the cluster with --context or --bootstrap, or make a new plan",
        )


def alive(admin: KafkaAdmin) -> int:
    """How many brokers serve."""
    return sum(not broker.fenced for broker in admin.cluster().brokers)


def places(plan: Plan) -> bool:
    """Whether the plan places new partitions."""
    return bool(plan.count(CreateTopic) or plan.count(AddPartitions))


def await_brokers(
    admin: KafkaAdmin, clock: Clock, wanted: int, patience: Patience
) -> Iterator[Event]:
    """Wait until that many brokers serve; raises TimedOutError where they do not come."""
    deadline = clock.monotonic() + patience.brokers
    told = -1
    while (there := alive(admin)) < wanted:
        if clock.monotonic() >= deadline:
            raise TimedOutError(
                f"{there} of {wanted} brokers are there after {patience.brokers:g} s; "
                "the environment names that many, so that new partitions spread over all",
                fix="start the missing brokers, or correct `brokers` of the environment",
            )
        if there != told:
            yield Waiting(there, wanted)
            told = there
        clock.sleep(patience.poll)


def _batches(steps: Sequence[Step]) -> Iterator[list[tuple[int, Step]]]:
    """Neighbouring steps of one kind together, as many as one request carries."""
    numbered = enumerate(steps, start=1)
    for kind, group in groupby(numbered, key=lambda pair: type(pair[1].change)):
        same = [*group]
        for size in _sizes(kind, [step.change for _, step in same]):
            yield same[:size]
            same = same[size:]


def _sizes(kind: type[Change], changes: Sequence[Change]) -> list[int]:
    """How many of the changes go into each request, in order."""
    lists: Iterator[Sequence[Change]]
    if kind is CreateTopic:
        lists = creations([c for c in changes if isinstance(c, CreateTopic)])
    elif kind is AddPartitions:
        lists = growths([c for c in changes if isinstance(c, AddPartitions)])
    elif kind is AlterConfig:
        lists = alterations([c for c in changes if isinstance(c, AlterConfig)])
    else:
        lists = chunks(changes, DELETED_TOPICS if kind is DeleteTopic else 1)
    return [len(batch) for batch in lists]


@dataclass(slots=True)
class Execution:
    """One run of a plan: what it expects of each topic, and what failed so far."""

    plan: Plan
    admin: KafkaAdmin
    clock: Clock
    desired: Desired
    patience: Patience
    done: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    expects: dict[str, Fingerprint | None] = field(default_factory=dict)

    def steps(self) -> Iterator[Event]:
        """Every batch: look again, send, tell."""
        if not self.plan.steps:
            return
        refuse_other_cluster(self.plan, self.admin)
        if self.plan.brokers is not None and places(self.plan):
            yield from await_brokers(self.admin, self.clock, self.plan.brokers, self.patience)
        self.expects = dict(self.plan.touched)
        for batch in _batches(self.plan.steps):
            ready = []
            for number, step in batch:
                if step.topic in self.failed:
                    yield Skipped(number, step, self.failed[step.topic])
                else:
                    ready.append((number, step))
            yield from self._look_and_send(ready)

    def _look_and_send(self, batch: list[tuple[int, Step]]) -> Iterator[Event]:
        there = self._look([step for _, step in batch])
        todo = []
        for number, step in batch:
            if step.topic in there:
                yield self._count(Done(number, step, "somebody else made it, exactly as declared"))
            else:
                todo.append((number, step))
        if todo:
            for event in self._send(todo):
                yield self._count(event)

    def _count(self, event: Done | Failed) -> Event:
        step = event.step
        if isinstance(event, Failed):
            self.failed[step.topic] = f"step {event.number} of this topic failed"
            return event
        self.done += 1
        self.changed.add(step.topic)
        before = self.expects[step.topic]
        if before is not None:
            self.expects[step.topic] = expected(before, step.change)
        return event

    # --- looking ------------------------------------------------------------

    def _look(self, steps: Sequence[Step]) -> set[str]:
        """
        Read the batch's topics again; the names of those that exist as wanted already.

        Raises PlanStaleError where one is not what the plan saw. Our own changes are given
        time to reach the broker that answers.
        """
        names = [*dict.fromkeys(step.topic for step in steps)]
        there: set[str] = set()
        stale: dict[str, tuple[str, ...]] = {}
        for _ in self._attempts(self.patience.settle):
            live = with_configs(self.admin, self.admin.topics(names)) if names else {}
            there = {step.topic for step in steps if _made_already(step, live)}
            stale = {
                name: found
                for name in names
                if name not in there and (found := self._mismatch(name, live.get(name)))
            }
            if not stale or not stale.keys() <= self.changed:
                break
        if stale:
            self._refuse(stale)
        if any(isinstance(step.change, DeleteTopic) for step in steps):
            self._decide_deletes_anew(steps)
        return there

    def _mismatch(self, name: str, state: TopicState | None) -> tuple[str, ...]:
        return differences(self.expects[name], fingerprint(state) if state else None)

    def _refuse(self, stale: Mapping[str, tuple[str, ...]]) -> None:
        what = "; ".join(f"{name}: {', '.join(found)}" for name, found in stale.items())
        raise PlanStaleError(
            f"somebody else changed the cluster while the plan was carried out: {what}",
            fix="look at the new state: learnflow plan",
        )

    def _decide_deletes_anew(self, steps: Sequence[Step]) -> None:
        """Between plan and delete somebody may have begun to use the topic."""
        fresh = self._plan_again()
        still = {s.topic for s in fresh.steps if isinstance(s.change, DeleteTopic)}
        reasons = {b.topic: (b.what,) for b in fresh.blocked}
        gone = {
            step.topic: reasons.get(step.topic, ("it is no longer to be deleted",))
            for step in steps
            if step.topic not in still
        }
        if gone:
            self._refuse(gone)

    # --- sending ------------------------------------------------------------

    def _send(self, batch: list[tuple[int, Step]]) -> Iterator[Done | Failed]:
        try:
            answers = self._request([step.change for _, step in batch])
        except (TimedOutError, UnreachableError) as error:
            answers = self._after_silence([step for _, step in batch], error)
        except KafkaError as error:
            answers = {step.topic: Fault(type(error).__name__, error.what) for _, step in batch}
        for number, step in batch:
            fault = answers.get(step.topic, _ABSENT)
            if fault is None:
                yield Done(number, step)
            else:
                yield self._explain(number, step, fault)

    def _request(self, changes: Sequence[Change]) -> Mapping[str, Fault | None]:
        """One batch of one kind; the answer by topic."""
        creates = [c for c in changes if isinstance(c, CreateTopic)]
        if creates:
            return self.admin.create_topics(creates)
        alters = [c for c in changes if isinstance(c, AlterConfig)]
        if alters:
            return self.admin.alter_configs(alters)
        growths = [c for c in changes if isinstance(c, AddPartitions)]
        if growths:
            return self.admin.add_partitions(growths)
        deletes = [c.topic for c in changes if isinstance(c, DeleteTopic)]
        if deletes:
            return self.admin.delete_topics(deletes)
        return {c.topic: self._commit(c) for c in changes if isinstance(c, CommitOffsets)}

    def _commit(self, change: CommitOffsets) -> Fault | None:
        """Give the group its places where it has none by now; new partitions need a moment."""
        places = self.admin.committed([change.group]).get(change.group, {})
        if isinstance(places, Fault):
            return places
        missing = {
            tp: offset
            for number, offset in change.offsets.items()
            if (tp := TopicPartition(change.topic, number)) not in places
        }
        fault = None
        for _ in self._attempts(self.patience.settle) if missing else ():
            faults = self.admin.commit_offsets(change.group, missing)
            fault = next((f for f in faults.values() if f is not None), None)
            if fault is None or fault.code != GONE:
                break
        return fault

    def _after_silence(
        self, steps: Sequence[Step], error: KafkaError
    ) -> Mapping[str, Fault | None]:
        """
        Find out what became of a request whose answer never came.

        Raises the error itself where the cluster cannot be read either.
        """
        answers: Mapping[str, Fault | None] | None = None
        dead = self.clock.monotonic() + self.patience.settle
        for _ in self._attempts(self.patience.silence):
            try:
                seen = self._seen(steps)
            except (TimedOutError, UnreachableError):
                answers = None
                if self.clock.monotonic() >= dead:
                    break
                continue
            answers = {step.topic: None if seen[step.topic] else _ABSENT for step in steps}
            if not any(answers.values()):
                break
        if answers is None:
            raise error
        return answers

    def _seen(self, steps: Sequence[Step]) -> Mapping[str, bool]:
        """Which of the steps' changes can be seen on the cluster, by topic."""
        live = with_configs(self.admin, self.admin.topics([step.topic for step in steps]))
        return {step.topic: self._is_there(step, live) for step in steps}

    def _is_there(self, step: Step, live: Mapping[str, TopicState]) -> bool:
        change = step.change
        if isinstance(change, CommitOffsets):
            places = self.admin.committed([change.group]).get(change.group, {})
            wanted = {TopicPartition(change.topic, n) for n in change.offsets}
            return not isinstance(places, Fault) and wanted <= places.keys()
        if isinstance(change, DeleteTopic):
            return change.topic not in live
        if isinstance(change, CreateTopic):
            return _made_already(step, live)
        before, state = self.expects[change.topic], live.get(change.topic)
        if before is None or state is None:
            return False
        return not differences(expected(before, change), fingerprint(state))

    def _explain(self, number: int, step: Step, fault: Fault) -> Done | Failed:
        """A refusal that means "it is so already" is no failure."""
        already = fault.code in {"TOPIC_ALREADY_EXISTS", "INVALID_PARTITIONS", "REQUEST_TIMED_OUT"}
        gone = fault.code == GONE and isinstance(step.change, DeleteTopic)
        if (already or gone) and self._is_there_soon(step):
            return Done(number, step, "it was so already when the request arrived")
        if fault.code == "UNKNOWN_MEMBER_ID":
            fault = replace(
                fault,
                message="the group became active; stop its consumers and apply again, so that "
                "it skips nothing in the new partitions",
            )
        return Failed(number, step, fault)

    def _is_there_soon(self, step: Step) -> bool:
        return any(self._seen([step])[step.topic] for _ in self._attempts(self.patience.settle))

    # --- proving ------------------------------------------------------------

    def prove(self) -> Proved:
        """
        Plan again, until nothing is left or time is up.

        Brokers learn of changes one after the other: what was done may show as undone first.
        """
        second = self.plan
        left: tuple[Step, ...] = ()
        unseen: tuple[Blocked, ...] = ()
        for _ in self._attempts(self.patience.silence):
            second = self._plan_again()
            left = planning.unexpected(self.plan, second)
            unseen = tuple(b for b in second.blocked if self._is_ours(b.topic))
            if not unseen and not any(self._is_ours(step.topic) for step in left):
                break
        later = tuple(s for s in second.steps if s not in left)
        return Proved(left, later, second.blocked, unseen)

    def _is_ours(self, topic: str) -> bool:
        """Whether this run changed the topic and believes that all went well."""
        return topic in self.changed and topic not in self.failed

    def _plan_again(self) -> Plan:
        return make_plan(self.admin, self.desired, self.plan.scope, now_ms=self.clock.now_ms())

    def _attempts(self, seconds: float) -> Iterator[None]:
        """Now, and again after growing pauses until time is up."""
        deadline = self.clock.monotonic() + seconds
        pause = self.patience.poll
        yield
        while self.clock.monotonic() < deadline:
            self.clock.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            yield


def _made_already(step: Step, live: Mapping[str, TopicState]) -> bool:
    """Whether somebody else made the very topic that the step would make."""
    change = step.change
    if not isinstance(change, CreateTopic) or change.topic not in live:
        return False
    state = live[change.topic]
    wanted = DesiredTopic(change.topic, change.partitions, change.replication, change.config)
    return state.configs is not None and matches(wanted, state)
