"""
The exercises that there are, and which comes next.

An exercise's id is its topic and a number: `loops-1`; 0 is the topic's warm-up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Check:
    """One test of a solution: a Python expression and the value that it must have."""

    name: str
    call: str
    wanted: object


@dataclass(frozen=True, slots=True)
class Exercise:
    """What a student gets, and how a solution is tested."""

    id: str
    title: str
    difficulty: str
    checks: tuple[Check, ...]

    @property
    def topic(self) -> str:
        """What it practises."""
        return topic_of(self.id)


def topic_of(exercise_id: str) -> str:
    """The topic in an exercise's id: the part before its number."""
    return exercise_id.rpartition("-")[0] or exercise_id


_COURSE: Final = (
    Exercise(
        "loops-1",
        "Write sum_to(n): the sum of 1 to n.",
        "beginner",
        (
            Check("zero", "sum_to(0)", 0),
            Check("four", "sum_to(4)", 10),
            Check("hundred", "sum_to(100)", 5050),
        ),
    ),
    Exercise(
        "lists-1",
        "Write largest(items): the largest number; None for an empty list.",
        "beginner",
        (
            Check("one", "largest([7])", 7),
            Check("negative", "largest([-3, -1, -2])", -1),
            Check("empty", "largest([])", None),
        ),
    ),
    Exercise(
        "strings-1",
        "Write vowels(text): how many of its letters are vowels.",
        "beginner",
        (
            Check("none", "vowels('rhythm')", 0),
            Check("some", "vowels('banana')", 3),
            Check("capitals", "vowels('AEIOU')", 5),
        ),
    ),
)
_WARM_UPS: Final = (
    Exercise("loops-0", "Write twice(n): n added to itself.", "beginner",
             (Check("three", "twice(3)", 6),)),
    Exercise("lists-0", "Write first(items): its first item.", "beginner",
             (Check("first", "first([4, 5])", 4),)),
    Exercise("strings-0", "Write shout(text): it in capitals.", "beginner",
             (Check("hey", "shout('hey')", "HEY"),)),
)  # fmt: skip
_ALL: Final = {exercise.id: exercise for exercise in (*_COURSE, *_WARM_UPS)}

FIRST: Final = _COURSE[0]


def find(exercise_id: str) -> Exercise | None:
    """The exercise of that id."""
    return _ALL.get(exercise_id)


def after(exercise_id: str) -> Exercise | None:
    """The next exercise of the course; None after the last, and after a warm-up."""
    ids = [exercise.id for exercise in _COURSE]
    if exercise_id not in ids[:-1]:
        return None
    return _COURSE[ids.index(exercise_id) + 1]


def warm_up(exercise_id: str | None) -> Exercise:
    """An easier exercise of the same topic; the course's first topic where none is known."""
    topic = FIRST.topic if exercise_id is None else topic_of(exercise_id)
    return _ALL.get(f"{topic}-0", _WARM_UPS[0])
