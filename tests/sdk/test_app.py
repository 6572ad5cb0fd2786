from __future__ import annotations

import asyncio
import functools
import json
import logging
import random
import threading
import time
import urllib.request
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, TypeAlias
from urllib.error import HTTPError

import pytest
from confluent_kafka import Producer as RawProducer
from confluent_kafka.admin import AdminClient, NewTopic
from tests.sdk.notes import Note, create, reading, until, world
from tests.sdk.running import QUICK, committed, running

from learnflow_kafka.core.catalog import Guarantee, Ordering, Retries, RetryMode
from learnflow_kafka.core.dead_letters import Reason, parse
from learnflow_kafka.errors import ContractError, SdkError
from learnflow_kafka.sdk.app import App
from learnflow_kafka.sdk.failures import Reject
from learnflow_kafka.sdk.observing import Observer
from learnflow_kafka.sdk.producer import Producer
from learnflow_kafka.sdk.settings import GroupProtocol, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sdk.notes import World
    from tests.support.clusters import LocalKafka

    from learnflow_kafka.sdk.delivery import Delivery

pytestmark = pytest.mark.kafka

FIGURES = logging.getLogger("figures")
"""For long forms: `pytest -m soak --log-cli-level=info`."""

Kind: TypeAlias = Literal["plain", "async"]


def fill(bootstrap: str, world: World, count: int, students: int = 1) -> None:
    """Write so many notes of so many students."""
    with Producer("writer", world.contract, bootstrap=bootstrap) as producer:
        for number in range(count):
            producer.post(world.notes, Note(student=f"s{number % students}", number=number))


def app_of(bootstrap: str, world: World, settings: Settings = QUICK) -> App:
    return App("reader", world.contract, bootstrap=bootstrap, settings=settings)


def register(app: App, world: World, handle: Callable[[Note], None], *, kind: Kind) -> None:
    """The same handler, plain or async."""
    if kind == "plain":
        app.on(world.notes)(handle)
        return

    @app.on(world.notes)
    async def handle_async(note: Note) -> None:
        await asyncio.sleep(0)
        handle(note)


KINDS = pytest.mark.parametrize("kind", ["plain", "async"])


@KINDS
@pytest.mark.parametrize("protocol", list(GroupProtocol))
def test_every_event_is_handled_and_committed(
    kafka1: LocalKafka, kind: Kind, protocol: GroupProtocol
) -> None:
    """Both kinds of handlers, under both group protocols, in order, to the end."""
    place = world()
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, 1_000)
    seen: list[int] = []
    extra = dict(QUICK.extra) if protocol is GroupProtocol.CLASSIC else {}
    settings = Settings(commit_interval=0.1, group_protocol=protocol, extra=extra)
    app = app_of(kafka1.bootstrap, place, settings)
    register(app, place, lambda note: seen.append(note.number), kind=kind)
    with running(app):
        until(lambda: len(seen) == 1_000)
        assert app.health().live

    assert seen == list(range(1_000))
    assert committed(kafka1.bootstrap, place) == 1_000


@KINDS
def test_an_event_that_was_not_handled_comes_again(kafka1: LocalKafka, kind: Kind) -> None:
    """An app that stops while an event fails has not committed it; the next one handles it."""
    place = world(retries=Retries(attempts=50, backoff_ms=100, factor=1))
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, 3)
    tried = threading.Event()

    def fail_on_two(note: Note) -> None:
        if note.number == 1:
            tried.set()
            raise ValueError

    first = app_of(kafka1.bootstrap, place)
    register(first, place, fail_on_two, kind=kind)
    with running(first):
        until(tried.is_set)
    after_first = committed(kafka1.bootstrap, place)
    seen: list[int] = []
    second = app_of(kafka1.bootstrap, place)
    register(second, place, lambda note: seen.append(note.number), kind=kind)
    with running(second):
        until(lambda: len(seen) == 2)

    assert after_first == 1
    assert seen == [1, 2]


