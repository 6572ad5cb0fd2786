"""
How a diagnosis looks: the cause first, its proof and the way out; what follows from it below.

Marks are words, so that nothing hangs on colour.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from learnflow_kafka.cli.views.findings import MARKS
from learnflow_kafka.core.diagnosis.evidence import Where
from learnflow_kafka.core.findings import Status

if TYPE_CHECKING:
    from rich.console import Console

    from learnflow_kafka.core.diagnosis.causes import Cause
    from learnflow_kafka.core.diagnosis.evidence import Evidence
    from learnflow_kafka.core.diagnosis.ranking import Ranked
    from learnflow_kafka.core.diagnosis.table import Diagnosis

_STYLES: Final = {Status.FAILED: "bold red", Status.WARNING: "yellow"}
_PROOFS: Final = 12
_MARK: Final = max(map(len, MARKS.values()))
_INDENT: Final = " " * (_MARK + 2)


def show(found: Diagnosis, evidence: Evidence, console: Console, *, healthy: bool) -> None:
    """Every cause with its consequences, what was not looked at, and the verdict last."""
    for ranked in found.causes:
        if ranked.of is None:
            _show_cause(ranked.cause, console)
        else:
            console.print(
                f"{_INDENT}so: {ranked.cause.rule}  {ranked.cause.detail}", highlight=False
            )
    for reason, group in groupby(found.unchecked, key=lambda u: u.skipped):
        rules = ", ".join(u.rule for u in group)
        console.print(f"{MARKS[Status.NOT_CHECKED]:<{_MARK}}  {reason.part}: {reason.reason}")
        console.print(f"{_INDENT}not judged: {rules}")
        if reason.fix:
            console.print(f"{_INDENT}next: {reason.fix}")
    console.print(
        summary(found, evidence, healthy=healthy), style="bold green" if healthy else "bold red"
    )


def summary(found: Diagnosis, evidence: Evidence, *, healthy: bool) -> str:
    """The verdict in one line."""
    roots = sum(r.of is None and r.cause.status is Status.FAILED for r in found.causes)
    notes = sum(r.cause.status is Status.WARNING for r in found.causes)
    following = len(found.causes) - roots - notes
    counts = (
        (roots, "cause"),
        (following, "consequence"),
        (notes, "warning"),
        (len(found.fine), "rule") if not found.causes and not found.unchecked else (0, ""),
        (len(found.unchecked), "rule not judged"),
    )
    told = ", ".join(f"{n} {noun if n == 1 else _plural(noun)}" for n, noun in counts if n)
    verdict = "nothing is wrong" if healthy else "not healthy"
    return f"{verdict} {_place(evidence)}: {told or 'nothing was looked at'}"


def as_json(found: Diagnosis, evidence: Evidence, *, healthy: bool) -> dict[str, object]:
    """The diagnosis for programs: `healthy` is what the exit code says."""
    return {
        "kind": "diagnosis",
        "version": 1,
        "healthy": healthy,
        "where": evidence.where.value,
        "namespace": evidence.namespace or None,
        "causes": [_cause_json(r) for r in found.causes],
        "fine": list(found.fine),
        "unchecked": [
            {
                "name": u.rule,
                "part": u.skipped.part.value,
                "reason": u.skipped.reason,
                "fix": u.skipped.fix,
            }
            for u in found.unchecked
        ],
        "skipped": [
            {"part": s.part.value, "reason": s.reason, "fix": s.fix} for s in evidence.skipped
        ],
    }


def _cause_json(ranked: Ranked) -> dict[str, object]:
    cause, remedy = ranked.cause, ranked.cause.remedy
    return {
        "name": cause.rule,
        "status": cause.status.value,
        "about": list(cause.about),
        "detail": cause.detail,
        "proof": [{"object": p.object, "field": p.field, "value": p.value} for p in cause.proof],
        "fix": None
        if remedy is None
        else {
            "what": remedy.what,
            "safety": remedy.safety.value,
            "command": remedy.command,
            "manifest": remedy.manifest,
        },
        "because": None
        if ranked.of is None
        else {"name": ranked.of.rule, "about": list(ranked.of.about)},
    }


def _show_cause(cause: Cause, console: Console) -> None:
    from rich.text import Text  # noqa: PLC0415 - with the console, never for JSON

    mark = (f"{MARKS[cause.status]:<{_MARK}}", _STYLES.get(cause.status, ""))
    console.print(Text.assemble(mark, f"  {cause.rule}  {cause.detail}"))
    for proof in cause.proof[:_PROOFS]:
        console.print(f"{_INDENT}- {proof}", highlight=False, markup=False)
    if len(cause.proof) > _PROOFS:
        console.print(f"{_INDENT}- and {len(cause.proof) - _PROOFS} more (--json has all)")
    if cause.remedy is None:
        return
    console.print(f"{_INDENT}fix ({cause.remedy.safety}): {cause.remedy.what}", markup=False)
    if cause.remedy.command:
        console.print(
            f"{_INDENT}  {cause.remedy.command}", markup=False, highlight=False, soft_wrap=True
        )
    for line in (cause.remedy.manifest or "").splitlines():
        console.print(f"{_INDENT}  {line}", markup=False, highlight=False, soft_wrap=True)


def _plural(noun: str) -> str:
    return "rules not judged" if noun == "rule not judged" else f"{noun}s"


def _place(evidence: Evidence) -> str:
    if evidence.where is Where.KUBERNETES:
        return f"in namespace {evidence.namespace}"
    if evidence.where is Where.LOCAL:
        return "on this machine"
    return f"at {evidence.target}"
