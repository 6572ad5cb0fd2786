"""Changes are asked for, and protected contexts by name."""

from __future__ import annotations

import io

import pytest

from learnflow_kafka.cli.confirm import confirm
from learnflow_kafka.core.connection import Connection, Context
from learnflow_kafka.errors import RefusedError, UsageError


def context(*, protected: bool) -> Context:
    """A context named prod."""
    return Context("prod", Connection(("localhost:9092",)), protected=protected)


def test_yes_answers_the_question_of_an_ordinary_context(capsys: pytest.CaptureFixture[str]):
    """--yes goes ahead, and the context and cluster are still shown."""
    confirm(context(protected=False), "Go?", yes=True, cluster_id="abc")

    assert "context prod, cluster abc" in capsys.readouterr().err


def test_without_a_terminal_nothing_is_assumed(monkeypatch: pytest.MonkeyPatch):
    """A command that cannot ask does not go ahead by itself."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))

    with pytest.raises(UsageError, match="no terminal"):
        confirm(context(protected=False), "Go?", yes=False)


def test_yes_is_not_enough_for_a_protected_context(monkeypatch: pytest.MonkeyPatch):
    """A protected context refuses --yes alone."""
    monkeypatch.delenv("LEARNFLOW_CONFIRM", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))

    with pytest.raises(UsageError, match="protected"):
        confirm(context(protected=True), "Go?", yes=True)


def test_a_program_types_the_name_by_a_variable(monkeypatch: pytest.MonkeyPatch):
    """LEARNFLOW_CONFIRM with the context's name opens a protected context, another does not."""
    monkeypatch.setenv("LEARNFLOW_CONFIRM", "prod")
    confirm(context(protected=True), "Go?", yes=True)
    monkeypatch.setenv("LEARNFLOW_CONFIRM", "staging")

    with pytest.raises(RefusedError, match="is not 'prod'"):
        confirm(context(protected=True), "Go?", yes=True)
