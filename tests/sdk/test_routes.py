from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.sdk.notes import Note

from learnflow_kafka.errors import ContractError
from learnflow_kafka.sdk.routes import inspected


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
