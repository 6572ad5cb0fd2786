"""`learnflow apply`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from learnflow_kafka.cli.options import (
    Target,
    catalog_options,
    dry_run_option,
    json_option,
    target_options,
    yes_option,
)
from learnflow_kafka.cli.scope import scope_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from learnflow_kafka.app.events import Event
    from learnflow_kafka.app.execution import Patience
    from learnflow_kafka.core.connection import Context
    from learnflow_kafka.core.plans.desired import Desired
    from learnflow_kafka.core.plans.plan import Plan, Scope
    from learnflow_kafka.core.plans.removals import Removal
    from learnflow_kafka.core.ports import Clock, KafkaAdmin
    from learnflow_kafka.errors import LearnflowError


@click.command(
    epilog="""\b
Example:
  learnflow apply
  learnflow apply plan.json -c prod --env production
  learnflow apply --only 'topic/learning.*' --yes"""
)
@click.argument("file", required=False, metavar="[PLAN.json]")
@target_options
@catalog_options
@scope_options
@click.option(
    "--wait",
    default="60s",
    metavar="TIME",
    help="How long to wait for as many brokers as the environment names.",
)
@click.option(
    "--remove-anyway",
    multiple=True,
    metavar="TOPIC",
    help="Carry a saved plan out although more of this topic goes than it showed. Repeatable.",
)
@dry_run_option
@yes_option
@json_option
def command(
    *,
    file: str | None,
    target: Target,
    catalog: str | None,
    environment: str | None,
    scope: Scope,
    wait: str,
    remove_anyway: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """
    Carry out a plan, then prove that nothing is left to do.

    With a file, that very plan, and only if the cluster is as it was and no more records
    would go than the plan showed. Exits 1 where something failed or is blocked; what is done
    stays done, and it can be run again.
    """
    from learnflow_kafka.cli.scope import wanted, wanted_by
    from learnflow_kafka.wiring import contexts, kafka, system

    context = contexts.resolve(target)
    saved = _saved(file, scope, environment)
    _refuse_unknown(remove_anyway, saved)
    if saved and file:
        desired = wanted_by(saved, catalog, file)
    else:
        desired = wanted(context, catalog, environment)
    patience = _patience(wait)
    with kafka.admin(context) as admin:
        session = _Session(context, admin, system.clock(), desired, patience, as_json=as_json)
        session.remove_anyway = remove_anyway
        return session.run(saved, scope, dry_run=dry_run, yes=yes)


def _refuse_unknown(accepted: tuple[str, ...], saved: Plan | None) -> None:
    """A name that removes nothing is a mistake that would accept another topic's loss unseen."""
    from learnflow_kafka.core.plans.removals import removing
    from learnflow_kafka.errors import UsageError

    if accepted and saved is None:
        raise UsageError(
            "--remove-anyway is for a saved plan: one that is made now shows what goes now",
            fix="leave it out, or name the plan's file",
        )
    for name in accepted:
        if saved and name not in removing(saved):
            raise UsageError(
                f"the plan removes nothing from {name!r}",
                where="--remove-anyway",
                fix="leave it out",
            )


def _saved(file: str | None, scope: Scope, environment: str | None) -> Plan | None:
    from learnflow_kafka.cli.files import read_plan
    from learnflow_kafka.core.plans.plan import Scope as Everything
    from learnflow_kafka.errors import UsageError

    if file is None:
        return None
    if scope != Everything():
        raise UsageError(
            "a saved plan says itself what it covers",
            fix="leave the selecting flags out, or make another plan with them",
        )
    plan = read_plan(file)
    if environment is not None and environment != plan.environment:
        raise UsageError(
            f"it was made for environment {plan.environment or 'none'!r}, not {environment!r}",
            where=file,
            fix="leave --env out, or make another plan with it",
        )
    return plan


def _patience(wait: str) -> Patience:
    from learnflow_kafka.app.execution import Patience
    from learnflow_kafka.core.units import parse_duration
    from learnflow_kafka.errors import UsageError

    try:
        return Patience(brokers=max(0, parse_duration(wait)) / 1000)
    except ValueError as error:
        raise UsageError(str(error), where="--wait") from error


