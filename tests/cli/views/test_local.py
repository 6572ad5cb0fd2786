"""How clusters of this machine look."""

from __future__ import annotations

from pathlib import Path

import pytest

from learnflow_kafka.app.status import ClusterStatus
from learnflow_kafka.cli.views import local, output
from learnflow_kafka.core.local import (
    Cluster,
    LocalStatus,
    Mode,
    Node,
    NodeState,
    NodeStatus,
    Role,
)

NODES = tuple(Node(n, (Role.BROKER, Role.CONTROLLER), 9091 + n, 9191 + n) for n in (1, 2))
SHOP = Cluster("shop", "id", Mode.KRAFT, "4.3.1", Path("/d"), NODES)


@pytest.mark.parametrize(
    ("states", "step"),
    [
        ((NodeState.STOPPED, NodeState.STOPPED), "learnflow up --name shop"),
        ((NodeState.SUSPENDED, NodeState.SUSPENDED), "kill -CONT 101 102"),
        ((NodeState.SUSPENDED, NodeState.RUNNING), "kill -CONT 101"),
        (
            (NodeState.SUSPENDED, NodeState.STOPPED),
            "kill -CONT 101, then learnflow up --name shop",
        ),
    ],
)
def test_the_next_step_of_a_status_is_one_that_helps(
    states: tuple[NodeState, ...], step: str, capsys: pytest.CaptureFixture[str]
):
    """`up` refuses a broker that stands still, so it is let go on first."""
    nodes = tuple(
        NodeStatus(node, state, Path("log"), 0, pid=100 + node.id)
        for node, state in zip(NODES, states, strict=True)
    )
    local.show_status(ClusterStatus(LocalStatus(SHOP, nodes)), output.console())

    assert capsys.readouterr().out.splitlines()[-1] == f"next: {step}"
