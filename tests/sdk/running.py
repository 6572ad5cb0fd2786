"""Apps that run while a test looks at them, in this process or in one of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from tests.sdk.notes import until

from learnflow_kafka.sdk.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sdk.notes import World

    from learnflow_kafka.sdk.app import App

QUICK = Settings(
    linger_ms=0,
    commit_interval=0.1,
    grace=10,
    extra={"session.timeout.ms": 6_000, "heartbeat.interval.ms": 500, "fetch.wait.max.ms": 50},
)
"""Fast to notice and to commit; with these a killed member is gone after six seconds."""

SERVICE = Path(__file__).with_name("service.py")
COORDINATOR = ("NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE", "COORDINATOR_LOAD_IN_PROGRESS")
COPIER = Path(__file__).with_name("copier.py")


@contextmanager
def running(app: App) -> Iterator[list[BaseException]]:
    """The app on a thread of its own, until the block ends; what it raised."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            app.run()
        except BaseException as error:  # noqa: BLE001 - for the test to look at
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield raised
    finally:
        app.stop()
        thread.join(60)
        assert not thread.is_alive()


def committed(bootstrap: str, world: World) -> int:
    """The sum of the group's committed offsets on the topic."""
    # Not the admin client: librdkafka 2.16 crashes there while a transaction on them is open.
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": world.subscription.group})
    places = [TopicPartition(world.notes.name, n) for n in range(world.notes.partitions)]
    deadline = time.monotonic() + 60
    try:
        while True:
            try:
                return sum(p.offset for p in consumer.committed(places, timeout=30) if p.offset > 0)
            except KafkaException as error:
                # A fresh cluster has to make its offsets topic first.
                if error.args[0].name() not in COORDINATOR or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
    finally:
        consumer.close()


def written(bootstrap: str, topic: str) -> int:
    """How many records a topic holds, where none was removed and no transaction wrote."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    partitions = admin.list_topics(topic, timeout=30).topics[topic].partitions
    ends = {TopicPartition(topic, number): OffsetSpec.latest() for number in partitions}
    return sum(future.result(30).offset for future in admin.list_offsets(ends).values())


class Process:
    """The service of a script; every number that it handled is a line in `handled`."""

    def __init__(
        self, bootstrap: str, world: World, folder: Path, *options: str, script: Path = SERVICE
    ) -> None:
        self.handled = folder / "handled"
        self.output = folder / f"output-{os.urandom(4).hex()}"
        arguments = [bootstrap, world.notes.name, str(world.notes.partitions), str(self.handled)]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(script), *arguments, *options],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=Path(__file__).parents[2],
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            )

    def numbers(self) -> list[int]:
        """What was handled so far, over all processes that write to the file."""
        if not self.handled.exists():
            return []
        text = self.handled.read_text()
        return [int(line) for line in text[: text.rfind("\n") + 1].split()]

    def wait_for(self, count: int) -> None:
        """Wait until so many different numbers were handled."""
        until(lambda: len(set(self.numbers())) >= count or self.process.poll() is not None)

    def wait_ready(self) -> None:
        """Wait until it has its share of the group; for `copier.py`."""
        mark = self.handled.with_name(f"ready-{self.process.pid}")
        until(lambda: mark.exists() or self.process.poll() is not None)
        assert self.process.poll() is None, self.output.read_text()

    def kill(self) -> None:
        """End it if it runs, whatever happened to the test."""
        if self.process.poll() is None:
            self.end(signal.SIGKILL)

    def end(self, number: int) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)
