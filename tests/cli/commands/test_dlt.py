"""`learnflow dlt` in memory: what is shown, asked and refused."""

from __future__ import annotations

import pytest
from tests.support.commands import Learnflow
from tests.support.letters import DLT, SOURCE, letter, write

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.core.connection import Connection, Context
from learnflow_kafka.wiring import contexts

FIRST = "billing/orders/0/0"


@pytest.fixture
def filled(memory: MemoryKafka) -> MemoryKafka:
    """Three letters, the second of them written twice."""
    memory.put_topic(SOURCE, 2)
    memory.put_topic(DLT, 1)
    write(memory, [letter(0), letter(1), letter(1), letter(2, message="\x1b[31mred")])
    return memory


def test_the_list_counts_letters_once(filled: MemoryKafka, learnflow: Learnflow):
    """Group, source, how many, how many wait, when and why."""
    done = learnflow("dlt", "list")
    [pile] = learnflow("dlt", "list", "--json").json["groups"]

    assert done.code == 0
    assert "retries exhausted 3" in done.text
    assert (pile["group"], pile["topic"], pile["letters"], pile["waiting"]) == (
        "billing", "orders", 3, 3,
    )  # fmt: skip
    assert pile["first_ms"] == pile["last_ms"] == 1_700_000_000_000
    assert pile["reasons"] == {"retries exhausted": 3}


def test_the_list_of_letters_has_their_identities(filled: MemoryKafka, learnflow: Learnflow):
    """What `show` and `replay` take; a letter's text cannot steer the terminal."""
    done = learnflow("dlt", "list", "--letters")
    letters = learnflow("dlt", "list", "--letters", "--json").json["letters"]

    assert FIRST in done.text
    assert "\x1b" not in done.text
    assert [len(x["places"]) for x in letters] == [1, 2, 1]


def test_without_letters_the_list_says_so(memory: MemoryKafka, learnflow: Learnflow):
    """An empty table would leave room for doubt."""
    done = learnflow("dlt", "list")

    assert (done.code, done.text) == (0, "There are no dead letters.\n")


def test_a_letter_is_shown_with_everything_it_says(filled: MemoryKafka, learnflow: Learnflow):
    """Error, stack, own headers and payload; bytes that are no text are made visible."""
    done = learnflow("dlt", "show", FIRST)
    [found] = learnflow("dlt", "show", FIRST, "--json").json["letters"]

    for word in ("shop.NoAccountError", "no such account", "Traceback", "event 0", r"\xff"):
        assert word in done.text
    assert "header dlt-" not in done.text
    assert found["stack"] == "Traceback: line 1"
    assert found["record"]["value"] == "event 0"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("dlt", "show", "nonsense"), 2),
        (("dlt", "show", "billing/orders/0/99"), 1),
        (("dlt", "show", "billing/other/0/1"), 1),
        (("dlt", "replay", "--identity", "nonsense"), 2),
        (("dlt", "list", "--since", "yesterday"), 2),
        (("dlt", "purge", DLT, "--before", "2"), 2),
        (("dlt", "purge", SOURCE), 1),
        (("dlt", "purge", "no.such.dlt"), 1),
    ],
)
def test_what_does_not_fit_is_refused(
    filled: MemoryKafka, learnflow: Learnflow, words: tuple[str, ...], code: int
):
    """Nothing is sent and nothing removed."""
    filled.requests.clear()

    assert learnflow(*words).code == code
    assert filled.mutations == []


def test_a_rehearsed_replay_changes_nothing(filled: MemoryKafka, learnflow: Learnflow):
    """It says how many would go back, and to whom."""
    filled.requests.clear()
    done = learnflow("dlt", "replay", "--dry-run")

    assert done.code == 0
    assert "orders: 3 dead letters of group billing would go back" in done.text
    assert "Every group that reads these topics" in done.text
    assert filled.mutations == []


def test_a_replay_asks_first(filled: MemoryKafka, learnflow: Learnflow):
    """Without a terminal and without --yes nothing goes."""
    filled.requests.clear()
    done = learnflow("dlt", "replay")

    assert done.code == 2
    assert "--yes" in done.err
    assert filled.mutations == []


def test_a_replay_in_a_protected_context_wants_its_name(
    filled: MemoryKafka, learnflow: Learnflow, monkeypatch: pytest.MonkeyPatch
):
    """--yes alone is not enough."""
    prod = Context("prod", Connection(("m:1",)), protected=True)
    contexts.edit(lambda b: b.with_context(prod).choosing("prod"))

    assert learnflow("dlt", "replay", "--yes").code == 2
    monkeypatch.setenv("LEARNFLOW_CONFIRM", "prod")
    assert learnflow("dlt", "replay", "--yes", "--json").json["replayed"] == 3


def test_a_replay_and_another(filled: MemoryKafka, learnflow: Learnflow):
    """The second finds nothing that waits, and both say what they did."""
    first = learnflow("dlt", "replay", "--yes")
    second = learnflow("dlt", "replay", "--yes", "--json")

    assert (first.code, second.code) == (0, 0)
    assert "3 dead letters went back." in first.text
    assert (second.json["waiting"], second.json["skipped"], second.json["replayed"]) == (0, 3, 0)
    assert "replayed" in learnflow("dlt", "list", "--letters").text


def test_a_purge_shows_what_would_be_lost(filled: MemoryKafka, learnflow: Learnflow):
    """Letters that never went back are counted; a rehearsal removes nothing."""
    done = learnflow("dlt", "purge", DLT, "--dry-run")
    [cut] = learnflow("dlt", "purge", DLT, "--dry-run", "--json").json["partitions"]

    assert "the beginning of each partition goes, whatever stands in it" in done.text
    assert "3 dead letters that never went back would be lost." in done.text
    assert (cut["before"], cut["letters"], cut["waiting"], cut["removed"]) == (4, 3, 3, False)
    assert learnflow("dlt", "list", "--json").json["groups"][0]["letters"] == 3


def test_a_purge_up_to_an_offset_keeps_the_rest(filled: MemoryKafka, learnflow: Learnflow):
    """The offset is one of the dead-letter topic."""
    done = learnflow("dlt", "purge", DLT, "--partition", "0", "--before", "1", "--yes")

    assert done.code == 0
    assert f"{DLT}-0: removed" in done.text
    assert learnflow("dlt", "list", "--json").json["groups"][0]["letters"] == 2


def test_a_long_replay_tells_how_far_it_is(memory: MemoryKafka, learnflow: Learnflow):
    """A line for each transaction but the last, beside JSON on standard error."""
    memory.put_topic(SOURCE, 2)
    memory.put_topic(DLT, 1)
    write(memory, [letter(n) for n in range(450)])
    done = learnflow("dlt", "replay", "--yes", "--json")

    assert done.json["replayed"] == 450
    assert "200 of 450 dead letters went back\n400 of 450 dead letters went back\n" in done.err


@pytest.mark.parametrize("chosen", [("--group", "nosuch"), ("--topic", "nosuch")])
def test_a_misspelled_name_is_not_nothing_to_do(
    filled: MemoryKafka, learnflow: Learnflow, chosen: tuple[str, str]
):
    """A group or topic without any dead-letter topic is wrong usage."""
    done = learnflow("dlt", "replay", *chosen, "--dry-run")

    assert done.code == 2
    assert "there is no dead-letter topic of" in done.err
    assert "'nosuch'" in done.err
