"""
When a student is stuck: five rules over what is known of one student.

Pure: a state and an event give the next state and what was found. An event that was seen
before changes nothing, so a redelivered one is not counted twice.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from learnflow_kafka.events import StruggleDetected, StruggleDetectedEvidence

if TYPE_CHECKING:
    from learnflow_kafka.events import (
        CodeExecutionResult,
        ExerciseGraded,
        LearningQuery,
        StruggleDetectedSeverity,
    )

SAME_ERROR: Final = 3
"""So many errors of one type on one exercise."""
FAILED_RUNS: Final = 5
"""So many failed runs in a row."""
LONG: Final = dt.timedelta(minutes=10)
"""So long on one exercise."""
LOW: Final = 0.5
"""A score below this."""
REMEMBERED: Final = 500
"""Events of a student that are recognised when they come again."""
_SAID: Final = ("stuck", "don't get it", "don't understand", "give up", "frustrat")


class Reason(StrEnum):
    """What was seen; stands in the event."""

    REPEATED_ERROR = "repeated_error"
    MANY_ATTEMPTS = "many_attempts"
    SLOW_EXERCISE = "slow_exercise"
    LOW_SCORE = "low_score"
    FRUSTRATION = "frustration"


SEVERITY: Final[dict[Reason, StruggleDetectedSeverity]] = {
    Reason.REPEATED_ERROR: "medium",
    Reason.MANY_ATTEMPTS: "high",
    Reason.SLOW_EXERCISE: "low",
    Reason.LOW_SCORE: "medium",
    Reason.FRUSTRATION: "high",
}


class State(msgspec.Struct, frozen=True):
    """
    What is known of one student.

    `seen`: ids of events, oldest first. `errors`: executions by exercise and error. `failed`:
    the latest runs that failed in a row. `span`: the first and the last sign of work on an
    exercise. `told`: exercises whose slowness was reported.
    """

    seen: tuple[str, ...] = ()
    errors: dict[str, tuple[str, ...]] = {}
    failed: tuple[str, ...] = ()
    span: dict[str, tuple[dt.datetime, dt.datetime]] = {}
    told: frozenset[str] = frozenset()


class Noticed(NamedTuple):
    """The state after an event, and the struggles that the event completed."""

    state: State
    found: tuple[StruggleDetected, ...] = ()


def after_query(state: State, query: LearningQuery, at: dt.datetime) -> Noticed:
    """A question: the student may say so, or have been on the exercise for long."""
    event = f"query {query.query_id}"
    if event in state.seen:
        return Noticed(state)
    exercise = (query.context or {}).get("exercise_id")
    on = exercise if isinstance(exercise, str) else None
    evidence = StruggleDetectedEvidence(event="learning.query", id=query.query_id)
    state, found = _time_spent(_seen(state, event), query.student_id, on, evidence, at)
    if any(words in query.query.lower() for words in _SAID):
        said = _struggle(Reason.FRUSTRATION, query.student_id, query.query_id, on, [evidence])
        found = (*found, said)
    return Noticed(state, found)


def after_result(state: State, result: CodeExecutionResult, at: dt.datetime) -> Noticed:
    """A run: it may be the third with this error, or the fifth in a row that failed."""
    event = f"run {result.execution_id}"
    if event in state.seen:
        return Noticed(state)
    exercise, run = result.exercise_id, result.execution_id
    evidence = StruggleDetectedEvidence(event="code.execution.result", id=run)
    state, found = _time_spent(_seen(state, event), result.student_id, exercise, evidence, at)
    error = error_name(result)
    if error is None:
        return Noticed(_replace(state, failed=()), found)
    state, repeated = _same_error(state, result, f"{exercise or ''} {error}")
    state, failing = _failed_again(state, result)
    return Noticed(state, (*found, *repeated, *failing))


def after_grade(state: State, graded: ExerciseGraded, at: dt.datetime) -> Noticed:
    """A grade: the score may be low; a passed exercise is done with."""
    event = f"grade {graded.submission_id}"
    if event in state.seen:
        return Noticed(state)
    exercise = graded.exercise_id
    detail = f"score {graded.score:.0%}"
    evidence = StruggleDetectedEvidence(
        event="exercise.graded", id=graded.submission_id, detail=detail
    )
    state, found = _time_spent(_seen(state, event), graded.student_id, exercise, evidence, at)
    if graded.passed:
        return Noticed(_done_with(state, exercise), found)
    if graded.score < LOW:
        low = _struggle(
            Reason.LOW_SCORE, graded.student_id, graded.submission_id, exercise, [evidence]
        )
        found = (*found, low)
    return Noticed(state, found)


def error_name(result: CodeExecutionResult) -> str | None:
    """
    The error's name, such as NameError, from the traceback's last line; None for a good run.

    Where there is none, it is what the runner says: timeout, memory.
    """
    if result.exit_code == 0:
        return None
    last = result.stderr.rstrip().rpartition("\n")[2].partition(":")[0]
    if last.isidentifier() and last[0].isupper():
        return last
    return result.error_type or "failed"


def _same_error(state: State, result: CodeExecutionResult, error: str) -> Noticed:
    runs = (*state.errors.get(error, ()), result.execution_id)
    found: tuple[StruggleDetected, ...] = ()
    if len(runs) >= SAME_ERROR:
        found = (_of_runs(Reason.REPEATED_ERROR, result, runs, error.rpartition(" ")[2]),)
        runs = ()
    return Noticed(_replace(state, errors={**state.errors, error: runs}), found)


def _failed_again(state: State, result: CodeExecutionResult) -> Noticed:
    runs = (*state.failed, result.execution_id)
    found: tuple[StruggleDetected, ...] = ()
    if len(runs) >= FAILED_RUNS:
        found = (_of_runs(Reason.MANY_ATTEMPTS, result, runs, None),)
        runs = ()
    return Noticed(_replace(state, failed=runs), found)


def _time_spent(
    state: State,
    student_id: str,
    exercise: str | None,
    evidence: StruggleDetectedEvidence,
    at: dt.datetime,
) -> Noticed:
    if exercise is None:
        return Noticed(state)
    first, last = state.span.get(exercise, (at, at))
    # Topics have no order among each other: an earlier sign may come later.
    first, last = min(first, at), max(last, at)
    state = _replace(state, span={**state.span, exercise: (first, last)})
    if last - first < LONG or exercise in state.told:
        return Noticed(state)
    state = _replace(state, told=state.told | {exercise})
    return Noticed(
        state,
        (_struggle(Reason.SLOW_EXERCISE, student_id, evidence.id or "", exercise, [evidence]),),
    )


def _done_with(state: State, exercise: str) -> State:
    return _replace(
        state,
        span={name: times for name, times in state.span.items() if name != exercise},
        told=state.told - {exercise},
        errors={k: runs for k, runs in state.errors.items() if not k.startswith(f"{exercise} ")},
    )


def _of_runs(
    reason: Reason, result: CodeExecutionResult, runs: tuple[str, ...], detail: str | None
) -> StruggleDetected:
    evidence = [
        StruggleDetectedEvidence(event="code.execution.result", id=run, detail=detail)
        for run in runs
    ]
    return _struggle(reason, result.student_id, result.execution_id, result.exercise_id, evidence)


def _struggle(
    reason: Reason,
    student_id: str,
    cause: str,
    exercise: str | None,
    evidence: list[StruggleDetectedEvidence],
) -> StruggleDetected:
    """A finding; its id follows from its cause, so that a repetition is recognised."""
    return StruggleDetected(
        struggle_id=f"{reason}-{cause}",
        student_id=student_id,
        reason=reason,
        severity=SEVERITY[reason],
        evidence=evidence,
        exercise_id=exercise,
    )


def _seen(state: State, event: str) -> State:
    return _replace(state, seen=(*state.seen, event)[-REMEMBERED:])


def _replace(state: State, **changes: object) -> State:
    return msgspec.structs.replace(state, **changes)
