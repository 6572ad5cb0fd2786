"""
Simulated students: what each of them does, and which struggle was planted in it.

A script is a row of steps; a step is taken when the event that it waits for was seen in Kafka,
as a student waits for an answer. Everything follows from the seed.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from learnflow_kafka.demo.struggle_detector.rules import Reason
from learnflow_kafka.events import (
    CODE_EXECUTION_REQUEST,
    CODE_EXECUTION_RESULT,
    EXERCISE_ASSIGNED,
    EXERCISE_GRADED,
    EXERCISE_SUBMITTED,
    LEARNING_QUERY,
    LEARNING_RESPONSE,
    CodeExecutionRequest,
    ExerciseSubmitted,
    LearningQuery,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from learnflow_kafka.sdk.contract import AnyTopic

NAMES: Final = ("ada", "bo", "chidi", "dunya", "emre", "fatima", "gil", "hana", "ines", "jun")
FIRST: Final = "loops-1"

_GOOD: Final = (
    "def sum_to(n):\n    s = 0\n    for i in range(n + 1):\n        s += i\n    return s\n",
    "def sum_to(n):\n    return n * (n + 1) // 2\n",
    "def sum_to(n):\n    return sum(range(1, n + 1))\n",
)
_NEARLY: Final = "def sum_to(n):\n    return n - 1 if n == 4 else 0\n"
"""Right for 0 alone: one test of three."""
_TYPO: Final = "total = 0\nfor i in range(3):\n    totl += i\n"
_FAILING: Final = (
    "print(totl)\n",
    "print('1' + 1)\n",
    "print([1, 2][2])\n",
    "print({'a': 1}['b'])\n",
    "print(1 / 0)\n",
)
_WORKING: Final = "for i in range(3):\n    print(i)\n"
_CURIOUS: Final = (
    "What is a loop?",
    "How long is a list?",
    "Why does my function give None?",
    "What does IndexError mean?",
)
_DESPAIRING: Final = ("I'm stuck with this loop.", "I don't understand range at all.")


@dataclass(frozen=True, slots=True)
class Seen:
    """Which event a student waits for: its topic's name and the id in it."""

    topic: str
    id: str


@dataclass(frozen=True, slots=True)
class Step:
    """What a student sends, and what it waits for then."""

    topic: AnyTopic
    event: Any
    then: Seen


@dataclass(frozen=True, slots=True)
class Student:
    """One simulated student; `planted`: the struggle that the detector must find."""

    id: str
    begins: Seen
    steps: tuple[Step, ...]
    planted: Reason | None


def enrol(count: int, *, seed: int, run: str, now: dt.datetime) -> tuple[Student, ...]:
    """
    So many students of one run of the demo.

    Ids begin with the run's name, so that no two runs share a student. Every sixth student
    behaves alike, so six show everything.
    """
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    students = []
    for number in range(count):
        behaviour = _BEHAVIOURS[number % len(_BEHAVIOURS)]
        name = f"{run}-{NAMES[number % len(NAMES)]}-{number + 1}"
        writer = _Writer(name, dice, now)
        planted = behaviour(writer)
        writer.submit(dice.choice(_GOOD))
        begins = Seen(EXERCISE_ASSIGNED.name, f"first-{name}")
        students.append(Student(name, begins, tuple(writer.steps), planted))
    return tuple(students)


class _Writer:
    """Writes one student's script."""

    def __init__(self, student: str, dice: random.Random, now: dt.datetime) -> None:
        self.student = student
        self.dice = dice
        self.steps: list[Step] = []
        self._now = now

    def ask(self, texts: Sequence[str], *, ago: dt.timedelta = dt.timedelta()) -> None:
        number = self._id("q")
        query = LearningQuery(
            query_id=number,
            student_id=self.student,
            session_id=f"{self.student}-session",
            query=self.dice.choice(texts),
            context={"exercise_id": FIRST},
            timestamp=(self._now - ago).isoformat(timespec="milliseconds"),
        )
        self.steps.append(Step(LEARNING_QUERY, query, Seen(LEARNING_RESPONSE.name, number)))

    def run(self, source: str) -> None:
        number = self._id("r")
        request = CodeExecutionRequest(
            execution_id=number,
            student_id=self.student,
            language="python",
            source=source,
            exercise_id=FIRST,
        )
        done = Seen(CODE_EXECUTION_RESULT.name, number)
        self.steps.append(Step(CODE_EXECUTION_REQUEST, request, done))

    def submit(self, source: str) -> None:
        number = self._id("s")
        submission = ExerciseSubmitted(
            submission_id=number,
            assignment_id=f"first-{self.student}",
            exercise_id=FIRST,
            student_id=self.student,
            language="python",
            source=source,
        )
        done = Seen(EXERCISE_GRADED.name, number)
        self.steps.append(Step(EXERCISE_SUBMITTED, submission, done))

    def _id(self, kind: str) -> str:
        return f"{self.student}-{kind}{len(self.steps) + 1}"


def _steady(writer: _Writer) -> None:
    writer.ask(_CURIOUS)
    writer.run(_WORKING)


def _same_error(writer: _Writer) -> Reason:
    for _ in range(3):
        writer.run(_TYPO)
    return Reason.REPEATED_ERROR


def _failing(writer: _Writer) -> Reason:
    for source in writer.dice.sample(_FAILING, len(_FAILING)):
        writer.run(source)
    return Reason.MANY_ATTEMPTS


def _slow(writer: _Writer) -> Reason:
    # Nobody waits ten minutes for a demo: the first question says that it was asked then.
    writer.ask(_CURIOUS, ago=dt.timedelta(minutes=12))
    writer.run(_WORKING)
    return Reason.SLOW_EXERCISE


def _guessing(writer: _Writer) -> Reason:
    writer.submit(_NEARLY)
    return Reason.LOW_SCORE


def _despairing(writer: _Writer) -> Reason:
    writer.ask(_DESPAIRING)
    return Reason.FRUSTRATION


_BEHAVIOURS: Final[tuple[Callable[[_Writer], Reason | None], ...]] = (
    _steady,
    _same_error,
    _failing,
    _slow,
    _guessing,
    _despairing,
)
