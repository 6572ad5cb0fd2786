"""Showing long work: one line an event, and a bar for a download on a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

import click

from learnflow_kafka.core.units import approximate_size

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress, TaskID

    from learnflow_kafka.core.local import Downloading

_STEP = 10
"""Per cent between two lines in a log."""


def warn(text: str) -> None:
    """Say beside the result what its reader should know first."""
    click.echo(f"warning: {text}", err=True)


class Teller:
    """
    Tells of progress: lines to standard output, or to standard error beside JSON.

    A download is a bar where that is a terminal, and a line every tenth where it is not.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._stderr = as_json
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._told = -_STEP

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._end_bar()

    def line(self, text: str) -> None:
        """One line, at once: whoever waits sees it."""
        self._end_bar()
        click.echo(text, err=self._stderr)

    def download(self, event: Downloading) -> None:
        """How far a download is."""
        stream = sys.stderr if self._stderr else sys.stdout
        if stream.isatty():
            self._move_bar(event)
            return
        percent = 100 * event.bytes_done // max(1, event.bytes)
        if percent >= self._told + _STEP or event.files_done == event.files:
            self._told = percent
            done, size = approximate_size(event.bytes_done), approximate_size(event.bytes)
            click.echo(f"downloading {event.what}: {done} of {size}", err=self._stderr)

    def _move_bar(self, event: Downloading) -> None:
        if self._bar is None or self._task is None:
            from rich.progress import (  # noqa: PLC0415 - 0.1 s, and only for a bar
                BarColumn,
                DownloadColumn,
                Progress,
                TextColumn,
                TransferSpeedColumn,
            )

            from learnflow_kafka.cli.views import output  # noqa: PLC0415

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                DownloadColumn(binary_units=True),
                TransferSpeedColumn(),
                console=output.console(stderr=self._stderr),
            )
            self._task = self._bar.add_task(event.what, total=event.bytes)
            self._bar.start()
        self._bar.update(self._task, completed=event.bytes_done)

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
