"""`learnflow init`: a commented catalog to start from."""

from __future__ import annotations

from pathlib import Path

import click

from learnflow_kafka.cli.options import dry_run_option, json_option
from learnflow_kafka.errors import RefusedError, UsageError


@click.command(
    epilog="""\b
Example:
  learnflow init
  learnflow init platform/kafka --dry-run"""
)
@click.argument("folder", default="catalog")
@dry_run_option
@json_option
def command(*, folder: str, dry_run: bool, as_json: bool) -> int:
    """
    Write a commented catalog into FOLDER (default: catalog).

    It validates as it is, and never overwrites a file.
    """
    from learnflow_kafka.cli.views import catalog as view
    from learnflow_kafka.cli.views import output
    from learnflow_kafka.wiring import catalogs

    if not folder:
        raise UsageError("the folder's name is empty", fix="learnflow init FOLDER")
    files = {str(Path(folder, name)): text for name, text in catalogs.starter().items()}
    _refuse_existing(files)
    if not dry_run:
        for name, text in files.items():
            _write(Path(name), text)
    written = view.Starter(folder, tuple(files), dry_run)
    if as_json:
        output.emit_json(view.starter_as_json(written))
    else:
        view.show_starter(written, output.console())
    return 0


def _refuse_existing(files: dict[str, str]) -> None:
    there = [name for name in files if Path(name).exists() or Path(name).is_symlink()]
    if there:
        raise RefusedError(
            f"{', '.join(there)} {'exists' if len(there) == 1 else 'exist'}; nothing was written",
            fix="name another folder: learnflow init FOLDER",
        )


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(file)) from error
