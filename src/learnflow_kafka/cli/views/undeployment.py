"""How an undeploy looks: what it would remove, what it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learnflow_kafka.app.undeploy import Kept, Uninstalling, Wiped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from learnflow_kafka.app.undeploy import Leaving, UndeployEvent


def line(event: UndeployEvent) -> str:
    """One event in one line."""
    match event:
        case Uninstalling():
            return f"Helm removes release {event.release}; its pods end in their own time"
        case Kept():
            return f"kept the data: {_claims(event.claims)}; `learnflow deploy` takes it up again"
        case Wiped():
            return f"removed the data: {_claims(event.claims)}"


def question(found: Leaving, *, wipe: bool) -> str:
    """What the user is asked."""
    place = f"{found.place.release} in namespace {found.place.namespace}"
    if not wipe:
        return f"Remove release {place}? Its data stays."
    what = f"release {place} and" if found.release else "what is left of"
    return f"Remove {what} its data for good ({_claims(_names(found))})?"


def preview(found: Leaving, *, wipe: bool) -> str:
    """What an undeploy would do."""
    verb = "removed" if wipe else "kept"
    release = f"release {found.place.release} would be removed" if found.release else "no release"
    data = f"; {_claims(_names(found))} would be {verb}" if found.claims else ""
    return f"dry run: {release}{data}; nothing was changed"


def as_json(
    found: Leaving, events: Sequence[UndeployEvent], *, wipe: bool, dry_run: bool
) -> dict[str, object]:
    """The same for programs."""
    return {
        "kind": "undeploy",
        "version": 1,
        "dry_run": dry_run,
        "namespace": found.place.namespace,
        "release": found.place.release,
        "found": found.release,
        "removed": any(isinstance(e, Uninstalling) for e in events),
        "wipe": wipe,
        "claims": [
            {"name": c.name, "size": c.size, "volume": c.volume, "phase": c.phase}
            for c in found.claims
        ],
    }


def _names(found: Leaving) -> tuple[str, ...]:
    return tuple(claim.name for claim in found.claims)


def _claims(names: Sequence[str]) -> str:
    return f"claim{'' if len(names) == 1 else 's'} {', '.join(names)}"
