"""
One finding where one thing is wrong with several pods of a workload.

Rules judge pod by pod. Where their causes differ in nothing but the pod, the way out being the same
word for word, that is one fault with one way out.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.diagnosis.ranking import Ranked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from learnflow_kafka.core.diagnosis.causes import Cause
    from learnflow_kafka.core.diagnosis.evidence import Evidence

_HERE: Final = "\0"
"""Stands where the name did."""

_NUMBER: Final = re.compile(r"-\d{1,9}$")


def together(told: Sequence[Ranked], evidence: Evidence) -> tuple[Ranked, ...]:
    """The same causes in their order; those of one fault are one, where the first stood."""
    homes = _homes(evidence)
    joined: dict[int, Cause] = {}
    for roots in (True, False):  # what follows is joined where its roots are one
        for group in _groups([r for r in told if (r.of is None) is roots], joined, homes):
            joined |= dict.fromkeys(map(id, group), _one(group, homes))
    kept: dict[int, Ranked] = {}
    for ranked in told:
        cause = joined[id(ranked.cause)]
        of = None if ranked.of is None else joined[id(ranked.of)]
        kept.setdefault(id(cause), Ranked(cause, of))
    return tuple(kept.values())


def _groups(
    told: Iterable[Ranked], joined: Mapping[int, Cause], homes: Mapping[str, str]
) -> list[list[Cause]]:
    """Causes of one fault, which follow from the same one if from any."""
    found: dict[object, list[Cause]] = {}
    for ranked in told:
        cause = ranked.cause
        name = _named(cause, homes)
        pattern = _pattern(cause, name) if name is not None else cause.detail
        mine: object = id(cause)
        if name is not None and _HERE in pattern:
            of = None if ranked.of is None else id(joined.get(id(ranked.of)))
            mine = (cause.rule, cause.status, cause.remedy, pattern, homes[name], of)
        found.setdefault(mine, []).append(cause)
    return [*found.values()]


def _one(group: list[Cause], homes: Mapping[str, str]) -> Cause:
    if len(group) == 1:
        return group[0]
    by_name = {name: cause for cause in group if (name := _named(cause, homes)) is not None}
    names = [name for name in homes if name in by_name]
    causes = [by_name[name] for name in names]
    return replace(
        causes[0],
        about=tuple(dict.fromkeys(ref for cause in causes for ref in cause.about)),
        detail=_pattern(causes[0], names[0]).replace(_HERE, ", ".join(names)),
        proof=tuple(dict.fromkeys(proof for cause in causes for proof in cause.proof)),
    )


def _named(cause: Cause, homes: Mapping[str, str]) -> str | None:
    """The one pod, claim or process that a cause is about; None where it is about others too."""
    names = {re.split(r"[ /]", ref)[-1] for ref in cause.about}
    return next((name for name in names if name in homes), None) if len(names) == 1 else None


def _pattern(cause: Cause, name: str) -> str:
    """The sentence without the name; a host's name that begins with it is another word."""
    return re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)", _HERE, cause.detail)


def _homes(evidence: Evidence) -> dict[str, str]:
    """What each pod, claim and process is one of."""
    return {
        **{c.name: f"claims {_NUMBER.sub('', c.name)}" for c in evidence.claims},
        **{p.name: "this machine" for p in evidence.processes},
        **{p.name: p.owner or p.name for p in evidence.pods},
    }
