"""`learnflow demo`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from learnflow_kafka.cli.options import (
    Target,
    dry_run_option,
    json_option,
    target_options,
    yes_option,
)
from learnflow_kafka.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from learnflow_kafka.core.connection import Context
    from learnflow_kafka.demo.ledger import Summary
    from learnflow_kafka.demo.stage import Show


@click.command(
    epilog="""\b
Example:
  learnflow up && learnflow demo
  learnflow demo --students 30 --seed 7
  learnflow demo --json > summary.json
  learnflow demo --context staging

The services run in groups of their own, which are deleted at the end; your groups keep their
places. The records stay in the topics until their retention is over; the students' ids begin
with the run's name. Exit code 0 if every number adds up, 1 if one does not."""
)
@click.option(
    "--students",
    type=click.IntRange(1, 200),
    default=12,
    show_default=True,
    help="How many students; six show every behaviour.",
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="What the students do follows from it."
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=120.0,
    show_default="120",
    metavar="SECONDS",
    help="How long students and services may take.",
)
@target_options
@dry_run_option
@yes_option
@json_option
def command(
    *,
    students: int,
    seed: int,
    timeout: float,
    target: Target,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """
    Simulated students, five services, nine topics: watch events flow, then count.

    Without --context or --bootstrap it plays on the Kafka of this machine only.
    """
    import secrets

    from learnflow_kafka.cli.confirm import confirm
    from learnflow_kafka.cli.views import demo as view
    from learnflow_kafka.cli.views import output
    from learnflow_kafka.core.contexts import is_local
    from learnflow_kafka.demo import stage
    from learnflow_kafka.wiring import contexts

    context = contexts.resolve(target)
    named = target.context is not None or target.bootstrap is not None
    if not named and not is_local(context.name):
        raise RefusedError(
            f"the chosen context is {context.name}, and the demo writes records",
            fix=f"learnflow demo --context {context.name}, or --context local for this machine",
        )
    show = stage.Show(f"demo-{secrets.token_hex(3)}", students, seed, timeout)
    if dry_run:
        rehearsal = stage.cast_students(show)
        if as_json:
            output.emit_json(view.rehearsal_json(rehearsal, context))
        else:
            view.show_rehearsal(rehearsal, context, output.console())
        return 0
    if context.protected or not is_local(context.name):
        confirm(context, "Write the records of simulated students to its topics?", yes=yes)
    with _kept_logs() as logged:
        summary = _play(context, show, as_json=as_json)
    if as_json:
        output.emit_json(view.as_json(summary, logged))
    else:
        view.show(summary, logged, output.console())
    return 0 if summary.balanced else 1


@contextmanager
def _kept_logs() -> Iterator[list[str]]:
    """
    What the services log as warnings and worse, kept off the screen.

    Clients tell of every hiccup that they overcome; it matters where the numbers are wrong.
    """
    import logging

    kept: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(record.getMessage())

    log, keeper = logging.getLogger("learnflow_kafka.sdk"), Keeper(logging.WARNING)
    propagated, log.propagate = log.propagate, False
    log.addHandler(keeper)
    try:
        yield kept
    finally:
        log.removeHandler(keeper)
        log.propagate = propagated


def _play(context: Context, show: Show, *, as_json: bool) -> Summary:
    from learnflow_kafka.cli.views import demo as view
    from learnflow_kafka.cli.views import output
    from learnflow_kafka.demo import stage
    from learnflow_kafka.wiring import contexts, kafka

    connection = contexts.revealed(context).connection
    with (
        kafka.admin(context) as admin,
        kafka.data(context) as data,
        view.screen(output.console(stderr=as_json), quiet=as_json) as screen,
    ):
        playing = stage.play(admin, data, connection, show)
        try:
            while True:
                screen.tell(next(playing))
        except StopIteration as end:
            summary: Summary = end.value
            return summary
        finally:
            playing.close()
