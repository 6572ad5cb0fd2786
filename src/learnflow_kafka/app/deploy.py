"""
Deploy: a release on Kubernetes, with the catalog's topics, proven to work.

The catalog is read and the cluster looked at before anything is changed. While Helm waits, the
pods are watched: what is waited for is said, and a pod that blocks its own repair is replaced.
Run again, it goes on from wherever it was stopped.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from learnflow_kafka.app.events import Event, succeeded
from learnflow_kafka.app.prospect import Prospect, environment_of
from learnflow_kafka.app.up import Held, apply_unasked
from learnflow_kafka.app.verify import Attempt, wait
from learnflow_kafka.core.checks.evidence import Unknown, expectation
from learnflow_kafka.core.connection import Connection, Context
from learnflow_kafka.core.deploying import blocking, brokers_of, cut_off, orphans, waiting
from learnflow_kafka.core.kubernetes import context_name
from learnflow_kafka.errors import (
    KafkaError,
    KubernetesError,
    LearnflowError,
    RefusedError,
    RolloutError,
    TimedOutError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    from learnflow_kafka.app.prospect import Request, World
    from learnflow_kafka.core.findings import Report
    from learnflow_kafka.core.kubernetes import Pod, Revision, Snapshot
    from learnflow_kafka.core.observed import ClusterState
    from learnflow_kafka.core.plans.desired import Desired
    from learnflow_kafka.core.platform import Installing

LOOK: Final = 1.5
"""Seconds between two looks at the pods while Helm waits."""

SETTLING: Final = 120.0
"""Seconds that ready brokers may take until they answer every request."""

_ENDS: Final = "it ends with the release before this one"

VERIFY_TIMEOUT: Final = 180.0
"""Seconds. Brokers that share a busy machine with others need a while to settle."""


@dataclass(frozen=True, slots=True)
class Unlocked:
    """A try of Helm's that was cut off is marked as failed, so that the next one may begin."""

    revision: Revision


@dataclass(frozen=True, slots=True)
class HelmStarted:
    """Helm is at work."""

    release: str
    fresh: bool
    objects: int


@dataclass(frozen=True, slots=True)
class Ready:
    """A pod got ready."""

    pod: str


@dataclass(frozen=True, slots=True)
class WaitingFor:
    """What is not ready yet, and why; only what changed since the last of these."""

    objects: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Replaced:
    """A pod that could never get ready, and kept its new version from coming, was deleted."""

    pod: str
    why: str


