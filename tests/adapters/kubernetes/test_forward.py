"""Tunnels and commands in pods, over WebSockets that a server of ours speaks."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from tests.support.api_server import ApiServer, Asked, WebSocket, status
from tests.support.lab import until
from tests.support.ports import free_ports

from learnflow_kafka.adapters.kubernetes import execute
from learnflow_kafka.adapters.kubernetes.forward import Forwarder
from learnflow_kafka.adapters.kubernetes.kubeconfig import Access
from learnflow_kafka.adapters.kubernetes.login import FixedToken
from learnflow_kafka.core.attempts import Spot
from learnflow_kafka.core.kubernetes import Door
from learnflow_kafka.errors import ApiForbiddenError, ApiUnreachableError, ForwardError

BROKER = Spot("kafka", "kafka-0", "kafka")
OPENING = [b"\x00\x87\x23", b"\x01\x87\x23"]
"""What Kubernetes sends first on the channels of data and of errors: the port's number."""


def echo(asked: Asked, pod: WebSocket) -> None:
    """A pod that says back what it hears, in capitals."""
    for message in OPENING:
        pod.send(message)
    while (data := pod.receive()) is not None:
        pod.send(b"\x00" + data[1:].upper())


@contextmanager
def tunnels(
    pod: Callable[[Asked, WebSocket], None] = echo,
    answer: Callable[[Asked], tuple[int, object]] = lambda _: (200, {}),
) -> Iterator[tuple[Forwarder, int, ApiServer]]:
    """A tunnel to such a pod, and its local port."""
    with ApiServer(answer, pod).running() as server:
        port = free_ports(1)
        with Forwarder(Access(server.url, None, FixedToken("Bearer t")), "kafka") as forwarder:
            forwarder.open([Door("kafka-0", port, 9095)])
            yield forwarder, port, server


def said(port: int, data: bytes) -> bytes:
    """What comes back for some bytes, until as many have come."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        sender = threading.Thread(target=client.sendall, args=(data,), daemon=True)
        sender.start()
        found = bytearray()
        while len(found) < len(data) and (part := client.recv(1 << 16)):
            found += part
        sender.join(60)
    return bytes(found)


@pytest.mark.parametrize("size", [1, 125, 126, 65_535, 65_536, 300_000])
def test_bytes_come_through_both_ways_whatever_their_number(size: int):
    """Frames of one, two and eight bytes of length, masked as the standard wants it."""
    data = bytes(97 + at % 26 for at in range(size))

    with tunnels() as (_, port, _):
        assert said(port, data) == data.upper()


def test_a_tunnel_asks_for_the_pod_and_port_with_our_credentials():
    """The path names the pod; the query its port; the protocol has channels."""
    with tunnels() as (_, port, server):
        said(port, b"x")

    (asked,) = server.asked
    assert asked.target == "/api/v1/namespaces/kafka/pods/kafka-0/portforward?ports=9095"
    assert asked.headers["sec-websocket-protocol"] == "v4.channel.k8s.io"
    assert asked.headers["authorization"] == "Bearer t"


def test_many_connections_at_once_each_have_their_own():
    """Clients open several to each broker."""
    with tunnels() as (_, port, server):
        clients = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(20)]
        for number, client in enumerate(clients):
            client.sendall(f"number {number:02}".encode())
        found = [client.recv(64) for client in clients]
        for client in clients:
            client.close()

    assert found == [f"NUMBER {number:02}".encode() for number in range(20)]
    assert len(server.asked) == 20


def test_a_pod_that_is_away_ends_the_connection_and_not_the_tunnel():
    """The next connection reaches the next pod: nothing has to notice the restart."""
    away = threading.Event()
    away.set()

    def answer(_: Asked) -> tuple[int, object]:
        return status(404, "NotFound", 'pods "kafka-0" not found') if away.is_set() else (200, {})

    with tunnels(answer=answer) as (forwarder, port, _):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            assert client.recv(1) == b""
        fault = forwarder.faults()["kafka-0"]
        away.clear()
        again = said(port, b"back")

    assert fault == 'pods "kafka-0" not found'
    assert again == b"BACK"


def test_what_kubernetes_says_against_it_is_kept():
    """Nobody listens at the pod's port: the error channel says so, and the client is let go."""

    def refuse(_: Asked, pod: WebSocket) -> None:
        for message in OPENING:
            pod.send(message)
        pod.send(b"\x01connection refused in the pod")
        pod.receive()

    with tunnels(refuse) as (forwarder, port, _):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            assert client.recv(1) == b""
        until(lambda: forwarder.faults()["kafka-0"], "the fault")

        assert forwarder.faults()["kafka-0"] == "connection refused in the pod"


