"""`learnflow down`."""

from __future__ import annotations

import click

from learnflow_kafka.cli.options import dry_run_option, json_option, yes_option
from learnflow_kafka.core.local import DEFAULT_NAME


@click.command(
    epilog="""\b
Example:
  learnflow down
  learnflow down --name shop
  learnflow down --wipe"""
)
@click.option("--name", default=DEFAULT_NAME, help="Which cluster, where you have several.")
@click.option("--wipe", is_flag=True, help="Remove its data too, after asking.")
@yes_option
@dry_run_option
@json_option
def command(*, name: str, wipe: bool, yes: bool, dry_run: bool, as_json: bool) -> int:
    """Stop Kafka on this machine; data and cluster id stay for the next `learnflow up`."""
    from learnflow_kafka.cli.confirm import confirm
    from learnflow_kafka.cli.progress import Teller
    from learnflow_kafka.cli.views import local, output
    from learnflow_kafka.wiring.local import runtime

    kafka = runtime()
    if dry_run:
        return _preview(name, wipe=wipe, as_json=as_json)
    if wipe and (status := kafka.status(name)):
        size = sum(node.disk_bytes for node in status.nodes)
        question = f"Remove {size >> 10:,} KiB of data in {status.cluster.directory} for good?"
        confirm(status.cluster.context, question, yes=yes)
    events = []
    with Teller(as_json=as_json) as teller:
        for event in kafka.stop(name, wipe=wipe):
            events.append(event)
            if text := local.line(event):
                teller.line(text)
    if as_json:
        output.emit_json(local.down_json(name, events))
    elif not events:
        click.echo(f"the cluster {name!r} does not run")
    return 0


def _preview(name: str, *, wipe: bool, as_json: bool) -> int:
    from learnflow_kafka.cli.views import local, output
    from learnflow_kafka.wiring.local import runtime

    status = runtime().status(name)
    if as_json:
        output.emit_json(local.down_preview_json(name, status, wipe=wipe))
    elif status is None:
        click.echo(f"there is no cluster {name!r}; nothing would be done")
    else:
        local.show_down(status, output.console(), wipe=wipe)
    return 0
