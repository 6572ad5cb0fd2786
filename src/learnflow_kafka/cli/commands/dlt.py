"""`learnflow dlt`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from learnflow_kafka.cli.options import (
    Target,
    dry_run_option,
    json_option,
    target_options,
    yes_option,
)
from learnflow_kafka.errors import UsageError

if TYPE_CHECKING:
    from learnflow_kafka.core.replaying import Identity, Selection


@click.group(
    epilog="""\b
Example:
  learnflow dlt list
  learnflow dlt show tutor/learning.query/2/17
  learnflow dlt replay --group tutor --dry-run
  learnflow dlt purge learning.query.tutor.dlt --dry-run""",
)
def command() -> None:
    """
    Dead letters: list, show, replay and purge.

    A dead letter is an event that a group could not handle. It lies in the topic
    SOURCE.GROUP.dlt, with headers that say what went wrong.
    """


@command.command(
    "list",
    epilog="""\b
Example:
  learnflow dlt list
  learnflow dlt list --letters --group tutor --since 2h
  learnflow dlt list --json""",
)
@click.option("--letters", is_flag=True, help="One line a letter, with its identity.")
@click.option("--group", metavar="NAME", help="Only letters of this group.")
@click.option("--topic", metavar="NAME", help="Only letters of this source topic.")
@click.option("--since", metavar="TIME", help="Failed since 2026-11-23T10:00:00Z, or 2h ago.")
@target_options
@json_option
def list_command(
    *,
    letters: bool,
    group: str | None,
    topic: str | None,
    since: str | None,
    target: Target,
    as_json: bool,
) -> int:
    """
    How many letters each group has, why, since when, and how many wait.

    A letter that was written twice, because its service was killed at the wrong moment, is
    shown once. A letter waits until `dlt replay` has sent it back.
    """
    from learnflow_kafka.app.dead_letters import boxes
    from learnflow_kafka.cli.views import dead_letters, output
    from learnflow_kafka.wiring import contexts, kafka

    selection = _selection(group, topic, since)
    context = contexts.resolve(target)
    with kafka.admin(context) as admin, kafka.data(context) as data:
        found = boxes(admin, data, selection)
    if as_json:
        output.emit_json(dead_letters.list_json(found, letters=letters))
    else:
        dead_letters.show_list(found, output.console(), letters=letters)
    return 0


@command.command(
    epilog="""\b
Example:
  learnflow dlt show tutor/learning.query/2/17
  learnflow dlt show tutor/learning.query/2/17 --json""",
)
@click.argument("identity", metavar="GROUP/TOPIC/PARTITION/OFFSET")
@target_options
@json_option
def show(*, identity: str, target: Target, as_json: bool) -> int:
    """One dead letter: where it came from, what went wrong, its headers and its payload."""
    from learnflow_kafka.app import dead_letters as app
    from learnflow_kafka.cli.views import dead_letters, output
    from learnflow_kafka.wiring import contexts, kafka

    wanted = _identity(identity)
    context = contexts.resolve(target)
    with kafka.admin(context) as admin, kafka.data(context) as data:
        found = app.show(admin, data, wanted)
    if as_json:
        output.emit_json(dead_letters.details_json(found))
    else:
        dead_letters.show_details(found, output.console())
    return 0


@command.command(
    epilog="""\b
