"""
Exactly once: what handlers write for events, and those events' offsets, in one transaction.

A transaction is short: it holds what finished handlers left in `outputs`, and is committed at
once. So a slow handler never keeps one open, a failed one aborts nothing, and what an aborted
transaction held is still there for the next one. The group's generation travels with the
offsets, so the broker refuses a transaction of a consumer that lost its partitions.

Three kinds of errors of the client meet here: those to try again, those that end the
transaction, and those that end the client, because another one took its place. And one thing
that is no error: a request may never return, whatever time it was given, where the group's
coordinator dies (librdkafka 2.16, its issues 5456 and 5511). So each runs on a thread that can
be left behind, with its client; a new client of the same transactional id ends what that one
left open.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
import uuid
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from confluent_kafka import KafkaException

from learnflow_kafka.core.catalog import Isolation, Start
from learnflow_kafka.core.stuck import StuckError, ask
from learnflow_kafka.errors import ContractError, LearnflowError, SdkError
from learnflow_kafka.sdk.contract import Topic, no_topic
from learnflow_kafka.sdk.handling import Desk
from learnflow_kafka.sdk.outlets import Outlets
from learnflow_kafka.sdk.sender import Sender

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from learnflow_kafka.core.catalog import Partitioner
    from learnflow_kafka.core.connection import Connection
    from learnflow_kafka.sdk.contract import AnyTopic, Contract, Service, Subscription
    from learnflow_kafka.sdk.failures import Forward
    from learnflow_kafka.sdk.outlets import Prepared
    from learnflow_kafka.sdk.outputs import Outbox
    from learnflow_kafka.sdk.partitions import Assigned
    from learnflow_kafka.sdk.routes import Function, Handler, Route
    from learnflow_kafka.sdk.settings import Settings

log: Final = logging.getLogger("learnflow_kafka.sdk")

E = TypeVar("E")

MOST_EVENTS: Final = 10_000
"""So many finished events are committed before the interval is over."""
_STEP: Final = 2.0
"""Seconds that one request may take before we look around and ask again."""
_PAUSE: Final = 0.1
_PATIENCE: Final = 10.0
"""Seconds without an answer after which a client is left behind; each further time twice that."""
_LONGEST_PATIENCE: Final = 300.0

_inside: ContextVar[str | None] = ContextVar("learnflow_exactly_once", default=None)
"""The handler that runs in this context, where its events are handled exactly once."""


def transactional_id(subscription: Subscription, settings: Settings) -> str:
    """
    Who writes the transactions of a consumer: its group, and a name of the process.

    The name is `transactional_instance` of the settings, which ends what an earlier process of
    that name left open, or a new one each time.
    """
    start = "" if subscription.start is Start.EARLIEST else f".{subscription.start}"
    instance = settings.transactional_instance or uuid.uuid4().hex
    return f"{subscription.group}{start}.{instance}"


def check(service: Service) -> None:
    """Raise ContractError where a service cannot write in transactions what it may write."""
    for read in service.consumes:
        if read.exactly_once and read.isolation is not Isolation.READ_COMMITTED:
            raise ContractError(
                f"{read.topic.name!r} is read exactly once and uncommitted, which cannot be: "
                "events of aborted transactions were never sent",
                where=str(read.place),
                fix="leave the subscription's isolation out, then run `learnflow codegen`",
            )
    kinds = sorted({topic.partitioner for topic in service.produces})
    if len(kinds) > 1 and any(read.exactly_once for read in service.consumes):
        raise ContractError(
            f"service {service.name!r} reads exactly once and writes topics with several "
            f"partitioners ({', '.join(kinds)}); a transaction's client has one",
            where=str(service.place),
            fix="give its topics one partitioner in the catalog, then run `learnflow codegen`",
        )


class WatchfulOutlets(Outlets):
    """The outlets of an app that has exactly-once handlers: those must not write through it."""

    def prepare(
        self,
        topic: Topic[E],
        event: E,
        key: str | int | None,
        headers: Sequence[tuple[str, bytes]] | None,
    ) -> Prepared:
        """As `Outlets.prepare`; raises ContractError within an exactly-once handler."""
        handler = _inside.get()
        if handler is not None and not isinstance(topic, Topic):
            raise no_topic(topic)
        if handler is not None:
            raise ContractError(
                f"{handler} handles events exactly once, and the app's producer would write at "
                "once, and again when the event is repeated",
                where=str(topic.place),
                fix="hand the event to the delivery: delivery.send(TOPIC, event)",
            )
        return super().prepare(topic, event, key, headers)


class TransactionOutlets(Outlets):
    """What is written in transactions: through one client, whatever the topic."""

    def __init__(  # noqa: PLR0913 - the parts of a service's connection
        self,
        service: str,
        contract: Contract,
        *,
        bootstrap: str | Connection | None,
        settings: Settings,
        subscription: Subscription,
        sends: Iterable[AnyTopic] = (),
    ) -> None:
        # The client refuses records that would outlive their transaction.
        timeout = min(settings.delivery_timeout, settings.transaction_timeout)
        limits = {"transaction.timeout.ms": int(settings.transaction_timeout * 1000)}
        ours = replace(settings, delivery_timeout=timeout)
        super().__init__(service, contract, bootstrap=bootstrap, settings=ours, sends=sends)
        self._config = {**self._config, **limits}
        produced = self.service.produces
        self._partitioner = (produced[0] if produced else subscription.topic).partitioner
        self.name = transactional_id(subscription, settings)

    def sender(self, partitioner: Partitioner) -> Sender:  # noqa: ARG002 - one for all
        """The client of the transactions."""
        with self._making:
            made = self._senders.get(self._partitioner)
            if made is None:
                made = Sender(
                    self._config,
                    self._settings,
                    partitioner=self._partitioner,
                    transactional_id=self.name,
                )
                self._senders[self._partitioner] = made
            return made

    @property
    def only(self) -> Sender:
        """The client of the transactions."""
        return self.sender(self._partitioner)

    def abandon(self) -> None:
        """Leave the client to a request that does not return; the next use makes a new one."""
        with self._making:
            self._senders.pop(self._partitioner).abandon()


class TransactionDesk(Desk):
    """A desk whose handlers' events, dead letters and retries wait for the transaction."""

    def __init__(self, route: Route, outlets: TransactionOutlets) -> None:
        super().__init__(route, outlets.only, mark=marked)
        self._prepare = outlets.prepare

    def outbox(self, assigned: Assigned, offset: int) -> Outbox:
        """A new outbox for a try of an event."""
        return assigned.outputs.open(offset, self._prepare)

    def keep(self, assigned: Assigned, message: Any, letter: Forward) -> bool:
        """Have a dead letter or a retry written in the event's transaction, and nothing else."""
        self.outbox(assigned, message.offset()).put(self.prepared(message, letter))
        return True

    def finished(self, assigned: Assigned, message: Any) -> None:
        """As `Desk.finished`; what is sent after this belongs to no event."""
        assigned.outputs.close(message.offset())
        super().finished(assigned, message)


