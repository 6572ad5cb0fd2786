"""
How a plan and its execution look: text for people, Markdown for a review, JSON for programs.

Each step begins with a mark: `+` creates, `~` changes, `>` adds partitions, `=` gives a group
a place, `-` deletes, `!` is blocked. What is risky says so in words, never by colour alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from learnflow_kafka.app.events import (
    Done,
    Failed,
    Planned,
    Proved,
    Skipped,
    Stopped,
    Waiting,
    succeeded,
)
from learnflow_kafka.cli.views.tables import records_text
from learnflow_kafka.core.catalog import NOWHERE
from learnflow_kafka.core.plans.changes import (
    AddPartitions,
    AlterConfig,
    CommitOffsets,
    CreateTopic,
    DeleteTopic,
)
from learnflow_kafka.core.plans.desired import CAPPED, ISR_CAPPED
from learnflow_kafka.core.plans.plan import Severity, VerdictKind
from learnflow_kafka.core.plans.planfile import step_document, to_document
from learnflow_kafka.core.plans.policy import ago
from learnflow_kafka.core.plans.removals import both
from learnflow_kafka.core.plans.words import shown
from learnflow_kafka.core.units import approximate_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console

    from learnflow_kafka.app.events import Event
    from learnflow_kafka.core.catalog import Place
    from learnflow_kafka.core.plans.changes import Change
    from learnflow_kafka.core.plans.plan import Plan, Risk, Step, Tombstoned
    from learnflow_kafka.core.plans.removals import Removal
    from learnflow_kafka.errors import LearnflowError

_RANGES: Final = 6
"""How many partitions' offset ranges are listed; JSON has all."""

_NAMES: Final = 20
_FEW: Final = 3
_STYLES: Final = {"+": "green", "~": "yellow", ">": "yellow", "=": "cyan", "-": "bold red"}
_RISKS: Final = {
    Severity.NONE: "",
    Severity.LOW: "",
    Severity.MEDIUM: "yellow",
    Severity.HIGH: "bold red",
}


def show(plan: Plan, console: Console) -> None:
    """The whole plan: steps, what is blocked, what waits for a flag, drift, the count."""
    console.print(heading(plan), style="bold")
    for line in _notices(plan):
        console.print(f"  note: {line}")
    console.print()
    for step in plan.steps:
        _show_step(step, console)
    for blocked in plan.blocked:
        console.print(f"! {blocked.topic}: {blocked.what}  [{blocked.rule}]", style="bold red")
        console.print(f"    why: {blocked.why}{_at(blocked.place)}")
        console.print(f"    next: {blocked.fix}")
    for line in _waiting_deletes(plan):
        console.print(line)
    if plan.steps or plan.blocked or plan.tombstoned:
        console.print()
    for line in (*_drift(plan), *_unchecked(plan)):
        console.print(line)
    console.print(summary(plan), style="bold")


def _notices(plan: Plan) -> Iterator[str]:
    """Fitting to a small cluster in one line (JSON has each); every other notice once."""
    topics: dict[str, list[str]] = {}
    capped = {CAPPED: 0, ISR_CAPPED: 0}
    for notice in plan.notices:
        if notice.rule in capped:
            capped[notice.rule] += 1
        else:
            topics.setdefault(notice.what, []).append(notice.topic)
    if capped[CAPPED]:
        brokers = f"{plan.brokers} broker{'' if plan.brokers == 1 else 's'}"
        also = " and min.insync.replicas fitted" if capped[ISR_CAPPED] else ""
        count = f"{capped[CAPPED]} topic{'' if capped[CAPPED] == 1 else 's'}"
        yield f"fewer copies than declared, for {brokers}: replication capped{also} on {count}"
    for what, names in topics.items():
        yield f"{what} ({_listed(names)})" if any(names) else what


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return f"{', '.join(names[:_FEW])}{more}"


def heading(plan: Plan) -> str:
    """Which catalog, environment and cluster, and how much of it."""
    place = f", environment {plan.environment}" if plan.environment else ""
    counts = plan.counts
    looked = (
        ""
        if counts.selected == counts.declared + counts.derived
        else (f"; {counts.selected} of them selected")
    )
    return (
        f"catalog {plan.catalog}{place}, cluster {plan.cluster_id}: "
        f"{counts.declared} declared + {counts.derived} derived{looked}"
    )


def summary(plan: Plan) -> str:
    """The plan in one line."""
    parts = [
        f"{count} to {word}"
        for kind, word in (
            (CreateTopic, "create"),
            (AlterConfig, "change"),
            (AddPartitions, "grow"),
            (CommitOffsets, "commit"),
            (DeleteTopic, "delete"),
        )
        if (count := plan.count(kind))
    ]
    waiting = sum(not item.allowed for item in plan.tombstoned)
    parts += [f"{waiting} waiting for --allow-delete"] if waiting else []
    parts += [f"{len({b.topic for b in plan.blocked})} blocked"] if plan.blocked else []
    parts += [f"{plan.counts.unchanged} unchanged"] if plan.counts.unchanged else []
    text = ", ".join(parts)
    return f"plan: {text}" if plan.pending else f"nothing to do{f': {text}' if text else ''}"


