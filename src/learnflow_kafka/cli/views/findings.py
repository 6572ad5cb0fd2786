"""
How findings look, for `verify` and `doctor` alike.

A mark in words stands before each line, so that nothing hangs on colour. What passed is one
line; what did not shows its evidence and the next step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.findings import Status

if TYPE_CHECKING:
    from rich.console import Console

    from learnflow_kafka.core.findings import Finding, Report

MARKS: Final = {
    Status.OK: "ok",
    Status.WARNING: "warning",
    Status.FAILED: "FAILED",
    Status.NOT_CHECKED: "unchecked",
}
_STYLES: Final = {
    Status.OK: "green",
    Status.WARNING: "yellow",
    Status.FAILED: "bold red",
    Status.NOT_CHECKED: "magenta",
}
_SHOWN: Final = 12
_MARK: Final = max(map(len, MARKS.values()))


def show(report: Report, console: Console, *, healthy: bool) -> None:
    """Every finding in the order of the checks, and the verdict last."""
    width = max((len(f.name) for f in report.findings), default=0)
    for finding in report.findings:
        _show_one(finding, console, width)
    console.print(summary(report, healthy=healthy), style="bold green" if healthy else "bold red")


def summary(report: Report, *, healthy: bool) -> str:
    """
    The verdict in one line.

    >>> from learnflow_kafka.core.findings import Finding, Report, Status
    >>> summary(Report((Finding("a.b", Status.OK, "fine"),)), healthy=True)
    'healthy: 1 ok'
    """
    counts = ((status, report.count(status)) for status in Status)
    told = ", ".join(f"{count} {status}" for status, count in counts if count)
    return f"{'healthy' if healthy else 'not healthy'}: {told or 'nothing was checked'}"


def as_json(report: Report, *, healthy: bool) -> dict[str, object]:
    """The report for programs: `healthy` is what the exit code says."""
    return {
        "kind": "report",
        "version": 1,
        "healthy": healthy,
        "counts": {status.value: report.count(status) for status in Status},
        "findings": [
            {
                "name": f.name,
                "status": f.status.value,
                "detail": f.detail,
                "evidence": list(f.evidence),
                "fix": f.fix,
            }
            for f in report.findings
        ],
    }


def unsettled(report: Report) -> str:
    """What is not fine yet, in one line, for somebody who waits."""
    open_ = [f for f in report.findings if f.status in {Status.FAILED, Status.NOT_CHECKED}]
    failed = [f for f in open_ if f.status is Status.FAILED] or open_
    if not failed:
        return "nothing"
    more = len(open_) - 1
    return f"{failed[0].name}: {failed[0].detail}" + (f" (and {more} more)" if more else "")


def _show_one(finding: Finding, console: Console, width: int) -> None:
    from rich.text import Text  # noqa: PLC0415 - with the console, never for JSON

    line = Text.assemble(
        (f"{MARKS[finding.status]:<{_MARK}}", _STYLES[finding.status]),
        f"  {finding.name:<{width}}  {finding.detail}",
    )
    console.print(line)
    if finding.status is Status.OK:
        return
    indent = " " * (_MARK + 2)
    for proof in finding.evidence[:_SHOWN]:
        console.print(f"{indent}- {proof}")
    if len(finding.evidence) > _SHOWN:
        console.print(f"{indent}- and {len(finding.evidence) - _SHOWN} more (--json has all)")
    if finding.fix:
        console.print(f"{indent}next: {finding.fix}")
