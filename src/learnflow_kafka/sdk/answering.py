"""
Handlers whose return value is the reply to their event.

The reply is written, with the request's id repeated in its headers, before the handler counts
as done: a kill between the two repeats the request, and whoever asked ignores the second reply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar, overload

from learnflow_kafka.errors import EventError
from learnflow_kafka.sdk.pending import ASK_ID
from learnflow_kafka.sdk.routes import inspected
from learnflow_kafka.sdk.workers import is_work

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from learnflow_kafka.sdk.contract import Exchange
    from learnflow_kafka.sdk.delivery import Delivery
    from learnflow_kafka.sdk.producer import AsyncProducer, Producer


Q = TypeVar("Q")
R = TypeVar("R")


class Answering(Protocol[Q, R]):
    """Takes a handler that returns the reply to its event (None: no reply), and gives it back."""

    @overload
    def __call__(
        self, handler: Callable[[Q], Awaitable[R | None]], /
    ) -> Callable[[Q], Awaitable[R | None]]: ...
    @overload
    def __call__(
        self, handler: Callable[[Q, Delivery], Awaitable[R | None]], /
    ) -> Callable[[Q, Delivery], Awaitable[R | None]]: ...
    @overload
    def __call__(self, handler: Callable[[Q], R | None], /) -> Callable[[Q], R | None]: ...
    @overload
    def __call__(
        self, handler: Callable[[Q, Delivery], R | None], /
    ) -> Callable[[Q, Delivery], R | None]: ...


class Faces(NamedTuple):
    """Both faces of a service's producer; a handler's replies go through its own kind."""

    plain: Producer
    awaited: AsyncProducer


def answering(
    exchange: Exchange[Any, Any], handler: Callable[..., Any], faces: Faces
) -> Callable[..., Any]:
    """A handler of event and delivery that sends what the given one returns."""
    call = inspected(handler, None)
    arguments = 2 if call.with_delivery else 1

    # A reply that is still to be awaited is none: the worker is told, and stops the service.
    async def answer_async(event: Any, delivery: Delivery) -> Any:
        reply = await call.function(*(event, delivery)[:arguments])
        if reply is None or is_work(reply):
            return reply
        headers = _headers(exchange, event, reply, delivery)
        if delivery.exactly_once:
            delivery.send(exchange.reply, reply, headers=headers)
        else:
            await faces.awaited.send(exchange.reply, reply, headers=headers)
        return None

    def answer(event: Any, delivery: Delivery) -> Any:
        reply = call.function(*(event, delivery)[:arguments])
        if reply is None or is_work(reply):
            return reply
        headers = _headers(exchange, event, reply, delivery)
        if delivery.exactly_once:
            delivery.send(exchange.reply, reply, headers=headers)
        else:
            faces.plain.send(exchange.reply, reply, headers=headers)
        return None

    made = answer_async if call.is_async else answer
    made.__qualname__ = call.name  # in messages it is the user's function
    return made


def _headers(
    exchange: Exchange[Any, Any], event: object, reply: object, delivery: Delivery
) -> list[tuple[str, bytes]]:
    """
    The headers by which the asker finds its reply.

    Raises EventError for a reply to something else: whoever asked would wait in vain.
    """
    asked = getattr(event, exchange.request_field, None)
    replied = getattr(reply, exchange.reply_field, None)
    if asked != replied:
        raise EventError(
            f"the reply's {exchange.reply_field} is not the request's {exchange.request_field}",
            where=str(exchange.place),
        )
    return [(n, v) for n, v in delivery.headers if n == ASK_ID and v is not None][:1]
