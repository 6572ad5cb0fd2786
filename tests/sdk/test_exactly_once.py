"""
Exactly once, on a real broker: librdkafka's mock enforces nothing of it.

Inputs are counted on one side and committed outputs on the other; handlers note what they
handled in a file, which may well hold numbers twice.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import signal
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import pytest
from confluent_kafka import Consumer, TopicPartition
from tests.sdk.notes import FAST, Note, create, settled, until, world
from tests.sdk.running import COPIER, QUICK, Process, committed, running

from learnflow_kafka.core.catalog import (
    Guarantee,
    Isolation,
    Ordering,
    Partitioner,
    Retries,
    RetryMode,
)
from learnflow_kafka.core.dead_letters import Reason, parse
from learnflow_kafka.errors import ContractError, SdkError
from learnflow_kafka.sdk import transactions
from learnflow_kafka.sdk.app import App
from learnflow_kafka.sdk.codec import Decoded, Reader
from learnflow_kafka.sdk.contract import Contract
from learnflow_kafka.sdk.delivery import Delivery
from learnflow_kafka.sdk.outputs import Outputs
from learnflow_kafka.sdk.producer import Producer
from learnflow_kafka.sdk.routes import Handler
from learnflow_kafka.sdk.settings import GroupProtocol, Settings
from learnflow_kafka.sdk.transactions import (
    TransactionOutlets,
    Transactions,
    WatchfulOutlets,
    marked,
)
from learnflow_kafka.testing import mocking

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sdk.notes import World
    from tests.support.clusters import LocalKafka

FIGURES = logging.getLogger("figures")
"""For long forms: `pytest -m soak --log-cli-level=info`."""

Kind: TypeAlias = Literal["plain", "async"]


def copying(**options: Any) -> World:
    """A world whose reader reads exactly once."""
    return world(delivery=Guarantee.EXACTLY_ONCE, **options)


def fill(bootstrap: str, place: World, numbers: range, failing: int | None = None) -> None:
    """Write numbered notes of many students; one in so many fails."""
    with Producer("writer", place.contract, bootstrap=bootstrap) as producer:
        for number in numbers:
            text = "fails" if failing and number % failing == 0 else ""
            producer.post(place.notes, Note(student=f"s{number % 97}", number=number, text=text))


def numbers_of(records: list[Any]) -> list[int]:
    """The numbers in records, sorted."""
    return sorted(json.loads(record.value())["data"]["number"] for record in records)


def app_of(bootstrap: str, place: World, **options: Any) -> App:
    """A reader that is quick to commit."""
    settings = replace(QUICK, **options)
    return App("reader", place.contract, bootstrap=bootstrap, settings=settings)


@pytest.mark.kafka
@pytest.mark.parametrize("kind", ["plain", "async"])
@pytest.mark.parametrize("protocol", [GroupProtocol.CLASSIC, GroupProtocol.CONSUMER])
def test_what_a_handler_sends_is_written_once_with_its_offset(
    kafka1: LocalKafka, kind: Kind, protocol: GroupProtocol
) -> None:
    """Both kinds of handlers, under both group protocols; each key's copies in their order."""
    place = copying(partitions=2, concurrency=4)
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, range(2_000))
    extra = QUICK.extra if protocol is GroupProtocol.CLASSIC else {}
    app = app_of(kafka1.bootstrap, place, group_protocol=protocol, extra=extra)
    if kind == "plain":

        @app.on(place.notes)
        def copy(note: Note, delivery: Delivery) -> None:
            delivery.send(place.copies, note)

    else:

        @app.on(place.notes)
        async def copy_async(note: Note, delivery: Delivery) -> None:
            await asyncio.sleep(0)
            delivery.send(place.copies, note)

    with running(app):
        until(lambda: committed(kafka1.bootstrap, place) == 2_000)
        assert app.health().ready, app.health()
    copies = settled(kafka1.bootstrap, place.copies.name, 2_000)
    by_key: dict[Any, list[int]] = {}
    for record in copies:
        by_key.setdefault(record.key(), []).append(json.loads(record.value())["data"]["number"])

    assert numbers_of(copies) == list(range(2_000))
    assert all(numbers == sorted(numbers) for numbers in by_key.values())


