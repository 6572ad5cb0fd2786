"""`learnflow context`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.support.commands import Learnflow

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.wiring import contexts

ADD = ("context", "add", "prod", "--bootstrap", "a:9092")
SASL = (*ADD, "--username", "ops")


@pytest.fixture(autouse=True)
def reachable(memory: MemoryKafka) -> None:
    """Every address is answered by the cluster in memory; nothing is chosen."""
    contexts.edit(lambda b: b.without("mem"))


def test_add_connects_and_pins_the_cluster(learnflow: Learnflow, memory: MemoryKafka):
    """The cluster that answers is recorded; another one later is refused."""
    done = learnflow(*ADD, "--json")
    assert done.json["context"]["cluster_id"] == memory.cluster().cluster_id
    again = learnflow("context", "test", "prod")
    memory._state.cluster_id = "another"
    other = learnflow("context", "test", "prod", "--json")

    assert (done.code, again.code) == (0, 0)
    assert (other.code, other.json["error"]) == (1, "WrongClusterError")


def test_without_a_test_nothing_is_pinned(learnflow: Learnflow, memory: MemoryKafka):
    """--no-test sends nothing, and the missing pin is told by `test`."""
    assert learnflow(*ADD, "--no-test").code == 0
    assert not memory.requests
    assert "pins no cluster" in learnflow("context", "test", "prod").text


def test_add_keeps_every_setting(learnflow: Learnflow, tmp_path: Path):
    """What was given is saved, with paths made absolute."""
    ca = tmp_path / "ca.pem"
    ca.touch()
    flags = ("--password-env", "PW", "--ca", str(ca), "--env", "production", "--protected")
    assert learnflow(*SASL, *flags, "--no-test", "--catalog", "topics").code == 0
    shown = learnflow("context", "show", "prod", "--json").json["context"]

    assert (shown["protocol"], shown["mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (shown["username"], shown["password"]) == ("ops", "env PW")
    assert (shown["ca"], shown["environment"]) == (str(ca), "production")
    assert shown["catalog"] == os.path.abspath("topics")  # noqa: PTH100 - as the command sees it
    assert shown["protected"] is True


@pytest.mark.parametrize(
    ("flags", "protocol"),
    [
        ((), "PLAINTEXT"),
        (("--tls",), "SSL"),
        (("--username", "u", "--password-env", "PW"), "SASL_SSL"),
        (
            ("--username", "u", "--password-env", "PW", "--protocol", "sasl_plaintext"),
            "SASL_PLAINTEXT",
        ),
    ],
)
def test_the_protocol_follows_from_the_rest(
    learnflow: Learnflow, flags: tuple[str, ...], protocol: str
):
    """A password is never sent without TLS unless that is asked for by name."""
    learnflow(*ADD, "--no-test", *flags)

    assert contexts.book().get("prod").connection.protocol == protocol


@pytest.mark.parametrize(
    "flags",
    [
        ("--username", "u"),
        ("--password-env", "PW"),
        ("--username", "u", "--password-env", "A", "--password-file", "b"),
        ("--certificate", "c.pem"),
        ("--ca", "/does/not/exist"),
        ("--protocol", "SASL_SSL"),
        ("--protocol", "PLAINTEXT", "--tls"),
        ("--protocol", "SSL", "--username", "u", "--password-env", "PW"),
    ],
)
def test_settings_that_do_not_fit_are_wrong_usage(learnflow: Learnflow, flags: tuple[str, ...]):
    """Exit 2, and nothing is saved."""
    assert learnflow(*ADD, "--no-test", *flags).code == 2
    assert not contexts.book().contexts


@pytest.mark.parametrize("form", [("--password", "hunter2"), ("--password=hunter2",)])
def test_a_literal_password_is_refused_and_not_repeated(
    learnflow: Learnflow, form: tuple[str, ...]
):
    """The reason and the three ways to refer to it are told."""
    done = learnflow(*SASL, *form)

    assert done.code == 2
    assert "history" in done.err
    assert "--password-file" in done.err
    assert "hunter2" not in done.err + done.text


def test_a_name_is_not_overwritten_unasked(learnflow: Learnflow):
    """An existing context wants --replace, and then a yes."""
    learnflow(*ADD)
    args = ("context", "add", "prod", "--bootstrap", "b:9092")
    plain, replaced = learnflow(*args), learnflow(*args, "--replace")

    assert (plain.code, replaced.code) == (1, 2)
    assert learnflow(*args, "--replace", "--yes").code == 0
    assert contexts.book().get("prod").connection.bootstrap == ("b:9092",)


def test_use_list_and_remove(learnflow: Learnflow):
    """The chosen one is marked; removing it forgets the choice."""
    learnflow(*ADD)
    assert learnflow("context", "use", "prod").code == 0
    assert learnflow("context", "list", "--json").json["used"] == "prod"
    asked = learnflow("context", "remove", "prod")
    gone = learnflow("context", "remove", "prod", "--yes")

    assert (asked.code, gone.code) == (2, 0)
    assert learnflow("context", "list", "--json").json == {
        "kind": "contexts",
        "version": 1,
        "used": None,
        "contexts": [],
    }


def test_use_tells_when_a_variable_goes_first(
    learnflow: Learnflow, monkeypatch: pytest.MonkeyPatch
):
    """A choice that has no effect because of the variable says so."""
    learnflow(*ADD)
    monkeypatch.setenv("LEARNFLOW_CONTEXT", "other")

    assert "$LEARNFLOW_CONTEXT is 'other'" in learnflow("context", "use", "prod").err


def test_dry_runs_save_nothing(learnflow: Learnflow):
    """Adding and removing only show with --dry-run."""
    assert learnflow(*ADD, "--dry-run").code == 0
    assert not contexts.book().contexts
    learnflow(*ADD)

    assert learnflow("context", "remove", "prod", "--dry-run").code == 0
    assert "prod" in contexts.book().contexts


def test_an_unknown_context_suggests_the_nearest(learnflow: Learnflow):
    """Every command that takes a context answers a mistyped one."""
    learnflow(*ADD)
    for args in (("context", "use", "prdo"), ("topics", "list", "--context", "prdo")):
        done = learnflow(*args)

        assert done.code == 1
        assert "did you mean 'prod'" in done.err


def test_a_broken_file_is_shown_by_line(learnflow: Learnflow):
    """A hand-made mistake ends in file:line, for every command that reads it."""
    contexts.file().write_text("version: 1\ncontexts:\n  prod: {bootstap: a:1}\n")
    done = learnflow("topics", "list", "--context", "prod")

    assert done.code == 1
    assert "contexts.yaml:3: contexts.prod: does not know 'bootstap'; did you mean" in done.err
