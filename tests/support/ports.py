"""Ports for test clusters, out of the way of everything else."""

from __future__ import annotations

import random

from learnflow_kafka.adapters.local.ports import free_run

_LOWEST, _HIGHEST = 12_000, 30_000
"""Below the kernel's own range for outgoing connections, which begins at 32768."""


def free_ports(count: int) -> int:
    """The first of `count` free ports in a row, at a random place: test runs do not meet."""
    return free_run(random.randrange(_LOWEST, _HIGHEST), count)
