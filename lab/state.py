"""What a running lab says about itself, in a file that is replaced whole."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from lab.places import Places

Phase = Literal["starting", "up", "failed"]


@dataclass(frozen=True, slots=True)
class State:
    """`detail` says what is being waited for, or what went wrong."""

    phase: Phase
    detail: str = ""


def write(places: Places, state: State) -> None:
    """Replace what the lab said before."""
    new = places.state.with_suffix(".new")
    new.write_text(json.dumps(asdict(state)), encoding="utf-8")
    new.replace(places.state)


def read(places: Places) -> State | None:
    """The last word; None where there is none."""
    try:
        return State(**json.loads(places.state.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
