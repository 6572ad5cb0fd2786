"""`learnflow plan`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import click

from learnflow_kafka.cli.options import (
    FileName,
    Target,
    catalog_options,
    json_option,
    target_options,
)
from learnflow_kafka.cli.scope import scope_options
from learnflow_kafka.core.catalog import own_path
from learnflow_kafka.errors import UsageError

if TYPE_CHECKING:
    from learnflow_kafka.core.plans.plan import Plan, Scope

PENDING: Final = 3


@click.command(
    epilog="""\b
Example:
  learnflow plan
  learnflow plan -c prod --env production --out plan.json
  learnflow plan --check --strict
  learnflow plan --check --format markdown > comment.md"""
)
@target_options
@catalog_options
@scope_options
@click.option("--check", is_flag=True, help="Exit 3 where changes are pending, blocked or not.")
@click.option(
    "--strict",
    is_flag=True,
    help="With --check: also where a declared topic has configs that are not declared.",
)
@click.option(
    "--out", type=FileName(), metavar="FILE", help="Save the plan, for `learnflow apply FILE`."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    help="How to print it: for people (the default), for a pull request, for programs.",
)
@json_option
def command(
    *,
    target: Target,
    catalog: str | None,
    environment: str | None,
    scope: Scope,
    check: bool,
    strict: bool,
    out: str | None,
    form: str | None,
    as_json: bool,
) -> int:
    """
    Show what would change on the cluster, why, and at what risk.

    Nothing is changed. Exits 1 where something is blocked. With --check it exits 3 instead
    wherever the cluster is not as declared: changes are pending, blocked or wait for a flag.
    """
    from learnflow_kafka.app.plan import make_plan
    from learnflow_kafka.cli.files import write_plan
    from learnflow_kafka.cli.scope import wanted
    from learnflow_kafka.wiring import contexts, kafka, system

    if as_json and form not in {None, "json"}:
        raise UsageError(f"give --json or --format {form}, not both")
    if strict and not check:
        raise UsageError("--strict says what --check counts", fix="add --check")
    context = contexts.resolve(target)
    desired = wanted(context, catalog, environment)
    with kafka.admin(context) as admin:
        made = make_plan(admin, desired, scope, now_ms=system.clock().now_ms())
    path = own_path(context.catalog if catalog is None else catalog)
    made = replace(made, catalog_path=path)
    if out:
        write_plan(made, out)
    _print(made, "json" if as_json else form)
    if check:
        return PENDING if made.pending or (strict and made.drifted) else 0
    return 1 if made.blocked else 0


def _print(plan: Plan, form: str | None) -> None:
    from learnflow_kafka.cli.views import output
    from learnflow_kafka.cli.views import plan as view

    if form == "json":
        output.emit_json(view.as_json(plan))
    elif form == "markdown":
        click.echo(view.markdown(plan), nl=False)
    else:
        view.show(plan, output.console())
