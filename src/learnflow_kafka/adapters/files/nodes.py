"""
YAML as a tree that remembers where each thing was written.

Only the plain part of YAML is taken: mappings, lists and scalars. Anchors, aliases, merge
keys, tags and second documents are refused, each with a reason. Scalars follow our own narrow
rules (those of JSON), so that `no`, `012`, `1_000` and `1:30` are texts and never a surprise.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import yaml

from learnflow_kafka.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_DEPTH: Final = 100
_MAX_DIGITS: Final = 400
_SHOWN_STEPS: Final = 12
_NULL: Final = re.compile(r"(?:|~|null|Null|NULL)\Z")
_BOOL: Final = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
INT: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
FLOAT: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+]?[0-9]{1,3})?\Z")
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Mark:
    """A position in a text; both count from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Scalar:
    """One value as it was written; `plain`: without quotes."""

    mark: Mark
    text: str
    plain: bool

    @property
    def value(self) -> str | int | float | bool | None:
        """The value by JSON's rules; whatever they do not know is text."""
        if not self.plain:
            return self.text
        if _NULL.match(self.text):
            return None
        if _BOOL.match(self.text):
            return self.text.lower() == "true"
        if len(self.text) <= _MAX_DIGITS and INT.match(self.text):
            return int(self.text)
        if len(self.text) <= _MAX_DIGITS and FLOAT.match(self.text):
            number = float(self.text)
            return number if math.isfinite(number) else self.text
        return self.text


@dataclass(slots=True)
class Listing:
    """A YAML list."""

    mark: Mark
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Entry:
    """One key of a mapping with its own position, and its value."""

    mark: Mark
    value: Node


@dataclass(slots=True)
class Mapping:
    """A YAML mapping; keys are texts, whatever they look like."""

    mark: Mark
    entries: dict[str, Entry] = field(default_factory=dict)


Node = Scalar | Listing | Mapping


def shown_path(path: Sequence[object]) -> str:
    """A path for people: joined by dots, cut where it is absurdly deep, free of control codes."""
    steps = [str(step) for step in path]
    if len(steps) > _SHOWN_STEPS:
        steps = [*steps[:_SHOWN_STEPS], "..."]
    text = ".".join(steps)
    return text if text.isprintable() else repr(text)[1:-1]


