from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from learnflow_kafka.core.dead_letters import (
    LONGEST_STACK,
    OURS,
    STACK,
    DeadLetter,
    Failure,
    Origin,
    headers,
    parse,
)

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
ORIGINS = st.builds(
    Origin,
    topic=WORDS.filter(bool),
    partition=st.integers(0, 9_999),
    offset=st.integers(0, 2**62),
    timestamp_ms=st.integers(0, 2**62),
    timestamp_type=WORDS,
    group=WORDS.filter(bool),
    service=WORDS,
)
LETTERS = st.builds(
    DeadLetter,
    ORIGINS,
    st.builds(Failure, error=WORDS, message=WORDS, stack=WORDS, cause=WORDS),
    attempts=st.integers(1, 99),
    failed_at_ms=st.integers(0, 2**62),
    reason=WORDS,
    due_ms=st.none() | st.integers(0, 2**62),
)


@given(LETTERS)
def test_a_dead_letter_reads_back_as_it_was_written(letter: DeadLetter) -> None:
    """Whatever it says, its headers say the same, and carry no other names than ours."""
    made = headers(letter)

    assert parse(made) == letter
    assert {name for name, _ in made} <= OURS


def test_a_record_that_is_no_dead_letter_is_none() -> None:
    """Missing or unreadable headers are no reason to guess."""
    letter = DeadLetter(Origin("t", 0, 1, 2, "", "g"), Failure("E", ""), 1, 3)
    broken = [(n, b"x" if n == "dlt-original-offset" else v) for n, v in headers(letter)]

    assert parse([]) is None
    assert parse([("content-type", b"application/json")]) is None
    assert parse(broken) is None


def test_a_long_stack_keeps_its_end() -> None:
    """The end of a stack trace names the error; a record must still fit into its topic."""
    stack = "x" * LONGEST_STACK + "ValueError: the end"
    letter = DeadLetter(Origin("t", 0, 1, 2, "", "g"), Failure("E", "", stack=stack), 1, 3)
    found = dict(headers(letter))[STACK]

    assert len(found) == LONGEST_STACK
    assert found.endswith(b"ValueError: the end")
