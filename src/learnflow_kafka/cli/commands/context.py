"""`learnflow context`."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from learnflow_kafka.cli.options import Target, dry_run_option, json_option, yes_option
from learnflow_kafka.core.connection import (
    Context,
    Mechanism,
    Protocol,
)
from learnflow_kafka.errors import ContextError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from learnflow_kafka.cli.views.contexts import Choice
    from learnflow_kafka.core.contexts import ContextBook
    from learnflow_kafka.core.observed import ClusterState


@click.group(
    epilog="""\b
Example:
  learnflow context add prod --bootstrap kafka.example.org:9093 --username ops \\
    --password-file ~/.secrets/kafka --env production --protected
  learnflow context use prod
  learnflow context list""",
)
def command() -> None:
    """
    Named clusters: which one every other command talks to.

    The order: --bootstrap, --context, $LEARNFLOW_CONTEXT, `context use`, and last `local`:
    the cluster that `learnflow up` runs here. Secrets are never kept: a context says in which
    file or variable a password is, or which command prints it.
    """


@command.command(
    "list",
    epilog="""\b
Example:
  learnflow context list""",
)
@json_option
def list_command(*, as_json: bool) -> int:
    """Every context; `*` marks the one that is used where nothing else is said."""
    from learnflow_kafka.cli.views import contexts as view
    from learnflow_kafka.cli.views import output

    choice = _choice()
    if as_json:
        output.emit_json(view.list_json(choice))
    else:
        view.show_list(choice, output.console())
    return 0


@command.command(
    epilog="""\b
Example:
  learnflow context show
  learnflow context show prod --json""",
)
@click.argument("name", required=False)
@json_option
def show(*, name: str | None, as_json: bool) -> int:
    """One context's settings; of a secret only where it is kept."""
    from learnflow_kafka.cli.views import contexts as view
    from learnflow_kafka.cli.views import output
    from learnflow_kafka.wiring import contexts

    context = contexts.resolve(Target(name, None))
    if as_json:
        output.emit_json(view.one_json(context))
    else:
        view.show_one(context, output.console())
    return 0


