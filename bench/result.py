"""What a measurement found."""

from __future__ import annotations

from dataclasses import dataclass


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
