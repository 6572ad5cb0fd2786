"""Free and taken ports."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest
from tests.support.ports import free_ports

from learnflow_kafka.adapters.local import ports
from learnflow_kafka.errors import PortTakenError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that this very process listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        yield listener.getsockname()[1]


def test_a_port_in_use_is_not_free(taken: int):
    """A listener on loopback holds it."""
    assert not ports.is_free(taken)


def test_a_listener_on_all_interfaces_holds_the_port_too():
    """Loopback is among all interfaces."""
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))
        listener.listen(1)

        assert not ports.is_free(listener.getsockname()[1])


def test_the_error_says_who_holds_the_port_and_which_to_take(taken: int):
    """The holder is named with its process, and --port with a free one."""
    with pytest.raises(PortTakenError, match=f"port {taken} is taken by .*{os.getpid()}") as caught:
        ports.require_free([taken])

    offered = int((caught.value.fix or "").split("--port ")[1].split()[0])
    assert ports.is_free(offered)


def test_every_taken_port_is_named_at_once(taken: int):
    """Three brokers' ports are looked at together."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        second = other.getsockname()[1]

        with pytest.raises(PortTakenError, match=rf"{taken}.*; port {second}"):
            ports.require_free([taken, second])


def test_a_run_of_ports_steps_over_a_taken_one():
    """Brokers get neighbouring ports."""
    first = free_ports(4)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", first + 1))
        listener.listen(1)

        assert ports.free_run(first, 3) >= first + 2
