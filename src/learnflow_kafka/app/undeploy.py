"""Undeploy: a release goes; its data stays, unless it is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from learnflow_kafka.core.checks.evidence import Unknown
from learnflow_kafka.core.deploying import installed
from learnflow_kafka.errors import KubernetesError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from learnflow_kafka.core.connection import Kubernetes
    from learnflow_kafka.core.kubernetes import Claim
    from learnflow_kafka.core.platform import Platform, Releases

PATIENCE = 480.0
"""Seconds for the pods to end: each may take seven minutes to hand its partitions over."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """What is there: whether a release is, and the claims, whose names `data` has."""

    place: Kubernetes
    release: bool
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Uninstalling:
    """Helm removes the release; its pods end in their own time."""

    release: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The claims that stay, with the data of every broker and the cluster's id."""

    claims: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wiped:
    """The claims that were deleted, and with them the data."""

    claims: tuple[str, ...]


UndeployEvent: TypeAlias = Uninstalling | Kept | Wiped


def leaving(place: Kubernetes, platform: Platform, releases: Releases) -> Leaving:
    """
    What an undeploy would find; nothing is changed.

    Raises KubernetesError where it cannot be read: data is never removed on a guess.
    """
    releases.version()
    history = releases.history(place.release)
    claims = platform.snapshot().claims
    if isinstance(claims, Unknown):
        raise KubernetesError(claims.reason, fix=claims.fix)
    return Leaving(place, installed(history), claims)


def undeploy(
    found: Leaving, platform: Platform, releases: Releases, *, wipe: bool
) -> Iterator[UndeployEvent]:
    """Remove the release, and its data where `wipe` says so; can be run again."""
    if found.release:
        yield Uninstalling(found.place.release)
        releases.uninstall(found.place.release, timeout=PATIENCE)
    names = tuple(claim.name for claim in found.claims)
    if not names:
        return
    if wipe:
        platform.delete_claims(names)
        yield Wiped(names)
    else:
        yield Kept(names)
