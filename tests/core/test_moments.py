"""Moments as people write them."""

from __future__ import annotations

import pytest

from learnflow_kafka.core.moments import format_moment, parse_moment

NOON = 1_795_435_200_000  # 2026-11-23T12:00:00Z


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-11-23T12:00:00Z", NOON),
        ("2026-11-23T12:00:00", NOON),
        ("2026-11-23T13:00:00+01:00", NOON),
        ("2026-11-23", NOON - 12 * 3_600_000),
        ("10m", NOON - 600_000),
        ("1h30m", NOON - 5_400_000),
        ("@1000", 1_000),
        ("9999w", 0),
    ],
)
def test_moments_are_read(text: str, ms: int):
    """ISO times (UTC without a zone), durations ago and epoch milliseconds are moments."""
    assert parse_moment(text, now_ms=NOON) == ms


@pytest.mark.parametrize("text", ["", "yesterday", "10", "forever", "2026-13-01", "@-1", "-5m"])
def test_other_words_are_refused_with_examples(text: str):
    """What is no moment is refused, and the message shows how to write one."""
    with pytest.raises(ValueError, match="2026-11-23T10:00:00Z"):
        parse_moment(text, now_ms=NOON)


def test_formatting_reads_back():
    """A formatted moment is the same moment."""
    assert parse_moment(format_moment(NOON + 7), now_ms=0) == NOON + 7


@pytest.mark.parametrize(("ms", "text"), [(None, "unknown"), (-1, "unknown"), (2**60, f"@{2**60}")])
def test_times_beyond_the_calendar_are_shown_plainly(ms: int | None, text: str):
    """A stamp that no calendar holds is shown as its number, and a missing one as unknown."""
    assert format_moment(ms) == text
