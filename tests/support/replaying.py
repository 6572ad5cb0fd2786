"""
Replay every dead letter of a group in small transactions, one line for each that is done.

    python -m tests.support.replaying BOOTSTRAP GROUP
"""

from __future__ import annotations

import sys
from unittest import mock

from learnflow_kafka.app import dead_letters
from learnflow_kafka.core.connection import Connection, Context
from learnflow_kafka.core.replaying import Selection
from learnflow_kafka.wiring import kafka

if __name__ == "__main__":
    context = Context("test", Connection((sys.argv[1],)))
    with (
        kafka.admin(context) as admin,
        kafka.data(context) as data,
        mock.patch.object(dead_letters, "_BATCH", 10),
    ):
        delivery = dead_letters.prepare(admin, data, Selection(group=sys.argv[2]))
        for event in dead_letters.replay(admin, data, delivery):
            sys.stdout.write(f"{event.letters}\n")
            sys.stdout.flush()
