"""What holds for every command, whoever wrote it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Final

import click
import pytest

from learnflow_kafka.cli.main import COMMANDS, run

CHANGING: Final = {
    "apply",
    "context add",
    "context remove",
    "deploy",
    "dlt purge",
    "dlt replay",
    "down",
    "groups delete",
    "groups reset",
    "topics delete",
    "undeploy",
}
"""These move, replace or remove something: they ask first, and can be rehearsed."""

ADDING: Final = {"adopt", "codegen", "demo", "init", "produce", "up", "validate"}
"""These add what their words name and take nothing away: rehearsed, and not asked about."""

READING: Final = {
    "connect",
    "consume",
    "context list",
    "context show",
    "context test",
    "context use",  # the user's own choice, undone by choosing again
    "dlt list",
    "doctor",
    "dlt show",
    "export",
    "groups describe",
    "groups list",
    "kafka-tool",  # what it does is the Java tool's; --json shows it without running it
    "lag",
    "logs",
    "plan",
    "status",
    "topics describe",
    "topics list",
    "verify",
}


def leaves() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its words; one that cannot be loaded is left out."""
    for entry in COMMANDS:
        try:
            loaded = importlib.import_module(entry.module).command
        except ModuleNotFoundError:  # test_main says so
            continue
        if isinstance(loaded, click.Group):
            for name, command in loaded.commands.items():
                yield f"{entry.name} {name}", command
        else:
            yield entry.name, loaded


LEAVES: Final = dict(leaves())


def flags(words: str) -> set[str]:
    """The long options of a command."""
    return {opt for param in LEAVES[words].params for opt in param.opts if opt.startswith("--")}


def test_every_command_is_of_a_known_kind():
    """A new command is named above, and so falls under a rule."""
    known = CHANGING | ADDING | READING

    assert LEAVES.keys() <= known
    assert {words.split()[0] for words in known} == {entry.name for entry in COMMANDS}


@pytest.mark.parametrize("words", sorted(CHANGING & LEAVES.keys()))
def test_what_changes_things_can_be_rehearsed_and_asks(words: str):
    """Commands that move, replace or remove have --dry-run and --yes."""
    assert flags(words) >= {"--dry-run", "--yes"}


@pytest.mark.parametrize("words", sorted(ADDING & LEAVES.keys()))
def test_what_adds_things_can_be_rehearsed(words: str):
    """Commands that only add have --dry-run."""
    assert "--dry-run" in flags(words)


@pytest.mark.parametrize("words", sorted(LEAVES))
def test_every_command_speaks_json_and_shows_an_example(
    words: str, capsys: pytest.CaptureFixture[str]
):
    """--json is everywhere, and every help has an example that begins with `learnflow`."""
    code = run([*words.split(), "--help"])
    shown = capsys.readouterr().out

    assert code == 0
    assert "--json" in flags(words)
    assert f"learnflow {words}" in shown.partition("Example:")[2]


@pytest.mark.parametrize("words", sorted(LEAVES))
def test_every_option_says_what_it_does(words: str):
    """An option has a help text, or its name and metavar say it all."""
    silent = [
        param.name
        for param in LEAVES[words].params
        if isinstance(param, click.Option)
        and not param.hidden
        and not (param.help or param.metavar or isinstance(param.type, click.IntRange))
    ]

    assert not silent


@pytest.mark.parametrize(("words", "command"), [*leaves()])
def test_the_example_stands_on_lines_of_its_own(words: str, command: click.Command):
    """Help is laid out: no control code shows, and examples can be copied line by line."""
    text = command.get_help(click.Context(command, info_name=words, terminal_width=80))
    after = text.partition("Example:\n")[2].splitlines()

    assert "\\b" not in text
    assert after
    assert "learnflow " in after[0]
