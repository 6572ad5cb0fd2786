"""
One show: groups placed, services started, students acting, everything read back, all cleaned.

The show adds records to the nine topics and changes nothing else. Its groups begin at the
topics' present ends, and are deleted when it is over.
"""

from __future__ import annotations

import datetime as dt
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from learnflow_kafka.app.lookup import fault_error
from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.ports import Edge, Fault
from learnflow_kafka.demo.casting import PLAYED, QUICK, Cast, contract_of, group_of
from learnflow_kafka.demo.exercises import bank, grading
from learnflow_kafka.demo.ledger import IDS, Ledger, Summary
from learnflow_kafka.demo.progress.projection import Projection
from learnflow_kafka.demo.struggle_detector.memory import Memory
from learnflow_kafka.demo.students import enrol
from learnflow_kafka.errors import RefusedError, RequestError, TimedOutError
from learnflow_kafka.events import CONTRACT, EXERCISE_ASSIGNED
from learnflow_kafka.sdk import Producer
from learnflow_kafka.sdk.codec import Decoded, Reader

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from learnflow_kafka.core.connection import Connection
    from learnflow_kafka.core.observed import Record
    from learnflow_kafka.core.ports import KafkaAdmin, KafkaData
    from learnflow_kafka.demo.students import Seen, Step, Student

_START: Final = 60.0
"""Seconds that the services may take to join their groups."""
_LOOK: Final = 0.3
"""Seconds between two looks at whether everything was handled."""
_DELETE: Final = 10.0
_MOMENT: Final = 0.05


@dataclass(frozen=True, slots=True)
class Show:
    """
    What is to be played.

    `run` names it, and stands in every id; `timeout` in seconds bounds what students and
    services may take after the services have started.
    """

    run: str
    students: int
    seed: int
    timeout: float


@dataclass(frozen=True, slots=True)
class Flowed:
    """One event of the show's students, as it was read from Kafka."""

    topic: str
    student_id: str
    event: Any


@dataclass(frozen=True, slots=True)
class Curtain:
    """The services are ready; the students begin."""

    students: int
    seconds: float


def cast_students(show: Show) -> tuple[Student, ...]:
    """The students of a show, with their scripts."""
    return enrol(show.students, seed=show.seed, run=show.run, now=dt.datetime.now(dt.UTC))


def play(
    admin: KafkaAdmin, data: KafkaData, connection: Connection, show: Show
) -> Generator[Curtain | Flowed, None, Summary]:
    """
    Play a show; every event that flows is yielded, the summary is returned.

    Raises RequestError where topics are missing, RefusedError where a service of the catalog
    runs already, TimedOutError where the services do not get ready.
    """
    check(admin)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="learnflow-demo-") as folder, _places(admin, show):
        memory = Memory(Path(folder) / "students.db")
        projection = Projection(Path(folder) / "progress.db")
        cast = Cast(show.run, connection, memory=memory, projection=projection)
        at = ends(admin, IDS)
        reading = _Audience(admin, data, show, cast, at)
        try:
            cast.start()
            _until_ready(cast)
            yield Curtain(show.students, time.monotonic() - began)
            with Producer("gateway", CONTRACT, bootstrap=connection, settings=QUICK) as gateway:
                _enrol(cast, reading.students)
                yield from reading.watch(gateway)
            cast.stop()
            cast.check()
            yield from reading.rest()
            return Summary(
                run=show.run,
                students=show.students,
                seed=show.seed,
                seconds=time.monotonic() - began,
                events={topic: reading.ledger.count[topic] for topic in IDS},
                accounts=reading.ledger.accounts(projection.rows()),
                in_time=reading.settled,
            )
        finally:
            cast.stop()
            memory.close()
            projection.close()


def check(admin: KafkaAdmin) -> None:
    """Raise what speaks against a show: missing topics, services that would act as well."""
    subscriptions = [s for name in PLAYED for s in CONTRACT.service(name).consumes]
    wanted = {*CONTRACT.topics, *(s.dead_letter_topic for s in subscriptions)} - {None}
    names = sorted(str(name) for name in wanted)
    missing = sorted(set(names) - admin.topics(names).keys())
    if missing:
        raise RequestError(
            f"{len(missing)} of LearnFlow's topics do not exist: {', '.join(missing)}",
            code="UNKNOWN_TOPIC_OR_PARTITION",
            fix="learnflow apply",
        )
    groups = sorted({s.group for s in subscriptions})
    for group, found in admin.describe_groups(groups).items():
        if not isinstance(found, Fault) and found.members:
            raise RefusedError(
                f"a service runs in group {group!r}, and would answer the demo's students too: "
                "the numbers could not add up",
                fix=f"stop it (`learnflow groups describe {group}` names its members)",
            )


def ends(admin: KafkaAdmin, topics: Mapping[str, str]) -> dict[TopicPartition, int]:
    """The end of every partition of the topics."""
    states = admin.topics(list(topics))
    partitions = [
        TopicPartition(name, partition.id)
        for name, state in states.items()
        for partition in state.partitions
    ]
    found = {}
    for where, answer in admin.offsets(partitions, Edge.LATEST).items():
        if isinstance(answer, Fault):
            raise fault_error(str(where), answer)
        found[where] = answer.offset or 0
    return found