@KINDS
def test_retries_are_bounded_and_end_in_the_dead_letters(kafka1: LocalKafka, kind: Kind) -> None:
    """Two retries, never early; then one dead letter that tells everything; order is kept."""
    place = world(retries=Retries(attempts=2, backoff_ms=200, factor=2))
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, 3)
    tries: list[tuple[int, float]] = []

    def fail_on_one(note: Note) -> None:
        tries.append((note.number, time.monotonic()))
        if note.number == 1:
            raise ValueError("no") from KeyError("inner")

    app = app_of(kafka1.bootstrap, place)
    register(app, place, fail_on_one, kind=kind)
    with running(app), reading(kafka1.bootstrap, place.dead_letters) as read:
        [record] = read(1)
        until(lambda: committed(kafka1.bootstrap, place) == 3)
    times = [moment for number, moment in tries if number == 1]
    letter = parse(record.headers())

    assert [number for number, _ in tries] == [0, 1, 1, 1, 2]
    assert times[1] - times[0] >= 0.2
    assert times[2] - times[1] >= 0.4
    assert letter is not None
    assert letter.identity == (place.subscription.group, place.notes.name, 0, 1)
    assert (letter.attempts, letter.reason) == (3, Reason.EXHAUSTED)
    assert (letter.failure.error, letter.failure.cause) == (
        "builtins.ValueError",
        "builtins.KeyError",
    )
    assert "fail_on_one" in letter.failure.stack
    assert record.key() == b"s0"
    assert json.loads(record.value())["data"]["number"] == 1
    assert ("content-type" in dict(record.headers())) is True


@KINDS
def test_a_retry_is_neither_early_nor_late(kafka1: LocalKafka, kind: Kind) -> None:
    """Its pause is the declared one, within a fifth: the shortest, since a busy machine is late."""
    place = world(retries=Retries(attempts=5, backoff_ms=500, factor=1))
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, 1)
    tries: list[float] = []

    def fail(_: Note) -> None:
        tries.append(time.monotonic())
        raise ValueError

    app = app_of(kafka1.bootstrap, place)
    register(app, place, fail, kind=kind)
    with running(app):
        until(lambda: len(tries) == 6)
    pauses = [later - earlier for earlier, later in pairwise(tries)]

    assert 0.5 <= min(pauses) <= 0.6


@KINDS
def test_poison_goes_to_the_dead_letters_at_once(kafka1: LocalKafka, kind: Kind) -> None:
    """Bytes that are no event are no reason to try again, to crash or to wait for a second."""
    place = world(retries=Retries(attempts=5, backoff_ms=60_000))
    create(kafka1.bootstrap, place)
    raw = RawProducer({"bootstrap.servers": kafka1.bootstrap})
    chance = random.Random(7)
    noise = [chance.randbytes(chance.randrange(1, 200)) for _ in range(96)]
    for value in (b"\x00\xff not json", b"", None, b'{"student": 3}', *noise):
        raw.produce(place.notes.name, value, key=b"s0")
    raw.flush(30)
    fill(kafka1.bootstrap, place, 1)
    seen: list[tuple[int, float]] = []
    app = app_of(kafka1.bootstrap, place)
    register(app, place, lambda note: seen.append((note.number, time.time())), kind=kind)
    with running(app), reading(kafka1.bootstrap, place.dead_letters) as read:
        records = read(100)
        until(lambda: seen)
    letters = [parse(record.headers()) for record in records]
    [(number, handled_at)] = seen
    last_poison = max(letter.failed_at_ms for letter in letters if letter) / 1000

    assert [letter and letter.origin.offset for letter in letters] == list(range(100))
    assert {letter and letter.reason for letter in letters} == {Reason.UNREADABLE}
    assert {letter and letter.attempts for letter in letters} == {1}
    assert records[0].value() == b"\x00\xff not json"
    assert number == 0
    assert 0 <= handled_at - last_poison < 1