def headline(change: Change) -> tuple[str, str]:
    """The mark of a change, and what it does in one line."""
    match change:
        case CreateTopic():
            return "+", f"create {change.topic}: {_topic_words(change)}"
        case AlterConfig():
            edits = ", ".join(
                f"{e.key} {shown(e.key, e.before if e.before is not None else e.effective)} -> "
                f"{'(removed)' if e.after is None else shown(e.key, e.after)}"
                for e in change.edits
            )
            return "~", f"change {change.topic}: {edits}"
        case AddPartitions():
            return ">", f"grow {change.topic}: {change.current} -> {change.total} partitions"
        case CommitOffsets():
            numbers = ", ".join(map(str, change.offsets))
            return "=", f"commit {change.topic}: group {change.group} at 0 of partition {numbers}"
        case DeleteTopic():
            return "-", f"delete {change.topic}"


def _topic_words(change: CreateTopic) -> str:
    plural = "" if change.partitions == 1 else "s"
    copies = "the broker's" if change.replication is None else str(change.replication)
    configs = "".join(f", {key} {shown(key, value)}" for key, value in change.config.items())
    return f"{change.partitions} partition{plural}, replication {copies}{configs}"


def _show_step(step: Step, console: Console) -> None:
    mark, text = headline(step.change)
    console.print(f"{mark} {text}", style=_STYLES[mark])
    for why in step.why:
        console.print(f"    why: {why}{_at(step.place)}")
    for risk in step.risks:
        console.print(f"    risk {risk.severity}: {risk.what}", style=_RISKS[risk.severity])
        for line in _ranges(risk):
            console.print(f"      {line}")


def _ranges(risk: Risk) -> Iterator[str]:
    for gone in risk.removed[:_RANGES]:
        yield f"partition {gone.partition}: offsets {gone.first:,} to {gone.until - 1:,}"
    if len(risk.removed) > _RANGES:
        yield f"and {len(risk.removed) - _RANGES} more partitions (--json has all)"


def _waiting_deletes(plan: Plan) -> Iterator[str]:
    for item in plan.tombstoned:
        yield f"- {item.topic} has a tombstone: {item.reason}{_at(item.place)}"
        yield f"    {loss_words(item, plan.made_ms)}"
        if not item.allowed:
            yield f"    next: to delete it, add --allow-delete {item.topic}"


def loss_words(item: Tombstoned, now_ms: int) -> str:
    """What deleting the topic would destroy, in one line."""
    loss = item.loss
    parts = [
        "records not known" if loss.records is None else records_text(loss.records),
        "bytes not known" if loss.bytes is None else approximate_size(loss.bytes),
        "no write known"
        if loss.last_write_ms is None
        else f"last write {ago(now_ms - loss.last_write_ms)}",
        f"groups with offsets: {', '.join(loss.groups) or 'none'}",
        f"active: {', '.join(loss.active) or 'none'}",
    ]
    if loss.unknown:
        parts.append(f"not allowed to look at: {', '.join(loss.unknown)}")
    return "; ".join(parts)


def _drift(plan: Plan) -> Iterator[str]:
    if plan.drift.topics is None:
        yield "undeclared topics: not checked"
    elif plan.drift.topics:
        names = plan.drift.topics
        more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
        yield f"undeclared topics, left alone: {', '.join(names[:_NAMES])}{more}"
    for topic, configs in plan.drift.configs.items():
        keys = ", ".join(f"{key} {shown(key, value)}" for key, value in configs.items())
        yield f"undeclared configs of {topic}, left alone: {keys}"


def _unchecked(plan: Plan) -> Iterator[str]:
    reasons: dict[str, int] = {}
    for step in plan.steps:
        if step.verdict.kind is VerdictKind.NOT_CHECKED:
            reasons[step.verdict.detail] = reasons.get(step.verdict.detail, 0) + 1
    for reason, count in reasons.items():
        yield f"not checked by the broker: {count} step{'' if count == 1 else 's'} ({reason})"


def _at(place: Place) -> str:
    return "" if place == NOWHERE else f" ({place})"


# --- Markdown ---------------------------------------------------------------


