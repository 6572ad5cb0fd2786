"""The projection: idempotent by event id, and the same after replay."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from learnflow_kafka.demo.progress.projection import Projection, Row
from learnflow_kafka.events import ExerciseAssigned, ExerciseGraded


def grade(number: int, score: float, exercise: str = "loops-1") -> ExerciseGraded:
    return ExerciseGraded(
        submission_id=f"s{number}",
        exercise_id=exercise,
        student_id="ada",
        score=score,
        passed=score == 1,
    )


def assignment(number: int) -> ExerciseAssigned:
    return ExerciseAssigned(assignment_id=f"a{number}", exercise_id="loops-1", student_id="ada")


def test_mastery_moves_half_way_to_each_score(tmp_path: Path):
    """The first score sets it; a pass counts the exercise once."""
    projection = Projection(tmp_path / "p.db")
    projection.assigned(assignment(1))
    updates = [projection.graded(grade(n, score)) for n, score in enumerate((0.5, 1, 1))]
    rows = projection.rows()
    projection.close()

    assert [u.mastery for u in updates] == [0.5, 0.75, 0.875]
    assert [u.previous_mastery for u in updates] == [None, 0.5, 0.75]
    assert rows == (Row("ada", "loops", 1, 1, 0.875),)


def test_a_grade_that_comes_again_gives_the_same_update_after_a_restart(tmp_path: Path):
    """What it led to is stored with its id, and nothing moves."""
    projection = Projection(tmp_path / "p.db")
    first = projection.graded(grade(1, 0.2))
    projection.graded(grade(2, 0.8))
    projection.close()
    again = Projection(tmp_path / "p.db")
    before = again.rows()
    repeated = again.graded(grade(1, 0.2))

    assert repeated == first
    assert again.rows() == before
    again.close()


@given(
    st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=12),
    st.data(),
)
def test_replay_with_repetitions_gives_the_same_rows(
    events: list[tuple[int, bool]], data: st.DataObject
):
    """Whatever comes again, at whatever later time, the rows are those of the first pass."""
    once, often = Projection(":memory:"), Projection(":memory:")
    for position, (number, is_grade) in enumerate(events):
        for projection in (once, often):
            _put(projection, number, is_grade=is_grade)
        again = data.draw(st.integers(0, position))
        _put(often, events[again][0], is_grade=events[again][1])
    same = once.rows() == often.rows()
    once.close()
    often.close()

    assert same


def _put(projection: Projection, number: int, *, is_grade: bool) -> None:
    if is_grade:
        projection.graded(grade(number, number / 4, f"loops-{number}"))
    else:
        projection.assigned(assignment(number))
