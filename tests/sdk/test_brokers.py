from __future__ import annotations

import asyncio
import json
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka.admin import AdminClient
from tests.sdk.notes import Note, create, reading, settled, until, world
from tests.sdk.running import QUICK, committed, running

from learnflow_kafka.core.catalog import Guarantee
from learnflow_kafka.sdk.app import App
from learnflow_kafka.sdk.delivery import Delivery
from learnflow_kafka.sdk.producer import Producer

if TYPE_CHECKING:
    from tests.support.clusters import LocalKafka

    from learnflow_kafka.sdk.receipt import Receipt

pytestmark = pytest.mark.kafka


def leader(bootstrap: str, topic: str) -> int:
    """The broker that leads the topic's first partition."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    found: int = admin.list_topics(topic, timeout=30).topics[topic].partitions[0].leader
    return found


def write_while_the_leader_dies(kafka: LocalKafka, count: int) -> None:
    """Every acknowledged event is in the log once, and each key's events in their order."""
    place = world(partitions=3)
    create(kafka.bootstrap, place, replication=3)
    killed = threading.Event()

    def kill() -> None:
        kafka.kill(leader(kafka.bootstrap, place.notes.name))
        killed.set()
        kafka.restart()

    killer = threading.Thread(target=kill)
    receipts: list[Receipt] = []
    with Producer("writer", place.contract, bootstrap=kafka.bootstrap) as producer:
        for number in range(count):
            if number == count // 10:
                killer.start()
            if number == count // 2:
                until(killed.is_set)
            note = Note(student=f"s{number % 50}", number=number)
            receipts.append(producer.post(place.notes, note))
        producer.flush(120)
    killer.join()
    with reading(kafka.bootstrap, place.notes.name) as read:
        records = read(count)
    seen: dict[Any, list[int]] = defaultdict(list)
    for record in records:
        seen[record.key()].append(json.loads(record.value())["data"]["number"])

    assert all(receipt.error is None for receipt in receipts)
    assert len(records) == count
    assert all(numbers == sorted(set(numbers)) for numbers in seen.values())


def test_a_dying_leader_loses_and_reorders_nothing(kafka3: LocalKafka) -> None:
    """Three brokers, the leader killed and restarted in the middle of 20,000 events."""
    write_while_the_leader_dies(kafka3, 20_000)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_a_dying_leader_loses_and_reorders_nothing_of_many(kafka3: LocalKafka) -> None:
    """The long form of the same, with 100,000 events."""
    write_while_the_leader_dies(kafka3, 100_000)


@pytest.mark.timeout(600)
def test_a_dying_broker_copies_nothing_twice(kafka3: LocalKafka) -> None:
    """Exactly once, while the broker that leads, and may coordinate, is killed and restarted."""
    place = world(partitions=3, delivery=Guarantee.EXACTLY_ONCE)
    create(kafka3.bootstrap, place, replication=3)
    with Producer("writer", place.contract, bootstrap=kafka3.bootstrap) as producer:
        for number in range(3_000):
            producer.post(place.notes, Note(student=f"s{number % 50}", number=number))
    app = App("reader", place.contract, bootstrap=kafka3.bootstrap, settings=QUICK)
    seen: list[int] = []

    @app.on(place.notes)
    async def copy(note: Note, delivery: Delivery) -> None:
        await asyncio.sleep(0.001)
        delivery.send(place.copies, note)
        seen.append(note.number)

    with running(app) as raised:
        until(lambda: len(seen) > 300)
        kafka3.kill(leader(kafka3.bootstrap, place.copies.name))
        kafka3.restart()
        copies = settled(kafka3.bootstrap, place.copies.name, 3_000, seconds=240)
        assert not raised
    numbers = sorted(json.loads(record.value())["data"]["number"] for record in copies)

    assert numbers == list(range(3_000))


@pytest.mark.zookeeper
def test_an_old_broker_with_zookeeper_serves_too(kafka39: LocalKafka) -> None:
    """Kafka 3.9 knows the classic group protocol only, and that is the default."""
    place = world()
    create(kafka39.bootstrap, place)
    with Producer("writer", place.contract, bootstrap=kafka39.bootstrap) as producer:
        for number in range(100):
            producer.post(place.notes, Note(student="ada", number=number))
    seen: list[int] = []
    app = App("reader", place.contract, bootstrap=kafka39.bootstrap, settings=QUICK)

    @app.on(place.notes)
    async def keep(note: Note) -> None:
        seen.append(note.number)

    with running(app):
        until(lambda: len(seen) == 100)

    assert seen == list(range(100))
    assert committed(kafka39.bootstrap, place) == 100