def plain_value(node: Node) -> object:
    """The node as dicts, lists and JSON's scalars."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Listing):
        return [plain_value(item) for item in node.items]
    return {key: plain_value(entry.value) for key, entry in node.entries.items()}


def locate(root: Node, path: Sequence[object], *, key: bool = False) -> tuple[Mark, int]:
    """
    The position of the deepest part of `path` that exists, and how many steps that is.

    `key` asks for the key of the last step instead of its value.
    """
    node, mark, steps = root, root.mark, 0
    for step in path:
        if isinstance(node, Mapping) and str(step) in node.entries:
            entry = node.entries[str(step)]
            node, steps = entry.value, steps + 1
            on_key = isinstance(node, Mapping | Listing) or (key and steps == len(path))
            mark = entry.mark if on_key else node.mark
        elif isinstance(node, Listing) and isinstance(step, int) and step < len(node.items):
            node, steps = node.items[step], steps + 1
            mark = node.mark
        else:
            break
    return mark, steps


def find(root: Node, path: Sequence[str]) -> Node | None:
    """The node at the end of the path, or None where the path ends before."""
    node = root
    for step in path:
        if not isinstance(node, Mapping) or step not in node.entries:
            return None
        node = node.entries[step].value
    return node


def nulls(node: Node, path: tuple[object, ...] = ()) -> Iterator[tuple[tuple[object, ...], Mark]]:
    """Every place where a value is missing, with its path."""
    if isinstance(node, Mapping):
        for key, entry in node.entries.items():
            if isinstance(entry.value, Scalar) and entry.value.value is None:
                yield (*path, key), entry.mark
            else:
                yield from nulls(entry.value, (*path, key))
    elif isinstance(node, Listing):
        for position, item in enumerate(node.items):
            if isinstance(item, Scalar) and item.value is None:
                yield (*path, position), item.mark
            else:
                yield from nulls(item, (*path, position))


def parse(text: str, file: str) -> tuple[Node | None, tuple[Problem, ...]]:
    """
    The tree of a text, or None where there is none, and everything refused on the way.

    Never raises for any text.
    """
    builder = _Builder(file)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
            if builder.stopped:
                break
    except yaml.MarkedYAMLError as error:
        builder.stop(_syntax_problem(error, text, file))
    except (yaml.YAMLError, UnicodeError) as error:
        builder.stop(_character_problem(error, text, file))
    return (None if builder.stopped else builder.root), tuple(builder.problems)


@dataclass(slots=True)
class _Open:
    """A collection that is being filled; `key` waits for its value."""

    node: Listing | Mapping
    path: tuple[str, ...]
    key: Scalar | None = None


_NO_KEY: Final = Scalar(Mark(1, 1), "", plain=False)
"""Stands for a key that was refused: its value is read and forgotten."""


class _Builder:
    """Takes parser events one by one; a stack instead of recursion bounds the depth."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self.stopped = False
        self._stack: list[_Open] = []
        self._documents = 0

    def stop(self, problem: Problem) -> None:
        """Nothing after this problem can be read."""
        self.problems.append(problem)
        self.stopped = True

    def take(self, event: yaml.Event) -> None:
        """Grow the tree by one event."""
        start = event.start_mark
        mark = Mark(start.line + 1, start.column + 1) if start else Mark(1, 1)
        if isinstance(event, yaml.DocumentStartEvent):
            self._start_document(mark)
        elif isinstance(event, yaml.AliasEvent):
            self._refuse(mark, f"the alias *{event.anchor} is not taken here", _NO_ANCHORS)
            self._add(Scalar(mark, "", plain=False), drop=True)
        elif isinstance(event, yaml.NodeEvent):
            self._take_node(event, mark)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._stack.pop()

    def _start_document(self, mark: Mark) -> None:
        self._documents += 1
        if self._documents > 1:
            self._refuse(
                mark,
                "a second YAML document begins here",
                "write it into a file of its own, in the same folder",
            )
            self.stopped = True

    def _take_node(self, event: yaml.NodeEvent, mark: Mark) -> None:
        if event.anchor:
            self._refuse(mark, f"the anchor &{event.anchor} is not taken here", _NO_ANCHORS)
        tag = getattr(event, "tag", None)
        if tag and tag != "!":
            name = tag.replace("tag:yaml.org,2002:", "!!")
            self._refuse(mark, f"the tag {name} is not taken here", "write the value without it")
        if isinstance(event, yaml.ScalarEvent):
            if not event.value.isascii() and any("\ud800" <= c <= "\udfff" for c in event.value):
                self._refuse(mark, "half of a surrogate pair is no character", "remove it")
            self._add(Scalar(mark, event.value, plain=event.style in {None, ""}))
        elif isinstance(event, yaml.SequenceStartEvent):
            self._open(Listing(mark))
        else:
            self._open(Mapping(mark))

    def _open(self, node: Listing | Mapping) -> None:
        if len(self._stack) >= MAX_DEPTH:
            self._refuse(
                node.mark,
                f"nested deeper than {MAX_DEPTH} levels",
                "a catalog needs about five; look for a bracket that is never closed",
            )
            self.stopped = True
            return
        path = self._path()
        self._add(node)
        self._stack.append(_Open(node, path))

    def _add(self, node: Node, *, drop: bool = False) -> None:
        if not self._stack:
            self.root = node
            return
        top = self._stack[-1]
        if isinstance(top.node, Listing):
            top.node.items.append(node)
        elif top.key is None:
            top.key = self._key(node)
        else:
            key, top.key = top.key, None
            self._enter(top.node, key, node, drop=drop)

    def _key(self, node: Node) -> Scalar:
        if isinstance(node, Scalar) and (node.text or not node.plain):
            return node
        self._refuse(node.mark, "this key is not a plain name", "write  name: value")
        return _NO_KEY

    def _enter(self, mapping: Mapping, key: Scalar, value: Node, *, drop: bool) -> None:
        if key is _NO_KEY or drop:
            return
        if key.text == "<<" and key.plain:
            self._refuse(key.mark, "the merge key << is not taken here", _NO_ANCHORS)
        elif key.text in mapping.entries:
            first = mapping.entries[key.text].mark.line
            self._refuse(
                key.mark,
                f"{key.text!r} stands here twice, first on line {first}",
                "keep one of them",
            )
        else:
            mapping.entries[key.text] = Entry(key.mark, value)

    def _path(self) -> tuple[str, ...]:
        if not self._stack:
            return ()
        top = self._stack[-1]
        if isinstance(top.node, Listing):
            return (*top.path, str(len(top.node.items)))
        named = top.key is not None and top.key is not _NO_KEY
        return (*top.path, top.key.text) if named and top.key else top.path

    def _refuse(self, mark: Mark, what: str, instead: str) -> None:
        path = shown_path(self._path())
        self.problems.append(Problem(self.file, mark.line, mark.column, path, what, instead))


