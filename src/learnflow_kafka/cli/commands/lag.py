"""`learnflow lag`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from learnflow_kafka.cli.options import Target, catalog_options, json_option, target_options
from learnflow_kafka.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from learnflow_kafka.app.lag import Declared
    from learnflow_kafka.core.connection import Context


@click.command(
    epilog="""\b
Example:
  learnflow lag
  learnflow lag --group tutor --partitions
  learnflow lag --check --json

Lag is end offset minus committed offset; "?" is a lag that cannot be said, and the note says
why. Objectives are those of the catalog: --catalog, or the context's. With --check it exits 1
where an objective is broken, or could not be checked."""
)
@click.option("--group", "groups", multiple=True, metavar="NAME", help="May be repeated.")
@click.option("--topic", "topics", multiple=True, metavar="NAME", help="May be repeated.")
@click.option("--partitions", is_flag=True, help="One line a partition.")
@click.option("--check", is_flag=True, help="Exit 1 if an objective is broken.")
@target_options
@catalog_options
@json_option
def command(
    *,
    groups: tuple[str, ...],
    topics: tuple[str, ...],
    partitions: bool,
    check: bool,
    target: Target,
    catalog: str | None,
    environment: str | None,
    as_json: bool,
) -> int:
    """How far behind the groups are, and whether that is late."""
    from learnflow_kafka.app.lag import Question, collect
    from learnflow_kafka.cli.views import lag, output
    from learnflow_kafka.wiring import contexts, kafka, system

    context = contexts.resolve(target)
    declared = _declared(context, catalog, environment)
    if check and not declared:
        raise UsageError("there is no objective to check", fix="name a catalog with --catalog")
    question = Question(groups, topics, declared)
    with kafka.admin(context) as admin:
        report = collect(admin, question, now_ms=system.clock().now_ms())
    if as_json:
        output.emit_json(lag.as_json(report))
    else:
        lag.show(report, output.console(), partitions=partitions)
    return 1 if check and not report.within_objectives else 0


def _declared(
    context: Context, catalog: str | None, environment: str | None
) -> Mapping[str, Declared]:
    """The catalog's groups, where the user or the context says that a catalog holds there."""
    from learnflow_kafka.app.lag import declared_groups
    from learnflow_kafka.wiring import catalogs

    found = catalogs.declared(context, catalog, environment)
    return declared_groups(found) if found else {}
