"""
What was seen in Kafka, and whether it adds up.

Pure: the ledger is told of every event that was read from the nine topics, by a reader that is
none of the services. It counts events by their own ids: one that was written twice, as may
happen when a service is killed, counts once and is shown as repeated.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from learnflow_kafka.demo.progress.projection import Projection
from learnflow_kafka.demo.students import Seen
from learnflow_kafka.events import (
    CODE_EXECUTION_REQUEST,
    CODE_EXECUTION_RESULT,
    EXERCISE_ASSIGNED,
    EXERCISE_GRADED,
    EXERCISE_SUBMITTED,
    LEARNING_QUERY,
    LEARNING_RESPONSE,
    PROGRESS_UPDATED,
    STRUGGLE_DETECTED,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from learnflow_kafka.demo.progress.projection import Row
    from learnflow_kafka.demo.students import Student
    from learnflow_kafka.events import StruggleDetected

IDS: Final = {
    LEARNING_QUERY.name: "query_id",
    LEARNING_RESPONSE.name: "query_id",
    CODE_EXECUTION_REQUEST.name: "execution_id",
    CODE_EXECUTION_RESULT.name: "execution_id",
    EXERCISE_ASSIGNED.name: "assignment_id",
    EXERCISE_SUBMITTED.name: "submission_id",
    EXERCISE_GRADED.name: "submission_id",
    STRUGGLE_DETECTED.name: "struggle_id",
    PROGRESS_UPDATED.name: "cause",
}
"""Which field of an event is its own id, by topic."""


def identity(topic: str, event: object) -> Seen:
    """The event's topic and its id there."""
    return Seen(topic, str(getattr(event, IDS[topic])))


@dataclass(frozen=True, slots=True)
class Account:
    """
    One thing that must add up: what had to be there, and what was.

    `missing`: ids that had to be and are not; `unexpected`: that are and had not to be.
    `repeated`: how often an event was written again under an id that was there.
    """

    name: str
    wanted: int
    found: int
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    repeated: int = 0

    @property
    def balanced(self) -> bool:
        """Whether it adds up."""
        return not self.missing and not self.unexpected


@dataclass(frozen=True, slots=True)
class Summary:
    """
    How a show ended.

    `events`: records seen, by topic. `in_time` False: it was stopped by its time limit.
    """

    run: str
    students: int
    seed: int
    seconds: float
    events: dict[str, int]
    accounts: tuple[Account, ...]
    in_time: bool

    @property
    def balanced(self) -> bool:
        """Whether every number adds up."""
        return self.in_time and all(account.balanced for account in self.accounts)


@dataclass(slots=True)
class Ledger:
    """Everything that was seen of the students of one run."""

    students: Sequence[Student]
    count: Counter[str] = field(default_factory=Counter)
    _events: dict[str, dict[str, Any]] = field(default_factory=dict)
    _repeated: Counter[str] = field(default_factory=Counter)
    _disputed: list[str] = field(default_factory=list)

    def see(self, topic: str, event: Any) -> Seen:
        """Take note of an event of one of the students; its identity."""
        seen = identity(topic, event)
        self.count[topic] += 1
        known = self._events.setdefault(topic, {})
        if seen.id in known:
            self._repeated[topic] += 1
            if topic == EXERCISE_GRADED.name and known[seen.id].score != event.score:
                self._disputed.append(seen.id)
        known.setdefault(seen.id, event)
        return seen

    def accounts(self, rows: Sequence[Row]) -> tuple[Account, ...]:
        """Everything that must add up; `rows` is what the progress service stored."""
        sent = {topic: self._sent(topic) for topic in IDS}
        submissions = sent[EXERCISE_SUBMITTED.name]
        runs = sent[CODE_EXECUTION_REQUEST.name] | {f"grade-{s}" for s in submissions}
        struggles = self._ids(STRUGGLE_DETECTED.name)
        queries = sent[LEARNING_QUERY.name]
        written = {i for topic in sent for i in sent[topic]}
        arrived = {i for topic in sent for i in self._ids(topic) & sent[topic]}
        return (
            _account("events of students kept by Kafka", written, arrived),
            self._of(LEARNING_RESPONSE.name, "queries answered", queries, without=struggles),
            self._of(CODE_EXECUTION_RESULT.name, "programs run", runs),
            self._graded(submissions),
            self._struggles(),
            self._of(LEARNING_RESPONSE.name, "struggles answered with help", struggles,
                     without=queries),
            self._of(EXERCISE_ASSIGNED.name, "exercises assigned", self._assignments()),
            self._of(PROGRESS_UPDATED.name, "grades counted in progress", submissions),
            self._replayed(rows),
        )  # fmt: skip

    def _sent(self, topic: str) -> set[str]:
        """The ids that the students' scripts write to a topic."""
        steps = [step for student in self.students for step in student.steps]
        return {identity(topic, s.event).id for s in steps if s.topic.name == topic}

    def _ids(self, topic: str) -> set[str]:
        return set(self._events.get(topic, ()))

    def _of(
        self, topic: str, name: str, wanted: set[str], *, without: set[str] | None = None
    ) -> Account:
        found = self._ids(topic) - (without or set())
        repeated = 0 if without else self._repeated[topic]
        return _account(name, wanted, found, repeated=repeated)

    def _graded(self, submissions: set[str]) -> Account:
        """Each submission under its id once; two grades that differ are one too many."""
        account = self._of(EXERCISE_GRADED.name, "submissions graded exactly once", submissions)
        disputed = tuple(f"{i} was graded twice, differently" for i in self._disputed)
        return Account(
            account.name,
            account.wanted,
            account.found,
            account.missing,
            account.unexpected + disputed,
            account.repeated,
        )

    def _struggles(self) -> Account:
        """Planted ones against found ones, by student and reason; a false alarm is unexpected."""
        planted = {f"{s.id}: {s.planted}" for s in self.students if s.planted}
        found: Iterable[StruggleDetected] = self._events.get(STRUGGLE_DETECTED.name, {}).values()
        names = [f"{struggle.student_id}: {struggle.reason}" for struggle in found]
        twice = {f"{name}, twice" for name, times in Counter(names).items() if times > 1}
        return _account("planted struggles found", planted, set(names) | twice)

    def _assignments(self) -> set[str]:
        """The first exercise of each student, the next after a pass, an easier one for help."""
        first = {student.begins.id for student in self.students}
        passed = {
            f"after-{grade.submission_id}"
            for grade in self._events.get(EXERCISE_GRADED.name, {}).values()
            if grade.passed
        }
        return first | passed | {f"help-{i}" for i in self._ids(STRUGGLE_DETECTED.name)}

    def _replayed(self, rows: Sequence[Row]) -> Account:
        """The projection built again, from what was read from Kafka, against the service's."""
        again = Projection(":memory:")
        for event in self._events.get(EXERCISE_ASSIGNED.name, {}).values():
            again.assigned(event)
        for event in self._events.get(EXERCISE_GRADED.name, {}).values():
            again.graded(event)
        replayed = {str(row) for row in again.rows()}
        again.close()
        stored = {str(row) for row in rows}
        return _account("rows of progress rebuilt by replay", stored, replayed)


def _account(name: str, wanted: set[str], found: set[str], *, repeated: int = 0) -> Account:
    missing, unexpected = sorted(wanted - found), sorted(found - wanted)
    return Account(name, len(wanted), len(found), tuple(missing), tuple(unexpected), repeated)
