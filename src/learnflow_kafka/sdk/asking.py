"""
Requests that wait for their reply, from threads or from asyncio.

    async with AsyncAsker("gateway", CONTRACT, LEARNING_QUERY_EXCHANGE, bootstrap=...) as asker:
        response = await asker.ask(LearningQuery(...), timeout=5)

One asker serves one exchange and any number of requests at a time; many askers share one reply
topic. Whoever answers needs to know nothing of this: it writes the reply event that the catalog
declares. A responder of ours (`App.answers`) also repeats a header, by which even requests with
the same id are told apart.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar

from learnflow_kafka.errors import ClosedError, NoReplyError, SdkError, UsageError
from learnflow_kafka.sdk._loops import mailbox
from learnflow_kafka.sdk.contract import exchange_of
from learnflow_kafka.sdk.observing import together
from learnflow_kafka.sdk.outlets import Outlets
from learnflow_kafka.sdk.pending import ASK_ID, Outcome, Pending
from learnflow_kafka.sdk.producer import Room
from learnflow_kafka.sdk.replies import Replies, letters_of
from learnflow_kafka.sdk.settings import Settings, client_config
from learnflow_kafka.sdk.wrapping import identifiers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Self

    from learnflow_kafka.core.connection import Connection
    from learnflow_kafka.sdk.contract import Contract, Exchange
    from learnflow_kafka.sdk.outlets import Prepared
    from learnflow_kafka.sdk.pending import AskCounts, Tell
    from learnflow_kafka.sdk.receipt import Receipt

Q = TypeVar("Q")
R = TypeVar("R")

Headers: TypeAlias = "Sequence[tuple[str, bytes]] | None"

TIMEOUT: Final = 10.0
"""Seconds until nobody waits for a reply any more, where the caller does not say."""
_CLOSE_TIMEOUT: Final = 5.0
_ROOM_POLL: Final = 0.01
_START_POLL: Final = 0.005


class _Line(Generic[Q, R]):
    """What both faces stand on: one exchange, its send queue, and who waits."""

    def __init__(
        self,
        service: str,
        contract: Contract,
        exchange: Exchange[Q, R],
        *,
        bootstrap: str | Connection | None,
        settings: Settings | None,
    ) -> None:
        # Somebody waits for each single record.
        chosen = settings or replace(Settings(), linger_ms=0)
        declared = contract.service(service)
        exchange = exchange_of(exchange, where=declared.place)
        declared.producing(exchange.request)
        declared.reading(exchange.reply)
        self.exchange = exchange
        self.pending: Pending[R] = Pending()
        self.outlets = Outlets(service, contract, bootstrap=bootstrap, settings=chosen)
        config = client_config(bootstrap, chosen) | {"client.id": service}
        self.replies = Replies(config, exchange, self.pending, letters_of(contract, exchange))
        self._observers = chosen.observers
        for observer in self._observers:
            observer.watch_asks(exchange, self.pending.counts)
        self._starting = threading.Lock()
        self._started = self._closed = False

    def start(self) -> None:
        """
        Begin to listen, once.

        Raises why no request can be sent any more: closed, broken, or used in a forked child.
        """
        if self.replies.fault is not None:
            raise self.replies.fault
        if self._started and not self._closed:
            return
        with self._starting:
            if self._closed:
                raise ClosedError("the asker is closed")
            if not self._started:
                self._started = True
                self.replies.start()

    def observed(self) -> AbstractContextManager[object]:
        """The observers' contexts around one ask."""
        return together(observer.asking(self.exchange) for observer in self._observers)

    def open(self, query: Q, headers: Headers, tell: Tell[R]) -> tuple[str, Prepared]:
        """A request's id and its record, with somebody waiting for the reply."""
        identity = identifiers.next().decode()
        named = [(ASK_ID, identity.encode()), *(headers or ())]
        record = self.outlets.prepare(self.exchange.request, query, None, named)
        field = getattr(query, self.exchange.request_field)
        try:
            self.pending.open(identity, str(field), tell)
        except SdkError as error:
            record.refused(error)
            raise
        return identity, record

    def watch(self, identity: str, receipt: Receipt) -> None:
        """A request that was not written has no reply to wait for."""

        def settled(receipt: Receipt) -> None:
            error = receipt.error  # looking at it keeps `close` from raising it again
            if error is not None:
                self.pending.fail(identity, error)

        receipt.add_done_callback(settled)

    def unheard(self, timeout: float) -> NoReplyError:
        """The error of a request that was not sent, because its reply could not have been read."""
        why = self.replies.trouble or "no broker has answered yet"
        return NoReplyError(
            f"nothing was asked within {timeout:g} s: replies cannot be read yet ({why})",
            sent=False,
            where=self.exchange.reply.name,
            fix="learnflow verify",
        )

    def unanswered(self, timeout: float, receipt: Receipt | None) -> NoReplyError:
        """The error of a request whose time is up."""
        sent = receipt is not None and receipt.done() and receipt.failure is None
        said = "the request was written" if sent else "the request was not acknowledged"
        if self.replies.trouble is not None:
            said += f"; replies cannot be read now ({self.replies.trouble})"
        for why in self.replies.deaf:
            said += f"; failures of who answers are not heard ({why})"
        return NoReplyError(
            f"no reply came on {self.exchange.reply.name} within {timeout:g} s; {said}",
            sent=sent,
            where=self.exchange.request.name,
            fix=f"learnflow lag {self.exchange.request.name}" if sent else "learnflow verify",
        )

    def close(self, timeout: float) -> None:
        """End every wait, and let go of the clients."""
        with self._starting:
            if self._closed:
                return
            self._closed = True
        self.pending.close(ClosedError("the asker was closed before the reply came"))
        try:
            self.replies.close()
        finally:
            self.outlets.close(timeout)


