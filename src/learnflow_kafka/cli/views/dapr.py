"""Dapr resources as YAML documents, with what Dapr does otherwise as comments."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from learnflow_kafka.app.export_dapr import DaprResources


def as_yaml(found: DaprResources) -> str:
    """The resources as one YAML stream, notices first."""
    import yaml  # noqa: PLC0415 - for this form alone

    notes = "".join(_comment(notice) for notice in found.notices)
    return notes + yaml.safe_dump_all(
        found.resources, sort_keys=False, default_flow_style=False, explicit_start=True, width=100
    )


def _comment(notice: str) -> str:
    return textwrap.fill(notice, 100, initial_indent="# note: ", subsequent_indent="#   ") + "\n"


def as_json(found: DaprResources) -> dict[str, object]:
    """The same as one object."""
    return {
        "kind": "dapr",
        "version": 1,
        "resources": list(found.resources),
        "notices": list(found.notices),
    }
