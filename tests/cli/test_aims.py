"""Next commands that mean the cluster that this one was told."""

from __future__ import annotations

import pytest
from tests.cli.test_command_tree import leaves
from tests.support.commands import Learnflow

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.cli import aims
from learnflow_kafka.cli.aims import Aim, aimed
from learnflow_kafka.core.findings import Finding, Report, Status

SHOP = aims.of_cluster("shop")


def flags(name: str) -> set[str]:
    """The commands that take a flag."""
    return {words for words, made in leaves() if any(name in p.opts for p in made.params)}


def test_every_command_that_names_a_cluster_is_known():
    """A new command with --context or --name is named in the table, or hints forget its flag."""
    here = flags("--name") - {"adopt"}  # there it is the catalog's name

    assert set(aims.HERE) == here
    assert set(aims.FAR) == flags("--context") & flags("--bootstrap") - {
        "export",  # asks no cluster
        "context add",  # names a new one
    }


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("learnflow up", "learnflow up --name shop"),
        (
            "learnflow down, then learnflow up with it",
            "learnflow down --name shop, then learnflow up --name shop with it",
        ),
        (
            "`learnflow plan`; `learnflow apply`",
            "`learnflow plan -c local/shop`; `learnflow apply -c local/shop`",
        ),
        ("learnflow groups reset g --to 0", "learnflow groups reset -c local/shop g --to 0"),
    ],
)
def test_commands_in_a_text_get_the_cluster(text: str, there: str):
    """Right after the command, wherever it stands."""
    assert aimed(text, SHOP) == there
    assert aimed(text, Aim()) == text


@pytest.mark.parametrize(
    "text",
    [
        "learnflow down --wipe --name other",
        "learnflow verify -c prod",
        "learnflow status --all",
        "`learnflow upgrade` and learnflow context list",
    ],
)
def test_what_names_a_cluster_or_needs_none_is_left_alone(text: str):
    """A second flag would be an error, or another cluster."""
    assert aimed(text, SHOP) == text


@pytest.mark.parametrize(
    ("words", "aim"),
    [
        (["verify", "-c", "prod"], Aim(" -c prod")),
        (["verify", "--context=local/shop"], Aim(" -c local/shop", " --name shop")),
        (["lag", "-b", "a:1"], Aim(" -b a:1")),
        (["up", "--name", "shop"], SHOP),
        (["up", "--name", "default"], Aim()),
        (["adopt", "--name", "shop"], Aim()),
        (["connect", "--", "sh", "-c", "kcat"], Aim()),
        ([], Aim()),
    ],
)
def test_a_commands_words_say_the_cluster(words: list[str], aim: Aim):
    """By context, address or name; what follows `--` is another program's."""
    assert aims.of_words(words) == aim


def test_a_reports_next_steps_mean_the_cluster():
    """What needs no step stays as it is."""
    bad = Finding("a.b", Status.FAILED, "bad", fix="see `learnflow plan`")
    good = Finding("a.c", Status.OK, "good")

    assert aims.report(Report((bad, good)), SHOP).findings[0].fix == (
        "see `learnflow plan -c local/shop`"
    )
    assert aims.report(Report((bad, good)), SHOP).findings[1] == good


def test_an_empty_cluster_is_filled_by_its_own_apply(learnflow: Learnflow, memory: MemoryKafka):
    """Not by the one of another cluster."""
    done = learnflow("topics", "list", "-c", "mem")

    assert "`learnflow apply -c mem`" in done.text


@pytest.mark.usefixtures("own_home")
def test_status_of_no_cluster_names_it(learnflow: Learnflow):
    """The command that would make it."""
    assert "next: learnflow up --name shop" in learnflow("status", "--name", "shop").text
