"""A service in a process of its own that copies exactly once. See `running.Process`."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.sdk.notes import Note, world
from tests.sdk.running import QUICK

from learnflow_kafka.core.catalog import Guarantee
from learnflow_kafka.sdk.app import App
from learnflow_kafka.sdk.settings import GroupProtocol

if TYPE_CHECKING:
    from learnflow_kafka.sdk.delivery import Delivery


def main(bootstrap: str, topic: str, partitions: str, handled: str, *options: str) -> None:
    """Copy each note, and write its number to a file, which may hold it twice."""
    given = dict(option.split("=") for option in options)
    protocol = GroupProtocol(given.get("protocol", "classic"))
    place = world(
        name=topic,
        partitions=int(partitions),
        concurrency=int(given.get("concurrency", 1)),
        delivery=Guarantee.EXACTLY_ONCE,
    )
    out = os.open(handled, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    settings = replace(
        QUICK,
        group_protocol=protocol,
        extra=QUICK.extra if protocol is GroupProtocol.CLASSIC else {},
        group_instance=given.get("instance"),
        transactional_instance=given.get("instance"),
        transaction_timeout=float(given.get("timeout", 30)),
        commit_interval=float(given.get("interval", 0.1)),
    )
    app = App("reader", place.contract, bootstrap=bootstrap, settings=settings)

    @app.on(place.notes)
    def copy(note: Note, delivery: Delivery) -> None:
        delivery.send(place.copies, note)
        if note.text == "fails":
            raise ValueError(note.number)
        time.sleep(float(given.get("sleep", 0)))
        os.write(out, b"%d\n" % note.number)

    threading.Thread(target=tell, args=(app, Path(handled)), daemon=True).start()
    app.run()


def tell(app: App, handled: Path) -> None:
    """Make a file when the app has its share of the group."""
    while not app.health().ready:
        time.sleep(0.01)
    handled.with_name(f"ready-{os.getpid()}").touch()


if __name__ == "__main__":
    main(*sys.argv[1:])
