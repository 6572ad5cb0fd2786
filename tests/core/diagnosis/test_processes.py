"""Processes of a cluster on this machine that answer nothing: each has its own way out."""

from dataclasses import replace

from tests.core.diagnosis import faults
from tests.core.diagnosis import graphs as g

from learnflow_kafka.core.diagnosis.causes import Safety
from learnflow_kafka.core.diagnosis.table import diagnose


def test_a_process_that_was_frozen_is_let_go_on():
    """It is named at once, before the cluster has missed it, and the command names its pid."""
    (found,) = diagnose(faults.suspended()).causes

    assert found.cause.rule == "process.down"
    assert found.cause.detail.startswith("broker-2: suspended")
    assert {(p.object, p.value) for p in found.cause.proof} == {("broker-2", "suspended, pid 4711")}
    assert found.cause.remedy is not None
    assert found.cause.remedy.command == "kill -CONT 4711"
    assert found.cause.remedy.safety is Safety.SAFE


def test_all_that_were_frozen_go_on_together():
    """One command for all of them."""
    base = g.local()
    frozen = tuple(replace(p, state="suspended", pid=100 + n) for n, p in enumerate(base.processes))
    found = diagnose(replace(base, processes=frozen))

    assert found.root is not None
    assert found.root.remedy is not None
    assert found.root.remedy.command == "kill -CONT 100 101 102"


def test_a_process_that_is_gone_and_one_that_stands_still_are_two_causes():
    """What starts the one leaves the other as it is."""
    base = faults.suspended()
    gone = replace(base.processes[1], state="stopped")
    found = diagnose(replace(base, processes=(base.processes[0], gone, base.processes[2])))
    commands = [
        r.cause.remedy.command
        for r in found.causes
        if r.cause.rule == "process.down" and r.cause.remedy is not None
    ]

    assert commands == ["learnflow up", "kill -CONT 4711"]


def test_a_process_that_starts_is_not_missed_yet():
    """Neither gone nor suspended: nothing is said of it."""
    base = g.local()
    young = replace(base.processes[2], state="starting")

    assert g.rules(diagnose(replace(base, processes=(*base.processes[:2], young)))) == []
