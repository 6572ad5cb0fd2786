"""
What differs between one wanted topic and the live one.

A difference is a fact and no decision: whether it may be mended is for `core.plans.policy`, how
for `core.plans.planning`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.observed import ConfigSource
from learnflow_kafka.core.plans.changes import ConfigEdit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from learnflow_kafka.core.observed import TopicState
    from learnflow_kafka.core.plans.desired import DesiredTopic

FOREIGN: Final = frozenset(
    {"leader.replication.throttled.replicas", "follower.replication.throttled.replicas"}
)
"""Configs that tools moving replicas set and remove themselves; never ours to touch."""

_LISTS: Final = frozenset({"cleanup.policy"})


@dataclass(frozen=True, slots=True)
class TopicDiff:
    """
    How a live topic differs from the wanted one.

    `edits` are the managed configs that differ; `undeclared` the topic's own configs that
    nobody declared. `replication` lists the distinct numbers of replicas that partitions
    have, where they are not the wanted number.
    """

    wanted: DesiredTopic
    live: TopicState
    edits: tuple[ConfigEdit, ...]
    undeclared: Mapping[str, str | None]
    replication: tuple[int, ...] = ()

    @property
    def grows(self) -> bool:
        """Whether partitions are missing."""
        return self.wanted.partitions > len(self.live.partitions)

    @property
    def shrinks(self) -> bool:
        """Whether there are more partitions than wanted."""
        return self.wanted.partitions < len(self.live.partitions)

    def edit(self, key: str) -> ConfigEdit | None:
        """The difference in one config, or None."""
        return next((e for e in self.edits if e.key == key), None)

    def effective(self, key: str) -> str | None:
        """The value that holds on the live topic now, by whomever it was set."""
        entry = (self.live.configs or {}).get(key)
        return entry.value if entry else None


def compare(wanted: DesiredTopic, live: TopicState) -> TopicDiff:
    """
    How the live topic differs. Its configs must have been read.

    A config that equals the broker's default but is not set on the topic is a difference
    too: the default may change any day, and what was declared must not change with it.
    """
    configs = live.configs or {}
    edits = []
    for key, value in sorted(wanted.config.items()):
        entry = configs.get(key)
        own = entry is not None and entry.source is ConfigSource.TOPIC
        if own and entry and entry.value is not None and same_value(key, entry.value, value):
            continue
        effective = entry.value if entry else None
        edits.append(ConfigEdit(key, effective if own else None, value, effective))
    undeclared = {k: v for k, v in live.own_configs().items() if k not in wanted.config}
    return TopicDiff(wanted, live, tuple(edits), undeclared, _replication(wanted, live))


def matches(wanted: DesiredTopic, live: TopicState) -> bool:
    """Whether the live topic is exactly as wanted; configs beyond the wanted do not count."""
    diff = compare(wanted, live)
    return not (diff.grows or diff.shrinks or diff.edits or diff.replication)


def same_value(key: str, one: str, other: str) -> bool:
    """
    Whether two spellings of a config mean the same to the broker.

    >>> same_value("cleanup.policy", "compact,delete", "delete, compact")
    True
    >>> same_value("min.cleanable.dirty.ratio", "0.50", "0.5")
    True
    """
    return _canonical(key, one) == _canonical(key, other)


def _canonical(key: str, text: str) -> object:
    text = text.strip()
    if key in _LISTS:
        return frozenset(part.strip() for part in text.split(","))
    if text.lower() in {"true", "false"}:
        return text.lower()
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _replication(wanted: DesiredTopic, live: TopicState) -> tuple[int, ...]:
    if wanted.replication is None:
        return ()
    counts = sorted({len(p.replicas) for p in live.partitions})
    return () if counts == [wanted.replication] else tuple(counts)
