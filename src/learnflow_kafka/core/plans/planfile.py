"""
A plan as a JSON document: saved, reviewed, and carried out later.

The shape lands in users' pipelines: `VERSION` grows when a program that reads it would have
to change (see docs/compatibility.md).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.documents import DocumentError, Documents
from learnflow_kafka.core.plans.desired import Notice
from learnflow_kafka.core.plans.fingerprint import Fingerprint
from learnflow_kafka.core.plans.plan import Plan, Step
from learnflow_kafka.core.plans.retention import Removed
from learnflow_kafka.errors import PlanUnreadableError

if TYPE_CHECKING:
    from collections.abc import Mapping

KIND: Final = "plan"
VERSION: Final = 2

_DOCUMENTS: Final = Documents(Notice, Fingerprint, Removed)


def to_document(plan: Plan) -> dict[str, object]:
    """The plan as JSON's own types; `from_document` gives back an equal plan."""
    return {"kind": KIND, "version": VERSION, **_DOCUMENTS.encode(plan)}


def step_document(step: Step) -> object:
    """One step as it stands in a plan's document."""
    return _DOCUMENTS.coder(Step).encode(step)


def from_document(found: object, *, where: str) -> Plan:
    """
    The plan in a document; `where` names its file for messages.

    Raises PlanUnreadableError, naming the place inside, for anything else.
    """
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise PlanUnreadableError(
            "this is not a plan", where=where, fix="write one with `learnflow plan --out FILE`"
        )
    if found.get("version") != VERSION:
        raise PlanUnreadableError(
            f"it is a plan of version {found.get('version')!r}; this learnflow reads version "
            f"{VERSION}",
            where=where,
            fix="make a new plan with this version: `learnflow plan --out FILE`",
        )
    body = {name: value for name, value in found.items() if name not in {"kind", "version"}}
    try:
        plan: Plan = _DOCUMENTS.coder(Plan).decode(body, "")
        _refuse_unseen(plan)
    except DocumentError as error:
        raise PlanUnreadableError(
            f"the plan is damaged: {error}",
            where=where,
            fix="make a new plan: `learnflow plan --out FILE`",
        ) from error
    return plan


def _refuse_unseen(plan: Plan) -> None:
    """A step on a topic whose state the plan did not see was written in by hand."""
    for number, step in enumerate(plan.steps):
        if step.topic not in plan.touched:
            raise DocumentError(f"steps[{number}]: {step.topic!r} is missing in touched")


def json_schema() -> Mapping[str, object]:
    """The JSON Schema of a plan's document."""
    definitions = dict(_DOCUMENTS.schemas(Plan))
    top = definitions.pop("Plan")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A learnflow plan",
        "description": top.summary,
        "type": "object",
        "properties": {"kind": {"const": KIND}, "version": {"const": VERSION}, **top.properties},
        "required": ["kind", "version", *top.properties],
        "additionalProperties": False,
        "$defs": {name: found.as_json() for name, found in sorted(definitions.items())},
    }


def schema_text() -> str:
    """The JSON Schema as it is published."""
    return json.dumps(json_schema(), indent=2) + "\n"
