"""How lag looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from learnflow_kafka.cli.views.tables import records_text, table
from learnflow_kafka.core.lag import LagStatus, Verdict
from learnflow_kafka.core.observed import GroupState
from learnflow_kafka.core.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.table import Table

    from learnflow_kafka.core.catalog import LagObjective
    from learnflow_kafka.core.lag import GroupLag, LagReport, PartitionLag, TopicLag

NOT_KNOWN: Final = "?"
"""Stands where a number cannot be said; never 0."""


def show(report: LagReport, console: Console, *, partitions: bool = False) -> None:
    """One line a group and topic, or, with `partitions`, one a partition."""
    if not report.groups:
        console.print("There are no consumer groups.")
        return
    console.print(_partition_rows(report) if partitions else _topic_rows(report))
    for group in report.groups:
        if group.fault:
            console.print(f"{group.group}: {group.fault}")
    for topic in report.verdicts(Verdict.BROKEN):
        console.print(f"late: {topic.group} on {topic.topic}: {topic.reason}", style="bold red")
    for topic in report.verdicts(Verdict.UNKNOWN):
        console.print(f"not checked: {topic.group} on {topic.topic}: {topic.reason}")


def as_json(report: LagReport) -> dict[str, object]:
    """The report for programs."""
    return {
        "kind": "lag",
        "version": 1,
        "within_objectives": report.within_objectives,
        "groups": [group_json(group) for group in report.groups],
    }


def group_json(group: GroupLag) -> dict[str, object]:
    """One group for programs."""
    return {
        "group": group.group,
        "state": group.state.value,
        "protocol": group.protocol.value,
        "service": group.service,
        "records": group.records,
        "note": group.fault,
        "topics": [_topic_json(topic) for topic in group.topics],
    }


def partition_rows(topics: Sequence[TopicLag]) -> Table:
    """A table with one line a partition."""
    rows = table("topic", "partition>", "committed>", "end>", "lag>", "member", "note")
    for topic in topics:
        for partition in topic.partitions:
            rows.add_row(
                topic.topic,
                str(partition.partition),
                number(partition.committed),
                number(partition.end),
                number(partition.records),
                partition.member or "",
                _note(partition),
            )
    return rows


def number(value: int | None) -> str:
    """A count for reading."""
    return NOT_KNOWN if value is None else f"{value:,}"


def _topic_rows(report: LagReport) -> Table:
    rows = table("group", "state", "topic", "lag>", "objective", "verdict", "note")
    for group in report.groups:
        if not group.topics:
            rows.add_row(group.group, _state(group), "none", NOT_KNOWN, "", "", "")
        for topic in group.topics:
            rows.add_row(
                group.group,
                _state(group),
                topic.topic,
                number(topic.records),
                _objective(topic.objective),
                "" if topic.verdict is Verdict.NONE else topic.verdict.value,
                _topic_note(topic),
            )
    return rows


def _state(group: GroupLag) -> str:
    """Kafka calls a group that it does not know dead; most of them were never born."""
    return "none yet" if group.state is GroupState.DEAD else group.state.value


def _partition_rows(report: LagReport) -> Table:
    rows = table("group", "topic", "partition>", "committed>", "end>", "lag>", "note")
    for group in report.groups:
        for topic in group.topics:
            for p in topic.partitions:
                cells = (p.partition, p.committed, p.end, p.records)
                rows.add_row(group.group, topic.topic, *map(number, cells), _note(p))
    return rows


def _objective(objective: LagObjective | None) -> str:
    if objective is None:
        return ""
    parts = []
    if objective.max_records is not None:
        parts.append(records_text(objective.max_records))
    if objective.max_age_ms is not None:
        parts.append(format_duration(objective.max_age_ms))
    return ", ".join(parts)


def _topic_note(topic: TopicLag) -> str:
    notes = []
    lost = sum(p.lost for p in topic.partitions)
    if lost:
        notes.append(f"{lost:,} removed unread")
    for status in (LagStatus.NO_COMMIT, LagStatus.BEYOND_END, LagStatus.NO_END):
        count = sum(p.status is status for p in topic.partitions)
        if count:
            notes.append(f"{status.value} on {count} of {len(topic.partitions)}")
    if not topic.partitions:
        notes.append("the topic does not exist")
    return ", ".join(notes)


def _note(partition: PartitionLag) -> str:
    notes = [] if partition.status is LagStatus.KNOWN else [partition.status.value]
    if partition.lost:
        notes.append(f"{partition.lost:,} removed unread")
    if partition.overdue:
        notes.append("overdue")
    return ", ".join(notes)


def _topic_json(topic: TopicLag) -> dict[str, object]:
    objective = topic.objective
    return {
        "topic": topic.topic,
        "records": topic.records,
        "partitions_unknown": topic.unknown,
        "objective": objective
        and {"max_records": objective.max_records, "max_age_ms": objective.max_age_ms},
        "verdict": topic.verdict.value,
        "reason": topic.reason,
        "partitions": [
            {
                "partition": p.partition,
                "committed": p.committed,
                "start": p.start,
                "end": p.end,
                "records": p.records,
                "lost": p.lost,
                "status": p.status.value,
                "overdue": p.overdue,
                "member": p.member,
            }
            for p in topic.partitions
        ],
    }
