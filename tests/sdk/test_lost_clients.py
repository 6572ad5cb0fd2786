"""
Clients that were told of no broker, and forgot those that they knew (librdkafka's issue 5301).

The first test is librdkafka's: where it fails, a new release has mended the issue, and the SDK's
`_lost_clients` can go, with what `docs` say of it.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, KafkaException
from confluent_kafka import Producer as RawProducer
from confluent_kafka.admin import AdminClient
from tests.sdk.notes import Note, create, settled, until, world
from tests.sdk.running import QUICK, committed, running
from tests.sdk.talks import PROMPT, Question, talk, told
from tests.support.wire import tapped

from learnflow_kafka.core.catalog import Guarantee
from learnflow_kafka.sdk import App, Asker, Delivery, Producer, _lost_clients, presence
from learnflow_kafka.sdk._clients import made
from learnflow_kafka.sdk.settings import GroupProtocol, Settings, client_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sdk.notes import World
    from tests.support.clusters import LocalKafka
    from tests.support.sasl import SaslKafka
    from tests.support.wire import Tap

    from learnflow_kafka.sdk.receipt import Receipt

LOST = '{ "brokers":{ "GroupCoordinator": { "source":"logical", "state":"INIT" } } }'
LOOKING = {"topic.metadata.refresh.interval.ms": 200}
"""So that clients ask for brokers all the time."""


@pytest.fixture
def tap(kafka1: LocalKafka, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tap]:
    """The way to a broker; our clients look once a second whether they know it."""
    monkeypatch.setattr(_lost_clients, "EVERY", 1.0)
    with tapped(int(kafka1.bootstrap.rpartition(":")[2])) as made:
        yield made


@contextmanager
def told_of_none(tap: Tap, caplog: pytest.LogCaptureFixture, *clients: str) -> Iterator[None]:
    """The broker knows no broker until these clients have lost theirs; the block begins then."""

    def lost() -> set[str]:
        said = [r.getMessage() for r in caplog.records if "forgotten every" in r.getMessage()]
        return {line.partition("-")[0] for line in said}

    tap.knows_brokers = False
    try:
        until(lambda: lost() >= set(clients))
        yield
    finally:
        tap.knows_brokers = True


def asked_no_more(tap: Tap) -> bool:
    """Whether nobody asks for brokers any more."""
    before = tap.farewells
    time.sleep(2)
    return 0 < before == tap.farewells


def looking(protocol: GroupProtocol = GroupProtocol.CLASSIC) -> Settings:
    """Quick to ask for brokers and to notice a member that is gone."""
    extra = QUICK.extra if protocol is GroupProtocol.CLASSIC else {}
    return replace(QUICK, group_protocol=protocol, extra={**extra, **LOOKING})


def post(producer: Producer, place: World, wanted: range) -> list[Receipt]:
    return [
        producer.post(place.notes, Note(student=f"s{number % 7}", number=number))
        for number in wanted
    ]


def log_of(bootstrap: str, topic: str, count: int) -> list[int]:
    """The numbers in a topic, each as often as it is there; those of a key are in their order."""
    by_key: dict[Any, list[int]] = {}
    for record in settled(bootstrap, topic, count):
        by_key.setdefault(record.key(), []).append(json.loads(record.value())["data"]["number"])
    assert all(numbers == sorted(numbers) for numbers in by_key.values())
    return sorted(number for numbers in by_key.values() for number in numbers)


@pytest.mark.kafka
def test_a_client_of_librdkafka_never_comes_back(tap: Tap, kafka1: LocalKafka) -> None:
    """Whatever it is set to; a new client at the same address is served at once."""
    place = world()
    create(kafka1.bootstrap, place)
    name = place.notes.name
    config: dict[str, Any] = {
        "bootstrap.servers": tap.address,
        **LOOKING,
        "metadata.recovery.strategy": "rebootstrap",
        "metadata.recovery.rebootstrap.trigger.ms": 1_000,
    }
    group = {"group.id": name, "auto.offset.reset": "earliest", "session.timeout.ms": 6_000}
    consumer = Consumer({**config, **group})
    producer = RawProducer(config)
    consumer.subscribe([name])
    producer.produce(name, b"before")
    until(lambda: consumer.poll(0.1))
    assert producer.flush(30) == 0
    tap.knows_brokers = False
    until(lambda: asked_no_more(tap))
    tap.knows_brokers = True
    producer.produce(name, b"after")

    assert producer.flush(10) == 1
    assert consumer.poll(1) is None
    for client in (consumer, producer):
        with pytest.raises(KafkaException, match="_TRANSPORT"):
            client.list_topics(timeout=1)
    assert RawProducer(config).list_topics(timeout=30).brokers
    producer.purge()
    consumer.close()


@pytest.mark.kafka
@pytest.mark.parametrize("protocol", [GroupProtocol.CLASSIC, GroupProtocol.CONSUMER])
def test_an_app_and_a_producer_go_on(
    tap: Tap, kafka1: LocalKafka, protocol: GroupProtocol, caplog: pytest.LogCaptureFixture
) -> None:
    """Every event is handled, and what was posted meanwhile is written once and in order."""
    place = world(partitions=3)
    create(kafka1.bootstrap, place)
    settings = looking(protocol)
    app = App("reader", place.contract, bootstrap=tap.address, settings=settings)
    seen: list[int] = []

    @app.on(place.notes)
    def copy(note: Note) -> None:
        app.producer.post(place.copies, note)
        seen.append(note.number)

    writer = Producer("writer", place.contract, bootstrap=tap.address, settings=settings)
    with writer, running(app) as raised:
        post(writer, place, range(50))
        until(lambda: len(seen) >= 50)
        app.producer.flush()
        with told_of_none(tap, caplog, "reader#consumer", "reader#producer", "writer#producer"):
            receipts = post(writer, place, range(50, 100))
        back = time.monotonic()
        assert all(receipt.result(60) for receipt in receipts)
        until(lambda: set(seen) >= set(range(100)))
        until(lambda: app.health().ready)
        assert time.monotonic() - back < 30

    assert not raised
    assert log_of(kafka1.bootstrap, place.notes.name, 100) == list(range(100))


@pytest.mark.kafka
@pytest.mark.parametrize("protocol", [GroupProtocol.CLASSIC, GroupProtocol.CONSUMER])
def test_events_are_handled_exactly_once_all_the_same(
    tap: Tap, kafka1: LocalKafka, protocol: GroupProtocol, caplog: pytest.LogCaptureFixture
) -> None:
    """The client of the transactions is led back too."""
    place = world(partitions=3, delivery=Guarantee.EXACTLY_ONCE)
    create(kafka1.bootstrap, place)
    app = App("reader", place.contract, bootstrap=tap.address, settings=looking(protocol))

    @app.on(place.notes)
    def copy(note: Note, delivery: Delivery) -> None:
        delivery.send(place.copies, note)

    with (
        Producer("writer", place.contract, bootstrap=kafka1.bootstrap) as writer,
        running(app) as raised,
    ):
        post(writer, place, range(500))
        until(lambda: committed(kafka1.bootstrap, place) == 500)
        with told_of_none(tap, caplog, "reader#consumer", "reader#producer"):
            post(writer, place, range(500, 1_000))
        copies = log_of(kafka1.bootstrap, place.copies.name, 1_000)

    assert not raised
    assert copies == list(range(1_000))


@pytest.mark.kafka
def test_an_asker_goes_on(tap: Tap, kafka1: LocalKafka, caplog: pytest.LogCaptureFixture) -> None:
    """A question that waits meanwhile is answered, and so are those that come after it."""
    place = talk()
    place.create(kafka1.bootstrap)
    settings = replace(PROMPT, extra={**PROMPT.extra, **LOOKING})
    answers: list[str] = []
    with (
        place.answering(kafka1.bootstrap, told),
        Asker(
            "asker", place.contract, place.exchange, bootstrap=tap.address, settings=settings
        ) as asker,
    ):
        asker.ask(Question(id="before"), timeout=60)

        def ask(name: str) -> None:
            answers.append(asker.ask(Question(id=name), timeout=60).id)

        waiting = threading.Thread(target=ask, args=("meanwhile",))
        with told_of_none(tap, caplog, "asker#consumer", "asker#producer"):
            waiting.start()
        waiting.join()
        ask("after")

    assert answers == ["meanwhile", "after"]


@pytest.mark.kafka
def test_topics_are_looked_after_again(
    tap: Tap, kafka1: LocalKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a new client: one that is deleted after the first was told of no broker is missed."""
    monkeypatch.setattr(presence, "_EVERY", 0.2)
    monkeypatch.setattr(presence, "_PATIENCE", 1)
    place = world()
    create(kafka1.bootstrap, place)
    name = place.notes.name
    looks = presence.Presence({"bootstrap.servers": tap.address}, [name])
    looks.start()
    until(lambda: looks.has(name))
    first, admin = looks.client, AdminClient({"bootstrap.servers": kafka1.bootstrap})
    tap.knows_brokers = False
    until(lambda: looks.client is not first)
    tap.knows_brokers = True
    admin.delete_topics([name])[name].result(30)
    until(lambda: looks.gone(name))
    looks.stop()


