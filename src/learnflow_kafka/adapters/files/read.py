"""
From files to a catalog, or to every problem at once.

Steps: decode, parse, check each file's shape, bring the files together, apply the core's
rules, check event schemas against their lock. A step that finds problems does not stop the
next: what is wrong is set aside, so that everything else is still checked in the same run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from learnflow_kafka.adapters.files import client, lock, merge, nodes
from learnflow_kafka.adapters.files.declare import Part
from learnflow_kafka.adapters.files.errors import Document, model_problems, with_excerpts
from learnflow_kafka.adapters.files.lock import Lock
from learnflow_kafka.adapters.files.models import VERSION, FileModel
from learnflow_kafka.adapters.files.scalars import kind
from learnflow_kafka.core import validation
from learnflow_kafka.errors import CatalogError, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from learnflow_kafka.adapters.files.errors import Path as Steps
    from learnflow_kafka.core.catalog import Catalog

_ROUNDS: Final = 6
_STAND_INS: Final = {"version": VERSION, "reason": "(missing)", "versions": {}}
"""What takes the place of a missing key, so that the rest can be checked."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """
    A catalog that can be used, what is doubtful in it, and what the lock does not know yet.

    `warnings` never forbid anything; `unlocked` are versions of events that nobody has
    locked: fine while writing them, not for publishing. `lock` is what is published.
    """

    catalog: Catalog
    warnings: tuple[Problem, ...] = ()
    unlocked: tuple[Problem, ...] = ()
    lock: Lock = field(default_factory=Lock)


@dataclass(slots=True)
class _Findings:
    """What was found so far, and which paths were set aside because of it."""

    problems: list[Problem] = field(default_factory=list)
    set_aside: list[Steps] = field(default_factory=list)

    def covers(self, path: Steps) -> bool:
        """Whether the path, or what it stands in, was reported already."""
        return any(path[: len(aside)] == aside for aside in self.set_aside)


def load(
    path: Path, label: str | None = None, *, renew: Collection[tuple[str, int]] = ()
) -> Loaded:
    """
    The catalog in a file or folder; `label` replaces the path in messages.

    `renew` names published versions of events that may change all the same.

    Raises CatalogError with every problem.
    """
    sources, problems = client.collect(path, label)
    findings = _Findings(list(problems))
    texts = {source.name: source.text for source in sources}
    parts = [part for source in sources if (part := _read_file(source, findings)) is not None]
    if not parts:
        raise CatalogError(with_excerpts(findings.problems, texts))
    known, fault = lock.read(path, label)
    known = known.without(renew)
    findings.problems += [fault] if fault else []
    name = path.stem if path.is_file() else path.resolve().name
    merged = merge.merge(parts, known, name=name or "catalog")
    findings.problems += merged.problems
    texts.update(merged.texts)
    catalog = merged.catalog
    for flaw in validation.flaws(catalog):
        if not findings.covers(flaw.path):
            findings.problems.append(place(flaw, parts))
    # What was set aside is missing in the catalog, and would be doubted for that.
    doubts = () if findings.set_aside else validation.doubts(catalog)
    placed = (place(flaw, parts) for flaw in doubts)
    warnings = with_excerpts([*merged.doubts, *placed], texts)
    if findings.problems:
        raise CatalogError(with_excerpts(findings.problems, texts), warnings)
    return Loaded(catalog, warnings, with_excerpts(merged.unlocked, texts), known)


def place(flaw: validation.Flaw, parts: Iterable[Part]) -> Problem:
    """A flaw of the catalog as a problem of the file that says it."""
    candidates = [_place_in(flaw, part) for part in parts]
    _, part, mark = max(candidates, key=lambda found: found[0])
    return part.document.problem_at(mark, flaw.path, flaw.what, flaw.instead)


def _place_in(flaw: validation.Flaw, part: Part) -> tuple[int, Part, nodes.Mark]:
    root = part.document.root
    mark, steps = nodes.locate(root, flaw.path)
    if steps == 2 and len(flaw.path) > 2 and flaw.path[0] == "topics":  # noqa: PLR2004
        # The topic is here and does not say it itself: its file's defaults may.
        inherited, depth = nodes.locate(root, ("defaults", *flaw.path[2:]))
        if depth > 1:
            return steps, part, inherited
    return steps, part, mark


def _read_file(source: client.Source, findings: _Findings) -> Part | None:
    root, problems = nodes.parse(source.text, source.name)
    findings.problems += problems
    if root is None:
        if not problems:
            findings.problems.append(_empty(source))
        return None
    document = Document(source, root)
    fault = _version_fault(root, document)
    if fault:
        findings.problems.append(fault)
        return None
    missing = dict(nodes.nulls(root))
    for path, mark in missing.items():
        if not _in_schema(path) and not (len(path) == 2 and path[0] == "topics"):  # noqa: PLR2004
            findings.problems.append(
                document.problem_at(mark, path, "the value is missing", _missing_hint(path))
            )
    value = _without_nulls(nodes.plain_value(root), ())
    return _check(value, document, findings, missing.keys())


def _empty(source: client.Source) -> Problem:
    what = "is empty, or holds only comments"
    return Problem(source.name, 1, 1, "", what, f"begin it with `version: {VERSION}`")


def _version_fault(root: nodes.Node, document: Document) -> Problem | None:
    """The version comes first: a newer format may mean anything by its other keys."""
    if not isinstance(root, nodes.Mapping):
        what = "a catalog is keys with values, such as `topics:`"
        return document.problem_at(root.mark, (), what, f"begin with `version: {VERSION}`")
    entry = root.entries.get("version")
    if entry is None:
        what = "the key 'version' is missing, so this may be any YAML"
        return document.problem_at(root.mark, (), what, f"begin with `version: {VERSION}`")
    value = nodes.plain_value(entry.value)
    if type(value) is int and value == VERSION:
        return None
    newer = type(value) is int and value > VERSION
    what = (
        f"format {value} is newer than this learnflow, which reads {VERSION}"
        if newer
        else f"{kind(value)} is no version of this format"
    )
    instead = "use a newer learnflow-kafka" if newer else f"write `version: {VERSION}`"
    return document.problem(("version",), what, instead)


def _in_schema(path: tuple[object, ...]) -> bool:
    return len(path) > 4 and path[0] == "events" and path[2] == "versions"  # noqa: PLR2004


def _missing_hint(path: tuple[object, ...]) -> str:
    if len(path) == 1:
        return "indent its entries below it, or remove the line"
    if path[-2:-1] == ("consumes",):
        return "write {} to take every default"
    return "write one, or remove the line"


def _without_nulls(value: object, path: tuple[object, ...]) -> Any:
    if _in_schema((*path, "")):
        return value
    if isinstance(value, dict):
        if path == ("topics",):
            value = {key: {} if item is None else item for key, item in value.items()}
        return {
            key: _without_nulls(item, (*path, key))
            for key, item in value.items()
            if item is not None
        }
    if isinstance(value, list):
        return [_without_nulls(item, path) for item in value if item is not None]
    return value


def _check(
    value: Any, document: Document, findings: _Findings, missing: Collection[tuple[object, ...]]
) -> Part | None:
    """The file's model; wrong parts are reported, set aside, and the rest checked again."""
    for turn in range(_ROUNDS):
        try:
            return Part(document, FileModel.model_validate(value))
        except ValidationError as error:
            found = model_problems(error.errors(include_url=False), document)
        for path, problem in found:
            if path not in missing and not (turn and findings.covers(path)):
                findings.problems.append(problem)
        findings.set_aside += [path for path, _ in found]
        for path, _ in found:
            _set_aside(value, path)
    return None


def _set_aside(value: Any, path: Steps) -> None:
    """Take the deepest part of a path out of a document, or put in what is missing there."""
    for step in path[:-1]:
        deeper = value.get(step) if isinstance(value, dict) else None
        if not isinstance(deeper, dict):
            break
        value = deeper
    else:
        step = path[-1]
        if not isinstance(value, dict):
            return
        if step in value:
            del value[step]
        elif step in _STAND_INS:
            value[step] = _STAND_INS[step]
        return
    if isinstance(value, dict):
        value.pop(step, None)
