"""What a measurement found."""

from __future__ import annotations

import os
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Figure:
    """
    One measured number.

    `goal` says in words what was aimed at and `met` whether it was reached (None: no goal);
    `note` says how it was measured and what limits it. `floor`: a smaller value means that
    something broke, however noisy the machine (None: a small value proves nothing).
    """

    name: str
    value: float
    unit: str
    goal: str | None = None
    met: bool | None = None
    note: str = ""
    floor: float | None = None

    @property
    def broken(self) -> bool:
        """Whether the value is below its floor."""
        return self.floor is not None and self.value < self.floor


def at_least(name: str, value: float, unit: str, goal: float, note: str = "") -> Figure:
    """A ratio with a goal; below a third of the goal something broke."""
    return Figure(name, value, unit, f"at least {goal:g}", value >= goal, note, goal / 3)


def median_of(name: str, times: Sequence[float], goal: float, note: str = "") -> Figure:
    """The median of seconds, with a goal that it should not exceed, and how far they spread."""
    median = statistics.median(times)
    runs = f"{len(times)} run{'s' * (len(times) > 1)}"
    spread = f"{runs}, {min(times):.2f} to {max(times):.2f} s; load {os.getloadavg()[0]:.1f}"
    said = f"{spread}; {note}" if note else spread
    return Figure(name, median, "s", f"at most {goal:g} s", median <= goal, said)
