from __future__ import annotations

import asyncio
import gc
import os
import random
import resource
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition
from tests.sdk.notes import Note, create, reading, until, world

from learnflow_kafka.core.catalog import Envelope
from learnflow_kafka.errors import (
    BacklogError,
    ClosedError,
    ContractError,
    DeliveryError,
    EventError,
    TimedOutError,
    UsageError,
)
from learnflow_kafka.sdk.envelope import header_fault
from learnflow_kafka.sdk.producer import AsyncProducer, Producer, Room
from learnflow_kafka.sdk.settings import Settings
from learnflow_kafka.testing import mock as mock_kafka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.sdk.notes import World
    from tests.support.clusters import LocalKafka

    from learnflow_kafka.sdk.receipt import Receipt, Written
    from learnflow_kafka.testing import MockKafka

FAST = Settings(linger_ms=0)


@pytest.fixture
def mock() -> Iterator[MockKafka]:
    """A mock cluster of one broker."""
    with mock_kafka.started() as cluster:
        yield cluster


@pytest.fixture
def notes(mock: MockKafka) -> World:
    """A world whose topics exist on the mock."""
    made = world()
    for topic in made.topics:
        mock.create(topic)
    return made


@pytest.fixture
def producer(mock: MockKafka, notes: World) -> Iterator[Producer]:
    """A producer of notes to the mock."""
    with Producer("writer", notes.contract, bootstrap=mock.bootstrap, settings=FAST) as made:
        yield made


def note(number: int) -> Note:
    return Note(student="ada", number=number)


def test_a_sent_event_is_written(producer: Producer, notes: World) -> None:
    """`send` says where the broker put the record."""
    first, second = (producer.send(notes.notes, note(n)) for n in (1, 2))

    assert (first.topic, first.partition, first.offset) == (notes.notes.name, 0, 0)
    assert second.offset == 1


def test_a_receipt_can_be_awaited(producer: Producer, notes: World) -> None:
    """A receipt of a plain producer serves asyncio too."""

    async def wait() -> Written:
        return await producer.post(notes.notes, note(1))

    assert asyncio.run(wait()).offset == 0


def test_an_invalid_event_is_refused_before_it_is_sent(producer: Producer, notes: World) -> None:
    """The error names the field; nothing is queued."""
    with pytest.raises(EventError, match="number"):
        producer.post(notes.notes, Note(student="ada", number="three"))  # type: ignore[arg-type]

    producer.flush(10)
    assert producer.send(notes.notes, note(1)).offset == 0


def test_an_undeclared_direction_fails_at_start(notes: World) -> None:
    """The error names the catalog's line; no broker is needed to find out."""
    start = time.monotonic()
    with pytest.raises(ContractError, match="does not produce") as caught:
        Producer("writer", notes.contract, bootstrap="127.0.0.1:1", sends=[notes.copies])

    assert caught.value.where == "notes.yaml:14"
    assert time.monotonic() - start < 5


def test_a_key_that_the_catalog_declares_cannot_be_replaced(
    producer: Producer, notes: World
) -> None:
    """Another key would break the order that readers rely on."""
    with pytest.raises(ContractError, match="takes its key"):
        producer.post(notes.notes, note(1), "someone")


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ([("x-count", 1)], "'x-count' has a value of type int"),
        ([(b"x-name", b"1")], "b'x-name' has a name of type bytes"),
        ({"x-dict": b"1"}, "which this dict is not"),
        ([("x", b"1", b"2")], "pairs of a name and bytes"),
        ([("x", b"1"), "yes"], "pairs of a name and bytes"),
        (5, "which this int is not"),
        ([("content-type", b"text/plain")], "'content-type' is the envelope's own"),
    ],
    ids=repr,
)
def test_a_header_that_cannot_be_is_named(
    producer: Producer, notes: World, headers: Any, said: str
) -> None:
    """Nothing is queued; the next event with good headers is sent."""
    with pytest.raises(EventError) as caught:
        producer.post(notes.notes, note(1), headers=headers)

    assert said in str(caught.value)
    assert producer.send(notes.notes, note(2), headers=[("x", b"1")]).offset == 0


