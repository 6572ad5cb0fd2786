from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.sdk.notes import Note, world

from learnflow_kafka.errors import ContractError
from learnflow_kafka.sdk.routes import Routes, inspected


async def handle(note: Note) -> None:
    """An async handler."""


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """An ordinary decorator, as people write them for plain functions."""

    @functools.wraps(function)
    def inner(*arguments: Any) -> Any:
        return function(*arguments)

    return inner


class Called:
    """An object with an async call."""

    async def __call__(self, note: Note) -> None:
        """Handle a note."""


class CalledWrapped:
    """An object whose async call is decorated."""

    @wrapped
    async def __call__(self, note: Note) -> None:
        """Handle a note."""


async def yields(note: Note) -> AsyncIterator[int]:
    """An async function that became a generator by one word."""
    yield note.number


def yields_plainly(note: Note) -> Iterator[int]:
    """A plain one of that kind."""
    yield note.number


@pytest.mark.parametrize(
    "handler",
    [handle, wrapped(handle), wrapped(wrapped(handle)), functools.partial(handle), Called(),
     CalledWrapped(), Called().__call__],
)  # fmt: skip
def test_an_async_handler_is_one_behind_plain_decorators(handler: Callable[..., Any]) -> None:
    """Where functools.wraps says what is below, a handler is what it wraps."""
    assert inspected(handler, None).is_async


def test_an_async_wrapper_of_a_plain_handler_is_async() -> None:
    """What is called counts before what it wraps."""

    @functools.wraps(yields_plainly)
    async def around(note: Note) -> None:
        list(yields_plainly(note))

    assert inspected(around, None).is_async


def test_a_lambda_is_taken_for_plain() -> None:
    """Nothing tells what it returns before it is called."""

    def later(note: Note) -> Coroutine[Any, Any, None]:
        return handle(note)

    assert not inspected(later, None).is_async


@pytest.mark.parametrize(
    "handler",
    [yields, yields_plainly, wrapped(yields), wrapped(yields_plainly),
     contextmanager(yields_plainly)],
)  # fmt: skip
def test_a_handler_that_yields_is_refused(handler: Callable[..., Any]) -> None:
    """Calling it would run nothing, and the event would count as handled."""
    with pytest.raises(ContractError, match="yields"):
        inspected(handler, None)


@pytest.mark.parametrize("given", ["notes", None, 7, Note])
def test_what_is_no_topic_is_refused_with_what_to_write(given: Any) -> None:
    """A name is the usual slip; the error shows the service's line in the catalog."""
    service = world().contract.service("reader")
    with pytest.raises(ContractError, match="and no topic") as caught:
        Routes(service).add(given, None, print, group=None, deadline=None)

    assert caught.value.where == "notes.yaml:18"
    assert "not its name" in str(caught.value.fix)


@pytest.mark.parametrize("given", ["Note", 7])
def test_what_is_no_class_of_an_event_is_refused_with_what_to_write(given: Any) -> None:
    """The classes that the topic carries are named, with its line in the catalog."""
    place = world()
    service = place.contract.service("reader")
    with pytest.raises(ContractError, match="carries classes of events") as caught:
        Routes(service).add(place.notes, given, print, group=None, deadline=None)

    assert str(caught.value).endswith(": Note")
    assert caught.value.where == "notes.yaml:7"
    assert caught.value.fix == "give the class itself: Note, not its name"


def test_a_class_that_the_topic_does_not_carry_is_refused() -> None:
    """It is one, and another topic's: nothing is to be written otherwise."""
    place = world()
    service = place.contract.service("reader")
    with pytest.raises(ContractError, match="carries no int: Note") as caught:
        Routes(service).add(place.notes, int, print, group=None, deadline=None)

    assert caught.value.fix is None