Example:
  learnflow dlt replay --group tutor --dry-run
  learnflow dlt replay --topic learning.query --since 2h
  learnflow dlt replay --identity tutor/learning.query/2/17 --yes""",
)
@click.option("--group", metavar="NAME", help="Only letters of this group.")
@click.option("--topic", metavar="NAME", help="Only letters of this source topic.")
@click.option("--since", metavar="TIME", help="Failed since 2026-11-23T10:00:00Z, or 2h ago.")
@click.option(
    "--identity",
    "identities",
    multiple=True,
    metavar="GROUP/TOPIC/PARTITION/OFFSET",
    help="Only this letter. Repeatable.",
)
@target_options
@dry_run_option
@yes_option
@json_option
def replay(
    *,
    group: str | None,
    topic: str | None,
    since: str | None,
    identities: tuple[str, ...],
    target: Target,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """
    Send dead letters back to the topics that they came from, each of them once.

    The event goes back as it was: key, value, headers, and the partition where it stood. Every
    group that reads the source topic gets it again, not only the one that failed. What went
    back is noted in the same transaction: a second run, or one after a kill, sends nothing
    twice. The dead letters stay where they are.
    """
    from learnflow_kafka.app import dead_letters as app
    from learnflow_kafka.cli.confirm import confirm
    from learnflow_kafka.cli.progress import Teller
    from learnflow_kafka.cli.views import dead_letters, output
    from learnflow_kafka.wiring import contexts, kafka

    selection = _selection(group, topic, since, identities)
    context = contexts.resolve(target)
    done: list[app.Replayed] = []
    with kafka.admin(context) as admin, kafka.data(context) as data:
        delivery = app.prepare(admin, data, selection)
        dead_letters.show_delivery(delivery, output.console(stderr=as_json))
        if delivery.letters and not dry_run:
            cluster = admin.cluster().cluster_id
            question = f"Send {len(delivery.letters):,} dead letters back?"
            confirm(context, question, yes=yes, cluster_id=cluster)
            with Teller(as_json=as_json) as teller:
                for event in app.replay(admin, data, delivery):
                    done.append(event)
                    dead_letters.tell(teller, delivery, done)
    if as_json:
        output.emit_json(dead_letters.replay_json(delivery, done, dry_run=dry_run))
    elif not dry_run:
        dead_letters.show_replayed(delivery, done, output.console())
    fewer = sum(event.letters for event in done) < len(delivery.letters)
    return 1 if fewer and not dry_run else 0


@command.command(
    epilog="""\b
Example:
  learnflow dlt purge learning.query.tutor.dlt --dry-run
  learnflow dlt purge learning.query.tutor.dlt --partition 0 --before 120""",
)
@click.argument("topic", metavar="DEAD-LETTER-TOPIC")
@click.option(
    "--partition", "partitions", type=click.IntRange(min=0), multiple=True, help="Only this one."
)
@click.option(
    "--before",
    type=click.IntRange(min=0),
    metavar="OFFSET",
    help="Keep what stands at this offset of the dead-letter topic's partition and after it.",
)
@target_options
@dry_run_option
@yes_option
@json_option
def purge(
    *,
    topic: str,
    partitions: tuple[int, ...],
    before: int | None,
    target: Target,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """
    Remove dead letters for good: the beginning of each partition, whatever stands in it.

    Kafka can remove only the beginning of a partition, never single records: everything before
    the offset goes, letters that were never replayed too. Without --before that is all there
    is now. The preview counts what goes.
    """
    from learnflow_kafka.app import dead_letters as app
    from learnflow_kafka.cli.confirm import confirm
    from learnflow_kafka.cli.views import dead_letters, output
    from learnflow_kafka.wiring import contexts, kafka

    chosen = tuple(dict.fromkeys(partitions))
    if before is not None and len(chosen) != 1:
        raise UsageError("an offset belongs to one partition: give --before with one --partition")
    context = contexts.resolve(target)
    events: list[app.Purged] = []
    with kafka.admin(context) as admin, kafka.data(context) as data:
        cuts = app.cuts(admin, data, topic, partitions=chosen, before=before)
        dead_letters.show_cuts(topic, cuts, output.console(stderr=as_json))
        if cuts and not dry_run:
            cluster = admin.cluster().cluster_id
            question = f"Remove these records of {topic} for good?"
            confirm(context, question, yes=yes, cluster_id=cluster)
            events = list(app.purge(admin, topic, cuts))
    if as_json:
        output.emit_json(dead_letters.purge_json(topic, cuts, events, dry_run=dry_run))
    else:
        dead_letters.show_purged(topic, events, output.console())
    return 1 if any(event.fault for event in events) else 0


def _selection(
    group: str | None, topic: str | None, since: str | None, identities: tuple[str, ...] = ()
) -> Selection:
    from learnflow_kafka.core.moments import parse_moment
    from learnflow_kafka.core.replaying import Selection
    from learnflow_kafka.wiring import system

    try:
        moment = None if since is None else parse_moment(since, now_ms=system.clock().now_ms())
    except ValueError as error:
        raise UsageError(str(error), where="--since") from error
    return Selection(group, topic, moment, frozenset(map(_identity, identities)))


def _identity(text: str) -> Identity:
    from learnflow_kafka.core.replaying import parse_identity

    try:
        return parse_identity(text)
    except ValueError as error:
        raise UsageError(str(error)) from error
