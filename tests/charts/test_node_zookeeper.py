"""Real brokers of Kafka 3.9 with ZooKeeper, set up by the chart's script: what makes one ready."""

from __future__ import annotations

import signal
import socket
import struct
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from tests.support.chart import BUSY, READY, Node, Pod, answers, engine_of, image, java_home, mount
from tests.support.lab import until
from tests.support.ports import free_ports
from tests.support.rollcall import brokers

from learnflow_kafka.adapters.local import launch
from learnflow_kafka.core.local import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from learnflow_kafka.adapters.local.launch import Engine

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]

LOOPBACK = "127.0.0.1"
LEADER_AND_ISR, UPDATE_METADATA = 4, 6
STALE_CONTROLLER_EPOCH = 11
UNTOLD = "no controller has told this broker of the whole cluster yet"
NONE = struct.pack(">i", 0)
"""A list of nothing."""
# A controller that stands still must remain the controller until it goes on.
SESSION_MS = 300_000
KEEPER = f"""\
clientPortAddress={LOOPBACK}
tickTime=1000
maxSessionTimeout={SESSION_MS}
admin.enableServer=false
maxClientCnxns=0
"""
BROKER = f"""\
auto.create.topics.enable=false
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT
offsets.topic.replication.factor=1
zookeeper.session.timeout.ms={SESSION_MS}
"""


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Node]]:
    """Starts node n, with lines of its own in its properties; all are ended with the test."""
    engine = engine_of(Mode.ZOOKEEPER)
    monkeypatch.setenv("JAVA_HOME", java_home(engine))
    kafka = image(tmp_path, engine)
    first = free_ports(7)
    with ExitStack() as running:
        keeper = running.enter_context(_zookeeper(engine, tmp_path, first))
        running.callback(keeper.kill)

        def node(ordinal: int, *lines: str) -> Node:
            client, health = first + 1 + ordinal * 2, first + 2 + ordinal * 2
            folder = tmp_path / str(ordinal)
            folder.mkdir()
            connect = f"zookeeper.connect={LOOPBACK}:{first}\n"
            mount(folder, BROKER + connect + "".join(f"{line}\n" for line in lines))
            listener = f"PLAINTEXT://{LOOPBACK}:{client}"
            settings = {
                "NODE_MODE": "zookeeper",
                "NODE_VOTERS": "",
                "NODE_COMBINED": "0",
                "NODE_LISTENERS": listener,
                "NODE_ADVERTISED": listener,
                "NODE_HEALTH_PORT": str(health),
                "NODE_JVM_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
            }
            made = Node(Pod(folder, kafka, f"kafka-{ordinal}", settings), health)
            running.callback(made.stop, signal.SIGKILL)
            return made

        yield node


def _zookeeper(engine: Engine, folder: Path, port: int) -> subprocess.Popen[bytes]:
    """One server of ZooKeeper at this port."""
    properties = folder / "zookeeper.properties"
    properties.write_text(f"{KEEPER}dataDir={folder / 'zookeeper'}\nclientPort={port}\n")
    command = [str(engine.java.executable), "-Xmx128m", "-XX:+UseSerialGC",
               "-XX:TieredStopAtLevel=1", "-cp", engine.distribution.class_path,
               launch.ZOOKEEPER, str(properties)]  # fmt: skip
    with (folder / "zookeeper.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)


def port(node: Node) -> int:
    """Where its broker listens."""
    return node.health - 1


def running(node: Node) -> bool | None:
    """Whether its broker serves, told or not."""
    return "broker=running" in node.ask("/state")[1] or None


def told(
    node: Node, api: int, epoch: int, *, partitions: bytes = NONE, brokers: bytes = NONE
) -> int:
    """The broker's answer, an error's number or 0, to what a controller of this epoch tells it."""
    # No client id; the controller is the broker itself.
    request = struct.pack(">hhihii", api, 0, 1, -1, 1, epoch) + partitions + brokers
    with socket.create_connection((LOOPBACK, port(node)), 10) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        answer = connection.makefile("rb").read(10)
    return int(struct.unpack(">iih", answer)[2])


def text(value: str) -> bytes:
    """As Kafka writes it."""
    return struct.pack(">h", len(value)) + value.encode()


def test_ready_means_that_a_controller_has_told_of_the_cluster(start: Callable[..., Node]):
    """
    A broker that runs is not ready before; without topics it is, and it stays so without anybody.

    Until it is told it names no broker at all, for which some clients never ask again.
    """
    controller = start(0)
    controller.until_ready()
    assert brokers(LOOPBACK, port(controller)) == 1

    controller.process.send_signal(signal.SIGSTOP)
    other, hidden = start(1), start(2, "metrics.jmx.exclude=kafka[.]network:.*")
    until(lambda: running(other) and running(hidden), "brokers that nobody tells")
    assert brokers(LOOPBACK, port(other)) == 0
    assert told(other, UPDATE_METADATA, -1) == STALE_CONTROLLER_EPOCH
    assert answers(other, 4) == {BUSY}
    assert other.ask("/ready")[1] == UNTOLD
    assert other.ask("/state")[1] == "broker=running raft=none told=false ready=false"
    assert hidden.ask("/ready")[0] == READY  # nobody can see whether it was told

    controller.process.send_signal(signal.SIGCONT)
    other.until_ready()
    assert brokers(LOOPBACK, port(other)) == 3
    assert other.ask("/state")[1] == "broker=running raft=none told=true ready=true"

    controller.stop(signal.SIGKILL)
    assert told(other, UPDATE_METADATA, -1) == STALE_CONTROLLER_EPOCH
    assert answers(other, 4) == {READY}


def test_a_broker_with_partitions_is_ready_when_it_was_told_of_topics_too(
    start: Callable[..., Node],
):
    """A controller that is new tells of brokers first, of partitions then, and of topics last."""
    controller = start(0)
    controller.until_ready()
    controller.process.send_signal(signal.SIGSTOP)
    other, empty = start(1), start(2)
    until(lambda: running(other) and running(empty), "brokers that nobody tells")

    # The test is the new controller.
    itself = struct.pack(">ii", 1, 1) + text(LOOPBACK) + struct.pack(">i", port(other))
    for node in (other, empty):
        assert told(node, UPDATE_METADATA, 9, brokers=itself) == 0
        assert brokers(LOOPBACK, port(node)) == 1
        assert node.ask("/ready")[0] == BUSY
    own = struct.pack(">i", 1) + text("t") + struct.pack(">iiiiiiiii", 0, 9, 1, 0, 1, 1, 0, 1, 1)
    assert told(other, LEADER_AND_ISR, 9, partitions=own, brokers=itself) == 0
    assert answers(other, 5) == {BUSY}
    assert empty.ask("/ready")[0] == READY

    assert told(other, UPDATE_METADATA, 9, brokers=itself) == 0
    # Kafka counts a request when its answer has been sent; without it, this would take a minute.
    until(lambda: other.ask("/ready")[0] == READY, "the second request, counted", patience=15)
