"""An app that is asked to stop does, whatever its handlers and its brokers do."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import pytest
from tests.sdk.notes import Note, create, until, world
from tests.sdk.running import QUICK, Process, committed, running

from learnflow_kafka.errors import ClosedError
from learnflow_kafka.sdk.app import App
from learnflow_kafka.sdk.producer import Producer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sdk.notes import World
    from tests.support.clusters import LocalKafka

GRACE = 2
MARGIN = 20
"""Seconds beyond the grace period that a busy machine is given; a hang lasts minutes."""


def write(kafka: LocalKafka, place: World, count: int, text: str = "") -> None:
    """Notes of one student."""
    with Producer("writer", place.contract, bootstrap=kafka.bootstrap) as producer:
        for number in range(count):
            producer.post(place.notes, Note(student="ada", number=number, text=text))


@pytest.mark.kafka
@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_frozen_broker_does_not_keep_an_app_from_stopping(
    kafka1: LocalKafka, kind: Literal["plain", "async"]
) -> None:
    """Nobody hears of the last offsets: what was handled after the last commit comes again."""
    place = world()
    create(kafka1.bootstrap, place)
    write(kafka1, place, 100)
    settings = replace(QUICK, commit_interval=3_600, grace=GRACE)
    app = App("reader", place.contract, bootstrap=kafka1.bootstrap, settings=settings)
    seen: list[int] = []
    if kind == "plain":

        @app.on(place.notes)
        def keep(note: Note) -> None:
            seen.append(note.number)

    else:

        @app.on(place.notes)
        async def keep_async(note: Note) -> None:
            seen.append(note.number)

    with ExitStack() as thaw:
        with running(app) as raised:
            until(lambda: len(seen) == 100)
            thaw.enter_context(kafka1.frozen(1))
            begin = time.monotonic()
        took = time.monotonic() - begin

    assert took < GRACE + MARGIN
    assert not raised
    assert seen == list(range(100))


@pytest.mark.kafka
@pytest.mark.parametrize("text", ["ignores", "hangs"])
def test_a_handler_that_will_not_end_ends_with_the_process(
    kafka1: LocalKafka, tmp_path: Path, text: str
) -> None:
    """One that ignores its cancellation, and one that blocks the loop, which hears no signal."""
    place = world()
    create(kafka1.bootstrap, place)
    write(kafka1, place, 1, text)
    process = Process(
        kafka1.bootstrap, place, tmp_path, "kind=async", "deadline=3600", f"grace={GRACE}"
    )
    time.sleep(5)  # nothing tells from outside that the handler runs
    begin = time.monotonic()
    code = process.end(signal.SIGTERM)
    took = time.monotonic() - begin

    assert code == 1
    assert took < GRACE + MARGIN
    assert "a handler still runs" in process.output.read_text()
    assert committed(kafka1.bootstrap, place) == 0


@pytest.mark.kafka
def test_an_app_runs_once(kafka1: LocalKafka) -> None:
    """A second run beside the first is refused and leaves the first alone."""
    place = world()
    create(kafka1.bootstrap, place)
    app = App("reader", place.contract, bootstrap=kafka1.bootstrap, settings=QUICK)
    app.on(place.notes)(lambda note: None)
    with running(app) as raised:
        until(lambda: app.health().ready)
        with pytest.raises(ClosedError, match="runs or has run"):
            app.run()

    assert not raised


def test_an_app_that_was_stopped_before_says_so() -> None:
    """It has not run, and will not."""
    place = world()
    app = App("reader", place.contract, bootstrap="127.0.0.1:1")
    app.on(place.notes)(lambda note: None)
    app.stop()

    with pytest.raises(ClosedError, match="stopped before it ran"):
        app.run()


def test_an_app_that_does_not_end_is_not_live(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the grace period and a margin are over it is only not ready."""
    app = App("reader", world().contract, bootstrap="127.0.0.1:1", settings=QUICK)
    now = time.monotonic()
    app.stop()
    soon = app.health()
    monkeypatch.setattr(time, "monotonic", lambda: now + QUICK.grace + MARGIN)
    late = app.health()

    assert (soon.live, soon.ready) == (True, False)
    assert not late.live
    assert "still stopping" in late.reasons[0]


@pytest.mark.kafka
def test_signals_are_given_back(kafka1: LocalKafka) -> None:
    """While an app runs on the main thread SIGTERM stops it; afterwards all is as before."""
    place = world()
    create(kafka1.bootstrap, place)
    app = App("reader", place.contract, bootstrap=kafka1.bootstrap, settings=QUICK)
    app.on(place.notes)(lambda note: None)
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]

    async def serve() -> None:
        task = asyncio.create_task(app.serve())
        await asyncio.to_thread(until, lambda: app.health().ready)
        signal.raise_signal(signal.SIGTERM)
        await task

    asyncio.run(serve())

    assert threading.current_thread() is threading.main_thread()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
