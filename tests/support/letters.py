"""Dead letters as the SDK writes them, for tests of what is done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learnflow_kafka.core.dead_letters import DeadLetter, Failure, Origin, headers
from learnflow_kafka.core.names import dead_letter_topic
from learnflow_kafka.core.ports import Fault, NewRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from learnflow_kafka.core.observed import Record
    from learnflow_kafka.core.ports import KafkaData

SOURCE = "orders"
GROUP = "billing"
DLT = dead_letter_topic(SOURCE, GROUP)
OWN = (("trace", b"\xff\x00"), ("trace", None))


def letter(
    offset: int,
    *,
    source: str = SOURCE,
    group: str = GROUP,
    partition: int = 0,
    at: int = 0,
    failed_at_ms: int = 1_700_000_000_000,
    message: str = "no such account",
) -> NewRecord:
    """The dead letter of the event at an offset; `at` is its own partition."""
    origin = Origin(source, partition, offset, 1_600_000_000_000 + offset, "CreateTime", group)
    failure = Failure("shop.NoAccountError", message, stack="Traceback: line 1")
    says = DeadLetter(
        origin, failure, attempts=3, failed_at_ms=failed_at_ms, reason="retries exhausted"
    )
    return NewRecord(
        dead_letter_topic(source, group),
        b"event %d" % offset,
        b"key %d" % (offset % 7),
        (*OWN, *headers(says)),
        partition=at,
    )


def write(data: KafkaData, records: Iterable[NewRecord]) -> None:
    """Write the records; none may be refused."""
    for result in data.produce(iter(records), partitioner="murmur2_random", timeout=30):
        assert not isinstance(result, Fault), result


def shape(records: Iterable[Record]) -> list[tuple[object, ...]]:
    """What must come back: value, key, headers and partition, by value."""
    return sorted((r.value, r.key, r.headers, r.partition) for r in records)