_NO_ANCHORS: Final = (
    "write the values out, or put what topics share under `defaults`; "
    "a reviewer must see on one line what a topic gets"
)


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    """The parser's complaint in words of the person who wrote the file."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    what, instead = _syntax_words(error, _line(text, line))
    if what in _OPENED and error.context_mark:
        line, column = error.context_mark.line + 1, error.context_mark.column + 1
    return Problem(file, line, column, "", what, instead)


_QUOTE: Final = "a quote is opened here and never closed"
_BRACKET: Final = "a bracket is opened here and not closed where it should be"
_OPENED: Final = {_QUOTE, _BRACKET}
_TAB: Final = ("a tab stands where YAML takes only spaces", "indent with spaces, two a level")
_MISFIT: Final = (
    "this line does not fit the ones above it",
    "align it with its neighbours: the same indentation, all with '-' or all with ':'",
)
_SYNTAX: Final = (
    ("found a tab", _TAB),
    ("'\\t'", _TAB),
    (
        "mapping values are not allowed",
        (
            "a ':' stands where no key can be",
            "check the indentation, or quote the text if the ':' belongs to it",
        ),
    ),
    ("found unexpected end of stream", (_QUOTE, "close it")),
    ("expected ',' or", (_BRACKET, "close it, or put the comma between its entries")),
    (
        "cannot start any token",
        ("no value can begin with this character", "quote the text"),
    ),
)
"""What the two parsers of PyYAML say, and how we say it."""


def _syntax_words(error: yaml.MarkedYAMLError, line: str) -> tuple[str, str]:
    problem = error.problem or "no reason given"
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return _TAB
    for sign, words in _SYNTAX:
        if sign in problem:
            return words
    if "block" in (error.context or ""):
        return _MISFIT
    return f"this is not YAML: {problem}", "check indentation, quotes and brackets"


def _character_problem(error: Exception, text: str, file: str) -> Problem:
    """Where the text holds a character that YAML forbids."""
    position = next((i for i, c in enumerate(text) if not _printable(c)), 0)
    before = text[:position]
    line, column = before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1
    bad = f"U+{ord(text[position]):04X}" if position < len(text) else str(error)
    return Problem(file, line, column, "", f"the character {bad} cannot stand in YAML", "remove it")


def _printable(char: str) -> bool:
    return (
        char in "\t\n\r\x85"
        or "\x20" <= char <= "\x7e"
        or "\xa0" <= char <= "\ud7ff"
        or ("\ue000" <= char <= "\ufffd" and char != "\ufeff")
        or char >= "\U00010000"
    )


def _line(text: str, number: int) -> str:
    lines = text.splitlines()
    return lines[number - 1] if 0 < number <= len(lines) else ""
