"""`learnflow produce`."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from learnflow_kafka.cli.options import (
    Target,
    catalog_options,
    dry_run_option,
    json_option,
    target_options,
)
from learnflow_kafka.errors import LearnflowError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from learnflow_kafka.app.records import BadLine, Good, Sending, Sent
    from learnflow_kafka.cli.views.records import Tally
    from learnflow_kafka.core.connection import Context
    from learnflow_kafka.core.ports import NewRecord
    from learnflow_kafka.core.records import LineRules


@click.command(
    epilog="""\b
Example:
  echo '{"question": "why?"}' | learnflow produce learning.query --no-validate
  learnflow produce orders --key-separator : --file orders.txt
  learnflow produce orders --key 42 --value '{"id": 42}' --header source=me
  learnflow produce orders --key 42 --tombstone
  learnflow consume a --from-beginning --json | learnflow produce b --input json --skip-bad

Every line is checked before it is sent: its form, its size against the topic's limit, and its
event against the catalog's schema. The first bad line stops what comes after it, unless
--skip-bad; what was sent before stays written. Exit code 1 if any line was bad. Topics are
never created. Keys go where the topic's partitioner in the catalog says."""
)
@click.argument("topic")
@click.option("--value", metavar="TEXT", help="Write this one record instead of reading lines.")
@click.option("--tombstone", is_flag=True, help="Write one record without a value for --key.")
@click.option(
    "--file",
    "path",
    type=click.Path(exists=True, dir_okay=False),
    help="Read lines from a file instead of standard input.",
)
@click.option("--key", metavar="TEXT", help="The key of every record.")
@click.option("--key-separator", metavar="TEXT", help=r"Ends the key in each line; \t is a tab.")
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help="May be repeated.")
@click.option("--partition", type=click.IntRange(min=0), help="Instead of the partitioner's.")
@click.option(
    "--input",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: each line is an object with value, key, headers, partition, timestamp.",
)
@click.option("--skip-bad", is_flag=True, help="Report bad lines and send the rest.")
@click.option("--no-validate", is_flag=True, help="Do not check events against their schema.")
@target_options
@catalog_options
@dry_run_option
@json_option
def command(
    *,
    topic: str,
    value: str | None,
    tombstone: bool,
    path: str | None,
    key: str | None,
    key_separator: str | None,
    headers: tuple[str, ...],
    partition: int | None,
    form: str,
    skip_bad: bool,
    no_validate: bool,
    target: Target,
    catalog: str | None,
    environment: str | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Write records to TOPIC, one for each line of standard input."""
    from learnflow_kafka.app import records as app
    from learnflow_kafka.cli.confirm import confirm
    from learnflow_kafka.cli.views import output
    from learnflow_kafka.cli.views.records import Tally
    from learnflow_kafka.core.catalog import Topic
    from learnflow_kafka.wiring import catalogs, contexts, kafka

    del environment  # the environment changes no event and no partitioner
    if (value is not None) + tombstone + (path is not None) > 1:
        raise UsageError("give one of --value, --tombstone and --file")
    if key_separator is not None and (value is not None or tombstone):
        raise UsageError("--key-separator is for lines; give --key with --value or --tombstone")
    rules = _rules(topic, key, key_separator, headers, partition)
    if tombstone and rules.key is None:
        raise UsageError("a tombstone marks a key as deleted", fix="add --key KEY")
    context = contexts.revealed(contexts.resolve(target))
    declared = catalogs.of(context, catalog)
    with kafka.admin(context) as admin:
        limits = app.limits_of(admin, topic)
    if context.protected and not dry_run:
        confirm(context, f"Write to {topic}?", yes=True)
    own = declared.topics.get(topic) or Topic(topic, limits.partitions)
    sending = app.Sending(
        limits, own.partitioner.value, _parser(form, rules, tombstone=tombstone), skip_bad=skip_bad
    )
    if own.events and not no_validate:
        checker = catalogs.event_checker(declared, topic)
        sending = replace(sending, check=app.event_check(checker))
    tally = Tally(topic, dry_run=dry_run)
    single = value.encode() if value is not None else b"" if tombstone else None
    with _lines(path, single) as lines:
        _count(_events(context, lines, sending, dry_run=dry_run), tally)
    if as_json:
        output.emit_json(tally.json())
    else:
        click.echo(tally.text())
    return 1 if tally.bad else 0


def _events(
    context: Context, lines: Iterable[bytes], sending: Sending, *, dry_run: bool
) -> Iterator[Sent | Good | BadLine]:
    from learnflow_kafka.app import records as app
    from learnflow_kafka.wiring import kafka

    if dry_run:
        yield from app.check_lines(lines, sending)
        return
    with kafka.data(context) as data:
        yield from app.produce(data, lines, sending)


def _count(events: Iterable[Sent | Good | BadLine], tally: Tally) -> None:
    """Tell bad lines at once; say what was written also where it ends early."""
    from learnflow_kafka.app.records import BadLine, Sent

    try:
        for event in events:
            if isinstance(event, BadLine):
                tally.add_bad(event)
                click.echo(f"line {event.line}: {event.reason}", err=True)
            elif isinstance(event, Sent):
                tally.add_sent(event)
            else:
                tally.add_good()
    except (KeyboardInterrupt, LearnflowError):
        click.echo(tally.text(), err=True)
        raise


def _rules(
    topic: str,
    key: str | None,
    separator: str | None,
    headers: tuple[str, ...],
    partition: int | None,
) -> LineRules:
    from learnflow_kafka.core.records import (
        BadLineError,
        LineRules,
        parse_header,
        parse_separator,
    )

    if key is not None and separator is not None:
        raise UsageError("give --key or --key-separator, not both")
    try:
        return LineRules(
            topic,
            None if key is None else key.encode(),
            None if separator is None else parse_separator(separator),
            tuple(parse_header(header) for header in headers),
            partition,
        )
    except BadLineError as error:
        raise UsageError(str(error)) from error


def _parser(form: str, rules: LineRules, *, tombstone: bool) -> Callable[[bytes], NewRecord]:
    from learnflow_kafka.core.ports import NewRecord
    from learnflow_kafka.core.records import from_json, from_text

    if tombstone:
        return lambda _: NewRecord(rules.topic, None, rules.key, rules.headers, rules.partition)
    if form == "json":
        return lambda line: from_json(line, rules)
    return lambda line: from_text(line, rules)


@contextmanager
def _lines(path: str | None, single: bytes | None) -> Iterator[Iterable[bytes]]:
    """The lines to be sent, without their line ends, read as they are asked for."""
    if single is not None:
        yield (single,)
        return
    if path is not None:
        with Path(path).open("rb") as file:
            yield _stripped(file)
        return
    if sys.stdin.isatty():
        click.echo("one record a line; end with Ctrl-D", err=True)
    yield _stripped(sys.stdin.buffer)


def _stripped(stream: IO[bytes]) -> Iterator[bytes]:
    return (line.removesuffix(b"\n") for line in stream)
