"""
A solution becomes a program that tests it; the program's output becomes a grade.

The tests run in the student's process, behind the student's code, and report on standard
output. A student who wants to can print such lines: this grades exercises, not exams.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from learnflow_kafka.events import (
    CodeExecutionRequest,
    ExerciseAssigned,
    ExerciseGraded,
    ExerciseGradedTest,
)

if TYPE_CHECKING:
    from learnflow_kafka.demo.exercises.bank import Exercise
    from learnflow_kafka.events import (
        CodeExecutionResult,
        ExerciseSubmitted,
        StruggleDetected,
    )

_TESTS: Final = """

def _run_checks(mark, checks):
    import json
    for name, call, wanted in checks:
        try:
            got = eval(call)
            passed, message = got == wanted, f"{{call}} is {{got!r}}, wanted {{wanted!r}}"
        except Exception as error:
            passed, message = False, f"{{call}} raised {{type(error).__name__}}: {{error}}"
        print("\\n" + mark + json.dumps([name, passed, "" if passed else message]))

_run_checks({mark!r}, {checks!r})
"""


def _mark(submission_id: str) -> str:
    return f"check of {submission_id}: "


def request(exercise: Exercise, submission: ExerciseSubmitted) -> CodeExecutionRequest:
    """The run that grades a submission; its id follows from the submission's."""
    checks = [(check.name, check.call, check.wanted) for check in exercise.checks]
    tests = _TESTS.format(mark=_mark(submission.submission_id), checks=checks)
    return CodeExecutionRequest(
        execution_id=f"grade-{submission.submission_id}",
        student_id=submission.student_id,
        language=submission.language or "python",
        source=submission.source + tests,
        exercise_id=submission.exercise_id,
        submission_id=submission.submission_id,
    )


def grade(exercise: Exercise, result: CodeExecutionResult, submission_id: str) -> ExerciseGraded:
    """The grade that a run's output gives; a test that did not report has failed."""
    reported = _reported(result.stdout, _mark(submission_id))
    missing = (False, f"did not run: the program ended with {result.error_type or 'no report'}")
    tests = []
    for check in exercise.checks:
        passed, message = reported.get(check.name, missing)
        tests.append(ExerciseGradedTest(name=check.name, passed=passed, message=message or None))
    good = sum(test.passed for test in tests)
    return ExerciseGraded(
        submission_id=submission_id,
        exercise_id=exercise.id,
        student_id=result.student_id,
        score=round(good / len(tests), 4),
        passed=good == len(tests),
        feedback=f"{good} of {len(tests)} tests passed.",
        tests=tests,
    )


def _reported(stdout: str, mark: str) -> dict[str, tuple[bool, str]]:
    found = {}
    for line in stdout.splitlines():
        if line.startswith(mark):
            try:
                name, passed, message = json.loads(line.removeprefix(mark))
            except (ValueError, TypeError):  # the student's own doing, or cut at the limit
                continue
            found[str(name)] = (passed is True, str(message))
    return found


def first_assignment(exercise: Exercise, student_id: str) -> ExerciseAssigned:
    """What a new student begins with."""
    return _assigned(exercise, student_id, f"first-{student_id}", "the course begins")


def next_assignment(exercise: Exercise, graded: ExerciseGraded) -> ExerciseAssigned:
    """What comes after a passed exercise."""
    cause = f"{graded.exercise_id} is passed"
    return _assigned(exercise, graded.student_id, f"after-{graded.submission_id}", cause)


def easier_assignment(exercise: Exercise, struggle: StruggleDetected) -> ExerciseAssigned:
    """What helps a student who is stuck."""
    cause = f"a struggle was detected: {struggle.reason}"
    return _assigned(exercise, struggle.student_id, f"help-{struggle.struggle_id}", cause)


def _assigned(
    exercise: Exercise, student_id: str, assignment_id: str, reason: str
) -> ExerciseAssigned:
    """An assignment; its id follows from its cause, so that a repetition is recognised."""
    return ExerciseAssigned(
        assignment_id=assignment_id,
        exercise_id=exercise.id,
        student_id=student_id,
        title=exercise.title,
        topic=exercise.topic,
        difficulty=exercise.difficulty,
        reason=reason,
    )