class _Session:
    """One run of the command: it shows, asks, carries out and shows again."""

    def __init__(
        self,
        context: Context,
        admin: KafkaAdmin,
        clock: Clock,
        desired: Desired,
        patience: Patience,
        *,
        as_json: bool,
    ) -> None:
        self.context = context
        self.admin = admin
        self.clock = clock
        self.desired = desired
        self.patience = patience
        self.as_json = as_json
        self.events: list[Event] = []
        self.plan: Plan | None = None
        self.removals: tuple[Removal, ...] = ()
        self.remove_anyway: tuple[str, ...] = ()

    def run(self, saved: Plan | None, scope: Scope, *, dry_run: bool, yes: bool) -> int:
        """The exit code."""
        from learnflow_kafka.errors import LearnflowError

        try:
            return self._run(saved, scope, dry_run=dry_run, yes=yes)
        except LearnflowError as error:
            if not self.as_json or self.plan is None:
                raise
            self._emit(error)
            return error.exit_code

    def _run(self, saved: Plan | None, scope: Scope, *, dry_run: bool, yes: bool) -> int:
        from learnflow_kafka.app.apply import apply
        from learnflow_kafka.app.events import succeeded
        from learnflow_kafka.cli.confirm import confirm

        plan = self._load(saved) if saved else self._make(scope, dry_run=dry_run)
        self.plan = plan
        self._show(plan)
        self._refuse_growth()
        if dry_run:
            return self._rehearsed(plan)
        if plan.steps:
            confirm(self.context, "Apply this plan?", yes=yes, cluster_id=plan.cluster_id)
            if saved:
                # The question may have stood for hours.
                self._measure(saved)
                self._refuse_growth()
        self._follow(apply(plan, self.admin, self.clock, self.desired, self.patience))
        if self.as_json:
            self._emit(None)
        return 0 if succeeded(self.events) else 1

    def _make(self, scope: Scope, *, dry_run: bool) -> Plan:
        from learnflow_kafka.app.apply import prepare
        from learnflow_kafka.app.plan import make_plan

        if not dry_run:
            self._follow(prepare(self.admin, self.clock, self.desired, scope, self.patience))
        return make_plan(self.admin, self.desired, scope, now_ms=self.clock.now_ms())

    def _load(self, saved: Plan) -> Plan:
        from learnflow_kafka.app.apply import refuse_stale

        refuse_stale(saved, self.admin)
        self._measure(saved)
        return saved

    def _measure(self, saved: Plan) -> None:
        from learnflow_kafka.app.removals import measure

        self.removals = measure(saved, self.admin, now_ms=self.clock.now_ms())

    def _refuse_growth(self) -> None:
        from learnflow_kafka.core.plans.removals import refuse_growth

        refuse_growth(self.removals, self.remove_anyway)

    def _follow(self, events: Iterator[Event]) -> None:
        from learnflow_kafka.cli.views import output
        from learnflow_kafka.cli.views import plan as view

        console = None if self.as_json else output.console()
        total = len(self.plan.steps) if self.plan else 0
        for event in events:
            self.events.append(event)
            text = view.line(event, total)
            if console and text:
                console.print(text)

    def _show(self, plan: Plan) -> None:
        from learnflow_kafka.cli.views import output
        from learnflow_kafka.cli.views import plan as view

        if not self.as_json:
            view.show(plan, output.console())
            for line in view.removal_lines(self.removals):
                output.console().print(line)

    def _rehearsed(self, plan: Plan) -> int:
        from learnflow_kafka.cli.views import output
        from learnflow_kafka.cli.views import plan as view

        if self.as_json:
            output.emit_json(view.as_json(plan))
        else:
            output.console().print("dry run: nothing was changed")
        return 1 if plan.blocked else 0

    def _emit(self, error: LearnflowError | None) -> None:
        from learnflow_kafka.cli.views import output
        from learnflow_kafka.cli.views import plan as view

        output.emit_json(view.applied_json(self.plan, self.events, error, self.removals))
