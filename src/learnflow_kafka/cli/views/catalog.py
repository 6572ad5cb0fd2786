"""How a checked catalog looks: its problems with the lines they are in, or what it declares."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from learnflow_kafka.core.catalog import Catalog
    from learnflow_kafka.errors import Problem

_WIDTH: Final = 96
_WORD: Final = re.compile(r"""("[^"]*"?|'[^']*'?|[^\s,{}\[\]:]+)""")


@dataclass(frozen=True, slots=True)
class Published:
    """Event versions that went into the lock `file`, or would (`dry_run`)."""

    file: str
    added: tuple[tuple[str, int], ...]
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What a check of a catalog found.

    `catalog` is None where problems forbid its use; `derived` counts the topics that follow
    from the declared ones.
    """

    path: str
    catalog: Catalog | None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    derived: int = 0
    published: Published | None = None


@dataclass(frozen=True, slots=True)
class Starter:
    """The files of a new catalog that were written, or would be (`dry_run`)."""

    folder: str
    files: tuple[str, ...]
    dry_run: bool


def show(verdict: Verdict, console: Console) -> None:
    """Every problem with its line and a caret, then one line of sum."""
    show_problems(verdict.problems, console, label="error", style="bold red")
    show_problems(verdict.warnings, console, label="warning", style="bold yellow")
    if verdict.problems or verdict.catalog is None:
        console.print(Text(f"{verdict.path}: {_count(verdict.problems, 'problem')}", "bold red"))
        return
    if verdict.published is not None:
        _show_published(verdict.published, console)
    console.print(Text(f"{verdict.path}: valid", "bold green") + Text(f"; {_sum(verdict)}"))


def _show_published(published: Published, console: Console) -> None:
    done = "would publish" if published.dry_run else "published"
    for event, version in published.added:
        console.print(Text(f"{done} {event} v{version}"))
    if published.added and not published.dry_run:
        console.print(Text(f"wrote {published.file}; commit it"))
    elif not published.added:
        console.print(Text(f"{published.file} has every version already"))


def show_starter(starter: Starter, console: Console) -> None:
    """The files, and the next command."""
    for name in starter.files:
        console.print(Text(f"{'would write' if starter.dry_run else 'wrote'} {name}"))
    if not starter.dry_run:
        console.print(Text(f"next: learnflow validate {starter.folder}"))


def starter_as_json(starter: Starter) -> dict[str, object]:
    """The new files for programs."""
    return {
        "kind": "init",
        "version": 1,
        "folder": starter.folder,
        "files": list(starter.files),
        "dry_run": starter.dry_run,
    }


def show_problems(problems: Sequence[Problem], console: Console, *, label: str, style: str) -> None:
    """Each problem as compilers show them: place, what, the line, a caret, what to write."""
    for problem in problems:
        place = f"{problem.file}:{problem.line}:{problem.column}: "
        inside = f"{problem.path}: " if problem.path else ""
        console.print(Text(place, "bold") + Text(f"{label}: ", style) + Text(inside + problem.what))
        margin = len(str(problem.line))
        if problem.excerpt is not None and problem.excerpt.strip():
            line, start, length = _window(problem.excerpt, problem.column)
            console.print(Text(f" {problem.line} | ", "dim") + Text(line))
            marker = Text(" " * cell_len(line[:start]) + "^" * length, style)
            console.print(Text(f" {'':{margin}} | ", "dim") + marker)
        if problem.instead:
            console.print(Text(f" {'':{margin}} = ", "dim") + Text(problem.instead))
        console.print()


def _window(line: str, column: int) -> tuple[str, int, int]:
    """The part of a line around a column, where the caret starts in it, and its length."""
    start = min(max(column - 1, 0), len(line))
    word = _WORD.match(line, start)
    length = max(len(word[0]) if word else 1, 1)
    first = max(0, start - _WIDTH // 2) if len(line) > _WIDTH else 0
    shown = "".join(c if c.isprintable() else " " for c in line[first : first + _WIDTH])
    return shown, start - first, max(1, min(length, len(shown) - (start - first)))


def _sum(verdict: Verdict) -> str:
    catalog = verdict.catalog
    if catalog is None:
        return ""
    topics = f"{len(catalog.topics)} declared + {verdict.derived} derived topics"
    parts = [
        topics,
        _count(catalog.events, "event"),
        _count(catalog.services, "service"),
        _count(catalog.environments, "environment"),
    ]
    if verdict.warnings:
        parts.append(_count(verdict.warnings, "warning"))
    return ", ".join(parts)


def _count(things: object, word: str) -> str:
    number = len(things) if hasattr(things, "__len__") else 0
    return f"{number} {word}{'' if number == 1 else 's'}"


def as_json(verdict: Verdict) -> dict[str, object]:
    """The verdict for programs."""
    catalog, published = verdict.catalog, verdict.published
    return {
        "kind": "validation",
        "version": 1,
        "catalog": catalog.name if catalog else None,
        "valid": catalog is not None and not verdict.problems,
        "problems": [asdict(problem) for problem in verdict.problems],
        "warnings": [asdict(problem) for problem in verdict.warnings],
        "counts": {
            "topics": len(catalog.topics),
            "derived_topics": verdict.derived,
            "events": len(catalog.events),
            "services": len(catalog.services),
            "environments": len(catalog.environments),
        }
        if catalog
        else None,
        "published": {
            "file": published.file,
            "added": [{"event": event, "version": number} for event, number in published.added],
            "dry_run": published.dry_run,
        }
        if published
        else None,
    }
