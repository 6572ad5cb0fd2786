"""What holds for any catalog and any cluster, tried on a thousand random pairs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.planning import IMPATIENT, FakeClock, applied, catalog, planned
from tests.support.worlds import NOW, World, entries, places, sent, shape, topic, worlds

from learnflow_kafka.adapters.memory import MemoryKafka, Moment
from learnflow_kafka.app.apply import apply
from learnflow_kafka.app.events import Done, Proved
from learnflow_kafka.core.catalog import Topic
from learnflow_kafka.core.plans.desired import resolve
from learnflow_kafka.core.plans.planning import unexpected
from learnflow_kafka.errors import PlanStaleError

if TYPE_CHECKING:
    from learnflow_kafka.adapters.memory.state import Cluster
    from learnflow_kafka.app.events import Event
    from learnflow_kafka.core.requests import Sent

THOUSAND = settings(max_examples=1000, deadline=None, suppress_health_check=[*HealthCheck])
MANY = settings(THOUSAND, max_examples=300)
SOME = settings(THOUSAND, max_examples=60)


class Killed(BaseException):
    """What a SIGKILL looks like from inside: nothing after it runs."""


def _clock() -> FakeClock:
    return FakeClock(now=NOW / 1000)


def _apply(kafka: MemoryKafka, world: World) -> list[Event]:
    return applied(kafka, world.wanted, world.scope, clock=_clock())


@THOUSAND
@given(worlds())
def test_what_is_executed_is_exactly_what_was_planned(world: World):
    """Every request is a step and every step a request, in order; a second plan is empty."""
    kafka = world.build()
    plan = planned(kafka, world.wanted, world.scope, now_ms=NOW)
    assert kafka.mutations == []

    desired = resolve(world.wanted)
    events = [*apply(plan, kafka, _clock(), desired, IMPATIENT)]
    done = sent(kafka.mutations)
    second = planned(kafka, world.wanted, world.scope, now_ms=NOW)

    assert done == entries(plan.steps)
    assert [type(e) for e in events] == [Done] * len(plan.steps) + [Proved]
    assert unexpected(plan, second) == ()
    assert all(step.later == 0 for step in second.steps) or any(s.later for s in plan.steps)
    assert {b.topic for b in second.blocked} == {b.topic for b in plan.blocked}


@MANY
@given(worlds())
def test_what_is_not_declared_is_never_touched(world: World):
    """Undeclared topics keep everything; a topic vanishes only by tombstone and flag."""
    kafka = world.build()
    before = shape(kafka)

    _apply(kafka, world)
    after = shape(kafka)

    for name in world.live:
        if name not in world.wanted.topics and name not in world.scope.allow_delete:
            assert after[name] == before[name]
        elif name not in world.scope.allow_delete:
            assert after[name].records[0] == before[name].records[0]


@SOME
@given(worlds(softened=False))
def test_a_kill_at_any_request_converges(world: World):
    """Killed before or after each changing request in turn, the next run ends the same."""
    whole = world.build()
    _apply(whole, world)

    for moment in Moment:
        for nth in range(1, len(whole.mutations) + 1):
            kafka = world.build()
            kafka.fail(nth, Killed(), moment=moment, mutating_only=True)
            try:
                _apply(kafka, world)
            except Killed:
                pass
            else:
                raise AssertionError("the run was not killed")
            _apply(kafka, world)

            assert shape(kafka) == shape(whole)
            assert places(kafka) == places(whole)


@MANY
@given(worlds(), st.integers(0, 2**32))
def test_two_owners_never_plan_changes_to_each_other(mine: World, seed: int):
    """Two catalogs with topics of their own meet on one cluster and leave each other alone."""
    theirs = catalog(topic("p", seed), topic("q", seed + 1))
    kafka = mine.build()
    applied(kafka, theirs, clock=_clock())
    held = {name: found for name, found in shape(kafka).items() if name in {"p", "q"}}

    plan = planned(kafka, mine.wanted, mine.scope, now_ms=NOW)
    _apply(kafka, mine)

    assert not {step.topic for step in plan.steps} & {"p", "q"}
    assert {name: f for name, f in shape(kafka).items() if name in held} == held


class Baton:
    """Lets two runs take turns, one request at a time, as a schedule says."""

    def __init__(self, schedule: list[bool]) -> None:
        self.schedule = schedule
        self.ended = {True: False, False: False}
        self.turn = threading.Condition()

    def next(self) -> bool | None:
        """Whose turn it is; None once the schedule is used up."""
        while self.schedule and self.ended[self.schedule[0]]:
            self.schedule.pop(0)
        return self.schedule[0] if self.schedule else None

    def wait(self, *, who: bool) -> None:
        with self.turn:
            assert self.turn.wait_for(lambda: self.next() in {who, None}, timeout=20)
            if self.schedule:
                self.schedule.pop(0)
            self.turn.notify_all()

    def end(self, *, who: bool) -> None:
        with self.turn:
            self.ended[who] = True
            self.turn.notify_all()


def _sharing(state: Cluster) -> MemoryKafka:
    client = MemoryKafka(3)
    client._state = state
    return client


@settings(THOUSAND, max_examples=150)
@given(worlds(softened=False), st.lists(st.booleans(), min_size=20, max_size=60))
def test_two_applies_at_once_do_no_harm(world: World, schedule: list[bool]):
    """Interleaved at every request, each ends well or stops; the next run converges."""
    whole = world.build()
    _apply(whole, world)
    kafka = world.build()
    baton = Baton(schedule)
    errors: list[Exception] = []

    def run(*, who: bool) -> None:
        client = _sharing(kafka._state)

        def turn(sent: Sent, moment: Moment) -> None:
            if moment is Moment.BEFORE:
                baton.wait(who=who)

        client.hooks.append(turn)
        try:
            _apply(client, world)
        except Exception as error:  # noqa: BLE001 - looked at below
            errors.append(error)
        finally:
            baton.end(who=who)

    threads = [threading.Thread(target=run, kwargs={"who": who}) for who in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _apply(kafka, world)

    assert all(isinstance(error, PlanStaleError) for error in errors)
    assert shape(kafka) == shape(whole)
    assert places(kafka) == places(whole)


def test_half_of_the_files_delete_nothing():
    """A catalog that lost topics, or all of them, plans no delete."""
    kafka = MemoryKafka(3)
    full = [Topic(name, 1) for name in "abcd"]
    applied(kafka, catalog(*full))

    for kept in (full[:2], full[:0]):
        assert not planned(kafka, catalog(*kept)).pending
