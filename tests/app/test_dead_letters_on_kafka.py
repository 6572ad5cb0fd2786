"""Replay and purge on a real broker: killed, repeated, beside each other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.letters import letter, shape, write

from learnflow_kafka.app.dead_letters import boxes, cuts, prepare, purge, replay
from learnflow_kafka.core.names import dead_letter_topic
from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.plans.changes import CreateTopic
from learnflow_kafka.core.ports import Edge
from learnflow_kafka.core.replaying import GROUP, Selection
from learnflow_kafka.wiring import kafka

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.clusters import LocalKafka

    from learnflow_kafka.core.observed import Record
    from learnflow_kafka.core.ports import KafkaAdmin, KafkaData

pytestmark = pytest.mark.kafka


@dataclass(frozen=True)
class Place:
    """A source topic with the dead letters of one group, on a real broker."""

    bootstrap: str
    admin: KafkaAdmin
    data: KafkaData
    source: str
    group: str

    @property
    def selection(self) -> Selection:
        """All letters of the group."""
        return Selection(group=self.group)

    def fill(self, count: int) -> None:
        """Write letters to all three dead-letter partitions, every tenth one twice."""
        for copy in (range(count), range(0, count, 10)):
            write(
                self.data,
                (
                    letter(n, source=self.source, group=self.group, partition=n % 2, at=n % 3)
                    for n in copy
                ),
            )

    def replay(self) -> int:
        """Replay; how many letters went."""
        delivery = prepare(self.admin, self.data, self.selection)
        return sum(event.letters for event in replay(self.admin, self.data, delivery))

    def events(self) -> list[Record]:
        """What a reader of committed records finds in the source topic, all replays ended."""
        # To open the transfer once more waits until the last transaction is seen by readers.
        with self.data.transfer(f"{GROUP}.{dead_letter_topic(self.source, self.group)}", GROUP):
            pass
        places = [TopicPartition(self.source, n) for n in range(2)]
        ends = self.admin.offsets(places, Edge.LATEST)
        until = {p: ends[p].offset or 0 for p in places}  # type: ignore[union-attr]
        return list(self.data.read(dict.fromkeys(places, 0), until=until))


@pytest.fixture
def place(kafka1: LocalKafka) -> Iterator[Place]:
    """Topics of this test alone."""
    word = uuid.uuid4().hex[:8]
    source, group = f"orders.{word}", f"billing.{word}"
    with kafka.admin(kafka1.context) as admin, kafka.data(kafka1.context) as data:
        made = admin.create_topics(
            [CreateTopic(source, 2, 1), CreateTopic(dead_letter_topic(source, group), 3, 1)]
        )
        assert set(made.values()) == {None}
        yield Place(kafka1.bootstrap, admin, data, source, group)


def expected(place: Place, count: int) -> list[tuple[object, ...]]:
    """The events as they were before they failed."""
    made = [
        letter(n, source=place.source, group=place.group, partition=n % 2) for n in range(count)
    ]
    return sorted((m.value, m.key, m.headers[:2], n % 2) for n, m in enumerate(made))


def test_a_thousand_letters_go_back_once_and_a_second_run_sends_nothing(place: Place) -> None:
    """Key, value, headers and partition are as they were; copies are not sent twice."""
    place.fill(1_000)

    assert place.replay() == 1_000
    assert place.replay() == 0
    assert shape(place.events()) == expected(place, 1_000)


OPENED, WRITTEN, NOTED, COMMITTED = 1, 2, 3, 4
"""Steps of a replay up to there, in its first transaction; each further one takes three more."""


def killed_after(steps: int, place: Place) -> int:
    """The exit code of a replay that is killed as soon as so many steps are done."""
    return subprocess.run(
        [sys.executable, "-m", "tests.support.replaying", place.bootstrap, place.group, str(steps)],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        timeout=120,
        check=False,
    ).returncode


def test_a_replay_that_is_killed_loses_and_repeats_nothing(place: Place) -> None:
    """Kill -9 at each step of a replay, one after the other; then each event is there once."""
    place.fill(1_000)
    ends = [
        killed_after(steps, place)
        for steps in (OPENED, WRITTEN, NOTED + 3, COMMITTED + 6, NOTED, WRITTEN + 9)
    ]
    left = place.replay()

    assert ends == [-signal.SIGKILL] * 6
    assert left == 1_000 - 10 * (1 + 3 + 3)
    assert shape(place.events()) == expected(place, 1_000)


def test_a_purge_removes_what_the_preview_said(place: Place) -> None:
    """Counts are of letters; afterwards the partitions begin where the cuts ended."""
    place.fill(30)
    dead_letters = dead_letter_topic(place.source, place.group)
    wanted = cuts(place.admin, place.data, dead_letters)
    ended = list(purge(place.admin, dead_letters, wanted))

    assert sum(cut.letters for cut in wanted) == sum(cut.waiting for cut in wanted) == 30
    assert [event.fault for event in ended] == [None] * 3
    assert boxes(place.admin, place.data, place.selection) == ()
