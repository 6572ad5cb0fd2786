"""Apps that run while a test looks at them, in this process or in one of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
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
    admin = AdminClient({"bootstrap.servers": bootstrap})
    group = world.subscription.group
    found = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group]
    places = found.result(30).topic_partitions
    return sum(p.offset for p in places if p.topic == world.notes.name and p.offset > 0)


def written(bootstrap: str, topic: str) -> int:
    """How many records a topic holds, where none was removed and no transaction wrote."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    partitions = admin.list_topics(topic, timeout=30).topics[topic].partitions
    ends = {TopicPartition(topic, number): OffsetSpec.latest() for number in partitions}
    return sum(future.result(30).offset for future in admin.list_offsets(ends).values())


class Process:
    """The service of `service.py`; every number that it handled is a line in `handled`."""

    def __init__(self, bootstrap: str, world: World, folder: Path, *options: str) -> None:
        self.handled = folder / "handled"
        self.output = folder / f"output-{os.urandom(4).hex()}"
        arguments = [bootstrap, world.notes.name, str(world.notes.partitions), str(self.handled)]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(SERVICE), *arguments, *options],
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

    def end(self, number: int) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)
