"""
What a deploy would do, and what speaks against it: everything that is looked at beforehand.

The catalog is read, the chart rendered and the cluster looked at; nothing is changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from learnflow_kafka.core.checks.evidence import Unknown
from learnflow_kafka.core.checks.preflight import MAKE_NAMESPACE, RIGHTS, Preflight, evaluate
from learnflow_kafka.core.deploying import ENVIRONMENT, installed, settings
from learnflow_kafka.core.findings import Status
from learnflow_kafka.core.kubernetes import Wish
from learnflow_kafka.core.local import offsets_retention_ms
from learnflow_kafka.core.plans.desired import RETENTION_MS, resolve
from learnflow_kafka.errors import KubernetesError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from learnflow_kafka.core.catalog import Catalog
    from learnflow_kafka.core.checks.evidence import Expectation
    from learnflow_kafka.core.connection import Context, Kubernetes
    from learnflow_kafka.core.findings import Report
    from learnflow_kafka.core.kubernetes import Rendering, Revision, Snapshot
    from learnflow_kafka.core.plans.desired import Desired
    from learnflow_kafka.core.platform import Platform, Releases
    from learnflow_kafka.core.ports import Clock, KafkaAdmin

T = TypeVar("T")

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
        desired=resolve(catalog, environment_of(request, catalog), rendering.brokers),
        seen=seen,
    )


def _settings(request: Request, catalog: Catalog, *, fresh: bool) -> tuple[str, ...]:
    desired = resolve(catalog, environment_of(request, catalog), request.brokers)
    kept = (t.config.get(RETENTION_MS) for t in desired.topics.values())
    longest = offsets_retention_ms(int(ms) for ms in kept if ms is not None)
    return settings(
        mode=request.mode,
        brokers=request.brokers,
        fresh=fresh,
        offsets_minutes=longest // _MINUTE_MS,
    )


def environment_of(request: Request, catalog: Catalog) -> str | None:
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


def _tried(call: Callable[[], T]) -> T | Unknown:
    """What the call returns, or why it could not be read."""
    try:
        return call()
    except KubernetesError as error:
        return Unknown(str(error), error.fix)
