"""`learnflow connect`."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Final

import click

from learnflow_kafka.cli.handler import INTERRUPTED
from learnflow_kafka.cli.options import Place, json_option, kubernetes_options
from learnflow_kafka.cli.signals import terminable
from learnflow_kafka.errors import LearnflowError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from learnflow_kafka.app.connect import Connected, ConnectEvent
    from learnflow_kafka.core.connection import Kubernetes

VARIABLES: Final = ("LEARNFLOW_BOOTSTRAP", "KAFKA_BOOTSTRAP_SERVERS")
"""Where a command finds the bootstrap address."""


@click.command(
    context_settings={"allow_interspersed_args": False},
    epilog="""\b
Example:
  learnflow connect
  learnflow connect --namespace staging --save staging
  learnflow connect -- sh -c 'kcat -b $KAFKA_BOOTSTRAP_SERVERS -L'""",
)
@click.option("--context", "-c", "name", metavar="NAME", help="A saved context on Kubernetes.")
@kubernetes_options
@click.option("--save", metavar="NAME", help="Save the place as a context of this name.")
@click.argument("words", nargs=-1, metavar="[-- COMMAND ...]")
@json_option
def command(
    *, name: str | None, place: Place, save: str | None, words: tuple[str, ...], as_json: bool
) -> int:
    """
    Tunnels from here to every broker of a release on Kubernetes, until Ctrl-C.

    Every broker gets the port of this machine that it advertises on its LOCAL listener, so
    that any client works as beside the brokers, through restarts of pods. With a command, that
    runs with the address in $KAFKA_BOOTSTRAP_SERVERS, and the tunnels end with it. Other
    commands of this tool need none of this: `--context` is enough for them.
    """
    from learnflow_kafka.cli.places import of_context

    if words and as_json:
        raise UsageError("--json does not go with a command: its output is its own")
    where = of_context(name, place)
    with terminable():
        if words:
            return _run(words, where, save)
        try:
            _stay(where, save, as_json=as_json)
        except KeyboardInterrupt:
            click.echo("the tunnels are closed", err=True)
        return INTERRUPTED


def _stay(where: Kubernetes, save: str | None, *, as_json: bool) -> None:
    """Keep the tunnels and tell of changes, until somebody interrupts."""
    from contextlib import closing

    from learnflow_kafka.app.connect import Connected, connect
    from learnflow_kafka.wiring import kubernetes, system

    there = kubernetes.platform(where)
    kubernetes.claim(there, where)
    with closing(connect(there, where, system.clock(), stop=lambda: False)) as events:
        for event in events:
            _tell(event, where, as_json=as_json)
            if isinstance(event, Connected):
                _connected(event, where, save, as_json=as_json)


def _tell(event: ConnectEvent, where: Kubernetes, *, as_json: bool) -> None:
    from learnflow_kafka.cli.views import kubernetes as view

    if as_json:
        click.echo(json.dumps(view.connect_json(event, where)))
        return
    for line in view.connect_lines(event):
        click.echo(line)


def _connected(event: Connected, where: Kubernetes, save: str | None, *, as_json: bool) -> None:
    from learnflow_kafka.core.kubernetes import context_name

    if save is not None:
        _save(save, where, event.bootstrap, quiet=as_json)
    if as_json:
        return
    click.echo(f"bootstrap {','.join(event.bootstrap)}")
    if save is None:
        click.echo(f"`--save {context_name(where)}` would keep it as a context")
    click.echo("Ctrl-C closes the tunnels")


def _save(name: str, where: Kubernetes, bootstrap: Sequence[str], *, quiet: bool) -> None:
    from learnflow_kafka.cli.views import kubernetes as view
    from learnflow_kafka.wiring import contexts

    saved = contexts.save_place(name, where, bootstrap)
    if not quiet:
        click.echo(view.saved_line(saved))


def _run(words: Sequence[str], where: Kubernetes, save: str | None) -> int:
    """The command's exit code; signals reach it as they reach us."""
    from learnflow_kafka.core.connection import Connection, Context
    from learnflow_kafka.core.kubernetes import context_name
    from learnflow_kafka.wiring import kubernetes

    bare = Context(context_name(where), Connection(()), kubernetes=where)
    connection = kubernetes.reached(bare).connection
    if save is not None:
        _save(save, where, connection.bootstrap, quiet=True)
    variables = dict.fromkeys(VARIABLES, connection.address)
    try:
        process = subprocess.Popen([*words], env={**os.environ, **variables})  # noqa: S603 - the user's own command
    except OSError as error:
        raise LearnflowError(f"{words[0]!r} cannot be started: {error.strerror}") from error
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            # A terminal's Ctrl-C has reached the command as well; SIGTERM has not.
            process.terminate()
        else:
            return code if code >= 0 else 128 - code
