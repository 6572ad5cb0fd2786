"""
The lock of published events: `events.lock`, committed beside the catalog.

JSON, one line a field, so that two branches which publish different events merge. It holds
the digest of each version and one short digest a field, to name the field that changed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from learnflow_kafka.adapters.files.client import read_text
from learnflow_kafka.core.events.schemas import digest, field_digests
from learnflow_kafka.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from learnflow_kafka.core.catalog import Catalog

FILE: Final = "events.lock"
VERSION: Final = 1
_RENEW: Final = "restore it from version control, or remove it and run: learnflow validate --lock"

Entries = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Lock:
    """
    What is published: event -> version -> digest and digests of its fields.

    `name` is the file as people know it, `catalog` the catalog that it belongs to.
    """

    name: str = FILE
    catalog: str = "."
    entries: Entries = field(default_factory=dict)

    def digest(self, event: str, version: int) -> str | None:
        """The digest that was published, or None where this version was not."""
        entry = self.entries.get(event, {}).get(str(version))
        return str(entry["digest"]) if entry else None

    def fields(self, event: str, version: int) -> Mapping[str, str]:
        """The digests of a published version's fields."""
        return dict(self.entries.get(event, {}).get(str(version), {}).get("fields", {}))

    def versions(self, event: str) -> frozenset[int]:
        """The published versions of an event."""
        return frozenset(int(number) for number in self.entries.get(event, {}))

    def without(self, named: Collection[tuple[str, int]]) -> Lock:
        """The lock as if the named versions had not been published."""
        entries = {
            event: {n: entry for n, entry in versions.items() if (event, int(n)) not in named}
            for event, versions in self.entries.items()
        }
        return replace(self, entries=entries)


def beside(catalog: Path) -> Path:
    """Where the lock of a catalog (its file or folder) lies."""
    return (catalog if catalog.is_dir() else catalog.parent) / FILE


def read(catalog: Path, label: str | None = None) -> tuple[Lock, Problem | None]:
    """A catalog's lock, empty where there is none yet, and what is wrong with its file."""
    path = beside(catalog)
    name = f"{label}/{FILE}" if label else str(path)
    nothing = Lock(name, label or str(catalog))
    if not path.exists():
        return nothing, None
    source = read_text(path, name)
    if isinstance(source, Problem):
        return nothing, source
    try:
        content = json.loads(source.text)
    except json.JSONDecodeError as error:
        what = f"is not JSON: {error.msg} (an unfinished merge?)"
        return nothing, Problem(name, error.lineno, error.colno, "", what, _RENEW)
    except (ValueError, RecursionError):
        return nothing, Problem(name, 1, 1, "", "is not a lock of events", _RENEW)
    fault = _fault(content)
    if fault:
        return nothing, Problem(name, 1, 1, "", fault, _RENEW)
    return replace(nothing, entries=content["events"]), None


def _fault(content: object) -> str | None:
    if not isinstance(content, dict) or content.get("version") != VERSION:
        return f"is not a lock of version {VERSION}"
    events = content.get("events")
    if not isinstance(events, dict):
        return "has no events"
    for name, versions in events.items():
        if not isinstance(versions, dict) or not all(map(_well_formed, versions.items())):
            return f"does not say what is published of {name!r}"
    return None


def _well_formed(item: tuple[str, object]) -> bool:
    number, entry = item
    return (
        number.isascii()
        and number.isdigit()
        and isinstance(entry, dict)
        and isinstance(entry.get("digest"), str)
        and isinstance(entry.get("fields"), dict)
        and all(isinstance(value, str) for value in entry["fields"].values())
    )


def extended(lock: Lock, catalog: Catalog) -> tuple[Lock, tuple[tuple[str, int], ...]]:
    """The lock with the catalog's new versions, and which ones those are."""
    entries: Entries = {name: dict(versions) for name, versions in lock.entries.items()}
    added = []
    for event in catalog.events.values():
        for version in event.versions:
            if lock.digest(event.name, version.number) is not None:
                continue
            entries.setdefault(event.name, {})[str(version.number)] = {
                "digest": digest(version.schema),
                "fields": field_digests(version.schema),
            }
            added.append((event.name, version.number))
    return replace(lock, entries=entries), tuple(added)


def text(lock: Lock) -> str:
    """The lock's file: sorted, so that the same events always give the same bytes."""
    events = {
        name: {number: lock.entries[name][number] for number in sorted(lock.entries[name], key=int)}
        for name in sorted(lock.entries)
    }
    content = {
        "about": "Published event schemas; written by `learnflow validate --lock`. Commit it.",
        "version": VERSION,
        "events": events,
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
