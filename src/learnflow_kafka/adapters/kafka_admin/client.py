"""
Connections to brokers: who is asked, how long we wait, and what may be asked twice.

A request that may change something is sent again only when it certainly never left, or when
the broker said that it did nothing; then its error is `UnreachableError` or a busy cluster's
`RequestError`. Whatever may have taken effect ends as `TimedOutError`. A request to no broker
in particular goes to another one where the first is gone. Everything raised here is one of our
errors.
"""

from __future__ import annotations

import logging
import ssl
import time
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeVar

import kafka.errors as theirs
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from learnflow_kafka.adapters.kafka_admin import meeting
from learnflow_kafka.adapters.kafka_admin.errors import BUSY, translated
from learnflow_kafka.adapters.kafka_admin.tls import reveal, tls_context
from learnflow_kafka.core.requests import Sent
from learnflow_kafka.errors import (
    ContextError,
    KafkaError,
    RequestError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from learnflow_kafka.core.connection import Connection

T = TypeVar("T")

_LARGEST_RESPONSE: Final = 512 * 1024 * 1024
_PAUSE: Final = 0.1
_SOON: Final = 0.005

# The library reports every failed connection to its logger; without a handler of the
# program's own those lines would land on the user's screen. The errors say it once.
logging.getLogger("kafka").addHandler(logging.NullHandler())
# At DEBUG the library writes what it sends byte by byte, the password of SASL PLAIN included:
# these loggers stay above that, whatever level a program sets for all.
for _loud in ("kafka.net.connection", "kafka.net.transport", "kafka.protocol.parser"):
    logging.getLogger(_loud).setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class Limits:
    """
    How long to wait, in seconds.

    `connect` for one connection with its TLS and SASL exchange; `request` for one answer, and
    `quorum` for one about the quorum, which a broker gets from the controllers (None: as long);
    `patience` for a broker to come back, or a cluster to find its feet: a cluster takes nine to
    notice that a broker was killed.
    """

    connect: float = 5.0
    request: float = 30.0
    patience: float = 15.0
    quorum: float | None = None


class Role(Enum):
    """Brokers named by what they do; which one that is changes while a cluster lives."""

    ANY = "any"
    CONTROLLER = "controller"
    """
    The broker that takes changes. Where it is gone another one is asked: under KRaft it passes
    the request on, under ZooKeeper it refuses and the new controller is looked for.
    """


_BROKEN: Final = (theirs.KafkaConnectionError, theirs.Cancelled)
"""How a request ends whose connection breaks before the answer came."""

_SILENT: Final = (theirs.RequestTimedOutError, theirs.KafkaTimeoutError)
"""How a request ends that is never answered."""

_GONE: Final = (*_BROKEN, *_SILENT, theirs.NodeNotReadyError)
"""How the making of a connection ends where a broker is dead, frozen or starting."""


_NOBODY: Final = "who answered names no broker, as one does that has just started"


@dataclass(frozen=True, slots=True)
class Call:
    """
    One request on its way to the broker `to`.

    `items` are the names it is about and `mutating` whether it may change something, both
    for the log of requests. `seconds` are for its answer (None: as the limits say).
    """

    request: Any
    to: int | Role = Role.ANY
    items: tuple[str, ...] = ()
    mutating: bool = False
    seconds: float | None = None


class Client:
    """Requests to one cluster; `on_sent` hears of each before it leaves."""

    def __init__(
        self,
        connection: Connection,
        *,
        limits: Limits | None = None,
        on_sent: Callable[[Sent], None] | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._connection = connection
        self._on_sent = on_sent
        self._tls = tls_context(connection)
        settings = _settings(connection, self.limits)
        settings["ssl_context"] = self._tls
        self._net = NetworkSelector(**settings)
        self._manager = KafkaConnectionManager(self._net, **settings)
        self._net.start()

    def open(self, hopeless: Callable[[], bool] | None = None) -> None:
        """
        Meet the first bootstrap address that answers.

        Raises the error of the one that got furthest: a wrong password says more than a
        refused connection. One that is `hopeless` is given up before its time.
        """
        failures: list[KafkaError] = []
        for broker in self._manager.cluster.bootstrap_brokers():
            try:
                self._run(
                    meeting.meet,
                    self._manager,
                    self._net,
                    broker.node_id,
                    self.limits.connect,
                    hopeless,
                )
            except theirs.KafkaError as error:
                failures.append(translated(error, where=f"{broker.host}:{broker.port}"))
            else:
                return
        if not failures:
            raise ContextError("the context names no bootstrap address")
        raise max(failures, key=lambda e: not isinstance(e, UnreachableError))

    def brokers(self) -> list[int]:
        """Ids of the brokers that served when metadata was last refreshed."""
        return sorted(b.node_id for b in self._manager.cluster.brokers())

    def metadata(self) -> Any:
        """The library's own picture of the cluster, as last refreshed."""
        return self._manager.cluster

    def controller(self) -> int | None:
        """The broker that takes changes; under KRaft any of them passes them on."""
        known = self._manager.cluster.controller
        return None if known is None else known.node_id

    def refresh(self) -> None:
        """Learn anew which brokers there are."""
        self._shielded(self._refreshed)

    async def _refreshed(self) -> None:
        await self._asked(Role.ANY, lambda c: self._manager.cluster.refresh_metadata(c.node_id))

    def supports(self, api: int) -> bool:
        """Whether the cluster knows a request, by its number in the protocol."""
        return api in self._manager.broker_version_data.api_versions

    def send(
        self,
        request: Any,
        *,
        to: int | Role = Role.ANY,
        items: Sequence[str] = (),
        mutating: bool = False,
        seconds: float | None = None,
    ) -> Any:
        """The answer to one request."""
        call = Call(request, to, tuple(items), mutating, seconds)
        return self._shielded(self._exchange, call)

    def send_each(self, calls: Sequence[Call]) -> list[Any | KafkaError]:
        """Answers or errors, in the order of the calls; brokers work side by side."""
        return self._shielded(self._exchange_all, calls)  # type: ignore[no-any-return]

    def until_settled(self, attempt: Callable[[], T]) -> T:
        """
        What `attempt` returns once the brokers that it needs are there and not busy.

        After the limit of patience its last error is raised, and at once where no broker at
        all answers.
        """
        deadline = time.monotonic() + self.limits.patience
        while True:
            try:
                return attempt()
            except (RequestError, UnreachableError) as error:
                if not _passing(error) or time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE)
                self.refresh()

    def until(self, seen: Callable[[], bool], seconds: float) -> bool:
        """Whether `seen` came true in time; asked ever more rarely."""
        deadline, pause = time.monotonic() + seconds, _SOON
        while not seen():
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)
            pause = min(2 * pause, _PAUSE)
        return True

    def close(self) -> None:
        """Let go of all connections and the thread behind them."""
        self._manager.close()
        self._net.close()
        if self._tls is not None:
            self._tls.close_sockets()

    async def _exchange_all(self, calls: Sequence[Call]) -> list[Any]:
        # The library refuses more than five requests in flight to one broker: each broker
        # gets its own one after the other.
        lanes: dict[int | Role, list[int]] = {}
        for index, call in enumerate(calls):
            lanes.setdefault(call.to, []).append(index)
        answers: list[Any] = [None] * len(calls)

        async def lane(indices: list[int]) -> None:
            for index in indices:
                try:
                    answers[index] = await self._exchange(calls[index])
                except theirs.KafkaError as error:
                    answers[index] = translated(error, where=self._address(calls[index].to))

        started = [self._manager.call_soon(lane, indices) for indices in lanes.values()]
        for task in started:
            await task
        return answers

    async def _exchange(self, call: Call) -> Any:
        if call.mutating:
            return await self._changed(call)
        return await self._asked(call.to, lambda connection: self._sent(connection, call))

    async def _changed(self, call: Call) -> Any:
        """The answer to a change, which leaves once."""
        connection = await self._ready(call.to, set())
        try:
            return await self._sent(connection, call)
        except _BROKEN as error:
            raise theirs.KafkaTimeoutError(
                f"the connection broke before the answer came: {error}; "
                "whether the change was made is not known"
            ) from error

    async def _asked(self, to: int | Role, ask: Callable[[Any], Awaitable[T]]) -> T:
        """What `ask`, which changes nothing, gets from a broker, or else from another one."""
        failed: set[int] = set()
        connection = await self._ready(to, failed)
        try:
            return await ask(connection)
        except (*_BROKEN, *_SILENT):
            failed.add(connection.node_id)
            if isinstance(to, int) or failed.issuperset(self.brokers()):
                raise
        return await ask(await self._ready(to, failed))

    async def _sent(self, connection: Any, call: Call) -> Any:
        if self._on_sent is not None:
            name = call.request.name.removesuffix("Request")
            self._on_sent(Sent(name, call.mutating, call.items))
        seconds = self.limits.request if call.seconds is None else call.seconds
        return await connection.send_request(call.request, request_timeout_ms=seconds * 1000)

    async def _ready(self, to: int | Role, failed: set[int]) -> Any:
        """
        An open connection; nothing has been sent yet, so trying again is safe.

        A broker that has `failed` comes after all others, of which each is tried.
        """
        deadline = time.monotonic() + self.limits.connect
        while True:
            node = self._chosen(to, failed)
            try:
                connection = await self._manager.get_connection(
                    node, timeout_ms=self.limits.connect * 1000
                )
            except _GONE as error:
                if isinstance(error.__context__, ssl.SSLError):
                    raise
                if isinstance(to, Role) and node is not None:
                    failed.add(node)
                    if not failed.issuperset(self.brokers()):
                        continue
                if time.monotonic() > deadline:
                    if not self.brokers():
                        raise theirs.NodeNotReadyError(_NOBODY) from error
                    raise
                failed.clear()
                await self._net.sleep(_PAUSE)
                continue
            if not connection.paused:
                return connection
            await self._net.sleep(_SOON)

    def _chosen(self, to: int | Role, failed: set[int]) -> int | None:
        """The broker to ask; None while all of them rest after a failure."""
        if isinstance(to, int):
            return to
        controller = self.controller()
        if to is Role.CONTROLLER and controller is not None and controller not in failed:
            return controller
        idle: int | None = self._manager.least_loaded_node()
        others = set(self.brokers()) - failed
        if idle in failed and others:
            return min(others, key=self._manager.connection_delay)
        return idle

    def _address(self, to: int | Role) -> str:
        broker = self._manager.cluster.broker_metadata(to) if isinstance(to, int) else None
        if broker is None:
            return self._connection.address
        return f"broker {to} at its advertised address {broker.host}:{broker.port}"

    def _shielded(self, coroutine: Any, *args: Any) -> Any:
        try:
            return self._run(coroutine, *args)
        except theirs.KafkaError as error:
            to = args[0].to if args and isinstance(args[0], Call) else Role.ANY
            raise translated(error, where=self._address(to)) from error

    def _run(self, coroutine: Any, *args: Any) -> Any:
        return self._net.run(coroutine, *args)


