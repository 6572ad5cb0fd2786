"""
How a service is, as values.

Live: it makes progress, or could; a service that is not live must be restarted. Ready: it has
its share of the topics and can send.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartitionHealth:
    """
    One partition that is assigned to this process.

    `position` is the offset that is or will be committed, `lag` the records behind it (None:
    not known yet), `buffered` those that wait or run, `stalled_seconds` how long nothing has
    been finished although something waits.
    """

    topic: str
    partition: int
    position: int | None
    lag: int | None
    buffered: int
    paused: bool
    stalled_seconds: float
    group: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a service is live and ready, why not, and its partitions."""

    live: bool
    ready: bool
    reasons: tuple[str, ...] = ()
    partitions: tuple[PartitionHealth, ...] = ()
