"""`learnflow topics`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from learnflow_kafka.cli import aims
from learnflow_kafka.cli.options import (
    Target,
    catalog_options,
    dry_run_option,
    json_option,
    target_options,
    yes_option,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from learnflow_kafka.core.plans.plan import Loss
    from learnflow_kafka.core.ports import KafkaAdmin


@click.group(
    epilog="""\b
Example:
  learnflow topics list
  learnflow topics describe learning.query
  learnflow topics delete old.topic --dry-run""",
)
def command() -> None:
    """List, describe and delete topics."""


@command.command(
    "list",
    epilog="""\b
Example:
  learnflow topics list
  learnflow topics list --internal --bootstrap localhost:9092""",
)
@click.option("--internal", is_flag=True, help="Show Kafka's and our own topics too.")
@target_options
@json_option
def list_command(*, internal: bool, target: Target, as_json: bool) -> int:
    """Every topic: partitions, replication, size of one copy, retention, problems."""
    from learnflow_kafka.app.topics import list_topics
    from learnflow_kafka.cli.views import output, topics
    from learnflow_kafka.wiring import contexts, kafka

    with kafka.admin(contexts.resolve(target)) as admin:
        found = list_topics(admin, internal=internal)
    if as_json:
        output.emit_json(topics.list_json(found))
    else:
        apply = aims.aimed("learnflow apply", aims.of_target(target))
        topics.show_list(found, output.console(), apply=apply)
    return 0


@command.command(
    epilog="""\b
Example:
  learnflow topics describe learning.query
  learnflow topics describe learning.query learning.response --json""",
)
@click.argument("names", nargs=-1, required=True, metavar="TOPIC...")
@target_options
@json_option
def describe(*, names: tuple[str, ...], target: Target, as_json: bool) -> int:
    """Partitions with leaders, replicas and offsets, and configs with where each comes from."""
    from learnflow_kafka.app.topics import describe_topics
    from learnflow_kafka.cli.views import output, topics
    from learnflow_kafka.wiring import contexts, kafka

    with kafka.admin(contexts.resolve(target)) as admin:
        found = describe_topics(admin, list(dict.fromkeys(names)))
    if as_json:
        output.emit_json(topics.details_json(found))
    else:
        topics.show_details(found, output.console())
    return 0


@command.command(
    epilog="""\b
Example:
  learnflow topics delete old.topic --dry-run
  learnflow topics delete old.topic
  learnflow topics delete old.topic --yes --delete-anyway old.topic""",
)
@click.argument("names", nargs=-1, required=True, metavar="TOPIC...")
@click.option(
    "--allow-internal", multiple=True, metavar="TOPIC", help="Delete this internal topic too."
)
@click.option(
    "--delete-anyway",
    multiple=True,
    metavar="TOPIC",
    help="Delete it although a group is active on it or its data is fresh.",
)
@target_options
@catalog_options
@dry_run_option
@yes_option
@json_option
def delete(
    *,
    names: tuple[str, ...],
    allow_internal: tuple[str, ...],
    delete_anyway: tuple[str, ...],
    target: Target,
    catalog: str | None,
    environment: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """
    Delete topics with every record in them, after showing what that destroys.

    Refused while a group is active on a topic, where it was written to within a day, and for
    internal topics, unless the topic is named once more. A topic that the catalog declares is
    told with the services that use it; it comes back, empty, with `apply`.
    """
    from learnflow_kafka.app import topics as app
    from learnflow_kafka.cli.confirm import confirm
    from learnflow_kafka.cli.views import output, topics
    from learnflow_kafka.core.plans.plan import Scope
    from learnflow_kafka.core.uses import uses
    from learnflow_kafka.wiring import catalogs, contexts, kafka, system

    context = contexts.resolve(target)
    chosen = list(dict.fromkeys(names))
    overrides = Scope(allow_internal=allow_internal, delete_anyway=delete_anyway)
    declared = catalogs.declared(context, catalog, environment)
    used = uses(declared, chosen) if declared else ()
    with kafka.admin(context) as admin:
        losses = app.losses(admin, chosen)
        topics.show_losses(losses, used, output.console(stderr=as_json))
        app.require_deletable(admin, losses, overrides, now_ms=system.clock().now_ms())
        events: list[app.Deleted] = []
        if not dry_run:
            confirm(context, _question(losses), yes=yes, cluster_id=_cluster_id(admin))
            events = list(app.delete(admin, chosen))
    if as_json:
        output.emit_json(topics.deletion_json(losses, used, events, dry_run=dry_run))
    elif dry_run:
        output.console().print("dry run: nothing was changed")
    else:
        topics.show_deleted(events, output.console())
    return 1 if any(e.fault for e in events) else 0


def _question(losses: Mapping[str, Loss]) -> str:
    count = len(losses)
    what = f"topic {next(iter(losses))}" if count == 1 else f"these {count} topics"
    return f"Delete {what} with all records?"


def _cluster_id(admin: KafkaAdmin) -> str:
    return admin.cluster().cluster_id