def connect(
    connection: Connection,
    *,
    limits: Limits | None = None,
    on_sent: Callable[[Sent], None] | None = None,
) -> Client:
    """
    A client that has met its cluster.

    Raises `UnreachableError`, `AuthenticationError` and their siblings, within seconds.
    """
    client = Client(connection, limits=limits, on_sent=on_sent)
    try:
        client.open()
    except BaseException:
        client.close()
        raise
    return client


def _passing(error: KafkaError) -> bool:
    """Whether nothing was done, and the same request may soon be answered."""
    return isinstance(error, UnreachableError) or (
        isinstance(error, RequestError) and error.code in BUSY
    )


def _settings(connection: Connection, limits: Limits) -> dict[str, Any]:
    """The connection in the library's words."""
    settings: dict[str, Any] = {
        "bootstrap_servers": list(connection.bootstrap),
        "client_id": "learnflow",
        "security_protocol": connection.protocol.value,
        "request_timeout_ms": limits.request * 1000,
        "socket_connection_setup_timeout_ms": limits.connect * 1000,
        "reconnect_backoff_max_ms": 500,
        "receive_message_max_bytes": _LARGEST_RESPONSE,
    }
    if connection.sasl is not None:
        settings["sasl_mechanism"] = connection.sasl.mechanism.value
        settings["sasl_plain_username"] = connection.sasl.username
        settings["sasl_plain_password"] = reveal(connection.sasl.password)
    return settings
