"""From a failing handler to a replayed event, with the SDK and the commands, on real Kafka."""

from __future__ import annotations

import pytest
from tests.sdk.notes import FAST, Note, create, until, world
from tests.sdk.running import QUICK, running
from tests.support.clusters import LocalKafka
from tests.support.commands import Done, Learnflow

from learnflow_kafka.sdk import App, Producer, Reject

pytestmark = pytest.mark.kafka


def test_what_failed_is_handled_after_a_replay(kafka1: LocalKafka, learnflow: Learnflow):
    """The handler rejects an event, is mended, and gets it back; then nothing waits."""
    place = world(retries=FAST)
    create(kafka1.bootstrap, place)
    broken, got = True, list[int]()
    app = App("reader", place.contract, bootstrap=kafka1.bootstrap, settings=QUICK)

    @app.on(place.notes)
    def handle(note: Note) -> None:
        if broken:
            raise Reject("not today")
        got.append(note.number)

    def dlt(*words: str) -> Done:
        chosen = ("--group", place.subscription.group, "--bootstrap", kafka1.bootstrap)
        return learnflow("dlt", *words, *chosen)

    with running(app), Producer("writer", place.contract, bootstrap=kafka1.bootstrap) as producer:
        for number in (1, 2):
            producer.send(place.notes, Note(student="ada", number=number))
        until(lambda: [g["letters"] for g in dlt("list", "--json").json["groups"]] == [2])
        [first, _] = dlt("list", "--letters", "--json").json["letters"]
        shown = learnflow("dlt", "show", first["identity"], "--bootstrap", kafka1.bootstrap)
        broken = False
        replayed = dlt("replay", "--yes", "--json").json["replayed"]
        until(lambda: len(got) == 2)

    assert "not today" in shown.text
    assert "Traceback" in shown.text
    assert replayed == 2
    assert got == [1, 2]
    assert dlt("replay", "--yes", "--json").json["skipped"] == 2
