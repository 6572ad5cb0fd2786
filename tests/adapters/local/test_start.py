"""What a start tells while it waits."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import psutil
import pytest

from learnflow_kafka.adapters.local import processes, start
from learnflow_kafka.adapters.local.launch import Engine
from learnflow_kafka.core.local import Cluster, Mode, Node, Role, Warned

ONE, TWO = (Node(n, (Role.BROKER,), 9091 + n) for n in (1, 2))
CLUSTER = Cluster("t", "id", Mode.KRAFT, "4.3.1", Path("/d"), (ONE, TWO))


@pytest.mark.parametrize(
    ("silent", "told"),
    [
        ([ONE], ["waiting for broker-1, which ran already"]),
        ([ONE, TWO], ["waiting for broker-1, which ran already"]),
        ([TWO], []),
    ],
)
def test_only_a_broker_that_ran_before_is_said_to_have_run(
    monkeypatch: pytest.MonkeyPatch, silent: list[Node], told: list[str]
):
    """Broker 2 was started just now: that it needs its time is no news."""
    answers = iter([False, False, True])
    monkeypatch.setattr(start, "serves", lambda _: next(answers))
    monkeypatch.setattr(start, "_silent", lambda _: silent)
    monkeypatch.setattr(start, "_SILENCE", -1.0)
    us = psutil.Process()
    alive = processes.Running(us.pid, us.create_time())
    waiting = start._await_serving(
        CLUSTER, {ONE: alive, TWO: alive}, cast("Engine", None), {TWO: alive}
    )

    assert [e.message for e in waiting if isinstance(e, Warned)] == told
