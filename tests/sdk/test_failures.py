from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sdk.notes import world

from learnflow_kafka.core.catalog import Ordering, Retries, RetryMode
from learnflow_kafka.core.dead_letters import Origin, Reason, parse
from learnflow_kafka.sdk.failures import (
    Again,
    Forward,
    GiveUp,
    Reject,
    Trial,
    decide,
    first_origin,
)

if TYPE_CHECKING:
    from learnflow_kafka.sdk.contract import Subscription

ORIGIN = Origin("notes", 1, 42, 1_000, "CreateTime", "readers", "reader")
BLOCKING = world(retries=Retries(attempts=3, backoff_ms=100, factor=2)).subscription
TOPICS = world(
    retries=Retries(attempts=2, backoff_ms=100, mode=RetryMode.TOPICS), ordering=Ordering.NONE
).subscription


def trial(attempts: int = 1, *, error: Exception | None = None, unreadable: bool = False) -> Trial:
    return Trial(ORIGIN, [("h", b"1")], attempts, error or ValueError("no"), 5_000, unreadable)


@given(st.integers(0, 20), st.integers(1, 10_000), st.floats(1, 10), st.integers(1, 100_000))
def test_every_event_ends_after_exactly_its_retries(
    attempts: int, backoff_ms: int, factor: float, longest_ms: int
) -> None:
    """N retries with growing waits within their bound, then the dead letters: never a loop."""
    retries = Retries(attempts, backoff_ms, factor, longest_ms)
    subscription = replace(BLOCKING, retries=retries)
    verdicts = [decide(subscription, trial(n)) for n in range(1, attempts + 2)]
    waits = [verdict.seconds for verdict in verdicts if isinstance(verdict, Again)]

    assert len(waits) == attempts
    assert waits == sorted(waits)
    assert all(wait <= longest_ms / 1000 for wait in waits)
    assert isinstance(verdicts[-1], Forward)


@pytest.mark.parametrize("subscription", [BLOCKING, TOPICS], ids=["blocking", "topics"])
@pytest.mark.parametrize(
    ("failed", "reason"),
    [
        (trial(unreadable=True), Reason.UNREADABLE),
        (trial(error=Reject("no such student")), Reason.REJECTED),
    ],
    ids=["unreadable", "rejected"],
)
def test_what_no_retry_can_help_is_not_retried(
    subscription: Subscription, failed: Trial, reason: Reason
) -> None:
    """Poison and rejected events go to the dead letters at the first try."""
    verdict = decide(subscription, failed)

    assert isinstance(verdict, Forward)
    assert verdict.topic.endswith(".dlt")
    assert verdict.reason is reason


def test_a_way_through_retry_topics_keeps_the_origin() -> None:
    """Each step has its own topic and due time; the headers still say where it all began."""
    first = decide(TOPICS, trial(1))
    assert isinstance(first, Forward)
    origin, attempts, due_ms = first_origin(
        Origin("notes.retry.1", 0, 7, 2_000, "", "readers"), first.headers
    )
    second = decide(TOPICS, replace(trial(attempts + 1), origin=origin, headers=first.headers))
    assert isinstance(second, Forward)
    letter = parse(second.headers)

    assert (first.topic, second.topic) == TOPICS.retry_topics
    assert (origin, attempts, due_ms) == (ORIGIN, 1, 5_100)
    assert letter is not None
    assert (letter.origin, letter.attempts, letter.due_ms) == (ORIGIN, 2, 5_200)
    assert second.headers[0] == ("h", b"1")


def test_without_a_dead_letter_topic_there_is_nowhere_to_go() -> None:
    """After the last retry the decision is to give up, never to skip."""
    subscription = replace(BLOCKING, dead_letter_topic=None)

    assert isinstance(decide(subscription, trial(4)), GiveUp)


def test_a_replayed_dead_letter_begins_afresh() -> None:
    """Headers without a due time are history: the record stands where it stands."""
    buried = decide(BLOCKING, trial(4))
    assert isinstance(buried, Forward)
    here = Origin("notes", 1, 99, 3_000, "", "readers")

    assert first_origin(here, buried.headers) == (here, 0, None)
