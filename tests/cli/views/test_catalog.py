from __future__ import annotations

import io

from rich.console import Console

from learnflow_kafka.cli.views.catalog import Verdict, as_json, show
from learnflow_kafka.core.catalog import Catalog
from learnflow_kafka.errors import Problem


def shown(*problems: Problem, width: int = 200) -> list[str]:
    console = Console(file=io.StringIO(), width=width, markup=False, highlight=False)
    show(Verdict("c", None, problems), console)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue().splitlines()


def test_the_caret_stands_below_what_is_wrong():
    """Wide characters before it move it as they move the text."""
    lines = shown(Problem("f", 12, 7, "a", "w", None, "名: [x, yz]"))

    assert lines[1] == " 12 | 名: [x, yz]"
    assert lines[2] == "    |        ^"


def test_a_long_line_is_cut_around_the_caret():
    """The caret stays on the screen, whatever the line."""
    excerpt = "a" * 500 + " bad " + "b" * 500
    lines = shown(Problem("f", 1, 502, "", "w", None, excerpt))

    start = lines[2].index("^")
    assert lines[1][start : start + 3] == "bad"
    assert len(lines[1]) < 110


def test_control_characters_are_not_sent_to_the_terminal():
    """A file cannot colour or move the reader's terminal."""
    lines = shown(Problem("f", 1, 1, "", "w", None, "a\x1b[31mb\tc"))

    assert not any("\x1b" in line for line in lines)


def test_brackets_in_names_are_no_markup():
    """`[red]` is shown as it is."""
    assert "[red]" in shown(Problem("f", 1, 1, "x", "[red] is wrong"))[0]


def test_a_problem_without_a_line_needs_none():
    """A missing folder has no excerpt and no caret."""
    assert shown(Problem("f", 1, 1, "", "is not there", "make it")) == [
        "f:1:1: error: is not there",
        "   = make it",
        "",
        "c: 1 problem",
    ]


def test_a_valid_catalog_for_programs():
    """Counts, and no problem."""
    found = as_json(Verdict("c", Catalog("n", {}), derived=2))

    assert (found["valid"], found["catalog"], found["problems"]) == (True, "n", [])
    assert found["counts"] == {
        "topics": 0,
        "derived_topics": 2,
        "events": 0,
        "services": 0,
        "environments": 0,
    }
