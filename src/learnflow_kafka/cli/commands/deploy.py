"""`learnflow deploy`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from learnflow_kafka.cli.durations import Seconds
from learnflow_kafka.cli.options import (
    Place,
    catalog_options,
    dry_run_option,
    json_option,
    kubernetes_options,
    yes_option,
)
from learnflow_kafka.cli.signals import terminable
from learnflow_kafka.core.catalog import own_path
from learnflow_kafka.errors import LearnflowError

if TYPE_CHECKING:
    from learnflow_kafka.app.deploy import Deployed, DeployEvent
    from learnflow_kafka.app.prospect import Prospect, Request, World

_MAX_BROKERS = 100


@click.command(
    epilog="""\b
Example:
  learnflow deploy
  learnflow deploy --values deploy/values.yaml
  learnflow deploy --namespace dev --brokers 1 --set resourcesPreset=dev
  learnflow deploy --dry-run

Run again, it goes on from wherever it was stopped. Without --values, the values of the last
deploy still hold; with it, the files say all."""
)
@click.option("--context", "-c", "name", metavar="NAME", help="A saved context on Kubernetes.")
@kubernetes_options
@click.option(
    "--values",
    "-f",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Values of the chart. Repeatable; later files win.",
)
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="One value. Repeatable.")
@click.option(
    "--mode",
    type=click.Choice(["kraft", "zookeeper"]),
    help="Default: kraft (Kafka 4). zookeeper is Kafka 3.9, past its end of support.",
)
@click.option(
    "--brokers", type=click.IntRange(1, _MAX_BROKERS), help="How many brokers. Default: 3."
)
@click.option(
    "--timeout",
    type=Seconds(),
    default="10m",
    show_default=True,
    metavar="DURATION",
    help="How long the pods may take to get ready.",
)
@click.option(
    "--take-over", is_flag=True, help="Go on although another Helm began lately, and was killed."
)
@click.option("--save-as", metavar="NAME", help="The saved context's name. Default: the place's.")
@click.option("--use", is_flag=True, help="Choose the context for later commands.")
@catalog_options
@yes_option
@dry_run_option
@json_option
def command(
    *,
    name: str | None,
    place: Place,
    values: tuple[str, ...],
    sets: tuple[str, ...],
    mode: str | None,
    brokers: int | None,
    timeout: float,
    take_over: bool,
    save_as: str | None,
    use: bool,
    catalog: str | None,
    environment: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """
    Kafka on Kubernetes: install the chart, apply the catalog, verify, save a context.

    Looks first whether it can succeed (rights, storage, room), then says what it waits for.
    Asks before it changes a release that is there. Needs helm (3 or 4) on PATH. A context of
    the release is saved; with it every command of this tool reaches the brokers by itself.
    """
    from learnflow_kafka.app.prospect import Request, prospect
    from learnflow_kafka.cli.places import of_context
    from learnflow_kafka.wiring import deployment

    where, own = of_context(name, place), own_path(catalog)
    request = Request(
        place=where,
        catalog=str(Path(own).absolute()) if own else own,
        environment=environment,
        mode=mode,
        brokers=brokers,
        values=tuple(str(Path(file).absolute()) for file in values),
        sets=sets,
        timeout=timeout,
        take_over=take_over,
    )
    with terminable():
        world = deployment.build(where)
        found = prospect(request, world)
        if dry_run:
            return _rehearse(found, as_json=as_json)
        session = _Session(found, request, world, save_as, use=use, as_json=as_json)
        return session.run(yes=yes)


def _rehearse(found: Prospect, *, as_json: bool) -> int:
    from learnflow_kafka.cli.views import deployment as view
    from learnflow_kafka.cli.views import output

    if as_json:
        output.emit_json(view.prospect_json(found))
    else:
        console = output.console()
        view.show_prospect(found, console)
        view.show_dry_run(found, console)
    return 0 if found.ok else 1


class _Session:
    """One deploy: it shows, asks, carries out and shows again."""

    def __init__(
        self,
        found: Prospect,
        request: Request,
        world: World,
        save_as: str | None,
        *,
        use: bool,
        as_json: bool,
    ) -> None:
        self._found = found
        self._request = request
        self._world = world
        self._save_as = save_as
        self._use = use
        self._as_json = as_json
        self._events: list[DeployEvent] = []
        self._saved: str | None = None

    def run(self, *, yes: bool) -> int:
        """The exit code."""
        from learnflow_kafka.cli.views import deployment as view
        from learnflow_kafka.cli.views import output

        view.show_prospect(self._found, output.console(stderr=self._as_json))
        if not self._found.ok:
            if self._as_json:
                output.emit_json(view.deploy_json(self._found, [], None))
            return 1
        if self._found.revision is not None:
            self._ask(yes=yes)
        if not self._as_json:
            return self._carry_out()
        error = None
        try:
            code = self._carry_out()
        except LearnflowError as failure:
            # One object holds the diagnosis and the error that it explains.
            error, code = failure, failure.exit_code
        output.emit_json(view.deploy_json(self._found, self._events, self._saved, error))
        return code

    def _ask(self, *, yes: bool) -> None:
        """As for every change of a cluster: a protected context wants its name typed."""
        from learnflow_kafka.cli.confirm import ask, confirm
        from learnflow_kafka.wiring import contexts

        where = self._found.place
        question = f"Upgrade release {where.release} in namespace {where.namespace}?"
        saved = contexts.of_place(where)
        if saved is not None:
            confirm(saved, question, yes=yes)
        elif not yes:
            ask(question)

    def _carry_out(self) -> int:
        from learnflow_kafka.app.deploy import Deployed, Diagnosed, deploy
        from learnflow_kafka.cli.views import deployment as view
        from learnflow_kafka.cli.views import output

        ok = False
        for event in deploy(self._found, self._request, self._world):
            self._events.append(event)
            for line in view.lines(event):
                click.echo(line, err=self._as_json)
            if isinstance(event, Diagnosed):
                view.show_findings(event.report, output.console(stderr=self._as_json))
            if isinstance(event, Deployed):
                ok = event.ok
                self._save(event)
                if not self._as_json:
                    view.show_end(event, self._saved or event.context.name, output.console())
        return 0 if ok else 1

    def _save(self, end: Deployed) -> None:
        from learnflow_kafka.wiring import contexts

        name = self._save_as or self._known() or end.context.name
        contexts.save_place(
            name,
            self._found.place,
            end.context.connection.bootstrap,
            like=end.context,
            use=self._use,
        )
        self._saved = name

    def _known(self) -> str | None:
        """The name under which this very place is saved already."""
        from learnflow_kafka.wiring import contexts

        saved = contexts.of_place(self._found.place)
        return saved.name if saved else None