@pytest.mark.parametrize(
    ("envelope", "refused"),
    [
        (Envelope.STRUCTURED, {"content-type"}),
        (Envelope.BINARY, {"content-type", "ce_id", "ce_tenant"}),
        (Envelope.NONE, set()),
    ],
)
def test_only_headers_of_the_topics_envelope_are_reserved(
    envelope: Envelope, refused: set[str]
) -> None:
    """What the envelope writes itself would stand there twice, and readers would take either."""
    names = ("content-type", "ce_id", "ce_tenant", "x-tenant")

    assert {n for n in names if header_fault(n, b"1", envelope) is not None} == refused


def test_a_topics_name_is_no_topic(producer: Producer, notes: World) -> None:
    """The error says what to give instead."""
    name: Any = notes.notes.name
    with pytest.raises(ContractError, match="is of type str and no topic") as caught:
        producer.send(name, note(1))

    assert "the topic itself" in (caught.value.fix or "")


def test_flush_and_close_may_wait_without_a_limit(producer: Producer, notes: World) -> None:
    """None means no limit, as for a receipt; a flush after close has nothing to wait for."""
    receipt = producer.post(notes.notes, note(1))
    producer.flush(None)
    producer.close(None)
    producer.flush()

    assert receipt.done()


def test_a_guarantee_is_not_a_setting() -> None:
    """Settings that delivery rests on are refused by name, with the reason."""
    with pytest.raises(UsageError, match="acks: a record counts as written when"):
        Settings(extra={"acks": 1})


def test_a_producer_without_an_address_says_so(notes: World) -> None:
    """The error says which variable to set."""
    with pytest.raises(UsageError) as caught:
        Producer("writer", notes.contract)

    assert "LEARNFLOW_BOOTSTRAP" in (caught.value.fix or "")


def test_a_missing_topic_is_never_created(mock: MockKafka) -> None:
    """A record for a topic that is not there fails; the topic is still not there."""
    missing = world()
    settings = Settings(
        linger_ms=0, delivery_timeout=30, extra={"topic.metadata.propagation.max.ms": 500}
    )
    with Producer("writer", missing.contract, bootstrap=mock.bootstrap, settings=settings) as made:
        with pytest.raises(DeliveryError) as caught:
            made.send(missing.notes, note(1))
        known = made._outlets.senders[0].client.list_topics(timeout=10).topics

    assert caught.value.fix == "learnflow apply"
    assert caught.value.where == missing.notes.name
    assert missing.notes.name not in known


def test_both_of_the_clients_error_paths_end_in_the_receipt(
    mock: MockKafka, producer: Producer, notes: World
) -> None:
    """A refusal by callback, and the exception that the next produce raises, look the same."""
    mock.answer(mock_kafka.Api.PRODUCE, KafkaError.TOPIC_AUTHORIZATION_FAILED)
    codes: list[str] = []
    for number in range(2):
        with pytest.raises(DeliveryError) as caught:
            producer.send(notes.notes, note(number))
        codes.append(caught.value.code)

    assert codes == ["TOPIC_AUTHORIZATION_FAILED"] * 2


def test_a_retriable_error_is_not_an_error(
    mock: MockKafka, producer: Producer, notes: World
) -> None:
    """The client tries again by itself, and the order stays."""
    mock.answer(mock_kafka.Api.PRODUCE, *[KafkaError.NOT_LEADER_FOR_PARTITION] * 2)
    offsets = [producer.post(notes.notes, note(n)) for n in range(5)]

    assert [receipt.result(60).offset for receipt in offsets] == [0, 1, 2, 3, 4]


def test_flush_raises_for_failures_that_nobody_saw(
    mock: MockKafka, producer: Producer, notes: World
) -> None:
    """A failed record without a look at its receipt is never silent."""
    mock.answer(mock_kafka.Api.PRODUCE, KafkaError.TOPIC_AUTHORIZATION_FAILED)
    producer.post(notes.notes, note(1))

    with pytest.raises(DeliveryError) as caught:
        producer.flush(30)
    assert caught.value.code == "TOPIC_AUTHORIZATION_FAILED"
    producer.flush(30)


