"""Topics for people: what there is, how it stands, and deletion with open eyes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from learnflow_kafka.app.lookup import allowed, extents, find_topics, partitions_in
from learnflow_kafka.core.names import is_internal, is_reserved
from learnflow_kafka.core.observed import GroupProtocol, GroupState, TopicPartition
from learnflow_kafka.core.plans.plan import Loss, Rule
from learnflow_kafka.core.plans.policy import delete_obstacles
from learnflow_kafka.core.ports import Edge, Fault
from learnflow_kafka.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from learnflow_kafka.core.lag import Extent
    from learnflow_kafka.core.observed import (
        ConfigValue,
        GroupDescription,
        GroupListing,
        PartitionState,
        TopicState,
    )
    from learnflow_kafka.core.plans.plan import Scope
    from learnflow_kafka.core.ports import KafkaAdmin


@dataclass(frozen=True, slots=True)
class PartitionDetail:
    """One partition: its replicas, its offsets and the bytes of its largest replica."""

    state: PartitionState
    extent: Extent
    bytes: int | None


@dataclass(frozen=True, slots=True)
class TopicSummary:
    """
    One line of the list.

    `bytes` of one copy (the largest replica of each partition), None where this user may not
    know; `problems` in words. `configs` None: not told.
    """

    state: TopicState
    bytes: int | None
    problems: tuple[str, ...]
    configs: Mapping[str, ConfigValue] | None

    @property
    def internal(self) -> bool:
        """Whether Kafka or this tool keeps its own state there."""
        return self.state.internal or is_internal(self.state.name) or is_reserved(self.state.name)

    @property
    def retention_ms(self) -> int | None:
        """How long records are kept; None: not told."""
        entry = (self.configs or {}).get("retention.ms")
        return int(entry.value) if entry and entry.value else None


@dataclass(frozen=True, slots=True)
class TopicDetail:
    """All that can be told of one topic."""

    summary: TopicSummary
    partitions: tuple[PartitionDetail, ...]

    @property
    def records(self) -> int | None:
        """Offsets between start and end, over all partitions; None where one is not known."""
        counts = [
            p.extent.end - p.extent.start
            for p in self.partitions
            if p.extent.end is not None and p.extent.start is not None
        ]
        return sum(counts) if len(counts) == len(self.partitions) else None


@dataclass(frozen=True, slots=True)
class Deleted:
    """How the deletion of one topic ended; `fault` None: it is gone."""

    topic: str
    fault: Fault | None


def list_topics(admin: KafkaAdmin, *, internal: bool = False) -> tuple[TopicSummary, ...]:
    """Every topic by name; internal ones only if asked for."""
    states = [s for _, s in sorted(admin.topics().items())]
    sizes = _sizes(admin)
    configs = _configs(admin, [s.name for s in states])
    summaries = (_summary(s, sizes, configs) for s in states)
    return tuple(s for s in summaries if internal or not s.internal)


def describe_topics(admin: KafkaAdmin, names: Sequence[str]) -> tuple[TopicDetail, ...]:
    """The named topics; raises RequestError where one does not exist."""
    states = find_topics(admin, names)
    sizes = _sizes(admin)
    configs = _configs(admin, names)
    ends = extents(admin, partitions_in(states.values()))
    return tuple(
        TopicDetail(
            _summary(state, sizes, configs),
            tuple(
                PartitionDetail(
                    p,
                    ends[TopicPartition(name, p.id)],
                    None if sizes is None else sizes.get(TopicPartition(name, p.id), 0),
                )
                for p in sorted(state.partitions, key=lambda p: p.id)
            ),
        )
        for name, state in states.items()
    )


def losses(admin: KafkaAdmin, names: Sequence[str]) -> dict[str, Loss]:
    """
    What deleting each topic destroys: records, bytes, last write, and who reads it.

    Raises RequestError where a topic does not exist.
    """
    details = describe_topics(admin, names)
    newest = _newest(admin, details)
    usage = _usage(admin)
    return {
        detail.summary.state.name: Loss(
            detail.records,
            detail.summary.bytes,
            newest.get(detail.summary.state.name),
            groups=tuple(sorted(usage.readers.get(detail.summary.state.name, ()))),
            active=tuple(sorted(usage.active.get(detail.summary.state.name, ()))),
            unknown=usage.unknown,
        )
        for detail in details
    }


def require_deletable(
    admin: KafkaAdmin, found: Mapping[str, Loss], overrides: Scope, *, now_ms: int
) -> None:
    """
    Return where every topic may go, by the rules of a plan's deletions and our own topics'.

    Raises RefusedError with every reason at once; `overrides` has the topics that the user
    named a second time.
    """
    states = admin.topics(list(found))
    reasons = []
    fixes = []
    for name, loss in found.items():
        if is_reserved(name) and name not in overrides.allow_internal:
            reasons.append(f"{name}: it is internal: this tool keeps its own state there")
            fixes.append(f"--allow-internal {name}")
        if name not in states:
            continue
        for blocked in delete_obstacles(states[name], loss, overrides, now_ms):
            reasons.append(f"{name}: {blocked.what} [{blocked.rule}]")
            internal = blocked.rule is Rule.DELETE_INTERNAL
            fixes.append(f"{'--allow-internal' if internal else '--delete-anyway'} {name}")
    if reasons:
        flags = " ".join(dict.fromkeys(fixes))
        raise RefusedError("; ".join(reasons), fix=f"if you are certain, add {flags}")


def delete(admin: KafkaAdmin, names: Sequence[str]) -> Iterator[Deleted]:
    """Delete the topics; one event each, also for those that fail."""
    for name, fault in admin.delete_topics(names).items():
        yield Deleted(name, fault)


def problems(state: TopicState) -> tuple[str, ...]:
    """What is wrong with a topic's replicas, in words."""
    dark = [p.id for p in state.partitions if p.leader is None]
    behind = [p.id for p in state.partitions if len(p.isr) < len(p.replicas)]
    found = []
    if dark:
        found.append(f"no leader on partition{_list(dark)}")
    if behind:
        found.append(f"replicas out of sync on partition{_list(behind)}")
    return tuple(found)


