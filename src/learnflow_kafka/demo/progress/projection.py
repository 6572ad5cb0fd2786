"""
The projection: events in, rows in SQLite out.

Idempotent by event id: a grade's id is its submission's. (The envelope's id would not do: a
sender that repeats an event gives the repetition a new one.) What an event led to is stored
with its id, so an event that comes again gives the same update again. Nothing else goes in, so
the same events, in each student's order, give the same rows: replay rebuilds them.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from learnflow_kafka.events import ProgressUpdated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from learnflow_kafka.events import ExerciseAssigned, ExerciseGraded

WEIGHT: Final = 0.5
"""How far one grade moves the mastery towards its score; the first one sets it."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS assigned (
    assignment_id TEXT PRIMARY KEY, student_id TEXT NOT NULL, topic TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS graded (
    submission_id TEXT PRIMARY KEY, student_id TEXT NOT NULL, topic TEXT NOT NULL,
    exercise_id TEXT NOT NULL, passed INTEGER NOT NULL, led_to BLOB
);
CREATE TABLE IF NOT EXISTS mastery (
    student_id TEXT, topic TEXT, mastery REAL NOT NULL, PRIMARY KEY (student_id, topic)
);
"""
_ROWS: Final = """
SELECT student_id, topic,
    (SELECT COUNT(*) FROM assigned a
        WHERE (a.student_id, a.topic) = (known.student_id, known.topic)),
    (SELECT COUNT(DISTINCT exercise_id) FROM graded g
        WHERE passed AND (g.student_id, g.topic) = (known.student_id, known.topic)),
    (SELECT mastery FROM mastery m
        WHERE (m.student_id, m.topic) = (known.student_id, known.topic))
FROM (SELECT student_id, topic FROM assigned UNION SELECT student_id, topic FROM graded) known
ORDER BY student_id, topic
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A student and a topic; `mastery` None: nothing is graded yet."""

    student_id: str
    topic: str
    assigned: int
    completed: int
    mastery: float | None


class Projection:
    """The rows; for one thread at a time, whichever it is."""

    def __init__(self, path: Path | str) -> None:
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.executescript(_TABLES)

    def assigned(self, event: ExerciseAssigned) -> None:
        """Take note of an assignment."""
        self._database.execute(
            "INSERT OR IGNORE INTO assigned VALUES (?, ?, ?)",
            (event.assignment_id, event.student_id, event.topic or topic_of(event.exercise_id)),
        )

    def graded(self, event: ExerciseGraded) -> ProgressUpdated:
        """Move the mastery; the update to send, which is the same when the event comes again."""
        with self._transaction():
            known = self._one(
                "SELECT led_to FROM graded WHERE submission_id = ?", event.submission_id
            )
            if known is not None:
                return msgspec.json.decode(known, type=ProgressUpdated)
            update = self._moved(event)
            self._database.execute(
                "UPDATE graded SET led_to = ? WHERE submission_id = ?",
                (msgspec.json.encode(update), event.submission_id),
            )
            return update

    def _moved(self, event: ExerciseGraded) -> ProgressUpdated:
        student, topic = event.student_id, topic_of(event.exercise_id)
        before = self._one(
            "SELECT mastery FROM mastery WHERE (student_id, topic) = (?, ?)", student, topic
        )
        moved = event.score if before is None else before + WEIGHT * (event.score - before)
        self._database.execute(
            "INSERT INTO graded VALUES (?, ?, ?, ?, ?, NULL)",
            (event.submission_id, student, topic, event.exercise_id, event.passed),
        )
        self._database.execute(
            "INSERT INTO mastery VALUES (?, ?, ?) ON CONFLICT (student_id, topic) "
            "DO UPDATE SET mastery = excluded.mastery",
            (student, topic, round(moved, 4)),
        )
        completed = self._one(
            "SELECT COUNT(DISTINCT exercise_id) FROM graded "
            "WHERE passed AND (student_id, topic) = (?, ?)",
            student,
            topic,
        )
        return ProgressUpdated(
            student_id=student,
            topic=topic,
            mastery=round(moved, 4),
            previous_mastery=before,
            exercises_completed=completed,
            cause=event.submission_id,
        )

    def rows(self) -> tuple[Row, ...]:
        """Everything, ordered by student and topic."""
        return tuple(Row(*row) for row in self._database.execute(_ROWS))

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def _one(self, question: str, *values: str) -> Any:
        row = self._database.execute(question, values).fetchone()
        return None if row is None else row[0]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


def topic_of(exercise_id: str) -> str:
    """The topic in an exercise's id: the part before its number."""
    return exercise_id.rpartition("-")[0] or exercise_id
