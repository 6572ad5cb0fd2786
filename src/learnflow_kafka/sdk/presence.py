"""
Whether the topics that a program reads are there, and are still the same.

A consumer does not tell. Under KIP-848 a topic that does not exist is a share of nothing, without
an error. And librdkafka (2.16, its issue 4898) keeps what it knew of a topic that was deleted and
made anew under the same name: once the old one had seen a new leader, it takes the new topic's
leaders for outdated and never reads it again. So the topics' ids are asked for in intervals, by a
client of its own: a consumer's belongs to the thread that polls it, which must not wait.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import TimeoutError as LateError
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import KafkaError as Code
from confluent_kafka import KafkaException, TopicCollection

from learnflow_kafka.sdk import forks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from learnflow_kafka.errors import SdkError

log: Final = logging.getLogger("learnflow_kafka.sdk")

_FIRST: Final = 0.5
"""Seconds until the first look: starting has the processor for itself."""
_EVERY: Final = 3.0
_PATIENCE: Final = 3.0
"""Seconds that an answer may take; without one, what was known stays."""
_ENOUGH: Final = 3
"""
So many looks in a row without any answer, and a new client takes over: one that was told of no
broker (librdkafka's issue 5301) asks none any more, or only after minutes.
"""
_SILENT: Final = {"log_level": 0}
"""What it cannot reach, the consumer reports."""


class Presence:
    """Looks after topics, on a thread of its own, from `start` to `stop`."""

    def __init__(self, config: Mapping[str, Any], topics: Iterable[str]) -> None:
        """`config`: how to connect."""
        self._config = dict(config)
        self._topics = sorted(topics)
        self._ids: dict[str, str] = {}
        self._anew: set[str] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._unheard = 0
        self.looked = False
        """Whether it was asked for the topics once, with an answer or without."""
        self.missing: Mapping[str, str] = {}
        """What is wrong with topics, in words; those that are there are not in it."""
        self.client: Any = None
        self.fault: SdkError | None = None
        self._thread = threading.Thread(target=self._run, name="learnflow-topics", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; the thread ends with the question that it waits for."""
        self._stop.set()

    def has(self, topic: str) -> bool:
        """Whether a topic is known to be there."""
        return topic in self._ids and topic not in self.missing

    def gone(self, topic: str) -> str | None:
        """That a topic which was there is no more, in words; else None."""
        return self.missing.get(topic) if topic in self._ids else None

    def take_anew(self) -> frozenset[str]:
        """Topics that were deleted and made anew since the last call."""
        with self._lock:
            anew, self._anew = frozenset(self._anew), set()
        return anew

    def _run(self) -> None:
        wait = _FIRST
        while not self._stop.wait(wait):
            wait = _EVERY
            self._look()
            self.looked = True

    def _look(self) -> None:
        try:
            answers = self._ask()
        except KafkaException as error:
            log.debug("topics were not looked up: %s", error)
            return
        missing, heard = dict(self.missing), False
        for topic, answer in answers.items():
            try:
                found = answer.result(_PATIENCE + 1)
            except (KafkaException, LateError) as error:
                heard = heard or _code(error) > 0
                if _code(error) == Code.UNKNOWN_TOPIC_OR_PART:
                    missing[topic] = absent(topic)
            else:
                heard = True
                missing.pop(topic, None)
                self._compare(topic, str(found.topic_id))
        self.missing = missing
        self._unheard = 0 if heard else self._unheard + 1
        if self._unheard >= _ENOUGH:
            self.client, self._unheard = None, 0

    def _ask(self) -> dict[str, Any]:
        if self.client is None:
            from confluent_kafka.admin import AdminClient  # noqa: PLC0415 - not while starting

            self.client = AdminClient({**self._config, **_SILENT})
            forks.guard(self)
        topics = TopicCollection(self._topics)
        asked: dict[str, Any] = self.client.describe_topics(topics, request_timeout=_PATIENCE)
        return asked

    def _compare(self, topic: str, found: str) -> None:
        known = self._ids.setdefault(topic, found)
        if known != found:
            self._ids[topic] = found
            with self._lock:
                self._anew.add(topic)


def absent(topic: str) -> str:
    """That a topic does not exist, in words."""
    return f"topic {topic} does not exist; run `learnflow apply`"


def _code(error: Exception) -> int:
    """A broker's code, which is above 0; else it is the client's."""
    return int(error.args[0].code()) if isinstance(error, KafkaException) else Code._TIMED_OUT  # noqa: SLF001