@pytest.mark.kafka
@pytest.mark.parametrize("mode", list(RetryMode))
def test_a_failed_try_leaves_nothing_but_one_dead_letter(
    kafka1: LocalKafka, mode: RetryMode
) -> None:
    """What a handler sent before it raised is dropped; its dead letter is in the transaction."""
    ordering = Ordering.KEY if mode is RetryMode.BLOCKING else Ordering.NONE
    place = copying(retries=Retries(attempts=1, backoff_ms=50, mode=mode), ordering=ordering)
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, range(20), failing=5)
    app = app_of(kafka1.bootstrap, place)
    tries: list[int] = []

    @app.on(place.notes)
    def copy(note: Note, delivery: Delivery) -> None:
        delivery.send(place.copies, note)
        if note.text == "fails":
            tries.append(note.number)
            raise ValueError

    with running(app):
        letters = settled(kafka1.bootstrap, place.dead_letters, 4)
        until(lambda: committed(kafka1.bootstrap, place) == 20)
    copies = settled(kafka1.bootstrap, place.copies.name, 16)
    found = [parse(record.headers()) for record in letters]

    assert sorted(tries) == [0, 0, 5, 5, 10, 10, 15, 15]
    assert sorted(letter.origin.offset for letter in found if letter) == [0, 5, 10, 15]
    assert {letter and letter.reason for letter in found} == {Reason.EXHAUSTED}
    assert numbers_of(copies) == [n for n in range(20) if n % 5]


@pytest.mark.kafka
def test_a_second_process_of_one_name_stops_the_first(kafka1: LocalKafka) -> None:
    """Its transactions are refused, and it says why instead of going on."""
    place = copying()
    create(kafka1.bootstrap, place)
    first = app_of(kafka1.bootstrap, place, transactional_instance="pod-1")
    first.on(place.notes)(lambda note: None)
    second = app_of(kafka1.bootstrap, place, transactional_instance="pod-1")
    second.on(place.notes)(lambda note: None)
    with running(first) as raised:
        until(lambda: first.health().ready)
        with running(second):
            until(lambda: second.health().ready)
            fill(kafka1.bootstrap, place, range(100))
            # Whoever has the partition: the first may have nothing to write, and then no error.
            until(lambda: raised or committed(kafka1.bootstrap, place) == 100)
        fill(kafka1.bootstrap, place, range(100, 200))
        until(lambda: raised)

    assert isinstance(raised[0], SdkError)
    assert "another process" in str(raised[0])
    assert f"{place.subscription.group}.pod-1" in str(raised[0])


@pytest.mark.kafka
def test_a_process_that_slept_too_long_writes_nothing(kafka1: LocalKafka, tmp_path: Path) -> None:
    """While it slept another took its partitions; what it had in hand is not written again."""
    place = copying(partitions=2)
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, range(1_000))
    options = ("sleep=0.002", "interval=0.5")
    with ExitStack() as cleaning:
        zombie = Process(kafka1.bootstrap, place, tmp_path, *options, script=COPIER)
        cleaning.callback(zombie.kill)
        zombie.wait_for(50)
        zombie.process.send_signal(signal.SIGSTOP)
        other = Process(kafka1.bootstrap, place, tmp_path, *options, script=COPIER)
        cleaning.callback(other.kill)
        until(lambda: committed(kafka1.bootstrap, place) == 1_000)
        zombie.process.send_signal(signal.SIGCONT)
        fill(kafka1.bootstrap, place, range(1_000, 1_200))
        until(lambda: committed(kafka1.bootstrap, place) == 1_200)
        for process in (zombie, other):
            process.end(signal.SIGTERM)
    copies = settled(kafka1.bootstrap, place.copies.name, 1_200)

    assert numbers_of(copies) == list(range(1_200))


