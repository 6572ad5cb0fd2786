"""
A service: handlers for the topics that it reads, and a producer for those that it writes.

An event is handled at least once: its offset is committed only after its handler, or what the
catalog says about failures, has succeeded.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import signal
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, overload

from learnflow_kafka.errors import ClosedError, LearnflowError, UsageError
from learnflow_kafka.sdk import protocols, transactions
from learnflow_kafka.sdk._loops import Mailbox
from learnflow_kafka.sdk._rules import is_deadline
from learnflow_kafka.sdk.answering import Faces, answering
from learnflow_kafka.sdk.contract import exchange_of
from learnflow_kafka.sdk.handling import Desk
from learnflow_kafka.sdk.health import Health, PartitionHealth
from learnflow_kafka.sdk.loop_workers import LoopWorkers
from learnflow_kafka.sdk.outlets import Outlets
from learnflow_kafka.sdk.poller import Poller, consumer_config
from learnflow_kafka.sdk.presence import Presence
from learnflow_kafka.sdk.producer import AsyncProducer, Producer
from learnflow_kafka.sdk.routes import Routes
from learnflow_kafka.sdk.settings import GroupProtocol, Settings, client_config
from learnflow_kafka.sdk.thread_workers import ThreadWorkers
from learnflow_kafka.sdk.transactions import (
    TransactionDesk,
    TransactionOutlets,
    Transactions,
    WatchfulOutlets,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from learnflow_kafka.core.connection import Connection
    from learnflow_kafka.errors import SdkError
    from learnflow_kafka.sdk.answering import Answering
    from learnflow_kafka.sdk.contract import AnyTopic, Contract, Exchange, Topic
    from learnflow_kafka.sdk.delivery import Delivery
    from learnflow_kafka.sdk.health_pages import HealthServer
    from learnflow_kafka.sdk.partitions import Assigned
    from learnflow_kafka.sdk.routes import Route
    from learnflow_kafka.sdk.workers import Workers

log: Final = logging.getLogger("learnflow_kafka.sdk")

E = TypeVar("E")
Q = TypeVar("Q")
R = TypeVar("R")

_ASK: Final = 5.0
"""Seconds that a broker may take to say what it offers, before another is asked."""
_SILENT: Final = 90.0
"""Seconds without a sign of the poll thread after which the service is not live."""
_ENDING: Final = 15.0
"""Seconds beyond the grace period that stopping takes at most; else the service is not live."""
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_DEFAULT: Final[Any] = object()
"""For "the deadline of the settings", which None (no deadline) is not."""


class Registering(Protocol[E]):
    """Takes a handler of an event, or of an event and its delivery, and gives it back."""

    @overload
    def __call__(self, handler: Callable[[E], R], /) -> Callable[[E], R]: ...
    @overload
    def __call__(self, handler: Callable[[E, Delivery], R], /) -> Callable[[E, Delivery], R]: ...


class App:
    """
    One service of a contract.

    Handlers are registered with `on`, then `run` (or `serve`, in a loop that runs already)
    works until `stop` or SIGTERM. `sends` names topics that handlers will write, so that a
    wrong one fails at start. `health_port` opens the health pages on `health_host`.
    """

    def __init__(  # noqa: PLR0913 - each is a choice of the service
        self,
        service: str,
        contract: Contract,
        *,
        bootstrap: str | Connection | None = None,
        settings: Settings | None = None,
        sends: Iterable[AnyTopic] = (),
        health_port: int | None = None,
        health_host: str = "127.0.0.1",
    ) -> None:
        self.settings = settings or Settings()
        self.service = contract.service(service)
        self._config = client_config(bootstrap, self.settings) | {"client.id": service}
        exactly_once = any(read.exactly_once for read in self.service.consumes)
        self._outlets = (WatchfulOutlets if exactly_once else Outlets)(
            service, contract, bootstrap=bootstrap, settings=self.settings, sends=sends
        )
        self._transacting = partial(
            TransactionOutlets, service, contract, bootstrap=bootstrap, settings=self.settings
        )
        self.producer = Producer.over(self._outlets)
        """For plain handlers."""
        self.async_producer = AsyncProducer.over(self._outlets)
        """For async handlers: it never blocks the loop."""
        self._routes = Routes(self.service)
        self._desks: list[Desk] = []
        self._pollers: list[Poller] = []
        self._stop = threading.Event()
        self._stopped_at = math.inf
        self._started = False
        self._stop_loop: Callable[[], None] | None = None
        self._error: LearnflowError | None = None
        self._stuck: str | None = None
        self._health_address = (health_host, health_port)
        self.health_port: int | None = None
        """Where the health pages are, while the app runs and was asked to have them."""

    # --- handlers ---

    @overload
    def on(
        self, topic: Topic[E], *, group: str | None = None, deadline: float | None = _DEFAULT
    ) -> Registering[E]: ...
    @overload
    def on(
        self,
        topic: AnyTopic,
        event: type[E],
        *,
        group: str | None = None,
        deadline: float | None = _DEFAULT,
    ) -> Registering[E]: ...
    def on(
        self,
        topic: AnyTopic,
        event: type[Any] | None = None,
        *,
        group: str | None = None,
        deadline: float | None = _DEFAULT,
    ) -> Registering[Any]:
        """
        Register a handler for a topic's events, or for those of one class.

        The handler is a plain or an async function of the event, or of the event and its
        `Delivery`. `group` chooses where the service reads the topic in several groups.
        `deadline` in seconds (None: none) replaces the settings': an async handler is cancelled
        then and counts as failed; a plain one cannot be stopped, so the process ends.
        Raises ContractError where the contract does not allow it, naming the catalog's line.
        """
        limit = self.settings.handler_deadline if deadline is _DEFAULT else deadline
        if not is_deadline(limit):
            raise UsageError(
                f"deadline is {limit!r}: write a number of seconds above 0, or None for no limit"
            )

        def register(handler: Callable[..., Any], /) -> Callable[..., Any]:
            self._routes.add(topic, event, handler, group=group, deadline=limit)
            return handler

        return register

    def answers(
        self,
        exchange: Exchange[Q, R],
        *,
        group: str | None = None,
        deadline: float | None = _DEFAULT,
    ) -> Answering[Q, R]:
        """
        Register a handler of an exchange's requests that returns the reply.

        The reply is written, and found by whoever asked, before the request is committed; for
        None nothing is written. A failing handler is tried again as its subscription says, and
        given up with a dead letter, which whoever asked sees as RemoteError. Arguments as for
        `on`. Raises ContractError where the service does not read the one topic and write the
        other.
        """
        exchange = exchange_of(exchange, where=self.service.place)
        self.service.producing(exchange.reply)
        register: Callable[..., Any] = self.on(exchange.request, group=group, deadline=deadline)

        def answer(handler: Callable[..., Any], /) -> Callable[..., Any]:
            register(answering(exchange, handler, Faces(self.producer, self.async_producer)))
            return handler

        return answer

    def ignore(self, topic: AnyTopic, event: type[Any], *, group: str | None = None) -> None:
        """Skip a topic's events of one class; without this, each class needs a handler."""
        self._routes.ignore(topic, event, group=group)

    # --- life ---

    def run(self) -> None:
        """
        Work until `stop`, SIGTERM or Ctrl-C; then finish what runs, commit and leave.

        Raises ContractError before anything starts, SdkError where the service had to stop.
        """
        asyncio.run(self.serve())

    async def serve(self) -> None:
        """The same on the running loop, which async handlers then share."""
        self._routes.check()
        transactions.check(self.service)
        if self._started:
            raise ClosedError("this app runs or has run; make another one")
        if self._stop.is_set():
            raise ClosedError("this app was stopped before it ran; make another one")
        self._started = True
        loop = asyncio.get_running_loop()
        stopping = asyncio.Event()
        self._stop_loop = lambda: _call(loop, stopping.set)
        server: HealthServer | None = None
        with self._watching_signals():
            try:
                server = self._serve_health()
                for observer in self.settings.observers:
                    observer.watch_service(self.service.name, self.health)
                protocol = await asyncio.to_thread(self._ask_protocol)
                if not self._stop.is_set():
                    self._start(Mailbox(loop), replace(self.settings, group_protocol=protocol))
                if self._stop.is_set():
                    stopping.set()
                await stopping.wait()
            finally:
                await asyncio.shield(self._shut_down(server))
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Ask the app to stop; returns at once. Safe from any thread."""
        self._stopped_at = min(self._stopped_at, time.monotonic())
        self._stop.set()
        # At once, for the loop may be blocked by a handler; who polls knows what to do then.
        for poller in list(self._pollers):
            poller.stop()
        if self._stop_loop is not None:
            self._stop_loop()

    def _ask_protocol(self) -> GroupProtocol:
        """The group protocol; asks the cluster where the settings leave it open."""
        known = protocols.without_asking(self.settings)
        while known is None and not self._stop.is_set():
            known = protocols.offered(self._config, _ASK)
            if known is None:
                log.warning("no broker answered for %g seconds; asking again", _ASK)
        return known or GroupProtocol.CLASSIC

    def _start(self, mailbox: Mailbox, settings: Settings) -> None:
        shared: dict[tuple[str, ...], list[Route]] = {}
        for route in self._routes.all():
            route.observe(self.settings.observers)
            wanted = route.subscription
            alike = (wanted.group, wanted.start, wanted.isolation, wanted.delivery)
            shared.setdefault(alike, []).append(route)
        for routes in shared.values():
            first = routes[0].subscription
            outlets = self._transacting(subscription=first) if first.exactly_once else None
            workers: dict[str, tuple[Route, Workers]] = {}
            for route in routes:
                mine = (route, self._workers(route, mailbox, outlets))
                workers |= dict.fromkeys(route.topics, mine)
            poller = Poller(
                consumer_config(self._config, routes[0], settings),
                workers,
                settings,
                presence=Presence(self._config, workers),
                fail=self._fail,
                stuck=self._exit_stuck,
                transactions=Transactions(outlets, self.settings) if outlets else None,
            )
            self._pollers.append(poller)
            poller.thread.start()

    def _workers(
        self, route: Route, mailbox: Mailbox, outlets: TransactionOutlets | None
    ) -> Workers:
        desk: Desk
        if outlets is not None:
            desk = TransactionDesk(route, outlets)
        else:
            desk = Desk(route, self._outlets.sender(route.subscription.topic.partitioner))
        desk.observers = self.settings.observers
        self._desks.append(desk)
        concurrency = route.subscription.concurrency
        if route.is_async:
            return LoopWorkers(desk, concurrency, mailbox=mailbox, fail=self._fail)
        return ThreadWorkers(desk, concurrency, fail=self._fail)

    async def _shut_down(self, server: HealthServer | None) -> None:
        self.stop()
        for poller in self._pollers:
            # Off the loop, which must go on: handlers that finish now need it.
            await asyncio.to_thread(poller.thread.join)
        try:
            await asyncio.to_thread(self._outlets.close, self.settings.grace)
        except LearnflowError as error:
            # Records that handlers posted without a look at their receipts.
            self._error = self._error or error
        if server is not None:
            await asyncio.to_thread(server.close)

    def _fail(self, error: SdkError) -> None:
        self._error = self._error or error
        log.error("the service stops: %s", error)
        self.stop()

    def _exit_stuck(self, what: str) -> None:
        """
        End the process: a handler cannot be stopped in any other way.

        The group is not left first: the partition must not go to another member while the
        handler still runs.
        """
        self._stuck = what
        log.critical("the process ends: %s", what)
        os._exit(1)

    @contextmanager
    def _watching_signals(self) -> Iterator[None]:
        """
        SIGTERM and Ctrl-C stop the app, although a handler blocks the loop.

        Not through the loop, which hears of signals when it comes around. What they ask for is
        done on a thread, because the main one may hold any lock when a signal strikes.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(*_: object) -> None:
            threading.Thread(target=self.stop, name="learnflow-stop", daemon=True).start()

        before = {number: signal.signal(number, stop) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

    # --- health ---

    def _serve_health(self) -> HealthServer | None:
        host, port = self._health_address
        if port is None:
            return None
        from learnflow_kafka.sdk.health_pages import HealthServer  # noqa: PLC0415 - not all do

        pages = [observer.page for observer in self.settings.observers]
        server = HealthServer(self.health, port=port, host=host, pages=pages)
        self.health_port = server.port
        return server

    def health(self) -> Health:
        """How the service is right now; cheap, and safe from any thread."""
        now = time.monotonic()
        dead = [] if self._stuck is None else [self._stuck]
        if self._error is not None:
            dead.append(str(self._error))
        dead += [
            f"the poll thread has been silent for {now - poller.beat:.0f} s"
            for poller in self._pollers
            if now - poller.beat > _SILENT
        ]
        if now - self._stopped_at > self.settings.grace + _ENDING:
            dead.append(f"still stopping after {now - self._stopped_at:.0f} seconds")
        waiting = [
            poller.trouble or "not a member of its group yet"
            for poller in self._pollers
            if poller.trouble or not poller.joined
        ]
        waiting += [str(s.fault) for s in self._outlets.senders if s.fault is not None]
        if not self._pollers:
            waiting.append("not started")
        if self._stop.is_set():
            waiting.append("stopping")
        return Health(
            live=not dead,
            ready=not dead and not waiting,
            reasons=(*dead, *waiting),
            partitions=tuple(_health(a, now) for p in self._pollers for a in p.assigned),
        )


def _health(assigned: Assigned, now: float) -> PartitionHealth:
    position, end = assigned.watermark.position, assigned.end
    buffered = len(assigned.watermark)
    start = position if position is not None else assigned.watermark.oldest
    return PartitionHealth(
        topic=assigned.topic,
        partition=assigned.partition,
        position=position,
        lag=None if start is None or end is None else max(0, end - start),
        buffered=buffered,
        paused=assigned.paused,
        stalled_seconds=now - assigned.progressed if buffered else 0.0,
        group=assigned.route.subscription.group,
    )


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the loop is closed: it has stopped already
        loop.call_soon_threadsafe(function)
