"""
The topics that one service may write, ready to be written: codecs and send queues.

What both faces of the producer, and the app, stand on.
"""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from learnflow_kafka.errors import ContractError, EventError, LearnflowError
from learnflow_kafka.sdk.codec import Writer
from learnflow_kafka.sdk.contract import no_topic
from learnflow_kafka.sdk.envelope import TRACEPARENT, TRACESTATE, header_fault
from learnflow_kafka.sdk.observing import Watch
from learnflow_kafka.sdk.partitioning import key_text
from learnflow_kafka.sdk.sender import Headers, Sender
from learnflow_kafka.sdk.settings import client_config

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from learnflow_kafka.core.catalog import Partitioner
    from learnflow_kafka.core.connection import Connection
    from learnflow_kafka.sdk.codec import Encoded
    from learnflow_kafka.sdk.contract import AnyTopic, Contract, Service, Topic
    from learnflow_kafka.sdk.receipt import Receipt
    from learnflow_kafka.sdk.settings import Settings

E = TypeVar("E")

_SMALLEST_LIMIT = 1_000_000
"""librdkafka's default for the largest record it takes, in bytes."""
_ROOM_FOR_HEADERS = 64 * 1024
_MOST_NAMES = 1_000
"""So many names of headers are remembered as good ones for a topic."""


class Prepared(msgspec.Struct, frozen=True):
    """A record that was validated and encoded, and the queue that takes it; a cheap struct."""

    sender: Sender
    topic: str
    value: bytes
    key: bytes | None
    headers: Headers
    watch: Watch | None = None
    """Who wants to know what becomes of it."""

    def watched(self, receipt: Receipt) -> Receipt:
        """The receipt of this record, which its observers hear of."""
        if self.watch is not None:
            receipt.add_done_callback(self.watch)
        return receipt

    def refused(self, error: BaseException) -> None:
        """Tell the observers that the record was not queued."""
        if self.watch is not None:
            self.watch.settle(error)


class _Outlet:
    __slots__ = ("_known", "limit", "name", "sender", "topic", "write")

    def __init__(self, topic: AnyTopic, source: str, *, validate: bool) -> None:
        self.name = topic.name
        self.topic = topic
        self.limit = topic.max_record_bytes
        self.sender: Sender | None = None
        self.write = Writer(topic, source, validate=validate).write
        self._known: set[str] = set()

    def extended(self, own: list[tuple[str, bytes]], given: Any) -> Any:
        """The record's own headers and those that were given; EventError where one cannot be."""
        known = self._known
        try:
            headers = given if type(given) is list else [*given]
            # Names that were judged before are most names: a look at a set is all they cost.
            for name, value in headers:
                if name not in known or type(value) is not bytes:
                    self._judge(name, value)
        except (TypeError, ValueError) as error:
            raise _no_headers(given, self.topic) from error
        return [*own, *headers]

    def _judge(self, name: object, value: object) -> None:
        fault = header_fault(name, value, self.topic.envelope)
        if fault is not None:
            raise EventError(f"the header {name!r} {fault}", where=self.name)
        if len(self._known) < _MOST_NAMES:
            self._known.add(str(name))


