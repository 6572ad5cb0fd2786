"""
Asking before a change.

The question always names the context and the cluster. A protected context wants its name
typed, `--yes` or not; a program types it by setting LEARNFLOW_CONFIRM to the name.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from learnflow_kafka.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from learnflow_kafka.core.connection import Context


def confirm(context: Context, question: str, *, yes: bool, cluster_id: str | None = None) -> None:
    """
    Return if the user agrees.

    Raises RefusedError where the answer is no, UsageError where nobody can be asked.
    """
    pinned = cluster_id or context.cluster_id or "not known"
    click.echo(f"context {context.name}, cluster {pinned}", err=True)
    if context.protected:
        _confirm_by_name(context, question)
    elif not yes:
        ask(question)


def ask(question: str) -> None:
    """
    Ask a yes-or-no question on the terminal; return on yes.

    Raises RefusedError on no, UsageError where there is no terminal.
    """
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", fix="add --yes to go ahead unasked")
    if not click.confirm(question, default=False, err=True):
        raise RefusedError("you said no; nothing was changed")


def _confirm_by_name(context: Context, question: str) -> None:
    typed = os.environ.get("LEARNFLOW_CONFIRM")
    if typed is None:
        if not sys.stdin.isatty():
            raise UsageError(
                f"context {context.name!r} is protected and there is no terminal to ask on",
                fix=f"set LEARNFLOW_CONFIRM={context.name} for this one command",
            )
        typed = click.prompt(f"{question} Type the context's name", default="", err=True)
    if typed != context.name:
        raise RefusedError(f"{typed!r} is not {context.name!r}; nothing was changed")
