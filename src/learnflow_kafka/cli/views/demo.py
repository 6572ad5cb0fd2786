"""The demo: what flows, as it flows, and whether it added up."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from learnflow_kafka.demo.ledger import IDS
from learnflow_kafka.demo.stage import Curtain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

    from learnflow_kafka.core.connection import Context
    from learnflow_kafka.demo.ledger import Account, Summary
    from learnflow_kafka.demo.stage import Flowed
    from learnflow_kafka.demo.students import Student

_TOPIC: Final = max(map(len, IDS))
_NAMED: Final = 5
"""Ids of a broken account that are shown."""
_LOGGED: Final = 10
"""Lines of the services' logs that are shown."""
_WIDE: Final = 60


class Screen(Protocol):
    """Where the show is seen."""

    def tell(self, event: Curtain | Flowed) -> None:
        """Show one event."""
        ...


@contextmanager
def screen(console: Console, *, quiet: bool) -> Iterator[Screen]:
    """A live table on a terminal, a line an event elsewhere; nothing where `quiet`."""
    if quiet:
        yield _Silence()
    elif not console.is_terminal:
        yield _Lines(console)
    else:
        from rich.live import Live  # noqa: PLC0415 - only on a terminal

        board = _Board()
        with Live(board.table(), console=console, refresh_per_second=8) as live:
            board.live = live
            yield board


class _Silence:
    def tell(self, event: Curtain | Flowed) -> None:
        """Nothing."""


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console

    def tell(self, event: Curtain | Flowed) -> None:
        """One line."""
        if isinstance(event, Curtain):
            self._console.print(_opening(event))
        else:
            self._console.print(f"{event.topic:<{_TOPIC}}  {_name(event)}  {told(event)}")


class _Board:
    """Topics with how many events flowed and the latest of them."""

    def __init__(self) -> None:
        self.live: Live | None = None
        self._count: Counter[str] = Counter()
        self._latest: dict[str, str] = {}

    def tell(self, event: Curtain | Flowed) -> None:
        """Count it, and show it as its topic's latest."""
        if isinstance(event, Curtain):
            if self.live is not None:
                self.live.console.print(_opening(event))
            return
        self._count[event.topic] += 1
        self._latest[event.topic] = f"{_name(event)}: {told(event)}"
        if self.live is not None:
            self.live.update(self.table())

    def table(self) -> Table:
        """The board as it is now."""
        from rich.table import Table  # noqa: PLC0415 - only on a terminal

        # The first two keep their width on a narrow terminal; the last takes what is left.
        table = Table(box=None, pad_edge=False, expand=True)
        table.add_column("topic", no_wrap=True, width=_TOPIC)
        table.add_column("events", no_wrap=True, width=6, justify="right")
        table.add_column("latest", no_wrap=True, overflow="ellipsis", ratio=1)
        for topic in IDS:
            table.add_row(topic, str(self._count[topic]), self._latest.get(topic, ""))
        return table


def _opening(event: Curtain) -> str:
    return (
        f"five services are ready after {event.seconds:.1f} s; "
        f"{event.students} student{'' if event.students == 1 else 's'} begin"
        f"{'s' if event.students == 1 else ''}"
    )


def _name(event: Flowed) -> str:
    """The student's id without the run's name, which all share."""
    return "-".join(event.student_id.split("-")[2:])


def told(flowed: Flowed) -> str:
    """What an event says, in a few words."""
    event = flowed.event
    match flowed.topic:
        case "learning.query":
            words = event.query
        case "learning.response":
            words = event.content
        case "code.execution.request":
            words = f"run {event.execution_id.rpartition('-')[2]}"
        case "code.execution.result":
            words = f"{event.error_type or 'ok'} in {event.duration_ms} ms"
        case "exercise.assigned":
            words = f"{event.exercise_id}: {event.reason}"
        case "exercise.submitted":
            words = event.exercise_id
        case "exercise.graded":
            words = f"{event.exercise_id}: {event.score:.0%}"
        case "struggle.detected":
            words = f"{event.reason} ({event.severity})"
        case _:
            words = f"{event.topic}: mastery {event.mastery:.0%}"
    words = " ".join(words.split())
    return words if len(words) <= _WIDE else words[: _WIDE - 3] + "..."


def show(summary: Summary, logged: Sequence[str], console: Console) -> None:
    """The events of each topic, what had to add up and, where it did not, what was logged."""
    total = sum(summary.events.values())
    console.print(f"\n{total} events through {len(summary.events)} topics:")
    for topic, count in summary.events.items():
        console.print(f"  {topic:<{_TOPIC}}  {count:>5}")
    console.print("\nwhat had to be there, and was found in Kafka:")
    for account in summary.accounts:
        for line in _lines(account):
            console.print(f"  {line}")
    if logged and not summary.balanced:
        console.print("\nwhat the services logged last:")
        for line in logged[-_LOGGED:]:
            console.print(f"  {line}")
    ending = "every number adds up" if summary.balanced else "the numbers do not add up"
    late = "" if summary.in_time else "; stopped by --timeout before all was done"
    console.print(f"\n{ending}{late} ({summary.run}, {summary.seconds:.1f} s)")


def _lines(account: Account) -> Iterator[str]:
    repeated = f", {account.repeated} repeated" if account.repeated else ""
    mark = "ok" if account.balanced else "NO"
    yield f"{mark}  {account.found:>5} of {account.wanted:<5} {account.name}{repeated}"
    for word, ids in (("missing", account.missing), ("not wanted", account.unexpected)):
        if ids:
            more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
            yield f"      {word}: {', '.join(ids[:_NAMED])}{more}"


def as_json(summary: Summary, logged: Sequence[str]) -> dict[str, object]:
    """The summary for programs."""
    return {
        "kind": "demo",
        "version": 1,
        "run": summary.run,
        "students": summary.students,
        "seed": summary.seed,
        "seconds": round(summary.seconds, 3),
        "in_time": summary.in_time,
        "balanced": summary.balanced,
        "events": summary.events,
        "accounts": [
            {
                "name": account.name,
                "wanted": account.wanted,
                "found": account.found,
                "repeated": account.repeated,
                "missing": list(account.missing),
                "unexpected": list(account.unexpected),
                "balanced": account.balanced,
            }
            for account in summary.accounts
        ],
        "logged": list(logged),
    }


def show_rehearsal(students: Sequence[Student], context: Context, console: Console) -> None:
    """What the students would send."""
    sent = _sent(students)
    console.print(
        f"{len(students)} students would write {sent.total()} events to {context.name} "
        f"({context.connection.address}); the services would answer each:"
    )
    for topic, count in sent.items():
        console.print(f"  {topic:<{_TOPIC}}  {count:>5}")
    planted = Counter(str(s.planted) for s in students if s.planted)
    console.print(f"planted struggles: {planted.total()}")
    for reason, count in planted.items():
        console.print(f"  {reason:<{_TOPIC}}  {count:>5}")


def rehearsal_json(students: Sequence[Student], context: Context) -> dict[str, Any]:
    """The same for programs."""
    return {
        "kind": "demo_rehearsal",
        "version": 1,
        "context": context.name,
        "students": len(students),
        "events": dict(_sent(students)),
        "planted": dict(Counter(str(s.planted) for s in students if s.planted)),
    }


def _sent(students: Sequence[Student]) -> Counter[str]:
    return Counter(step.topic.name for student in students for step in student.steps)
