"""
What a plan remembers of the topics it touches, to notice when they change.

A fingerprint is readable on purpose: a mismatch can say what is different. It holds what a
change could collide with (the topic's id, its partitions and their replicas, its own
configs) and leaves out what moves by itself (leaders, ISR, other tools' throttles).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from learnflow_kafka.core.plans.changes import AddPartitions, AlterConfig, Change
from learnflow_kafka.core.plans.diff import FOREIGN, same_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from learnflow_kafka.core.observed import TopicState


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """
    One live topic as the plan saw it.

    `partitions` has the sorted replicas of each partition, by partition; an empty entry
    stands for a partition whose place the broker chooses.
    """

    id: str | None
    partitions: tuple[tuple[int, ...], ...]
    configs: Mapping[str, str | None]


def fingerprint(state: TopicState) -> Fingerprint:
    """The fingerprint of a live topic whose configs were read."""
    return Fingerprint(
        id=state.id,
        partitions=tuple(
            tuple(sorted(p.replicas)) for p in sorted(state.partitions, key=lambda p: p.id)
        ),
        configs={k: v for k, v in sorted(state.own_configs().items()) if k not in FOREIGN},
    )


def expected(before: Fingerprint, change: Change) -> Fingerprint:
    """The fingerprint after one of our own changes."""
    if isinstance(change, AddPartitions):
        new = ((),) * (change.total - len(before.partitions))
        return replace(before, partitions=before.partitions + new)
    if isinstance(change, AlterConfig):
        configs = dict(before.configs)
        for edit in change.edits:
            if edit.after is None:
                configs.pop(edit.key, None)
            else:
                configs[edit.key] = edit.after
        return replace(before, configs=configs)
    return before


def differences(planned: Fingerprint | None, live: Fingerprint | None) -> tuple[str, ...]:
    """What changed, one phrase each; empty where nothing did. None: the topic is absent."""
    if planned is None or live is None:
        if planned is live:
            return ()
        return ("it exists now",) if planned is None else ("it is gone",)
    return tuple(_differences(planned, live))


def _differences(planned: Fingerprint, live: Fingerprint) -> Iterator[str]:
    if planned.id is not None and live.id is not None and planned.id != live.id:
        yield "it was deleted and created anew (another topic id)"
    if len(planned.partitions) != len(live.partitions):
        yield f"partitions {len(planned.partitions)} -> {len(live.partitions)}"
    for number, (was, now) in enumerate(zip(planned.partitions, live.partitions, strict=False)):
        if was and was != now:
            yield f"replicas of partition {number} {list(was)} -> {list(now)}"
    for key in sorted(planned.configs.keys() | live.configs.keys()):
        old, new = planned.configs.get(key), live.configs.get(key)
        if old != new and not (old and new and same_value(key, old, new)):
            yield f"{key} {_shown(old)} -> {_shown(new)}"


def _shown(value: str | None) -> str:
    return "(not set)" if value is None else value
