"""How a check ends, before the table gives it its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from learnflow_kafka.core.findings import Status

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finding without its name."""

    status: Status
    detail: str
    evidence: tuple[str, ...] = ()
    fix: str | None = None


def passed(detail: str, evidence: Iterable[str] = ()) -> Outcome:
    """All is as it should be."""
    return Outcome(Status.OK, detail, tuple(evidence))


def warned(detail: str, evidence: Iterable[str] = (), fix: str | None = None) -> Outcome:
    """It works, and somebody should look."""
    return Outcome(Status.WARNING, detail, tuple(evidence), fix)


def failed(detail: str, evidence: Iterable[str] = (), fix: str | None = None) -> Outcome:
    """It is not as it should be."""
    return Outcome(Status.FAILED, detail, tuple(evidence), fix)


def not_checked(detail: str, evidence: Iterable[str] = (), fix: str | None = None) -> Outcome:
    """Nobody knows."""
    return Outcome(Status.NOT_CHECKED, detail, tuple(evidence), fix)