@dataclass(frozen=True, slots=True)
class Installed:
    """Every pod of the release is ready."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """What the doctor found after a failure."""

    report: Report


@dataclass(frozen=True, slots=True)
class Deployed:
    """
    The end: the context to use, the last verification, and whether all is as it should be.

    `seconds` are from the command to here.
    """

    context: Context
    desired: Desired
    report: Report
    ok: bool
    seconds: float


DeployEvent: TypeAlias = (
    Prospect
    | Unlocked
    | HelmStarted
    | Ready
    | WaitingFor
    | Replaced
    | Installed
    | Diagnosed
    | Event
    | Held
    | Attempt
    | Deployed
)


def deploy(found: Prospect, request: Request, world: World) -> Generator[DeployEvent]:
    """
    Install, apply, verify; one event a step, the last is `Deployed`.

    Raises RefusedError where another Helm is at work, RolloutError where the pods do not get
    ready (a `Diagnosed` comes first), and what the cluster raises. Run again, it goes on.
    """
    began = world.clock.monotonic()
    if found.seen.namespace is None:
        world.platform.create_namespace()
    yield from _unlock(found, request, world)
    yield from _clear(found, request, world)
    try:
        yield from _install(found, world, began)
        context, applied = yield from _apply(_context(found, request, world), found, world)
    except (KubernetesError, KafkaError):
        yield from _diagnose(world)
        raise
    report = yield from _verify(context, found, world, patient=applied)
    ok = applied and report.healthy()
    if not ok:
        yield from _diagnose(world)
    seconds = world.clock.monotonic() - began
    yield Deployed(context, found.desired, report, ok=ok, seconds=seconds)


def _unlock(found: Prospect, request: Request, world: World) -> Generator[DeployEvent]:
    """Bring the release out of a try that was cut off; a try that may still run is left alone."""
    locked = cut_off((found.revision,) if found.revision else ())
    if locked is None:
        return
    age = (world.clock.now_ms() - locked.updated_ms) / 1000
    if age < request.timeout and not request.take_over:
        raise RefusedError(
            f"Helm began {max(0, age):.0f} s ago to work on release {request.place.release} "
            f"(revision {locked.number} is {locked.status})",
            where=f"namespace {request.place.namespace}",
            fix="wait for it; if it was killed, `learnflow deploy --take-over` goes on",
        )
    world.releases.release_lock(request.place.release, locked)
    yield Unlocked(locked)


def _clear(found: Prospect, request: Request, world: World) -> Generator[DeployEvent]:
    """Wait, no longer than for Helm, until the pods of a release that was removed have ended."""
    deadline = world.clock.monotonic() + request.timeout
    seen = found.seen
    told: tuple[str, ...] = ()
    while (left := orphans(seen)) and world.clock.monotonic() < deadline:
        if left != told:
            told = left
            yield WaitingFor(tuple((pod, _ENDS) for pod in left))
        world.clock.sleep(LOOK)
        seen = world.platform.snapshot()


def _install(found: Prospect, world: World, began: float) -> Generator[DeployEvent]:
    release = found.wish.release
    yield HelmStarted(release, found.revision is None, len(found.rendering.objects))
    with world.releases.upgrade(found.wish) as helm:
        watch = _Watch(world, found.seen)
        while not helm.done():
            yield from watch.look()
            world.clock.sleep(LOOK)
        yield from watch.look()
        _end(helm, watch)
    yield Installed(world.clock.monotonic() - began)


def _end(helm: Installing, watch: _Watch) -> None:
    """Return where Helm succeeded; raises RolloutError with what was waited for last."""
    try:
        helm.result()
    except KubernetesError as error:
        if not watch.last:
            raise
        name, why = watch.last[0]
        more = len(watch.last) - 1
        raise RolloutError(
            f"{name}: {why}" + (f" (and {more} more not ready)" if more else ""),
            where=error.what,
            fix="`learnflow doctor` tells the cause; mend it and deploy again",
        ) from error


@dataclass(slots=True)
class _Watch:
    """What was said about the pods so far."""

    world: World
    before: Snapshot
    last: tuple[tuple[str, str], ...] = ()
    _told: set[tuple[str, str]] = field(default_factory=set)
    _ready: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._ready = {pod.uid for pod in _pods(self.before) if pod.ready}

    def look(self) -> Generator[DeployEvent]:
        """One look: what got ready, what is waited for, and what had to be replaced."""
        seen = self.world.platform.snapshot()
        for pod in _pods(seen):
            if pod.ready and pod.uid not in self._ready:
                self._ready.add(pod.uid)
                self._told = {told for told in self._told if told[0] != pod.name}
                yield Ready(pod.name)
        for pod in blocking(seen):
            self.world.platform.delete_pod(pod)
            yield Replaced(pod.name, pod.trouble or pod.phase)
        self.last = waiting(seen)
        # Image pulls go to and fro between two reasons: each is said once.
        news = tuple(one for one in self.last if one not in self._told)
        if news:
            self._told.update(news)
            yield WaitingFor(news)


def _pods(seen: Snapshot) -> tuple[Pod, ...]:
    return () if isinstance(seen.pods, Unknown) else seen.pods


def _context(found: Prospect, request: Request, world: World) -> Context:
    """The context of what stands now, with the way to it open."""
    seen = world.platform.snapshot()
    bare = Context(
        context_name(found.place),
        Connection(()),
        environment=environment_of(request, found.catalog),
        catalog=request.catalog,
        brokers=brokers_of(seen),
        kubernetes=found.place,
    )
    return world.reached(bare)


def _apply(
    context: Context, found: Prospect, world: World
) -> Generator[DeployEvent, None, tuple[Context, bool]]:
    """
    Carry the catalog out; gives the context with its cluster, and whether all was done.

    Brokers that have just started may not answer in time, or not know each other yet (with
    ZooKeeper, until a controller has told them): they are asked again, and what was done by then
    is not done twice.
    """
    deadline = world.clock.monotonic() + SETTLING
    while True:
        events: list[Event | Held] = []
        try:
            with world.admin(context) as admin:
                cluster = admin.cluster()
                _see_all(cluster, context)
                pinned = replace(context, cluster_id=cluster.cluster_id)
                for event in apply_unasked(admin, world.clock, found.desired):
                    events.append(event)
                    yield event
        except (TimedOutError, UnreachableError) as error:
            if world.clock.monotonic() > deadline:
                raise
            yield WaitingFor((("the brokers", error.what),))
            world.clock.sleep(LOOK)
        else:
            return pinned, succeeded([e for e in events if not isinstance(e, Held)])


def _see_all(cluster: ClusterState, context: Context) -> None:
    """Raises UnreachableError while the cluster knows of fewer brokers than there are."""
    known, wanted = len(cluster.brokers), context.brokers or 0
    if known < wanted:
        raise UnreachableError(
            f"the cluster knows of {known} of {wanted} brokers",
            fix="wait a moment; if it lasts, `learnflow doctor` tells why",
        )


def _verify(
    context: Context, found: Prospect, world: World, *, patient: bool
) -> Generator[Attempt, None, Report]:
    """Verify until healthy; not `patient` where it is known already that it will not be."""
    expected = expectation(found.catalog, found.desired, cluster_id=context.cluster_id)
    for attempt in wait(
        lambda: world.verify(context, expected),
        lambda report: report.healthy(),
        world.clock,
        timeout=VERIFY_TIMEOUT if patient else 0.0,
    ):
        yield attempt
    return attempt.report


def _diagnose(world: World) -> Generator[DeployEvent]:
    if world.diagnose is None:
        return
    # A doctor that fails as well must not hide what he was called for.
    with contextlib.suppress(LearnflowError):
        yield Diagnosed(world.diagnose())