class Transactions:
    """The transactions of one consumer; for its poll thread alone."""

    def __init__(self, outlets: TransactionOutlets, settings: Settings) -> None:
        self.outlets = outlets
        self.is_over = False
        """Whether this client can write no more."""
        self.trouble: str | None = None
        """What keeps the last transaction from being committed; None while nothing does."""
        self._settings = settings
        self._stopping = threading.Event()
        self._deadline: float | None = None
        self._alive: Callable[[], None] = lambda: None
        self._is_open = False
        self._patience = _PATIENCE

    @property
    def _client(self) -> Any:
        return self.outlets.only.client  # held by its sender alone, which lets go of it

    def is_full(self, partitions: Sequence[Assigned]) -> bool:
        """Whether so much waits that it should be written before the interval is over."""
        if self.trouble is not None:
            return False
        return (
            sum(len(a.outputs) for a in partitions) >= MOST_EVENTS
            or sum(a.outputs.bytes for a in partitions) >= self._settings.queue_bytes // 2
        )

    def start(self, stopping: threading.Event, alive: Callable[[], None]) -> None:
        """
        Fence an earlier process of the same name, and end what it left open.

        `alive` is called while this and later calls wait; after `stopping` they wait for the
        grace period at most. Raises SdkError where transactions cannot be.
        """
        self._stopping, self._alive = stopping, alive
        try:
            self._open()
        except StuckError as stuck:
            self._leave_behind(stuck)
        except KafkaException as error:
            if stopping.is_set():
                return
            raise self._broken(error.args[0]) from error

    def commit(self, records: Sequence[Prepared], offsets: Sequence[Any], member: Any) -> bool:
        """
        Write records and offsets, all or nothing; `member` is the consumer's group metadata.

        False: nothing was written, try again later. Raises SdkError where this client can
        never write again, once.
        """
        if self.is_over:
            return False
        try:
            self._open()
            self._client.begin_transaction()
            for record in records:
                self._produce(record)
            self._insist(self._client.send_offsets_to_transaction, list(offsets), member)
        except StuckError as stuck:
            self._leave_behind(stuck)
            return False
        except KafkaException as error:
            self._give_up(error.args[0])
            return False
        return self._finish()

    def _open(self) -> None:
        if not self._is_open:
            self._insist(self._client.init_transactions)
            self._is_open = True

    def _finish(self) -> bool:
        try:
            self._insist(self._client.commit_transaction)
        except StuckError as stuck:
            self.is_over = True
            raise SdkError(
                f"{stuck}, so nobody here knows whether it was written",
                where=self.outlets.name,
                fix="start this process again: it goes on behind what was written",
            ) from stuck
        except KafkaException as error:
            self._give_up(error.args[0])
            return False
        self.trouble = None
        self._patience = _PATIENCE
        return True

    def close(self) -> None:
        """Let go of the client; what a stopped commit left open is the broker's to end."""
        try:
            self.outlets.close(_STEP)
        except LearnflowError as error:
            log.warning("%s: %s", self.outlets.name, error)

    def _produce(self, record: Prepared) -> None:
        while True:
            try:
                self._client.produce(record.topic, record.value, record.key, headers=record.headers)
            except BufferError:
                self._alive()
                self._client.poll(_PAUSE)
            else:
                return

    def _insist(self, request: Callable[..., object], *arguments: object) -> None:
        """
        Ask until it is done.

        Raises KafkaException for what another try cannot mend, StuckError where the client
        does not come back.
        """
        while True:
            try:
                self._ask(request, arguments)
            except KafkaException as error:
                what = error.args[0]
                if not what.retriable() or what.txn_requires_abort() or not self._may_wait():
                    raise
                self.trouble = f"a transaction waits for the broker: {what.str()}"
                time.sleep(_PAUSE)
            else:
                return

    def _ask(self, request: Callable[..., object], arguments: Sequence[object]) -> None:
        limit = time.monotonic() + self._patience

        def keep_on() -> bool:
            self._alive()
            late = not self._may_wait() and time.monotonic() > (self._deadline or 0) + _STEP
            return not late and time.monotonic() < limit

        ask(request, *arguments, _STEP, keep_on=keep_on)

    def _leave_behind(self, stuck: StuckError) -> None:
        """Go on with a new client, which ends the transaction that this one left open."""
        self.trouble = f"{stuck}; a new one takes its place"
        log.warning("%s: %s", self.outlets.name, self.trouble)
        self.outlets.abandon()
        self._is_open = False
        self._patience = min(2 * self._patience, _LONGEST_PATIENCE)

    def _may_wait(self) -> bool:
        if not self._stopping.is_set():
            return True
        if self._deadline is None:
            self._deadline = time.monotonic() + self._settings.grace
        return time.monotonic() < self._deadline

    def _give_up(self, error: Any) -> None:
        """End the open transaction without effect."""
        if error.fatal():
            raise self._broken(error)
        if error.retriable() and not error.txn_requires_abort():
            # The service stops and the broker does not answer: it ends the transaction by itself.
            log.warning("%s: the last transaction is left to the broker", self.outlets.name)
            return
        self.trouble = f"a transaction was aborted: {error.str()}"
        log.warning(
            "%s: %s; its events are written with the next one", self.outlets.name, self.trouble
        )
        try:
            self._insist(self._client.abort_transaction)
        except StuckError as stuck:
            self._leave_behind(stuck)
        except KafkaException as worse:
            if not self._stopping.is_set():
                raise self._broken(worse.args[0]) from worse

    def _broken(self, error: Any) -> SdkError:
        self.is_over = True
        name = error.name()
        if name in _FENCED:
            return SdkError(
                "another process writes this one's transactions: it has the same transactional "
                "id, or the broker gave this one up after the transaction timeout",
                where=self.outlets.name,
                fix="give each process a transactional_instance of its own; start this one again",
            )
        return SdkError(
            f"transactions cannot go on: {error.str()}",
            where=self.outlets.name,
            fix="grant Write and Describe on the transactional id" if name in _DENIED else None,
        )


_FENCED: Final = frozenset(
    {"_FENCED", "PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH", "INVALID_PRODUCER_ID_MAPPING"}
)
_DENIED: Final = frozenset(
    {"TRANSACTIONAL_ID_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED"}
)


def marked(handler: Handler) -> Handler:
    """The handler, with a context in which the app's producer refuses."""
    within = _within_async if handler.is_async else _within
    return replace(handler, function=within(handler.function, handler.name))


# What a handler returns goes on to the worker, which sees whether it left its work undone.
def _within_async(function: Function, name: str) -> Function:
    @functools.wraps(function)
    async def within_async(*arguments: Any) -> Any:
        token = _inside.set(name)
        try:
            return await function(*arguments)
        finally:
            _inside.reset(token)

    return within_async


def _within(function: Function, name: str) -> Function:
    @functools.wraps(function)
    def within(*arguments: Any) -> Any:
        token = _inside.set(name)
        try:
            return function(*arguments)
        finally:
            _inside.reset(token)

    return within
