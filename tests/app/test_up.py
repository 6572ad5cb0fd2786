"""Up: start, apply, verify, in that order, and nothing that destroys on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.app.test_verify import FakeNetwork, FastClock, ports

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.app.events import Done, Planned, Proved
from learnflow_kafka.app.up import Held, Request, Up, UpEvent, World, up, wanted
from learnflow_kafka.app.verify import Attempt, Ports
from learnflow_kafka.core.catalog import Catalog, Environment, Topic, TopicOverride
from learnflow_kafka.core.connection import Context
from learnflow_kafka.core.local import (
    Cluster,
    ClusterSpec,
    Declaration,
    LocalEvent,
    LocalStatus,
    LogLine,
    Mode,
    Node,
    NodeStarting,
    Preview,
    Role,
    Serving,
    Warned,
)
from learnflow_kafka.core.ports import Fault, KafkaAdmin, NewRecord
from learnflow_kafka.errors import CatalogError, ContextError, LocalError, StartError

DAY = 86_400_000
ORDERS = Topic("orders", partitions=3, retention_ms=40 * DAY)


def catalog_of(*topics: Topic, environments: dict[str, Environment] | None = None) -> Catalog:
    return Catalog("shop", {t.name: t for t in topics}, environments=environments or {})


@dataclass
class FakeRuntime:
    """A runtime whose one cluster is in memory."""

    kafka: MemoryKafka
    there: Cluster | None = None
    warmed: list[str] = field(default_factory=list)
    specs: list[ClusterSpec] = field(default_factory=list)
    refuses_to_warm: bool = False
    never_serves: bool = False

    def find(self, name: str) -> Cluster | None:
        """The record of an earlier `up`."""
        return self.there

    def start(self, spec: ClusterSpec) -> Iterator[LocalEvent]:
        """One broker starts and serves."""
        self.specs.append(spec)
        node = Node(1, (Role.BROKER, Role.CONTROLLER), 9092, 9192)
        self.there = Cluster(
            spec.name,
            self.kafka.cluster().cluster_id,
            Mode.KRAFT,
            "4.3.1",
            Path("/d"),
            (node,),
            declaration=spec.declaration or Declaration(),
        )
        yield NodeStarting(node, 4711)
        if not self.never_serves:
            yield Serving(self.there, already=False)

    def warm(self, name: str) -> None:
        """Keep which cluster was warmed."""
        if self.refuses_to_warm:
            raise LocalError("no room for the cache")
        self.warmed.append(name)

    def names(self) -> tuple[str, ...]:
        """Not asked by `up`."""
        raise NotImplementedError

    def find_running(self, name: str) -> Cluster | None:
        """Not asked by `up`."""
        raise NotImplementedError

    def preview(self, spec: ClusterSpec) -> Preview:
        """Not asked by `up`."""
        raise NotImplementedError

    def status(self, name: str) -> LocalStatus | None:
        """Not asked by `up`."""
        raise NotImplementedError

    def stop(self, name: str, *, wipe: bool) -> Iterator[LocalEvent]:
        """Not asked by `up`."""
        raise NotImplementedError

    def logs(
        self, name: str, *, nodes: Sequence[int] | None, last: int, follow: bool
    ) -> Iterator[LogLine]:
        """Not asked by `up`."""
        raise NotImplementedError

    def tool_command(self, name: str, tool: str, args: Sequence[str]) -> list[str]:
        """Not asked by `up`."""
        raise NotImplementedError


@dataclass
class Stage:
    """A world in memory, and what happened in it."""

    kafka: MemoryKafka
    runtime: FakeRuntime
    catalogs: dict[str | None, Catalog]
    meanwhiles: int = 0

    def world(self) -> World:
        """The world as `up` takes it."""

        @contextmanager
        def admin(context: Context) -> Iterator[KafkaAdmin]:
            yield self.kafka

        def verification(context: Context) -> Ports:
            return ports(self.kafka, FakeNetwork())

        def meanwhile() -> None:
            self.meanwhiles += 1

        return World(
            self.runtime, FastClock(), self.catalogs.__getitem__, admin, verification, meanwhile
        )

    def up(self, request: Request | None = None) -> list[UpEvent]:
        """Everything that one `up` tells."""
        return list(up(request or Request(ClusterSpec()), self.world()))


@pytest.fixture
def stage() -> Stage:
    """One broker in memory, and a catalog with one topic."""
    kafka = MemoryKafka(
        1,
        broker_config={
            "auto.create.topics.enable": "false",
            "offsets.retention.minutes": "60000",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
        },
    )
    return Stage(kafka, FakeRuntime(kafka), {None: catalog_of(ORDERS)})


def end(events: Sequence[UpEvent]) -> Up:
    return next(e for e in events if isinstance(e, Up))


def test_up_starts_applies_and_verifies_in_that_order(stage: Stage):
    """The topic is there, a second plan is empty, and the last word is the report."""
    events = stage.up()
    kinds = [type(e) for e in events]

    assert kinds[:2] == [NodeStarting, Serving]
    assert kinds.index(Planned) < kinds.index(Done) < kinds.index(Proved) < kinds.index(Attempt)
    assert end(events).ok
    assert set(stage.kafka.topics(["orders"])) == {"orders"}


def test_a_second_up_changes_nothing(stage: Stage):
    """No step is done twice."""
    stage.up()
    events = stage.up()

    assert not [e for e in events if isinstance(e, Done)]
    assert end(events).ok


def test_a_broken_catalog_starts_nothing(stage: Stage):
    """The catalog is read first, so that a mistake in it costs nothing."""

    def broken(path: str | None) -> Catalog:
        raise CatalogError(())

    with pytest.raises(CatalogError):
        list(up(Request(ClusterSpec()), replace(stage.world(), catalog=broken)))
    assert stage.runtime.specs == []


def test_an_unknown_environment_starts_nothing(stage: Stage):
    """An environment that the catalog does not have is told before any start."""
    with pytest.raises(ContextError):
        stage.up(Request(ClusterSpec(), environment="moon"))
    assert stage.runtime.specs == []


def test_the_environment_local_is_used_where_the_catalog_has_it(stage: Stage):
    """Its overrides hold on this machine."""
    local = Environment("local", 1, {"orders": TopicOverride(partitions=5)})
    stage.catalogs[None] = catalog_of(ORDERS, environments={"local": local})
    events = stage.up()

    assert end(events).desired.topics["orders"].partitions == 5
    assert stage.runtime.specs[0].declaration == Declaration(None, "local")


def test_a_catalog_without_environments_works(stage: Stage):
    """The cluster then has none, and the topics are as declared."""
    stage.up()

    assert stage.runtime.specs[0].declaration == Declaration(None, None)


def test_the_next_up_uses_the_same_catalog(stage: Stage):
    """`--catalog` is said once; a plain `up` keeps it."""
    stage.catalogs["mine.yaml"] = catalog_of(Topic("invoices", partitions=1))
    stage.up(Request(ClusterSpec(), catalog="mine.yaml"))
    events = stage.up()

    assert set(end(events).desired.topics) == {"invoices"}


def test_the_built_in_catalog_comes_back_by_its_word(stage: Stage):
    """`--catalog learnflow` is the way back from a catalog that the cluster remembers."""
    stage.catalogs["mine.yaml"] = catalog_of(Topic("invoices", partitions=1))
    stage.up(Request(ClusterSpec(), catalog="mine.yaml"))
    events = stage.up(Request(ClusterSpec(), catalog="learnflow"))

    assert set(end(events).desired.topics) == {"orders"}
    assert stage.runtime.specs[-1].declaration == Declaration(None, None)


def test_a_remembered_catalog_that_is_gone_names_who_remembers_it(stage: Stage):
    """Nobody named it this time: the error says the cluster, and how to choose another."""
    stage.catalogs["mine.yaml"] = catalog_of(Topic("invoices", partitions=1))
    stage.up(Request(ClusterSpec("shop"), catalog="mine.yaml"))

    def gone(path: str | None) -> Catalog:
        raise CatalogError(())

    with pytest.raises(CatalogError, match="remembered by cluster shop") as caught:
        list(up(Request(ClusterSpec("shop")), replace(stage.world(), catalog=gone)))
    assert "learnflow up --name shop --catalog PATH" in (caught.value.fix or "")


def test_offsets_are_kept_as_long_as_the_longest_retention(stage: Stage):
    """Forty days of records: the brokers are told to keep offsets for forty days."""
    stage.up()

    assert stage.runtime.specs[0].offsets_retention_ms == 40 * DAY


def test_a_plan_that_removes_records_is_held(stage: Stage):
    """A shorter retention is shown and left for `learnflow apply`; `up` says not ok."""
    stage.up()
    old = NewRecord("orders", b"old", timestamp_ms=FastClock().now_ms() - 5 * DAY)
    list(stage.kafka.produce(iter([old]), partitioner="murmur2_random", timeout=1))
    stage.catalogs[None] = catalog_of(replace(ORDERS, retention_ms=DAY))
    events = stage.up()
    held = next(e for e in events if isinstance(e, Held))
    configs = stage.kafka.topic_configs(["orders"])["orders"]
    assert not isinstance(configs, Fault)

    assert [step.topic for step in held.risky] == ["orders"]
    assert not [e for e in events if isinstance(e, Done)]
    assert not end(events).ok
    assert configs["retention.ms"].value == str(40 * DAY)


def test_clients_are_loaded_beside_the_start(stage: Stage):
    """Once a start, not once a broker."""
    stage.up()

    assert stage.meanwhiles == 1


def test_the_next_start_is_made_quicker_at_the_end(stage: Stage):
    """After the verdict, so that nobody waits for it."""
    stage.up()

    assert stage.runtime.warmed == ["default"]


def test_a_cache_that_cannot_be_made_is_a_warning(stage: Stage):
    """The cluster is up all the same."""
    stage.runtime.refuses_to_warm = True
    events = stage.up()

    assert end(events).ok
    assert isinstance(events[-1], Warned)


def test_a_runtime_that_never_serves_is_an_error(stage: Stage):
    """Nothing is applied to a cluster that did not say that it serves."""
    stage.runtime.never_serves = True

    with pytest.raises(StartError):
        stage.up()


def test_wanted_reads_the_catalog_and_starts_nothing(stage: Stage):
    """What `--dry-run` shows."""
    spec, desired = wanted(Request(ClusterSpec(brokers=3)), stage.world())

    assert spec.declaration == Declaration(None, None)
    assert desired.brokers == 3
    assert stage.runtime.specs == []
