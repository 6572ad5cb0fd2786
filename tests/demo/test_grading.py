"""From a submission to a grade, with the real runner between."""

from __future__ import annotations

import pytest

from learnflow_kafka.demo.code_runner import service as code_runner
from learnflow_kafka.demo.code_runner.runner import Limits, run
from learnflow_kafka.demo.exercises import bank, grading
from learnflow_kafka.events import ExerciseGraded, ExerciseSubmitted, StruggleDetected

LOOPS = bank.FIRST


def graded(source: str, submission: str = "sub-1") -> ExerciseGraded:
    """The grade of a solution of the first exercise."""
    submitted = ExerciseSubmitted(
        submission_id=submission, exercise_id=LOOPS.id, student_id="s", source=source
    )
    request = grading.request(LOOPS, submitted)
    outcome = run(request.source, limits=Limits(wall_seconds=60, cpu_seconds=20))
    return grading.grade(LOOPS, code_runner.result(request, outcome), submission)


def test_a_right_solution_passes():
    """Every test passes, and the score is one."""
    grade = graded("def sum_to(n): return sum(range(n + 1))")

    assert (grade.submission_id, grade.score, grade.passed) == ("sub-1", 1, True)


def test_a_nearly_right_solution_gets_its_share():
    """Two of three, and the student sees which call gave what."""
    grade = graded("def sum_to(n): return n * (n + 1) // 2 if n < 9 else 0")

    assert (grade.score, grade.passed) == (0.6667, False)
    assert (grade.tests or [])[2].message == "sum_to(100) is 0, wanted 5050"


@pytest.mark.parametrize("source", ["def sum_to(n) return n", "1/0", "raise SystemExit", ""])
def test_what_does_not_run_gets_nothing(source: str):
    """No report is no pass."""
    assert (graded(source).score, graded(source).passed) == (0, False)


def test_output_of_the_student_is_not_a_report():
    """Printing, without a line end at that, does not disturb the tests."""
    grade = graded("print('check of other: []', end='')\ndef sum_to(n): return n*(n+1)//2")

    assert grade.passed


def test_the_course_goes_on_after_a_pass_and_ends():
    """Loops, lists, strings; nothing after that, and nothing after a warm-up."""
    course, following = [LOOPS.id], bank.after(LOOPS.id)
    while following is not None:
        course.append(following.id)
        following = bank.after(following.id)

    assert course == ["loops-1", "lists-1", "strings-1"]
    assert bank.after("loops-0") is None


@pytest.mark.parametrize(
    ("exercise", "easier"), [("lists-1", "lists-0"), (None, "loops-0"), ("poems-3", "loops-0")]
)
def test_help_is_an_easier_exercise_of_the_topic(exercise: str | None, easier: str):
    """Where no topic is known, the first one's."""
    assert bank.warm_up(exercise).id == easier


def test_assignments_are_named_by_their_cause():
    """The same cause gives the same id, so that a repetition is recognised."""
    struggle = StruggleDetected(struggle_id="x", student_id="s", reason="r", severity="low")
    once = grading.easier_assignment(LOOPS, struggle)

    assert once == grading.easier_assignment(LOOPS, struggle)
    assert once.assignment_id == "help-x"
