"""`learnflow down`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from learnflow_kafka.cli.options import dry_run_option, json_option, yes_option
from learnflow_kafka.core.local import DEFAULT_NAME, name_flag
from learnflow_kafka.core.suggest import nearest
from learnflow_kafka.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Collection


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
    """
    Stop Kafka on this machine; data and cluster id stay for the next `learnflow up`.

    A cluster that is stopped already is no error; a name that no cluster has is.
    """
    from learnflow_kafka.cli.confirm import confirm
    from learnflow_kafka.cli.progress import Teller
    from learnflow_kafka.cli.views import local, output
    from learnflow_kafka.wiring.local import runtime

    kafka = runtime()
    if name != DEFAULT_NAME and kafka.find(name) is None:
        raise _unknown(name, kafka.names())
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
        there = kafka.find(name) is not None
        click.echo(f"the cluster {name!r} does not {'run' if there else 'exist'}")
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


def _unknown(name: str, known: Collection[str]) -> LocalError:
    """A name that is mistyped must not look like a cluster that was stopped."""
    near = nearest(name, known)
    down = f"learnflow down{name_flag(near)}; " if near else ""
    return LocalError(
        f"there is no cluster {name!r} on this machine",
        fix=f"{down}learnflow status --all names those that there are",
    )
