"""Measuring what a saved plan would remove now; no request here changes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learnflow_kafka.app.plan import gather, with_configs
from learnflow_kafka.core.observed import Observed
from learnflow_kafka.core.plans import planning, removals

if TYPE_CHECKING:
    from learnflow_kafka.core.plans.plan import Plan
    from learnflow_kafka.core.plans.removals import Removal
    from learnflow_kafka.core.ports import KafkaAdmin


def measure(plan: Plan, admin: KafkaAdmin, *, now_ms: int) -> tuple[Removal, ...]:
    """
    What each step that removes records showed, and what it would remove now.

    Raises KafkaError where the cluster cannot be read.
    """
    names = removals.removing(plan)
    if not names:
        return ()
    live = with_configs(admin, admin.topics(names))
    wish, scope = removals.as_wish(plan, live)
    observed = Observed(admin.cluster(), live, None)
    facts = gather(admin, wish, observed, scope, now_ms=now_ms)
    return removals.compared(plan, planning.plan(wish, observed, facts, scope))
