"""Records a second, counted the same way on every side."""

from __future__ import annotations

import time
from typing import Final

WARM: Final = 10
"""The first record in so many is warming up: connections, caches, what was fetched ahead."""


class Meter:
    """Counts records; the clock runs from the end of the warming up to the last one."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._first = count // WARM
        self._start = self._end = 0.0
        self.seen = 0

    def tick(self) -> None:
        """One record was handled."""
        self.seen += 1
        if self.seen == self._first:
            self._start = time.perf_counter()
        elif self.seen == self._count:
            self._end = time.perf_counter()

    @property
    def done(self) -> bool:
        """Whether the last record was handled."""
        return self.seen >= self._count

    @property
    def rate(self) -> float:
        """Records a second."""
        return (self._count - self._first) / (self._end - self._start)
