"""
What librdkafka logs, without its floods.

While a broker is away each client says so several times a second. Here a line passes at once
where it is new, and then once in half a minute with the number of those that were left out.
"""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

log: Final = logging.getLogger("learnflow_kafka.sdk")

_AGAIN: Final = 30.0
"""Seconds after which the same line passes once more."""
_REMEMBERED: Final = 200
"""So many different lines are remembered before those that are over are forgotten."""
_CHANGING: Final = re.compile(
    r"\((?:after|average) [^)]*\)|\d+ identical|\d+ request|\d+(?:\.\d+)? ?ms|#\d+"
)
"""What differs between two lines that say the same: times and counts."""
_OTHER_KIND: Final = "and will be ignored by this"
"""Of a setting for consumers that a producer is given too: settings are one value for both."""


class ClientLog:
    """The logger of one client, as librdkafka's binding wants it."""

    def __init__(
        self, target: logging.Logger = log, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._target = target
        self._now = now
        # When a line passed, and how many like it came since. Threads may race: then one line
        # more or less passes.
        self._passed: dict[str, tuple[float, int]] = {}

    def log(self, level: int, message: str, *arguments: object) -> None:
        """Pass a line on, or count it."""
        if level <= logging.DEBUG:  # somebody asked for each
            self._target.log(level, message, *arguments)
            return
        line = message % arguments
        if line.startswith("CONFWARN") and _OTHER_KIND in line:
            return
        left_out = self._left_out(_CHANGING.sub("", line))
        if left_out == 0:
            self._target.log(level, "%s", line)
        elif left_out is not None:
            self._target.log(level, "%s (and %d lines like it were left out)", line, left_out)

    def _left_out(self, same: str) -> int | None:
        """How many such lines were left out before this one, which passes; None: it does not."""
        now = self._now()
        when, count = self._passed.get(same, (-_AGAIN, 0))
        if now - when < _AGAIN:
            self._passed[same] = (when, count + 1)
            return None
        if len(self._passed) >= _REMEMBERED:
            recent = [(k, v) for k, v in list(self._passed.items()) if now - v[0] < _AGAIN]
            self._passed = dict(recent[-_REMEMBERED // 2 :])
        self._passed[same] = (now, 0)
        return count
