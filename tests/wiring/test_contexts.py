"""Which cluster is meant."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from tests.support.clusters import LocalKafka

from learnflow_kafka.core.connection import (
    Connection,
    Context,
    Mechanism,
    Protocol,
    Sasl,
    Secret,
    SecretRef,
    SecretSource,
    Tls,
)
from learnflow_kafka.core.contexts import ContextBook
from learnflow_kafka.errors import ContextError, UsageError
from learnflow_kafka.wiring import contexts


@dataclass(frozen=True)
class Asked:
    """What the user said."""

    context: str | None = None
    bootstrap: str | None = None


@pytest.fixture
def book(own_home: Path) -> None:
    """Three contexts: one is chosen."""
    for name in ("one", "two", "three"):
        made = Context(name, Connection((f"{name}:9092",)))
        contexts.edit(partial(ContextBook.with_context, context=made))
    contexts.edit(lambda b: b.choosing("one"))


def test_what_is_said_last_is_weakest(book: None, monkeypatch: pytest.MonkeyPatch):
    """--bootstrap, --context, the variable, the choice: in this order."""
    assert contexts.resolve(Asked()).name == "one"
    monkeypatch.setenv("LEARNFLOW_CONTEXT", "two")

    assert contexts.resolve(Asked()).name == "two"
    assert contexts.resolve(Asked(context="three")).name == "three"
    assert contexts.resolve(Asked("three", "x:1")).connection.bootstrap == ("x:1",)


def test_with_nothing_there_one_error_says_how_to_begin(own_home: Path):
    """Without a choice and without a local cluster the next step is named."""
    with pytest.raises(ContextError, match="no cluster is chosen") as caught:
        contexts.resolve(Asked())

    assert "`learnflow up`" in (caught.value.fix or "")
    assert "learnflow context add" in (caught.value.fix or "")


def test_a_local_cluster_that_does_not_run_is_an_error(own_home: Path):
    """`local` and `local/NAME` name the command that starts them."""
    with pytest.raises(ContextError) as default:
        contexts.resolve(Asked(context="local"))
    with pytest.raises(ContextError) as named:
        contexts.resolve(Asked(context="local/big"))

    assert default.value.fix == "`learnflow up`"
    assert named.value.fix == "`learnflow up --name big`"


def test_a_bad_address_is_wrong_usage(own_home: Path):
    """--bootstrap without a port says how to write it."""
    with pytest.raises(UsageError, match="write HOST:PORT"):
        contexts.resolve(Asked(bootstrap="localhost"))


def test_secrets_are_read_only_when_revealed(own_home: Path, monkeypatch: pytest.MonkeyPatch):
    """Resolving leaves references; revealing opens both secrets, and twice is once."""
    monkeypatch.setenv("PW", "hunter2")
    ref = SecretRef(SecretSource.ENV, "PW")
    sasl = Sasl(Mechanism.PLAIN, "u", ref)
    closed = Context("p", Connection(("a:1",), Protocol.SASL_SSL, Tls(key_password=ref), sasl))
    contexts.edit(lambda b: b.with_context(closed))
    opened = contexts.revealed(contexts.resolve(Asked("p")))

    assert contexts.resolve(Asked("p")) == closed
    assert opened.connection.sasl == Sasl(Mechanism.PLAIN, "u", Secret("hunter2"))
    assert opened.connection.tls == Tls(key_password=Secret("hunter2"))
    assert contexts.revealed(opened) == opened
    assert "hunter2" not in repr(opened)


@pytest.mark.kafka
def test_the_running_cluster_is_the_implicit_context(kafka1: LocalKafka):
    """A cluster of `learnflow up` is found by its name, with its id pinned."""
    found = contexts.resolve(Asked("local/kafka1"))

    assert found == kafka1.context
    assert found.cluster_id
    assert found in contexts.locals_running()