def _list(numbers: Sequence[int]) -> str:
    return f"{'' if len(numbers) == 1 else 's'} {', '.join(map(str, sorted(numbers)))}"


def _summary(
    state: TopicState,
    sizes: Mapping[TopicPartition, int] | None,
    configs: Mapping[str, Mapping[str, ConfigValue]],
) -> TopicSummary:
    whole = None
    if sizes is not None:
        whole = sum(sizes.get(TopicPartition(state.name, p.id), 0) for p in state.partitions)
    return TopicSummary(state, whole, problems(state), configs.get(state.name))


def _sizes(admin: KafkaAdmin) -> Mapping[TopicPartition, int] | None:
    """Bytes of each partition's largest replica; None where this user may not know."""
    dirs = allowed(admin.log_dirs)
    if not dirs or any(d.error and not d.sizes for d in dirs):
        return None
    found: dict[TopicPartition, int] = {}
    for folder in dirs:
        for where, size in folder.sizes.items():
            found[where] = max(size, found.get(where, 0))
    return found


def _configs(admin: KafkaAdmin, names: Collection[str]) -> Mapping[str, Mapping[str, ConfigValue]]:
    answers = allowed(lambda: admin.topic_configs(names)) or {}
    return {name: answer for name, answer in answers.items() if not isinstance(answer, Fault)}


def _newest(admin: KafkaAdmin, details: Sequence[TopicDetail]) -> dict[str, int]:
    """The newest record's time of each topic that has one and whose brokers tell."""
    partitions = partitions_in(detail.summary.state for detail in details)
    found: dict[str, int] = {}
    for where, answer in admin.offsets(partitions, Edge.NEWEST).items():
        if not isinstance(answer, Fault) and answer.timestamp_ms is not None:
            found[where.topic] = max(answer.timestamp_ms, found.get(where.topic, 0))
    return found


@dataclass(frozen=True, slots=True)
class _Usage:
    """Groups with a place in each topic, those reading it now, and those that hide."""

    readers: Mapping[str, set[str]]
    active: Mapping[str, set[str]]
    unknown: tuple[str, ...]


def _usage(admin: KafkaAdmin) -> _Usage:
    listed = admin.groups()
    live = {g.name: g for g in listed if g.state.active}
    places: dict[str, set[str]] = {}
    unknown = set()
    for group, committed in admin.committed([g.name for g in listed]).items():
        if isinstance(committed, Fault):
            unknown.add(group)
        else:
            places[group] = {where.topic for where in committed}
    readers = {group: set(topics) for group, topics in places.items()}
    for group, description in admin.describe_groups(sorted(live)).items():
        assigned = _assigned(description)
        readers.setdefault(group, set()).update(assigned)
        if not readers[group] and _may_read_more(live[group], description):
            unknown.add(group)
    return _Usage(
        _by_topic(readers),
        # A rebalance takes all assignments away for a moment; places in a topic stay.
        _by_topic({g: topics for g, topics in readers.items() if g in live}),
        tuple(sorted(unknown & live.keys())),
    )


def _assigned(description: GroupDescription | Fault) -> set[str]:
    """The topics that members read now, as far as the broker tells."""
    if isinstance(description, Fault):
        return set()
    members = description.members or ()
    return {where.topic for member in members for where in member.assignment}


def _may_read_more(group: GroupListing, description: GroupDescription | Fault) -> bool:
    """Whether an active group that is seen reading nothing may be about to."""
    if isinstance(description, Fault) or description.members is None:
        return True
    return group.state is not GroupState.STABLE or group.protocol is GroupProtocol.SHARE


def _by_topic(topics: Mapping[str, Collection[str]]) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for group, names in topics.items():
        for name in names:
            found[name].add(group)
    return found
