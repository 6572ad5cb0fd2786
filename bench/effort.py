"""How much a benchmark does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Effort:
    """`rounds`: how often each side is measured; `share` of a full run's records and topics."""

    rounds: int
    share: float

    def of(self, count: int) -> int:
        """So many of a full run's records, topics or runs; at least one."""
        return max(1, round(count * self.share))

    @property
    def is_full(self) -> bool:
        """Whether everything is measured, goals in absolute figures among it."""
        return self.share >= 1


FULL: Final = Effort(rounds=5, share=1)
QUICK: Final = Effort(rounds=3, share=0.1)
"""Proves that each benchmark runs, and that ratios are not far below their goals."""
