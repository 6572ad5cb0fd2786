from __future__ import annotations

import logging
import random
import re
import signal
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest
from tests.sdk.notes import FAST, Note, create, reading, until, world
from tests.sdk.running import QUICK, Process, committed, written
from tests.support.ports import free_ports

from learnflow_kafka.core.catalog import Retries
from learnflow_kafka.core.dead_letters import parse
from learnflow_kafka.sdk.producer import Producer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sdk.notes import World
    from tests.support.clusters import LocalKafka

pytestmark = pytest.mark.kafka

FIGURES = logging.getLogger("figures")
"""For long forms: `pytest -m soak --log-cli-level=info`."""
LEAVING = 20
"""Seconds that leaving the group may take on a busy machine, after the grace of handlers."""
FAILING = 50
"""One note in so many fails for good."""


def fill(bootstrap: str, world: World, count: int, *, failing: bool = False) -> None:
    """Write numbered notes of many students; some of them fail."""
    with Producer("writer", world.contract, bootstrap=bootstrap) as producer:
        for number in range(count):
            text = "fails" if failing and number % FAILING == 0 else ""
            producer.post(world.notes, Note(student=f"s{number % 97}", number=number, text=text))


def kill_often(
    kafka: LocalKafka,
    folder: Path,
    *options: str,
    kills: int,
    events: int,
    partitions: int = 2,
    concurrency: int = 4,
) -> None:
    """Kill consumers at random moments; then nothing is lost, and each failure is buried once."""
    place = world(partitions=partitions, concurrency=concurrency, retries=FAST)
    lanes = f"concurrency={concurrency}"
    create(kafka.bootstrap, place)
    fill(kafka.bootstrap, place, events, failing=True)
    failing = set(range(0, events, FAILING))
    chance = random.Random(kills)
    done = 0
    for _ in range(kills):
        process = Process(kafka.bootstrap, place, folder, lanes, "sleep=0.01", *options)
        done = len(set(process.numbers()))
        process.wait_for(min(done + 1, events - len(failing)))
        time.sleep(chance.uniform(0, 0.5))
        assert process.end(signal.SIGKILL) == -signal.SIGKILL
    last = Process(kafka.bootstrap, place, folder, lanes, *options)
    until(lambda: committed(kafka.bootstrap, place) == events, seconds=240)
    with reading(kafka.bootstrap, place.dead_letters) as read:
        letters = [parse(r.headers()) for r in read(written(kafka.bootstrap, place.dead_letters))]
    last.end(signal.SIGKILL)

    assert set(last.numbers()) == set(range(events)) - failing
    shown = {letter.identity for letter in letters if letter}
    assert len(shown) == len(failing)


def test_a_killed_consumer_loses_nothing(kafka1: LocalKafka, tmp_path: Path) -> None:
    """Five times kill -9: every event is handled, every failing one is among the dead letters."""
    # As a static member: the next process takes over at once, not after the session timeout.
    kill_often(kafka1, tmp_path, "instance=one", kills=5, events=2_000)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_a_hundred_kills_lose_nothing(kafka1: LocalKafka, tmp_path: Path) -> None:
    """The long form of the same."""
    kill_often(kafka1, tmp_path, kills=100, events=40_000)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_fifty_kills_lose_no_key_of_one_partition(kafka1: LocalKafka, tmp_path: Path) -> None:
    """Eight keys at a time, 50 kills: what is committed never passes what is not finished."""
    kill_often(
        kafka1, tmp_path, "instance=one", kills=50, events=20_000, partitions=1, concurrency=8
    )


def kill_between_letter_and_commit(kafka: LocalKafka, folder: Path, *, kills: int) -> None:
    """Kill a consumer after each dead letter and before its offset; then none is lost."""
    place = world(retries=Retries(attempts=0))
    create(kafka.bootstrap, place)
    with Producer("writer", place.contract, bootstrap=kafka.bootstrap) as producer:
        producer.send(place.notes, Note(student="ada", number=0, text="fails"))
    for turn in range(kills):
        # Its offset would be committed after an hour.
        options = ("instance=one", "interval=3600")
        process = Process(kafka.bootstrap, place, folder, *options)
        until(lambda: written(kafka.bootstrap, place.dead_letters) > turn)  # noqa: B023 - at once
        assert process.end(signal.SIGKILL) == -signal.SIGKILL
        assert committed(kafka.bootstrap, place) == 0
    last = Process(kafka.bootstrap, place, folder, "instance=one")
    until(lambda: committed(kafka.bootstrap, place) == 1)
    last.end(signal.SIGTERM)
    with reading(kafka.bootstrap, place.dead_letters) as read:
        letters = [parse(record.headers()) for record in read(kills + 1)]

    assert len(letters) == kills + 1
    assert {letter and letter.identity for letter in letters} == {
        (place.subscription.group, place.notes.name, 0, 0)
    }