def test_a_handler_may_reject_an_event(kafka1: LocalKafka) -> None:
    """`Reject` skips the retries."""
    place = world(retries=Retries(attempts=5, backoff_ms=60_000))
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, 1)
    app = app_of(kafka1.bootstrap, place)

    @app.on(place.notes)
    def refuse(note: Note) -> None:
        raise Reject("unknown student")

    with running(app), reading(kafka1.bootstrap, place.dead_letters) as read:
        [record] = read(1)
    letter = parse(record.headers())

    assert letter is not None
    assert (letter.reason, letter.attempts) == (Reason.REJECTED, 1)
    assert letter.failure.message == "unknown student"


def test_an_event_is_committed_only_after_its_dead_letter_is_written(kafka1: LocalKafka) -> None:
    """While the dead-letter topic is missing nothing is lost; once it is there, all goes on."""
    place = world(retries=Retries(attempts=0))
    admin = AdminClient({"bootstrap.servers": kafka1.bootstrap})
    admin.create_topics([NewTopic(place.notes.name, 1, 1)])[place.notes.name].result(30)
    fill(kafka1.bootstrap, place, 2)
    extra = dict(QUICK.extra) | {"topic.metadata.propagation.max.ms": 300}
    app = app_of(kafka1.bootstrap, place, Settings(commit_interval=0.1, extra=extra))
    calls: list[int] = []

    @app.on(place.notes)
    def fail_on_zero(note: Note) -> None:
        calls.append(note.number)
        if note.number == 0:
            raise ValueError

    with running(app):
        until(lambda: any(p.buffered for p in app.health().partitions) and app._desks)
        until(lambda: any(a.letters for poller in app._pollers for a in poller.assigned))
        before = committed(kafka1.bootstrap, place)
        admin.create_topics([NewTopic(place.dead_letters, 1, 1)])[place.dead_letters].result(30)
        with reading(kafka1.bootstrap, place.dead_letters) as read:
            letters = read(1)
        until(lambda: committed(kafka1.bootstrap, place) == 2)

    assert before == 0
    assert len(letters) == 1
    assert calls == [0, 1]


def test_without_a_dead_letter_topic_the_service_stops(kafka1: LocalKafka) -> None:
    """An event that has nowhere to go is not skipped: the app ends with an error."""
    place = world(dead_letter=False, retries=Retries(attempts=0))
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, 1)
    app = app_of(kafka1.bootstrap, place)

    @app.on(place.notes)
    async def fail(note: Note) -> None:
        raise ValueError

    with running(app) as raised:
        until(lambda: raised)
        assert not app.health().live

    assert isinstance(raised[0], SdkError)
    assert "nowhere" not in str(raised[0])
    assert "notes.yaml:20" in str(raised[0])
    assert committed(kafka1.bootstrap, place) == 0


async def read_later(note: Note) -> None:
    """What an undone handler leaves to be awaited."""


def undone_of(name: str, app: App, world: World) -> None:
    """Register a handler that returns its work instead of doing it."""
    if name == "lambda":
        app.on(world.notes)(lambda note: read_later(note))  # noqa: PLW0108 - the case
        return

    @app.on(world.notes)
    async def forgets_to_await(note: Note) -> object:
        return read_later(note)


@pytest.mark.parametrize("name", ["lambda", "forgets_to_await"])
@pytest.mark.parametrize(
    ("guarantee", "observers"),
    [(Guarantee.AT_LEAST_ONCE, ()), (Guarantee.EXACTLY_ONCE, (Observer(),))],
)
def test_a_handler_that_returns_its_work_stops_the_service(
    kafka1: LocalKafka, name: str, observers: tuple[Observer, ...], guarantee: Guarantee
) -> None:
    """A coroutine that nobody awaits is no handled event: the error names the handler."""
    place = world(delivery=guarantee)
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, 3)
    app = app_of(kafka1.bootstrap, place, replace(QUICK, observers=observers))
    undone_of(name, app, place)
    with running(app) as raised:
        until(lambda: raised)

    assert isinstance(raised[0], SdkError)
    assert name in str(raised[0])
    assert "returned a coroutine" in str(raised[0])
    assert committed(kafka1.bootstrap, place) == 0


