"""This machine's clock and network."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from learnflow_kafka.core.ports import Clock, Network


def clock() -> Clock:
    """The clock of this machine."""
    from learnflow_kafka.adapters.system import SystemClock

    return SystemClock()


def network() -> Network:
    """TCP from this machine."""
    from learnflow_kafka.adapters.system import SystemNetwork

    return SystemNetwork()
