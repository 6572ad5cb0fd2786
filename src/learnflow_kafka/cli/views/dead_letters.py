"""How dead letters look. Nothing in a letter can steer the reader's terminal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from learnflow_kafka.cli.views.tables import records_text, table
from learnflow_kafka.core.dead_letters import OURS, parse
from learnflow_kafka.core.formats import as_json_record, for_terminal
from learnflow_kafka.core.moments import format_moment
from learnflow_kafka.core.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from learnflow_kafka.app.dead_letters import Cut, Delivery, Purged, Replayed, Shown
    from learnflow_kafka.cli.progress import Teller
    from learnflow_kafka.core.observed import Record
    from learnflow_kafka.core.replaying import Box, Letter

_LONGEST: Final = 100
"""Characters of a message in a list; all of it is in `dlt show`."""


def show_list(boxes: Sequence[Box], console: Console, *, letters: bool) -> None:
    """One line a group and source topic, or one a letter."""
    if not any(box.letters for box in boxes):
        console.print("There are no dead letters.")
    elif letters:
        _show_letters(boxes, console)
    else:
        _show_piles(boxes, console)
    for box in boxes:
        if box.strangers:
            strangers = records_text(box.strangers)
            console.print(f"{box.topic}: {strangers} of another kind than dead letters")


def _show_piles(boxes: Sequence[Box], console: Console) -> None:
    rows = table("group", "source topic", "letters>", "waiting>", "first", "last", "reasons")
    for (group, topic), pile in _piles(boxes).items():
        rows.add_row(
            _safe(group),
            _safe(topic),
            f"{len(pile):,}",
            f"{_waiting(pile):,}",
            format_moment(_first(pile)),
            format_moment(_last(pile)),
            ", ".join(f"{_safe(why)} {count:,}" for why, count in _reasons(pile).items()),
        )
    console.print(rows)


def _show_letters(boxes: Sequence[Box], console: Console) -> None:
    rows = table("identity", "failed", "tries>", "reason", "state", "error")
    for box in boxes:
        for letter in box.letters:
            says = letter.says
            message = f"{says.failure.error}: {says.failure.message}"
            rows.add_row(
                _safe(str(letter.identity)),
                format_moment(says.failed_at_ms),
                str(says.attempts),
                _safe(says.reason),
                _state(letter),
                _safe(message.replace("\n", " ")[:_LONGEST]),
            )
    console.print(rows)


def list_json(boxes: Sequence[Box], *, letters: bool) -> dict[str, object]:
    """The list for programs; single letters if asked for."""
    found: dict[str, object] = {
        "kind": "dead-letters",
        "version": 1,
        "groups": [
            {
                "group": group,
                "topic": topic,
                "letters": len(pile),
                "waiting": _waiting(pile),
                "first_ms": _first(pile),
                "last_ms": _last(pile),
                "reasons": dict(_reasons(pile)),
            }
            for (group, topic), pile in _piles(boxes).items()
        ],
        "strangers": {box.topic: box.strangers for box in boxes if box.strangers},
    }
    if letters:
        found["letters"] = [_letter_json(letter, b.topic) for b in boxes for letter in b.letters]
    return found


def show_details(found: Sequence[Shown], console: Console) -> None:
    """Each letter with its headers, payload and stack."""
    for number, shown in enumerate(found):
        if number:
            console.print()
        _show_detail(shown, console)


def _show_detail(shown: Shown, console: Console) -> None:
    letter, record = shown.letter, shown.record
    says = letter.says
    console.print(_safe(str(letter.identity)), style="bold")
    rows = table("what", "value")
    rows.show_header = False
    for name, value in (
        ("state", _state(letter)),
        ("stands at", _places(shown)),
        ("service", says.origin.service or "not said"),
        ("written", format_moment(says.origin.timestamp_ms)),
        ("failed", format_moment(says.failed_at_ms)),
        ("tries", str(says.attempts)),
        ("reason", says.reason or "not said"),
        ("error", says.failure.error),
        ("cause", says.failure.cause or "none"),
        ("message", says.failure.message),
        ("key", _text(record.key)),
        *((f"header {name}", _text(value)) for name, value in _own_headers(record)),
    ):
        rows.add_row(_safe(name), _safe(value))
    console.print(rows)
    console.print("payload", style="bold")
    console.print(_safe(_text(record.value)))
    if stack := _stack(record):
        console.print("stack", style="bold")
        console.print(_safe(stack.rstrip("\n")))


def details_json(found: Sequence[Shown]) -> dict[str, object]:
    """The letters for programs; `record` is exact, base64 where bytes are no text."""
    return {
        "kind": "dead-letter-details",
        "version": 1,
        "letters": [
            {
                **_letter_json(shown.letter, shown.topic),
                "stack": _stack(shown.record),
                "record": as_json_record(shown.record),
            }
            for shown in found
        ],
    }


def show_delivery(delivery: Delivery, console: Console) -> None:
    """What a replay would do."""
    if not delivery.letters:
        console.print("No dead letter waits.")
    counts = Counter((x.identity.group, x.says.origin.topic) for x in delivery.letters)
    for (group, topic), count in counts.items():
        console.print(_safe(f"{topic}: {_letters(count)} of group {group} would go back"))
    if delivery.letters:
        console.print("Every group that reads these topics gets the events again.")
    if delivery.skipped:
        console.print(f"{_letters(delivery.skipped)} went back before and will not go again.")
    if delivery.forgets_after_ms is not None and delivery.letters:
        console.print(
            "The brokers forget what went back after "
            f"{format_duration(delivery.forgets_after_ms)} (offsets.retention.minutes), and dead "
            "letters are kept longer: a replay after that sends them again. Purge them before."
        )


def tell(teller: Teller, delivery: Delivery, done: Sequence[Replayed]) -> None:
    """How far a replay is; its end is told by `show_replayed`."""
    count, of = sum(event.letters for event in done), len(delivery.letters)
    if count < of:
        teller.line(f"{count:,} of {_letters(of)} went back")


def show_replayed(delivery: Delivery, done: Sequence[Replayed], console: Console) -> None:
    """What went back."""
    if not delivery.letters:
        return
    count = sum(event.letters for event in done)
    console.print(f"{_letters(count)} went back.")
    if left := len(delivery.letters) - count:
        console.print(
            f"{_letters(left)} did not: replayed or removed by somebody else in the meantime."
        )


def replay_json(
    delivery: Delivery, done: Sequence[Replayed], *, dry_run: bool
) -> dict[str, object]:
    """The replay for programs."""
    replayed = Counter[str]()
    for event in done:
        replayed[event.topic] += event.letters
    return {
        "kind": "dead-letter-replay",
        "version": 1,
        "dry_run": dry_run,
        "waiting": len(delivery.letters),
        "skipped": delivery.skipped,
        "replayed": replayed.total(),
        "topics": {
            topic: {"waiting": len(letters), "replayed": replayed[topic]}
            for topic, letters in delivery.waiting.items()
        },
        "forgets_after_ms": delivery.forgets_after_ms,
    }


def show_cuts(topic: str, cuts: Sequence[Cut], console: Console) -> None:
    """What a purge takes."""
    if not cuts:
        console.print(f"{topic}: nothing to remove.")
        return
    console.print(f"{topic}: the beginning of each partition goes, whatever stands in it.")
    rows = table("partition>", "from>", "before>", "letters>", "never replayed>", "left>")
    for cut in cuts:
        numbers = (cut.partition, cut.start, cut.before, cut.letters, cut.waiting, cut.left)
        rows.add_row(*(f"{number:,}" for number in numbers))
    console.print(rows)
    if waiting := sum(cut.waiting for cut in cuts):
        console.print(f"{_letters(waiting)} that never went back would be lost.", style="bold red")


def show_purged(topic: str, events: Sequence[Purged], console: Console) -> None:
    """How each partition ended."""
    for event in events:
        ended = "removed" if event.fault is None else f"FAILED: {event.fault}"
        console.print(f"{topic}-{event.partition}: {ended}")


def purge_json(
    topic: str, cuts: Sequence[Cut], events: Sequence[Purged], *, dry_run: bool
) -> dict[str, object]:
    """The purge for programs."""
    ended = {e.partition: None if e.fault is None else str(e.fault) for e in events}
    return {
        "kind": "dead-letter-purge",
        "version": 1,
        "dry_run": dry_run,
        "topic": topic,
        "partitions": [
            {
                "partition": cut.partition,
                "start": cut.start,
                "before": cut.before,
                "letters": cut.letters,
                "waiting": cut.waiting,
                "left": cut.left,
                "removed": cut.partition in ended and ended[cut.partition] is None,
                "error": ended.get(cut.partition),
            }
            for cut in cuts
        ],
    }


def _piles(boxes: Sequence[Box]) -> Mapping[tuple[str, str], list[Letter]]:
    """Letters by group and source topic."""
    piles: dict[tuple[str, str], list[Letter]] = {}
    for box in boxes:
        for letter in box.letters:
            group, topic, _, _ = letter.identity
            piles.setdefault((group, topic), []).append(letter)
    return dict(sorted(piles.items()))


def _waiting(pile: Sequence[Letter]) -> int:
    return sum(not letter.replayed for letter in pile)


def _first(pile: Sequence[Letter]) -> int:
    return min(letter.says.failed_at_ms for letter in pile)


def _last(pile: Sequence[Letter]) -> int:
    return max(letter.says.failed_at_ms for letter in pile)


def _reasons(pile: Sequence[Letter]) -> Counter[str]:
    return Counter(letter.says.reason or "not said" for letter in pile)


def _state(letter: Letter) -> str:
    return "replayed" if letter.replayed else "waiting"


def _places(shown: Shown) -> str:
    return ", ".join(f"{shown.topic}-{spot.partition}@{spot.offset}" for spot in shown.letter.spots)


def _own_headers(record: Record) -> list[tuple[str, bytes | None]]:
    return [(name, value) for name, value in record.headers if name not in OURS]


def _stack(record: Record) -> str:
    says = parse(record.headers)
    return "" if says is None else says.failure.stack


def _letter_json(letter: Letter, topic: str) -> dict[str, object]:
    says = letter.says
    return {
        "identity": str(letter.identity),
        "group": letter.identity.group,
        "topic": letter.identity.topic,
        "partition": letter.identity.partition,
        "offset": letter.identity.offset,
        "dead_letter_topic": topic,
        "places": [{"partition": s.partition, "offset": s.offset} for s in letter.spots],
        "replayed": letter.replayed,
        "service": says.origin.service,
        "timestamp_ms": says.origin.timestamp_ms,
        "failed_at_ms": says.failed_at_ms,
        "attempts": says.attempts,
        "reason": says.reason,
        "error": says.failure.error,
        "cause": says.failure.cause,
        "message": says.failure.message,
    }


def _letters(count: int) -> str:
    return f"{count:,} dead letter{'' if count == 1 else 's'}"


def _text(value: bytes | None) -> str:
    return "null" if value is None else value.decode("utf-8", "backslashreplace")


def _safe(text: str) -> str:
    return for_terminal(text.encode("utf-8", "backslashreplace")).decode()
