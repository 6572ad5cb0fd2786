"""`learnflow export`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from learnflow_kafka.cli.options import Target, catalog_options, json_option, target_options
from learnflow_kafka.errors import UsageError

if TYPE_CHECKING:
    from learnflow_kafka.core.catalog import Catalog
    from learnflow_kafka.core.plans.desired import Desired


@click.command(
    epilog="""\b
Example:
  learnflow export catalog --env production
  learnflow export json --env production
  learnflow export kafka-topics --env production > create-topics.sh
  learnflow export dapr --env production --bootstrap kafka:9092 > dapr.yaml"""
)
@click.argument("form", type=click.Choice(["catalog", "json", "kafka-topics", "dapr"]))
@catalog_options
@target_options
@click.option(
    "--brokers",
    type=click.IntRange(1),
    help="How many brokers there are. Default: the environment's number.",
)
@json_option
def command(
    *,
    form: str,
    catalog: str | None,
    environment: str | None,
    target: Target,
    brokers: int | None,
    as_json: bool,
) -> int:
    """
    Print the catalog in another form, for one environment.

    As a catalog with the environment's values merged in, as JSON with the derived topics, as a
    script of Kafka's own tool, or as Dapr's components and subscriptions for the cluster that
    --context or --bootstrap names. Asks no cluster.
    """
    from learnflow_kafka.core.plans.desired import resolve
    from learnflow_kafka.wiring import catalogs

    if as_json and form not in {"json", "dapr"}:
        raise UsageError(f"--json does not go with {form}", fix="learnflow export json")
    if form != "dapr" and (target.context or target.bootstrap):
        raise UsageError(f"{form} needs no cluster", fix="leave out --context and --bootstrap")
    loaded = catalogs.load(catalog)
    desired = resolve(loaded, environment, brokers)
    if form == "dapr":
        _print_dapr(loaded, desired, target, as_json=as_json)
    else:
        _print(form, loaded, desired)
    return 0


def _print_dapr(catalog: Catalog, desired: Desired, target: Target, *, as_json: bool) -> None:
    from learnflow_kafka.app.export_dapr import dapr_resources
    from learnflow_kafka.cli.views import dapr, output
    from learnflow_kafka.core.plans.adoption import concrete
    from learnflow_kafka.wiring import contexts

    if not (target.context or target.bootstrap):
        raise UsageError("Dapr needs to know the cluster", fix="add --context or --bootstrap")
    connection = contexts.resolved_inside(target)
    found = dapr_resources(concrete(catalog, desired), connection)
    if as_json:
        output.emit_json(dapr.as_json(found))
    else:
        click.echo(dapr.as_yaml(found), nl=False)


def _print(form: str, catalog: Catalog, desired: Desired) -> None:
    from learnflow_kafka.cli.views import adoption, output
    from learnflow_kafka.core.plans.adoption import concrete
    from learnflow_kafka.wiring import catalogs

    if form == "json":
        output.emit_json(adoption.desired_json(desired))
    elif form == "catalog":
        click.echo(catalogs.dump(concrete(catalog, desired)), nl=False)
    else:
        click.echo(adoption.shell_script(desired), nl=False)
