"""
Up: Kafka on this machine, with the catalog's topics, proven to work.

The catalog is read before anything starts, so that a mistake in it costs nothing. What a
plan could destroy (records that a shorter retention removes, the order of a keyed topic) is
never done on the way: such a plan is held, and `learnflow apply` asks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from learnflow_kafka.app.apply import apply, prepare
from learnflow_kafka.app.events import Event, Planned, succeeded
from learnflow_kafka.app.plan import make_plan
from learnflow_kafka.app.verify import Attempt, verify, wait
from learnflow_kafka.core.catalog import own_path
from learnflow_kafka.core.checks.evidence import expectation
from learnflow_kafka.core.local import (
    ENVIRONMENT,
    Declaration,
    LocalEvent,
    NodeStarting,
    Serving,
    Warned,
    choose_catalog,
    context_name,
    offsets_retention_ms,
)
from learnflow_kafka.core.plans.desired import RETENTION_MS, resolve, told_of_brokers
from learnflow_kafka.core.plans.plan import Scope, Severity
from learnflow_kafka.errors import CatalogError, LearnflowError, StartError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from contextlib import AbstractContextManager

    from learnflow_kafka.app.verify import Ports
    from learnflow_kafka.core.catalog import Catalog
    from learnflow_kafka.core.connection import Context
    from learnflow_kafka.core.findings import Report
    from learnflow_kafka.core.local import Cluster, ClusterSpec, Runtime
    from learnflow_kafka.core.plans.desired import Desired
    from learnflow_kafka.core.plans.plan import Plan, Step
    from learnflow_kafka.core.ports import Clock, KafkaAdmin

VERIFY_TIMEOUT: Final = 60.0
"""Seconds. A fresh cluster settles within one or two."""


@dataclass(frozen=True, slots=True)
class World:
    """
    What `up` works with; `admin` and `verification` open what a context names.

    `meanwhile` is called when the brokers have begun to start: it loads, beside us, what
    `admin` and `verification` are going to need.
    """

    runtime: Runtime
    clock: Clock
    catalog: Callable[[str | None], Catalog]
    admin: Callable[[Context], AbstractContextManager[KafkaAdmin]]
    verification: Callable[[Context], Ports]
    meanwhile: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for; None of `catalog` and `environment`: as before, or the default."""

    spec: ClusterSpec
    catalog: str | None = None
    environment: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """The plan was not carried out: `risky` of its steps could destroy something."""

    plan: Plan
    risky: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Up:
    """
    The end: the cluster, its last verification, and whether all is as it should be.

    `seconds` are from the command to here, `desired` is what the catalog wants on it.
    """

    cluster: Cluster
    desired: Desired
    report: Report
    ok: bool
    seconds: float


UpEvent: TypeAlias = LocalEvent | Event | Held | Attempt | Up


def up(request: Request, world: World) -> Iterator[UpEvent]:
    """
    Start, apply, verify; one event a step, the last is `Up`.

    Raises what the catalog, the runtime and the cluster raise; run again, it goes on.
    """
    began = world.clock.monotonic()
    spec, catalog, desired = _settle(request, world)
    cluster = yield from _start(spec, world)
    events: list[Event | Held] = []
    with world.admin(cluster.context) as admin:
        for event in apply_unasked(admin, world.clock, desired):
            events.append(event)
            yield event
    applied = succeeded([e for e in events if not isinstance(e, Held)])
    report = yield from _verify(cluster, catalog, desired, world, patient=applied)
    seconds = world.clock.monotonic() - began
    yield Up(cluster, desired, report, ok=applied and report.healthy(), seconds=seconds)
    try:
        world.runtime.warm(cluster.name)
    except LearnflowError as error:
        yield Warned(f"the next start will not be quicker: {error}")


def wanted(request: Request, world: World) -> tuple[ClusterSpec, Desired]:
    """What `up` would start, and what it would want there; reads the catalog, starts nothing."""
    spec, _, desired = _settle(request, world)
    return spec, desired


def _settle(request: Request, world: World) -> tuple[ClusterSpec, Catalog, Desired]:
    """The wish with everything that the catalog and an existing cluster add to it."""
    there = world.runtime.find(request.spec.name)
    path, catalog = _catalog(request, there, world)
    environment = request.environment
    if environment is None:
        environment = _usual_environment(catalog, there)
    brokers = request.spec.brokers or (len(there.brokers) if there else 1)
    cluster = context_name(request.spec.name)
    desired = told_of_brokers(resolve(catalog, environment, brokers), catalog, cluster)
    kept = (t.config.get(RETENTION_MS) for t in desired.topics.values())
    spec = replace(
        request.spec,
        declaration=Declaration(path, environment),
        offsets_retention_ms=offsets_retention_ms(int(ms) for ms in kept if ms is not None),
    )
    return spec, catalog, desired


def _catalog(request: Request, there: Cluster | None, world: World) -> tuple[str | None, Catalog]:
    """The catalog that is named, else the one that the cluster remembers, and its path."""
    if request.catalog is not None or there is None:
        named = own_path(request.catalog)
        return named, world.catalog(named)
    path = there.declaration.catalog
    try:
        return path, world.catalog(path)
    except CatalogError as error:
        raise error.remembered(f"cluster {there.name}", choose_catalog(there.name)) from None


def _usual_environment(catalog: Catalog, there: Cluster | None) -> str | None:
    """The one that the cluster was, else the one for this machine, where the catalog has it."""
    candidates = (there.declaration.environment if there else None, ENVIRONMENT)
    return next((name for name in candidates if name in catalog.environments), None)


def _start(spec: ClusterSpec, world: World) -> Generator[LocalEvent, None, Cluster]:
    started = False
    for event in world.runtime.start(spec):
        if isinstance(event, NodeStarting) and not started:
            started = True
            world.meanwhile()
        yield event
        if isinstance(event, Serving):
            return event.cluster
    raise StartError(f"the cluster {spec.name!r} did not say that it serves")


def apply_unasked(admin: KafkaAdmin, clock: Clock, desired: Desired) -> Iterator[Event | Held]:
    """Carry out what the catalog wants, unless a step of it could destroy something."""
    yield from prepare(admin, clock, desired, Scope())
    plan = make_plan(admin, desired, Scope(), now_ms=clock.now_ms())
    yield Planned(plan)
    risky = tuple(s for s in plan.steps if any(_grave(r.severity) for r in s.risks))
    if risky:
        yield Held(plan, risky)
    else:
        yield from apply(plan, admin, clock, desired)


def _grave(severity: Severity) -> bool:
    return severity.rank >= Severity.MEDIUM.rank


def _verify(
    cluster: Cluster, catalog: Catalog, desired: Desired, world: World, *, patient: bool
) -> Generator[Attempt, None, Report]:
    """Verify until healthy; not `patient` where it is known already that it will not be."""
    ports = world.verification(cluster.context)
    expected = expectation(catalog, desired, cluster_id=cluster.cluster_id)
    attempts = wait(
        lambda: verify(expected, ports),
        lambda report: report.healthy(),
        world.clock,
        timeout=VERIFY_TIMEOUT if patient else 0.0,
    )
    for attempt in attempts:
        yield attempt
    return attempt.report