def test_every_port_that_is_taken_is_named_and_none_is_opened():
    """All or none; a port that was free is free again."""
    ports = [free_ports(1) for _ in range(3)]
    doors = [Door(f"kafka-{n}", port, 9095) for n, port in enumerate(ports)]
    with (
        socket.create_server(("127.0.0.1", ports[1])),
        Forwarder(Access("http://127.0.0.1:1", None, FixedToken(None)), "kafka") as forwarder,
    ):
        with pytest.raises(ForwardError, match=rf"{ports[1]} \(for kafka-1\)"):
            forwarder.open(doors)

        socket.create_server(("127.0.0.1", ports[0])).close()


def test_closing_ends_ports_and_connections():
    """Whoever still waits hears of it at once."""
    with tunnels() as (forwarder, port, _):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            client.sendall(b"x")
            assert client.recv(1) == b"X"
            forwarder.close()

            assert client.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=60)


def test_a_command_in_a_pod_gives_its_output_and_exit_code():
    """Both streams, in pieces, and the code that the status names; pings are answered."""
    cause = {"reason": "ExitCode", "message": "3"}

    def pod(_: Asked, shell: WebSocket) -> None:
        shell.send(b"\x01he", final=False)
        shell.send(b"llo", kind=0)
        shell.send(b"", kind=9)
        shell.send(b"\x02oh")
        shell.send(b"\x03" + json.dumps({"details": {"causes": [cause]}}).encode())
        shell.send(b"", kind=8)

    with ApiServer(lambda _: (200, {}), pod).running() as server:
        access = Access(server.url, None, FixedToken(None))
        ran = execute.run(access, BROKER, ["sh", "-c", "x y"], timeout=60)

    assert (ran.code, ran.out, ran.err) == (3, "hello", "oh")
    assert "container=kafka" in server.asked[0].target
    assert "command=sh&command=-c&command=x+y" in server.asked[0].target


def test_a_program_that_is_not_there_ends_as_in_a_shell():
    """An image without a shell is no fault of the connection's."""
    told = 'failed to exec: exec: "sh": executable file not found in $PATH: unknown'

    def pod(_: Asked, shell: WebSocket) -> None:
        shell.send(b"\x03" + json.dumps({"status": "Failure", "message": told}).encode())
        shell.send(b"", kind=8)

    with ApiServer(lambda _: (200, {}), pod).running() as server:
        access = Access(server.url, None, FixedToken(None))

        assert execute.run(access, BROKER, ["sh"], timeout=60).code == 127


def test_a_command_that_may_not_run_is_refused_by_name():
    """403 is about us and our rights, not about the pod."""
    refuse = status(403, "Forbidden", "pods/exec is forbidden")
    with ApiServer(lambda _: refuse, echo).running() as server:
        access = Access(server.url, None, FixedToken(None))

        with pytest.raises(ApiForbiddenError, match="pods/exec"):
            execute.run(access, BROKER, ["true"], timeout=60)


def test_a_command_without_an_end_is_no_success():
    """A connection that breaks says nothing of how the command ended."""
    with ApiServer(lambda _: (200, {}), lambda _, shell: shell.send(b"\x01x")).running() as server:
        access = Access(server.url, None, FixedToken(None))

        with pytest.raises(ApiUnreachableError, match="before the command did"):
            execute.run(access, BROKER, ["true"], timeout=60)
