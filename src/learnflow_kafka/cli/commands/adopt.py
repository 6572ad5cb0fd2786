"""`learnflow adopt`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from learnflow_kafka.cli.options import (
    FileName,
    Target,
    dry_run_option,
    json_option,
    target_options,
)
from learnflow_kafka.errors import RefusedError

if TYPE_CHECKING:
    from learnflow_kafka.app.adopt import Adopted


@click.command(
    epilog="""\b
Example:
  learnflow adopt -c prod > catalog.yaml
  learnflow adopt -b kafka:9092 --only topic/shop.* --out shop.yaml"""
)
@target_options
@click.option(
    "--only",
    multiple=True,
    metavar="topic/NAME",
    help="Only these topics; * and ? stand for any letters. Repeatable.",
)
@click.option("--name", default="adopted", help="The catalog's name.")
@click.option(
    "--out",
    type=FileName(),
    metavar="FILE",
    help="Write it there; an existing file is never replaced.",
)
@dry_run_option
@json_option
def command(
    *,
    target: Target,
    only: tuple[str, ...],
    name: str,
    out: str | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """
    Write a catalog from a live cluster.

    The cluster is only read, and the first plan of the catalog is empty: what is set on a
    topic is declared, what defaults give is left to the cluster.
    """
    from learnflow_kafka.app.adopt import adopt
    from learnflow_kafka.cli.files import write_text
    from learnflow_kafka.cli.scope import pattern
    from learnflow_kafka.wiring import catalogs, contexts, kafka

    if out and Path(out).exists():
        raise RefusedError(f"{out} exists; nothing was written", fix="name another file")
    with kafka.admin(contexts.resolve(target)) as admin:
        found = adopt(admin, name, tuple(map(pattern, only)))
    text = catalogs.dump(found.catalog)
    if out and not dry_run:
        write_text(text, out)
    _show(found, text, out, as_json=as_json)
    return 0


def _show(found: Adopted, text: str, out: str | None, *, as_json: bool) -> None:
    from learnflow_kafka.cli.views import adoption, output

    if as_json:
        output.emit_json(adoption.as_json(found, text))
        return
    if out is None:
        click.echo(text, nl=False)
    adoption.show(found, output.console(stderr=True), out)
