"""
The one place where errors become messages and exit codes.

Expected errors say what happened, where, and the next step. Anything else is our bug: it
leaves a report file without values of options (they may hold payloads) and exits 70.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

import click

from learnflow_kafka import __version__
from learnflow_kafka.cli import pipes
from learnflow_kafka.errors import CatalogError, LearnflowError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

INTERRUPTED: Final = 130
OUR_BUG: Final = 70


def guarded(command: click.Command, args: list[str]) -> int:
    """Run the command; return what it returned, or the code of what went wrong."""
    as_json = "--json" in args
    try:
        result = command.main(args=args, prog_name="learnflow", standalone_mode=False)
        sys.stdout.flush()
    except LearnflowError as error:
        _report(error, as_json=as_json)
        return error.exit_code
    except click.ClickException as error:
        _report(_as_usage_error(error), as_json=as_json)
        return UsageError.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nlearnflow: interrupted", err=True)
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the edge: whatever escaped is our bug
        if isinstance(error, BrokenPipeError) and pipes.reader_gone():
            # The reader has seen enough (`| head`).
            pipes.let_go()
            return 0
        return _our_bug(error, args)
    return result if isinstance(result, int) else 0


def _report(error: LearnflowError, *, as_json: bool) -> None:
    if as_json:
        _report_json(error)
        return
    if isinstance(error, CatalogError):
        for problem in error.problems:
            click.echo(str(problem), err=True)
    label = click.style("error:", fg="red", bold=True)
    click.echo(f"{label} {error}", err=True, color=_color())
    if error.fix:
        click.echo(f"  next: {error.fix}", err=True)


def _as_usage_error(error: click.ClickException) -> UsageError:
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else "learnflow"
    return UsageError(error.format_message(), fix=f"see {path} --help")


def _report_json(error: LearnflowError) -> None:
    import json  # noqa: PLC0415 - only on this path

    problems = error.problems if isinstance(error, CatalogError) else ()
    click.echo(
        json.dumps(
            {
                "kind": "error",
                "version": 1,
                "error": type(error).__name__,
                "what": error.what,
                "where": error.where,
                "fix": error.fix,
                "problems": [
                    {
                        "file": p.file,
                        "line": p.line,
                        "column": p.column,
                        "path": p.path,
                        "what": p.what,
                        "instead": p.instead,
                    }
                    for p in problems
                ],
            },
            indent=2,
        )
    )


def _color() -> bool | None:
    return False if os.environ.get("NO_COLOR") else None


def _our_bug(error: Exception, args: list[str]) -> int:
    from learnflow_kafka.wiring.paths import paths  # noqa: PLC0415 - only on this path

    try:
        report = str(_write_report(error, args, paths().state / "reports"))
    except OSError as fault:
        report = f"could not be written ({fault})"
    click.echo(
        f"learnflow: this is a bug in learnflow itself: {type(error).__name__}: {error}\n"
        f"  report: {report}\n"
        "  It holds no values of options and no records; please attach it to a bug report.",
        err=True,
    )
    return OUR_BUG


def _write_report(error: Exception, args: list[str], folder: Path) -> Path:
    import platform  # noqa: PLC0415 - only on this path
    import time  # noqa: PLC0415
    import traceback  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    words = [arg.split("=")[0] if arg.startswith("-") else "..." for arg in args[1:]]
    file = folder / f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt"
    file.write_text(
        f"learnflow {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
        f"command: {' '.join(args[:1] + words)}\n\n" + "".join(traceback.format_exception(error)),
        encoding="utf-8",
    )
    return file
