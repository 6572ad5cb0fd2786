"""
Connect: tunnels from this machine to every broker of a release, for as long as somebody asks.

Clients are told by the brokers where each of them is. The chart's listener LOCAL answers
`localhost:<base + number>`, so every broker needs its own port here, and that very one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from learnflow_kafka.core.checks.evidence import Unknown
from learnflow_kafka.core.kubernetes import BROKER, bootstrap, doors, pods_of, workload_of
from learnflow_kafka.errors import ForwardError, KubernetesError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from learnflow_kafka.core.connection import Kubernetes
    from learnflow_kafka.core.kubernetes import Door, Snapshot, Workload
    from learnflow_kafka.core.platform import Platform, Tunnels
    from learnflow_kafka.core.ports import Clock

PAUSE: Final = 2.0
"""Seconds between two looks at the pods. Tunnels do not need them; people do."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The tunnels stand; `waiting` are brokers that are not ready, with the reason."""

    doors: tuple[Door, ...]
    waiting: tuple[tuple[str, str], ...] = ()

    @property
    def bootstrap(self) -> tuple[str, ...]:
        """Where clients begin."""
        return bootstrap(self.doors)


@dataclass(frozen=True, slots=True)
class Gone:
    """A broker is not ready any more; its port waits for the next pod."""

    pod: str
    why: str


@dataclass(frozen=True, slots=True)
class Back:
    """A broker is ready again; `renewed`: in a new pod."""

    pod: str
    renewed: bool


@dataclass(frozen=True, slots=True)
class Grown:
    """The release has more brokers: these doors were added."""

    doors: tuple[Door, ...]


@dataclass(frozen=True, slots=True)
class Blind:
    """The pods cannot be read at the moment; tunnels are tried all the same."""

    why: str


ConnectEvent: TypeAlias = Connected | Gone | Back | Grown | Blind


def find_doors(seen: Snapshot, place: Kubernetes) -> tuple[Door, ...]:
    """
    The doors to all brokers of the release.

    Raises ForwardError with the reason where there are none.
    """
    if isinstance(seen.workloads, Unknown):
        raise ForwardError(seen.workloads.reason, fix=seen.workloads.fix)
    brokers = workload_of(seen, BROKER)
    where = f"release {place.release}, namespace {place.namespace}"
    if brokers is None:
        raise ForwardError(
            "there are no brokers that our chart made",
            where=where,
            fix="`learnflow deploy`, or name the place with --namespace and --release",
        )
    if brokers.local_base is None:
        raise ForwardError(
            "its brokers have no LOCAL listener: they advertise addresses that lead nowhere from "
            "here, and a client would get through to the first broker and then to none",
            where=where,
            fix="`learnflow deploy --set listeners.local.enabled=true` adds it",
        )
    found = doors(brokers)
    if not found:
        raise ForwardError("it is scaled to no brokers at all", where=where, fix="scale it up")
    return found


def connect(
    platform: Platform, place: Kubernetes, clock: Clock, *, stop: Callable[[], bool]
) -> Generator[ConnectEvent]:
    """
    Build the tunnels and keep them until `stop` says so; one event a change.

    Raises ForwardError where there can be none, and closes all when the caller stops asking.
    """
    seen = platform.snapshot()
    found = find_doors(seen, place)
    with platform.forward(found) as tunnels:
        watched = _Watch(seen)
        yield Connected(found, watched.waiting())
        while not stop():
            clock.sleep(PAUSE)
            seen = platform.snapshot()
            yield from _grow(tunnels, workload_of(seen, BROKER), found)
            found = _most(found, seen)
            yield from watched.changes(seen)


def _grow(
    tunnels: Tunnels, brokers: Workload | None, known: tuple[Door, ...]
) -> Generator[ConnectEvent]:
    added = tuple(door for door in (doors(brokers) if brokers else ()) if door not in known)
    if not added:
        return
    try:
        tunnels.open(added)
    except KubernetesError as error:
        yield Blind(f"no tunnel to {', '.join(d.pod for d in added)}: {error.what}")
    else:
        yield Grown(added)


def _most(known: tuple[Door, ...], seen: Snapshot) -> tuple[Door, ...]:
    """Doors never close: a broker that was scaled away may come back."""
    brokers = workload_of(seen, BROKER)
    fresh = doors(brokers) if brokers else ()
    return (*known, *(door for door in fresh if door not in known))


class _Watch:
    """Which brokers were ready, and in which pod."""

    def __init__(self, seen: Snapshot) -> None:
        self._troubles: dict[str, str | None] = {}
        self._uids: dict[str, str] = {}
        self._blind: str | None = None
        for pod in pods_of(seen, BROKER):
            self._troubles[pod.name] = None if pod.ready else pod.trouble or pod.phase
            self._uids[pod.name] = pod.uid

    def waiting(self) -> tuple[tuple[str, str], ...]:
        return tuple((name, why) for name, why in self._troubles.items() if why is not None)

    def changes(self, seen: Snapshot) -> Generator[ConnectEvent]:
        if isinstance(seen.pods, Unknown):
            if self._blind is None:
                self._blind = seen.pods.reason
                yield Blind(seen.pods.reason)
            return
        self._blind = None
        there = {pod.name: pod for pod in pods_of(seen, BROKER)}
        for name in sorted({*self._troubles, *there}):
            pod = there.get(name)
            before = self._troubles.get(name)
            if pod is None:
                if before is None:
                    self._troubles[name] = "its pod is gone"
                    yield Gone(name, "its pod is gone")
            elif pod.ready and (before is not None or self._uids.get(name) != pod.uid):
                renewed = self._uids.get(name) != pod.uid
                self._troubles[name], self._uids[name] = None, pod.uid
                yield Back(name, renewed)
            elif not pod.ready and before is None:
                self._troubles[name] = pod.trouble or pod.phase
                yield Gone(name, pod.trouble or pod.phase)