def test_an_async_handler_behind_a_plain_decorator_is_awaited(kafka1: LocalKafka) -> None:
    """functools.wraps around an async function: its events are handled, then committed."""
    place = world()
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, 3)
    seen: list[int] = []
    app = app_of(kafka1.bootstrap, place)

    async def handle(note: Note) -> None:
        await asyncio.sleep(0)
        seen.append(note.number)

    @app.on(place.notes)
    @functools.wraps(handle)
    def around(note: Note) -> object:
        return handle(note)

    with running(app):
        until(lambda: committed(kafka1.bootstrap, place) == 3)

    assert seen == [0, 1, 2]


@KINDS
def test_keys_are_handled_beside_each_other_and_each_in_order(
    kafka1: LocalKafka, kind: Kind
) -> None:
    """Eight workers on one partition are much faster than one, and keep each key's order."""
    place = world(concurrency=8)
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, 400, students=40)
    seen: dict[str, list[int]] = defaultdict(list)
    together: list[int] = []
    spans: dict[int, list[float]] = defaultdict(list)
    busy: Counter[str] = Counter()
    lock = threading.Lock()
    app = app_of(kafka1.bootstrap, place)

    def begin(note: Note) -> None:
        with lock:
            spans[note.number].append(time.monotonic())
            busy[note.student] += 1
            together.append(sum(busy.values()))
            assert busy[note.student] == 1

    def end(note: Note) -> None:
        with lock:
            spans[note.number].append(time.monotonic())
            busy[note.student] -= 1
            seen[note.student].append(note.number)

    @app.on(place.notes)
    def slow(note: Note) -> None:
        begin(note)
        time.sleep(0.01)
        end(note)

    other = app_of(kafka1.bootstrap, place)

    @other.on(place.notes)
    async def slow_async(note: Note) -> None:
        begin(note)
        await asyncio.sleep(0.01)
        end(note)

    with running(other if kind == "async" else app):
        until(lambda: sum(map(len, seen.values())) == 400)

    # How many ran at once on average, however slow the machine is: their times over all time.
    worked = sum(end - begin for begin, end in spans.values())
    lasted = max(end for _, end in spans.values()) - min(begin for begin, _ in spans.values())

    assert max(together) == 8
    assert worked / lasted > 5
    assert all(numbers == sorted(numbers) for numbers in seen.values())
    assert committed(kafka1.bootstrap, place) == 400


def test_an_unfinished_event_holds_the_commit(kafka1: LocalKafka) -> None:
    """While one key's event runs, others finish and are not committed past it."""
    place = world(concurrency=4)
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, 20, students=20)
    hold = threading.Event()
    seen: list[int] = []
    app = app_of(kafka1.bootstrap, place)

    @app.on(place.notes)
    def hold_five(note: Note) -> None:
        if note.number == 5:
            hold.wait(60)
        seen.append(note.number)

    with running(app):
        until(lambda: len(seen) == 19)
        until(lambda: committed(kafka1.bootstrap, place) == 5)
        hold.set()
        until(lambda: committed(kafka1.bootstrap, place) == 20)

    assert len(seen) == 20


def test_a_slow_handler_is_paused_for_and_not_evicted(kafka1: LocalKafka) -> None:
    """A handler that takes longer than max.poll.interval.ms keeps its partition."""
    place = world()
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, 300)
    extra = dict(QUICK.extra) | {"max.poll.interval.ms": 6_000}
    settings = Settings(commit_interval=0.1, buffer_records=10, extra=extra)
    app = app_of(kafka1.bootstrap, place, settings)
    seen: list[int] = []
    paused: list[bool] = []

    @app.on(place.notes)
    def slow_first(note: Note) -> None:
        if note.number == 0:
            time.sleep(8)
            paused.extend(p.paused for p in app.health().partitions)
        seen.append(note.number)

    with running(app):
        until(lambda: len(seen) == 300)

    assert paused == [True]
    assert seen == list(range(300))


