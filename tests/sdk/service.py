"""A service in a process of its own, for tests that kill it. See `running.Process`."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tests.sdk.notes import Note, world
from tests.sdk.running import QUICK

from learnflow_kafka.sdk.app import App


def main(bootstrap: str, topic: str, partitions: str, handled: str, *options: str) -> None:
    """Write each note's number to a file, after what the options say."""
    given = dict(option.split("=") for option in options)
    notes = world(
        name=topic, partitions=int(partitions), concurrency=int(given.get("concurrency", 1))
    )
    out = os.open(handled, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    settings = replace(
        QUICK,
        group_instance=given.get("instance"),
        commit_interval=float(given.get("interval", QUICK.commit_interval)),
        grace=float(given.get("grace", QUICK.grace)),
    )
    port = int(given["health"]) if "health" in given else None
    app = App("reader", notes.contract, bootstrap=bootstrap, settings=settings, health_port=port)

    def keep(note: Note) -> None:
        if note.text == "fails":
            raise ValueError(note.number)
        if note.text == "hangs":
            Path(handled).with_name("hangs").touch()  # since when
            time.sleep(3_600)
        time.sleep(float(given.get("sleep", 0)))
        os.write(out, b"%d\n" % note.number)

    async def keep_async(note: Note) -> None:
        while note.text == "ignores":
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(3_600)
        keep(note)  # it blocks the loop, as bad handlers do

    register = app.on(notes.notes, deadline=float(given.get("deadline", 60)))
    register(keep_async if given.get("kind") == "async" else keep)
    app.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
