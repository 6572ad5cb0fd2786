"""
Evidence as a JSON document: saved by one person, judged by another.

The shape lands in users' files: `VERSION` grows when a program that reads it would have to
change (docs/compatibility.md).
"""

from __future__ import annotations

from typing import Final

from learnflow_kafka.core import observed
from learnflow_kafka.core.diagnosis import objects
from learnflow_kafka.core.diagnosis.evidence import Evidence
from learnflow_kafka.core.documents import DocumentError, Documents
from learnflow_kafka.errors import UsageError

KIND: Final = "evidence"
VERSION: Final = 1

_NAMES: Final = [
    found
    for module in (objects, observed)
    for found in vars(module).values()
    if isinstance(found, type) and found.__module__ == module.__name__
]
_DOCUMENTS: Final = Documents(*_NAMES)


def to_document(evidence: Evidence) -> dict[str, object]:
    """The evidence as JSON's own types; `from_document` gives back an equal value."""
    return {"kind": KIND, "version": VERSION, **_DOCUMENTS.encode(evidence)}


def from_document(found: object, *, where: str) -> Evidence:
    """
    The evidence in a document; `where` names its file for messages.

    Raises UsageError, naming the place inside, for anything else.
    """
    again = "write one with `learnflow doctor --save FILE`"
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise UsageError("this is not the evidence of a diagnosis", where=where, fix=again)
    if found.get("version") != VERSION:
        raise UsageError(
            f"it is evidence of version {found.get('version')!r}; this learnflow reads version "
            f"{VERSION}",
            where=where,
            fix=again,
        )
    body = {name: value for name, value in found.items() if name not in {"kind", "version"}}
    try:
        evidence: Evidence = _DOCUMENTS.coder(Evidence).decode(body, "")
    except DocumentError as error:
        raise UsageError(f"the evidence is damaged: {error}", where=where, fix=again) from error
    return evidence
