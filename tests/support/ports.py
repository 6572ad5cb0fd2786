"""Ports for test clusters, out of the way of everything else."""

from __future__ import annotations

import os
import random
from typing import Final

from learnflow_kafka.adapters.local.ports import free_run

_LOWEST: Final = 12_000
_FOR_A_WORKER: Final = 2_000
_WORKERS: Final = 9
"""All below the kernel's own range for outgoing connections, which begins at 32768."""


def free_ports(count: int) -> int:
    """
    The first of `count` free ports in a row, at a random place: test runs do not meet.

    A port is free until somebody listens there, so the workers of one run look in places of
    their own.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
    lowest = _LOWEST + worker * _FOR_A_WORKER
    return free_run(random.randrange(lowest, lowest + _FOR_A_WORKER - count), count)
