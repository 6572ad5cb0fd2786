"""What a measurement found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """
    One measured number.

    `goal` says in words what was aimed at and `met` whether it was reached (None: no goal);
    `note` says how it was measured and what limits it.
    """

    name: str
    value: float
    unit: str
    goal: str | None = None
    met: bool | None = None
    note: str = ""
