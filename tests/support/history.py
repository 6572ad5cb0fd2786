"""
A producer and a consumer that run through whatever happens, and what became of each record.

    python history.py BOOTSTRAP TOPIC OUT

Says `going` when the first record is acknowledged. Runs until its input is closed, then waits
for every record's fate, reads on to the end of each partition, and writes OUT:
{"acked": [[number, partition, offset]], "failed": {error: n}, "seen": [...], "ends": [offset]}.
It stands alone: the lab's network, where it runs, has no project.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, Producer, TopicPartition

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message

Place = tuple[int, int, int]
PAUSE = 0.01
FATE_MS = 300_000
END_SECONDS = 180.0
SILENCE = 45.0


@dataclass(slots=True)
class History:
    """What was promised and what was seen: number, partition, offset; and where each log ends."""

    acked: list[Place] = field(default_factory=list)
    seen: list[Place] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)

    def fate(self, error: KafkaError | None, message: Message) -> None:
        """Called once for each record."""
        if error is not None:
            self.failed[error.name()] += 1
            return
        if not self.acked:
            print("going", flush=True)  # noqa: T201 - whoever started this waits for it
        self.acked.append(_place(message))


def _place(message: Message) -> Place:
    value, partition, offset = message.value(), message.partition(), message.offset()
    assert value is not None
    assert partition is not None
    assert offset is not None
    return int(value), partition, offset


def produce(bootstrap: str, topic: str, history: History, end: threading.Event) -> None:
    """Send numbers with acks=all until the end, then wait for the fate of each."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "acks": "all",
            "enable.idempotence": True,
            "delivery.timeout.ms": FATE_MS,
            "linger.ms": 5,
            "log_level": 0,
        }
    )
    number = 0
    while not end.wait(PAUSE):
        producer.produce(topic, value=str(number), key=str(number), on_delivery=history.fate)
        producer.poll(0)
        number += 1
    producer.flush(FATE_MS / 1000)


def consume(bootstrap: str, topic: str, history: History, produced: threading.Event) -> None:
    """Read every partition from its beginning to its end once nothing more is sent."""
    deadline = None
    while deadline is None or time.monotonic() < deadline:
        # One that is told of no broker at all (librdkafka's issue 5301; a broker of Kafka 3.9 says
        # so until a controller has told it of others) comes to rest for good: a new one reads on.
        if _read_on(bootstrap, topic, history, produced):
            break
        deadline = deadline or time.monotonic() + END_SECONDS


def _read_on(bootstrap: str, topic: str, history: History, produced: threading.Event) -> bool:
    """Read on from what was seen; False where nothing more comes, and not all was seen."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "history",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "log_level": 0,
        }
    )
    partitions = sorted(consumer.list_topics(topic, timeout=240).topics[topic].partitions)
    starts = dict.fromkeys(partitions, 0)
    for _, partition, offset in history.seen:
        starts[partition] = max(starts[partition], offset + 1)
    consumer.assign([TopicPartition(topic, p, at) for p, at in starts.items()])
    last = time.monotonic()
    while time.monotonic() < last + SILENCE or not produced.is_set():
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            last = time.monotonic()
            history.seen.append(_place(message))
        elif message is None and produced.is_set() and len(history.seen) >= len(history.acked):
            break
    else:
        return False
    places = [TopicPartition(topic, p) for p in partitions]
    history.ends = [consumer.get_watermark_offsets(place, timeout=60)[1] for place in places]
    consumer.close()
    return True


def main(bootstrap: str, topic: str, out: str) -> None:
    """Run until the input is closed."""
    history, end, produced = History(), threading.Event(), threading.Event()
    writer = threading.Thread(target=produce, args=(bootstrap, topic, history, end))
    reader = threading.Thread(target=consume, args=(bootstrap, topic, history, produced))
    writer.start()
    reader.start()
    sys.stdin.read()
    end.set()
    writer.join()
    produced.set()
    reader.join()
    Path(out).write_text(json.dumps(asdict(history)), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
