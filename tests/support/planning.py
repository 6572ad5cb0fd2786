"""Catalogs, clusters and a clock for the tests of plan and apply."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.app.apply import apply_catalog
from learnflow_kafka.app.events import Planned
from learnflow_kafka.app.execution import Patience
from learnflow_kafka.app.plan import make_plan
from learnflow_kafka.core.catalog import (
    Catalog,
    Environment,
    Policy,
    Service,
    Start,
    Subscription,
    Tombstone,
    Topic,
)
from learnflow_kafka.core.plans.desired import resolve
from learnflow_kafka.core.plans.plan import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from learnflow_kafka.app.events import Event
    from learnflow_kafka.core.plans.plan import Plan
    from learnflow_kafka.core.ports import KafkaAdmin

DAY = 86_400_000
IMPATIENT = Patience(brokers=1.0, settle=1.0, silence=1.0, poll=0.1)


@dataclass
class FakeClock:
    """Time that passes when somebody sleeps; `on_sleep` lets the world change meanwhile."""

    now: float = field(default_factory=time.time)

    def now_ms(self) -> int:
        return int(self.now * 1000)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class RealClock(FakeClock):
    """The real time, for real clusters."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def catalog(
    *topics: Topic,
    latest: Iterable[tuple[str, str]] = (),
    dead: Iterable[str] = (),
    brokers: int | None = None,
    policy: Policy | None = None,
) -> Catalog:
    """
    A catalog of these topics, and tombstones for the `dead`.

    `latest` are (topic, group) pairs of subscriptions that start at the end; `brokers` makes
    an environment `here`.
    """
    subscriptions = tuple(
        Subscription(topic, group, start=Start.LATEST, dead_letter=False) for topic, group in latest
    )
    return Catalog(
        "test",
        {t.name: t for t in topics},
        services={"s": Service("s", consumes=subscriptions)} if subscriptions else {},
        environments={} if brokers is None else {"here": Environment("here", brokers)},
        tombstones={name: Tombstone(name, "no longer used") for name in dead},
        policy=policy or Policy(),
    )


def planned(
    admin: KafkaAdmin, wanted: Catalog, scope: Scope | None = None, *, now_ms: int | None = None
) -> Plan:
    """The plan for the catalog on the cluster now."""
    environment = next(iter(wanted.environments), None)
    stamp = FakeClock().now_ms() if now_ms is None else now_ms
    return make_plan(admin, resolve(wanted, environment), scope or Scope(), now_ms=stamp)


def applied(
    admin: KafkaAdmin,
    wanted: Catalog,
    scope: Scope | None = None,
    *,
    clock: FakeClock | None = None,
    patience: Patience = IMPATIENT,
) -> list[Event]:
    """Plan and apply the catalog; every event but the plan."""
    environment = next(iter(wanted.environments), None)
    events = apply_catalog(
        admin, clock or FakeClock(), resolve(wanted, environment), scope or Scope(), patience
    )
    return [event for event in events if not isinstance(event, Planned)]


def memory(**topics: int) -> MemoryKafka:
    """A cluster in memory with three brokers and these topics, by number of partitions."""
    kafka = MemoryKafka(3)
    for name, partitions in topics.items():
        kafka.put_topic(name, partitions)
    return kafka
