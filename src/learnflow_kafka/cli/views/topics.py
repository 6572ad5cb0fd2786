"""How topics look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learnflow_kafka.cli.views.tables import records_text, table
from learnflow_kafka.core.moments import format_moment
from learnflow_kafka.core.observed import ConfigSource
from learnflow_kafka.core.plans.words import shown
from learnflow_kafka.core.text import counted
from learnflow_kafka.core.units import approximate_size, format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from learnflow_kafka.app.topics import Deleted, PartitionDetail, TopicDetail, TopicSummary
    from learnflow_kafka.core.plans.plan import Loss
    from learnflow_kafka.core.uses import Use

UNKNOWN = "?"


def show_list(
    topics: Sequence[TopicSummary], console: Console, *, apply: str = "learnflow apply"
) -> None:
    """One line a topic; `apply` is the command that would make some."""
    if not topics:
        console.print(f"There are no topics. `{apply}` makes those of the catalog.")
        return
    rows = table("topic", "partitions>", "replication>", "size>", "retention>", "problems")
    for topic in topics:
        rows.add_row(
            topic.state.name,
            str(len(topic.state.partitions)),
            _replication(topic),
            size(topic.bytes),
            _retention(topic),
            "; ".join(topic.problems) or "none",
        )
    console.print(rows)


def list_json(topics: Sequence[TopicSummary]) -> dict[str, object]:
    """The list for programs."""
    return {"kind": "topics", "version": 1, "topics": [_summary_json(t) for t in topics]}


def show_details(details: Sequence[TopicDetail], console: Console) -> None:
    """Each topic with its partitions and configs."""
    for number, detail in enumerate(details):
        if number:
            console.print()
        _show_detail(detail, console)


def details_json(details: Sequence[TopicDetail]) -> dict[str, object]:
    """The details for programs."""
    return {"kind": "topic-details", "version": 1, "topics": [_detail_json(d) for d in details]}


def show_losses(losses: Mapping[str, Loss], used: Sequence[Use], console: Console) -> None:
    """What deleting each topic destroys, and which services use it."""
    for name, loss in losses.items():
        console.print(f"{name}: {_loss_text(loss)}")
    for use in used:
        console.print(f"{use.topic}: {_use_text(use)}")


def show_deleted(events: Sequence[Deleted], console: Console) -> None:
    """How each deletion ended."""
    for event in events:
        ended = "deleted" if event.fault is None else f"FAILED: {event.fault}"
        console.print(f"{event.topic}: {ended}")


def deletion_json(
    losses: Mapping[str, Loss], used: Sequence[Use], events: Sequence[Deleted], *, dry_run: bool
) -> dict[str, object]:
    """The deletion for programs."""
    declared = {use.topic: use for use in used}
    ended = {e.topic: None if e.fault is None else str(e.fault) for e in events}
    return {
        "kind": "topic-deletion",
        "version": 1,
        "dry_run": dry_run,
        "topics": [
            {
                "name": name,
                "records": loss.records,
                "bytes": loss.bytes,
                "last_write_ms": loss.last_write_ms,
                "groups": list(loss.groups),
                "active_groups": list(loss.active),
                "declared": _use_json(declared[name]) if name in declared else None,
                "deleted": name in ended and ended[name] is None,
                "error": ended.get(name),
            }
            for name, loss in losses.items()
        ],
    }


def size(count: int | None) -> str:
    """Bytes for reading."""
    return UNKNOWN if count is None else approximate_size(count)


def _loss_text(loss: Loss) -> str:
    written = "never" if loss.records == 0 else format_moment(loss.last_write_ms)
    groups = [f"{g} (active)" if g in loss.active else g for g in loss.groups]
    return (
        f"{records_text(loss.records)}, {size(loss.bytes)} a copy, last write {written}, "
        f"groups: {', '.join(groups) or 'none'}"
    )


def _use_text(use: Use) -> str:
    what = "declared in" if use.source is None else f"it follows {use.source} in"
    return (
        f"{what} catalog {use.catalog}; produced by {', '.join(use.produced_by) or 'no service'}, "
        f"consumed by {', '.join(use.consumed_by) or 'no service'}; "
        "`learnflow apply` makes it anew, empty"
    )


def _use_json(use: Use) -> dict[str, object]:
    return {
        "catalog": use.catalog,
        "source": use.source,
        "produced_by": list(use.produced_by),
        "consumed_by": list(use.consumed_by),
    }


def _replication(topic: TopicSummary) -> str:
    count = topic.state.replication
    return "mixed" if count is None else str(count)


def _retention(topic: TopicSummary) -> str:
    return UNKNOWN if topic.retention_ms is None else format_duration(topic.retention_ms)


def _show_detail(detail: TopicDetail, console: Console) -> None:
    topic = detail.summary
    console.print(topic.state.name, style="bold")
    console.print(
        f"id {topic.state.id or UNKNOWN}, {counted(len(detail.partitions), 'partition')}, "
        f"replication {_replication(topic)}, {records_text(detail.records)}, "
        f"{size(topic.bytes)} a copy"
    )
    for problem in topic.problems:
        console.print(f"problem: {problem}", style="bold red")
    console.print(_partition_table(detail.partitions))
    _show_configs(topic, console)


def _partition_table(partitions: Sequence[PartitionDetail]) -> object:
    rows = table("partition>", "leader>", "replicas", "in sync", "start>", "end>", "size>")
    for partition in partitions:
        state = partition.state
        rows.add_row(
            str(state.id),
            "none" if state.leader is None else str(state.leader),
            _ids(state.replicas),
            _ids(state.isr),
            _number(partition.extent.start),
            _number(partition.extent.end),
            size(partition.bytes),
        )
    return rows


def _show_configs(topic: TopicSummary, console: Console) -> None:
    if topic.configs is None:
        console.print("configs: not told to this user")
        return
    rows = table("config", "value", "from")
    for key, entry in sorted(topic.configs.items()):
        if entry.source is not ConfigSource.DEFAULT:
            rows.add_row(key, shown(key, entry.value), entry.source.value)
    if rows.row_count:
        console.print(rows)
    console.print("Every other config has Kafka's default (all of them: --json).", style="dim")


def _ids(brokers: Sequence[int]) -> str:
    return ",".join(map(str, brokers)) or "none"


def _number(value: int | None) -> str:
    return UNKNOWN if value is None else str(value)


def _summary_json(topic: TopicSummary) -> dict[str, object]:
    return {
        "name": topic.state.name,
        "id": topic.state.id,
        "partitions": len(topic.state.partitions),
        "replication": topic.state.replication,
        "internal": topic.internal,
        "bytes": topic.bytes,
        "retention_ms": topic.retention_ms,
        "problems": list(topic.problems),
    }


def _detail_json(detail: TopicDetail) -> dict[str, object]:
    configs = detail.summary.configs
    return {
        **_summary_json(detail.summary),
        "records": detail.records,
        "partitions": [
            {
                "partition": p.state.id,
                "leader": p.state.leader,
                "replicas": list(p.state.replicas),
                "isr": list(p.state.isr),
                "start": p.extent.start,
                "end": p.extent.end,
                "bytes": p.bytes,
            }
            for p in detail.partitions
        ],
        "configs": None
        if configs is None
        else {k: {"value": c.value, "source": c.source.value} for k, c in sorted(configs.items())},
    }
