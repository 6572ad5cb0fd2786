"""Random pairs of a catalog and a live cluster, and what must hold for each of them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st
from tests.support.planning import DAY, catalog

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.core.catalog import Catalog, Cleanup, Policy, Topic
from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.plans.changes import (
    AddPartitions,
    AlterConfig,
    Change,
    CommitOffsets,
    CreateTopic,
    DeleteTopic,
)
from learnflow_kafka.core.plans.plan import Scope
from learnflow_kafka.core.ports import NewRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from learnflow_kafka.core.observed import Record
    from learnflow_kafka.core.plans.plan import Step
    from learnflow_kafka.core.ports import KafkaAdmin
    from learnflow_kafka.core.requests import Sent

NOW = 1_800_000_000_000
"""The time of random worlds, in milliseconds."""

NAMES = tuple("abcdef")
APIS = {
    CreateTopic: "CreateTopics",
    AlterConfig: "IncrementalAlterConfigs",
    AddPartitions: "CreatePartitions",
    CommitOffsets: "OffsetCommit",
    DeleteTopic: "DeleteTopics",
}


@dataclass(frozen=True)
class Live:
    """One topic as it is: partitions, replication, own configs, ages of records in days."""

    partitions: int
    replication: int
    config: tuple[tuple[str, str], ...]
    ages: tuple[int, ...]


@dataclass(frozen=True)
class Group:
    """One group: its committed partitions by topic, and whether it is active."""

    name: str
    topic: str
    committed: int
    active: bool


@dataclass(frozen=True)
class Held:
    """All of a topic that must be equal between two ways to the same end."""

    partitions: int
    config: dict[str, str]
    records: list[list[Record]]


@dataclass(frozen=True)
class World:
    """A cluster that can be built again and again, and what is wanted there."""

    live: dict[str, Live]
    groups: tuple[Group, ...]
    wanted: Catalog
    scope: Scope

    def named(self, prefix: str, *, copies: int) -> World:
        """
        The same world for a cluster that others use too.

        Names begin with the prefix, replication is at most `copies`, nobody is active, and
        only declared topics are asked about.
        """
        topics = [
            replace(
                t, name=prefix + t.name, replication=t.replication and min(t.replication, copies)
            )
            for t in self.wanted.topics.values()
        ]
        latest = [(prefix + c.topic, prefix + c.group) for _, c in self.wanted.subscriptions()]
        return World(
            {
                prefix + n: replace(it, replication=min(it.replication, copies), ages=())
                for n, it in self.live.items()
            },
            tuple(
                Group(prefix + g.name, prefix + g.topic, g.committed, active=False)
                for g in self.groups
            ),
            catalog(
                *topics,
                latest=latest,
                dead=[prefix + n for n in self.wanted.tombstones],
                policy=self.wanted.policy,
            ),
            Scope(
                declared_only=True,
                allow_delete=tuple(prefix + n for n in self.scope.allow_delete),
                delete_anyway=tuple(prefix + n for n in self.scope.allow_delete),
            ),
        )

    def put(self, admin: KafkaAdmin) -> None:
        """Make this state on a real cluster."""
        made = [
            CreateTopic(name, it.partitions, it.replication, dict(it.config))
            for name, it in self.live.items()
        ]
        faults = {k: v for k, v in admin.create_topics(made).items() if v} if made else {}
        assert not faults
        for group in self.groups:
            it = self.live.get(group.topic)
            count = min(group.committed, it.partitions) if it else 0
            if count:
                wanted = {TopicPartition(group.topic, n): 0 for n in range(count)}
                commit = partial(admin.commit_offsets, group.name, wanted)
                eventually(lambda: not any(commit().values()))  # noqa: B023 - called at once

    def remove(self, admin: KafkaAdmin) -> None:
        """Take it all away again."""
        names = {*self.live, *self.wanted.topics}
        admin.delete_topics([*admin.topics(names)])
        admin.delete_groups([g.name for g in self.groups])

    def build(self) -> MemoryKafka:
        """A fresh cluster of this state, with an empty log of requests."""
        kafka = MemoryKafka(3)
        for name, it in self.live.items():
            kafka.put_topic(name, it.partitions, replication=it.replication, config=dict(it.config))
            records = (
                NewRecord(name, b"x", partition=0, timestamp_ms=NOW - age * DAY) for age in it.ages
            )
            list(kafka.produce(records, partitioner="murmur2_random", timeout=1))
        for group in self.groups:
            if group.topic in self.live:
                count = min(group.committed, self.live[group.topic].partitions)
                places = {TopicPartition(group.topic, n): 0 for n in range(count)}
                kafka.commit_offsets(group.name, places)
                if group.active:
                    kafka.join(group.name, [group.topic])
        kafka.requests.clear()
        return kafka


_OWN: Final = {
    "retention.ms": ("-1", str(DAY), str(7 * DAY)),
    "cleanup.policy": ("compact", "delete", "delete,compact"),
    "segment.ms": ("5000", "0005000"),
    "leader.replication.throttled.replicas": ("0:1",),
    "min.insync.replicas": ("1", "2"),
}
_SEEDS: Final = st.integers(0, 2**32 - 1)
_FLAGS: Final = st.booleans()
_SUBSETS: Final = st.sets(st.sampled_from(NAMES))


def live(seed: int) -> Live:
    """A live topic; built from a seed, as drawing each value would take most of a test's time."""
    pick = Random(seed)
    config = tuple((k, pick.choice(v)) for k, v in _OWN.items() if pick.random() < 0.4)
    ages = sorted((pick.randint(0, 20) for _ in range(pick.randint(0, 4))), reverse=True)
    return Live(pick.randint(1, 5), pick.randint(1, 3), config, tuple(ages))


