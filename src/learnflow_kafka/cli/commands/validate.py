"""`learnflow validate`: everything wrong with a catalog, without a cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from learnflow_kafka.cli.options import dry_run_option, json_option
from learnflow_kafka.core.catalog import BUILT_IN, own_path
from learnflow_kafka.errors import CatalogError, UsageError

if TYPE_CHECKING:
    from learnflow_kafka.cli.views.catalog import Published, Verdict
    from learnflow_kafka.wiring.catalogs import Publication

Version = tuple[str, int]


@click.command(
    epilog="""\b
Example:
  learnflow validate catalog/
  learnflow validate catalog/ --lock
  learnflow validate catalog/ --lock --relock order.placed:2
  learnflow validate --strict --json

Exit code 0 when valid, 1 when not (with --strict also for warnings). The format:
docs/reference/catalog.md; publishing events: docs/how-to/events.md."""
)
@click.argument("path", required=False)
@click.option("--catalog", metavar="PATH", help="The same as PATH, as other commands have it.")
@click.option("--strict", is_flag=True, help="Warnings count as problems.")
@click.option("--lock", is_flag=True, help="Publish new event versions: write events.lock.")
@click.option(
    "--relock",
    multiple=True,
    metavar="EVENT:VERSION",
    help="With --lock: publish this version again, although it changed. Repeatable.",
)
@dry_run_option
@json_option
def command(
    *,
    path: str | None,
    catalog: str | None,
    strict: bool,
    lock: bool,
    relock: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> int:
    """
    Check a catalog's file or folder; needs no cluster.

    All problems come at once, each with file:line, the path inside, what is wrong and what to
    write instead. Without PATH the built-in LearnFlow catalog is checked.
    """
    from learnflow_kafka.cli.views import catalog as view
    from learnflow_kafka.cli.views import output

    chosen = _chosen(path, catalog)
    _refuse_nonsense(chosen, lock=lock, relock=relock, dry_run=dry_run)
    verdict, publication = _judge(chosen, tuple(map(_version, relock)), lock=lock)
    if strict:
        verdict = replace(verdict, problems=verdict.problems + verdict.warnings, warnings=())
    # What is published is there for good, so it waits until nothing is left to mend.
    if publication and not verdict.problems:
        verdict = replace(verdict, published=_publish(publication, dry_run=dry_run))
    if as_json:
        output.emit_json(view.as_json(verdict))
    else:
        view.show(verdict, output.console())
    return 1 if verdict.problems else 0


def _chosen(path: str | None, catalog: str | None) -> str | None:
    if path and catalog and path != catalog:
        raise UsageError("give PATH or --catalog, not both")
    return own_path(catalog if path is None else path)


def _refuse_nonsense(
    chosen: str | None, *, lock: bool, relock: tuple[str, ...], dry_run: bool
) -> None:
    if (relock or dry_run) and not lock:
        flag = "--relock" if relock else "--dry-run"
        raise UsageError(f"{flag} says how to write the lock", fix=f"add --lock, or leave {flag}")
    if lock and chosen is None:
        raise UsageError(
            "the built-in catalog is published with learnflow-kafka itself",
            fix="name your own: learnflow validate PATH --lock",
        )


def _version(text: str) -> Version:
    event, colon, number = text.rpartition(":")
    if not colon or not event or not number.isdecimal():
        raise UsageError(
            f"--relock {text!r} names no version of an event", fix="write --relock EVENT:VERSION"
        )
    return event, int(number)


def _judge(
    chosen: str | None, renew: tuple[Version, ...], *, lock: bool
) -> tuple[Verdict, Publication | None]:
    """The verdict, and what is to be published where that was asked for."""
    from learnflow_kafka.cli.views.catalog import Verdict
    from learnflow_kafka.core.plans.desired import resolve
    from learnflow_kafka.wiring import catalogs

    shown = chosen or BUILT_IN
    try:
        checked = catalogs.check(chosen, renew=renew)
        derived = resolve(checked.catalog).derived
    except CatalogError as error:
        return Verdict(shown, None, error.problems, error.warnings), None
    problems = () if lock else checked.unlocked
    verdict = Verdict(shown, checked.catalog, problems, checked.warnings, derived)
    return verdict, checked.publication if lock else None


def _publish(made: Publication, *, dry_run: bool) -> Published:
    from learnflow_kafka.cli.files import write_text
    from learnflow_kafka.cli.views.catalog import Published

    if made.added and not dry_run:
        write_text(made.text, str(made.file))
    return Published(str(made.file), made.added, dry_run)
