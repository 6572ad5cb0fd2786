"""The overview and the loading of commands."""

from __future__ import annotations

import subprocess
import sys

import pytest

from learnflow_kafka.cli.main import COMMANDS, Entry, run


def test_help_lists_every_command_with_its_summary(capsys: pytest.CaptureFixture[str]):
    """The overview names every command of the table."""
    code = run(["--help"])
    shown = capsys.readouterr().out

    assert code == 0
    assert all(entry.name in shown and entry.summary in shown for entry in COMMANDS)


def test_help_loads_no_command_and_no_client():
    """The overview imports neither a command module nor a client library."""
    code = (
        "import sys\n"
        "from learnflow_kafka.cli.main import run\n"
        "run(['--help'])\n"
        "heavy = [m for m in sys.modules if m.startswith('learnflow_kafka.cli.commands.') "
        "or m in ('kafka', 'confluent_kafka', 'pydantic', 'rich', 'yaml')]\n"
        "print('loaded:', heavy)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "loaded: []" in done.stdout


def test_a_mistyped_command_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]):
    """An unknown command exits 2 and suggests the nearest name."""
    code = run(["aply"])

    assert code == 2
    assert "Did you mean 'apply'" in capsys.readouterr().err


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda e: e.name)
def test_every_command_of_the_table_can_be_loaded(entry: Entry, capsys: pytest.CaptureFixture[str]):
    """`learnflow COMMAND --help` works for every command of the table."""
    code = run([entry.name, "--help"])

    assert code == 0
    assert "Usage: learnflow" in capsys.readouterr().out