def topic(name: str, seed: int) -> Topic:
    """A declared topic of that name; some cannot be had."""
    pick = Random(seed)
    return Topic(
        name,
        partitions=pick.randint(1, 6),
        owner=pick.choice([None, "x", "y"]),
        replication=pick.choice([None, None, 1, 2, 3]),
        min_insync_replicas=pick.choice([None, None, 1, 2]),
        retention_ms=pick.choice([None, -1, DAY, 3 * DAY, 7 * DAY, 30 * DAY]),
        retention_bytes=pick.choice([None, None, -1, 100]),
        cleanup=pick.choice([None, *Cleanup]),
        config=pick.choice([{}, {}, {"segment.ms": "5000"}, {"segment.ms": "wrong"}]),
        key=pick.choice([None, None, "id"]),
        accepts_key_movement=pick.random() < 0.5,
        prune=pick.random() < 0.5,
    )


def group(name: str, seed: int) -> Group:
    """A group that reads one of the topics."""
    pick = Random(seed)
    return Group(name, pick.choice(NAMES), pick.randint(0, 5), active=pick.random() < 0.3)


_POLICIES: Final = (
    Policy(),
    Policy(max_retention_cut_ms=DAY),
    Policy(max_retention_cut_ms=10 * DAY),
)


@st.composite
def worlds(draw: st.DrawFn, *, softened: bool = True) -> World:
    """A random world; `softened` allows policies that spread a cut over several applies."""
    declared = draw(_SUBSETS)
    there = draw(_SUBSETS)
    dead = sorted(draw(_SUBSETS) - declared)
    groups = tuple(group(name, draw(_SEEDS)) for name in ("g1", "g2") if draw(_FLAGS))
    pick = Random(draw(_SEEDS))
    wanted = catalog(
        *(topic(name, draw(_SEEDS)) for name in sorted(declared)),
        latest=[(g.topic, g.name) for g in groups if g.topic in declared],
        dead=dead,
        policy=pick.choice(_POLICIES) if softened else Policy(),
    )
    allowed = tuple(name for name in dead if pick.random() < 0.5)
    anyway = tuple(name for name in allowed if pick.random() < 0.5)
    scope = Scope(allow_delete=allowed, delete_anyway=anyway, declared_only=pick.random() < 0.3)
    return World({name: live(draw(_SEEDS)) for name in sorted(there)}, groups, wanted, scope)


def entries(steps: Sequence[Step]) -> list[tuple[str, str]]:
    """What a plan says will be sent: the request and each item in it, in order."""
    return [(APIS[type(s.change)], item) for s in steps for item in _items(s.change)]


def _items(change: Change) -> list[str]:
    if isinstance(change, CommitOffsets):
        return [f"{change.group}@{change.topic}-{n}" for n in change.offsets]
    return [change.topic]


def sent(requests: Sequence[Sent]) -> list[tuple[str, str]]:
    """What was sent that could change something, in the same words."""
    found = []
    for request in requests:
        if request.api == "OffsetCommit":
            group, *places = request.items
            found += [(request.api, f"{group}@{place}") for place in places]
        else:
            found += [(request.api, item) for item in request.items]
    return found


def shape(kafka: MemoryKafka) -> dict[str, Held]:
    """Every topic, without what differs from one way to the other (ids, places)."""
    return {
        name: Held(len(found.logs), dict(found.config), [log.records for log in found.logs])
        for name, found in sorted(kafka._state.topics.items())
    }


def places(kafka: MemoryKafka) -> dict[str, dict[TopicPartition, int]]:
    """Where every group stands."""
    return {name: dict(found.committed) for name, found in sorted(kafka._state.groups.items())}


def eventually(true: Callable[[], bool], seconds: float = 90) -> None:
    """Wait until it is so; brokers learn of changes one after the other."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)
