"""What the detector knows of each student, in SQLite, so that a restart forgets nothing."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import msgspec

from learnflow_kafka.demo.struggle_detector.rules import State

if TYPE_CHECKING:
    from pathlib import Path


class Memory:
    """The states of students; for one thread at a time, whichever it is."""

    def __init__(self, path: Path | str) -> None:
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS students (student_id TEXT PRIMARY KEY, state BLOB NOT NULL)"
        )

    def get(self, student_id: str) -> State:
        """What is known of a student; nothing of a new one."""
        row = self._database.execute(
            "SELECT state FROM students WHERE student_id = ?", (student_id,)
        ).fetchone()
        return State() if row is None else msgspec.json.decode(row[0], type=State)

    def put(self, student_id: str, state: State) -> None:
        """Remember; it is on disk when this returns."""
        self._database.execute(
            "INSERT INTO students VALUES (?, ?) "
            "ON CONFLICT (student_id) DO UPDATE SET state = excluded.state",
            (student_id, msgspec.json.encode(state)),
        )

    def close(self) -> None:
        """Close the database."""
        self._database.close()
