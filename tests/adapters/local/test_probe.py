"""Telling a serving broker from an open port."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.support.ports import free_ports

from learnflow_kafka.adapters.local import probe

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A program that answers whatever it is asked, and its port."""

    def serve() -> None:
        link, _ = listener.accept()
        with link:
            link.recv(4096)
            link.sendall(answer)

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def metadata(*brokers: int) -> bytes:
    """A Metadata response, version 1, with its size before it."""
    body = struct.pack(">ii", 1, len(brokers))
    for broker in brokers:
        body += struct.pack(">ih", broker, 9) + b"127.0.0.1" + struct.pack(">ih", 9092, -1)
    body += struct.pack(">ii", brokers[0] if brokers else -1, 0)
    return struct.pack(">i", len(body)) + body


@pytest.mark.parametrize("brokers", [(), (1,), (1, 2, 3)])
def test_the_brokers_that_one_knows_are_read(brokers: tuple[int, ...]):
    """An answering broker tells whom it knows as alive; a fresh one knows nobody."""
    with answering(metadata(*brokers)) as port:
        assert probe.alive_brokers(port) == frozenset(brokers)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\x04\0\0"])
def test_an_open_port_that_is_no_kafka_is_not_serving(answer: bytes):
    """Another program's answer, or none, is not mistaken for a broker's."""
    with answering(answer) as port:
        assert probe.alive_brokers(port, timeout=0.5) is None


def test_a_closed_port_is_not_serving():
    """Nobody listens, nobody serves."""
    assert probe.alive_brokers(free_ports(1)) is None


def test_zookeepers_words_are_read_to_the_end():
    """Its answer ends with the connection."""
    with answering(b"imok") as port:
        assert probe.zookeeper_says(port, "ruok") == "imok"