def _refuse_literal(_ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    """A password on the command line is refused, and never repeated."""
    if value is not None:
        raise UsageError(
            "a password on the command line stays in the shell's history and shows in the list "
            "of processes",
            fix="use --password-file PATH, --password-env NAME or --password-command 'LINE'",
        )


def _secret_options(what: str, name: str) -> Callable[[Any], Any]:
    def decorate(function: Any) -> Any:
        for source, metavar in (("command", "LINE"), ("env", "NAME"), ("file", "PATH")):
            text = {
                "file": f"A file that holds the {what}.",
                "env": f"A variable that holds the {what}.",
                "command": f"A command that prints the {what} (run without a shell).",
            }[source]
            function = click.option(f"--{name}-{source}", metavar=metavar, help=text)(function)
        return function

    return decorate


@command.command(
    epilog="""\b
Example:
  learnflow context add staging --bootstrap kafka:9092 --env staging
  learnflow context add prod --bootstrap kafka:9093 --username ops \\
    --password-command 'pass show kafka' --ca ca.pem --env production --protected""",
)
@click.argument("name")
@click.option("--bootstrap", "-b", required=True, metavar="HOST:PORT[,...]")
@click.option(
    "--protocol",
    type=click.Choice([p.value for p in Protocol], case_sensitive=False),
    help="Default: what the other options say.",
)
@click.option("--ca", metavar="PATH", help="PEM of the authority. Default: the system's.")
@click.option("--certificate", metavar="PATH", help="PEM of our certificate, for mutual TLS.")
@click.option("--key", metavar="PATH", help="PEM of our private key.")
@_secret_options("key's password", "key-password")
@click.option("--no-verify-hostname", is_flag=True, help="For test clusters only.")
@click.option("--tls", is_flag=True, help="TLS with the system's authorities.")
@click.option(
    "--mechanism",
    type=click.Choice([m.value for m in Mechanism], case_sensitive=False),
    help="Default with --username: SCRAM-SHA-512.",
)
@click.option("--username", metavar="NAME")
@_secret_options("password", "password")
@click.option(
    "--password", hidden=True, expose_value=False, callback=_refuse_literal, is_eager=True
)
@click.option("--env", "environment", metavar="NAME", help="The catalog's environment there.")
@click.option("--catalog", metavar="PATH", help="The catalog's file or folder.")
@click.option("--protected", is_flag=True, help="Every change asks for the context's name.")
@click.option("--use", is_flag=True, help="Choose it at once.")
@click.option("--replace", "replacing", is_flag=True, help="Although the name is taken.")
@click.option("--no-test", is_flag=True, help="Do not connect; the cluster is then not pinned.")
@dry_run_option
@yes_option
@json_option
def add(
    *,
    name: str,
    use: bool,
    replacing: bool,
    no_test: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **settings: Any,
) -> int:
    """
    Name a cluster, connect to it, and pin its id.

    A pinned context refuses any other cluster that answers at its address later. TLS follows
    from --ca, --certificate or --tls, SASL from --username; SASL without TLS wants
    --protocol SASL_PLAINTEXT.
    """
    from learnflow_kafka.cli.confirm import ask
    from learnflow_kafka.cli.connections import context_of
    from learnflow_kafka.cli.views import contexts as view
    from learnflow_kafka.cli.views import output
    from learnflow_kafka.wiring import contexts

    context = context_of(name, settings)
    book = contexts.book()
    known = name in book.contexts
    book.with_context(context)  # the name is refused before anything is connected to
    if known and not replacing:
        raise ContextError(
            f"there is a context {name!r} already", fix="add --replace to write it anew"
        )
    if not no_test:
        context = replace(context, cluster_id=_answer(context).cluster_id)
    if not dry_run:
        if known and not yes:
            ask(f"Replace the context {name}?")
        contexts.edit(lambda book: _added(book, context, use=use))
    if as_json:
        output.emit_json(view.one_json(context, action="checked" if dry_run else "added"))
    else:
        view.show_one(context, output.console())
        click.echo("Nothing was saved." if dry_run else f"Saved in {contexts.file()}.")
    return 0


@command.command(
    epilog="""\b
Example:
  learnflow context use prod
  learnflow context use local""",
)
@click.argument("name")
@json_option
def use(*, name: str, as_json: bool) -> int:
    """Choose the context that commands use where nothing else is said."""
    from learnflow_kafka.cli.views import output
    from learnflow_kafka.wiring import contexts

    contexts.edit(lambda book: book.choosing(name))
    if as_json:
        output.emit_json({"kind": "context-choice", "version": 1, "used": name})
    else:
        click.echo(f"Commands use {name} now.")
        _tell_override(name)
    return 0


@command.command(
    epilog="""\b
Example:
  learnflow context remove staging --yes""",
)
@click.argument("name")
@dry_run_option
@yes_option
@json_option
def remove(*, name: str, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Forget a context; the cluster is not touched."""
    from learnflow_kafka.cli.confirm import ask
    from learnflow_kafka.cli.views import contexts as view
    from learnflow_kafka.cli.views import output
    from learnflow_kafka.wiring import contexts

    gone = contexts.book().get(name)
    if not dry_run:
        if not yes:
            ask(f"Forget the context {name} ({gone.connection.address})?")
        contexts.edit(lambda book: book.without(name))
    if as_json:
        output.emit_json(view.one_json(gone, action="shown" if dry_run else "removed"))
    else:
        click.echo(f"{name} would be forgotten." if dry_run else f"{name} is forgotten.")
    return 0


@command.command(
    epilog="""\b
Example:
  learnflow context test
  learnflow context test prod --json""",
)
@click.argument("name", required=False)
@json_option
def test(*, name: str | None, as_json: bool) -> int:
    """Connect, and say which cluster answers."""
    from learnflow_kafka.cli.views import contexts as view
    from learnflow_kafka.cli.views import output
    from learnflow_kafka.wiring import contexts

    context = contexts.resolve(Target(name, None))
    cluster = _answer(context)
    if as_json:
        output.emit_json(view.test_json(context, cluster))
    else:
        view.show_test(context, cluster, output.console())
    return 0


def _added(book: ContextBook, context: Context, *, use: bool) -> ContextBook:
    changed = book.with_context(context)
    return changed.choosing(context.name) if use else changed


def _answer(context: Context) -> ClusterState:
    from learnflow_kafka.wiring import kafka

    with kafka.admin(context) as admin:
        return admin.cluster()


def _choice() -> Choice:
    from learnflow_kafka.cli.views.contexts import Choice
    from learnflow_kafka.core.contexts import LOCAL
    from learnflow_kafka.wiring import contexts

    book = contexts.book()
    here = contexts.locals_running()
    chosen = os.environ.get(contexts.VARIABLE) or book.current
    if chosen is None and any(context.name == LOCAL for context in here):
        chosen = LOCAL
    return Choice((*here, *book.contexts.values()), chosen)


def _tell_override(name: str) -> None:
    from learnflow_kafka.wiring import contexts

    other = os.environ.get(contexts.VARIABLE)
    if other and other != name:
        click.echo(f"But ${contexts.VARIABLE} is {other!r}, which goes first.", err=True)
