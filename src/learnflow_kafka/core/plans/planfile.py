"""
A plan as a JSON document: saved, reviewed, and carried out later.

The shape lands in users' pipelines: `VERSION` grows when a program that reads it would have
to change (see docs/compatibility.md). A digest seals the content, so that what is carried out is
what was reviewed. It guards against edits and damage, not against somebody who writes a plan and
its digest: who may apply a plan may do all that is in it anyway.
"""

from __future__ import annotations

import hashlib
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
DIGEST: Final = "digest"

_DOCUMENTS: Final = Documents(Notice, Fingerprint, Removed)


def to_document(plan: Plan) -> dict[str, object]:
    """The plan as JSON's own types; `from_document` gives back an equal plan."""
    return sealed({"kind": KIND, "version": VERSION, **_DOCUMENTS.encode(plan)})


def sealed(document: Mapping[str, object]) -> dict[str, object]:
    """The document with the digest of all its other members: SHA-256 of their shortest JSON."""
    body = {name: value for name, value in document.items() if name != DIGEST}
    # Escaped to ASCII: also a lone surrogate, which UTF-8 cannot say, has a digest.
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return {**body, DIGEST: f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"}


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
    if found.get(DIGEST) != sealed(found)[DIGEST]:
        raise PlanUnreadableError(
            "it is not as `learnflow plan` wrote it: its content does not fit its digest",
            where=where,
            fix="a plan cannot be edited: change the catalog and make a new plan: "
            "`learnflow plan --out FILE`",
        )
    body = {n: value for n, value in found.items() if n not in {"kind", "version", DIGEST}}
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
        "properties": {
            "kind": {"const": KIND},
            "version": {"const": VERSION},
            **top.properties,
            DIGEST: {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
        },
        "required": ["kind", "version", *top.properties, DIGEST],
        "additionalProperties": False,
        "$defs": {name: found.as_json() for name, found in sorted(definitions.items())},
    }


def schema_text() -> str:
    """The JSON Schema as it is published."""
    return json.dumps(json_schema(), indent=2) + "\n"
