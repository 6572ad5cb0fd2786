"""
Connections to brokers: who is asked, how long we wait, and what may be asked twice.

A request is sent again only when it certainly never left, or when the broker said that it
did nothing. Everything raised here is one of our errors.
"""

from __future__ import annotations

import logging
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import kafka.errors as theirs
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from learnflow_kafka.adapters.kafka_admin.errors import BUSY, kind, translated
from learnflow_kafka.adapters.kafka_admin.tls import reveal, tls_context
from learnflow_kafka.core.requests import Sent
from learnflow_kafka.errors import (
    AuthenticationError,
    ContextError,
    KafkaError,
    RequestError,
    UnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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

    `connect` for one connection with its TLS and SASL exchange; `request` for one answer;
    `patience` for a broker to come back, or a cluster to find its feet.
    """

    connect: float = 5.0
    request: float = 30.0
    patience: float = 10.0


@dataclass(frozen=True, slots=True)
class Call:
    """
    One request on its way: to broker `to`, or to any.

    `items` are the names it is about and `mutating` whether it may change something, both
    for the log of requests.
    """

    request: Any
    to: int | None = None
    items: tuple[str, ...] = ()
    mutating: bool = False


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

    def open(self) -> None:
        """
        Meet the first bootstrap address that answers.

        Raises the error of the one that got furthest: a wrong password says more than a
        refused connection.
        """
        failures: list[KafkaError] = []
        for broker in self._manager.cluster.bootstrap_brokers():
            try:
                self._run(self._bootstrap, broker.node_id)
            except theirs.KafkaError as error:
                failures.append(translated(error, where=f"{broker.host}:{broker.port}"))
            else:
                return
        if not failures:
            raise ContextError("the context names no bootstrap address")
        raise max(failures, key=lambda e: not isinstance(e, UnreachableError))

    async def _bootstrap(self, node: str) -> None:
        connection = self._manager.get_connection(
            node, timeout_ms=self.limits.connect * 1000, refresh_metadata_on_err=False
        )
        refusals = _overheard(connection)
        try:
            await connection
            await self._manager.cluster.refresh_metadata(node)
        except theirs.KafkaConnectionError:
            await self._net.sleep(_SOON)
            if refusals:
                raise refusals[0] from None
            if self._connection.sasl is not None and connection.broker_version_data is not None:
                # It told its version and hung up on what came next.
                raise theirs.SaslAuthenticationFailedError(
                    "the broker hung up on our credentials"
                ) from None
            raise
        finally:
            connection.close()

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
        await self._ready(None)
        await self._manager.cluster.refresh_metadata()

    def supports(self, api: int) -> bool:
        """Whether the cluster knows a request, by its number in the protocol."""
        return api in self._manager.broker_version_data.api_versions

    def send(
        self,
        request: Any,
        *,
        to: int | None = None,
        items: Sequence[str] = (),
        mutating: bool = False,
    ) -> Any:
        """The answer to one request, from broker `to` or any."""
        call = Call(request, to, tuple(items), mutating)
        return self._shielded(self._exchange, call)

    def send_each(self, calls: Sequence[Call]) -> list[Any | KafkaError]:
        """Answers or errors, in the order of the calls; brokers work side by side."""
        return self._shielded(self._exchange_all, calls)  # type: ignore[no-any-return]

    def until_settled(self, attempt: Callable[[], T]) -> T:
        """
        What `attempt` returns once the cluster no longer says that it is busy.

        After the limit of patience its last error is raised.
        """
        deadline = time.monotonic() + self.limits.patience
        while True:
            try:
                return attempt()
            except RequestError as error:
                if error.code not in BUSY or time.monotonic() > deadline:
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
        lanes: dict[int | None, list[int]] = {}
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
        connection = await self._ready(call.to)
        if self._on_sent is not None:
            name = call.request.name.removesuffix("Request")
            self._on_sent(Sent(name, call.mutating, call.items))
        try:
            return await connection.send_request(
                call.request, request_timeout_ms=self.limits.request * 1000
            )
        except theirs.KafkaConnectionError as error:
            if not call.mutating:
                raise
            raise theirs.KafkaTimeoutError(
                f"the connection broke before the answer came: {error}; "
                "whether the change was made is not known"
            ) from error

    async def _ready(self, node: int | None) -> Any:
        """An open connection; nothing has been sent yet, so trying again is safe."""
        deadline = time.monotonic() + self.limits.connect
        while True:
            try:
                chosen = self._manager.least_loaded_node() if node is None else node
                connection = await self._manager.get_connection(
                    chosen, timeout_ms=self.limits.connect * 1000
                )
            except (theirs.KafkaConnectionError, theirs.NodeNotReadyError) as error:
                if time.monotonic() > deadline or isinstance(error.__context__, ssl.SSLError):
                    raise
                await self._net.sleep(_PAUSE)
                continue
            if not connection.paused:
                return connection
            await self._net.sleep(_SOON)

    def _address(self, node: int | None) -> str:
        broker = None if node is None else self._manager.cluster.broker_metadata(node)
        if broker is None:
            return self._connection.address
        return f"broker {node} at its advertised address {broker.host}:{broker.port}"

    def _shielded(self, coroutine: Any, *args: Any) -> Any:
        try:
            return self._run(coroutine, *args)
        except theirs.KafkaError as error:
            to = args[0].to if args and isinstance(args[0], Call) else None
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


def _overheard(connection: Any) -> list[theirs.KafkaError]:
    """
    What a connection is closed for, as far as it is about who we are.

    A broker that refuses a password says so and hangs up. Where both arrive together the
    library reports a lost connection; the reason comes later, as it closes once more, or
    never.
    """
    refusals: list[theirs.KafkaError] = []
    close = connection.close

    def overhear(error: Exception | None = None) -> None:
        if isinstance(error, theirs.KafkaError) and kind(type(error)) is AuthenticationError:
            refusals.append(error)
        close(error)

    connection.close = overhear
    return refusals


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
