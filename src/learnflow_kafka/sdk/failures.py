"""
What happens to an event that could not be handled: decided here, done by workers.

Pure: time comes in as an argument.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from learnflow_kafka.core.catalog import RetryMode
from learnflow_kafka.core.dead_letters import OURS, DeadLetter, Failure, Reason, headers, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from learnflow_kafka.core.dead_letters import Origin
    from learnflow_kafka.sdk.contract import Subscription

Pairs: TypeAlias = "Sequence[tuple[str, bytes | None]]"


class Reject(Exception):  # noqa: N818 - what a handler says, not what befell it
    """
    Raised by a handler: this event cannot be handled, and no retry will help.

    It goes to the dead letters at once.
    """


@dataclass(frozen=True, slots=True)
class Again:
    """Try again in place after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Forward:
    """Write the record, with these headers, to another topic; then it is done with here."""

    topic: str
    headers: list[tuple[str, bytes | None]]
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class GiveUp:
    """There is nowhere to put the event: the service must stop rather than lose it."""


Verdict: TypeAlias = Again | Forward | GiveUp


@dataclass(frozen=True, slots=True)
class Trial:
    """One failed try: of which record, the how-many-th, with what error, when."""

    origin: Origin
    headers: Pairs
    attempts: int
    error: BaseException
    now_ms: int
    unreadable: bool = False


def first_origin(origin: Origin, record_headers: Pairs) -> tuple[Origin, int, int | None]:
    """
    Where a record stood first, how often it was tried before, and when it is due.

    A record in a retry topic says so in its headers; any other stands where it stood first.
    A dead letter that somebody sent back keeps no such headers.
    """
    if any(name in OURS for name, _ in record_headers):
        earlier = parse(record_headers)
        if earlier is not None and earlier.due_ms is not None:
            return earlier.origin, earlier.attempts, earlier.due_ms
    return origin, 0, None


def decide(subscription: Subscription, trial: Trial) -> Verdict:
    """What is to be done after a failed try."""
    rejected = isinstance(trial.error, Reject)
    retries = subscription.retries
    if not trial.unreadable and not rejected and trial.attempts <= retries.attempts:
        delay_ms = retries.delays_ms()[trial.attempts - 1]
        if retries.mode is RetryMode.BLOCKING:
            return Again(delay_ms / 1000)
        return _forward(
            subscription.retry_topics[trial.attempts - 1], trial, due_ms=trial.now_ms + delay_ms
        )
    if subscription.dead_letter_topic is None:
        return GiveUp()
    reason = Reason.EXHAUSTED
    if trial.unreadable:
        reason = Reason.UNREADABLE
    elif rejected:
        reason = Reason.REJECTED
    return _forward(subscription.dead_letter_topic, trial, reason=reason)


def _forward(
    topic: str, trial: Trial, *, reason: Reason | None = None, due_ms: int | None = None
) -> Forward:
    letter = DeadLetter(
        trial.origin,
        describe(trial.error),
        attempts=trial.attempts,
        failed_at_ms=trial.now_ms,
        reason=reason or "",
        due_ms=due_ms,
    )
    kept = [pair for pair in trial.headers if pair[0] not in OURS]
    return Forward(topic, [*kept, *headers(letter)], reason)


def describe(error: BaseException) -> Failure:
    """An exception as text: its class, its cause's, its message and its stack."""
    cause = error.__cause__ or error.__context__
    return Failure(
        error=_qualified(error),
        message=str(error),
        stack="".join(traceback.format_exception(error)),
        cause="" if cause is None else _qualified(cause),
    )


def _qualified(error: BaseException) -> str:
    kind = type(error)
    return f"{kind.__module__}.{kind.__qualname__}"