@contextmanager
def _places(admin: KafkaAdmin, show: Show) -> Iterator[None]:
    """The run's groups, placed at the ends that the topics have now; deleted afterwards."""
    contract, at = contract_of(show.run), ends(admin, IDS)
    groups: dict[str, dict[TopicPartition, int]] = {}
    for name in PLAYED:
        for wanted in contract.service(name).consumes:
            mine = {p: end for p, end in at.items() if p.topic == wanted.topic.name}
            groups.setdefault(wanted.group, {}).update(mine)
    try:
        for group, offsets in groups.items():
            for where, fault in admin.commit_offsets(group, offsets).items():
                if fault is not None:
                    raise fault_error(f"{group}, {where}", fault)
        yield
    finally:
        _delete(admin, list(groups))


def _delete(admin: KafkaAdmin, groups: list[str]) -> None:
    """
    Delete the run's groups; a broker may take a moment to see that members have left.

    Raises TimedOutError, with what deletes them, where some stay.
    """
    deadline = time.monotonic() + _DELETE
    faults = _faults(admin, groups)
    while faults and time.monotonic() < deadline:
        time.sleep(_MOMENT)
        faults = _faults(admin, list(faults))
    if faults:
        group, fault = next(iter(faults.items()))
        raise TimedOutError(
            f"{len(faults)} groups of the demo could not be deleted",
            where=f"{group}: {fault}",
            fix=f"learnflow groups delete {' '.join(faults)}",
        )


def _faults(admin: KafkaAdmin, groups: list[str]) -> dict[str, Fault]:
    """Delete groups; why some could not be. One that is not there is deleted."""
    return {
        group: fault
        for group, fault in admin.delete_groups(groups).items()
        if fault is not None and fault.code != "GROUP_ID_NOT_FOUND"
    }


def _until_ready(cast: Cast) -> None:
    deadline = time.monotonic() + _START
    while not cast.ready():
        cast.check()
        if time.monotonic() > deadline:
            waiting = [r for app in cast.apps.values() for r in app.health().reasons]
            raise TimedOutError(
                f"the services were not ready after {_START:g} s: {'; '.join(waiting)}",
                fix="learnflow verify",
            )
        time.sleep(_MOMENT)


def _enrol(cast: Cast, students: Sequence[Student]) -> None:
    """The exercises service gives each student the first exercise."""
    producer = cast.apps["exercises"].producer
    for student in students:
        producer.post(EXERCISE_ASSIGNED, grading.first_assignment(bank.FIRST, student.id))


class _Audience:
    """Reads the nine topics, writes the ledger, and lets students act on what they see."""

    def __init__(
        self,
        admin: KafkaAdmin,
        data: KafkaData,
        show: Show,
        cast: Cast,
        at: dict[TopicPartition, int],
    ) -> None:
        self.students = cast_students(show)
        self.ledger = Ledger(self.students)
        self.settled = False
        """Whether every student is done, and every service with what they caused."""
        self._admin, self._data, self._show, self._cast = admin, data, show, cast
        self._at = at
        self._readers = {name: Reader(CONTRACT.topic(name)) for name in IDS}
        self._waiting = {s.begins: iter(s.steps) for s in self.students}
        self._deadline = self._next_look = 0.0

    def watch(self, gateway: Producer) -> Iterator[Flowed]:
        """Everything that flows, until all is settled or time is up."""
        self._deadline = time.monotonic() + self._show.timeout
        for record in self._data.read(dict(self._at), stop=self._over):
            flowed = self._take(record)
            if flowed is None:
                continue
            seen = self.ledger.see(flowed.topic, flowed.event)
            self._act(gateway, seen)
            yield flowed

    def rest(self) -> Iterator[Flowed]:
        """What was written until the services had stopped, and was not read yet."""
        until = {p: end for p, end in ends(self._admin, IDS).items() if end > self._at.get(p, 0)}
        deadline = time.monotonic() + _START
        left = {p: self._at.get(p, 0) for p in until}
        stop = lambda: time.monotonic() > deadline  # noqa: E731 - one comparison
        for record in self._data.read(left, until=until, stop=stop) if left else ():
            flowed = self._take(record)
            if flowed is not None:
                self.ledger.see(flowed.topic, flowed.event)
                yield flowed

    def _take(self, record: Record) -> Flowed | None:
        """An event of one of our students; None for anything else."""
        self._at[TopicPartition(record.topic, record.partition)] = record.offset + 1
        read = self._readers[record.topic].read(record.value, record.headers)
        if not isinstance(read, Decoded):
            return None
        student: str = read.event.student_id
        if not student.startswith(f"{self._show.run}-"):
            return None
        return Flowed(record.topic, student, read.event)

    def _act(self, gateway: Producer, seen: Seen) -> None:
        """Whoever waited for this takes the next step."""
        steps = self._waiting.pop(seen, None)
        step: Step | None = next(steps, None) if steps is not None else None
        if step is not None and steps is not None:
            self._waiting[step.then] = steps
            gateway.post(step.topic, step.event)

    def _over(self) -> bool:
        now = time.monotonic()
        if now > self._deadline:
            return True
        self._cast.check()
        if self._waiting or now < self._next_look:
            return False
        self._next_look = now + _LOOK
        self.settled = self._all_handled()
        return self.settled

    def _all_handled(self) -> bool:
        """
        Whether the services have handled every record that there is.

        The groups' places are asked for first and the ends then: if the places are at those
        ends, no record was waiting or in work at the moment of the first question, so nothing
        more can come of it.
        """
        groups = [group_of(self._show.run, name) for name in PLAYED]
        committed = self._admin.committed(groups)
        at = ends(self._admin, IDS)
        return not any(
            isinstance(places, Fault) or any(offset < at[p] for p, offset in places.items())
            for places in committed.values()
        )
