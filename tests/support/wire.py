"""
What goes over the wire to a broker, read as bytes: no word of ours about it is taken.

A tap stands in front of a broker of this machine. The broker's answers name the tap's port instead
of its own, so that a client never gets past it. It can also stand for a broker that knows no
broker at all, as one does for moments that has just started with ZooKeeper, or is about to stop.
"""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOOPBACK: Final = "127.0.0.1"

METADATA: Final = 3
READING: Final = {
    2: "ListOffsets",
    9: "OffsetFetch",
    10: "FindCoordinator",
    15: "DescribeGroups",
    16: "ListGroups",
    18: "ApiVersions",
    32: "DescribeConfigs",
    35: "DescribeLogDirs",
    55: "DescribeQuorum",
    60: "DescribeCluster",
    69: "ConsumerGroupDescribe",
    75: "DescribeTopicPartitions",
    77: "ShareGroupDescribe",
}
"""Kafka's numbers of requests that cannot change anything, whatever they say."""

CREATE_TOPICS: Final = 19
CREATE_PARTITIONS: Final = 37
ALTER_CONFIGS: Final = 44
VALIDATING: Final = {CREATE_TOPICS: 5, CREATE_PARTITIONS: 2, ALTER_CONFIGS: 1}
"""Requests that end with `validate_only`, and the version from which tagged fields follow it."""

_TOPICS: Final = 10_000
"""So many topics stand in an answer that shall take a client milliseconds to read."""


@dataclass(frozen=True)
class Request:
    """One request as it was sent: its number, its version, and all of its bytes."""

    api: int
    version: int
    payload: bytes

    @property
    def harmless(self) -> bool:
        """Whether the bytes say that nothing can change because of it."""
        if self.api in VALIDATING:
            return self._last(tagged=self.version >= VALIDATING[self.api]) == b"\x01"
        if self.api == METADATA:
            return self._creates_no_topic()
        return self.api in READING

    def _last(self, *, tagged: bool, flags: int = 1) -> bytes:
        """The last bytes before the tagged fields, of which there must be none."""
        if not tagged:
            return self.payload[-flags:]
        assert self.payload[-1] == 0, "tagged fields that this test cannot read"
        return self.payload[-flags - 1 : -1]

    def _creates_no_topic(self) -> bool:
        """A Metadata request creates the topics that it names, unless a flag at its end says no."""
        assert self.version >= 4, "an older Metadata request has no such flag"
        flags = 3 if 8 <= self.version <= 10 else 2 if self.version >= 11 else 1
        allowed = self._last(tagged=self.version >= 9, flags=flags)[:1] != b"\x00"
        return not allowed or self._names_no_topic()

    def _names_no_topic(self) -> bool:
        """The list of topics begins behind the client's id; it is absent or empty."""
        (length,) = struct.unpack_from(">h", self.payload, 8)
        start = 10 + max(length, 0)
        if self.version >= 9:
            return self.payload[start] == 0 and self.payload[start + 1] in {0, 1}
        return struct.unpack_from(">i", self.payload, start)[0] in {-1, 0}


@dataclass
class Tap:
    """A port in front of a broker, and every request that went through it."""

    port: int
    requests: list[Request] = field(default_factory=list)
    knows_brokers: bool = True
    """While not, it answers who asks for topics without a broker, and hangs up."""
    farewells: int = 0
    """How often it did."""

    @property
    def address(self) -> str:
        """Where clients connect to."""
        return f"{LOOPBACK}:{self.port}"


@contextmanager
def tapped(broker: int) -> Iterator[Tap]:
    """A tap in front of the broker at this port of loopback."""
    links: list[socket.socket] = []
    with socket.create_server((LOOPBACK, 0)) as server:
        tap = Tap(server.getsockname()[1])
        threading.Thread(target=_accept, args=(server, broker, tap, links), daemon=True).start()
        try:
            yield tap
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for link in links:
                _end(link)


def _accept(server: socket.socket, broker: int, tap: Tap, links: list[socket.socket]) -> None:
    own, other = (_address(port) for port in (broker, tap.port))

    def connect(client: socket.socket, behind: socket.socket) -> None:
        asked: dict[int, int] = {}

        def note(frame: bytes) -> bytes:
            api, version, number = struct.unpack_from(">hhi", frame)
            if api == METADATA:
                asked[number] = version
            tap.requests.append(Request(api, version, frame))
            return frame

        def hide(frame: bytes) -> bytes:
            version = asked.pop(struct.unpack_from(">i", frame)[0], None)
            if version is not None and not tap.knows_brokers:
                farewell = _without_brokers(frame, version)
                tap.farewells += isinstance(farewell, _Farewell)
                return farewell
            return frame.replace(own, other)

        for source, sink, change in ((client, behind, note), (behind, client, hide)):
            threading.Thread(target=_pump, args=(source, sink, change), daemon=True).start()

    with suppress(OSError):
        while True:
            client, _ = server.accept()
            behind = socket.create_connection((LOOPBACK, broker))
            links += [client, behind]
            connect(client, behind)


def _address(port: int) -> bytes:
    """A host and its port as every version of every answer writes them, one behind the other."""
    return LOOPBACK.encode() + struct.pack(">i", port)


def _pump(source: socket.socket, sink: socket.socket, change: Callable[[bytes], bytes]) -> None:
    """Frame by frame, until one side ends."""
    with suppress(OSError, EOFError):
        while True:
            (size,) = struct.unpack(">i", _receive(source, 4))
            frame = change(_receive(source, size))
            if isinstance(frame, _Farewell):
                sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)  # the end comes with it
                sink.sendall(struct.pack(">i", len(frame)) + frame)
                break
            sink.sendall(struct.pack(">i", len(frame)) + frame)
    _end(sink)
    _end(source)


class _Farewell(bytes):
    """An answer after which the connection ends."""


def _without_brokers(frame: bytes, version: int) -> bytes:
    """
    An answer to a Metadata request with no broker in it, and each of its topics many times.

    A client reads the topics for a while, and meanwhile sees the connection end: of the orders
    in which a client can learn of both, the one that librdkafka's issue 5301 needs.
    """
    assert version >= 9, "an older answer is written in another way"
    before = 9  # the request's number, no tagged fields, the throttle time
    brokers, at = _varint(frame, before)
    for _ in range(brokers - 1):
        at += 4  # its id
        at = _behind_text(frame, at) + 4  # its host and port
        at = _behind_text(frame, at) + 1  # its rack, no tagged fields
    start = _behind_text(frame, at) + 4  # the cluster's id, the controller's
    topics, first = _varint(frame, start)
    if topics <= 1:
        return frame[:before] + b"\1" + frame[at:]
    last = len(frame) - 1 - (4 if version <= 10 else 0) - (2 if version >= 13 else 0)
    times = _TOPICS // (topics - 1) + 1
    listed = _as_varint((topics - 1) * times + 1) + frame[first:last] * times
    return _Farewell(frame[:before] + b"\1" + frame[at:start] + listed + frame[last:])


def _varint(frame: bytes, at: int) -> tuple[int, int]:
    """An unsigned number, and where it ends."""
    value = shift = 0
    while True:
        value |= (frame[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if frame[at - 1] < 128:
            return value, at


def _as_varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def _behind_text(frame: bytes, at: int) -> int:
    """Where a text ends that may be absent; its length stands one higher than it is."""
    length, at = _varint(frame, at)
    return at + max(length - 1, 0)


def _receive(source: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        chunk = source.recv(size - len(found))
        if not chunk:
            raise EOFError
        found += chunk
    return found


def _end(link: socket.socket) -> None:
    with suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)
    link.close()
