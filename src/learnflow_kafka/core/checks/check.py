"""One check of a table, and what a table of them finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from learnflow_kafka.core.checks.evidence import NotKnownError
from learnflow_kafka.core.checks.outcomes import not_checked
from learnflow_kafka.core.findings import Finding, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from learnflow_kafka.core.checks.outcomes import Outcome

E = TypeVar("E")
"""The evidence that a table's checks look at."""


@dataclass(frozen=True, slots=True)
class Check(Generic[E]):
    """One check: its stable name, the question it answers, and the function that judges."""

    name: str
    question: str
    judge: Callable[[E], Outcome]


def report(checks: Iterable[Check[E]], evidence: E) -> Report:
    """One finding a check, in their order; what is not known is told as not checked."""
    return Report(tuple(_find(check, evidence) for check in checks))


def _find(check: Check[E], evidence: E) -> Finding:
    try:
        outcome = check.judge(evidence)
    except NotKnownError as error:
        outcome = not_checked(error.unknown.reason, fix=error.unknown.fix)
    return Finding(check.name, outcome.status, outcome.detail, outcome.evidence, outcome.fix)
