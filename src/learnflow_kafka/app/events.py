"""
What happens while a plan is carried out, one value an event.

The command line prints them as they come; programs get them as a list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from learnflow_kafka.core.plans.plan import Blocked, Plan, Step
    from learnflow_kafka.core.ports import Fault


@dataclass(frozen=True, slots=True)
class Waiting:
    """Fewer brokers are there than the environment names; asking again."""

    alive: int
    wanted: int


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan that is carried out from here on."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class Done:
    """A step is done; `number` counts from 1; `note` says what was unusual about it."""

    number: int
    step: Step
    note: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The broker refused a step, or its outcome could not be found out."""

    number: int
    step: Step
    fault: Fault


@dataclass(frozen=True, slots=True)
class Skipped:
    """A step was not tried, because an earlier one of its topic failed."""

    number: int
    step: Step
    why: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """The run ends before the plan does; an error follows. What was done stays done."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Proved:
    """
    A second plan was made: `left` are its steps that should not be there.

    `later` are the coming steps of retention cuts that the policy softens. `blocked` are all
    blocked topics, `unseen` those of them that this run changed: what was done cannot be seen.
    """

    left: tuple[Step, ...]
    later: tuple[Step, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    unseen: tuple[Blocked, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is left that this apply should have done."""
        return not self.left and not self.unseen


Event = Waiting | Planned | Done | Failed | Skipped | Stopped | Proved


def succeeded(events: Sequence[Event]) -> bool:
    """Whether everything was done and proved, and nothing blocked."""
    proofs = [e for e in events if isinstance(e, Proved)]
    broken = any(isinstance(e, Failed | Skipped | Stopped) for e in events)
    return bool(proofs) and proofs[-1].empty and not proofs[-1].blocked and not broken
