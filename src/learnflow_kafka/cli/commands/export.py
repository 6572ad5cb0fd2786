"""`learnflow export`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from learnflow_kafka.cli.options import catalog_options, json_option
from learnflow_kafka.errors import UsageError

if TYPE_CHECKING:
    from learnflow_kafka.core.catalog import Catalog
    from learnflow_kafka.core.desired import Desired


@click.command(
    epilog="""\b
Example:
  learnflow export catalog --env production
  learnflow export json --env production
  learnflow export kafka-topics --env production > create-topics.sh"""
)
@click.argument("form", type=click.Choice(["catalog", "json", "kafka-topics"]))
@catalog_options
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
    brokers: int | None,
    as_json: bool,
) -> int:
    """
    Print the catalog in another form, for one environment.

    As a catalog with the environment's values merged in, as JSON with the derived topics, or
    as a script of Kafka's own tool. Needs no cluster.
    """
    from learnflow_kafka.core.desired import resolve
    from learnflow_kafka.wiring import catalogs

    if as_json and form != "json":
        raise UsageError(f"--json does not go with {form}", fix="learnflow export json")
    loaded = catalogs.load(catalog)
    _print(form, loaded, resolve(loaded, environment, brokers))
    return 0


def _print(form: str, catalog: Catalog, desired: Desired) -> None:
    from learnflow_kafka.cli.views import adoption, output
    from learnflow_kafka.core.adoption import concrete
    from learnflow_kafka.wiring import catalogs

    if form == "json":
        output.emit_json(adoption.desired_json(desired))
    elif form == "catalog":
        click.echo(catalogs.dump(concrete(catalog, desired)), nl=False)
    else:
        click.echo(adoption.shell_script(desired), nl=False)
