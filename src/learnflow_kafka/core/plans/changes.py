"""
The kinds of change that a plan is made of.

A change says what is asked of Kafka and nothing about why: `core.plans.planning` pairs it with its
reason and risk. Each is one entry of one request, so a plan can be counted against what was
sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class CreateTopic:
    """
    A new topic; `replication` None leaves it to the broker's default.

    `assignment` names the replicas of each partition, the preferred leader first, and then
    stands in for both numbers; empty leaves the choice to Kafka.
    """

    topic: str
    partitions: int
    replication: int | None
    config: Mapping[str, str] = field(default_factory=dict)
    assignment: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class AddPartitions:
    """
    More partitions: from `current` to `total`.

    `assignment` names the replicas of each new partition, as in `CreateTopic`.
    """

    topic: str
    current: int
    total: int
    assignment: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class ConfigEdit:
    """
    One config of one topic: `before` and `after` as Kafka's strings.

    `after` None removes the topic's own value, so that the broker's holds again; `before`
    None: the topic had no value of its own (`effective` says which value held).
    """

    key: str
    before: str | None
    after: str | None
    effective: str | None = None


@dataclass(frozen=True, slots=True)
class AlterConfig:
    """Edits of one topic's configs, sent incrementally: other keys stay untouched."""

    topic: str
    edits: tuple[ConfigEdit, ...]


@dataclass(frozen=True, slots=True)
class CommitOffsets:
    """
    Give a group a place on partitions where it has none.

    So that a group which starts at `latest` does not skip what arrives in new partitions
    before it first reads them.
    """

    group: str
    topic: str
    offsets: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class DeleteTopic:
    """Remove a topic and every record in it."""

    topic: str


Change = CreateTopic | AddPartitions | AlterConfig | CommitOffsets | DeleteTopic
