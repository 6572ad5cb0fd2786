"""
Tunnels from this machine to every broker, kept open while pods come and go.

Each local port belongs to one pod by name. Every connection to it gets a WebSocket of its own
through the API server, so a restarted pod is simply reached by the next connection; nothing
has to notice the restart. All of it runs on one thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from learnflow_kafka.adapters.kubernetes.websocket import BUFFER, Socket, open_socket
from learnflow_kafka.errors import ForwardError, KubernetesError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from types import TracebackType
    from typing import Any

    from learnflow_kafka.adapters.kubernetes.kubeconfig import Access
    from learnflow_kafka.core.kubernetes import Door

PROTOCOL: Final = "v4.channel.k8s.io"
PING: Final = 20.0
"""Seconds. Load balancers before API servers drop what is silent for a minute or more."""

SILENCE: Final = 3 * PING
"""Seconds without even an answer to a ping, after which a connection is dead."""

CHUNK: Final = 1 << 16
_DATA: Final = 0
_CYCLES: Final = 5
"""Turns of the loop in which transports that were closed let go of their sockets."""

_HOSTS: Final = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
_PATIENCE: Final = 60.0
"""Seconds for our own thread to do what it is asked; a busy machine takes a while."""


@dataclass(slots=True)
class _Listener:
    """One local port, and what went through it."""

    door: Door
    servers: list[asyncio.Server] = field(default_factory=list)
    fault: str | None = None


class Forwarder:
    """
    Local ports that lead to pods.

    `faults` says of each pod why its last connection failed (None: it did not).
    """

    def __init__(self, access: Access, namespace: str) -> None:
        self._access = access
        self._namespace = namespace
        self._listeners: dict[int, _Listener] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="tunnels", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def open(self, doors: Sequence[Door]) -> None:
        """
        Listen at these doors' ports as well; those that are open already stay.

        Raises ForwardError, naming every port that is taken; none is opened then.
        """
        fresh = [door for door in doors if door.local_port not in self._listeners]
        bound = _bind(fresh)
        self._await(self._serve(fresh, bound))

    def faults(self) -> dict[str, str | None]:
        """Why the last connection to each pod failed; None where it did not."""
        return {held.door.pod: held.fault for held in [*self._listeners.values()]}

    def close(self) -> None:
        """Close every port and connection."""
        if self._loop.is_closed():
            return
        with contextlib.suppress(TimeoutError, RuntimeError):
            self._await(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _await(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)

    async def _serve(self, doors: Sequence[Door], bound: Sequence[list[socket.socket]]) -> None:
        for door, sockets in zip(doors, bound, strict=True):
            held = self._listeners[door.local_port] = _Listener(door)
            for one in sockets:
                server = await asyncio.start_server(
                    lambda reader, writer, held=held: self._accept(held, reader, writer),  # type: ignore[misc] # typeshed knows no defaults in lambdas
                    sock=one,
                    limit=BUFFER,
                )
                held.servers.append(server)

    def _accept(
        self, held: _Listener, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = self._loop.create_task(self._carry(held, reader, writer))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _carry(
        self, held: _Listener, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One connection, from its first byte to its last."""
        door = held.door
        path = f"/api/v1/namespaces/{self._namespace}/pods/{door.pod}/portforward"
        try:
            tunnel = await open_socket(
                self._access, path, [("ports", str(door.pod_port))], [PROTOCOL]
            )
        except KubernetesError as error:
            held.fault = error.what
            writer.transport.abort()
            return
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        pump = _Pump(tunnel, reader, writer)
        try:
            held.fault = await pump.run()
        finally:
            writer.close()
            await tunnel.close()

    async def _stop(self) -> None:
        for held in self._listeners.values():
            for server in held.servers:
                server.close()
        self._listeners.clear()
        for task in [*self._running]:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for _ in range(_CYCLES):
            await asyncio.sleep(0)


class _Pump:
    """Carries bytes both ways until one side is done."""

    def __init__(
        self, tunnel: Socket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._tunnel = tunnel
        self._reader = reader
        self._writer = writer
        self._fault: str | None = None

    async def run(self) -> str | None:
        """What Kubernetes said against it, if it did."""
        ways = [
            asyncio.create_task(way)
            for way in (self._outward(), self._homeward(), self._keep_alive())
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        return self._fault

    async def _outward(self) -> None:
        with contextlib.suppress(OSError):
            while data := await self._reader.read(CHUNK):
                await self._tunnel.send(bytes((_DATA,)) + data)

    async def _homeward(self) -> None:
        # The first message of each channel is the port's number.
        begun: set[int] = set()
        with contextlib.suppress(OSError):
            while (message := await self._tunnel.receive()) is not None:
                if not message:
                    continue
                channel = message[0]
                if channel not in begun:
                    begun.add(channel)
                elif channel == _DATA:
                    self._writer.write(memoryview(message)[1:])
                    await self._writer.drain()
                elif len(message) > 1:
                    self._fault = message[1:].decode(errors="replace").strip()
                    return

    async def _keep_alive(self) -> None:
        with contextlib.suppress(OSError):
            while not self._tunnel.silent_for(SILENCE):
                await asyncio.sleep(PING)
                await self._tunnel.ping()


def _bind(doors: Sequence[Door]) -> list[list[socket.socket]]:
    """The sockets of each door; all or none."""
    bound: list[list[socket.socket]] = []
    taken: list[str] = []
    for door in doors:
        sockets, fault = _listen(door.local_port)
        bound.append(sockets)
        if fault:
            taken.append(f"{door.local_port} (for {door.pod}): {fault}")
    if taken:
        for one in (one for sockets in bound for one in sockets):
            one.close()
        raise ForwardError(
            f"the local port{'s are' if len(taken) > 1 else ' is'} not free: {'; '.join(taken)}",
            fix=(
                "end the program that listens there (`ss -ltnp` names it), or give the release "
                "other ports: `learnflow deploy --set listeners.local.basePort=29092`"
            ),
        )
    return bound


def _listen(port: int) -> tuple[list[socket.socket], str | None]:
    """
    Sockets at both of the addresses that `localhost` may be, or why not.

    A machine without IPv6 has one of them.
    """
    sockets: list[socket.socket] = []
    for family, host in _HOSTS:
        one = None
        try:
            one = socket.socket(family, socket.SOCK_STREAM)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family is socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind((host, port))
            one.listen(128)
            one.setblocking(False)  # noqa: FBT003 - the standard library's signature
        except OSError as error:
            if one is not None:
                one.close()
            if family is socket.AF_INET6 and error.errno != errno.EADDRINUSE:
                continue
            return sockets, (error.strerror or str(error)).lower()
        sockets.append(one)
    return sockets, None