def test_flush_leaves_seen_failures_alone(
    mock: MockKafka, producer: Producer, notes: World
) -> None:
    """Whoever looked at the receipt has dealt with it."""
    mock.answer(mock_kafka.Api.PRODUCE, KafkaError.TOPIC_AUTHORIZATION_FAILED)
    receipt = producer.post(notes.notes, note(1))
    until(receipt.done)

    assert receipt.error is not None
    producer.flush(30)


def test_flush_has_a_deadline(mock: MockKafka, producer: Producer, notes: World) -> None:
    """With the brokers down, flush gives up in time and says how many records wait."""
    producer.send(notes.notes, note(0))
    mock.down()
    receipt = producer.post(notes.notes, note(1))
    with pytest.raises(TimedOutError, match=r"records? still under way after 0\.3 s"):
        producer.flush(0.3)
    mock.up()

    assert receipt.result(60).offset == 1


def test_close_gives_every_record_a_fate(mock: MockKafka, notes: World) -> None:
    """What could not be sent until the deadline is given up, and its receipt says so."""
    producer = Producer("writer", notes.contract, bootstrap=mock.bootstrap, settings=FAST)
    producer.send(notes.notes, note(0))
    mock.down()
    receipts = [producer.post(notes.notes, note(n)) for n in range(3)]
    with pytest.raises(DeliveryError, match="3 records"):
        producer.close(0.3)

    assert all(receipt.done() for receipt in receipts)
    with pytest.raises(ClosedError):
        producer.post(notes.notes, note(4))


def test_a_callback_that_waits_gets_an_error_instead_of_a_hang(
    producer: Producer, notes: World
) -> None:
    """The thread that runs callbacks serves what they would wait for; posting there is fine."""
    caught: list[BaseException] = []
    posted: list[Receipt] = []

    def attempt(wait: Callable[[], object]) -> None:
        try:
            wait()
        except UsageError as error:
            caught.append(error)

    async def awaiting() -> None:
        await posted[0]

    def again(_: Receipt) -> None:
        posted.append(producer.post(notes.notes, note(2)))
        attempt(posted[0].result)
        attempt(lambda: asyncio.run(awaiting()))
        attempt(producer.flush)
        attempt(producer.close)

    producer.post(notes.notes, note(1)).add_done_callback(again)
    until(lambda: len(caught) == 4)

    assert posted[0].result(30).offset == 1
    assert "never come" in str(caught[0])