def copy_under_kills(
    kafka: LocalKafka, folder: Path, *options: str, events: int, kills: int, guests: int
) -> list[int]:
    """
    Kill copiers at random moments, and let others come and go; then each event has one effect.

    A guest joins and leaves: two rebalances. Gives the numbers that handlers saw.
    """
    place = copying(partitions=4, concurrency=4, retries=FAST)
    create(kafka.bootstrap, place)
    fill(kafka.bootstrap, place, range(events), failing=50)
    failing = set(range(0, events, 50))
    chance = random.Random(events)
    visits = {(n + 1) * kills // (guests + 1) for n in range(guests)}

    with ExitStack() as cleaning:

        def started(*more: str) -> Process:
            given = ("sleep=0.02", "concurrency=4", *more)
            process = Process(kafka.bootstrap, place, folder, *given, script=COPIER)
            cleaning.callback(process.kill)
            return process

        for turn in range(kills):
            process = started(*options)
            process.wait_for(min(len(set(process.numbers())) + 1, events - len(failing)))
            if turn in visits:
                guest = started()
                guest.wait_ready()
                time.sleep(chance.uniform(0, 1))
                assert guest.end(signal.SIGTERM) == 0, guest.output.read_text()
            time.sleep(chance.uniform(0, 0.5))
            assert process.end(signal.SIGKILL) == -signal.SIGKILL
        last = started(*options)
        copies = settled(kafka.bootstrap, place.copies.name, events - len(failing), seconds=240)
        records = settled(kafka.bootstrap, place.dead_letters, len(failing))
        assert last.end(signal.SIGTERM) == 0, last.output.read_text()
    letters = [letter for record in records if (letter := parse(record.headers()))]

    assert numbers_of(copies) == sorted(set(range(events)) - failing)
    assert len(records) == len({letter.identity for letter in letters}) == len(failing)
    assert committed(kafka.bootstrap, place) > 0
    return last.numbers()


@pytest.mark.kafka
def test_kills_and_a_rebalance_copy_each_event_once(kafka1: LocalKafka, tmp_path: Path) -> None:
    """1,000 events, three times kill -9, one comes and goes: 980 copies and 20 dead letters."""
    # As a static member of one name: its successor goes on at once, not after timeouts.
    copy_under_kills(kafka1, tmp_path, "instance=one", events=1_000, kills=3, guests=1)


@pytest.mark.kafka
@pytest.mark.soak
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("protocol", [GroupProtocol.CLASSIC, GroupProtocol.CONSUMER])
def test_many_kills_and_rebalances_copy_each_event_once(
    kafka1: LocalKafka, tmp_path: Path, protocol: GroupProtocol
) -> None:
    """10,000 events, 20 kills and 5 members that come and go; handlers saw some events twice."""
    seen = copy_under_kills(
        kafka1, tmp_path, f"protocol={protocol}", events=10_000, kills=20, guests=5
    )

    twice = len(seen) - len(set(seen))
    FIGURES.info("%s: %d events, handled again after kills: %d", protocol, len(set(seen)), twice)

    assert twice > 0  # else the kills proved nothing


@pytest.mark.kafka
def test_a_stop_ends_soon_although_no_broker_answers(kafka1: LocalKafka) -> None:
    """What a transaction left open is the broker's to end; the next start writes it, once."""
    place = copying(partitions=2)
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, range(2_000))

    async def copy(note: Note, delivery: Delivery) -> None:
        await asyncio.sleep(0.001)
        delivery.send(place.copies, note)

    app = app_of(kafka1.bootstrap, place, grace=2, transactional_instance="one")
    app.on(place.notes)(copy)
    with ExitStack() as thaw:
        with running(app):
            until(lambda: committed(kafka1.bootstrap, place) > 100)
            thaw.enter_context(kafka1.frozen(1))
            until(lambda: any("transaction" in why for why in app.health().reasons))
            begin = time.monotonic()
        took = time.monotonic() - begin
    before = committed(kafka1.bootstrap, place)
    again = app_of(kafka1.bootstrap, place, transactional_instance="one")
    again.on(place.notes)(copy)
    with running(again):
        copies = settled(kafka1.bootstrap, place.copies.name, 2_000)

    assert took < 30
    assert before < 2_000
    assert numbers_of(copies) == list(range(2_000))


