"""
Who looks on while events are sent and handled: tracing, metrics, or something of yours.

Observers are named in the settings. Without one, nothing here is called and no library is
loaded. They are called on the threads that do the work, so they must be quick, and they must not
raise. They see places, classes and counts; contents only where they look for them.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from learnflow_kafka.core.dead_letters import Reason
    from learnflow_kafka.sdk.contract import AnyTopic, Exchange
    from learnflow_kafka.sdk.delivery import Delivery
    from learnflow_kafka.sdk.envelope import Headers
    from learnflow_kafka.sdk.health import Health
    from learnflow_kafka.sdk.pending import AskCounts
    from learnflow_kafka.sdk.receipt import Receipt
    from learnflow_kafka.sdk.routes import Handler


@dataclass(frozen=True, slots=True)
class FailedTry:
    """
    One try of one event that failed, and what becomes of the event.

    `attempt` counts from 1 in this process; `retry_in` seconds it is tried again in place, or it
    goes `to` a topic: a retry topic, or with a `reason` its dead-letter topic. Neither: the
    service stops. `value` and `headers` are the record's own.
    """

    topic: str
    partition: int
    offset: int
    group: str
    attempt: int
    error: BaseException
    retry_in: float | None
    to: str | None
    reason: Reason | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Page:
    """A page for the health server: its content type and its bytes."""

    content_type: str
    body: bytes


class Sending:
    """One event on its way out, as one observer sees it."""

    def trace(self) -> Mapping[str, str]:
        """What goes into the envelope: `traceparent`, `tracestate`."""
        return {}

    def settled(self, error: BaseException | None) -> None:
        """The event was written (None), or was not."""


class Observer:
    """Looks on; each method may be left out."""

    def sending(self, topic: AnyTopic) -> Sending | None:  # noqa: ARG002 - for those who override it
        """An event of a topic is about to be encoded and sent."""
        return None

    def handling(self, delivery: Delivery) -> AbstractContextManager[object]:  # noqa: ARG002 - as above
        """A handler is about to be called for an event; its error passes through the context."""
        return nullcontext()

    def failed(self, failed: FailedTry) -> None:
        """A try failed; called after the handler's context ended."""

    def asking(self, exchange: Exchange[Any, Any]) -> AbstractContextManager[object]:  # noqa: ARG002 - as above
        """A request is about to be sent; the context ends with its reply or its error."""
        return nullcontext()

    def watch_service(self, service: str, health: Callable[[], Health]) -> None:
        """An app starts; `health` is cheap and safe from any thread."""

    def watch_asks(self, exchange: Exchange[Any, Any], counts: Callable[[], AskCounts]) -> None:
        """An asker was made; `counts` is cheap and safe from any thread."""

    def page(self) -> Page | None:
        """What the health server shows at `/metrics`; None: nothing."""
        return None


class Watch:
    """One event on its way out, for all observers together."""

    __slots__ = ("_sendings",)

    def __init__(self, observers: Sequence[Observer], topic: AnyTopic) -> None:
        begun = (observer.sending(topic) for observer in observers)
        self._sendings = [sending for sending in begun if sending is not None]

    def trace(self) -> dict[str, str]:
        """What goes into the envelope."""
        found: dict[str, str] = {}
        for sending in self._sendings:
            found |= sending.trace()
        return found

    def settle(self, error: BaseException | None) -> None:
        """Tell the observers that the event was written, or was not."""
        for sending in self._sendings:
            sending.settled(error)

    def __call__(self, receipt: Receipt) -> None:
        """The same, as a receipt's callback."""
        self.settle(receipt.failure)


def together(contexts: Iterable[AbstractContextManager[object]]) -> ExitStack:
    """Several contexts as one, which is entered already."""
    stack = ExitStack()
    for context in contexts:
        stack.enter_context(context)
    return stack


def observed(handler: Handler, observers: Sequence[Observer]) -> Handler:
    """The handler, with the observers' contexts around each call; it gets the delivery then."""
    function = handler.function
    arguments = 2 if handler.with_delivery else 1

    def around(delivery: Delivery) -> ExitStack:
        return together(observer.handling(delivery) for observer in observers)

    # What a handler returns goes on to the worker, which sees whether it left its work undone.
    async def call_async(*given: Any) -> Any:
        with around(given[1]):
            return await function(*given[:arguments])

    def call(*given: Any) -> Any:
        with around(given[1]):
            return function(*given[:arguments])

    made = call_async if handler.is_async else call
    made.__qualname__ = handler.name  # in messages it is the user's function
    return replace(handler, function=made, with_delivery=True)
