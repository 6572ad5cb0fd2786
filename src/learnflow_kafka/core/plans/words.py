"""How a plan speaks: configs, reasons and amounts in the words of people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.plans.desired import RETENTION_BYTES, RETENTION_MS
from learnflow_kafka.core.units import FOREVER, format_duration, format_size

if TYPE_CHECKING:
    from learnflow_kafka.core.plans.changes import ConfigEdit
    from learnflow_kafka.core.plans.diff import TopicDiff
    from learnflow_kafka.core.plans.retention import Cut

_DURATIONS: Final = frozenset(
    {
        RETENTION_MS,
        "delete.retention.ms",
        "file.delete.delay.ms",
        "local.retention.ms",
        "max.compaction.lag.ms",
        "min.compaction.lag.ms",
        "segment.ms",
        "segment.jitter.ms",
    }
)
_SIZES: Final = frozenset({RETENTION_BYTES, "max.message.bytes", "segment.bytes"})


def shown(key: str, value: str | None) -> str:
    """
    A config's value for reading.

    >>> shown("retention.ms", "604800000")
    '7d'
    """
    if value is None:
        return "(not set)"
    try:
        number = int(value)
    except ValueError:
        return value
    if key in _DURATIONS:
        return value if number < FOREVER else format_duration(number)
    if key in _SIZES:
        return "unlimited" if number == FOREVER else format_size(number)
    return value


def why_edit(edit: ConfigEdit, diff: TopicDiff, cut: Cut | None) -> str:
    """Why one config changes, in one sentence."""
    before, after = shown(edit.key, edit.before), shown(edit.key, edit.after)
    if edit.after is None:
        return f"{edit.key} {before} is set and not declared, and the topic says prune"
    if cut and cut.later and edit.key == RETENTION_MS:
        final = shown(edit.key, diff.wanted.config[RETENTION_MS])
        more = f"{cut.later} further appl{'y' if cut.later == 1 else 'ies'}"
        return f"{edit.key} {final} is declared; the policy softens the cut: {after} now, {more}"
    if edit.before is not None:
        return f"{edit.key} is {before}, {after} is declared"
    if edit.effective is None:
        return f"{edit.key} {after} is declared and not set"
    if edit.effective == edit.after:
        return (
            f"{edit.key} {after} is declared; today it is only the cluster's default, "
            "which may change"
        )
    default = shown(edit.key, edit.effective)
    return f"{edit.key} {after} is declared; the cluster's default {default} holds"