@pytest.mark.parametrize("error", [ValueError("theirs"), SystemExit(3)], ids=["error", "exit"])
def test_a_callback_that_raises_takes_nothing_from_the_others(
    producer: Producer, notes: World, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    """Whoever waits for the same receipt is told, later ones are served, and the log has it."""

    def fail(_: Receipt) -> None:
        raise error

    receipt = producer.post(notes.notes, note(1))
    receipt.add_done_callback(fail)

    assert receipt.result(10).offset == 0
    assert producer.post(notes.notes, note(2)).result(10).offset == 1
    assert "a receipt's callback failed" in caplog.text


def test_close_ends_although_a_callback_does_not(
    mock: MockKafka, notes: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client's own `close` would wait for the callback without a bound; a log line says so."""
    monkeypatch.setattr("learnflow_kafka.sdk.sender._EXIT_TIMEOUT", 0.2)
    producer = Producer("writer", notes.contract, bootstrap=mock.bootstrap, settings=FAST)
    entered, free = threading.Event(), threading.Event()

    def stay(_: Receipt) -> None:
        entered.set()
        free.wait(60)

    producer.post(notes.notes, note(1)).add_done_callback(stay)
    assert entered.wait(30)
    closing = threading.Thread(target=producer.close, args=(0.2,), daemon=True)
    closing.start()
    closing.join(20)
    ended = not closing.is_alive()
    free.set()

    assert ended
    assert "left behind" in caplog.text


def test_a_full_queue_waits_and_then_says_so(mock: MockKafka, notes: World) -> None:
    """Waiting for room ends with an error after its time, and nothing was queued."""
    settings = Settings(queue_records=5, linger_ms=0, delivery_timeout=5)
    producer = Producer("writer", notes.contract, bootstrap=mock.bootstrap, settings=settings)
    producer.send(notes.notes, note(0))
    mock.down()
    receipts = [producer.post(notes.notes, note(n)) for n in range(5)]
    with pytest.raises(BacklogError, match="no room in the send queue"):
        asyncio.run(Room(0.2).post(producer._outlets.prepare(notes.notes, note(9), None, None)))
    until(lambda: all(r.done() for r in receipts))

    assert {getattr(r.error, "code", None) for r in receipts} == {"_MSG_TIMED_OUT"}
    assert all(r.error.maybe_written for r in receipts if isinstance(r.error, DeliveryError))
    producer.close(0)


def pile_up(mock: MockKafka, notes: World, count: int) -> None:
    """Post faster than a queue of 1,000 can send; look at every fate, the order and the memory."""
    settings = Settings(queue_records=1_000, linger_ms=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    offsets: list[int] = []
    with Producer("writer", notes.contract, bootstrap=mock.bootstrap, settings=settings) as made:
        for number in range(count):
            receipt = made.post(notes.notes, note(number))
            receipt.add_done_callback(lambda r: offsets.append(r.result().offset))
            del receipt
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    assert offsets == list(range(count))
    assert grown < 100 * 1024


def test_more_records_than_the_queue_holds_all_arrive_in_bounded_memory(
    mock: MockKafka, notes: World
) -> None:
    """A queue of 1,000 takes 50,000 records: none is lost or refused, all keep their order."""
    pile_up(mock, notes, 50_000)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_a_million_records_pass_a_queue_of_a_thousand(mock: MockKafka, notes: World) -> None:
    """The long form of the same."""
    pile_up(mock, notes, 1_000_000)


def test_any_headers_arrive_as_sent_through_every_method(mock: MockKafka, notes: World) -> None:
    """10,000 random sets of headers: each is byte for byte what its sender gave, in its order."""
    chance = random.Random(7)
    sets = [any_headers(chance) for _ in range(10_000)]
    with Producer("writer", notes.contract, bootstrap=mock.bootstrap, settings=FAST) as producer:
        for number in range(5_000):
            producer.post(notes.notes, note(number), headers=sets[number])
        for number in range(5_000, 5_200):
            producer.send(notes.notes, note(number), headers=sets[number])

    async def more() -> None:
        async with AsyncProducer(
            "writer", notes.contract, bootstrap=mock.bootstrap, settings=FAST
        ) as made:
            for number in range(5_200, 9_800):
                await made.post(notes.notes, note(number), headers=sets[number])
            for number in range(9_800, 10_000):
                await made.send(notes.notes, note(number), headers=sets[number])

    asyncio.run(more())
    arrived = headers_of(mock, notes.notes.name, 10_000)

    assert [headers[1:] for headers in arrived] == sets


def any_headers(chance: random.Random) -> list[tuple[str, bytes]]:
    """Up to six headers; names may repeat, and hold any letters."""
    names = ["a", "traceparent", "x-tenant", "Content-Type", "ключ", "🔑", "a b\n", "ce_id"]
    return [
        (chance.choice(names), chance.randbytes(chance.randrange(24)))
        for _ in range(chance.randrange(7))
    ]


def headers_of(mock: MockKafka, topic: str, count: int) -> list[list[tuple[str, bytes]]]:
    """The headers of a topic's first records, in order."""
    consumer = Consumer(
        {"bootstrap.servers": mock.bootstrap, "group.id": "headers", "enable.auto.commit": False}
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    found: list[list[tuple[str, bytes]]] = []
    deadline = time.monotonic() + 60
    try:
        while len(found) < count and time.monotonic() < deadline:
            found.extend(message.headers() for message in consumer.consume(1_000, 0.2))
    finally:
        consumer.close()
    return found


def test_asyncio_waits_for_room_without_blocking_the_loop(mock: MockKafka, notes: World) -> None:
    """A full queue stops the task that posts, and no other; then all arrive in order."""

    async def run() -> list[int]:
        settings = Settings(queue_records=10, linger_ms=0)
        async with AsyncProducer(
            "writer", notes.contract, bootstrap=mock.bootstrap, settings=settings
        ) as producer:
            await producer.send(notes.notes, note(0))
            mock.down()

            async def post_more() -> list[Receipt]:
                return [await producer.post(notes.notes, note(n)) for n in range(1, 3_000)]

            posting = asyncio.create_task(post_more())
            for _ in range(30):
                await asyncio.sleep(0.01)
            assert not posting.done()
            mock.up()
            return [(await receipt).offset for receipt in await posting]

    assert asyncio.run(run()) == list(range(1, 3_000))


def test_an_async_producer_belongs_to_one_loop(mock: MockKafka, notes: World) -> None:
    """A second loop beside the first is refused at its first record; one after it is not."""

    async def main() -> None:
        settings = Settings(linger_ms=0)
        producer = AsyncProducer(
            "writer", notes.contract, bootstrap=mock.bootstrap, settings=settings
        )
        await producer.send(notes.notes, note(1))

        def elsewhere() -> None:
            asyncio.run(producer.send(notes.notes, note(2)))

        with pytest.raises(UsageError, match="another event loop"):
            await asyncio.to_thread(elsewhere)
        kept.append(producer)

    kept: list[AsyncProducer] = []
    asyncio.run(main())

    assert asyncio.run(kept[0].send(notes.notes, note(3))).offset == 1
    asyncio.run(kept[0].close())


def test_many_tasks_may_send_at_once(mock: MockKafka, notes: World) -> None:
    """Each of 500 concurrent sends learns its own offset."""

    async def run() -> set[int]:
        async with AsyncProducer(
            "writer", notes.contract, bootstrap=mock.bootstrap, settings=FAST
        ) as producer:
            sends = (producer.send(notes.notes, note(n)) for n in range(500))
            return {written.offset for written in await asyncio.gather(*sends)}

    assert asyncio.run(run()) == set(range(500))


def test_a_forked_child_gets_an_error_instead_of_a_hang(producer: Producer, notes: World) -> None:
    """The child's use of its parent's producer fails at once, and the child can exit."""
    producer.send(notes.notes, note(0))
    child = os.fork()
    if child == 0:
        try:
            producer.send(notes.notes, note(1))
        except Exception as error:  # noqa: BLE001 - the child must end here whatever comes
            os._exit(7 if type(error).__name__ == "ForkedError" else 8)
        os._exit(9)
    status = os.waitpid(child, 0)[1]

    assert os.waitstatus_to_exitcode(status) == 7
    assert producer.send(notes.notes, note(2)).offset == 1


@pytest.fixture
def no_collection() -> Iterator[None]:
    """No garbage collection: Python swallows an interrupt within a hook of the collector."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
def test_an_interrupt_does_not_lose_the_fate_of_records(producer: Producer, notes: World) -> None:
    """Ctrl-C in the middle of posting leaves receipts that still settle."""
    receipts: list[Receipt] = []
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - the interrupt comes in the loop
        timer.start()
        while True:
            receipts.append(producer.post(notes.notes, note(len(receipts))))
    timer.join()
    producer.flush(60)

    assert receipts
    for receipt in receipts[-200:]:
        receipt.result(10)


@pytest.mark.kafka
def test_keys_and_headers_arrive_as_sent(kafka1: LocalKafka) -> None:
    """The key is the catalog's field, our headers stand beside the envelope's."""
    made = world()
    create(kafka1.bootstrap, made)
    with Producer("writer", made.contract, bootstrap=kafka1.bootstrap) as producer:
        producer.post(made.notes, note(1), headers=[("b", b"\x00\xff"), ("b", b"")])
    with reading(kafka1.bootstrap, made.notes.name) as read:
        [record] = read(1)

    assert record.key() == b"ada"
    assert [pair for pair in record.headers() if pair[0] == "b"] == [("b", b"\x00\xff"), ("b", b"")]
