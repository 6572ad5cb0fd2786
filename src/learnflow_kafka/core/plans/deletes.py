"""Topics with a tombstone: what deleting them would destroy, and the steps that do it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learnflow_kafka.core.plans import policy
from learnflow_kafka.core.plans.changes import DeleteTopic
from learnflow_kafka.core.plans.facts import partitions_of
from learnflow_kafka.core.plans.plan import Blocked, Loss, Scope, Step, Tombstoned
from learnflow_kafka.core.plans.risks import delete_risks

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from learnflow_kafka.core.catalog import Tombstone
    from learnflow_kafka.core.observed import Observed, TopicState
    from learnflow_kafka.core.plans.facts import Facts, GroupFacts


def tombstoned_topics(
    stones: Mapping[str, Tombstone], observed: Observed, facts: Facts, scope: Scope
) -> tuple[tuple[Tombstoned, ...], list[Blocked]]:
    """The topics with a tombstone that still exist, and why some of them are not deleted."""
    found: list[Tombstoned] = []
    refused: list[Blocked] = []
    for name, stone in stones.items():
        live = observed.topics.get(name)
        if live is None:
            continue
        item = Tombstoned(
            name, stone.reason, _loss(live, facts), name in scope.allow_delete, stone.place
        )
        found.append(item)
        if item.allowed:
            refused += policy.delete_obstacles(live, item.loss, scope, facts.now_ms, stone.place)
    return tuple(found), refused


def _loss(live: TopicState, facts: Facts) -> Loss:
    partitions = [*partitions_of(live)]
    measured = all(tp in facts.starts and tp in facts.ends for tp in partitions)
    sized = all(tp in facts.sizes for tp in partitions)
    writes = [w for tp in partitions if (w := facts.newest_ms.get(tp)) is not None]
    return Loss(
        records=sum(facts.ends[tp] - facts.starts[tp] for tp in partitions) if measured else None,
        bytes=sum(facts.sizes[tp] for tp in partitions) if sized else None,
        last_write_ms=max(writes, default=None),
        groups=tuple(sorted(g for g, f in facts.groups.items() if f.places(live.name))),
        active=tuple(sorted(g for g, f in facts.groups.items() if _reads(f, live.name))),
        unknown=tuple(sorted(g for g, f in facts.groups.items() if _hidden(f, live.name))),
    )


def _reads(group: GroupFacts, topic: str) -> bool:
    """Whether an active group reads a topic."""
    assigned = group.reads is not None and topic in group.reads
    return group.active and (assigned or bool(group.places(topic)))


def _hidden(group: GroupFacts, topic: str) -> bool:
    """Whether a group may use the topic without our seeing it."""
    unseen = group.active and group.reads is None and not group.places(topic)
    return group.committed is None or unseen


def deletes(tombstoned: tuple[Tombstoned, ...], stopped: Collection[str]) -> Iterator[Step]:
    """A step for every topic that a flag of this run names and nothing stops."""
    for item in tombstoned:
        if item.allowed and item.topic not in stopped:
            yield Step(
                DeleteTopic(item.topic),
                (f"it has a tombstone: {item.reason}",),
                tuple(delete_risks(item.loss)),
                item.place,
            )
