"""
The thread that owns one Kafka consumer: it polls, commits, and answers rebalances.

It never runs a handler, so it never stops polling: a slow handler leads to a paused partition,
not to an eviction from the group. Offsets are committed as far as everything before them is
finished, in intervals, and synchronously before a partition is given away.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaError as Code
from confluent_kafka import KafkaException, TopicPartition

from learnflow_kafka.core.stuck import StuckError, ask, within
from learnflow_kafka.errors import SdkError
from learnflow_kafka.sdk import faults, forks
from learnflow_kafka.sdk._callbacks import called_back
from learnflow_kafka.sdk._clients import made
from learnflow_kafka.sdk.partitions import Assigned, Lane
from learnflow_kafka.sdk.presence import absent
from learnflow_kafka.sdk.settings import GroupProtocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from learnflow_kafka.sdk.presence import Presence
    from learnflow_kafka.sdk.routes import Route
    from learnflow_kafka.sdk.settings import Settings
    from learnflow_kafka.sdk.transactions import Transactions
    from learnflow_kafka.sdk.workers import Workers

log: Final = logging.getLogger("learnflow_kafka.sdk")

_POLL: Final = 0.1
_BATCH: Final = 1_000
"""
Records taken at once. More, and what is buffered no longer fits the processor's cache; fewer, and
this thread waits too often for the interpreter's lock, which a busy worker gives away slowly.
"""
_HOLD: Final = 1.0
"""Seconds that a full buffer may take to empty before its partition is paused."""
_HICCUP_LASTS: Final = 10.0
"""Seconds for which an error of a broker counts; the client recovers by itself."""
_LAST_COMMIT: Final = 3.0
_LEAVING: Final = 5.0
"""
Seconds that a coordinator may take to hear that this consumer leaves. The group notices one that
left without a word by its session's timeout.
"""
_AGAIN: Final = 0.05
_MOMENT: Final = 0.005
_LAG_EVERY: Final = 1.0
_MISSING: Final = frozenset({Code.UNKNOWN_TOPIC_OR_PART, Code._UNKNOWN_TOPIC})  # noqa: SLF001


def consumer_config(
    base: Mapping[str, str | float | bool], route: Route, settings: Settings
) -> dict[str, Any]:
    """The client's settings for the subscriptions that share this one's group and isolation."""
    subscription = route.subscription
    config: dict[str, Any] = {
        # A full queue is looked at again soon; the client's default of a second starves handlers.
        "fetch.queue.backoff.ms": 20,
        "queued.max.messages.kbytes": 16 * 1024,
        # How soon new topics and partitions are noticed; the client's default is five minutes.
        "topic.metadata.refresh.interval.ms": 30_000,
        **base,
        "group.id": subscription.group,
        "group.protocol": settings.group_protocol.value,
        "auto.offset.reset": subscription.start.value,
        "isolation.level": subscription.isolation.value,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
    }
    if settings.group_protocol is GroupProtocol.CLASSIC:
        config["partition.assignment.strategy"] = "cooperative-sticky"
    if settings.group_instance is not None:
        config["group.instance.id"] = settings.group_instance
    return config


class Poller:
    """One consumer: the routes that share group, start and isolation, and their workers."""

    def __init__(  # noqa: PLR0913 - each is the app's choice
        self,
        config: Mapping[str, Any],
        workers: Mapping[str, tuple[Route, Workers]],
        settings: Settings,
        *,
        presence: Presence,
        fail: Callable[[SdkError], None],
        stuck: Callable[[str], None],
        transactions: Transactions | None = None,
    ) -> None:
        """
        `workers` by topic, retry topics included; `stuck` does not return.

        `presence` looks after the same topics, and is started and stopped here.
        With `transactions`, offsets are committed in them, with what handlers had to write.
        """
        self._transactions = transactions
        self.beat = time.monotonic()
        """When the thread last came around."""
        self.joined = False
        """Whether the group has given this consumer its share, be it nothing."""
        self.fault: SdkError | None = None
        """Why the consumer cannot be used in this process."""
        self._missing: dict[str, str] = {}
        self._hiccup = ("", 0.0)
        self._workers = workers
        self._presence = presence
        self._settings = settings
        self._fail = fail
        self._stuck = stuck
        self._assigned: dict[tuple[str, int], Assigned] = {}
        self._stop = threading.Event()
        self._next_commit = self._next_lag = 0.0
        self._config = {**config, "error_cb": self._on_error, "on_commit": self._on_commit}
        self.client = made(Client, self._config)
        self._group = str(config["group.id"])
        forks.guard(self)
        self.thread = threading.Thread(target=self._run, name="learnflow-poll", daemon=True)

    @property
    def trouble(self) -> str | None:
        """What keeps the consumer from its topics, in words; None while nothing does."""
        for topic, what in list(self._missing.items()):
            if what != absent(topic) or not self._presence.has(topic):
                return what
        for what in self._presence.missing.values():
            return what
        if self.joined and not self._assigned and not self._presence.looked:
            return "not known yet whether its topics exist"  # or others have all partitions
        if self._transactions is not None and self._transactions.trouble is not None:
            return self._transactions.trouble
        what, when = self._hiccup
        return what if what and time.monotonic() - when < _HICCUP_LASTS else None

    @property
    def assigned(self) -> tuple[Assigned, ...]:
        """The partitions that this consumer has now."""
        return tuple(self._assigned.values())

    def stop(self) -> None:
        """Finish what runs, commit, leave the group; the thread ends then."""
        self._stop.set()

    def _run(self) -> None:
        try:
            if self._transactions is not None:
                self._transactions.start(self._stop, self._touch)
            self._presence.start()
            self._subscribe()
            while not self._stop.is_set():
                self._come_around()
        except SdkError as error:
            self._fail(error)
        except KafkaException as error:
            self._fail(SdkError(str(faults.request_error(error.args[0])), where=self._group))
        except Exception as error:
            log.exception("the poll thread broke")
            self._fail(SdkError(f"the poll thread broke: {error}", where=self._group))
        finally:
            self._leave()

    def _subscribe(self) -> None:
        self.client.subscribe(
            list(self._workers),
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )

    def _start_over(self, anew: frozenset[str]) -> None:
        """
        Join again with a new client: the old one holds on to what it knew of the old topics.

        Of those nothing is committed, since offsets of an old log mean nothing in the new one.
        """
        log.warning("%s: made anew, and read from its start: %s", self._group, ", ".join(anew))
        mine = self._give_up(self.assigned)
        self._settle(mine, self._settings.grace)
        self._commit_last([a for a in mine if a.topic not in anew])
        with suppress(StuckError):
            ask(self.client.close, keep_on=within(_LEAVING))
        self.joined = False
        self.client = made(Client, self._config)
        self._subscribe()

    def _come_around(self) -> None:
        now = self.beat = time.monotonic()
        if anew := self._presence.take_anew():
            self._start_over(anew)
        for assigned in self._assigned.values():
            assigned.collect()
        self._hold_back()
        self._check_stuck(now)
        full = self._transactions is not None and self._transactions.is_full(self.assigned)
        if now >= self._next_commit or full:
            self._commit(self.assigned, wait=False)
            self._next_commit = now + self._settings.commit_interval
        if now >= self._next_lag:
            self._measure()
            self._next_lag = now + _LAG_EVERY
        # Each call gives the interpreter's lock away, and a busy worker keeps it for long: so one
        # call where much waits. `consume` with a timeout would wait until the batch is full.
        messages = self.client.consume(_BATCH, 0)
        if not messages and (first := self.client.poll(_POLL)) is not None:
            messages = [first]
        if messages:
            self._dispatch(messages)

    # --- records in ---

    def _dispatch(self, messages: Sequence[Any]) -> None:
        by_partition: defaultdict[tuple[str, int], list[Any]] = defaultdict(list)
        for message in messages:
            if message.error() is None:
                by_partition[message.topic(), message.partition()].append(message)
            else:
                self._on_error(message.error(), message.topic())
        for place, records in by_partition.items():
            assigned = self._assigned.get(place)
            if assigned is None:
                continue
            assigned.deliver(records)
            route, workers = self._workers[assigned.topic]
            if route.subscription.concurrency > 1 and not assigned.is_retry:
                workers.put(_by_key(assigned, records))
            else:
                workers.put([(assigned.lane, records)])

    def _hold_back(self) -> None:
        """Pause partitions whose buffer stays full, and resume those with room."""
        full = [a for a in self._assigned.values() if not a.paused and self._is_full(a)]
        deadline = time.monotonic() + _HOLD
        while full and time.monotonic() < deadline:
            # Pausing throws away what the client has fetched; fast handlers need a moment only.
            time.sleep(_MOMENT)
            for assigned in full:
                assigned.collect()
            full = [a for a in full if not self._has_room(a)]
        if full:
            self.client.pause([_place(a) for a in full])
            for assigned in full:
                assigned.paused = True
        ready = [a for a in self._assigned.values() if a.paused and self._has_room(a)]
        if ready:
            self.client.resume([_place(a) for a in ready])
            for assigned in ready:
                assigned.paused = False

    def _is_full(self, assigned: Assigned) -> bool:
        limits = self._settings
        return (
            len(assigned.watermark) >= limits.buffer_records
            or assigned.bytes >= limits.buffer_bytes
        )

    def _has_room(self, assigned: Assigned) -> bool:
        limits = self._settings
        return (
            len(assigned.watermark) * 2 <= limits.buffer_records
            and assigned.bytes * 2 <= limits.buffer_bytes
        )

    # --- offsets out ---

    def _commit(self, partitions: Sequence[Assigned], *, wait: bool) -> None:
        due = [a for a in partitions if a.uncommitted is not None]
        if not due:
            return
        if self._transactions is not None:
            self._commit_together(self._transactions, due)
            return
        offsets = [TopicPartition(a.topic, a.partition, a.watermark.position) for a in due]
        for assigned in due:
            assigned.committed = assigned.watermark.position
        try:
            results = self._send_offsets(offsets, wait=wait)
        except (KafkaException, StuckError) as error:
            self._uncommit(due)
            log.warning("offsets of %s were not committed: %s", self._group, _said(error))
            return
        for result in results or ():
            if result.error is not None:
                log.warning("%s was not committed: %s", result, result.error.str())
                place = (result.topic, result.partition)
                self._uncommit([a for a in due if (a.topic, a.partition) == place])

    def _send_offsets(self, offsets: Sequence[TopicPartition], *, wait: bool) -> Any:
        if not wait:
            return self.client.commit(offsets=offsets, asynchronous=True)
        # The client would wait a minute for a coordinator that takes requests and answers none.
        return ask(
            self.client.commit, offsets=offsets, asynchronous=False, keep_on=within(_LAST_COMMIT)
        )

    def _commit_last(self, partitions: Sequence[Assigned]) -> None:
        """
        Commit before partitions go.

        For a moment between two generations of a group its coordinator takes no offsets, so
        this tries again for a while. What it misses all the same, the next owner repeats.
        """
        deadline = time.monotonic() + _LAST_COMMIT
        while True:
            self._commit(partitions, wait=True)
            over = self._transactions is not None and self._transactions.is_over
            if over or time.monotonic() > deadline:
                return
            if all(a.uncommitted is None for a in partitions):
                return
            self._touch()
            time.sleep(_AGAIN)

    def _commit_together(self, transactions: Transactions, due: Sequence[Assigned]) -> None:
        """Write what the handlers of finished events left, and their offsets: all or nothing."""
        ends = [(assigned, assigned.watermark.position or 0) for assigned in due]
        records = [record for assigned, end in ends for record in assigned.outputs.before(end)]
        offsets = [TopicPartition(a.topic, a.partition, end) for a, end in ends]
        try:
            written = transactions.commit(records, offsets, self.client.consumer_group_metadata())
        except SdkError as error:
            self._fail(error)
            return
        for assigned, end in ends if written else ():
            assigned.committed = end
            assigned.outputs.forget(end)

    def _touch(self) -> None:
        self.beat = time.monotonic()

    def _uncommit(self, partitions: Sequence[Assigned]) -> None:
        for assigned in partitions:
            assigned.committed = None

    def _on_commit(self, error: Any, partitions: Sequence[Any]) -> None:
        for place in partitions:
            failed = error or place.error
            assigned = self._assigned.get((place.topic, place.partition))
            if failed is not None and assigned is not None:
                assigned.committed = None  # the next round tries again
                log.info("%s[%d]: commit again: %s", place.topic, place.partition, failed)

    # --- rebalances ---

    def _on_assign(self, _: Any, partitions: Sequence[Any]) -> None:
        for place in partitions:
            route, _workers = self._workers[place.topic]
            self._assigned[place.topic, place.partition] = Assigned(
                place.topic, place.partition, route
            )
            self._missing.pop(place.topic, None)
        self.joined = True

    def _on_revoke(self, _: Any, partitions: Sequence[Any]) -> None:
        with called_back():
            gone = self._give_up(partitions)
            self._settle(gone, self._settings.grace)
            self._commit_last(gone)

    def _on_lost(self, _: Any, partitions: Sequence[Any]) -> None:
        # Others have them already: what we would commit is not ours to say.
        self._give_up(partitions)

    def _give_up(self, places: Sequence[Any]) -> list[Assigned]:
        keys = [(place.topic, place.partition) for place in places]
        gone = [self._assigned.pop(key) for key in keys if key in self._assigned]
        for assigned in gone:
            assigned.revoked = True
        for _, workers in self._workers.values():
            workers.drop(gone)
        return gone

    def _settle(self, gone: Sequence[Assigned], seconds: float) -> bool:
        """Wait for running handlers of these partitions; False where some still run."""
        deadline = time.monotonic() + seconds
        while any(a.running for a in gone) and time.monotonic() < deadline:
            self.beat = time.monotonic()
            self._check_stuck(self.beat)
            time.sleep(_MOMENT)
        for assigned in gone:
            assigned.collect()
        return not any(a.running for a in gone)

    def _leave(self) -> None:
        """Commit what is finished and leave the group."""
        self._presence.stop()
        mine = self.assigned
        for assigned in mine:
            assigned.revoked = True
        for _, workers in self._workers.values():
            workers.stop()
        if not self._settle(mine, self._settings.grace):
            self._settle(mine, self._cancel_late())
        try:
            self._commit_last(mine)
            if any(a.running for a in mine):
                self._stuck("a handler still runs at the end of the grace period")
            ask(self.client.close, keep_on=within(_LEAVING))
        except (KafkaException, StuckError) as error:
            log.warning("leaving %s: %s", self._group, _said(error))
        finally:
            if self._transactions is not None:
                self._transactions.close()

    def _cancel_late(self) -> float:
        seconds = 0.0
        for _, workers in self._workers.values():
            seconds = max(seconds, workers.cancel_late())
        return seconds

    # --- state ---

    def _check_stuck(self, now: float) -> None:
        for _, workers in self._workers.values():
            what = workers.stuck(now)
            if what is not None:
                self._end_stuck(what)

    def _end_stuck(self, what: str) -> None:
        """Commit what is finished, as far as that is quick, and end the process."""
        mine = self.assigned
        for assigned in mine:
            assigned.collect()
        with suppress(StuckError):
            ask(self._commit, mine, wait=True, keep_on=within(_LAST_COMMIT))
        self._stuck(what)

    def _measure(self) -> None:
        for assigned in self._assigned.values():
            try:
                _, end = self.client.get_watermark_offsets(_place(assigned), cached=True)
            except KafkaException:
                continue
            assigned.end = end if end >= 0 else None

    def _on_error(self, error: Any, topic: str | None = None) -> None:
        if topic and error.code() in _MISSING:
            self._missing[topic] = absent(topic)
        elif topic and error.code() == Code.TOPIC_AUTHORIZATION_FAILED:
            self._missing[topic] = f"topic {topic} may not be read; grant Read and Describe on it"
        else:
            self._hiccup = (f"{topic or self._group}: {error.str()}", time.monotonic())
        if error.fatal():
            self._fail(SdkError(f"the consumer broke for good: {error.str()}", where=self._group))


def _said(error: Exception) -> str:
    return str(error.args[0].str() if isinstance(error, KafkaException) else error)


def _by_key(assigned: Assigned, records: Sequence[Any]) -> list[tuple[Lane, Sequence[Any]]]:
    """Records in the lanes of their keys; one without a key has no order to keep."""
    lanes: defaultdict[Lane, list[Any]] = defaultdict(list)
    for record in records:
        key = record.key()
        lanes[Lane(assigned, record.offset() if key is None else key)].append(record)
    return list(lanes.items())


def _place(assigned: Assigned) -> TopicPartition:
    return TopicPartition(assigned.topic, assigned.partition)