@pytest.mark.kafka
def test_who_is_led_back_still_shows_who_it_is(kafka_sasl: SaslKafka) -> None:
    """With TLS and a password, as everywhere."""
    connection = kafka_sasl.context.connection
    config = client_config(connection, Settings()) | {"log_level": 0}
    client = made(RawProducer, {**config, "bootstrap.servers": "127.0.0.1:1"})
    way_back = _lost_clients.WayBack(config)
    way_back.lead(client)
    way_back._look(LOST)

    assert client.list_topics(timeout=30).brokers


def test_a_client_without_a_handle_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    """A release of confluent-kafka that keeps it elsewhere makes a clear line in the log."""
    client = made(RawProducer, {"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
    way_back = _lost_clients.WayBack({"bootstrap.servers": "127.0.0.1:1"})
    way_back.lead(client)
    client.close()  # its handle is gone
    way_back._look(LOST)

    assert "end this process and start it again" in caplog.text


def test_only_who_knows_no_broker_is_led_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither who only cannot reach those that it knows, nor who has just begun."""
    told: list[str] = []

    def add(_: int, addresses: str) -> str:
        told.append(addresses)
        return "it"

    monkeypatch.setattr(_lost_clients, "_add_brokers", add)
    way_back = _lost_clients.WayBack({"bootstrap.servers": "one:1,two:2"})
    way_back.lead(object())
    for source in ("learned", "configured"):
        way_back._look(LOST.replace("logical", source))
    assert not told
    way_back._look(LOST)

    assert told == ["one:1,two:2"]


def test_who_has_statistics_told_gets_them(caplog: pytest.LogCaptureFixture) -> None:
    """At the interval of its own."""
    read: list[str] = []
    own = {"statistics.interval.ms": 10, "stats_cb": read.append, "log_level": 0}
    client = made(RawProducer, {"bootstrap.servers": "127.0.0.1:1", **own})
    until(lambda: (client.poll(0.1), read)[1])

    assert '"brokers"' in read[0]
    assert not caplog.records