class Outlets:
    """
    What a service may write to.

    A client has one partitioner for all its topics, so there is a sender for each partitioner
    that the service's topics declare; nearly always one. It is made when it is first needed.
    """

    def __init__(  # noqa: PLR0913 - the parts of a service's connection
        self,
        service: str,
        contract: Contract,
        *,
        bootstrap: str | Connection | None,
        settings: Settings,
        sends: Iterable[AnyTopic] = (),
        validate: bool = True,
    ) -> None:
        self.service: Service = contract.service(service)
        for topic in sends:
            self.service.producing(topic)
        self._settings = settings
        self._observers = settings.observers
        self._config = client_config(bootstrap, settings) | {
            "client.id": self.service.name,
            "message.max.bytes": self._largest(),
        }
        self._senders: dict[Partitioner, Sender] = {}
        self._making = threading.RLock()
        self._outlets = {
            topic.name: _Outlet(topic, self.service.source, validate=validate)
            for topic in self.service.produces
        }

    def _largest(self) -> int:
        topics = [*self.service.produces, *(s.topic for s in self.service.consumes)]
        limits = [topic.max_record_bytes or 0 for topic in topics]
        return max([_SMALLEST_LIMIT, *limits]) + _ROOM_FOR_HEADERS

    @property
    def senders(self) -> tuple[Sender, ...]:
        """The send queues that exist."""
        return tuple(self._senders.values())

    def sender(self, partitioner: Partitioner) -> Sender:
        """The send queue for topics with this partitioner."""
        with self._making:
            found = self._senders.get(partitioner)
            if found is None:
                found = Sender(self._config, self._settings, partitioner=partitioner)
                self._senders[partitioner] = found
            return found

    def prepare(
        self,
        topic: Topic[E],
        event: E,
        key: str | int | None,
        headers: Sequence[tuple[str, bytes]] | None,
    ) -> Prepared:
        """
        Validate and encode an event for its topic.

        Raises ContractError for a topic that the service does not produce, or a key for one
        whose key the catalog declares; EventError, naming the field, for an event that does not
        fit or is larger than the topic takes, or naming the header that cannot be sent.
        """
        try:
            outlet = self._outlets.get(topic.name)
        except AttributeError:
            raise no_topic(topic) from None
        if outlet is None:
            raise self._refusal(topic)
        watch = Watch(self._observers, topic) if self._observers else None
        try:
            made = outlet.write(event) if watch is None else _traced(outlet, event, watch)
            if outlet.limit is not None and len(made.value) > outlet.limit:
                raise _too_large(made, topic)
            own_key = made.key if key is None else _given_key(topic, key)
            record_headers: Any = made.headers
            if headers:
                record_headers = outlet.extended(record_headers, headers)
        except LearnflowError as error:
            if watch is not None:
                watch.settle(error)
            raise
        sender = outlet.sender
        if sender is None:
            sender = outlet.sender = self.sender(topic.partitioner)
        return Prepared(sender, outlet.name, made.value, own_key, record_headers, watch)

    def _refusal(self, topic: AnyTopic) -> ContractError:
        try:
            self.service.producing(topic)
        except ContractError as error:
            return error
        raise AssertionError("a declared topic has an outlet")

    def flush(self, timeout: float | None) -> None:
        """Flush every queue; see `Sender.flush`. None: without a limit."""
        start, limit = time.monotonic(), math.inf if timeout is None else timeout
        for sender in self.senders:
            sender.flush(limit, since=start)

    def close(self, timeout: float | None) -> None:
        """Close every queue, also when one fails; see `Sender.close`. None: without a limit."""
        deadline = time.monotonic() + (math.inf if timeout is None else timeout)
        errors: list[Exception] = []
        for sender in self.senders:
            try:
                sender.close(max(0.0, deadline - time.monotonic()))
            except Exception as error:  # noqa: BLE001 - raised below, after all are closed
                errors.append(error)
        if errors:
            raise errors[0]


def _traced(outlet: _Outlet, event: object, watch: Watch) -> Encoded:
    trace = watch.trace()
    return outlet.write(event, traceparent=trace.get(TRACEPARENT), tracestate=trace.get(TRACESTATE))


def _no_headers(given: object, topic: AnyTopic) -> EventError:
    return EventError(
        f"headers are a list of pairs of a name and bytes, which this {type(given).__name__} is "
        "not",
        where=topic.name,
        fix='write headers=[("x-tenant", b"one")]',
    )


def _too_large(made: Encoded, topic: AnyTopic) -> EventError:
    return EventError(
        f"the record has {len(made.value)} bytes; {topic.name} takes {topic.max_record_bytes}",
        where=str(topic.place),
        fix="send less, or raise the topic's record size in the catalog",
    )


def _given_key(topic: AnyTopic, key: str | int) -> bytes:
    if topic.key is not None:
        raise ContractError(
            f"{topic.name} takes its key from the event's {topic.key!r}; another key would break "
            "the order of its events",
            where=str(topic.place),
        )
    return key_text(key, topic=topic.name, field="key").encode()
