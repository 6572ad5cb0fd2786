"""`learnflow groups`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from learnflow_kafka.cli.options import (
    Target,
    dry_run_option,
    json_option,
    target_options,
    yes_option,
)
from learnflow_kafka.errors import UsageError

if TYPE_CHECKING:
    from learnflow_kafka.app.groups import ResetRequest


@click.group(
    epilog="""\b
Example:
  learnflow groups list
  learnflow groups describe tutor
  learnflow groups reset tutor --to earliest""",
)
def command() -> None:
    """List, describe, reset and delete consumer groups."""


@command.command(
    "list",
    epilog="""\b
Example:
  learnflow groups list
  learnflow groups list --bootstrap localhost:9092 --json""",
)
@target_options
@json_option
def list_command(*, target: Target, as_json: bool) -> int:
    """Every group: state, protocol, members, topics and lag ("?": not known)."""
    from learnflow_kafka.app.groups import list_groups
    from learnflow_kafka.cli.views import groups, output
    from learnflow_kafka.wiring import contexts, kafka

    with kafka.admin(contexts.resolve(target)) as admin:
        found = list_groups(admin)
    if as_json:
        output.emit_json(groups.list_json(found))
    else:
        groups.show_list(found, output.console())
    return 0


@command.command(
    epilog="""\b
Example:
  learnflow groups describe tutor
  learnflow groups describe tutor progress --json""",
)
@click.argument("names", nargs=-1, required=True, metavar="GROUP...")
@target_options
@json_option
def describe(*, names: tuple[str, ...], target: Target, as_json: bool) -> int:
    """Committed and end offsets, lag and member of each partition."""
    from learnflow_kafka.app.groups import describe_groups
    from learnflow_kafka.cli.views import groups, output
    from learnflow_kafka.wiring import contexts, kafka

    with kafka.admin(contexts.resolve(target)) as admin:
        found = describe_groups(admin, list(dict.fromkeys(names)))
    if as_json:
        output.emit_json(groups.details_json(found))
    else:
        groups.show_details(found, output.console())
    return 0


@command.command(
    epilog="""\b
Example:
  learnflow groups reset tutor --to earliest
  learnflow groups reset tutor --to 2h --topic learning.query --execute
  learnflow groups reset tutor --to shift:-10 --execute --yes""",
)
@click.argument("group")
@click.option(
    "--to",
    "aim",
    required=True,
    metavar="PLACE",
    help="earliest, latest, an offset, shift:-10, a time, or how long ago (2h).",
)
@click.option("--topic", "topics", multiple=True, help="Only this topic; may be repeated.")
@click.option("--partition", "partitions", type=click.IntRange(min=0), multiple=True)
@click.option("--only-committed", is_flag=True, help="Leave partitions without a commit alone.")
@click.option("--execute", is_flag=True, help="Do it; without this it is only shown.")
@target_options
@dry_run_option
@yes_option
@json_option
def reset(
    *,
    group: str,
    aim: str,
    topics: tuple[str, ...],
    partitions: tuple[int, ...],
    only_committed: bool,
    execute: bool,
    target: Target,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """
    Move a group's place; shows what would happen unless --execute.

    Every partition of the topics is moved, also those without a commit. Refused while the
    group is active. A time without a zone is UTC.
    """
    from learnflow_kafka.app import groups as app
    from learnflow_kafka.cli.confirm import confirm
    from learnflow_kafka.cli.views import groups, output
    from learnflow_kafka.wiring import contexts, kafka

    request = _request(group, aim, topics, partitions, only_committed=only_committed)
    context = contexts.resolve(target)
    events: list[app.Moved] = []
    execute = execute and not dry_run
    with kafka.admin(context) as admin:
        preview = app.preview_reset(admin, request)
        groups.show_preview(preview, output.console(stderr=as_json))
        if execute:
            app.require_resting(preview)
            cluster = admin.cluster().cluster_id
            confirm(context, f"Move the place of {group}?", yes=yes, cluster_id=cluster)
            events = list(app.reset(admin, preview))
    if as_json:
        output.emit_json(groups.reset_json(preview, events, executed=execute))
    elif execute:
        groups.show_moved(events, output.console())
    elif dry_run:
        click.echo("dry run: nothing was changed")
    else:
        click.echo("Nothing was changed; add --execute to do it.")
    return 1 if execute and (preview.stuck or any(e.fault for e in events)) else 0


@command.command(
    epilog="""\b
Example:
  learnflow groups delete old-service --dry-run
  learnflow groups delete old-service --yes""",
)
@click.argument("names", nargs=-1, required=True, metavar="GROUP...")
@target_options
@dry_run_option
@yes_option
@json_option
def delete(
    *, names: tuple[str, ...], target: Target, dry_run: bool, yes: bool, as_json: bool
) -> int:
    """Delete groups and their committed offsets; refused while one is active."""
    from learnflow_kafka.app import groups as app
    from learnflow_kafka.cli.confirm import confirm
    from learnflow_kafka.cli.views import groups, output
    from learnflow_kafka.wiring import contexts, kafka

    context = contexts.resolve(target)
    events: list[app.GroupDeleted] = []
    with kafka.admin(context) as admin:
        losses = app.group_losses(admin, list(dict.fromkeys(names)))
        groups.show_losses(losses, output.console(stderr=as_json))
        app.require_deletable(losses)
        if not dry_run:
            cluster = admin.cluster().cluster_id
            confirm(context, f"Delete {', '.join(names)}?", yes=yes, cluster_id=cluster)
            events = list(app.delete_groups(admin, losses))
    if as_json:
        output.emit_json(groups.deletion_json(losses, events, dry_run=dry_run))
    else:
        groups.show_deleted(events, output.console())
    return 1 if any(e.fault for e in events) else 0


def _request(
    group: str,
    aim: str,
    topics: tuple[str, ...],
    partitions: tuple[int, ...],
    *,
    only_committed: bool,
) -> ResetRequest:
    from learnflow_kafka.app.groups import ResetRequest
    from learnflow_kafka.core.resets import parse_reset
    from learnflow_kafka.wiring import system

    try:
        to = parse_reset(aim, now_ms=system.clock().now_ms())
    except ValueError as error:
        raise UsageError(str(error), where="--to") from error
    return ResetRequest(
        group,
        to,
        tuple(dict.fromkeys(topics)),
        frozenset(partitions) or None,
        only_committed=only_committed,
    )
