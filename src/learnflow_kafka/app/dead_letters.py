"""
Dead letters for people: what failed and why, back to where it came from, and away for good.

Nothing is kept outside Kafka: letters are read where they lie, and what was replayed stands in
the marks of one group, written in the same transaction as the replayed events.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from learnflow_kafka.app.lookup import allowed, extents, find_topics, partitions_in
from learnflow_kafka.core.dead_letters import parse
from learnflow_kafka.core.names import dead_letter_topic
from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.ports import Fault
from learnflow_kafka.core.replaying import (
    GROUP,
    SUFFIX,
    Box,
    Identity,
    Ledger,
    Letter,
    Selection,
    Spot,
    returned,
    sort_letters,
)
from learnflow_kafka.errors import RefusedError, RequestError, TimedOutError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from learnflow_kafka.core.lag import Extent
    from learnflow_kafka.core.observed import ConfigValue, Record
    from learnflow_kafka.core.ports import KafkaAdmin, KafkaData, Mark, NewRecord

FENCED: Final = "PRODUCER_FENCED"
_BATCH: Final = 200
_BATCH_BYTES: Final = 4 * 1024 * 1024
_MINUTES: Final = 60_000


@dataclass(frozen=True, slots=True)
class Shown:
    """One dead letter, and the record that says it, with its stack."""

    letter: Letter
    topic: str
    record: Record


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    What a replay would do: letters by their dead-letter topic, each to be written back once.

    `skipped` counts letters that were chosen and went back before. `forgets_after_ms`: the
    brokers forget what went back after so long, sooner than dead letters go (None: they do not).
    """

    waiting: Mapping[str, tuple[Letter, ...]]
    partitions: Mapping[str, int]
    skipped: int
    forgets_after_ms: int | None

    @property
    def letters(self) -> tuple[Letter, ...]:
        """All of them."""
        return tuple(letter for letters in self.waiting.values() for letter in letters)


@dataclass(frozen=True, slots=True)
class Replayed:
    """One transaction that is done: how many letters of a dead-letter topic went back."""

    topic: str
    letters: int


@dataclass(frozen=True, slots=True)
class Cut:
    """
    What a purge takes from one partition: everything from `start` up to `before`.

    `letters` counts the letters in it, and `waiting` those of them that were never replayed;
    `left` what stays in the partition, counted in offsets.
    """

    partition: int
    start: int
    before: int
    letters: int
    waiting: int
    left: int


@dataclass(frozen=True, slots=True)
class Purged:
    """How the purge of one partition ended; `fault` None: what was to go is gone."""

    partition: int
    fault: Fault | None


def boxes(admin: KafkaAdmin, data: KafkaData, selection: Selection) -> tuple[Box, ...]:
    """
    The dead-letter topics that hold something that is meant, with those letters.

    Raises RequestError where a partition has no leader.
    """
    return tuple(
        Box(box.topic, chosen, box.strangers, box.ends)
        for box in _boxes(admin, data, selection)
        if (chosen := tuple(filter(selection.means, box.letters))) or box.strangers
    )


def show(admin: KafkaAdmin, data: KafkaData, identity: Identity) -> tuple[Shown, ...]:
    """
    The dead letters of an identity: one, or more where the source topic was made anew.

    Raises RequestError where there is none.
    """
    box = _read_box(admin, data, _topic_of(admin, identity), partial(data.marks, GROUP))
    letters = [letter for letter in box.letters if letter.identity == identity]
    found = tuple(
        Shown(letter, box.topic, record)
        for letter in letters
        for record in _records(data, box.topic, [letter.spots[0]])
    )
    if not found:
        raise _unknown([identity])
    return found


def _topic_of(admin: KafkaAdmin, identity: Identity) -> str:
    topic = dead_letter_topic(identity.topic, identity.group)
    if topic not in admin.topics([topic]):
        raise _unknown([identity])
    return topic


def _unknown(identities: Collection[Identity]) -> RequestError:
    return RequestError(
        f"there is no dead letter {', '.join(map(str, sorted(identities)))}",
        code="UNKNOWN_DEAD_LETTER",
        fix="see `learnflow dlt list --letters`",
    )


def prepare(admin: KafkaAdmin, data: KafkaData, selection: Selection) -> Delivery:
    """
    What a replay of these letters would do; nothing is changed.

    Raises UsageError for a group or topic that has no dead-letter topic, RefusedError where a
    source topic is gone, and RequestError for an identity that is not there.
    """
    _require_any(admin, selection)
    meant: list[Letter] = []
    waiting: dict[str, tuple[Letter, ...]] = {}
    for box in _boxes(admin, data, selection):
        chosen = tuple(filter(selection.means, box.letters))
        left = tuple(letter for letter in chosen if not letter.replayed)
        Ledger(box).add(left)  # refuses now what a mark could not hold
        meant += chosen
        if left:
            waiting[box.topic] = left
    missing = selection.identities - {letter.identity for letter in meant}
    if missing:
        raise _unknown(missing)
    letters = tuple(letter for left in waiting.values() for letter in left)
    return Delivery(
        waiting,
        _source_partitions(admin, letters),
        skipped=len(meant) - len(letters),
        forgets_after_ms=_forgets_after(admin, list(waiting)),
    )


