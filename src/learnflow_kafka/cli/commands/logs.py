"""`learnflow logs`."""

from __future__ import annotations

import json

import click

from learnflow_kafka.cli.options import json_option
from learnflow_kafka.core.local import DEFAULT_NAME


@click.command(
    epilog="""\b
Example:
  learnflow logs
  learnflow logs -f
  learnflow logs --broker 2 -n 200"""
)
@click.option("--name", default=DEFAULT_NAME, help="Which cluster, where you have several.")
@click.option(
    "--broker", "brokers", type=int, multiple=True, help="Only this broker (0: ZooKeeper)."
)
@click.option(
    "--lines", "-n", type=click.IntRange(min=0), default=50, help="How many. Default: 50."
)
@click.option("--follow", "-f", is_flag=True, help="Go on until the cluster stops, or Ctrl-C.")
@json_option
def command(*, name: str, brokers: tuple[int, ...], lines: int, follow: bool, as_json: bool) -> int:
    """What the brokers write, as they write it."""
    from learnflow_kafka.cli.views import local
    from learnflow_kafka.wiring.local import runtime

    here = runtime()
    cluster = here.find(name)
    several = cluster is not None and len(cluster.nodes) > 1
    for log in here.logs(name, nodes=brokers or None, last=lines, follow=follow):
        if as_json:
            click.echo(json.dumps(local.log_json(log)))
        else:
            click.echo(local.log_text(log, several=several))
    return 0
