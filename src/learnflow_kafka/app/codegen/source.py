"""
Python source as values, written the way that the formatter leaves alone.

A call or tuple with several parts stands one part a line with a comma behind each, which
ruff and black keep; so generated files need no formatter where they are written.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Final, TypeAlias

LINE: Final = 100
INDENT: Final = "    "


@dataclass(frozen=True, slots=True)
class Call:
    """A call with keyword arguments, one a line."""

    name: str
    arguments: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A tuple, one item a line."""

    items: tuple[Node, ...]


Node: TypeAlias = "Call | Row | str"
"""A tree of source; a text stands as it is."""


def written(node: Node, depth: int = 0) -> str:
    """The source of a tree; its first line follows whatever stands before it."""
    if isinstance(node, str):
        return node
    pad = INDENT * (depth + 1)
    if isinstance(node, Row):
        if not node.items:
            return "()"
        if len(node.items) == 1 and isinstance(node.items[0], str):
            return f"({node.items[0]},)"
        lines = [f"{pad}{written(item, depth + 1)}," for item in node.items]
        return _closed("(", lines, depth)
    lines = [f"{pad}{name}={written(value, depth + 1)}," for name, value in node.arguments]
    return _closed(f"{node.name}(", lines, depth)


def _closed(head: str, lines: list[str], depth: int) -> str:
    return "\n".join([head, *lines, f"{INDENT * depth})"])


def docstring(heading: str, description: str | None, indent: str) -> list[str]:
    """A docstring's lines: one line where it is one sentence, else heading and paragraphs."""
    heading = _harmless(heading)
    one = f'{indent}"""{heading}"""'
    if not description and len(one) <= LINE:
        return [one]
    paragraphs = [heading, *(_harmless(p) for p in (description or "").split("\n\n") if p.strip())]
    lines = [f'{indent}"""']
    for number, paragraph in enumerate(paragraphs):
        lines += [""] if number else []
        lines += _wrapped(paragraph, indent)
    return [*lines, f'{indent}"""']


def note(text: str, indent: str) -> list[str]:
    """The docstring of a field: a line where it fits."""
    text = _harmless(text)
    one = f'{indent}"""{text}"""'
    if len(one) <= LINE:
        return [one]
    return [f'{indent}"""', *_wrapped(text, indent), f'{indent}"""']


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        LINE,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _harmless(text: str) -> str:
    """Text that neither ends a docstring nor holds an escape."""
    joined = " ".join(text.split()).replace("\\", "/").replace('"""', "'''")
    return f"{joined}." if joined.endswith('"') else joined
