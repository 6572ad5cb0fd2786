"""The set-up script and the readiness agent around real brokers, where no Kubernetes is."""

from __future__ import annotations

import signal
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from tests.support.chart import BUSY, READY, Node, Pod, answers, engine_of, image, java_home, mount
from tests.support.lab import until
from tests.support.ports import free_ports

from learnflow_kafka.core.local import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]

PROPERTIES = """\
auto.create.topics.enable=false
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENT
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT
offsets.topic.replication.factor=1
initial.broker.registration.timeout.ms=86400000
"""


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Node]]:
    """Starts node n of a cluster of some size; all are ended with the test."""
    engine = engine_of(Mode.KRAFT)
    monkeypatch.setenv("JAVA_HOME", java_home(engine))
    mount(tmp_path, PROPERTIES)
    kafka = image(tmp_path, engine)
    first = free_ports(9)
    with ExitStack() as running:

        def node(ordinal: int, size: int, **settings: str) -> Node:
            client, controller, health = (first + ordinal * 3 + i for i in range(3))
            voters = ",".join(f"{n}@127.0.0.1:{first + n * 3 + 1}" for n in range(size))
            listener = f"CLIENT://127.0.0.1:{client}"
            values = {
                "NODE_VOTERS": voters,
                "NODE_COMBINED": str(size),
                "NODE_CONTROLLER": f"CONTROLLER://127.0.0.1:{controller}",
                "NODE_LISTENERS": listener,
                "NODE_ADVERTISED": listener,
                "NODE_HEALTH_PORT": str(health),
                "NODE_JVM_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
            }
            made = Node(Pod(tmp_path, kafka, f"kafka-{ordinal}", values | settings), health)
            running.callback(made.stop, signal.SIGKILL)
            return made

        yield node


def test_ready_follows_the_quorum(start: Callable[..., Node]):
    """Not ready without a quorum (strimzi#12760); a quorum lost later takes no broker away."""
    first = start(0, 3)
    until(lambda: first.ask("/live")[0] == READY or None, "the process answers")
    until(lambda: "raft=unknown" not in first.ask("/state")[1] or None, "the raft client runs")
    status, reason = first.ask("/ready")
    assert status == BUSY
    assert "the metadata quorum commits nothing here" in reason

    second = start(1, 3)
    first.until_ready()
    second.until_ready()
    assert "broker=running" in first.ask("/state")[1]

    second.stop(signal.SIGKILL)
    until(
        lambda: (
            not any(s in first.ask("/state")[1] for s in ("raft=leader", "raft=follower")) or None
        ),
        "the quorum is lost",
    )
    assert first.ask("/ready")[0] == READY
    assert first.ask("/live")[0] == READY


def test_a_controller_is_ready_while_its_quorum_commits(start: Callable[..., Node]):
    """Nor does one flap that follows, again and again, a leader that it remembers and is gone."""
    kind = {"NODE_KIND": "controller"}
    three = [start(ordinal, 3, **kind) for ordinal in range(3)]
    for node in three:
        node.until_ready()
    leader = next(node for node in three if "raft=leader" in node.ask("/state")[1])
    survivor, other = (node for node in three if node is not leader)
    other.stop(signal.SIGKILL)
    leader.stop(signal.SIGKILL)
    until(lambda: survivor.ask("/ready")[0] == BUSY or None, "the quorum is lost")
    lost = answers(survivor, 8)
    survivor.stop(signal.SIGKILL)
    ordinal = three.index(survivor)
    alone = start(ordinal, 3, **kind)
    until(lambda: alone.ask("/live")[0] == READY or None, "the process answers")
    cold = answers(alone, 12)
    back = start(three.index(leader), 3, **kind)
    alone.until_ready()
    back.until_ready()

    assert lost == {BUSY}
    assert cold == {BUSY}


def test_a_taken_port_breaks_nothing_and_a_restart_keeps_the_cluster(start: Callable[..., Node]):
    """The broker runs while the agent waits for its port; its id outlives kill -9 and SIGTERM."""
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        node = start(0, 1, NODE_HEALTH_PORT=str(taken.getsockname()[1]))
        node.health = taken.getsockname()[1]
        until(lambda: "Kafka Server started" in node.log.read_text() or None, "the broker started")
        assert "trying again until it is free" in node.log.read_text()
    node.until_ready()
    made = (node.pod.data / "meta.properties").read_text()
    node.stop(signal.SIGKILL)

    again = start(0, 1, NODE_CLUSTER_ID="Lother-other-other-otw")
    again.until_ready()

    assert (again.pod.data / "meta.properties").read_text() == made
    assert again.ask("/nothing")[0] == 404
    assert again.stop() in (0, 143)
