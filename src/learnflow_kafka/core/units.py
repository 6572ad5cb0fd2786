"""
Durations and sizes as people write them: `7d`, `1h30m`, `512Mi`, `-1` is `forever`.

Durations are whole milliseconds, sizes whole bytes; both must fit Kafka's signed 64 bits.
"""

from __future__ import annotations

import re
from typing import Final

MAX_LONG: Final = 2**63 - 1
FOREVER: Final = -1
"""How Kafka writes a retention without end."""

_DURATIONS: Final = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
}
_SIZES: Final = {
    "": 1,
    "B": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
_DURATION: Final = re.compile(r"(?:\d+(?:ms|[smhdw]))+\Z")
_DURATION_PART: Final = re.compile(r"(\d+)(ms|[smhdw])")
_SIZE: Final = re.compile(r"(\d+)\s?(B|k|M|G|T|Ki|Mi|Gi|Ti)?B?\Z")


def parse_duration(text: str) -> int:
    """
    Milliseconds of a duration such as `7d` or `1h30m`; `forever` is -1.

    >>> parse_duration("1h30m")
    5400000

    Raises ValueError, with what to write instead, for anything else.
    """
    text = text.strip()
    if text == "forever":
        return FOREVER
    if not _DURATION.match(text):
        raise ValueError(
            f"{text!r} is not a duration; write a whole number and a unit, "
            "such as 30s, 15m, 12h, 7d or 2w, or 'forever'"
        )
    total = sum(int(n) * _DURATIONS[unit] for n, unit in _DURATION_PART.findall(text))
    if total > MAX_LONG:
        raise ValueError(f"{text!r} is longer than Kafka can hold; write 'forever'")
    return total


def parse_size(text: str) -> int:
    """
    Bytes of a size such as `512Mi` (binary) or `1G` (decimal).

    >>> parse_size("1Mi")
    1048576

    Raises ValueError, with what to write instead, for anything else.
    """
    match = _SIZE.match(text.strip())
    if not match:
        raise ValueError(
            f"{text!r} is not a size; write a whole number and a unit, such as 512Ki, 1Mi or 2Gi"
        )
    total = int(match[1]) * _SIZES[match[2] or ""]
    if total > MAX_LONG:
        raise ValueError(f"{text!r} is more than Kafka can hold")
    return total


def format_duration(ms: int) -> str:
    """
    The shortest exact way to write a duration that `parse_duration` reads back.

    >>> format_duration(604800000)
    '7d'
    """
    if ms == FOREVER:
        return "forever"
    if ms == 0:
        return "0ms"
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, ms = divmod(ms, _DURATIONS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def format_size(size: int) -> str:
    """
    The shortest exact way to write a size that `parse_size` reads back.

    >>> format_size(1048576)
    '1Mi'
    """
    for unit in ("Ti", "Gi", "Mi", "Ki"):
        if size and size % _SIZES[unit] == 0:
            return f"{size // _SIZES[unit]}{unit}"
    return str(size)


def approximate_size(size: float) -> str:
    """
    A size for reading, rounded: `1.4 GiB`.

    >>> approximate_size(1536)
    '1.5 KiB'
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:  # noqa: PLR2004 - the step between binary units
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
