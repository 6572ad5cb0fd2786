"""What the SDK logs: places, classes and counts, never what is in an event."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import pytest
from confluent_kafka import Producer as RawProducer
from tests.sdk.notes import Note, reading, until, world
from tests.sdk.running import running
from tests.sdk.talks import PROMPT

from learnflow_kafka.core.catalog import Retries
from learnflow_kafka.sdk import App, Delivery, Producer, Reject
from learnflow_kafka.testing import mock as mock_kafka

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sdk.notes import World

    from learnflow_kafka.testing import MockKafka

EAGER = replace(PROMPT, extra={**PROMPT.extra, "topic.metadata.propagation.max.ms": 300})
"""A topic that is missing counts as missing after so many milliseconds."""
HUSH = ("student-4711", "my-diary", "in-the-error", "in-a-header", "poison-apple")
"""A key, a field, an exception's message, a header, and bytes that are no event."""


@pytest.fixture
def mock() -> Iterator[MockKafka]:
    """A mock cluster of one broker."""
    with mock_kafka.started() as cluster:
        cluster.fast_rebalance()
        yield cluster


@pytest.fixture
def place(mock: MockKafka) -> World:
    """A world whose topics exist on the mock, but for the dead letters'."""
    made = world(retries=Retries(attempts=1, backoff_ms=10))
    for topic in {*made.topics} - {made.dead_letters}:
        mock.create(topic)
    return made


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_no_log_tells_what_an_event_holds(
    mock: MockKafka,
    place: World,
    caplog: pytest.LogCaptureFixture,
    kind: Literal["plain", "async"],
) -> None:
    """Failed, retried, rejected, poison, cancelled, a dead letter that cannot be written."""
    app = App("reader", place.contract, bootstrap=mock.bootstrap, settings=EAGER)

    def judge(note: Note) -> None:
        if note.number == 1:
            raise ValueError(f"{note.text} in-the-error")
        if note.number == 2:
            raise Reject(f"{note.text} in-the-error") from KeyError(note.student)

    if kind == "plain":

        @app.on(place.notes)
        def handle(note: Note, delivery: Delivery) -> None:
            judge(note)

    else:

        @app.on(place.notes, deadline=0.2)
        async def handle_async(note: Note) -> None:
            judge(note)
            await asyncio.sleep(60)

    raw = RawProducer({"bootstrap.servers": mock.bootstrap})
    with caplog.at_level(logging.DEBUG), running(app):
        writer = Producer("writer", place.contract, bootstrap=mock.bootstrap, settings=EAGER)
        with writer as producer:
            for number in (1, 2, 3):
                note = Note(student=HUSH[0], number=number, text=HUSH[1])
                producer.send(place.notes, note, headers=[("x", HUSH[3].encode())])
        raw.produce(place.notes.name, HUSH[4].encode(), HUSH[0].encode())
        raw.flush(30)
        until(lambda: "could not be written" in caplog.text)
        mock.create(place.dead_letters)
        with reading(mock.bootstrap, place.dead_letters) as read:
            letters = read(3 if kind == "plain" else 4)
    shown = "".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    failed = [r for r in caplog.records if getattr(r, "error", "") == "ValueError"]

    assert len(letters) == (3 if kind == "plain" else 4)
    assert not [word for word in HUSH if word in shown]
    assert {(r.topic, r.offset, r.group) for r in failed} == {  # type: ignore[attr-defined]
        (place.notes.name, 0, place.subscription.group)
    }
