"""
Terminal sessions in the documents, as values that can be run and compared.

A block opened by three backticks and `console` belongs to a page's session: lines that begin
with `$ ` are commands, the lines below are what they print, and a line `...` stands for any
lines. Numbers that differ from run to run (ids, times, sizes, ports) are compared as such.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BLOCK: Final = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VOLATILE: Final = (
    (re.compile(r"\b[A-Za-z0-9_-]{22}\b"), "CLUSTER-ID"),
    (re.compile(r"process \d+"), "process N"),
    (re.compile(r"Java \d+(\.\d+)*"), "Java N"),
    (re.compile(r"\d+(\.\d+)? ?(?:ms|s|B|KiB|MiB|GiB)\b"), "N UNIT"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?"), "TIME"),
    (re.compile(r"[ \t]+"), " "),
)


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a session, with the lines that the page says it prints."""

    line: str
    prints: tuple[str, ...]


def commands(page: str) -> Iterator[Command]:
    """The commands of a page's session, in order."""
    for block in BLOCK.findall(page):
        line, prints = "", list[str]()
        for text in block.splitlines():
            if text.startswith("$ "):
                if line:
                    yield Command(line, tuple(prints))
                line, prints = text[2:], []
            else:
                prints.append(text)
        yield Command(line, tuple(prints))


def stable(text: str) -> str:
    """The line without what differs from run to run."""
    for pattern, name in VOLATILE:
        text = pattern.sub(name, text)
    return text.strip()


def agrees(said: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether the printed lines are what the page says, `...` standing for any lines."""
    if not said:
        return not printed
    if said[0] == "...":
        return any(agrees(said[1:], printed[n:]) for n in range(len(printed) + 1))
    return bool(printed) and said[0] == printed[0] and agrees(said[1:], printed[1:])