def _require_any(admin: KafkaAdmin, selection: Selection) -> None:
    """A misspelled name is not the same as nothing to do."""
    if selection.group is None and selection.topic is None:
        return
    if not any(selection.may_hold(name) for name in admin.topics()):
        group = f"group {selection.group!r}" if selection.group else "any group"
        source = f" and topic {selection.topic!r}" if selection.topic else ""
        raise UsageError(
            f"there is no dead-letter topic of {group}{source}", fix="see `learnflow dlt list`"
        )


def _source_partitions(admin: KafkaAdmin, letters: Sequence[Letter]) -> dict[str, int]:
    sources = sorted({letter.says.origin.topic for letter in letters})
    states = admin.topics(sources) if sources else {}
    gone = [name for name in sources if name not in states]
    if gone:
        raise RefusedError(
            f"the source topic is gone, or this user may not see it: {', '.join(gone)}",
            fix="make it again with `learnflow apply`, or choose other letters with --topic",
        )
    return {name: len(state.partitions) for name, state in states.items()}


def _forgets_after(admin: KafkaAdmin, topics: Sequence[str]) -> int | None:
    """How long brokers remember a resting group's marks, where that is shorter than letters."""
    brokers = [broker.id for broker in admin.met().brokers[:1]]
    answers = allowed(lambda: (admin.broker_configs(brokers), admin.topic_configs(topics)))
    if answers is None:
        return None
    minutes = _numbers(answers[0].values(), "offsets.retention.minutes")
    kept = _numbers(answers[1].values(), "retention.ms")
    if not minutes or not kept:
        return None
    remembered = min(minutes) * _MINUTES
    return remembered if any(ms < 0 or ms > remembered for ms in kept) else None


def _numbers(answers: Iterable[Mapping[str, ConfigValue] | Fault], name: str) -> list[int]:
    found = [a[name].value for a in answers if not isinstance(a, Fault) and name in a]
    return [int(value) for value in found if value is not None]


def replay(admin: KafkaAdmin, data: KafkaData, delivery: Delivery) -> Iterator[Replayed]:
    """
    Write the letters back to their source topics; one event a transaction.

    Killed anywhere, the next run goes on after the last transaction. A second replay of the
    same dead-letter topic ends the first one. Letters that went back since `prepare`, or that
    retention removed, are passed over.
    """
    for topic, letters in delivery.waiting.items():
        with data.transfer(f"{GROUP}.{topic}", GROUP) as transfer:
            # Whoever replayed before us has ended now: what is noted from here on is ours.
            fresh = _read_box(admin, data, topic, transfer.marks)
            wanted = {letter.key for letter in letters}
            chosen = [x for x in fresh.letters if x.key in wanted and not x.replayed]
            ledger = Ledger(fresh)
            for batch in _batches(data, topic, chosen, delivery.partitions):
                going = [letter for letter, _ in batch]
                marks = ledger.add(going)
                try:
                    transfer.move([record for _, record in batch], marks)
                except RequestError as error:
                    raise _stopped(error, going) from error
                except TimedOutError as error:
                    raise _untold(error, going) from error
                yield Replayed(topic, len(batch))


def _stopped(error: RequestError, letters: Sequence[Letter]) -> RequestError:
    what = f"{error.what}: {_named(letters)} did not go back"
    fix = "what went back before is noted; replay the others with --identity or --since"
    if error.code == FENCED:
        fix = "another replay goes on with them; see `learnflow dlt list`"
    return RequestError(what, code=error.code, where=error.where, fix=fix)


def _untold(error: TimedOutError, letters: Sequence[Letter]) -> TimedOutError:
    what = f"{error.what}: whether {_named(letters)} went back is not known"
    fix = "replay the same again: Kafka has noted what went back, and nothing goes twice"
    return TimedOutError(what, where=error.where, fix=fix)


def _named(letters: Sequence[Letter]) -> str:
    first, last = letters[0].identity, letters[-1].identity
    return f"letter {first}" if first == last else f"{len(letters)} letters from {first} to {last}"


