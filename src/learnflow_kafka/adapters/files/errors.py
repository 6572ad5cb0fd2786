"""From what pydantic says to problems with a place, in words for the person who wrote it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, get_args

from pydantic import BaseModel

from learnflow_kafka.adapters.files.models import FileModel
from learnflow_kafka.adapters.files.nodes import Mark, Node, locate, shown_path
from learnflow_kafka.adapters.files.scalars import kind
from learnflow_kafka.core.kafka_configs import FIELD_OF_CONFIG
from learnflow_kafka.core.suggest import nearest
from learnflow_kafka.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pydantic_core import ErrorDetails

    from learnflow_kafka.adapters.files.client import Source

Path = tuple[str | int, ...]

_OTHER_NAMES: Final = {
    **FIELD_OF_CONFIG,
    "retention_ms": "retention",
    "retention_time": "retention",
    "ttl": "retention",
    "replication_factor": "replication",
    "replicas": "replication",
    "min_isr": "min_insync_replicas",
    "num_partitions": "partitions",
    "cleanup_policy": "cleanup",
    "max_message_bytes": "max_record",
    "configs": "config",
    "settings": "config",
    "team": "owner",
    "schema": "event",
    "schemas": "versions",
    "group_id": "group",
    "consumer_group": "group",
    "auto_offset_reset": "start",
    "dlq": "dead_letter",
    "dlt": "dead_letter",
    "envs": "environments",
    "tombstones": "deleted",
}
"""What other tools call our keys."""


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed file, for placing problems in it."""

    source: Source
    root: Node

    def problem(
        self, path: Sequence[object], what: str, instead: str | None = None, *, key: bool = False
    ) -> Problem:
        """A problem at the deepest part of the path that the file has."""
        mark, _ = locate(self.root, path, key=key)
        return self.problem_at(mark, path, what, instead)

    def problem_at(
        self, mark: Mark, path: Sequence[object], what: str, instead: str | None = None
    ) -> Problem:
        """A problem at a known position."""
        return Problem(self.source.name, mark.line, mark.column, shown_path(path), what, instead)


def model_problems(
    errors: Iterable[ErrorDetails], document: Document
) -> tuple[tuple[Path, Problem], ...]:
    """Each of pydantic's errors as a problem, with its path in the document."""
    found = []
    for error in errors:
        path = tuple(step for step in error["loc"] if step != "[key]")
        if error["input"] is None and error["type"] != "missing":
            continue  # a missing value was reported where it is missing
        what, instead = _words(error, path)
        on_key = error["type"] == "extra_forbidden" or error["loc"][-1:] == ("[key]",)
        found.append((path, document.problem(path, what, instead, key=on_key)))
    return tuple(found)


def _words(error: ErrorDetails, path: Path) -> tuple[str, str | None]:
    context: Mapping[str, str | None] = error.get("ctx") or {}
    if "what" in context:
        return str(context["what"]), context.get("instead")
    if error["type"] == "extra_forbidden":
        return _unknown_key(path)
    if error["type"] == "missing":
        return f"the key {str(path[-1])!r} is missing", f"write  {path[-1]}: ..."
    if error["type"] in {"model_type", "dict_type", "model_attributes_type"}:
        return (
            f"keys with values are expected here, not {kind(error['input'])}",
            "write  key: value  lines below, indented",
        )
    return f"{kind(error['input'])} does not fit here", None


def _unknown_key(path: Path) -> tuple[str, str | None]:
    key, known = str(path[-1]), sorted(_keys_at(path[:-1]))
    what = f"there is no key {key!r} here"
    other = _OTHER_NAMES.get(key.lower().replace("-", "_"), _OTHER_NAMES.get(key))
    near = other if other in known else nearest(key, known)
    if near:
        return what, f"did you mean {near!r}?"
    return what, f"known here: {', '.join(known)}"


def _keys_at(path: Path) -> set[str]:
    """The keys that the format knows at a path: models are followed as the path says."""
    model: type[BaseModel] = FileModel
    for step in path:
        field = model.model_fields.get(str(step))
        if field is not None:
            model = _model_in(field.annotation) or model
    return set(model.model_fields)


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_in(argument)
        if found:
            return found
    return None


def with_excerpts(problems: Iterable[Problem], texts: Mapping[str, str]) -> tuple[Problem, ...]:
    """The problems in order of place, each with the line that it speaks of."""
    lines = {name: text.splitlines() for name, text in texts.items()}
    shown = []
    for problem in sorted(set(problems), key=_order):
        known = lines.get(problem.file, ())
        line = known[problem.line - 1] if 0 < problem.line <= len(known) else None
        shown.append(replace(problem, excerpt=line) if line is not None else problem)
    return tuple(shown)


def _order(problem: Problem) -> tuple[str, int, int, str, str]:
    return (problem.file, problem.line, problem.column, problem.path, problem.what)
