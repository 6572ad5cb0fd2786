"""
The exercises service's handlers.

It keeps no state: what a grade needs travels with the run, from the submission to the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from learnflow_kafka.demo.exercises import bank, grading
from learnflow_kafka.events import (
    CODE_EXECUTION_REQUEST,
    CODE_EXECUTION_RESULT,
    EXERCISE_ASSIGNED,
    EXERCISE_GRADED,
    EXERCISE_SUBMITTED,
    STRUGGLE_DETECTED,
)
from learnflow_kafka.sdk import Reject

if TYPE_CHECKING:
    from learnflow_kafka.demo.exercises.bank import Exercise
    from learnflow_kafka.events import CodeExecutionResult, ExerciseSubmitted, StruggleDetected
    from learnflow_kafka.sdk import App

NAME: Final = "exercises"
SENDS: Final = (CODE_EXECUTION_REQUEST, EXERCISE_ASSIGNED, EXERCISE_GRADED)


def register(app: App) -> None:
    """Add the exercises service's handlers to its app."""
    producer = app.async_producer

    @app.on(EXERCISE_SUBMITTED)
    async def on_submission(submission: ExerciseSubmitted) -> None:
        exercise = _known(submission.exercise_id)
        await producer.send(CODE_EXECUTION_REQUEST, grading.request(exercise, submission))

    @app.on(CODE_EXECUTION_RESULT)
    async def on_result(result: CodeExecutionResult) -> None:
        if result.submission_id is None or result.exercise_id is None:
            return  # a run of the student's own; nothing to grade
        exercise = _known(result.exercise_id)
        graded = grading.grade(exercise, result, result.submission_id)
        await producer.send(EXERCISE_GRADED, graded)
        following = bank.after(exercise.id)
        if graded.passed and following is not None:
            await producer.send(EXERCISE_ASSIGNED, grading.next_assignment(following, graded))

    @app.on(STRUGGLE_DETECTED)
    async def on_struggle(struggle: StruggleDetected) -> None:
        easier = bank.warm_up(struggle.exercise_id)
        await producer.send(EXERCISE_ASSIGNED, grading.easier_assignment(easier, struggle))


def _known(exercise_id: str) -> Exercise:
    exercise = bank.find(exercise_id)
    if exercise is None:
        raise Reject(f"there is no exercise {exercise_id!r}")
    return exercise
