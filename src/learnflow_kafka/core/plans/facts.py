"""
What planning needs to know beyond topics and configs, and the answers.

Most plans need none of it, so it is asked only where a first look says so: how old the
records are where retention shrinks, where groups stand where partitions grow, what would be
lost where a topic is to be deleted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from learnflow_kafka.core.observed import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from learnflow_kafka.core.observed import GroupState, OffsetAt, TopicState


@dataclass(frozen=True, slots=True)
class Questions:
    """
    Which facts a plan depends on.

    `aging`: topics whose records may be removed by age or size. `groups`: declared groups
    that begin at `latest`, and `grown` the topics they read. `doomed`: topics with a
    tombstone. `defaults`: whether a broker's own retention matters.
    """

    aging: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    grown: frozenset[str] = frozenset()
    doomed: frozenset[str] = frozenset()
    defaults: bool = False

    @property
    def measured(self) -> frozenset[str]:
        """Topics whose first and last offsets are needed."""
        return self.aging | self.grown | self.doomed


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """
    Where a group stands: `state` None where no group of the name is listed.

    `committed` None: we may not look. `reads` are the topics its members are assigned now;
    None: the members were not told.
    """

    state: GroupState | None = None
    committed: Mapping[TopicPartition, int] | None = field(default_factory=dict)
    reads: frozenset[str] | None = frozenset()

    @property
    def active(self) -> bool:
        """Whether somebody may be consuming."""
        return self.state is not None and self.state.active

    def places(self, topic: str) -> dict[int, int]:
        """The committed offsets in one topic, by partition."""
        return {
            partition: offset
            for (name, partition), offset in (self.committed or {}).items()
            if name == topic
        }


@dataclass(frozen=True, slots=True)
class Facts:
    """
    The answers. What is missing from a mapping is not known.

    `starts` and `ends` are first and next offsets; `oldest` the first record with its time;
    `kept` the first offset that a planned cut keeps (None: no record is that young);
    `newest_ms` the newest record's time (None: no record); `sizes` bytes of the largest
    replica; `defaults` topic configs as the brokers would have them.
    """

    now_ms: int
    starts: Mapping[TopicPartition, int] = field(default_factory=dict)
    ends: Mapping[TopicPartition, int] = field(default_factory=dict)
    oldest: Mapping[TopicPartition, OffsetAt] = field(default_factory=dict)
    kept: Mapping[TopicPartition, int | None] = field(default_factory=dict)
    newest_ms: Mapping[TopicPartition, int | None] = field(default_factory=dict)
    sizes: Mapping[TopicPartition, int] = field(default_factory=dict)
    groups: Mapping[str, GroupFacts] = field(default_factory=dict)
    defaults: Mapping[str, str | None] = field(default_factory=dict)


def partitions_of(state: TopicState) -> Iterator[TopicPartition]:
    """Every partition of a topic."""
    for partition in state.partitions:
        yield TopicPartition(state.name, partition.id)
