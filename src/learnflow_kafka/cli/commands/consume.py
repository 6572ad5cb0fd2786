"""`learnflow consume`."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING

import click

from learnflow_kafka.cli import pipes
from learnflow_kafka.cli.options import Target, json_option, target_options
from learnflow_kafka.cli.signals import terminable
from learnflow_kafka.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from learnflow_kafka.app.records import Reading
    from learnflow_kafka.core.connection import Context
    from learnflow_kafka.core.observed import Record
    from learnflow_kafka.core.reading import Beginning


@click.command(
    epilog="""\b
Example:
  learnflow consume learning.query
  learnflow consume learning.query --from-beginning
  learnflow consume learning.query learning.response --last 10 --json
  learnflow consume learning.query --from 10m --follow --keys
  learnflow consume learning.query --from-beginning --format '%p/%o %k %s\\n'

Without a beginning it shows what arrives from now on, until Ctrl-C (exit code 130), SIGTERM
(143), or until the reader of a pipe goes away (0). With a beginning it ends at the end, unless
--follow. --format takes kcat's letters: %k key, %s value, %t topic, %p partition, %o offset,
%T time in milliseconds, %h headers."""
)
@click.argument("topics", nargs=-1, required=True, metavar="TOPIC...")
@click.option("--from-beginning", is_flag=True, help="Every record that is still there.")
@click.option("--from", "moment", metavar="TIME", help="2026-11-23T10:00:00Z, or 10m ago.")
@click.option("--last", type=click.IntRange(min=0), metavar="N", help="The newest N records.")
@click.option("--offset", type=click.IntRange(min=0), help="From this offset on.")
@click.option("--follow", "-f", is_flag=True, help="Go on with what arrives.")
@click.option("--max", "most", type=click.IntRange(min=1), metavar="N", help="At most N records.")
@click.option("--partition", "partitions", type=click.IntRange(min=0), multiple=True)
@click.option("--keys", is_flag=True, help="Show the key and a tab before the value.")
@click.option("--headers", is_flag=True, help="Show the headers and a tab before that.")
@click.option("--format", "template", metavar="TEMPLATE", help=r"Such as '%k: %s\n'.")
@click.option("--uncommitted", is_flag=True, help="Records of open transactions too.")
@click.option(
    "--group",
    metavar="NAME",
    help="Read as a member of a group that keeps its place, until Ctrl-C. A new group begins at "
    "the beginning; --from-beginning insists that it is new.",
)
@target_options
@json_option
def command(
    *,
    topics: tuple[str, ...],
    from_beginning: bool,
    moment: str | None,
    last: int | None,
    offset: int | None,
    follow: bool,
    most: int | None,
    partitions: tuple[int, ...],
    keys: bool,
    headers: bool,
    template: str | None,
    uncommitted: bool,
    group: str | None,
    target: Target,
    as_json: bool,
) -> int:
    """Read records of TOPIC, leaving no group behind."""
    from learnflow_kafka.app.records import Reading
    from learnflow_kafka.wiring import contexts

    beginning = _beginning(moment, last, offset, from_beginning=from_beginning)
    placed = beginning is not None and not from_beginning
    if group and (placed or partitions or uncommitted):
        raise UsageError(
            "a group has its own place; --group takes no partition, and only --from-beginning",
            fix="learnflow groups reset GROUP --to PLACE moves a group",
        )
    reading = Reading(
        tuple(dict.fromkeys(topics)),
        beginning or _from_now(),
        follow=follow or beginning is None or group is not None,
        most=most,
        partitions=frozenset(partitions) or None,
        committed_only=not uncommitted,
    )
    show = _renderer(template, keys=keys, headers=headers, as_json=as_json)
    records = _records(contexts.revealed(contexts.resolve(target)), reading, group)
    with terminable():
        _print(records, show, at_once=reading.follow)
    return 0


def _print(records: Generator[Record], show: Callable[[Record], bytes], *, at_once: bool) -> None:
    """Every record; however it ends, a group is left and its place committed."""
    with closing(records):
        for record in records:
            sys.stdout.buffer.write(show(record))
            if at_once:
                sys.stdout.buffer.flush()
        sys.stdout.buffer.flush()


def _records(context: Context, reading: Reading, group: str | None) -> Generator[Record]:
    from learnflow_kafka.app import records as app
    from learnflow_kafka.wiring import kafka

    with kafka.admin(context) as admin, kafka.data(context) as data:
        if group:
            yield from app.consume_as_group(admin, data, group, reading, stop=pipes.reader_gone)
        else:
            yield from app.consume(admin, data, reading, stop=pipes.reader_gone)


def _beginning(
    moment: str | None, last: int | None, offset: int | None, *, from_beginning: bool
) -> Beginning | None:
    from learnflow_kafka.core.reading import FromBeginning, FromOffset, Last

    chosen: list[Beginning] = []
    if from_beginning:
        chosen.append(FromBeginning())
    if moment is not None:
        chosen.append(_from_time(moment))
    if last is not None:
        chosen.append(Last(last))
    if offset is not None:
        chosen.append(FromOffset(offset))
    if len(chosen) > 1:
        raise UsageError("give one of --from-beginning, --from, --last and --offset")
    return chosen[0] if chosen else None


def _from_time(moment: str) -> Beginning:
    from learnflow_kafka.core.moments import parse_moment
    from learnflow_kafka.core.reading import FromTime
    from learnflow_kafka.wiring import system

    try:
        return FromTime(parse_moment(moment, now_ms=system.clock().now_ms()))
    except ValueError as error:
        raise UsageError(str(error), where="--from") from error


def _from_now() -> Beginning:
    from learnflow_kafka.core.reading import FromNow

    return FromNow()


def _renderer(
    template: str | None, *, keys: bool, headers: bool, as_json: bool
) -> Callable[[Record], bytes]:
    from learnflow_kafka.cli.views import records
    from learnflow_kafka.core.formats import parse_template

    if as_json:
        if template is not None:
            raise UsageError("give --json or --format, not both")
        return records.json_lines()
    try:
        parsed = None if template is None else parse_template(template)
    except ValueError as error:
        raise UsageError(str(error), where="--format") from error
    return records.text(keys=keys, headers=headers, template=parsed, terminal=sys.stdout.isatty())