class AsyncAsker(Generic[Q, R]):
    """
    Asks in asyncio; belongs to the loop in which it is first used.

    The service must write the exchange's request topic and read its reply topic, as the catalog
    declares; else ContractError, before any broker is asked. `settings` None sends each request
    at once (`linger_ms` 0).
    """

    def __init__(
        self,
        service: str,
        contract: Contract,
        exchange: Exchange[Q, R],
        *,
        bootstrap: str | Connection | None = None,
        settings: Settings | None = None,
    ) -> None:
        self._line = _Line(service, contract, exchange, bootstrap=bootstrap, settings=settings)
        self._room = Room()

    @property
    def counts(self) -> AskCounts:
        """How asks went so far."""
        return self._line.pending.counts()

    async def ask(
        self,
        query: Q,
        *,
        timeout: float = TIMEOUT,  # noqa: ASYNC109 - an outcome of ours, not a cancellation
        headers: Headers = None,
    ) -> R:
        """
        Send a request and wait for its reply, at most so many seconds for both together.

        The request leaves when replies are listened for, not before. Raises NoReplyError when
        the time is up, RemoteError where who was asked gave the request up, EventError for a
        query that does not fit or whose id waits already, DeliveryError where it was not
        written, UsageError for a timeout that is no number, ClosedError.
        """
        with self._line.observed():
            return await self._ask(query, timeout, headers)

    async def _ask(self, query: Q, timeout: float, headers: Headers) -> R:  # noqa: ASYNC109 - as above
        line = self._line
        line.start()
        until = _until(timeout)
        while not line.replies.listening.is_set():  # at an asker's start, as a rule
            if time.monotonic() > until:
                raise line.unheard(timeout)
            await asyncio.sleep(_START_POLL)
        box = mailbox()
        future: asyncio.Future[Outcome[R]] = asyncio.get_running_loop().create_future()
        identity, record = line.open(query, headers, lambda told: box.post(_put, (future, told)))
        receipt: Receipt | None = None
        try:
            async with asyncio.timeout(until - time.monotonic()):
                receipt = await self._room.post(record)
                line.watch(identity, receipt)
                outcome = await asyncio.shield(future)
        except TimeoutError:
            if line.pending.give_up(identity):
                raise line.unanswered(timeout, receipt) from None
            outcome = await future  # it came this moment
        except BaseException:
            line.pending.abandon(identity)
            raise
        return _result(outcome)

    async def close(self, timeout: float = _CLOSE_TIMEOUT) -> None:  # noqa: ASYNC109 - a result
        """Stop; whoever still waits gets ClosedError."""
        await asyncio.to_thread(self._line.close, timeout)

    async def __aenter__(self) -> Self:
        self._line.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


class Asker(Generic[Q, R]):
    """The same for threads; one asker serves them all. Takes what `AsyncAsker` takes."""

    def __init__(
        self,
        service: str,
        contract: Contract,
        exchange: Exchange[Q, R],
        *,
        bootstrap: str | Connection | None = None,
        settings: Settings | None = None,
    ) -> None:
        self._line = _Line(service, contract, exchange, bootstrap=bootstrap, settings=settings)

    @property
    def counts(self) -> AskCounts:
        """How asks went so far."""
        return self._line.pending.counts()

    def ask(self, query: Q, *, timeout: float = TIMEOUT, headers: Headers = None) -> R:
        """Send a request and wait for its reply; as `AsyncAsker.ask`."""
        with self._line.observed():
            return self._ask(query, timeout, headers)

    def _ask(self, query: Q, timeout: float, headers: Headers) -> R:
        line = self._line
        line.start()
        until = _until(timeout)
        if not line.replies.listening.wait(timeout):
            raise line.unheard(timeout)
        told: SimpleQueue[Outcome[R]] = SimpleQueue()
        identity, record = line.open(query, headers, told.put)
        receipt: Receipt | None = None
        try:
            receipt = _post(record, until)
            if receipt is not None:
                line.watch(identity, receipt)
            outcome = told.get(timeout=max(0.0, until - time.monotonic()))
        except Empty:
            if line.pending.give_up(identity):
                raise line.unanswered(timeout, receipt) from None
            outcome = told.get()  # it came this moment
        except BaseException:
            line.pending.abandon(identity)
            raise
        return _result(outcome)

    def close(self, timeout: float = _CLOSE_TIMEOUT) -> None:
        """Stop; whoever still waits gets ClosedError."""
        self._line.close(timeout)

    def __enter__(self) -> Self:
        self._line.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _until(timeout: float) -> float:
    """When the time is up, on the monotonic clock."""
    try:
        until = time.monotonic() + timeout
    except TypeError:
        until = math.nan
    if not math.isfinite(until):
        raise UsageError(
            f"the timeout of an ask is {timeout!r}; it is a number of seconds",
            fix="a reply may never come: say how long to wait",
        )
    return until


def _post(record: Prepared, until: float) -> Receipt | None:
    """Queue a record, waiting for room; None where there was none in time."""
    parts = (record.topic, record.value, record.key, record.headers)
    try:
        while (receipt := record.sender.offer(*parts)) is None:
            if time.monotonic() > until:
                record.refused(record.sender.backlog(record.topic))
                return None
            record.sender.wait_served(_ROOM_POLL)
    except BaseException as error:
        record.refused(error)
        raise
    return record.watched(receipt)


def _put(told: tuple[asyncio.Future[Outcome[R]], Outcome[R]]) -> None:
    future, outcome = told
    if not future.done():
        future.set_result(outcome)


def _result(outcome: Outcome[R]) -> R:
    if outcome.error is not None:
        raise outcome.error
    reply = outcome.reply
    assert reply is not None  # noqa: S101 - an outcome is a reply or an error
    return reply
