"""The machine's clock and network."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from learnflow_kafka.core.ports import Clock, Network


def clock() -> Clock:
    """The real time."""
    from learnflow_kafka.adapters.system import SystemClock

    return SystemClock()


def network() -> Network:
    """The real network."""
    from learnflow_kafka.adapters.system import TcpNetwork

    return TcpNetwork()
