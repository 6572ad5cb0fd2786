"""Each folder of `examples/` runs as it stands, as a process of its own, on real Kafka."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.sdk.notes import reading, until

from learnflow_kafka.cli.main import run
from learnflow_kafka.events import (
    CODE_EXECUTION_REQUEST,
    CODE_EXECUTION_RESULT,
    CONTRACT,
    EXERCISE_GRADED,
    EXERCISE_SUBMITTED,
    LEARNING_QUERY,
    LEARNING_RESPONSE,
    PROGRESS_UPDATED,
    STRUGGLE_DETECTED,
    CodeExecutionRequest,
    CodeExecutionResult,
    ExerciseGraded,
    ExerciseSubmitted,
    LearningQuery,
)
from learnflow_kafka.sdk import Producer, Topic
from learnflow_kafka.sdk.codec import Decoded, Reader

if TYPE_CHECKING:
    from tests.support.clusters import LocalKafka

pytestmark = pytest.mark.kafka
EXAMPLES = Path(__file__).parents[2] / "examples"


@contextmanager
def running(name: str, kafka: LocalKafka, folder: Path) -> Iterator[None]:
    """The example in a process of its own; SIGTERM must end it with 0."""
    environment = os.environ | {"LEARNFLOW_BOOTSTRAP": kafka.bootstrap}
    with (folder / f"{name}.log").open("ab") as log:
        service = subprocess.Popen(
            [sys.executable, str(EXAMPLES / name / "service.py")],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        yield
        service.send_signal(signal.SIGTERM)
        assert service.wait(60) == 0, (folder / f"{name}.log").read_text()
    finally:
        if service.poll() is None:
            service.kill()
            service.wait()


@pytest.fixture
def student() -> str:
    """A student whom no other test knows."""
    return f"student-{uuid.uuid4().hex[:8]}"


def send(kafka: LocalKafka, service: str, topic: Topic[Any], *events: Any) -> None:
    with Producer(service, CONTRACT, bootstrap=kafka.bootstrap) as producer:
        for event in events:
            producer.post(topic, event)


def first(kafka: LocalKafka, topic: Topic[Any], student: str) -> Any:
    """The first event of the student on a topic; waits for it."""
    return many(kafka, topic, student, 1)[0]


def many(kafka: LocalKafka, topic: Topic[Any], student: str, count: int) -> list[Any]:
    reader = Reader(topic)
    found: list[Any] = []
    with reading(kafka.bootstrap, topic.name) as read:
        records = 0

        def enough() -> bool:
            nonlocal records, found
            everything = read(records + 1)
            records = len(everything)
            events = [reader.read(m.value(), m.headers()) for m in everything]
            ours = [e.event for e in events if isinstance(e, Decoded)]
            found = [event for event in ours if event.student_id == student]
            return len(found) >= count

        until(enough, seconds=100)
    return found


def graded(student: str, number: int, score: float) -> ExerciseGraded:
    return ExerciseGraded(
        submission_id=f"{student}-{number}",
        exercise_id="loops-1",
        student_id=student,
        score=score,
        passed=score == 1,
    )


def test_every_folder_is_run_here():
    """A new example needs a test, and a README that says what it shows."""
    folders = {place.parent.name for place in EXAMPLES.glob("*/service.py")}

    assert folders == {
        "tutor", "code_runner", "exercises", "struggle_detector", "progress", "gateway",
    }  # fmt: skip
    assert all((EXAMPLES / name / "README.md").exists() for name in folders)


def test_the_tutor_answers(platform: LocalKafka, tmp_path: Path, student: str):
    """A question in, an answer of the same id out."""
    query = LearningQuery(query_id=f"{student}-q", student_id=student, query="What is a loop?")
    with running("tutor", platform, tmp_path):
        send(platform, "gateway", LEARNING_QUERY, query)
        response = first(platform, LEARNING_RESPONSE, student)

    assert response.query_id == query.query_id
    assert "A loop repeats" in response.content


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is a loop?", "A loop repeats"),
        (" ", "could not be done (learnflow_kafka.sdk.failures.Reject)"),
    ],
    ids=["answered", "rejected"],
)
def test_the_gateway_asks_both(platform: LocalKafka, tmp_path: Path, question: str, answer: str):
    """One request to the tutor, one to the code runner, and the replies to both."""
    program = [sys.executable, str(EXAMPLES / "gateway" / "service.py"), question, "print(6 * 7)"]
    environment = os.environ | {"LEARNFLOW_BOOTSTRAP": platform.bootstrap}
    with running("tutor", platform, tmp_path), running("code_runner", platform, tmp_path):
        for _ in range(6):  # each has ten seconds: the services need a moment to begin
            done = subprocess.run(
                program, env=environment, capture_output=True, text=True, check=False
            )
            if "in time" not in done.stdout:
                break

    assert done.returncode == 0, done.stderr
    assert f"tutor: {answer}" in done.stdout
    assert "program: 42" in done.stdout


def test_the_code_runner_runs(platform: LocalKafka, tmp_path: Path, student: str):
    """A program in, its output out."""
    request = CodeExecutionRequest(
        execution_id=f"{student}-r", student_id=student, language="python", source="print(6 * 7)"
    )
    with running("code_runner", platform, tmp_path):
        send(platform, "gateway", CODE_EXECUTION_REQUEST, request)
        result = first(platform, CODE_EXECUTION_RESULT, student)

    assert (result.execution_id, result.stdout, result.exit_code) == (f"{student}-r", "42\n", 0)


def test_exercises_grades_what_the_code_runner_ran(
    platform: LocalKafka, tmp_path: Path, student: str
):
    """Two services, three events: submitted, run, graded."""
    submission = ExerciseSubmitted(
        submission_id=f"{student}-s",
        exercise_id="loops-1",
        student_id=student,
        source="def sum_to(n): return n * (n + 1) // 2",
    )
    with running("exercises", platform, tmp_path), running("code_runner", platform, tmp_path):
        send(platform, "gateway", EXERCISE_SUBMITTED, submission)
        grade = first(platform, EXERCISE_GRADED, student)

    assert (grade.submission_id, grade.score, grade.passed) == (f"{student}-s", 1, True)


def test_the_struggle_detector_remembers_over_a_restart(
    platform: LocalKafka, tmp_path: Path, student: str
):
    """Two errors before a restart and one after it are three."""
    results = [
        CodeExecutionResult(
            execution_id=f"{student}-{number}",
            student_id=student,
            exit_code=1,
            stdout="",
            stderr="NameError: name 'x' is not defined",
            duration_ms=1,
            exercise_id="loops-1",
        )
        for number in range(3)
    ]
    send(platform, "code-runner", CODE_EXECUTION_RESULT, *results[:2])
    with running("struggle_detector", platform, tmp_path):
        until(lambda: _remembered(tmp_path, student) == 2)
    send(platform, "code-runner", CODE_EXECUTION_RESULT, results[2])
    with running("struggle_detector", platform, tmp_path):
        struggle = first(platform, STRUGGLE_DETECTED, student)

    assert (struggle.reason, len(struggle.evidence)) == ("repeated_error", 3)


def _remembered(folder: Path, student: str) -> int:
    """How many runs of the student the detector has stored."""
    database = folder / "struggle_detector.db"
    if not database.exists():
        return 0
    with closing(sqlite3.connect(database)) as connection:
        try:
            question = "SELECT state FROM students WHERE student_id = ?"
            row = connection.execute(question, (student,)).fetchone()
        except sqlite3.OperationalError:  # the table is not there yet
            return 0
    return 0 if row is None else row[0].count(b"run ")


def test_progress_is_rebuilt_by_replay(platform: LocalKafka, tmp_path: Path, student: str):
    """Database deleted, group reset, service started: the same rows, as its README says."""
    grades = [graded(student, number, score) for number, score in enumerate((0.2, 0.6, 1))]
    send(platform, "exercises", EXERCISE_GRADED, *grades, grades[0])
    with running("progress", platform, tmp_path):
        updates = many(platform, PROGRESS_UPDATED, student, 4)
        before = _rows(tmp_path, student)
    (tmp_path / "progress.db").unlink()
    reset = ["groups", "reset", "progress", "--to", "earliest", "--execute", "--yes"]
    code = run([*reset, "--context", "local/demo"])
    with running("progress", platform, tmp_path):
        many(platform, PROGRESS_UPDATED, student, 8)
        after = _rows(tmp_path, student)

    assert [update.mastery for update in updates] == [0.2, 0.4, 0.7, 0.2]
    assert code == 0
    assert before == after == [("loops", 0.7)]


def _rows(folder: Path, student: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "progress.db")) as connection:
        question = "SELECT topic, mastery FROM mastery WHERE student_id = ?"
        return connection.execute(question, (student,)).fetchall()
