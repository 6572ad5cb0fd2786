"""
Run `learnflow` and end it with SIGKILL at its nth changing request.

    python -m tests.support.killed before|during NTH ARGUMENT ...

`before`: the request is not sent. `during`: it is on its way, and its answer never arrives.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from learnflow_kafka.cli.main import run
from learnflow_kafka.wiring import kafka

if TYPE_CHECKING:
    from learnflow_kafka.core.requests import Sent


class Killer:
    """Counts changing requests and ends the process at the nth."""

    def __init__(self, moment: str, nth: int) -> None:
        self.moment = moment
        self.left = nth

    def __call__(self, sent: Sent) -> None:
        self.left -= sent.mutating
        if not sent.mutating or self.left:
            return
        if self.moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        threading.Thread(target=self.soon, daemon=True).start()

    def soon(self) -> None:
        """Long enough for the request to leave, too short for the whole answer to be used."""
        time.sleep(0.002)
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    kafka.admin = functools.partial(kafka.admin, on_sent=Killer(sys.argv[1], int(sys.argv[2])))
    sys.exit(run(sys.argv[3:]))
