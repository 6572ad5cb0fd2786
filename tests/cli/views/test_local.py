"""How clusters of this machine look."""

from __future__ import annotations

from pathlib import Path

import pytest

from learnflow_kafka.app.events import Planned
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
from learnflow_kafka.core.plans.changes import CreateTopic
from learnflow_kafka.core.plans.plan import Blocked, Counts, Drift, Plan, Rule, Scope, Step

NODES = tuple(Node(n, (Role.BROKER, Role.CONTROLLER), 9091 + n, 9191 + n) for n in (1, 2))
CREATE = Step(CreateTopic("a", 1, 1, {}), ())


def plan(*steps: Step, blocked: tuple[str, ...] = ()) -> Plan:
    """A plan with these steps, and with these topics blocked."""
    refused = tuple(Blocked(Rule.BROKER_REJECTS, name, "no", "why", "how") for name in blocked)
    return Plan(
        cluster_id="id",
        catalog="shop",
        environment=None,
        brokers=None,
        made_ms=0,
        scope=Scope(),
        counts=Counts(1, 0, 1, 0),
        steps=steps,
        blocked=refused,
        tombstoned=(),
        drift=Drift(None, {}),
        notices=(),
        touched={},
    )


SHOP = Cluster("shop", "id", Mode.KRAFT, "4.3.1", Path("/d"), NODES)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (plan(), "all there"),
        (plan(CREATE), "1 to create, 0 to change"),
        (plan(blocked=("a", "a", "b")), "nothing to create or change, 2 blocked"),
    ],
)
def test_a_plan_without_steps_is_not_counted_out(made: Plan, told: str):
    """Beside another `up` topics may be blocked for a moment: nothing is to be done, and why."""
    line = local.line(Planned(made))

    assert line == f"catalog shop: 1 topic declared + 0 derived; {told}"


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
