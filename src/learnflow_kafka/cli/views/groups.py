"""How consumer groups look, and what happens to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learnflow_kafka.cli.views.lag import NOT_KNOWN, group_json, number, partition_rows
from learnflow_kafka.cli.views.tables import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from learnflow_kafka.app.groups import (
        GroupDeleted,
        GroupDetail,
        GroupLoss,
        GroupSummary,
        Moved,
        ResetPreview,
    )
    from learnflow_kafka.core.observed import GroupMember


def show_list(groups: Sequence[GroupSummary], console: Console) -> None:
    """One line a group."""
    if not groups:
        console.print("There are no consumer groups.")
        return
    rows = table("group", "state", "protocol", "members>", "topics", "lag>")
    for group in groups:
        lag = group.lag
        rows.add_row(
            lag.group,
            lag.state.value,
            lag.protocol.value,
            number(group.members),
            ", ".join(t.topic for t in lag.topics) or "none",
            number(lag.records),
        )
    console.print(rows)


def list_json(groups: Sequence[GroupSummary]) -> dict[str, object]:
    """The list for programs."""
    return {
        "kind": "groups",
        "version": 1,
        "groups": [
            {
                "group": g.lag.group,
                "state": g.lag.state.value,
                "protocol": g.lag.protocol.value,
                "members": g.members,
                "topics": [t.topic for t in g.lag.topics],
                "lag": g.lag.records,
                "note": g.lag.fault,
            }
            for g in groups
        ],
    }


def show_details(details: Sequence[GroupDetail], console: Console) -> None:
    """Each group with its members and its place in each partition."""
    for index, detail in enumerate(details):
        if index:
            console.print()
        group = detail.description
        coordinator = "" if group.coordinator is None else f", coordinator {group.coordinator}"
        console.print(group.name, style="bold")
        console.print(
            f"{group.state.value}, protocol {group.protocol.value}{coordinator}, "
            f"lag {number(detail.lag.records)}"
        )
        if detail.lag.fault:
            console.print(detail.lag.fault)
        if detail.lag.topics:
            console.print(partition_rows(detail.lag.topics))
        _show_members(group.members, console)


def details_json(details: Sequence[GroupDetail]) -> dict[str, object]:
    """The details for programs."""
    return {
        "kind": "group-details",
        "version": 1,
        "groups": [
            {
                **group_json(d.lag),
                "coordinator": d.description.coordinator,
                "members": None
                if d.description.members is None
                else [_member_json(m) for m in d.description.members],
            }
            for d in details
        ],
    }


def show_preview(preview: ResetPreview, console: Console) -> None:
    """Each move, and what stands in its way."""
    rows = table("topic", "partition>", "before>", "after>", "skips>", "note")
    for move in preview.moves:
        rows.add_row(
            move.where.topic,
            str(move.where.partition),
            "none" if move.before is None else str(move.before),
            "stays" if move.after is None else str(move.after),
            _distance(move.before, move.after),
            move.note or ("" if move.changes else "already there"),
        )
    console.print(rows)
    if not preview.moves:
        console.print("There is nothing to move: the group has no place, and no topic was named.")
    if preview.active:
        console.print(
            f"The group is active; this is refused until its members stop: "
            f"{', '.join(preview.active)}"
        )


def show_moved(events: Sequence[Moved], console: Console) -> None:
    """How the moves ended."""
    failed = [e for e in events if e.fault is not None]
    for event in failed:
        console.print(f"{event.move.where}: FAILED: {event.fault}", style="bold red")
    console.print(f"{len(events) - len(failed)} of {len(events)} partitions moved")


def reset_json(
    preview: ResetPreview, events: Sequence[Moved], *, executed: bool
) -> dict[str, object]:
    """The reset for programs."""
    ended = {e.move.where: None if e.fault is None else str(e.fault) for e in events}
    return {
        "kind": "group-reset",
        "version": 1,
        "group": preview.group,
        "executed": executed,
        "active_members": list(preview.active),
        "moves": [
            {
                "topic": m.where.topic,
                "partition": m.where.partition,
                "before": m.before,
                "after": m.after,
                "note": m.note,
                "moved": m.where in ended and ended[m.where] is None,
                "error": ended.get(m.where),
            }
            for m in preview.moves
        ],
    }


def show_losses(losses: Sequence[GroupLoss], console: Console) -> None:
    """What deleting each group forgets."""
    for loss in losses:
        topics = sorted({p.topic for p in loss.places})
        active = f"; active: {', '.join(loss.active)}" if loss.active else ""
        offsets = "offset" if len(loss.places) == 1 else "offsets"
        console.print(
            f"{loss.group}: forgets {len(loss.places)} committed {offsets} on "
            f"{', '.join(topics) or 'no topic'}{active}"
        )


def show_deleted(events: Sequence[GroupDeleted], console: Console) -> None:
    """How each deletion ended."""
    for event in events:
        ended = "deleted" if event.fault is None else f"FAILED: {event.fault}"
        console.print(f"{event.group}: {ended}")


def deletion_json(
    losses: Sequence[GroupLoss], events: Sequence[GroupDeleted], *, dry_run: bool
) -> dict[str, object]:
    """The deletion for programs."""
    ended = {e.group: None if e.fault is None else str(e.fault) for e in events}
    return {
        "kind": "group-deletion",
        "version": 1,
        "dry_run": dry_run,
        "groups": [
            {
                "group": loss.group,
                "committed": [
                    {"topic": p.topic, "partition": p.partition, "offset": offset}
                    for p, offset in sorted(loss.places.items())
                ],
                "active_members": list(loss.active),
                "deleted": loss.group in ended and ended[loss.group] is None,
                "error": ended.get(loss.group),
            }
            for loss in losses
        ],
    }


def _show_members(members: Sequence[GroupMember] | None, console: Console) -> None:
    if members is None:
        console.print("members: this broker does not tell")
        return
    if not members:
        console.print("no members")
        return
    rows = table("member", "client", "host", "reads")
    for member in members:
        reads = ", ".join(map(str, sorted(member.assignment))) or "nothing"
        rows.add_row(member.id, member.client_id, member.host.lstrip("/"), reads)
    console.print(rows)


def _member_json(member: GroupMember) -> dict[str, object]:
    return {
        "id": member.id,
        "client_id": member.client_id,
        "host": member.host.lstrip("/"),
        "assignment": [
            {"topic": p.topic, "partition": p.partition} for p in sorted(member.assignment)
        ],
    }


def _distance(before: int | None, after: int | None) -> str:
    if before is None or after is None:
        return NOT_KNOWN
    return f"{after - before:+,}"
