"""`learnflow codegen`: event classes and contract for the SDK."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from learnflow_kafka.cli.options import FileName, dry_run_option, json_option
from learnflow_kafka.core.catalog import own_path
from learnflow_kafka.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from learnflow_kafka.cli.views.codegen import State

CHANGES_PENDING: Final = 3


@click.command(
    epilog="""\b
Example:
  learnflow codegen --catalog catalog/ --out src/shop/events.py
  learnflow codegen --catalog catalog/ --out src/shop/events.py --check

Exit code 0 when the file is as it should be, 3 when --check finds it is not. How each rule of
JSON Schema becomes Python: docs/how-to/codegen.md."""
)
@click.option("--catalog", metavar="PATH", help="A catalog's file or folder. Default: built in.")
@click.option(
    "--out", type=FileName(), metavar="PATH", required=True, help="The Python file to write."
)
@click.option("--check", is_flag=True, help="Write nothing; fail where the file is not fresh.")
@dry_run_option
@json_option
def command(*, catalog: str | None, out: str, check: bool, dry_run: bool, as_json: bool) -> int:
    """
    Write a catalog's event classes and contract as Python.

    The SDK imports that file and reads no YAML. The same catalog always gives the same file;
    a file that codegen did not write is never overwritten.
    """
    from learnflow_kafka.app import codegen
    from learnflow_kafka.cli.files import write_text
    from learnflow_kafka.cli.views import codegen as view
    from learnflow_kafka.cli.views import output
    from learnflow_kafka.wiring import catalogs

    made = codegen.generate(catalogs.load(catalog))
    before = _read(out)
    if before is not None and not before.startswith(codegen.MARK):
        raise RefusedError(
            "this file was not written by codegen, and is not overwritten",
            where=out,
            fix="name another file with --out",
        )
    state = _state(before, made.text, check=check, dry_run=dry_run)
    if state == "written":
        write_text(made.text, out)
    result = view.Result(own_path(catalog), out, made, state)
    if as_json:
        output.emit_json(view.as_json(result))
    else:
        view.show(result, output.console())
    return CHANGES_PENDING if state == "stale" else 0


def _state(before: str | None, after: str, *, check: bool, dry_run: bool) -> State:
    if before == after:
        return "fresh"
    if check:
        return "stale"
    return "pending" if dry_run else "written"


def _read(name: str) -> str | None:
    """The file as it is, or None where there is none."""
    try:
        return Path(name).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        return ""
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=name) from error
