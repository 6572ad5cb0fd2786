"""
Typed events out, from threads or from asyncio.

`post` hands an event over and returns its receipt; `send` also waits until it is written.
Both validate first, both wait for room where the queue is full, and events of one key keep
the order in which one thread or task posted them.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, TypeVar

from learnflow_kafka.errors import UsageError
from learnflow_kafka.sdk.outlets import Outlets
from learnflow_kafka.sdk.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType
    from typing import Self

    from learnflow_kafka.core.connection import Connection
    from learnflow_kafka.sdk.contract import AnyTopic, Contract, Topic
    from learnflow_kafka.sdk.outlets import Prepared
    from learnflow_kafka.sdk.receipt import Receipt, Written

E = TypeVar("E")

_CLOSE_TIMEOUT = 30.0
_ROOM_POLL = 0.001
_MOVING = threading.RLock()
"""So that of two loops that begin at once one is refused."""


class Producer:
    """
    A service's events out, for threads; one producer serves them all.

    `sends` names the topics that will be written: each is checked against the contract at
    once. `validate` False trusts the events and saves a third of the cost. `bootstrap` None
    takes the environment's LEARNFLOW_BOOTSTRAP. Nothing is sent at construction, and no topic
    is ever created.
    """

    def __init__(  # noqa: PLR0913 - each is a choice of the service
        self,
        service: str,
        contract: Contract,
        *,
        bootstrap: str | Connection | None = None,
        settings: Settings | None = None,
        sends: Iterable[AnyTopic] = (),
        validate: bool = True,
    ) -> None:
        self._outlets = Outlets(
            service,
            contract,
            bootstrap=bootstrap,
            settings=settings or Settings(),
            sends=sends,
            validate=validate,
        )

    @classmethod
    def over(cls, outlets: Outlets) -> Self:
        """The face of outlets that somebody else made, and closes."""
        made = cls.__new__(cls)
        made._outlets = outlets  # noqa: SLF001 - its own
        return made

    def post(
        self,
        topic: Topic[E],
        event: E,
        key: str | int | None = None,
        *,
        headers: Sequence[tuple[str, bytes]] | None = None,
    ) -> Receipt:
        """
        Queue an event; its receipt tells what became of it.

        `key` is for topics whose key the catalog leaves open. Raises ContractError or
        EventError where the event may not or cannot be sent, BacklogError where the queue
        stayed full, ClosedError and ForkedError.
        """
        record = self._outlets.prepare(topic, event, key, headers)
        try:
            receipt = record.sender.post(record.topic, record.value, record.key, record.headers)
        except BaseException as error:
            record.refused(error)
            raise
        return record.watched(receipt)

    def send(
        self,
        topic: Topic[E],
        event: E,
        key: str | int | None = None,
        *,
        headers: Sequence[tuple[str, bytes]] | None = None,
    ) -> Written:
        """
        Write an event and wait until every in-sync replica has it.

        Raises DeliveryError where it was not written, and what `post` raises.
        """
        return self.post(topic, event, key, headers=headers).result()

    def flush(self, timeout: float | None = _CLOSE_TIMEOUT) -> None:
        """
        Wait until the fate of everything posted is known; after `close` it is.

        Raises TimedOutError after `timeout` seconds (None: no limit), and DeliveryError where
        records failed whose receipts nobody looked at.
        """
        self._outlets.flush(timeout)

    def close(self, timeout: float | None = _CLOSE_TIMEOUT) -> None:
        """
        Flush for at most `timeout` seconds (None: no limit) and let go.

        The rest is given up, as receipts say.

        Raises DeliveryError where records failed whose receipts nobody looked at.
        """
        self._outlets.close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncProducer:
    """
    The same for asyncio: waiting never blocks the loop.

    Belongs to the loop in which it is first used, until that is closed: in another one it raises
    UsageError. Takes what `Producer` takes.
    """

    def __init__(  # noqa: PLR0913 - each is a choice of the service
        self,
        service: str,
        contract: Contract,
        *,
        bootstrap: str | Connection | None = None,
        settings: Settings | None = None,
        sends: Iterable[AnyTopic] = (),
        validate: bool = True,
    ) -> None:
        self._outlets = Outlets(
            service,
            contract,
            bootstrap=bootstrap,
            settings=settings or Settings(),
            sends=sends,
            validate=validate,
        )
        self._room = Room()

    @classmethod
    def over(cls, outlets: Outlets) -> Self:
        """The face of outlets that somebody else made, and closes."""
        made = cls.__new__(cls)
        made._outlets = outlets  # noqa: SLF001 - its own
        made._room = Room()  # noqa: SLF001 - its own
        return made

    async def post(
        self,
        topic: Topic[E],
        event: E,
        key: str | int | None = None,
        *,
        headers: Sequence[tuple[str, bytes]] | None = None,
    ) -> Receipt:
        """Queue an event, waiting for room; as `Producer.post`."""
        return await self._room.post(self._outlets.prepare(topic, event, key, headers))

    async def send(
        self,
        topic: Topic[E],
        event: E,
        key: str | int | None = None,
        *,
        headers: Sequence[tuple[str, bytes]] | None = None,
    ) -> Written:
        """Write an event and wait until every in-sync replica has it; as `Producer.send`."""
        return await (await self.post(topic, event, key, headers=headers))

    async def flush(self, timeout: float | None = _CLOSE_TIMEOUT) -> None:  # noqa: ASYNC109 - a result
        """Wait until the fate of everything posted is known; as `Producer.flush`."""
        await asyncio.to_thread(self._outlets.flush, timeout)

    async def close(self, timeout: float | None = _CLOSE_TIMEOUT) -> None:  # noqa: ASYNC109 - a result
        """Flush and let go; as `Producer.close`."""
        await asyncio.to_thread(self._outlets.close, timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


class Room:
    """
    Waiting for room in a send queue without blocking the loop, first come first served.

    `timeout` in seconds; None takes the queue's own. Belongs to the loop in which it is first
    used, as long as that is open.
    """

    def __init__(self, timeout: float | None = None) -> None:
        self._turn = asyncio.Lock()
        self._timeout = timeout
        self._loop: asyncio.AbstractEventLoop | None = None

    async def post(self, record: Prepared) -> Receipt:
        """Queue a record. Raises BacklogError where the queue stayed full."""
        try:
            if self._loop is not asyncio.get_running_loop():
                self._move_in()
            receipt = None
            if not self._turn.locked():
                receipt = record.sender.offer(
                    record.topic, record.value, record.key, record.headers
                )
            if receipt is None:
                receipt = await self._wait(record)
        except BaseException as error:
            record.refused(error)
            raise
        return record.watched(receipt)

    def _move_in(self) -> None:
        """
        Take the running loop.

        Raises UsageError where another one is open that has it: tasks of the two would wait for
        one lock, which asyncio notices only when the queue is full.
        """
        with _MOVING:
            if self._loop is not None and not self._loop.is_closed():
                raise UsageError(
                    "this producer or asker belongs to another event loop, which is still open",
                    fix="make one for each loop, or use Producer or Asker, which serve all threads",
                )
            self._loop = asyncio.get_running_loop()
            self._turn = asyncio.Lock()

    async def _wait(self, record: Prepared) -> Receipt:
        sender = record.sender
        parts = (record.topic, record.value, record.key, record.headers)
        async with self._turn:
            deadline = time.monotonic() + (self._timeout or sender.room_timeout)
            while (receipt := sender.offer(*parts)) is None:
                if time.monotonic() > deadline:
                    raise sender.backlog(record.topic)
                await asyncio.sleep(_ROOM_POLL)
            return receipt
