"""
Carrying a plan out: one event a step, nothing but what the plan says.

Kafka has no lock, so the topics of every batch are read again right before it is sent, and a
topic that is not what the plan saw stops the run. What is left is the moment between that
look and the request; docs/limits.md says what can happen in it. No state is kept anywhere:
after a kill at any point the next plan starts from what is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from learnflow_kafka.app.events import Planned, Stopped
from learnflow_kafka.app.execution import (
    Execution,
    Patience,
    alive,
    await_brokers,
    places,
    refuse_other_cluster,
)
from learnflow_kafka.app.plan import make_plan, with_configs
from learnflow_kafka.core.plans.fingerprint import differences, fingerprint
from learnflow_kafka.core.plans.plan import Rule
from learnflow_kafka.errors import (
    LearnflowError,
    PlanStaleError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from learnflow_kafka.app.events import Event
    from learnflow_kafka.core.plans.desired import Desired
    from learnflow_kafka.core.plans.fingerprint import Fingerprint
    from learnflow_kafka.core.plans.plan import Plan, Scope
    from learnflow_kafka.core.ports import Clock, KafkaAdmin


PATIENCE: Final = Patience()


def apply_catalog(
    admin: KafkaAdmin,
    clock: Clock,
    desired: Desired,
    scope: Scope,
    patience: Patience = PATIENCE,
) -> Iterator[Event]:
    """Wait for the brokers, plan, carry the plan out, prove it: what `learnflow up` does."""
    yield from prepare(admin, clock, desired, scope, patience)
    made = make_plan(admin, desired, scope, now_ms=clock.now_ms())
    yield Planned(made)
    yield from apply(made, admin, clock, desired, patience)


def prepare(
    admin: KafkaAdmin, clock: Clock, desired: Desired, scope: Scope, patience: Patience = PATIENCE
) -> Iterator[Event]:
    """
    Wait for the environment's brokers where a plan would place partitions.

    Raises TimedOutError where they do not come.
    """
    if desired.brokers is None or alive(admin) >= desired.brokers:
        return
    made = make_plan(admin, desired, scope, now_ms=clock.now_ms())
    refused = any(b.rule is Rule.BROKER_REJECTS for b in made.blocked)
    if refused or places(made):
        yield from await_brokers(admin, clock, desired.brokers, patience)


def apply(
    plan: Plan,
    admin: KafkaAdmin,
    clock: Clock,
    desired: Desired,
    patience: Patience = PATIENCE,
) -> Iterator[Event]:
    """
    Carry the plan out, step by step, and prove that a second plan is empty.

    `desired` is what the plan was made from; it is needed for the proof alone. Raises
    WrongClusterError, PlanStaleError where the cluster changed, KafkaError where it is out
    of reach; a `Stopped` event comes first.
    """
    run = Execution(plan, admin, clock, desired, patience)
    try:
        yield from run.steps()
        yield run.prove()
    except LearnflowError:
        yield Stopped(run.done, len(plan.steps))
        raise


def refuse_stale(plan: Plan, admin: KafkaAdmin) -> None:
    """
    Raise unless the cluster and every touched topic are as the plan saw them.

    For plans that come from a file; raises WrongClusterError or PlanStaleError.
    """
    refuse_other_cluster(plan, admin)
    live = _fingerprints(admin, [*plan.touched])
    changed = [
        f"{name}: {', '.join(found)}"
        for name, seen in plan.touched.items()
        if (found := differences(seen, live.get(name)))
    ]
    if changed:
        raise PlanStaleError(
            "the cluster changed since the plan was made: " + "; ".join(changed),
            fix="make a new plan: learnflow plan --out FILE",
        )


def _fingerprints(admin: KafkaAdmin, names: Sequence[str]) -> Mapping[str, Fingerprint]:
    live = with_configs(admin, admin.topics(names)) if names else {}
    return {name: fingerprint(state) for name, state in live.items()}
