"""
Replay every dead letter of a group in small transactions, and die by kill -9 on the way.

    python -m tests.support.replaying BOOTSTRAP GROUP STEPS

The process kills itself as soon as so many steps are done: to open the transfer is the first,
and each transaction is three: its records are written, its marks are noted, it is committed.
"""

from __future__ import annotations

import os
import signal
import sys
from functools import wraps
from typing import TYPE_CHECKING
from unittest import mock

from learnflow_kafka.adapters.kafka_data.transfer import Mover
from learnflow_kafka.app import dead_letters
from learnflow_kafka.core.connection import Connection, Context
from learnflow_kafka.core.replaying import Selection
from learnflow_kafka.wiring import kafka

if TYPE_CHECKING:
    from collections.abc import Callable


def deadly(steps: int, step: Callable[..., None], done: list[str]) -> Callable[..., None]:
    """The step, and death right after it where it is the last one."""

    @wraps(step)
    def taken(*args: object) -> None:
        step(*args)
        done.append(step.__name__)
        if len(done) == steps:
            os.kill(os.getpid(), signal.SIGKILL)

    return taken


if __name__ == "__main__":
    context = Context("test", Connection((sys.argv[1],)))
    done: list[str] = []
    for name in ("_write", "_insist"):
        setattr(Mover, name, deadly(int(sys.argv[3]), getattr(Mover, name), done))
    with (
        kafka.admin(context) as admin,
        kafka.data(context) as data,
        mock.patch.object(dead_letters, "_BATCH", 10),
    ):
        delivery = dead_letters.prepare(admin, data, Selection(group=sys.argv[2]))
        for _ in dead_letters.replay(admin, data, delivery):
            pass
