"""Errors become messages and exit codes in one place."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from learnflow_kafka.cli.handler import guarded
from learnflow_kafka.cli.main import run
from learnflow_kafka.errors import CatalogError, LearnflowError, Problem, UnreachableError


def command_that(raises: BaseException) -> click.Command:
    """A command that ends with the given exception."""

    @click.command(context_settings={"ignore_unknown_options": True})
    @click.argument("words", nargs=-1)
    def command(words: tuple[str, ...]) -> int:
        raise raises

    return command


def test_an_error_says_what_where_and_what_next(capsys: pytest.CaptureFixture[str]):
    """An expected error shows its place, its sentence and the next step, and exits 1."""
    error = UnreachableError("no broker answers", where="localhost:9", fix="learnflow up")
    code = guarded(command_that(error), [])
    shown = capsys.readouterr().err

    assert code == 1
    assert "localhost:9: no broker answers" in shown
    assert "next: learnflow up" in shown


def test_an_error_is_json_where_json_was_asked_for(capsys: pytest.CaptureFixture[str]):
    """With --json the error is one JSON object on standard output."""
    guarded(command_that(LearnflowError("broken", fix="mend it")), ["--json"])
    said = json.loads(capsys.readouterr().out)

    assert (said["kind"], said["what"], said["fix"]) == ("error", "broken", "mend it")


def test_every_problem_of_a_catalog_is_shown(capsys: pytest.CaptureFixture[str]):
    """A catalog error lists all problems with file and line."""
    problems = tuple(
        Problem("c.yaml", n, 3, "topics", f"fault {n}", excerpt="  a: b") for n in (3, 9)
    )
    guarded(command_that(CatalogError(problems)), [])
    shown = capsys.readouterr().err

    assert "c.yaml:3:3: error: topics: fault 3\n 3 |   a: b\n   |   ^" in shown
    assert "c.yaml:9:3: error: topics: fault 9" in shown


def test_a_group_without_a_command_shows_its_help(capsys: pytest.CaptureFixture[str]):
    """It is wrong usage, and no error in front of the help."""
    code = run(["topics"])
    shown = capsys.readouterr()

    assert (code, shown.out) == (2, "")
    assert shown.err.startswith("Usage: learnflow topics")


def test_our_bug_is_one_json_object_too(own_home: Path, capsys: pytest.CaptureFixture[str]):
    """A program that asked for JSON gets it whatever happens, with the report's place."""
    code = guarded(command_that(ZeroDivisionError("oops")), ["--json"])
    said = json.loads(capsys.readouterr().out)

    assert (code, said["error"], said["what"]) == (70, "Bug", "ZeroDivisionError: oops")
    assert Path(said["where"]).is_file()


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), click.Abort()])
def test_an_interrupt_exits_130(interrupt: BaseException, capsys: pytest.CaptureFixture[str]):
    """Ctrl-C ends with exit code 130 and no traceback."""
    code = guarded(command_that(interrupt), [])

    assert code == 130
    assert "Traceback" not in capsys.readouterr().err


def test_our_bug_leaves_a_report_without_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """An unexpected exception exits 70 and writes a report that repeats no option's value."""
    monkeypatch.setenv("LEARNFLOW_HOME", str(tmp_path))
    code = guarded(command_that(ZeroDivisionError("oops")), ["produce", "--value=hunter2"])
    report = next((tmp_path / "state" / "reports").iterdir()).read_text(encoding="utf-8")

    assert code == 70
    assert "ZeroDivisionError: oops" in report
    assert "hunter2" not in report.split("Traceback")[0]
    assert "Traceback" not in capsys.readouterr().err


def test_a_word_that_is_no_text_is_wrong_usage(capsys: pytest.CaptureFixture[str]):
    """Bytes beyond the locale are refused before a command stumbles over them."""
    code = run(["topics", "describe", "t\udcff"])

    assert code == 2
    assert "word 3 of the command is no text in this locale" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("redirection", "code"), [(">/dev/full", 1), (">&-", 0), (">&- 2>&-", 0), ("<&-", 0)]
)
def test_streams_that_are_full_or_closed_are_no_bug_of_ours(redirection: str, code: int):
    """A full disk is one line and exit 1; a closed stream is nobody who reads."""
    command = f"{sys.executable} -m learnflow_kafka validate --json {redirection}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)

    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert ("cannot be written: No space left" in done.stderr) == (code == 1)


def test_a_closed_pipe_is_a_reader_who_has_seen_enough():
    """A command whose reader went away ends without a complaint."""
    script = f"{sys.executable} -m learnflow_kafka --help | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)

    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "0"


@pytest.mark.parametrize(
    ("words", "aim"),
    [
        (["topics", "list", "-b", "kafka:9092"], " -b kafka:9092"),
        (["plan", "--context=prod"], " -c prod"),
        (["plan"], ""),
    ],
)
def test_the_next_command_looks_at_the_same_cluster(
    words: list[str], aim: str, capsys: pytest.CaptureFixture[str]
):
    """What was told by -b or -c is told to the command that an error recommends."""
    guarded(command_that(LearnflowError("slow", fix="see it: `learnflow verify`")), words)

    assert f"next: see it: `learnflow verify{aim}`" in capsys.readouterr().err
