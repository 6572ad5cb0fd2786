"""
How fast a peer consumes a filled topic; prints records a second.

    python -m bench.peers.consuming aiokafka|faststream BOOTSTRAP TOPIC COUNT

Runs in the peers' environment. Each side does what a user of it would write: aiokafka in batches
with a decoder of the same event, FastStream with a subscriber of the same type (its own decoder
takes CloudEvents for bytes, so it gets ours). FastStream's log line for each record is off: ours
writes none either.
"""

from __future__ import annotations

import asyncio
import sys
import uuid
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bench.meter import Meter
from learnflow_kafka.events import LearningQuery

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Record(msgspec.Struct):
    """The part of a structured record that holds the event."""

    data: LearningQuery


async def aiokafka(bootstrap: str, topic: str, count: int) -> float:
    """`getmany(500)`, each value decoded into the event."""
    from aiokafka import AIOKafkaConsumer  # noqa: PLC0415 - one side a process

    decode = msgspec.json.Decoder(Record).decode
    meter = Meter(count)
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=uuid.uuid4().hex,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        while not meter.done:
            for records in (await consumer.getmany(timeout_ms=1_000, max_records=500)).values():
                for record in records:
                    decode(record.value)
                    meter.tick()
    finally:
        await consumer.stop()
    return meter.rate


async def faststream(bootstrap: str, topic: str, count: int) -> float:
    """A subscriber on the confluent client, msgspec type in its signature."""
    from fast_depends.msgspec import MsgSpecSerializer  # noqa: PLC0415 - one side a process
    from faststream.confluent import KafkaBroker  # noqa: PLC0415

    decoder = msgspec.json.Decoder(Record).decode

    async def decode(message: Any) -> Record:
        return decoder(message.body)

    broker = KafkaBroker(bootstrap, serializer=MsgSpecSerializer(), logger=None)
    meter, last = Meter(count), asyncio.Event()

    group = uuid.uuid4().hex

    @broker.subscriber(  # type: ignore[untyped-decorator]  # not installed where this is checked
        topic, group_id=group, auto_offset_reset="earliest", decoder=decode
    )
    async def handle(record: Record) -> None:  # noqa: ARG001 - the type is what decodes it
        meter.tick()
        if meter.done:
            last.set()

    async with broker:
        await broker.start()
        await last.wait()
    return meter.rate


SIDES: Final[dict[str, Callable[[str, str, int], Awaitable[float]]]] = {
    "aiokafka": aiokafka,
    "faststream": faststream,
}


async def main(side: str, bootstrap: str, topic: str, count: str) -> None:
    """Measure one side and print its rate."""
    print(await SIDES[side](bootstrap, topic, int(count)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
