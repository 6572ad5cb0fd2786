"""
Moments as people write them: `10m` (ago), `2026-11-23T10:00:00Z`, `@1700000000000`.

A moment is milliseconds since the epoch. A date or time without a zone is UTC, as in Kafka's
own tools, so that a command means the same on every machine.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from learnflow_kafka.core.units import FOREVER, parse_duration

_EXAMPLES: Final = "a time such as 2026-11-23T10:00:00Z, or how long ago, such as 10m, 2h or 7d"


def parse_moment(text: str, *, now_ms: int) -> int:
    """
    Milliseconds since the epoch of a time, or of so long before now.

    >>> parse_moment("1970-01-01T00:00:01Z", now_ms=0)
    1000
    >>> parse_moment("10s", now_ms=60_000)
    50000

    Raises ValueError, with what to write instead, for anything else.
    """
    text = text.strip()
    if text.startswith("@") and text[1:].isdecimal():
        return int(text[1:])
    ago = _ago_ms(text)
    if ago is not None:
        return max(0, now_ms - ago)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a moment; write {_EXAMPLES}") from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return max(0, int(aware.timestamp() * 1000))
    except (OverflowError, ValueError):
        raise ValueError(f"{text!r} is beyond what Kafka can hold; write {_EXAMPLES}") from None


def format_moment(ms: int | None) -> str:
    """
    A moment in UTC, to the millisecond, as `parse_moment` reads it back.

    >>> format_moment(1000)
    '1970-01-01T00:00:01.000Z'
    """
    if ms is None or ms < 0:
        return "unknown"
    try:
        moment = datetime.fromtimestamp(ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        # A producer may stamp records with anything; the number itself is then the best answer.
        return f"@{ms}"
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ago_ms(text: str) -> int | None:
    try:
        ago = parse_duration(text)
    except ValueError:
        return None
    if ago == FOREVER:
        return None
    return ago
