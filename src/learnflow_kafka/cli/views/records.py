"""How records look, and how what was written is told."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.formats import as_json_record, for_terminal, text_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from learnflow_kafka.app.records import BadLine, Sent
    from learnflow_kafka.core.formats import Template
    from learnflow_kafka.core.observed import Record

_KEPT: Final = 100
"""Bad lines that the JSON report names; all of them are counted."""


def json_lines() -> Callable[[Record], bytes]:
    """One JSON object a line."""
    return lambda record: _json_line({"kind": "record", "version": 1, **as_json_record(record)})


def text(
    *, keys: bool, headers: bool, template: Template | None, terminal: bool
) -> Callable[[Record], bytes]:
    """
    Records as text: by the template, or the value after its headers and key.

    On a terminal nothing in a record can steer it; in a pipe bytes are as they were written.
    """

    def shown(record: Record) -> bytes:
        if template is not None:
            return template.render(record)
        return text_line(record, keys=keys, headers=headers)

    return (lambda record: for_terminal(shown(record))) if terminal else shown


@dataclass(slots=True)
class Tally:
    """What became of the lines so far."""

    topic: str
    dry_run: bool = False
    good: int = 0
    bad: int = 0
    places: Counter[int] = field(default_factory=Counter)
    first_bad: list[BadLine] = field(default_factory=list)

    def add_good(self) -> None:
        """Count a line that would be written."""
        self.good += 1

    def add_sent(self, event: Sent) -> None:
        """Count a record that was written."""
        self.good += 1
        self.places[event.written.partition] += 1

    def add_bad(self, event: BadLine) -> None:
        """Count a line that was not written."""
        self.bad += 1
        if len(self.first_bad) < _KEPT:
            self.first_bad.append(event)

    def text(self) -> str:
        """The outcome in one line."""
        verb = "good, nothing was sent" if self.dry_run else f"written to {self.topic}"
        places = ", ".join(f"{n} in partition {p}" for p, n in sorted(self.places.items()))
        bad = f"; {_records(self.bad, 'bad line')}" if self.bad else ""
        return f"{_records(self.good, 'record')} {verb}{f' ({places})' if places else ''}{bad}"

    def json(self) -> dict[str, object]:
        """The outcome for programs."""
        return {
            "kind": "produced",
            "version": 1,
            "topic": self.topic,
            "dry_run": self.dry_run,
            "written": 0 if self.dry_run else self.good,
            "good": self.good,
            "partitions": {str(p): n for p, n in sorted(self.places.items())},
            "bad": self.bad,
            "bad_lines": [{"line": b.line, "reason": b.reason} for b in self.first_bad],
        }


def _records(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _json_line(value: dict[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": ")).encode() + b"\n"
