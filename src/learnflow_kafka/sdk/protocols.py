"""
Which group protocol a cluster offers, asked once before the first consumer is made.

librdkafka picks no protocol by itself, and says nothing where a broker lacks the one that it was
given: it asks for a coordinator for ever. Nor does it tell what brokers offer, except in its
debug lines, which name each request with its versions; those are read here, by a client that
lives for one question. A line that does not come means the classic protocol, which all have.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import KafkaException, Producer

from learnflow_kafka.sdk._clients import made
from learnflow_kafka.sdk.settings import GroupProtocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from learnflow_kafka.sdk.settings import Settings

_OFFER: Final = re.compile(r"ApiKey ConsumerGroupHeartbeat \(68\) Versions \d+\.\.(\d+)")
_FINISHED: Final = 1
"""The request's first version of Kafka 4.0; 3.x brokers have an unfinished version 0."""
_CLASSIC_ONLY: Final = (
    "group.protocol.type",
    "heartbeat.interval.ms",
    "session.timeout.ms",
)


def without_asking(settings: Settings) -> GroupProtocol | None:
    """
    The protocol that the settings name, or that follows from them; None: ask the cluster.

    Settings that only the classic protocol knows mean that one. So does a static member: under
    the other, the successor of a killed one has to wait for the session timeout.
    """
    if settings.group_protocol is not GroupProtocol.AUTO:
        return settings.group_protocol
    if settings.group_instance is not None or any(n in settings.extra for n in _CLASSIC_ONLY):
        return GroupProtocol.CLASSIC
    return None


def offered(config: Mapping[str, str | float | bool], timeout: float) -> GroupProtocol | None:
    """The newest protocol that the cluster offers; None: no broker answered within `timeout`."""
    lines = _Lines()
    asking: dict[str, Any] = {**config, "debug": "feature"}
    client = made(Producer, asking, lines)
    try:
        client.list_topics(timeout=timeout)
    except KafkaException:
        return None
    finally:
        client.poll(0)  # serves the lines
        client.close()
    offers = [int(found[1]) for line in lines if (found := _OFFER.search(line))]
    if offers and min(offers) >= _FINISHED:
        return GroupProtocol.CONSUMER
    return GroupProtocol.CLASSIC


class _Lines(list[str]):
    """A logger, as the client wants it, that keeps what it is told."""

    def log(self, _: int, message: str, *arguments: object) -> None:
        """Keep a line."""
        self.append(message % arguments)
