"""`learnflow up`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from learnflow_kafka.cli import aims
from learnflow_kafka.cli.handler import INTERRUPTED
from learnflow_kafka.cli.options import catalog_options, dry_run_option, json_option
from learnflow_kafka.cli.signals import terminable
from learnflow_kafka.core.catalog import own_path
from learnflow_kafka.core.local import DEFAULT_NAME, DEFAULT_PORT, MAX_BROKERS, ClusterSpec, Mode

if TYPE_CHECKING:
    from learnflow_kafka.app.up import Request, UpEvent, World


@click.command(
    epilog="""\b
Example:
  learnflow up
  learnflow up --brokers 3
  learnflow up --name shop --port 19092 --catalog shop.yaml
  learnflow up --listen-containers host.docker.internal

Run again, it starts what is missing and leaves the rest alone."""
)
@click.option(
    "--brokers",
    type=click.IntRange(1, MAX_BROKERS),
    help="How many brokers a new cluster gets. Default: 1.",
)
@click.option(
    "--zookeeper", is_flag=True, help="Kafka 3.9 with ZooKeeper, at the end of its support."
)
@click.option("--name", default=DEFAULT_NAME, help="Which cluster, where you have several.")
@click.option(
    "--port",
    type=click.IntRange(1024, 65_000),
    help=f"The first broker's port; the others follow. Default: {DEFAULT_PORT}.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where a new cluster lives. Default: the user's data folder.",
)
@click.option(
    "--listen-containers",
    "containers",
    metavar="HOST",
    help="A second listener for containers, which reach this machine as HOST "
    "(172.17.0.1, host.docker.internal). It opens the brokers beyond loopback.",
)
@click.option(
    "--foreground", is_flag=True, help="Stay, show the logs, and stop Kafka on Ctrl-C or SIGTERM."
)
@catalog_options
@dry_run_option
@json_option
def command(
    *,
    brokers: int | None,
    zookeeper: bool,
    name: str,
    port: int | None,
    data: Path | None,
    containers: str | None,
    foreground: bool,
    catalog: str | None,
    environment: str | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """
    Start Kafka on this machine, apply the catalog, verify, say how to connect.

    The first time it downloads Apache Kafka (54 MiB, checked against locked digests). Data
    and cluster id survive `learnflow down`.
    """
    from learnflow_kafka.app.up import Request
    from learnflow_kafka.errors import UsageError
    from learnflow_kafka.wiring.world import build

    if foreground and (as_json or dry_run):
        raise UsageError("--foreground shows logs; it does not go with --json or --dry-run")
    spec = ClusterSpec(
        name=name,
        brokers=brokers,
        mode=Mode.ZOOKEEPER if zookeeper else None,
        port=port,
        directory=data.absolute() if data else None,
        containers=containers,
    )
    request = Request(spec, _absolute(catalog), environment)
    world = build()
    if dry_run:
        return _preview(request, world, as_json=as_json)
    if foreground:
        with terminable():
            return _attended(request, world)
    return _up(request, world, as_json=as_json)


def _absolute(catalog: str | None) -> str | None:
    """The path as the next `up` will need it; a word stays, and so does an empty one."""
    own = own_path(catalog)
    return str(Path(own).absolute()) if own else catalog


def _up(request: Request, world: World, *, as_json: bool) -> int:
    from learnflow_kafka.app.up import Up, up
    from learnflow_kafka.cli.progress import Teller
    from learnflow_kafka.cli.views import local, output
    from learnflow_kafka.core.local import Downloading

    events, aim = [], aims.of_cluster(request.spec.name)
    with Teller(as_json=as_json) as teller:
        for told in up(request, world):
            event = _aimed(told, aim)
            if isinstance(event, Downloading):
                teller.download(event)
                continue
            events.append(event)
            if isinstance(event, Up):
                if not as_json:
                    local.show_up(event, output.console())
            elif text := local.line(event):
                teller.line(aims.aimed(text, aim))
    if as_json:
        output.emit_json(local.up_json(events))
    return 0 if any(isinstance(e, Up) and e.ok for e in events) else 1


def _aimed(event: UpEvent, aim: aims.Aim) -> UpEvent:
    """The end's report recommends commands; they mean this cluster."""
    from learnflow_kafka.app.up import Up

    if isinstance(event, Up):
        return replace(event, report=aims.report(event.report, aim))
    return event


def _attended(request: Request, world: World) -> int:
    """Up, then the logs, until somebody interrupts or the cluster ends; then down."""
    from learnflow_kafka.cli.views import local

    name, code = request.spec.name, INTERRUPTED
    try:
        code = _up(request, world, as_json=False)
        click.echo("\nlogs follow; Ctrl-C stops Kafka")
        for log in world.runtime.logs(name, nodes=None, last=0, follow=True):
            click.echo(local.log_text(log, several=True))
    except KeyboardInterrupt:
        click.echo("stopping ...", err=True)
    else:
        click.echo("the cluster ended by itself", err=True)
        code = 1
    finally:
        for event in world.runtime.stop(name, wipe=False):
            if text := local.line(event):
                click.echo(text, err=True)
    return code


def _preview(request: Request, world: World, *, as_json: bool) -> int:
    from learnflow_kafka.app.up import wanted
    from learnflow_kafka.cli.views import local, output

    spec, desired = wanted(request, world)
    found = world.runtime.preview(spec)
    if as_json:
        output.emit_json(local.preview_json(found))
    else:
        local.show_preview(found, desired, output.console())
    return 0
