import socket
import time

import pytest

from learnflow_kafka.adapters.system import SystemClock, SystemNetwork


def test_an_open_port_is_reachable():
    """Where something listens there is no fault."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        assert SystemNetwork().reachable("127.0.0.1", port, timeout=1) is None


def test_a_closed_port_says_that_nothing_listens():
    """A refused connection is told in words."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    assert SystemNetwork().reachable("127.0.0.1", port, timeout=1) == (
        "connection refused: nothing listens there"
    )


def test_a_name_that_does_not_resolve_is_named():
    """An advertised name that only others know is the fault itself."""
    fault = SystemNetwork().reachable("no-such-host.invalid", 9092, timeout=1)

    assert fault == "the name 'no-such-host.invalid' does not resolve from here"


@pytest.mark.parametrize(("host", "port"), [("a" * 70 + ".x", 9092), ("127.0.0.1", 99_999)])
def test_what_is_no_address_is_a_fault_and_no_crash(host: str, port: int):
    """Whatever a broker advertises, the answer is a sentence."""
    assert SystemNetwork().reachable(host, port, timeout=1)


def test_the_clock_grows_and_waits():
    """Waiting takes the time that was asked for, and both clocks go on."""
    clock = SystemClock()
    start = clock.monotonic()
    clock.sleep(0.01)

    assert clock.monotonic() - start >= 0.01
    assert abs(clock.now_ms() - time.time() * 1000) < 1_000
