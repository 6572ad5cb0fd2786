"""Event schemas: from a file or from the catalog itself, checked as JSON Schemas."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from learnflow_kafka.adapters.files import nodes
from learnflow_kafka.adapters.files.client import Source, read_text
from learnflow_kafka.adapters.files.errors import Document
from learnflow_kafka.adapters.files.nodes import Mapping, find
from learnflow_kafka.adapters.files.schema_keywords import unknown_keywords
from learnflow_kafka.adapters.files.schema_rules import schema_faults
from learnflow_kafka.core.catalog import Compatibility, Event, EventVersion
from learnflow_kafka.core.events.compatibility import breaks
from learnflow_kafka.core.events.schemas import changed_fields, digest, field_digests
from learnflow_kafka.errors import Problem

if TYPE_CHECKING:
    from learnflow_kafka.adapters.files.declare import Part
    from learnflow_kafka.adapters.files.lock import Lock
    from learnflow_kafka.adapters.files.models import EventModel


class _DuplicateKeyError(ValueError):
    """A JSON object names one key twice."""


class Reader:
    """
    Reads the schemas of events and holds them against the lock.

    `problems` are added to the list given; `unlocked` are versions the lock does not have, and
    `doubts` what is odd in those: what is published cannot be mended. `texts` are the schema
    files read, by name.
    """

    def __init__(self, problems: list[Problem], lock: Lock) -> None:
        self.unlocked: list[Problem] = []
        self.doubts: list[Problem] = []
        self.texts: dict[str, str] = {}
        self._problems = problems
        self._lock = lock

    def event(self, name: str, model: EventModel, part: Part) -> Event:
        """An event with every version that could be read, oldest first."""
        path = ("events", name)
        written = find(part.document.root, (*path, "versions"))
        if isinstance(written, Mapping) and not written.entries:
            self._problems.append(
                part.document.problem(
                    path, "an event needs a schema", "write `versions: {1: schemas/...json}`"
                )
            )
        read = (self._version(name, n, model.versions[n], part) for n in sorted(model.versions))
        event = Event(
            name=name,
            versions=tuple(version for version in read if version is not None),
            compatibility=model.compatibility or Compatibility.BACKWARD,
            description=model.description,
            place=part.place(*path),
        )
        self._against_lock(event, part)
        return event

    def _version(
        self, name: str, number: int, source: str | dict[str, Any], part: Part
    ) -> EventVersion | None:
        path: tuple[str | int, ...] = ("events", name, "versions", number)
        if isinstance(source, str):
            found = read_schema(source, part.document.source)
            if isinstance(found, Problem):
                missing = part.document.problem(path, f"{source} {found.what}", found.instead)
                self._problems.append(found if found.line else missing)
                return None
            document, schema = found
            self.texts[document.source.name] = document.source.text
            inside: tuple[str | int, ...] = ()
        else:
            document, schema, inside = part.document, source, path
        try:
            found_digest = digest(schema)
        except (ValueError, RecursionError):
            self._problems.append(document.problem(inside, "the schema holds more than JSON has"))
            return None
        version = EventVersion(number, schema, found_digest, part.place(*path))
        if self._lock.digest(name, number) == version.digest:
            return version
        faults = schema_faults(schema)
        self._problems += [
            document.problem((*inside, *where), f"is not a JSON Schema that can be used: {what}")
            for where, what in faults
        ]
        if faults:
            return None
        self.doubts += [
            document.problem((*inside, *where), what, instead, key=True)
            for where, what, instead in unknown_keywords(schema)
        ]
        return version

    def _against_lock(self, event: Event, part: Part) -> None:
        for position, version in enumerate(event.versions):
            known = self._lock.digest(event.name, version.number)
            if known is None:
                self._new(event, position, part)
            elif known != version.digest:
                self._changed(event, version, part)

        declared = {version.number for version in event.versions}
        declared |= {int(n) for n in _numbers(part, event.name)}
        for gone in sorted(self._lock.versions(event.name) - declared):
            self._problems.append(
                part.document.problem(
                    ("events", event.name, "versions"),
                    f"{event.name} v{gone} is published and is not declared any more",
                    "put it back: topics may still hold such events",
                )
            )

    def _changed(self, event: Event, version: EventVersion, part: Part) -> None:
        before = self._lock.fields(event.name, version.number)
        changed = changed_fields(before, field_digests(version.schema))
        self._problems.append(
            part.document.problem(
                ("events", event.name, "versions", version.number),
                f"{event.name} v{version.number} is published and must not change: "
                f"{', '.join(changed) or 'its schema was changed'}",
                f"leave version {version.number} as it was and add version "
                f"{event.versions[-1].number + 1}",
            )
        )

    def _new(self, event: Event, position: int, part: Part) -> None:
        """A version that is not published yet: it must keep what older ones promised."""
        version = event.versions[position]
        path = ("events", event.name, "versions", version.number)
        for what in breaks(event.versions[:position], version, event.compatibility):
            self._problems.append(
                part.document.problem(
                    path,
                    f"{event.name} v{version.number}: {what}",
                    f"keep it {event.compatibility} compatible, or send a new event",
                )
            )
        self.unlocked.append(
            part.document.problem(
                path,
                f"{event.name} v{version.number} is not in {self._lock.name}",
                f"publish it: learnflow validate {self._lock.catalog} --lock",
                key=True,
            )
        )


def _numbers(part: Part, event: str) -> list[str]:
    """The versions that the file names, readable or not."""
    written = find(part.document.root, ("events", event, "versions"))
    names = written.entries if isinstance(written, Mapping) else ()
    return [name for name in names if name.isascii() and name.isdigit()]


def read_schema(file: str, beside: Source) -> tuple[Document, dict[str, Any]] | Problem:
    """
    The schema in a file named relative to the file `beside`, and the file as a document.

    Returns a problem where the file is missing or holds no JSON object; its line is 0 where
    it concerns the file as a whole and belongs to the place that names it.
    """
    path = beside.path.parent / file
    name = str(Path(beside.name).parent / file) if "/" in beside.name else file
    source = read_text(path, name)
    if isinstance(source, Problem):
        return replace(source, line=0) if source.line == source.column == 1 else source
    try:
        schema = json.loads(
            source.text, object_pairs_hook=_unique_pairs, parse_constant=_no_constant
        )
    except json.JSONDecodeError as error:
        what, line = f"is not JSON: {error.msg}", source.text.split("\n")[error.lineno - 1]
        return Problem(name, error.lineno, error.colno, "", what, excerpt=line)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        return Problem(name, 0, 1, "", f"is not JSON that we take: {reason}")
    if not isinstance(schema, dict):
        return Problem(name, 0, 1, "", "holds no JSON object, which a schema is")
    if "\\u" in source.text and not _encodable(schema):
        return Problem(name, 0, 1, "", "has half of a surrogate pair, which is no character")
    root, _ = nodes.parse(source.text, name)
    return Document(source, root or nodes.Mapping(nodes.Mark(1, 1))), schema


def _encodable(schema: dict[str, Any]) -> bool:
    try:
        json.dumps(schema, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _DuplicateKeyError(f"the key {twice!r} stands in one object twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