def test_an_async_handler_past_its_deadline_is_cancelled_and_counts_as_failed(
    kafka1: LocalKafka,
) -> None:
    """It is tried again as the catalog says, and the next event is handled."""
    place = world(retries=Retries(attempts=1, backoff_ms=10))
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, 2)
    app = app_of(kafka1.bootstrap, place)
    tries: list[tuple[int, int]] = []

    @app.on(place.notes, deadline=0.2)
    async def hang_on_zero(note: Note, delivery: Delivery) -> None:
        tries.append((note.number, delivery.attempt))
        if note.number == 0:
            await asyncio.sleep(3_600)

    with running(app), reading(kafka1.bootstrap, place.dead_letters) as read:
        [record] = read(1)
        until(lambda: len(tries) == 3)
    letter = parse(record.headers())

    assert tries == [(0, 1), (0, 2), (1, 1)]
    assert letter is not None
    assert letter.failure.error.endswith("DeadlineError")


def test_a_cancellation_that_a_handler_awaited_counts_as_failed(kafka1: LocalKafka) -> None:
    """Its event is tried again and ends in the dead letters; those behind it are handled."""
    place = world(retries=Retries(attempts=1, backoff_ms=10))
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, 2)
    app = app_of(kafka1.bootstrap, place)
    tries: list[int] = []

    @app.on(place.notes)
    async def await_a_cancelled_task(note: Note) -> None:
        tries.append(note.number)
        if note.number == 0:
            task = asyncio.ensure_future(asyncio.sleep(3_600))
            task.cancel()
            await task

    with running(app), reading(kafka1.bootstrap, place.dead_letters) as read:
        [record] = read(1)
        until(lambda: committed(kafka1.bootstrap, place) == 2)
    letter = parse(record.headers())

    assert tries == [0, 0, 1]
    assert letter is not None
    assert letter.failure.error == "asyncio.exceptions.CancelledError"


def test_a_handler_that_turns_its_deadline_into_an_error_may_be_late_again(
    kafka1: LocalKafka,
) -> None:
    """Each try's cancellation is its own: none is left over for the next."""
    place = world(retries=Retries(attempts=2, backoff_ms=10))
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, 1)
    app = app_of(kafka1.bootstrap, place)

    @app.on(place.notes, deadline=0.1)
    async def fail_late(note: Note, delivery: Delivery) -> None:
        try:
            await asyncio.sleep(3_600)
        except asyncio.CancelledError:
            if delivery.attempt < 3:
                raise ValueError from None
            raise

    with running(app), reading(kafka1.bootstrap, place.dead_letters) as read:
        [record] = read(1)
    letter = parse(record.headers())

    assert letter is not None
    assert letter.attempts == 3
    assert letter.failure.error.endswith("DeadlineError")


def test_a_handler_whose_task_is_cancelled_from_outside_stops_the_service(
    kafka1: LocalKafka,
) -> None:
    """Nobody else may end a handler: its event is not committed, and the app says so."""
    place = world()
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, 1)
    app = app_of(kafka1.bootstrap, place)

    @app.on(place.notes)
    async def end_itself(note: Note) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    with running(app) as raised:
        until(lambda: raised)

    assert "cancelled" in str(raised[0])
    assert committed(kafka1.bootstrap, place) == 0


@KINDS
def test_retry_topics_let_others_go_on(kafka1: LocalKafka, kind: Kind) -> None:
    """A failing event waits elsewhere, is never early, and ends in the dead letters."""
    retries = Retries(attempts=2, backoff_ms=500, factor=2, mode=RetryMode.TOPICS)
    place = world(retries=retries, ordering=Ordering.NONE)
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, 3)
    tries: list[tuple[int, float]] = []

    def fail_on_zero(note: Note) -> None:
        tries.append((note.number, time.time()))
        if note.number == 0:
            raise ValueError

    app = app_of(kafka1.bootstrap, place)
    register(app, place, fail_on_zero, kind=kind)
    with running(app), reading(kafka1.bootstrap, place.dead_letters) as read:
        [record] = read(1)
        until(lambda: len(tries) == 5)
    letter = parse(record.headers())
    times = [moment for number, moment in tries if number == 0]

    assert [number for number, _ in tries][:3] == [0, 1, 2]
    assert times[1] - times[0] >= 0.49
    assert times[2] - times[1] >= 0.99
    assert letter is not None
    assert letter.attempts == 3
    assert letter.identity == (place.subscription.group, place.notes.name, 0, 0)


