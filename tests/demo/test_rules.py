"""When a student is stuck."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from learnflow_kafka.demo.struggle_detector import rules
from learnflow_kafka.demo.struggle_detector.memory import Memory
from learnflow_kafka.demo.struggle_detector.rules import Noticed, Reason, State
from learnflow_kafka.events import CodeExecutionResult, ExerciseGraded, LearningQuery

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def run(number: int, error: str | None = None, exercise: str = "loops-1") -> CodeExecutionResult:
    return CodeExecutionResult(
        execution_id=f"r{number}",
        student_id="s",
        exit_code=0 if error is None else 1,
        stdout="",
        stderr="" if error is None else f"Traceback ...\n{error}: what it says",
        duration_ms=1,
        error_type=None if error is None else "runtime",
        exercise_id=exercise,
    )


def query(text: str = "Why?", number: int = 1) -> LearningQuery:
    context: dict[str, Any] = {"exercise_id": "loops-1"}
    return LearningQuery(query_id=f"q{number}", student_id="s", query=text, context=context)


def grade(score: float, number: int = 1) -> ExerciseGraded:
    return ExerciseGraded(
        submission_id=f"g{number}",
        exercise_id="loops-1",
        student_id="s",
        score=score,
        passed=score == 1,
    )


def seen(*events: tuple[Any, int]) -> list[str]:
    """The reasons found in events, each with the minute at which it happened."""
    found, state = [], State()
    for event, minute in events:
        noticed = _rule(event)(state, event, NOW + dt.timedelta(minutes=minute))
        state = noticed.state
        found += [struggle.reason for struggle in noticed.found]
    return found


def _rule(event: object) -> Any:
    by_class: dict[type, Any] = {
        LearningQuery: rules.after_query,
        CodeExecutionResult: rules.after_result,
        ExerciseGraded: rules.after_grade,
    }
    return by_class[type(event)]


def test_the_same_error_three_times_is_a_struggle():
    """Not two times, and good runs between do not matter."""
    two = [(run(1, "NameError"), 0), (run(2, "NameError"), 0)]

    assert seen(*two) == []
    assert seen(*two, (run(3), 0), (run(4, "NameError"), 0)) == [Reason.REPEATED_ERROR]


def test_errors_of_different_types_or_exercises_are_not_the_same():
    """Three errors, none of them three times."""
    names = [(run(1, "NameError"), 0), (run(2, "NameError"), 0)]

    assert seen(*names, (run(3, "TypeError"), 0)) == []
    assert seen(*names, (run(3, "NameError", "lists-1"), 0)) == []


def test_five_failed_runs_in_a_row_are_a_struggle():
    """A good run begins the count anew."""
    errors = ("NameError", "TypeError", "KeyError", "IndexError", "ValueError")
    failing = [(run(n, error), 0) for n, error in enumerate(errors)]

    assert seen(*failing) == [Reason.MANY_ATTEMPTS]
    assert seen(*failing[:4], (run(9), 0), failing[4]) == []


def test_ten_minutes_on_one_exercise_are_a_struggle_once():
    """Told once an exercise; work on another one does not count."""
    begun = (query(), 0)

    assert seen(begun, (run(1), 9)) == []
    assert seen(begun, (run(1, exercise="lists-1"), 30)) == []
    assert seen(begun, (run(1), 10), (run(2), 20)) == [Reason.SLOW_EXERCISE]


def test_the_order_of_topics_does_not_matter_for_time():
    """The first sign of work may arrive after a later one."""
    assert seen((run(1), 12), (query(), 0)) == [Reason.SLOW_EXERCISE]


def test_a_passed_exercise_is_done_with():
    """Its time and its errors count no more."""
    errors = [(run(1, "NameError"), 0), (run(2, "NameError"), 0)]

    assert seen(*errors, (grade(1), 1), (run(3, "NameError"), 30)) == []


@pytest.mark.parametrize(("score", "found"), [(0.49, [Reason.LOW_SCORE]), (0.5, []), (1, [])])
def test_a_score_under_a_half_is_a_struggle(score: float, found: list[str]):
    """Half is enough."""
    assert seen((grade(score), 0)) == found


@pytest.mark.parametrize("text", ["I'm STUCK", "I don't get it", "i don't understand lists"])
def test_a_student_who_says_so_is_believed(text: str):
    """In any spelling of capitals."""
    assert seen((query(text), 0)) == [Reason.FRUSTRATION]


def test_an_event_that_comes_again_is_not_counted_again():
    """A redelivery changes neither the state nor what is found."""
    thrice = [(run(1, "NameError"), 0)] * 3

    assert seen(*thrice) == []
    assert seen((query("stuck"), 0), (query("stuck"), 0)) == [Reason.FRUSTRATION]


def test_a_finding_is_named_by_its_cause_and_shows_its_evidence():
    """The same events give the same id; the evidence is the three runs."""
    state, noticed = State(), Noticed(State())
    for number in (1, 2, 3):
        noticed = rules.after_result(state, run(number, "NameError"), NOW)
        state = noticed.state
    (struggle,) = noticed.found

    assert struggle.struggle_id == "repeated_error-r3"
    assert [e.id for e in struggle.evidence or ()] == ["r1", "r2", "r3"]
    assert (struggle.evidence or [])[0].detail == "NameError"


def test_a_restart_forgets_nothing(tmp_path: Path):
    """What was stored is there when the database is opened again, in every field."""
    state = rules.after_query(State(), query(), NOW).state
    state = rules.after_result(state, run(1, "NameError"), NOW + dt.timedelta(hours=1)).state
    memory = Memory(tmp_path / "students.db")
    memory.put("s", state)
    memory.close()
    again = Memory(tmp_path / "students.db")

    assert again.get("s") == state
    assert again.get("t") == State()
    again.close()
