"""Every rule: a fault that it names first, and the healthy twin with which it stays silent."""

import pytest
from tests.core.diagnosis import graphs as g
from tests.core.diagnosis.faults import FAULTS

from learnflow_kafka.core.diagnosis.table import RULES, diagnose

NAMES = [f"{rule}-{fault.__name__}" for rule, fault in FAULTS]


@pytest.mark.parametrize(("rule", "fault"), FAULTS, ids=NAMES)
def test_a_fault_is_named_first(rule: str, fault: g.Fault):
    """The first cause of each fault's evidence is the one that was put there."""
    found = diagnose(fault())

    assert found.root is not None
    assert found.root.rule == rule
    assert not found.healthy() or found.root.status == "warning"


@pytest.mark.parametrize(("rule", "fault"), FAULTS, ids=NAMES)
def test_every_cause_is_proven_and_shows_a_way_out(rule: str, fault: g.Fault):
    """A cause names object, field and value, and what to do about it."""
    root = diagnose(fault()).root

    assert root is not None
    assert root.proof
    assert all(p.object and p.field for p in root.proof)
    assert root.remedy is not None or rule == "claim.waits_for_pod"


@pytest.mark.parametrize(
    "twin", [g.healthy, g.on_zookeeper, g.local], ids=["kraft", "zookeeper", "local"]
)
def test_the_healthy_twin_is_silent(twin: g.Fault):
    """No rule finds anything in the same graph of objects with nothing wrong."""
    found = diagnose(twin())

    assert g.rules(found) == []
    assert found.healthy()


def test_every_rule_has_a_fault():
    """No rule stands in the table that no fault proves."""
    proven = {rule for rule, _ in FAULTS}

    assert {rule.name for rule in RULES} == proven


def test_every_rule_explains_itself():
    """The page of a rule is its docstring: a sentence, then what it looks at."""
    for rule in RULES:
        text = (rule.judge.__doc__ or "").strip()

        assert text, rule.name
        assert text.split("\n")[0].endswith((".", ":"))
        assert len(text.split("\n\n")) > 1, rule.name