def test_a_client_that_does_not_come_back_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its request waits for a dead coordinator, whatever time it was given (librdkafka #5456)."""
    monkeypatch.setattr(transactions, "_PATIENCE", 3.0)
    place = copying()
    with mocking(brokers=2) as mock:
        mock.fast_rebalance()
        for topic in place.topics:
            mock.create(topic)
        mock.coordinate(place.subscription.group, broker=2)
        outlets = TransactionOutlets(
            "reader", place.contract, bootstrap=mock.bootstrap, settings=QUICK,
            subscription=place.subscription,
        )  # fmt: skip
        mock.coordinate_transactions(outlets.name, broker=1)
        group = {"bootstrap.servers": mock.bootstrap, "group.id": place.subscription.group}
        consumer = Consumer(group)
        member, offsets = (
            consumer.consumer_group_metadata(),
            [TopicPartition(place.notes.name, 0, 1)],
        )
        writing = Transactions(outlets, QUICK)
        writing.start(threading.Event(), lambda: None)
        stuck = outlets.only
        mock.down(broker=2)
        begin = time.monotonic()
        first = writing.commit([], offsets, member)
        took, trouble = time.monotonic() - begin, writing.trouble
        mock.up(broker=2)
        second = writing.commit([], offsets, member)
        replaced = outlets.only is not stuck
        writing.close()
        consumer.close()

    assert not first
    assert took < 30
    assert "does not come back from send_offsets" in str(trouble)
    assert second
    assert replaced
    assert writing.trouble is None


def test_the_producer_of_the_app_refuses_inside_a_handler() -> None:
    """It would write at once, and again when the event is repeated; outside it is free."""
    place = copying()
    outlets = WatchfulOutlets(
        "reader", place.contract, bootstrap="127.0.0.1:1", settings=Settings()
    )
    producer = Producer.over(outlets)
    note = Note(student="ada", number=1)

    def handle(event: Note) -> None:
        producer.post(place.copies, event)

    handler = marked(Handler(handle, with_delivery=False, is_async=False, deadline=None))

    with pytest.raises(ContractError, match=r"handle handles events exactly once") as caught:
        handler.function(note)
    assert "delivery.send" in str(caught.value.fix)
    assert outlets.prepare(place.copies, note, None, None).topic == place.copies.name
    outlets.close(5)


def test_the_producer_of_the_app_takes_no_topics_name_inside_a_handler() -> None:
    """Before where to send is told, it says what to give instead."""
    place = copying()
    name: Any = place.copies.name
    outlets = WatchfulOutlets(
        "reader", place.contract, bootstrap="127.0.0.1:1", settings=Settings()
    )

    def handle(event: Note) -> None:
        Producer.over(outlets).post(name, event)

    handler = marked(Handler(handle, with_delivery=False, is_async=False, deadline=None))

    with pytest.raises(ContractError, match="is of type str and no topic"):
        handler.function(Note(student="ada", number=1))


def test_a_delivery_takes_no_topics_name() -> None:
    """The error says what to give instead."""
    place = copying()
    name: Any = place.copies.name
    outlets = TransactionOutlets(
        "reader", place.contract, bootstrap="127.0.0.1:1", settings=Settings(),
        subscription=place.subscription,
    )  # fmt: skip
    outbox = Outputs().open(0, outlets.prepare)

    with pytest.raises(ContractError, match="is of type str and no topic") as caught:
        outbox.send(name, Note(student="ada", number=1), None, None)
    assert "the topic itself" in str(caught.value.fix)


def test_only_exactly_once_deliveries_send() -> None:
    """Where offsets are committed apart, nothing can be written together with them."""
    place = world()
    decoded = Reader(place.notes).read(b'{"student": "ada", "number": 1}', None)
    assert isinstance(decoded, Decoded)
    delivery = Delivery(
        None, decoded, topic=place.notes.name, partition=0, offset=0, group="g", attempt=1
    )

    with pytest.raises(ContractError, match="at least once") as caught:
        delivery.send(place.copies, decoded.event)
    assert "delivery: exactly_once" in str(caught.value.fix)


def test_a_service_of_several_partitioners_cannot_write_in_one_transaction() -> None:
    """A client has one; the error names the service's line in the catalog."""
    place = copying()
    other = replace(place.copies, name="other", partitioner=Partitioner.FNV1A_RANDOM)
    reader = place.contract.service("reader")
    service = replace(reader, produces=(place.copies, other))
    contract = Contract.of("notes", "0", topics=(place.notes,), services=(service,))
    app = App("reader", contract, bootstrap="127.0.0.1:1", settings=QUICK)
    app.on(place.notes)(lambda note: None)

    with pytest.raises(ContractError, match="several partitioners") as caught:
        app.run()
    assert caught.value.where == "notes.yaml:18"


def test_what_is_aborted_is_not_read_exactly_once() -> None:
    """A hand-made contract is held to the same rule as a catalog."""
    place = copying()
    uncommitted = replace(place.subscription, isolation=Isolation.READ_UNCOMMITTED)
    service = replace(place.contract.service("reader"), consumes=(uncommitted,))
    contract = Contract.of("notes", "0", topics=(place.notes,), services=(service,))
    app = App("reader", contract, bootstrap="127.0.0.1:1", settings=QUICK)
    app.on(place.notes)(lambda note: None)

    with pytest.raises(ContractError, match="uncommitted") as caught:
        app.run()
    assert caught.value.where == "notes.yaml:20"
