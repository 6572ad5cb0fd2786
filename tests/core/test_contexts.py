"""The book of contexts."""

from __future__ import annotations

import pytest

from learnflow_kafka.core.connection import (
    Connection,
    Context,
    SecretRef,
    SecretSource,
    parse_bootstrap,
)
from learnflow_kafka.core.contexts import (
    ContextBook,
    describe_secret,
)
from learnflow_kafka.errors import ContextError

PROD = Context("prod", Connection(("a:9092",)), cluster_id="one")


def test_a_book_keeps_one_context_a_name():
    """Adding again replaces, removing forgets the choice of it too."""
    book = ContextBook().with_context(PROD).choosing("prod")

    assert book.get("prod") is PROD
    assert book.current == "prod"
    assert book.without("prod") == ContextBook()


@pytest.mark.parametrize("name", ["local", "local/x", "", "a b", "-x", "a" * 64])
def test_some_names_are_not_for_contexts(name: str):
    """`local` belongs to this machine, and names are plain words."""
    with pytest.raises(ContextError, match=r"context|local"):
        ContextBook().with_context(Context(name, PROD.connection))


def test_a_mistyped_name_is_answered_with_the_nearest():
    """An unknown context suggests the one that was probably meant."""
    with pytest.raises(ContextError, match="did you mean 'prod'"):
        ContextBook({"prod": PROD}).get("prd")


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("a:9092", ("a:9092",)),
        (" a:9092 ,b:1,", ("a:9092", "b:1")),
        ("[::1]:9092", ("[::1]:9092",)),
    ],
)
def test_addresses_are_read(text: str, addresses: tuple[str, ...]):
    """A bootstrap is one or more addresses between commas."""
    assert parse_bootstrap(text) == addresses


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "a:", ":9092", "a:0", "a:70000", "::1:9092", "kafka://a:9092", "u:pw@a:1"),
        *("..:1", "a" * 64 + ":1", "a b:1"),
    ],
)
def test_what_is_no_address_is_refused(text: str):
    """A refusal says what to write, and never repeats a password."""
    with pytest.raises(ValueError, match=r"HOST:PORT|port|brackets") as caught:
        parse_bootstrap(text)

    assert "pw" not in str(caught.value)


def test_a_secret_command_shows_its_program_alone():
    """Arguments of a command may be secrets themselves."""
    ref = SecretRef(SecretSource.COMMAND, "echo hunter2")

    assert describe_secret(ref) == "command echo ..."
    assert describe_secret(SecretRef(SecretSource.ENV, "KAFKA_PW")) == "env KAFKA_PW"