def test_a_kill_after_the_dead_letter_repeats_it(kafka1: LocalKafka, tmp_path: Path) -> None:
    """Letter first, offset then: a kill between the two writes the same letter once more."""
    kill_between_letter_and_commit(kafka1, tmp_path, kills=2)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_a_hundred_kills_after_the_dead_letter_lose_nothing(
    kafka1: LocalKafka, tmp_path: Path
) -> None:
    """The long form of the same."""
    kill_between_letter_and_commit(kafka1, tmp_path, kills=100)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("concurrency", [1, 4])
def test_fifty_terminations_commit_nothing_false(
    kafka1: LocalKafka, tmp_path: Path, concurrency: int
) -> None:
    """SIGTERM at random moments: what is committed was handled, with one worker exactly that."""
    place = world()
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, 20_000 * concurrency)  # more than fifty lives can handle
    chance = random.Random(concurrency)
    options = ("sleep=0.005", "instance=one", f"concurrency={concurrency}")
    slowest = 0.0
    for _ in range(50):
        process = Process(kafka1.bootstrap, place, tmp_path, *options)
        process.wait_for(len(set(process.numbers())) + 1)
        time.sleep(chance.uniform(0, 0.5))
        began = time.monotonic()
        assert process.end(signal.SIGTERM) == 0, process.output.read_text()
        slowest = max(slowest, time.monotonic() - began)
        # One partition and no other records: an event's number is its offset.
        done = set(range(committed(kafka1.bootstrap, place)))
        handled = process.numbers()

        assert done <= set(handled)
        assert concurrency > 1 or handled == sorted(done)
    FIGURES.info("slowest end after SIGTERM: %.1f s", slowest)

    assert slowest < QUICK.grace + LEAVING


def test_a_terminated_consumer_finishes_what_it_began(kafka1: LocalKafka, tmp_path: Path) -> None:
    """After SIGTERM, exactly what was handled is committed: nothing less and nothing more."""
    place = world()
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, 500)
    process = Process(kafka1.bootstrap, place, tmp_path, "sleep=0.02")
    process.wait_for(20)
    exit_code = process.end(signal.SIGTERM)
    handled = process.numbers()

    assert exit_code == 0, process.output.read_text()
    assert handled == list(range(len(handled)))
    assert committed(kafka1.bootstrap, place) == len(handled) < 500


def test_a_plain_handler_past_its_deadline_ends_the_process(
    kafka1: LocalKafka, tmp_path: Path
) -> None:
    """It cannot be stopped; what was finished is committed, what hangs is not."""
    place = world()
    create(kafka1.bootstrap, place)
    with Producer("writer", place.contract, bootstrap=kafka1.bootstrap) as producer:
        for number, text in enumerate(["", "", "hangs"]):
            producer.send(place.notes, Note(student="ada", number=number, text=text))
    process = Process(kafka1.bootstrap, place, tmp_path, "deadline=0.5")
    exit_code = process.process.wait(60)

    assert exit_code == 1
    assert "has run for" in process.output.read_text()
    assert committed(kafka1.bootstrap, place) == 2


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_blocked_handler_is_not_live_for_long(
    kafka1: LocalKafka, tmp_path: Path, kind: str
) -> None:
    """
    Within its limit the service is live; five seconds past it no more, and the process ends.

    An async handler that blocks the loop is no exception.
    """
    place = world()
    create(kafka1.bootstrap, place)
    with Producer("writer", place.contract, bootstrap=kafka1.bootstrap) as producer:
        producer.send(place.notes, Note(student="ada", number=0, text="hangs"))
    port = free_ports(1)
    process = Process(
        kafka1.bootstrap, place, tmp_path, "deadline=3", f"health={port}", f"kind={kind}"
    )
    until(lambda: is_live(port) or process.process.poll() is not None)
    was_live = process.process.poll() is None
    until(lambda: not is_live(port))
    lasted = time.time() - (tmp_path / "hangs").stat().st_mtime
    exit_code = process.process.wait(60)
    ran = re.search(r"has run for ([0-9.]+) s", process.output.read_text())

    assert was_live
    assert exit_code == 1
    assert ran is not None
    assert float(ran[1]) >= 3
    assert lasted < 3 + 5


def is_live(port: int) -> bool:
    """What a probe of the liveness page finds."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/live", timeout=60):
            return True
    except OSError:
        return False
