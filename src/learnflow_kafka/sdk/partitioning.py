"""
Keys as bytes, and which partition they land on.

A topic names its partitioner, because clients of one topic must agree: a student's events keep
their order whichever language sends them. librdkafka does the work; `partition` computes the
same here, for tests and tools.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from learnflow_kafka.core.partitioners import PARTITIONERS
from learnflow_kafka.errors import EventError

if TYPE_CHECKING:
    from learnflow_kafka.core.catalog import Partitioner


def key_text(value: object, *, topic: str, field: str) -> str:
    """
    The key of a record as text, from the value of the event's key field.

    Texts as they are, whole numbers in decimal, UUIDs with hyphens. Raises EventError for a
    value that cannot be a key: without one, or with a changing one, order would be lost.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, (int, UUID)) and not isinstance(value, bool):
        return str(value)
    shown = "empty" if value is None else f"a {type(value).__name__}"
    raise EventError(
        f"{field} is {shown}, and it is the key of {topic}: a key is a text or a whole number",
        where=topic,
    )


def producer_settings(partitioner: Partitioner) -> dict[str, str]:
    """What librdkafka's producer must be told; a producer has one partitioner for all topics."""
    return {"partitioner": partitioner.value}


def partition(key: bytes, partitions: int, partitioner: Partitioner) -> int:
    """
    The partition of a key in a topic of so many partitions.

    >>> from learnflow_kafka.core.catalog import Partitioner
    >>> partition(b"student-1", 3, Partitioner.MURMUR2_RANDOM)
    2
    """
    return PARTITIONERS[partitioner.value](key, partitions)