def _batches(
    data: KafkaData, topic: str, letters: Sequence[Letter], partitions: Mapping[str, int]
) -> Iterator[list[tuple[Letter, NewRecord]]]:
    """The letters with their records, in lists that one transaction takes."""
    by_spot = {letter.spots[0]: letter for letter in letters}
    batch: list[tuple[Letter, NewRecord]] = []
    size = 0
    for record in _records(data, topic, by_spot):
        says = parse(record.headers)
        if says is None:  # its topic was made anew in this moment
            continue
        back = returned(record, says, partitions[says.origin.topic])
        batch.append((by_spot[Spot(record.partition, record.offset)], back))
        size += len(record.value or b"") + len(record.key or b"")
        if len(batch) == _BATCH or size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def cuts(
    admin: KafkaAdmin,
    data: KafkaData,
    topic: str,
    *,
    partitions: Collection[int] = (),
    before: int | None = None,
) -> tuple[Cut, ...]:
    """
    What a purge would take from the partitions (none named: from all).

    `before` None: everything that was read. Partitions that lose nothing are left out. Raises
    RefusedError for a topic that is not one of dead letters, UsageError for a partition or an
    offset that is not there.
    """
    if not topic.endswith(SUFFIX):
        raise RefusedError(
            f"{topic} is not a dead-letter topic: its name does not end in {SUFFIX}",
            fix="see `learnflow dlt list`",
        )
    ends = _extents(admin, topic)
    box = _read_box(admin, data, topic, partial(data.marks, GROUP))
    made = []
    for number in sorted(partitions) or sorted(p.partition for p in ends):
        extent = ends.get(TopicPartition(topic, number))
        if extent is None:
            raise UsageError(f"{topic} has no partition {number}", where="--partition")
        made.append(_cut(box, number, extent, before))
    return tuple(cut for cut in made if cut.before > cut.start)


def _cut(box: Box, partition: int, extent: Extent, before: int | None) -> Cut:
    start, end = extent.start or 0, extent.end or 0
    upto = box.ends.get(partition, start) if before is None else before
    if upto > end:
        raise UsageError(
            f"offset {upto} is beyond the end of {box.topic}-{partition}, which is {end}",
            where="--before",
        )
    going = [
        letter
        for letter in box.letters
        if any(spot.partition == partition and spot.offset < upto for spot in letter.spots)
    ]
    return Cut(
        partition,
        start,
        upto,
        letters=len(going),
        waiting=sum(not letter.replayed for letter in going),
        left=end - max(upto, start),
    )


def purge(admin: KafkaAdmin, topic: str, wanted: Sequence[Cut]) -> Iterator[Purged]:
    """Remove the beginnings of the partitions, exactly as far as the cuts say."""
    answers = admin.delete_records(
        {TopicPartition(topic, cut.partition): cut.before for cut in wanted}
    )
    for place, answer in answers.items():
        yield Purged(place.partition, answer if isinstance(answer, Fault) else None)


def _boxes(admin: KafkaAdmin, data: KafkaData, selection: Selection) -> Iterator[Box]:
    for name in sorted(name for name in admin.topics() if selection.may_hold(name)):
        yield _read_box(admin, data, name, partial(data.marks, GROUP))


def _read_box(
    admin: KafkaAdmin,
    data: KafkaData,
    topic: str,
    noted: Callable[[Collection[TopicPartition]], Mapping[TopicPartition, Mark]],
) -> Box:
    """
    The whole topic; what stands behind an open transaction is not there yet.

    The marks that are `noted` are read first: what goes back meanwhile is seen as waiting, and
    never the reverse.
    """
    ends = _extents(admin, topic)
    marks = noted(list(ends))
    for place, mark in marks.items():
        if mark.offset > (ends[place].end or 0):
            raise RefusedError(
                f"the mark of group {GROUP} is {mark.offset}, beyond the partition's end",
                where=str(place),
                fix=f"the topic was made anew: forget its marks with "
                f"`learnflow groups reset {GROUP} --topic {topic} --to earliest --execute`",
            )
    records = data.read(
        {place: extent.start or 0 for place, extent in ends.items()},
        until={place: extent.end or 0 for place, extent in ends.items()},
    )
    return sort_letters(topic, records, {p.partition: mark for p, mark in marks.items()})


def _extents(admin: KafkaAdmin, topic: str) -> dict[TopicPartition, Extent]:
    ends = extents(admin, partitions_in(find_topics(admin, [topic]).values()))
    dark = [str(p) for p, extent in ends.items() if extent.start is None or extent.end is None]
    if dark:
        raise RequestError(
            f"no broker gives the offsets of {', '.join(sorted(dark))}",
            code="LEADER_NOT_AVAILABLE",
            fix="see `learnflow verify`",
        )
    return ends


def _records(data: KafkaData, topic: str, spots: Collection[Spot]) -> Iterator[Record]:
    """The records that stand there, as far as they still do, in each partition's order."""
    wanted = frozenset(spots)
    start: dict[TopicPartition, int] = {}
    until: dict[TopicPartition, int] = {}
    for spot in wanted:
        place = TopicPartition(topic, spot.partition)
        start[place] = min(spot.offset, start.get(place, spot.offset))
        until[place] = max(spot.offset + 1, until.get(place, 0))
    if not wanted:
        return
    for record in data.read(start, until=until):
        if Spot(record.partition, record.offset) in wanted:
            yield record