def markdown(plan: Plan) -> str:
    """The plan for a pull request."""
    lines = [f"### learnflow: {summary(plan).removeprefix('plan: ')}", "", heading(plan), ""]
    if plan.steps:
        lines += ["| | change | why | risk |", "|---|---|---|---|"]
        lines += [_row(step) for step in plan.steps]
        lines.append("")
    if plan.blocked:
        lines += ["**Blocked**, left alone as a whole:", ""]
        lines += [
            f"- `{b.topic}` {_cell(b.what)}: {_cell(b.why)}{_at(b.place)}. "
            f"Next: {_cell(b.fix)} (`{b.rule}`)"
            for b in plan.blocked
        ]
        lines.append("")
    lines += [f"- {_cell(line.strip())}" for line in _waiting_deletes(plan)]
    lines += [f"- {_cell(line)}" for line in (*_notices(plan), *_drift(plan), *_unchecked(plan))]
    return "\n".join(lines).rstrip() + "\n"


def _row(step: Step) -> str:
    mark, text = headline(step.change)
    risks = "<br>".join(
        f"**{r.severity}**: {_cell('; '.join((r.what, *_ranges(r))))}" for r in step.risks
    )
    why = "<br>".join(_cell(w) for w in step.why) + _at(step.place)
    return f"| `{mark}` | {_cell(text)} | {why} | {risks or 'none'} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


# --- the execution ----------------------------------------------------------


def line(event: Event, total: int) -> str | None:
    """One event in one line; None for what is shown otherwise."""
    match event:
        case Planned():
            return None
        case Waiting():
            text = f"waiting for brokers: {event.alive} of {event.wanted} are there"
        case Stopped():
            text = (
                f"stopped: {event.done} of {event.total} steps are done, and stay done; "
                "`learnflow apply` goes on from there"
            )
        case Proved():
            text = _proof(event)
        case Done() | Failed() | Skipped():
            text = f"[{event.number}/{total}] {_result(event)}"
    return text


def _result(event: Done | Failed | Skipped) -> str:
    text = _text(event.step)
    match event:
        case Done():
            return f"done  {text}" + (f"  ({event.note})" if event.note else "")
        case Failed():
            return f"FAILED  {text}: {event.fault}"
        case Skipped():
            return f"skipped  {text}: {event.why}"


def _text(step: Step) -> str:
    """The step without the details that the plan has shown."""
    mark, text = headline(step.change)
    return f"{mark} {text if isinstance(step.change, AlterConfig) else text.partition(':')[0]}"


def _proof(event: Proved) -> str:
    if not event.empty:
        unseen = [f"{b.topic}: {b.what}" for b in event.unseen]
        return f"a second plan is not empty: {'; '.join([*map(_text, event.left), *unseen])}"
    if event.later:
        steps = "; ".join(_text(step) for step in event.later)
        return f"a second plan holds what the policy put off, and nothing else: {steps}"
    if event.blocked:
        names = sorted({b.topic for b in event.blocked})
        return f"proved: a second plan holds nothing but what is blocked: {', '.join(names)}"
    return "proved: a second plan is empty"


def removal_lines(removals: Iterable[Removal]) -> Iterator[str]:
    """What a saved plan removes, as it showed and now."""
    for removal in removals:
        yield f"records that go from {removal.topic}: {both(removal)}"


def as_json(plan: Plan) -> dict[str, object]:
    """The plan as its document (docs/reference/plan.schema.json)."""
    return to_document(plan)


def applied_json(
    plan: Plan | None,
    events: Sequence[Event],
    error: LearnflowError | None = None,
    removals: Iterable[Removal] = (),
) -> dict[str, object]:
    """
    A whole run for programs: the plan, an entry a step, the proof, and what stopped it.

    `removals`: records that a saved plan showed to go, and that go now (null: not known).
    """
    proofs = [e for e in events if isinstance(e, Proved)]
    return {
        "kind": "applied",
        "version": 1,
        "ok": error is None and succeeded(events),
        "plan": to_document(plan) if plan else None,
        "steps": [entry for event in events if (entry := _entry(event))],
        "proof": _proof_json(proofs[-1]) if proofs else None,
        "removals": [
            {"topic": r.topic, "shown": r.shown.records, "now": r.now.records, "grew": r.grew}
            for r in removals
        ],
        "error": {
            "error": type(error).__name__,
            "what": error.what,
            "where": error.where,
            "fix": error.fix,
        }
        if error
        else None,
    }


def _entry(event: Event) -> dict[str, object] | None:
    match event:
        case Done():
            return {
                "number": event.number,
                "topic": event.step.topic,
                "result": "done",
                "detail": event.note,
            }
        case Failed():
            return {
                "number": event.number,
                "topic": event.step.topic,
                "result": "failed",
                "detail": str(event.fault),
                "code": event.fault.code,
            }
        case Skipped():
            return {
                "number": event.number,
                "topic": event.step.topic,
                "result": "skipped",
                "detail": event.why,
            }
        case _:
            return None


def _proof_json(proof: Proved) -> dict[str, object]:
    return {
        "empty": proof.empty,
        "left": [step_document(step) for step in proof.left],
        "later": [step_document(step) for step in proof.later],
        "blocked": sorted({b.topic for b in proof.blocked}),
    }
