"""`learnflow undeploy`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from learnflow_kafka.cli.options import (
    Place,
    dry_run_option,
    json_option,
    kubernetes_options,
    yes_option,
)

if TYPE_CHECKING:
    from learnflow_kafka.app.undeploy import Leaving


@click.command(
    epilog="""\b
Example:
  learnflow undeploy
  learnflow undeploy --namespace dev --wipe"""
)
@click.option("--context", "-c", "name", metavar="NAME", help="A saved context on Kubernetes.")
@kubernetes_options
@click.option("--wipe", is_flag=True, help="Remove its data too: the claims and their volumes.")
@yes_option
@dry_run_option
@json_option
def command(
    *, name: str | None, place: Place, wipe: bool, yes: bool, dry_run: bool, as_json: bool
) -> int:
    """
    Remove a release from Kubernetes; its data stays for the next `learnflow deploy`.

    Asks first. The namespace and saved contexts stay.
    """
    from learnflow_kafka.app.undeploy import leaving, undeploy
    from learnflow_kafka.cli.places import of_context
    from learnflow_kafka.cli.views import output
    from learnflow_kafka.cli.views import undeployment as view
    from learnflow_kafka.wiring import kubernetes

    where = of_context(name, place)
    platform, releases = kubernetes.platform(where), kubernetes.releases(where)
    found = leaving(where, platform, releases)
    if not found.release and not (wipe and found.claims):
        return _nothing(found, as_json=as_json)
    if dry_run:
        if as_json:
            output.emit_json(view.as_json(found, [], wipe=wipe, dry_run=True))
        else:
            click.echo(view.preview(found, wipe=wipe))
        return 0
    _ask(name, found, wipe=wipe, yes=yes)
    events = []
    for event in undeploy(found, platform, releases, wipe=wipe):
        events.append(event)
        click.echo(view.line(event), err=as_json)
    if as_json:
        output.emit_json(view.as_json(found, events, wipe=wipe, dry_run=False))
    return 0


def _nothing(found: Leaving, *, as_json: bool) -> int:
    from learnflow_kafka.cli.views import output
    from learnflow_kafka.cli.views import undeployment as view

    if as_json:
        output.emit_json(view.as_json(found, [], wipe=False, dry_run=False))
    else:
        click.echo(f"there is no release {found.place.release} in {found.place.namespace}")
    return 0


def _ask(name: str | None, found: Leaving, *, wipe: bool, yes: bool) -> None:
    """As for every change of a cluster: a protected context wants its name typed."""
    from learnflow_kafka.cli.confirm import ask, confirm
    from learnflow_kafka.cli.views import undeployment as view
    from learnflow_kafka.wiring import contexts

    question = view.question(found, wipe=wipe)
    context = contexts.of_place(found.place) if name is None else contexts.named(name)
    if context is not None:
        confirm(context, question, yes=yes)
    elif not yes:
        ask(question)
