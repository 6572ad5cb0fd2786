"""
Does a broker really serve? Asked in Kafka's own protocol, in forty lines and no library.

A port that takes connections proves little: a broker opens it before it is registered. One
Metadata request tells which brokers the answering one knows as alive.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from typing import Final

from learnflow_kafka.core.local import LOOPBACK

_METADATA: Final = 3
_VERSION: Final = 1
_NO_TOPICS: Final = 0
_LIMIT: Final = 1 << 20


def connects(port: int, *, timeout: float = 0.25) -> bool:
    """Whether something on loopback takes connections at the port."""
    try:
        socket.create_connection((LOOPBACK, port), timeout).close()
    except OSError:
        return False
    return True


def alive_brokers(port: int, *, timeout: float = 1.0) -> frozenset[int] | None:
    """Ids of the brokers that the one at the port knows as alive; None: no Kafka answers."""
    body = struct.pack(">hhih", _METADATA, _VERSION, 1, -1) + struct.pack(">i", _NO_TOPICS)
    try:
        with socket.create_connection((LOOPBACK, port), timeout) as link:
            link.sendall(struct.pack(">i", len(body)) + body)
            (size,) = struct.unpack(">i", _receive(link, 4))
            if not 0 < size < _LIMIT:
                return None
            return _parse(_receive(link, size))
    except (OSError, EOFError, struct.error, UnicodeDecodeError):
        return None


def zookeeper_says(port: int, word: str, *, timeout: float = 1.0) -> str:
    """ZooKeeper's answer to one of its four-letter words; empty where it does not answer."""
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout) as link:
        link.sendall(word.encode())
        chunks = []
        while chunk := link.recv(65536):
            chunks.append(chunk)
        return b"".join(chunks).decode("utf-8", "replace")
    return ""


def _receive(link: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = link.recv(size - len(data))
        if not chunk:
            raise EOFError
        data += chunk
    return data


def _parse(answer: bytes) -> frozenset[int]:
    """Node ids of a Metadata response, version 1: id, host, port, rack for each broker."""
    (count,) = struct.unpack_from(">i", answer, 4)
    place = 8
    ids = []
    for _ in range(count):
        node, host = struct.unpack_from(">ih", answer, place)
        place += 6 + host + 4
        (rack,) = struct.unpack_from(">h", answer, place)
        place += 2 + max(rack, 0)
        ids.append(node)
    return frozenset(ids)
