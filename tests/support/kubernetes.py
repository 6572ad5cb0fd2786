"""Kubernetes and Helm for tests of use cases: a namespace that changes as the test says."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from learnflow_kafka.core.attempts import Spot
from learnflow_kafka.core.checks.evidence import Unknown
from learnflow_kafka.core.kubernetes import (
    BROKER,
    Claim,
    Door,
    Manifest,
    NodeRoom,
    Pod,
    PodLine,
    Ran,
    Rendering,
    Revision,
    Right,
    Service,
    Share,
    Snapshot,
    StorageClass,
    Wish,
    Workload,
)
from learnflow_kafka.errors import HelmError

GIB = 2**30


def pod(number: int, **but: object) -> Pod:
    """A ready broker's pod."""
    name = f"kafka-{number}"
    whole = Pod(
        name, BROKER, "Running", ready=True, node="node1", revision="new", uid=f"uid-{number}",
        running=True,
    )  # fmt: skip
    return replace(whole, **but)  # type: ignore[arg-type] # the test's own words


def workload(brokers: int = 3, **but: object) -> Workload:
    """A complete StatefulSet of brokers."""
    whole = Workload(
        "kafka", BROKER, wanted=brokers, created=brokers, ready=brokers, revision="new",
        local_base=19092, mode="kraft", service="kafka-headless",
    )  # fmt: skip
    return replace(whole, **but)  # type: ignore[arg-type] # as above


def services(ready: int = 3) -> tuple[Service, ...]:
    """The two services of a release."""
    selector = {"app.kubernetes.io/name": "kafka"}
    return (
        Service("kafka", BROKER, "ClusterIP", False, (9092,), selector, ready),  # noqa: FBT003
        Service("kafka-headless", BROKER, "ClusterIP", True, (9092, 9094), selector, ready),  # noqa: FBT003
    )


def claims(count: int = 3) -> tuple[Claim, ...]:
    """Bound claims of brokers."""
    return tuple(Claim(f"data-kafka-{n}", "Bound", "20Gi", "standard") for n in range(count))


def healthy(brokers: int = 3) -> Snapshot:
    """A release as it should be."""
    return Snapshot(
        namespace="Active",
        workloads=(workload(brokers),),
        pods=tuple(pod(n) for n in range(brokers)),
        services=services(brokers),
        claims=claims(brokers),
    )


def nothing(namespace: str | None = None) -> Snapshot:
    """A namespace with nothing in it, or none at all."""
    return Snapshot(namespace, (), (), (), ())


@dataclass
class FakeTunnels:
    """Doors that were opened."""

    doors: list[Door] = field(default_factory=list)
    refuses: Exception | None = None

    def open(self, doors: Sequence[Door]) -> None:
        if self.refuses:
            raise self.refuses
        self.doors += doors

    def faults(self) -> dict[str, str | None]:
        return {door.pod: None for door in self.doors}


@dataclass
class FakePlatform:
    """Shows the `scenes` one after the other, and the last one for ever."""

    scenes: list[Snapshot]
    missing: tuple[Right, ...] = ()
    classes: tuple[StorageClass, ...] = (StorageClass("standard", True, "lab"),)  # noqa: FBT003
    nodes: tuple[NodeRoom, ...] = (NodeRoom("node1", 8000, 32 * GIB, 100),)
    answers: Callable[[Sequence[str]], str] = lambda words: (
        "means bash\n" + "".join(f"probe {w} 0 \n" for w in words[4:])
    )
    refuses_to_run: Exception | None = None
    tunnels: FakeTunnels = field(default_factory=FakeTunnels)
    spots: list[Spot] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    made: bool = False
    closed: bool = False

    def version(self) -> str:
        return "v1.34.4"

    def server(self) -> str:
        return "https://api"

    def missing_rights(self, rights: Collection[Right]) -> tuple[Right, ...]:
        return tuple(r for r in rights if r in self.missing)

    def create_namespace(self) -> None:
        self.made = True

    def storage_classes(self) -> tuple[StorageClass, ...]:
        return self.classes

    def room(self) -> tuple[NodeRoom, ...]:
        return self.nodes

    def snapshot(self) -> Snapshot:
        return self.scenes.pop(0) if len(self.scenes) > 1 else self.scenes[0]

    def delete_pod(self, pod: Pod) -> None:
        self.deleted.append(pod.uid)

    def delete_claims(self, names: Collection[str]) -> None:
        self.deleted += names

    def spot(self, namespace: str, pod: str) -> Spot:
        return Spot(namespace, pod, "app")

    def run(self, spot: Spot, command: Sequence[str], *, timeout: float) -> Ran:
        if self.refuses_to_run:
            raise self.refuses_to_run
        self.spots.append(spot)
        return Ran(0, self.answers(command), "")

    def logs(
        self,
        pods: Collection[str] | None,
        *,
        lines: int | None,
        since: float | None,
        follow: bool,
        previous: bool,
    ) -> Iterator[PodLine]:
        yield from (PodLine(name, "hello") for name in pods or ())

    @contextmanager
    def forward(self, doors: Sequence[Door]) -> Iterator[FakeTunnels]:
        self.tunnels.open(doors)
        yield self.tunnels
        self.closed = True


@dataclass
class FakeHelm:
    """A Helm at work for `looks` looks, which then succeeds or does not."""

    looks: int = 2
    fault: HelmError | None = None
    stopped: bool = False

    def done(self) -> bool:
        self.looks -= 1
        return self.looks < 0

    def result(self) -> None:
        if self.fault:
            raise self.fault


@dataclass
class FakeReleases:
    """Releases that exist in a list."""

    tries: list[Revision] = field(default_factory=list)
    given: str | None = None
    share: Share = Share("kafka", BROKER, 3, 250, 2 * GIB, (None,))  # noqa: RUF009 - frozen
    helm: FakeHelm = field(default_factory=FakeHelm)
    wishes: list[Wish] = field(default_factory=list)
    unlocked: list[int] = field(default_factory=list)
    uninstalled: list[str] = field(default_factory=list)

    def version(self) -> str:
        return "v4.2.4"

    def history(self, release: str) -> tuple[Revision, ...]:
        return tuple(self.tries)

    def values(self, release: str) -> str | None:
        return self.given

    def render(self, wish: Wish) -> Rendering:
        pods = next(
            (int(s.partition("=")[2]) for s in wish.settings if s.startswith("replicas=")),
            self.share.pods,
        )
        objects = (Manifest("Service", "kafka"), Manifest("StatefulSet", "kafka"))
        return Rendering(objects, (replace(self.share, pods=pods),), "kraft")

    @contextmanager
    def upgrade(self, wish: Wish) -> Iterator[FakeHelm]:
        self.wishes.append(wish)
        try:
            yield self.helm
        finally:
            self.helm.stopped = True

    def release_lock(self, release: str, revision: Revision) -> None:
        self.unlocked.append(revision.number)

    def uninstall(self, release: str, *, timeout: float) -> None:
        self.uninstalled.append(release)


UNREADABLE = Unknown("we may not read it", "ask for the right")
