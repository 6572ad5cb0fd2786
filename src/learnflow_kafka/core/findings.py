"""
What a check found: the one language of `verify` and `doctor`.

A check that could not be made is a finding of its own kind and never counts as passed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


class Status(StrEnum):
    """How a check ended; `FAILED` and `NOT_CHECKED` make the report not OK."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One result of one check.

    `name` is the check's stable name (`topics.partitions`); `detail` one sentence for people;
    `evidence` the objects and values that prove it, one a line; `fix` the next command.
    """

    name: str
    status: Status
    detail: str
    evidence: tuple[str, ...] = ()
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All findings of one run, in the order of the checks."""

    findings: tuple[Finding, ...] = field(default_factory=tuple)

    def count(self, status: Status) -> int:
        """How many findings ended so."""
        return Counter(f.status for f in self.findings)[status]

    def healthy(
        self, *, allow_unchecked: bool = False, left_out: Collection[str] = frozenset()
    ) -> bool:
        """
        Whether nothing failed and, unless allowed, nothing could not be checked.

        `left_out` names the checks that the user did not want to be made.
        """
        if self.count(Status.FAILED):
            return False
        unchecked = {f.name for f in self.findings if f.status is Status.NOT_CHECKED}
        return allow_unchecked or unchecked <= set(left_out)
