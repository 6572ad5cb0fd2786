"""
The one place where errors become messages and exit codes.

Expected errors say what happened, where, and the next step. Anything else is our bug: it
leaves a report file without values of options (they may hold payloads) and exits 70.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, Final

import click

from learnflow_kafka import __version__
from learnflow_kafka.cli import pipes
from learnflow_kafka.cli.signals import Terminated
from learnflow_kafka.errors import CatalogError, LearnflowError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

INTERRUPTED: Final = 130
TERMINATED: Final = 143
OUR_BUG: Final = 70
_CANNOT_WRITE: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def guarded(command: click.Command, args: list[str]) -> int:
    """Run the command; return what it returned, or the code of what went wrong."""
    as_json = "--json" in args
    pipes.open_standard()
    try:
        _refuse_undecodable(args)
        result = command.main(args=args, prog_name="learnflow", standalone_mode=False)
        sys.stdout.flush()
    except LearnflowError as error:
        error.fix = _aimed(error.fix, args)
        _report(error, as_json=as_json)
        return error.exit_code
    except click.ClickException as error:
        if isinstance(error, click.exceptions.NoArgsIsHelpError) and not as_json:
            click.echo(error.format_message(), err=True)
        else:
            _report(_as_usage_error(error), as_json=as_json)
        return UsageError.exit_code
    except (KeyboardInterrupt, click.Abort) as error:
        # Click turns the first into the second.
        if isinstance(error.__cause__ or error, Terminated):
            click.echo("learnflow: terminated", err=True)
            return TERMINATED
        click.echo("\nlearnflow: interrupted", err=True)
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the edge: whatever escaped is our bug
        return _escaped(error, args, as_json=as_json)
    return result if isinstance(result, int) else 0


def _refuse_undecodable(args: list[str]) -> None:
    """Bytes that are no text in the user's locale reach us as halves of surrogate pairs."""
    for number, arg in enumerate(args, start=1):
        if any("\ud800" <= char <= "\udfff" for char in arg):
            raise UsageError(
                f"word {number} of the command is no text in this locale",
                fix="write it in UTF-8, and use a UTF-8 locale (LC_ALL=C.UTF-8)",
            )


def _escaped(error: Exception, args: list[str], *, as_json: bool) -> int:
    if isinstance(error, BrokenPipeError) and pipes.reader_gone():
        # The reader has seen enough (`| head`).
        pipes.let_go()
        return 0
    if isinstance(error, OSError) and error.errno in _CANNOT_WRITE:
        return _output_lost(error)
    return _our_bug(error, args, as_json=as_json)


def _output_lost(error: OSError) -> int:
    """A full disk under `> file`: nothing more can be said there."""
    pipes.let_go()
    _report(LearnflowError(f"the output cannot be written: {error.strerror}"), as_json=False)
    return LearnflowError.exit_code


def _report(error: LearnflowError, *, as_json: bool) -> None:
    if as_json:
        _report_json(error)
        return
    if isinstance(error, CatalogError):
        _show_problems(error)
    label = click.style("error:", fg="red", bold=True)
    click.echo(f"{label} {error}", err=True, color=_color())
    if error.fix:
        click.echo(f"  next: {error.fix}", err=True)


def _aimed(fix: str | None, args: list[str]) -> str | None:
    """The next command at the cluster that this one was told."""
    from learnflow_kafka.cli import aims  # noqa: PLC0415 - only on this path

    return None if fix is None else aims.aimed(fix, aims.of_words(args))


def _show_problems(error: CatalogError) -> None:
    """As `validate` shows them: with their lines and carets."""
    from learnflow_kafka.cli.views import catalog, output  # noqa: PLC0415 - only on this path

    console = output.console(stderr=True)
    catalog.show_problems(error.problems, console, label="error", style="bold red")


def _as_usage_error(error: click.ClickException) -> UsageError:
    # Click breaks long lists of choices over lines.
    return UsageError(" ".join(error.format_message().split()), fix=_see_help(error))


def _see_help(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"see {context.command_path if context else 'learnflow'} --help"


def _report_json(error: LearnflowError) -> None:
    problems = error.problems if isinstance(error, CatalogError) else ()
    _emit_error(
        type(error).__name__,
        error.what,
        where=error.where,
        fix=error.fix,
        problems=[
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
    )


def _emit_error(
    name: str,
    what: str,
    *,
    where: str | None,
    fix: str | None,
    problems: Sequence[Mapping[str, object]] = (),
) -> None:
    """On one line, so that it may also end a stream of JSON lines."""
    import json  # noqa: PLC0415 - only on this path

    error = {"error": name, "what": what, "where": where, "fix": fix, "problems": [*problems]}
    click.echo(json.dumps({"kind": "error", "version": 1, **error}))


def _color() -> bool | None:
    return False if os.environ.get("NO_COLOR") else None


def _our_bug(error: Exception, args: list[str], *, as_json: bool) -> int:
    from learnflow_kafka.wiring.paths import paths  # noqa: PLC0415 - only on this path

    try:
        report = str(_write_report(error, args, paths().state / "reports"))
    except OSError as fault:
        report = f"could not be written ({fault})"
    if as_json:
        _emit_error(
            "Bug", f"{type(error).__name__}: {error}", where=report, fix="attach it to a bug report"
        )
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
