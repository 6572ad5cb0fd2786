"""
Deploy: a release on Kubernetes, with the catalog's topics, proven to work.

The catalog is read and the cluster looked at before anything is changed. While Helm waits, the
pods are watched: what is waited for is said, and a pod that blocks its own repair is replaced.
Run again, it goes on from wherever it was stopped.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from learnflow_kafka.app.events import Event, succeeded
from learnflow_kafka.app.up import Held, apply_unasked
from learnflow_kafka.app.verify import Attempt, wait
from learnflow_kafka.core.checks.evidence import Unknown, expectation
from learnflow_kafka.core.checks.preflight import MAKE_NAMESPACE, RIGHTS, Preflight, evaluate
from learnflow_kafka.core.connection import Connection, Context
from learnflow_kafka.core.deploying import (
    ENVIRONMENT,
    blocking,
    brokers_of,
    cut_off,
    installed,
    settings,
    waiting,
)
from learnflow_kafka.core.findings import Status
from learnflow_kafka.core.kubernetes import Wish, context_name
from learnflow_kafka.core.local import offsets_retention_ms
from learnflow_kafka.core.plans.desired import RETENTION_MS, resolve
from learnflow_kafka.errors import KubernetesError, LearnflowError, RefusedError, RolloutError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractContextManager

    from learnflow_kafka.core.catalog import Catalog
    from learnflow_kafka.core.checks.evidence import Expectation
    from learnflow_kafka.core.connection import Kubernetes
    from learnflow_kafka.core.findings import Report
    from learnflow_kafka.core.kubernetes import (
        Installing,
        Platform,
        Pod,
        Releases,
        Rendering,
        Revision,
        Snapshot,
    )
    from learnflow_kafka.core.plans.desired import Desired
    from learnflow_kafka.core.ports import Clock, KafkaAdmin

T = TypeVar("T")

LOOK: Final = 1.5
"""Seconds between two looks at the pods while Helm waits."""

VERIFY_TIMEOUT: Final = 180.0
"""Seconds. Brokers that share a busy machine with others need a while to settle."""

_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class World:
    """
    What a deploy works with.

    `reached` opens the way to a context's cluster, `admin` its admin port, `verify` makes one
    verification of it. `diagnose` is the doctor, asked when something fails.
    """

    platform: Platform
    releases: Releases
    clock: Clock
    catalog: Callable[[str | None], Catalog]
    reached: Callable[[Context], Context]
    admin: Callable[[Context], AbstractContextManager[KafkaAdmin]]
    verify: Callable[[Context, Expectation], Report]
    diagnose: Callable[[], Report] | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """
    What the user asked for; None of `mode` and `brokers`: as before, or the chart's default.

    `values` and `sets` are Helm's. `take_over` goes on although another Helm began lately.
    """

    place: Kubernetes
    catalog: str | None = None
    environment: str | None = None
    mode: str | None = None
    brokers: int | None = None
    values: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    timeout: float = 600.0
    take_over: bool = False


@dataclass(frozen=True, slots=True)
class Prospect:
    """
    What a deploy would do.

    `revision` is the release's last (None: there is none), `report` what was found beforehand,
    `desired` what the catalog wants there.
    """

    place: Kubernetes
    helm: str
    kubernetes: str
    wish: Wish
    revision: Revision | None
    rendering: Rendering
    report: Report
    catalog: Catalog
    desired: Desired
    seen: Snapshot

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against it; what could not be looked at does not."""
        return not self.report.count(Status.FAILED)


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


def prospect(request: Request, world: World) -> Prospect:
    """
    What `deploy` would do; nothing is changed.

    Raises what the catalog, Helm and the API server raise, all of it before a change.
    """
    catalog = world.catalog(request.catalog)
    helm, kubernetes = world.releases.version(), world.platform.version()
    history = world.releases.history(request.place.release)
    there = installed(history)
    kept = world.releases.values(request.place.release) if there and not request.values else None
    wish = Wish(
        release=request.place.release,
        kept=kept,
        values=request.values,
        settings=(*_settings(request, catalog, fresh=not there), *request.sets),
        timeout=request.timeout,
    )
    rendering = world.releases.render(wish)
    seen = world.platform.snapshot()
    return Prospect(
        place=request.place,
        helm=helm,
        kubernetes=kubernetes,
        wish=wish,
        revision=history[-1] if there else None,
        rendering=rendering,
        report=evaluate(_preflight(request.place, world.platform, rendering, seen)),
        catalog=catalog,
        desired=resolve(catalog, _environment(request, catalog), rendering.brokers),
        seen=seen,
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
    try:
        yield from _install(found, world, began)
        context = _context(found, request, world)
        events: list[Event | Held] = []
        with world.admin(context) as admin:
            context = replace(context, cluster_id=admin.cluster().cluster_id)
            for event in apply_unasked(admin, world.clock, found.desired):
                events.append(event)
                yield event
    except KubernetesError:
        yield from _diagnose(world)
        raise
    applied = succeeded([e for e in events if not isinstance(e, Held)])
    report = yield from _verify(context, found, world, patient=applied)
    ok = applied and report.healthy()
    if not ok:
        yield from _diagnose(world)
    seconds = world.clock.monotonic() - began
    yield Deployed(context, found.desired, report, ok=ok, seconds=seconds)


def _settings(request: Request, catalog: Catalog, *, fresh: bool) -> tuple[str, ...]:
    desired = resolve(catalog, _environment(request, catalog), request.brokers)
    kept = (t.config.get(RETENTION_MS) for t in desired.topics.values())
    longest = offsets_retention_ms(int(ms) for ms in kept if ms is not None)
    return settings(
        mode=request.mode,
        brokers=request.brokers,
        fresh=fresh,
        offsets_minutes=longest // _MINUTE_MS,
    )


def _environment(request: Request, catalog: Catalog) -> str | None:
    """The one that was named, else production where the catalog has it."""
    if request.environment is not None:
        return request.environment
    return ENVIRONMENT if ENVIRONMENT in catalog.environments else None


def _preflight(
    place: Kubernetes, platform: Platform, rendering: Rendering, seen: Snapshot
) -> Preflight:
    rights = RIGHTS if seen.namespace is not None else (*RIGHTS, MAKE_NAMESPACE)
    return Preflight(
        namespace=place.namespace,
        snapshot=seen,
        rendering=rendering,
        missing=_tried(lambda: platform.missing_rights(rights)),
        classes=_tried(platform.storage_classes),
        room=_tried(platform.room),
    )


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
        environment=_environment(request, found.catalog),
        catalog=request.catalog,
        brokers=brokers_of(seen),
        kubernetes=found.place,
    )
    return world.reached(bare)


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


def _tried(call: Callable[[], T]) -> T | Unknown:
    """What the call returns, or why it could not be read."""
    try:
        return call()
    except KubernetesError as error:
        return Unknown(str(error), error.fix)
