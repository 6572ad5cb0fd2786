"""What codegen made, for people and programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from rich.console import Console

    from learnflow_kafka.app.codegen import Generated

State: TypeAlias = Literal["fresh", "written", "pending", "stale"]
"""What became of the file: was right, was written, would be written, is not right."""


@dataclass(frozen=True, slots=True)
class Result:
    """A catalog's module (None: the built-in one's), its file, and what became of the file."""

    catalog: str | None
    file: str
    made: Generated
    state: State


def show(result: Result, console: Console) -> None:
    """A line on the file, and one for each notice."""
    sentence = {
        "fresh": f"{result.file} is as the catalog has it",
        "written": f"wrote {result.file}",
        "pending": f"would write {result.file}",
        "stale": f"{result.file} is not as the catalog has it",
    }[result.state]
    console.print(f"{sentence} (contract {result.made.digest[:15]}).")
    for notice in result.made.notices:
        console.print(f"  note: {notice}")
    if result.state == "stale":
        path = f" --catalog {result.catalog}" if result.catalog else ""
        console.print(f"  next: learnflow codegen{path} --out {result.file}")


def as_json(result: Result) -> dict[str, object]:
    """The same as one object."""
    return {
        "kind": "codegen",
        "version": 1,
        "catalog": result.catalog,
        "file": result.file,
        "state": result.state,
        "digest": result.made.digest,
        "notices": list(result.made.notices),
    }
