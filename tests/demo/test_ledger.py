"""Whether a show adds up, told from what was seen."""

from __future__ import annotations

import datetime as dt
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from learnflow_kafka.demo.exercises import bank, grading
from learnflow_kafka.demo.ledger import Account, Ledger, Summary
from learnflow_kafka.demo.progress.projection import Projection, Row
from learnflow_kafka.demo.struggle_detector.rules import Reason
from learnflow_kafka.demo.students import Student, enrol
from learnflow_kafka.demo.tutor.answers import answer, offer_help
from learnflow_kafka.events import (
    CodeExecutionResult,
    ExerciseGraded,
    StruggleDetected,
)

NOW = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
STRUGGLE = "struggle.detected"
GRADED = "exercise.graded"


def students(count: int = 6, seed: int = 1) -> tuple[Student, ...]:
    return enrol(count, seed=seed, run="demo-x", now=NOW)


def flow(students: tuple[Student, ...]) -> list[tuple[str, Any]]:
    """What happens when all services do their work."""
    events: list[tuple[str, Any]] = []
    for student in students:
        events.append(("exercise.assigned", grading.first_assignment(bank.FIRST, student.id)))
        for step in student.steps:
            events.append((step.topic.name, step.event))
            if step.topic.name == "learning.query":
                events.append(("learning.response", answer(step.event)))
            elif step.topic.name == "code.execution.request":
                events.append(("code.execution.result", result(student, step.event.execution_id)))
            else:
                events += graded(student, step.event.submission_id)
        if student.planted:
            events += stuck(student, student.planted)
    return events


def result(student: Student, run: str) -> CodeExecutionResult:
    return CodeExecutionResult(
        execution_id=run, student_id=student.id, exit_code=0, stdout="", stderr="", duration_ms=1
    )


def graded(student: Student, submission: str) -> list[tuple[str, Any]]:
    grade = ExerciseGraded(
        submission_id=submission,
        exercise_id="loops-1",
        student_id=student.id,
        score=1,
        passed=True,
    )
    following = bank.after("loops-1")
    assert following
    with closing(Projection(":memory:")) as projection:
        update = projection.graded(grade)
    return [
        ("code.execution.result", result(student, f"grade-{submission}")),
        (GRADED, grade),
        ("exercise.assigned", grading.next_assignment(following, grade)),
        ("progress.updated", update),
    ]


def stuck(student: Student, reason: str) -> list[tuple[str, Any]]:
    struggle = StruggleDetected(
        struggle_id=f"{reason}-{student.id}", student_id=student.id, reason=reason, severity="low"
    )
    easier = grading.easier_assignment(bank.warm_up(None), struggle)
    return [
        (STRUGGLE, struggle),
        ("learning.response", offer_help(struggle)),
        ("exercise.assigned", easier),
    ]


def broken(events: list[tuple[str, Any]], *, rows: tuple[Row, ...] | None = None) -> dict[str, Any]:
    """The accounts that do not add up, by name."""
    ledger, projection = Ledger(students()), Projection(":memory:")
    for topic, event in events:
        ledger.see(topic, event)
        if topic == GRADED:
            projection.graded(event)
        elif topic == "exercise.assigned":
            projection.assigned(event)
    accounts = ledger.accounts(projection.rows() if rows is None else rows)
    projection.close()
    return {a.name: a for a in accounts if not a.balanced}


def test_six_students_show_every_behaviour():
    """One steady student and one for each reason; the same seed gives the same scripts."""
    planted = [student.planted for student in students()]

    assert planted == [None, *Reason]
    assert students(seed=3) == students(seed=3)
    assert students(30, seed=3) != students(30, seed=4)


def test_every_step_waits_for_the_answer_to_what_it_sends():
    """The id that a step waits for is in the event that it sends, and no two are the same."""
    steps = [step for student in students(30) for step in student.steps]

    assert len({step.then for step in steps}) == len(steps)
    assert all(step.then.id in str(step.event) for step in steps)


def test_a_whole_flow_adds_up():
    """Nothing is missing and nothing is too much."""
    assert broken(flow(students())) == {}


@pytest.mark.parametrize("number", range(0, 80, 7))
def test_an_event_that_got_lost_is_missed(number: int):
    """Whichever event is taken away, some account does not add up."""
    events = flow(students())
    del events[number % len(events)]

    assert broken(events)


def test_an_event_written_twice_counts_once():
    """At least once may write an event again: its id makes it one."""
    events = flow(students())

    assert broken([*events, *events]) == {}


def test_two_grades_that_differ_are_one_too_many():
    """The same submission cannot have two scores."""
    events = flow(students())
    grade = next(event for topic, event in events if topic == GRADED)
    other = ExerciseGraded(
        submission_id=grade.submission_id,
        exercise_id=grade.exercise_id,
        student_id=grade.student_id,
        score=0.1,
        passed=False,
    )
    account = broken([*events, (GRADED, other)])["submissions graded exactly once"]

    assert account.unexpected == (f"{grade.submission_id} was graded twice, differently",)


def test_a_false_alarm_is_not_wanted():
    """A struggle that nobody planted breaks the account, though it was helped."""
    ada = students()[0]
    account = broken([*flow(students()), *stuck(ada, Reason.LOW_SCORE)])["planted struggles found"]

    assert account.unexpected == (f"{ada.id}: low_score",)


def test_a_projection_that_replay_does_not_rebuild_is_wrong():
    """The service's rows are compared with those of a replay."""
    rows = (Row("ada", "loops", 1, 1, 0.1),)

    assert "rows of progress rebuilt by replay" in broken(flow(students()), rows=rows)


def test_a_show_that_ran_out_of_time_does_not_add_up():
    """However good the numbers look: what was still to come is not known."""
    summary = Summary("demo-x", 1, 1, 9.0, {}, (Account("all", 1, 1),), in_time=False)

    assert not summary.balanced
    assert replace(summary, in_time=True).balanced
