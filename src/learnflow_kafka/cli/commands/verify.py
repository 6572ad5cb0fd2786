"""`learnflow verify`: prove that a cluster works and is as declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from learnflow_kafka.cli import aims
from learnflow_kafka.cli.durations import Seconds
from learnflow_kafka.cli.options import (
    Target,
    catalog_options,
    client_option,
    json_option,
    refuse_client,
    target_options,
)
from learnflow_kafka.core.findings import Report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from learnflow_kafka.app.verify import Attempt


@click.command(
    epilog="""\b
Example:
  learnflow verify
  learnflow verify --wait 60s
  learnflow verify --context production --read-only --json
  learnflow verify --context kafka --client shop/orders-0

Findings and their names: docs/reference/findings.md. Exit code 0 when healthy; 1 when a check
failed or could not be made."""
)
@target_options
@catalog_options
@click.option(
    "--wait",
    "patience",
    type=Seconds(),
    metavar="DURATION",
    help="Verify again until healthy, for at most this long (60s, 2m).",
)
@click.option(
    "--read-only",
    is_flag=True,
    help="Write no record: two checks are left out and do not count.",
)
@click.option(
    "--allow-unchecked",
    is_flag=True,
    help="Count as healthy what could not be checked.",
)
@client_option("Try names and addresses from this client's pod, not a broker's.")
@json_option
def command(
    *,
    target: Target,
    catalog: str | None,
    environment: str | None,
    patience: float | None,
    read_only: bool,
    allow_unchecked: bool,
    client: tuple[str, str] | None,
    as_json: bool,
) -> int:
    """
    Prove that the cluster works and is as declared.

    Looks at brokers, addresses, quorum, topics, partitions and settings, then writes a record
    to every broker and reads it back, through the topic `_learnflow.verify` of its own.
    What could not be checked is said, and counts as not healthy. For a context on Kubernetes it
    also looks at the release's objects, and from inside at names and advertised addresses: from a
    broker's pod, or from a client's with --client.
    """
    from learnflow_kafka.app.verify import wait
    from learnflow_kafka.cli.progress import warn
    from learnflow_kafka.cli.views import findings, output
    from learnflow_kafka.core.checks.table import WRITING
    from learnflow_kafka.wiring import contexts, system, verification

    context, aim = contexts.resolve(target), aims.of_target(target)
    if context.kubernetes is None:
        refuse_client(client)
    expected = verification.expected(context, catalog=catalog, environment=environment, tell=warn)

    def attempt() -> Report:
        made = verification.report(context, expected, write=not read_only, client=client)
        return aims.report(made, aim)

    def healthy(report: Report) -> bool:
        left_out = WRITING if read_only else frozenset()
        return report.healthy(allow_unchecked=allow_unchecked, left_out=left_out)

    if patience is None:
        report = attempt()
    else:
        report = _waited(wait(attempt, healthy, system.clock(), timeout=patience))
    for notice in verification.beside(context):
        warn(notice)
    good = healthy(report)
    if as_json:
        output.emit_json(findings.as_json(report, healthy=good))
    else:
        findings.show(report, output.console(), healthy=good)
    return 0 if good else 1


def _waited(attempts: Iterator[Attempt]) -> Report:
    """The last report; what is waited for is told whenever it changes."""
    from learnflow_kafka.cli.views.findings import unsettled

    report, told = Report(), None
    for attempt in attempts:
        report = attempt.report
        open_ = unsettled(report)
        if not attempt.last and open_ != told:
            click.echo(f"{attempt.elapsed:5.1f} s  waiting for {open_}", err=True)
            told = open_
    return report
