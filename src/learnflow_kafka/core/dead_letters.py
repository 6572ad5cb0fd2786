"""
What a dead letter says about itself, in its headers.

A dead letter is the record as it was, key, value and headers, with these headers added: where
it came from, which group gave up on it, how often it was tried and why. Its identity is group,
topic, partition and offset: a consumer that is killed between the write and its commit writes
the letter again, and readers show it once. Header values are UTF-8 text; names are stable.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TOPIC: Final = "dlt-original-topic"
PARTITION: Final = "dlt-original-partition"
OFFSET: Final = "dlt-original-offset"
TIMESTAMP: Final = "dlt-original-timestamp"
TIMESTAMP_TYPE: Final = "dlt-original-timestamp-type"
GROUP: Final = "dlt-original-consumer-group"
SERVICE: Final = "dlt-service"
ATTEMPTS: Final = "dlt-attempts"
FAILED_AT: Final = "dlt-failed-at"
REASON: Final = "dlt-reason"
ERROR: Final = "dlt-exception-fqcn"
CAUSE: Final = "dlt-exception-cause-fqcn"
MESSAGE: Final = "dlt-exception-message"
STACK: Final = "dlt-exception-stacktrace"
DUE: Final = "retry-due"
"""Of a record in a retry topic: not before this time (milliseconds since the epoch)."""

OURS: Final = frozenset(
    {
        TOPIC, PARTITION, OFFSET, TIMESTAMP, TIMESTAMP_TYPE, GROUP, SERVICE, ATTEMPTS,
        FAILED_AT, REASON, ERROR, CAUSE, MESSAGE, STACK, DUE,
    }
)  # fmt: skip
"""Every header that this module adds; a replayed record goes back without them."""

LONGEST_MESSAGE: Final = 2_048
LONGEST_STACK: Final = 16_384
"""Characters; a record with its dead-letter headers must still fit into its topic."""


class Reason(StrEnum):
    """Why a record was given up."""

    UNREADABLE = "unreadable"
    """Its bytes hold no event of its topic."""
    EXHAUSTED = "retries exhausted"
    REJECTED = "rejected"
    """The handler said that no retry will help."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a record stood first: its place, time, and who could not handle it."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    timestamp_type: str
    group: str
    service: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong at the last try; class names are fully qualified."""

    error: str
    message: str
    stack: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What the headers of a dead letter (or of a record in a retry topic) say."""

    origin: Origin
    failure: Failure
    attempts: int
    failed_at_ms: int
    reason: str = ""
    due_ms: int | None = None

    @property
    def identity(self) -> tuple[str, str, int, int]:
        """Group, topic, partition and offset: the same for the same letter written twice."""
        origin = self.origin
        return origin.group, origin.topic, origin.partition, origin.offset


def headers(letter: DeadLetter) -> list[tuple[str, bytes]]:
    """The headers that say all this; empty texts are left out."""
    origin, failure = letter.origin, letter.failure
    texts = {
        TOPIC: origin.topic,
        PARTITION: str(origin.partition),
        OFFSET: str(origin.offset),
        TIMESTAMP: str(origin.timestamp_ms),
        TIMESTAMP_TYPE: origin.timestamp_type,
        GROUP: origin.group,
        SERVICE: origin.service,
        ATTEMPTS: str(letter.attempts),
        FAILED_AT: str(letter.failed_at_ms),
        REASON: letter.reason,
        ERROR: failure.error,
        CAUSE: failure.cause,
        MESSAGE: failure.message[:LONGEST_MESSAGE],
        STACK: failure.stack[-LONGEST_STACK:],
        DUE: "" if letter.due_ms is None else str(letter.due_ms),
    }
    return [(name, text.encode("utf-8", "replace")) for name, text in texts.items() if text]


def parse(pairs: Iterable[tuple[str, bytes | None]]) -> DeadLetter | None:
    """What a record's headers say, or None where they are not those of a dead letter."""
    texts = {
        name: value.decode("utf-8", "replace")
        for name, value in pairs
        if name in OURS and value is not None
    }
    try:
        origin = Origin(
            topic=texts[TOPIC],
            partition=int(texts[PARTITION]),
            offset=int(texts[OFFSET]),
            timestamp_ms=int(texts[TIMESTAMP]),
            timestamp_type=texts.get(TIMESTAMP_TYPE, ""),
            group=texts[GROUP],
            service=texts.get(SERVICE, ""),
        )
        return DeadLetter(
            origin,
            _failure(texts),
            attempts=int(texts[ATTEMPTS]),
            failed_at_ms=int(texts[FAILED_AT]),
            reason=texts.get(REASON, ""),
            due_ms=int(texts[DUE]) if DUE in texts else None,
        )
    except (KeyError, ValueError):
        return None


def _failure(texts: Mapping[str, str]) -> Failure:
    return Failure(
        error=texts.get(ERROR, ""),
        message=texts.get(MESSAGE, ""),
        stack=texts.get(STACK, ""),
        cause=texts.get(CAUSE, ""),
    )
