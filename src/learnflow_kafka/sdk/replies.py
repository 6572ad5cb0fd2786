"""
The thread that reads the replies to one client's requests.

It joins no group: each client reads all partitions of the reply topic, from the end that they
had before its first request was sent. So no reply can come before it is listened for, clients
do not take replies from each other, and nothing is left in the cluster. Beside the replies it
reads the dead letters of those who answer: there a request ends that was given up.

A topic that is deleted and made anew under its name is read from its start, with a new client
(`presence` says why), and the others go on where they were. While there is no reply topic no
request leaves.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaError as Code
from confluent_kafka import KafkaException, TopicPartition

from learnflow_kafka.core.catalog import Isolation
from learnflow_kafka.core.dead_letters import parse
from learnflow_kafka.errors import RemoteError, SdkError
from learnflow_kafka.sdk import faults, forks
from learnflow_kafka.sdk._clients import made
from learnflow_kafka.sdk.codec import Decoded, Reader
from learnflow_kafka.sdk.pending import ASK_ID, Outcome
from learnflow_kafka.sdk.presence import Presence, absent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from learnflow_kafka.sdk.contract import Contract, Exchange
    from learnflow_kafka.sdk.pending import Pending

log: Final = logging.getLogger("learnflow_kafka.sdk")

Q = TypeVar("Q")
R = TypeVar("R")

GROUP: Final = "_learnflow.asks"
"""The client wants a group's name, though it never joins one."""
_POLL: Final = 0.1
_BATCH: Final = 500
_REQUEST: Final = 5.0
_GLANCE: Final = 1.0
"""Seconds for the same once replies are read: those wait meanwhile."""
_AGAIN: Final = 0.5
_LOOK: Final = 30.0
"""Seconds between looks for new partitions, and for dead-letter topics that were missing."""
_JOIN: Final = 10.0
_MISSING: Final = frozenset({Code.UNKNOWN_TOPIC_OR_PART, Code._UNKNOWN_TOPIC})  # noqa: SLF001


def _consumer_config(base: Mapping[str, str | float | bool]) -> dict[str, Any]:
    """The client's settings for reading replies."""
    return {
        "fetch.queue.backoff.ms": 20,
        **base,
        "group.id": GROUP,
        "auto.offset.reset": "earliest",  # of a topic that was made anew
        "isolation.level": Isolation.READ_COMMITTED.value,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
    }


def letters_of(contract: Contract, exchange: Exchange[Any, Any]) -> tuple[str, ...]:
    """The dead-letter topics of those who answer: they read the request and write the reply."""
    return tuple(
        subscription.dead_letter_topic
        for service in contract.services.values()
        if any(topic.name == exchange.reply.name for topic in service.produces)
        for subscription in service.consumes
        if subscription.topic.name == exchange.request.name and subscription.dead_letter_topic
    )


