"""
Whether a new version of an event keeps what older versions promised.

`backward`: every event that an older version allows is allowed by the new one; `forward`: the
other way round; `full`: both. This is decided field by field on the schemas themselves. What
cannot be judged counts as a break and says so: a wrong yes would cost somebody's events.

One thing is taken for granted: a field that a version does not declare is not sent with it.
Else no field could ever be added to an event that tolerates further fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from learnflow_kafka.core.catalog import Compatibility
from learnflow_kafka.core.events.containment import Direction, losses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from learnflow_kafka.core.catalog import EventVersion


def breaks(
    older: Sequence[EventVersion], new: EventVersion, rule: Compatibility
) -> tuple[str, ...]:
    """
    What the new version breaks of each older one, a phrase each, nothing twice.

    All older versions count, not the last alone: a topic holds events of every one of them.
    """
    if rule is Compatibility.NONE:
        return ()
    found: dict[str, None] = {}
    for old in reversed(older):
        if rule in {Compatibility.BACKWARD, Compatibility.FULL}:
            found |= dict.fromkeys(losses(old.schema, new.schema, Direction.BACKWARD))
        if rule in {Compatibility.FORWARD, Compatibility.FULL}:
            found |= dict.fromkeys(losses(new.schema, old.schema, Direction.FORWARD))
    return tuple(found)
