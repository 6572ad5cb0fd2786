from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.planning import planned
from tests.support.worlds import NOW, World, worlds

from learnflow_kafka.core.catalog import Place
from learnflow_kafka.core.plans.changes import CommitOffsets
from learnflow_kafka.core.plans.desired import Notice
from learnflow_kafka.core.plans.fingerprint import Fingerprint
from learnflow_kafka.core.plans.plan import (
    Blocked,
    Counts,
    Drift,
    Loss,
    Plan,
    Risk,
    Rule,
    Scope,
    Severity,
    Step,
    Tombstoned,
    Verdict,
    VerdictKind,
)
from learnflow_kafka.core.plans.planfile import (
    from_document,
    json_schema,
    schema_text,
    sealed,
    to_document,
)
from learnflow_kafka.core.plans.retention import Removed
from learnflow_kafka.errors import PlanUnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
PLAN = Plan(
    cluster_id="c",
    catalog="shop",
    environment="prod",
    brokers=3,
    made_ms=1,
    scope=Scope(only=("a*",), owner="x", allow_delete=("b",)),
    counts=Counts(1, 2, 3, 0),
    steps=(
        Step(
            CommitOffsets("g", "a", {2: 0, 10: 0}),
            ("because",),
            (Risk(Severity.HIGH, "much", (Removed(0, 1, 2),), 7),),
            Place("t.yaml", 3, 4),
            Verdict(VerdictKind.NOT_CHECKED, "no"),
            2,
        ),
    ),
    blocked=(Blocked(Rule.KEYS_MOVE, "a", "what", "why", "fix"),),
    tombstoned=(Tombstoned("b", "old", Loss(None, 5, None, ("g",)), allowed=True),),
    drift=Drift(("z",), {"a": {"k": None, "l": "1"}}),
    notices=(Notice("r", "a", "w"),),
    touched={"a": Fingerprint("id", ((1, 2), ()), {"k": None}), "n": None},
)


def _through_json(plan: Plan) -> Plan:
    return from_document(json.loads(json.dumps(to_document(plan))), where="p.json")


def test_a_plan_comes_back_equal_from_json():
    """Numbers as keys, enums, absent values and nested values survive."""
    assert _through_json(PLAN) == PLAN


@settings(max_examples=100, deadline=None, suppress_health_check=[*HealthCheck])
@given(worlds())
def test_any_plan_comes_back_equal_and_fits_the_schema(world: World):
    """Whatever is planned can be saved, read, and checked by other programs."""
    plan = planned(world.build(), world.wanted, world.scope, now_ms=NOW)

    jsonschema.validate(to_document(plan), json_schema())
    assert _through_json(plan) == plan


@settings(max_examples=100, deadline=None)
@given(st.text(), st.integers(), st.none() | st.text())
def test_odd_texts_survive(text: str, number: int, value: str | None):
    """Any text that a person or Kafka can write comes back as it was."""
    plan = replace(PLAN, catalog=text, made_ms=number, drift=Drift(None, {text: {text: value}}))

    assert _through_json(plan) == plan


def test_the_schema_is_a_schema_and_refuses_what_is_unknown():
    """It follows draft 2020-12, and a misspelt member does not pass."""
    jsonschema.Draft202012Validator.check_schema(json_schema())
    document = {**to_document(PLAN), "stepz": []}

    with pytest.raises(jsonschema.ValidationError, match="stepz"):
        jsonschema.validate(document, json_schema())


@pytest.mark.parametrize(
    "published",
    ["docs/reference/plan.schema.json", "src/learnflow_kafka/cli/views/plan.schema.json"],
)
def test_the_published_schema_is_fresh(published: str):
    """The files are what `schema_text` writes."""
    assert (ROOT / published).read_text(encoding="utf-8") == schema_text()


def _without_steps(document: dict[str, object]) -> object:
    return {k: v for k, v in document.items() if k != "steps"}


def _of_kind(document: dict[str, object], kind: object) -> object:
    steps = document["steps"]
    assert isinstance(steps, list)
    return {**document, "steps": [{**steps[0], "change": {"kind": kind}}]}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda _: [], "this is not a plan"),
        (lambda d: {**d, "kind": "report"}, "this is not a plan"),
        (lambda d: {**d, "version": 1}, "a plan of version 1; this learnflow reads version 2"),
        (_without_steps, "steps is missing"),
        (lambda d: {**d, "more": 1}, "more is not known"),
        (lambda d: {**d, "made_ms": "1"}, "made_ms: '1' is not an integer"),
        (lambda d: {**d, "made_ms": True}, "made_ms: True is not an integer"),
        (lambda d: _of_kind(d, "explode"), "steps[0].change.kind: 'explode' is none of"),
        (lambda d: _of_kind(d, "delete_topic"), "steps[0].change: topic is missing"),
        (lambda d: {**d, "steps": {}}, "steps: {} is not a list"),
        (lambda d: {**d, "touched": {}}, "is missing in touched"),
    ],
)
def test_a_damaged_plan_is_refused_with_its_place(
    damage: Callable[[dict[str, object]], object], message: str
):
    """Nothing is guessed, whatever its digest says: the message says where and what."""
    damaged = damage(to_document(PLAN))
    with pytest.raises(PlanUnreadableError) as caught:
        from_document(sealed(damaged) if isinstance(damaged, dict) else damaged, where="p.json")

    assert message in str(caught.value)
    assert caught.value.where == "p.json"


def _unsealed(document: dict[str, object]) -> object:
    return {name: value for name, value in document.items() if name != "digest"}


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: {**d, "made_ms": 2},
        lambda d: {**d, "steps": []},
        lambda d: {**d, "digest": "sha256:" + 64 * "0"},
        _unsealed,
    ],
)
def test_an_edited_plan_is_refused(edit: Callable[[dict[str, object]], object]):
    """What does not fit its digest was not reviewed, however well it is formed."""
    with pytest.raises(PlanUnreadableError, match="does not fit its digest") as caught:
        from_document(edit(to_document(PLAN)), where="p.json")

    assert caught.value.where == "p.json"
    assert "make a new plan" in (caught.value.fix or "")


def test_a_plan_that_is_only_written_otherwise_is_the_same():
    """Spaces and the order of members are no content."""
    document = to_document(PLAN)
    turned = dict(reversed([*document.items()]))

    assert from_document(json.loads(json.dumps(turned, indent=8)), where="p.json") == PLAN