def test_events_pass_from_handler_to_handler(kafka1: LocalKafka) -> None:
    """A handler sends through the app, and the copy is there before the event is committed."""
    place = world()
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, 10)
    app = app_of(kafka1.bootstrap, place)

    @app.on(place.notes)
    async def copy(note: Note) -> None:
        await app.async_producer.send(place.copies, note)

    with running(app), reading(kafka1.bootstrap, place.copies.name) as read:
        copies = read(10)

    assert [json.loads(c.value())["data"]["number"] for c in copies] == list(range(10))


@pytest.mark.parametrize("protocol", list(GroupProtocol))
def test_what_is_handled_is_committed_before_its_partition_goes(
    kafka1: LocalKafka, protocol: GroupProtocol
) -> None:
    """Nothing comes twice when a second app joins, though the next commit were an hour away."""
    place = world(partitions=4)
    create(kafka1.bootstrap, place)
    fill(kafka1.bootstrap, place, 100, students=20)
    extra = dict(QUICK.extra) if protocol is GroupProtocol.CLASSIC else {}
    settings = replace(QUICK, commit_interval=3_600, group_protocol=protocol, extra=extra)
    seen: Counter[int] = Counter()
    first, second = (app_of(kafka1.bootstrap, place, settings) for _ in range(2))
    for app in (first, second):
        register(app, place, lambda note: seen.update([note.number]), kind="plain")

    with running(first):
        until(lambda: len(seen) == 100)
        with running(second):
            until(lambda: second.health().ready)
            until(lambda: committed(kafka1.bootstrap, place) > 0)
            fill(kafka1.bootstrap, place, 200, students=20)
            until(lambda: len(seen) == 200)

    assert {n: count for n, count in seen.items() if n >= 100 and count != 1} == {}
    assert {n: count for n, count in seen.items() if n < 100 and count != 2} == {}


def moved(kafka: LocalKafka, waves: int, settings: Settings) -> int:
    """
    Let consumers come and go under load; every event is handled, and so many once more.

    Each wave is two rebalances: a consumer comes, and goes.
    """
    place = world(partitions=4)
    create(kafka.bootstrap, place)
    seen: Counter[int] = Counter()

    def app() -> App:
        made = app_of(kafka.bootstrap, place, settings)

        @made.on(place.notes)
        async def count(note: Note) -> None:
            await asyncio.sleep(0.001)
            seen[note.number] += 1

        return made

    with running(app()):
        for wave in range(waves):
            with (
                running(app()) as raised,
                Producer("writer", place.contract, bootstrap=kafka.bootstrap) as producer,
            ):
                for number in range(wave * 1_000, wave * 1_000 + 1_000):
                    producer.post(place.notes, Note(student=f"s{number % 50}", number=number))
                producer.flush()
                until(lambda: len(seen) > wave * 1_000 + 300)  # noqa: B023 - called at once
            assert not raised
        until(lambda: len(seen) == waves * 1_000)
    return sum(seen.values()) - waves * 1_000


def test_partitions_move_without_loss(kafka1: LocalKafka) -> None:
    """Three consumers come and go under load: no more come twice than were in hand."""
    # Nobody is killed here, so no member needs to be given up for being slow on a busy machine.
    settings = replace(QUICK, extra={**QUICK.extra, "session.timeout.ms": 45_000})

    assert moved(kafka1, 3, settings) <= 6  # one worker: one event in hand at each rebalance


