"""Status: processes, and what the cluster says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.app.test_up import FakeRuntime

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.app.status import ClusterStatus, status
from learnflow_kafka.core.connection import Context
from learnflow_kafka.core.local import (
    Cluster,
    LocalStatus,
    Mode,
    Node,
    NodeState,
    NodeStatus,
    Role,
)
from learnflow_kafka.core.ports import KafkaAdmin
from learnflow_kafka.errors import UnreachableError

NODES = tuple(Node(i, (Role.BROKER, Role.CONTROLLER), 9091 + i, 9191 + i) for i in (1, 2, 3))
CLUSTER = Cluster("default", "id", Mode.KRAFT, "4.3.1", Path("/d"), NODES)


@dataclass
class SeenRuntime(FakeRuntime):
    """A runtime that sees these processes."""

    seen: LocalStatus | None = None

    def status(self, name: str) -> LocalStatus | None:
        """What was seen."""
        return self.seen


def seen(*states: NodeState) -> LocalStatus:
    return LocalStatus(
        CLUSTER,
        tuple(NodeStatus(n, s, Path("log"), 0) for n, s in zip(NODES, states, strict=True)),
    )


def asked(local: LocalStatus | None, *, answers: bool = True) -> ClusterStatus | None:
    """The status of three brokers in memory."""
    kafka = MemoryKafka(3)

    @contextmanager
    def admin(context: Context) -> Iterator[KafkaAdmin]:
        if not answers:
            raise UnreachableError("no broker answers")
        yield kafka

    return status("default", SeenRuntime(kafka, seen=local), admin)


RUNNING = (NodeState.RUNNING,) * 3


def test_a_cluster_that_does_not_exist_has_no_status():
    """None, rather than an empty one."""
    assert asked(None) is None


@pytest.mark.parametrize(
    ("state", "silence"),
    [
        (NodeState.STOPPED, "no broker runs"),
        (NodeState.SUSPENDED, "every broker that is there stands still"),
    ],
)
def test_a_cluster_that_nobody_can_be_asked_of_says_why(state: NodeState, silence: str):
    """A broker that was suspended is there: it is not said to be gone."""
    found = asked(seen(state, NodeState.STOPPED, NodeState.STOPPED))

    assert found is not None
    assert found.silence == silence


def test_a_running_cluster_names_its_leader_and_its_brokers():
    """Healthy: every process runs, every broker is registered."""
    found = asked(seen(*RUNNING))

    assert found is not None
    assert found.healthy
    assert found.registered == (1, 2, 3)
    assert found.leader in {1, 2, 3}


def test_a_missing_process_is_not_healthy():
    """Two of three run."""
    found = asked(seen(NodeState.RUNNING, NodeState.STOPPED, NodeState.RUNNING))

    assert found is not None
    assert not found.healthy


def test_a_stopped_cluster_is_not_asked():
    """Nothing is known of it, and why is said."""
    found = asked(seen(*(NodeState.STOPPED,) * 3))

    assert found is not None
    assert (found.registered, found.silence) == (None, "no broker runs")


def test_processes_that_do_not_answer_are_shown_with_the_reason():
    """A port that is open and says nothing is not health."""
    found = asked(seen(*RUNNING), answers=False)

    assert found is not None
    assert not found.healthy
    assert found.silence == "no broker answers"


@pytest.mark.parametrize("registered", [(), (1, 2)])
def test_an_unregistered_broker_is_not_healthy(registered: tuple[int, ...]):
    """Its process runs, and the cluster does not know it."""
    assert not replace(ClusterStatus(seen(*RUNNING)), registered=registered).healthy
