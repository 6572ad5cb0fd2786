"""
What a saved plan removes: as it showed, and as it would now.

Retention counts from the moment, and a topic takes records after its plan was made, so what goes
grows while the file lies. The plan's own steps are taken as a wish here and planned again: the
figures come from one piece of code, whatever became of the catalog since.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from learnflow_kafka.core.catalog import Tombstone
from learnflow_kafka.core.plans.changes import AlterConfig, DeleteTopic
from learnflow_kafka.core.plans.desired import Desired, DesiredTopic
from learnflow_kafka.core.plans.plan import Scope
from learnflow_kafka.errors import PlanStaleError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from learnflow_kafka.core.observed import TopicState
    from learnflow_kafka.core.plans.plan import Plan
    from learnflow_kafka.core.plans.retention import Removed


@dataclass(frozen=True, slots=True)
class Figures:
    """
    What goes from one topic at most; `records` None: not known.

    `removed` are the offsets that a shorter life removes; `last_write_ms` is known of a topic
    that goes as a whole.
    """

    records: int | None
    removed: tuple[Removed, ...] = ()
    last_write_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Removal:
    """What a saved plan removes from one topic: as it `shown`, and what goes `now`."""

    topic: str
    shown: Figures
    now: Figures

    @property
    def grew(self) -> bool:
        """Whether records go that the plan did not show."""
        shown, now = self.shown, self.now
        if shown.records is None or now.records is None:
            return shown.records is not None
        ends = {gone.partition: gone.until for gone in shown.removed}
        beyond = any(gone.until > ends.get(gone.partition, 0) for gone in now.removed)
        return beyond or (not now.removed and now.records > shown.records) or _written(shown, now)


def _written(shown: Figures, now: Figures) -> bool:
    """Old records may have gone meanwhile, so that the number alone would hide new ones."""
    if shown.last_write_ms is None or now.last_write_ms is None:
        return False
    return now.last_write_ms > shown.last_write_ms


def removing(plan: Plan) -> tuple[str, ...]:
    """The topics whose records a step may remove."""
    kinds = (AlterConfig, DeleteTopic)
    return tuple(step.topic for step in plan.steps if isinstance(step.change, kinds))


def as_wish(plan: Plan, live: Mapping[str, TopicState]) -> tuple[Desired, Scope]:
    """What the plan's own steps want of the live topics that they may remove records from."""
    topics, stones = {}, {}
    for step in plan.steps:
        if step.topic not in live:
            continue
        if isinstance(step.change, AlterConfig):
            topics[step.topic] = _altered(step.change, live[step.topic])
        elif isinstance(step.change, DeleteTopic):
            stones[step.topic] = Tombstone(step.topic, "")
    wish = Desired(plan.catalog, plan.environment, plan.brokers, topics, stones)
    return wish, Scope(declared_only=True, allow_delete=tuple(stones), delete_anyway=tuple(stones))


def _altered(change: AlterConfig, live: TopicState) -> DesiredTopic:
    config = {k: v for k, v in live.own_configs().items() if v is not None}
    config |= {edit.key: edit.after for edit in change.edits if edit.after is not None}
    gone = {edit.key for edit in change.edits if edit.after is None}
    kept = {key: value for key, value in config.items() if key not in gone}
    return DesiredTopic(change.topic, len(live.partitions), None, kept, prune=bool(gone))


def compared(plan: Plan, fresh: Plan) -> tuple[Removal, ...]:
    """Both figures of every topic that loses records; `fresh` was planned from `as_wish`."""
    shown, now = _figures(plan), _figures(fresh)
    unknown = Figures(None)
    return tuple(
        removal
        for topic in removing(plan)
        if (removal := Removal(topic, shown[topic], now.get(topic, unknown))).grew
        or removal.shown.records != 0
        or removal.now.records != 0
    )


def _figures(plan: Plan) -> dict[str, Figures]:
    deleted = {item.topic: item.loss for item in plan.tombstoned}
    found = {}
    for step in plan.steps:
        if isinstance(step.change, AlterConfig):
            removed = tuple(gone for risk in step.risks for gone in risk.removed)
            whole = all(risk.complete for risk in step.risks)
            number = sum(gone.until - gone.first for gone in removed) if whole else None
            found[step.topic] = Figures(number, removed)
        elif isinstance(step.change, DeleteTopic):
            loss = deleted.get(step.topic)
            found[step.topic] = (
                Figures(loss.records, last_write_ms=loss.last_write_ms) if loss else Figures(None)
            )
    return found


def refuse_growth(removals: Iterable[Removal], accepted: Collection[str]) -> None:
    """Raise PlanStaleError where more goes than was shown, but for the accepted topics."""
    grown = [removal for removal in removals if removal.grew and removal.topic not in accepted]
    if grown:
        flags = " ".join(f"--remove-anyway {removal.topic}" for removal in grown)
        raise PlanStaleError(
            f"more records would go than the plan showed: {'; '.join(_told(grown))}",
            fix=f"make a new plan: learnflow plan --out FILE; or accept what goes now: {flags}",
        )


def _told(removals: Iterable[Removal]) -> Iterator[str]:
    for removal in removals:
        yield f"{removal.topic}: {both(removal)}"


def both(removal: Removal) -> str:
    """Both figures in words."""
    return f"{_words(removal.shown)} when the plan was made, {_words(removal.now)} now"


def _words(figures: Figures) -> str:
    if figures.records is None:
        return "a number not known"
    return f"up to {figures.records:,} record{'' if figures.records == 1 else 's'}"