@pytest.mark.soak
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("protocol", [GroupProtocol.CLASSIC, GroupProtocol.CONSUMER])
def test_partitions_move_twenty_times_without_loss(
    kafka1: LocalKafka, protocol: GroupProtocol
) -> None:
    """The long form, under both protocols: no more come twice than are in hand."""
    extra = QUICK.extra if protocol is GroupProtocol.CLASSIC else {}
    settings = replace(QUICK, group_protocol=protocol, extra=extra)
    twice = moved(kafka1, 20, settings)
    FIGURES.info("%s: 40 rebalances, %d events handled twice", protocol, twice)

    assert twice <= 40  # one worker: one event in hand at each rebalance


@pytest.mark.soak
@KINDS
def test_eight_workers_are_six_times_one(kafka1: LocalKafka, kind: Kind) -> None:
    """A handler of 10 ms on one partition: eight keys at a time against one after the other."""
    rates = []
    for concurrency in (1, 8):
        place = world(concurrency=concurrency)
        create(kafka1.bootstrap, place)
        fill(kafka1.bootstrap, place, 1_000, students=100)
        times: list[float] = []
        app = app_of(kafka1.bootstrap, place)

        @app.on(place.notes)
        def slow(note: Note) -> None:
            time.sleep(0.01)
            times.append(time.monotonic())  # noqa: B023 - used within the round

        other = app_of(kafka1.bootstrap, place)

        @other.on(place.notes)
        async def slow_async(note: Note) -> None:
            await asyncio.sleep(0.01)
            times.append(time.monotonic())  # noqa: B023 - used within the round

        with running(other if kind == "async" else app):
            until(lambda: len(times) == 1_000)  # noqa: B023 - called at once
        rates.append(1_000 / (times[-1] - times[0]))
    FIGURES.info("%s: %.1f times as fast", kind, rates[1] / rates[0])

    assert rates[1] / rates[0] >= 6


def test_the_health_pages_follow_the_app(kafka1: LocalKafka) -> None:
    """Not ready before the group answers, ready after, and not found elsewhere."""
    place = world()
    create(kafka1.bootstrap, place)
    app = App("reader", place.contract, bootstrap=kafka1.bootstrap, settings=QUICK, health_port=0)
    app.on(place.notes)(lambda note: None)

    def ask(page: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{app.health_port}{page}") as answer:
                return int(answer.status)
        except HTTPError as error:
            with error:
                return error.code

    assert not app.health().ready
    with running(app):
        until(lambda: app.health().ready)
        codes = [ask(page) for page in ("/live", "/ready", "/health", "/other")]

    assert codes == [200, 200, 200, 404]
    assert "stopping" in app.health().reasons


@pytest.mark.parametrize("protocol", [GroupProtocol.CLASSIC, GroupProtocol.CONSUMER])
def test_a_missing_topic_is_said(kafka1: LocalKafka, protocol: GroupProtocol) -> None:
    """An app whose topic does not exist is live, not ready, and says what to do."""
    place = world()
    app = app_of(kafka1.bootstrap, place, Settings(group_protocol=protocol))
    app.on(place.notes)(lambda note: None)
    with running(app):
        until(lambda: "learnflow apply" in " ".join(app.health().reasons))

        assert app.health().live
        assert not app.health().ready


def test_the_wrong_direction_fails_at_start() -> None:
    """A handler for a topic that the service does not read names the catalog's line."""
    place = world()
    app = app_of("127.0.0.1:1", place)
    with pytest.raises(ContractError, match="does not consume") as caught:
        app.on(place.copies)(lambda note: None)

    assert caught.value.where == "notes.yaml:18"


def test_retry_topics_are_refused_where_order_counts() -> None:
    """The error comes before any broker is asked, and names the subscription's line."""
    place = world(retries=Retries(attempts=1, mode=RetryMode.TOPICS), ordering=Ordering.KEY)
    app = app_of("127.0.0.1:1", place)
    app.on(place.notes)(lambda note: None)
    with pytest.raises(ContractError, match="ordered by key") as caught:
        app.run()

    assert caught.value.where == "notes.yaml:20"