class Replies(Generic[Q, R]):
    """Reads replies, from `start` until `close`, and hands them to whoever waits."""

    def __init__(
        self,
        config: Mapping[str, Any],
        exchange: Exchange[Q, R],
        pending: Pending[R],
        letters: tuple[str, ...],
    ) -> None:
        """`config`: how to connect."""
        self.fault: SdkError | None = None
        """Why nothing can be read any more."""
        self.trouble: str | None = None
        """What keeps it from listening, in words; None while nothing does."""
        self.listening = threading.Event()
        """Set when every reply to a request that is sent from now on will be seen, or none."""
        self._exchange = exchange
        self._pending = pending
        self._letters = frozenset(letters)
        self._replies = Reader(exchange.reply)
        self._requests = Reader(exchange.request)
        self._deaf: dict[str, str] = {}
        self._places: dict[str, dict[int, int]] = {}
        """The partitions of a topic that are listened to, and where each is read on."""
        self._next_look = 0.0
        self._stop = threading.Event()
        self._presence = Presence(config, (exchange.reply.name, *letters))
        self._config = {**_consumer_config(config), "error_cb": self._on_error}
        self.client = made(Client, self._config)
        forks.guard(self)
        self._thread = threading.Thread(target=self._run, name="learnflow-replies", daemon=True)

    @property
    def deaf(self) -> tuple[str, ...]:
        """Why dead-letter topics cannot be read: what is given up there is not heard."""
        reasons = (self._presence.gone(topic) or self._deaf.get(topic) for topic in self._letters)
        return tuple(why for why in reasons if why is not None)

    def start(self) -> None:
        """Begin to listen; returns at once."""
        self._presence.start()
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        if forks.is_forked(self):
            return
        self._stop.set()
        self._presence.stop()
        if self._thread.ident is not None:
            self._thread.join(_JOIN)
        self.client.close()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._come_around()
        except Exception as error:
            log.exception("the thread that reads replies broke")
            self.fault = SdkError(f"replies cannot be read any more: {type(error).__name__}")
            self._pending.close(self.fault)
        finally:
            self.listening.set()

    def _come_around(self) -> None:
        # In this order: a topic that is back was told as made anew before.
        gone = self._presence.gone(self._exchange.reply.name)
        if anew := self._presence.take_anew():
            self._start_over(anew)
        if gone is not None:
            self._hold_back(gone)
        elif time.monotonic() >= self._next_look:
            self._look()
        if not self._places:
            self.client.poll(0)  # it has things to say also while it reads nothing
            self._stop.wait(_AGAIN)
            return
        first = self.client.poll(_POLL)
        if first is None:
            return
        # Two calls: `consume` with a timeout would wait until the batch is full.
        for message in [first, *self.client.consume(_BATCH, 0)]:
            if message.error() is None:
                self._places[message.topic()][message.partition()] = message.offset() + 1
                self._take(message)
            else:
                self._on_error(message.error())

    # --- where to read ---

    def _look(self) -> None:
        """Listen to every partition there is; asks wait until that was done."""
        began = bool(self._places)
        self._next_look = time.monotonic() + _LOOK
        trouble: str | None = None
        try:
            self._listen(self._exchange.reply.name, began=began)
        except KafkaException as error:
            trouble = self._why(error.args[0], self._exchange.reply.name)
        if not self._places.get(self._exchange.reply.name):
            self._hold_back(trouble)
            return
        for topic in self._letters:
            try:
                self._listen(topic, began=began)
                self._deaf.pop(topic, None)
            except KafkaException as error:
                self._deaf[topic] = self._why(error.args[0], topic)
        self.trouble = None
        self.listening.set()

    def _hold_back(self, trouble: str | None) -> None:
        """Let no request leave until a look finds the reply topic."""
        self.trouble = trouble
        self.listening.clear()
        self._next_look = time.monotonic() + _AGAIN

    def _start_over(self, anew: frozenset[str]) -> None:
        """
        Read on with a new client: the old one holds on to what it knew of the old topics.

        The next look finds the partitions of the new ones. What the old client has read of those
        already is read again, and counted as repeated.
        """
        log.warning("replies: made anew, and read from its start: %s", ", ".join(sorted(anew)))
        self.client.close()
        self.client = made(Client, self._config)
        self._places |= {topic: {} for topic in anew}
        self._assign(self._places)
        self._next_look = 0.0

    @staticmethod
    def _why(error: Any, topic: str) -> str:
        if error.code() in _MISSING:
            return absent(topic)
        if error.code() == Code.TOPIC_AUTHORIZATION_FAILED:
            return f"topic {topic} may not be read; grant Read and Describe on it"
        return str(faults.request_error(error))

    def _listen(self, topic: str, *, began: bool) -> None:
        """
        Add a topic's partitions that are not listened to yet.

        The first time from their end, later from their start: those were not there before.
        """
        timeout = _GLANCE if began else _REQUEST
        metadata = self.client.list_topics(topic, timeout=timeout).topics[topic]
        if metadata.error is not None:
            raise KafkaException(metadata.error)
        known = self._places.get(topic, {})
        found = {
            number: 0 if began else self._end(topic, number)
            for number in metadata.partitions
            if number not in known
        }
        if found:
            self._assign({topic: found})
            self._places[topic] = known | found

    def _assign(self, places: Mapping[str, Mapping[int, int]]) -> None:
        self.client.incremental_assign(
            [
                TopicPartition(topic, number, offset)
                for topic, offsets in places.items()
                for number, offset in offsets.items()
            ]
        )

    def _end(self, topic: str, partition: int) -> int:
        place = TopicPartition(topic, partition)
        found = self.client.get_watermark_offsets(place, timeout=_REQUEST)
        end: int = found[1]
        return end

    # --- what comes ---

    def _take(self, message: Any) -> None:
        if message.topic() in self._letters:
            self._take_letter(message)
        else:
            self._take_reply(message)

    def _take_reply(self, message: Any) -> None:
        headers = message.headers()
        identity = _ask_id(headers)
        if identity is not None and not self._pending.awaits(identity, None):
            self._pending.reply(identity, None, Outcome())  # counted, and not worth decoding
            return
        decoded = self._replies.read(message.value(), headers)
        if not isinstance(decoded, Decoded):
            # Without an id it is nobody's; readers in groups have dead letters for it.
            self._pending.reply(identity, None, Outcome(error=decoded.error()))
            return
        field = _text(getattr(decoded.event, self._exchange.reply_field, None))
        self._pending.reply(identity, field, Outcome(reply=decoded.event))

    def _take_letter(self, message: Any) -> None:
        headers = message.headers()
        letter = parse(headers or ())
        if letter is None:
            return
        identity, field = _ask_id(headers), None
        if identity is None:
            decoded = self._requests.read(message.value(), headers)
            if not isinstance(decoded, Decoded):
                return
            field = _text(getattr(decoded.event, self._exchange.request_field, None))
        if not self._pending.awaits(identity, field):
            return
        failure, origin = letter.failure, letter.origin
        error = RemoteError(
            f"{origin.service or origin.group} could not answer: {failure.message}",
            kind=failure.error,
            reason=letter.reason,
            attempts=letter.attempts,
            service=origin.service,
            where=f"{origin.topic}[{origin.partition}]@{origin.offset}",
            fix=f"learnflow dlt list --topic {origin.topic}",
        )
        self._pending.reply(identity, field, Outcome(error=error))

    def _on_error(self, error: Any) -> None:
        # Of the group, which is never joined, nothing is news.
        log.debug("reading replies: %s", error.str())
        if not self._places:
            self.trouble = error.str()


def _ask_id(headers: Iterable[tuple[str, bytes | None]] | None) -> str | None:
    for name, value in headers or ():
        if name == ASK_ID and value is not None:
            return value.decode("utf-8", "replace")
    return None


def _text(value: object) -> str | None:
    return None if value is None else str(value)
