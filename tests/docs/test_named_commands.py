"""Every command that a message, a comment or a page names exists, with the flags it names."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import click
import pytest

from learnflow_kafka.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(learnflow [a-z][^`\n]*)`|\n(?:\$ )?(learnflow [a-z][^\n]*)")
FLAG = re.compile(r"--[a-z][a-z-]*")
FILES = sorted(
    path
    for pattern in ("src/**/*.py", "docs/**/*.md", "README.md", "CONTRIBUTING.md")
    for path in ROOT.glob(pattern)
)


def command(words: list[str]) -> tuple[click.Command, list[str]] | None:
    """The command that the words begin with, and the words after it."""
    entry = next((e for e in COMMANDS if e.name == words[0]), None)
    if entry is None:
        return None
    found: click.Command = importlib.import_module(entry.module).command
    rest = words[1:]
    if isinstance(found, click.Group) and rest and re.match(r"[a-z]", rest[0]):
        inner = found.commands.get(rest[0])
        return (inner, rest[1:]) if inner else None
    return found, rest


def fault(line: str) -> str | None:
    """What is wrong with a command line that somebody is told to run."""
    text = re.split(r"[|;&]| #|  ", line.removeprefix("learnflow "))[0]
    if text.startswith("kafka-tool "):
        return None  # its flags are Kafka's
    found = command(text.replace(",", " ").split())
    if found is None:
        return f"there is no such command: {line}"
    inner, rest = found
    known = {o for p in inner.params for o in (*p.opts, *p.secondary_opts)} | {"--help"}
    wrong = [flag for flag in FLAG.findall(" ".join(rest)) if flag not in known]
    return f"no {wrong[0]} in: {line}" if wrong else None


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_what_is_named_exists(path: Path):
    """Nobody is sent to a command or a flag that there is not."""
    named = [a or b for a, b in NAMED.findall(path.read_text(encoding="utf-8"))]

    assert [f for line in named if (f := fault(line))] == []
