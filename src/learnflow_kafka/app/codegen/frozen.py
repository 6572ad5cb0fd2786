"""The catalog's topics, services and exchanges as source of the SDK's contract."""

from __future__ import annotations

import hashlib
from pathlib import PurePath
from typing import TYPE_CHECKING
from urllib.parse import quote

from learnflow_kafka.app.codegen.scalars import source
from learnflow_kafka.app.codegen.source import Call, Node, Row
from learnflow_kafka.app.codegen.spelling import constant_name, field_name
from learnflow_kafka.core.catalog import RetryMode
from learnflow_kafka.core.events.schemas import canonical
from learnflow_kafka.core.names import dead_letter_topic, retry_topic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import Enum

    from learnflow_kafka.app.codegen.shapes import EventShape
    from learnflow_kafka.core.catalog import (
        Catalog,
        Place,
        Reply,
        Retries,
        Service,
        Subscription,
        Topic,
    )


class Freezer:
    """Writes one catalog's contract; `shapes` are its events' classes by the event's name."""

    def __init__(self, catalog: Catalog, shapes: Mapping[str, EventShape]) -> None:
        self._catalog = catalog
        self._shapes = shapes
        folders = [PurePath(file).parent.parts for file in catalog.files]
        self._shared = _shared(folders)

    def carried(self, topic: Topic) -> str:
        """The source of the type of a topic's events."""
        return " | ".join(self._shapes[name].own.name for name in topic.events) or "object"

    def topic(self, topic: Topic) -> Call:
        """The source of a topic."""
        return Call(
            f"Topic[{self.carried(topic)}]",
            (
                ("name", source(topic.name)),
                ("events", Row(tuple(self._event(name) for name in topic.events))),
                ("partitions", str(topic.partitions)),
                ("key", source(field_name(topic.key)) if topic.key else "None"),
                ("partitioner", _member(topic.partitioner)),
                ("ordering", _member(topic.ordering)),
                ("envelope", _member(topic.envelope)),
                ("max_record_bytes", str(topic.max_record_bytes)),
                ("place", self._place(topic.place)),
            ),
        )

    def exchange(self, topic: Topic, reply: Reply) -> Call:
        """The source of the exchange that begins on a topic."""
        paired = source(field_name(reply.correlate))
        return Call(
            "Exchange",
            (
                ("request", constant_name(topic.name)),
                ("reply", constant_name(reply.topic)),
                ("request_field", paired),
                ("reply_field", paired),
                ("place", self._place(reply.place)),
            ),
        )

    def contract(self) -> Node:
        """The contract itself, over the constants of topics and exchanges."""
        topics = self._catalog.topics.values()
        return Call(
            "Contract.of",
            (
                ("name", source(self._catalog.name)),
                ("digest", source(self.digest())),
                ("topics", Row(tuple(constant_name(t.name) for t in topics))),
                ("services", Row(tuple(map(self._service, self._catalog.services.values())))),
                ("exchanges", Row(tuple(exchange_name(t.name) for t in topics if t.reply))),
            ),
        )

    def digest(self) -> str:
        """`sha256:` of all that is frozen, but for the places in the files."""
        topics = {
            t.name: [
                t.events,
                t.partitions,
                t.key,
                t.partitioner,
                t.ordering,
                t.envelope,
                t.max_record_bytes,
                [t.reply.topic, t.reply.correlate] if t.reply else None,
            ]
            for t in self._catalog.topics.values()
        }
        services = {
            s.name: [s.produces, [_plain(c) for c in s.consumes]]
            for s in self._catalog.services.values()
        }
        events = {name: [s.version, s.digest] for name, s in self._shapes.items()}
        text = canonical([self._catalog.name, topics, services, events])
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"

    def _event(self, name: str) -> Node:
        shape = self._shapes[name]
        uri = ":".join(quote(part, safe=".-_") for part in (self._catalog.name, name))
        return Call(
            "EventType",
            (
                ("name", source(name)),
                ("cls", shape.own.name),
                ("version", str(shape.version)),
                ("digest", source(shape.digest)),
                ("schema_uri", source(f"urn:event:{uri}:{shape.version}")),
                ("place", self._place(self._catalog.events[name].place)),
            ),
        )

    def _service(self, service: Service) -> Node:
        path = "/".join(quote(part, safe=".-_") for part in (self._catalog.name, service.name))
        return Call(
            "Service",
            (
                ("name", source(service.name)),
                ("source", source(f"/{path}")),
                ("produces", Row(tuple(map(constant_name, service.produces)))),
                ("consumes", Row(tuple(map(self._subscription, service.consumes)))),
                ("place", self._place(service.place)),
            ),
        )

    def _subscription(self, read: Subscription) -> Node:
        retries = read.retries
        steps = range(1, retries.attempts + 1) if retries.mode is RetryMode.TOPICS else ()
        dead = dead_letter_topic(read.topic, read.group)
        return Call(
            "Subscription",
            (
                ("topic", constant_name(read.topic)),
                ("group", source(read.group)),
                ("start", _member(read.start)),
                ("concurrency", str(read.concurrency)),
                ("retries", _retries(retries)),
                (
                    "retry_topics",
                    Row(tuple(source(retry_topic(read.topic, read.group, n)) for n in steps)),
                ),
                ("dead_letter_topic", source(dead) if read.dead_letter else "None"),
                ("isolation", _member(read.isolation)),
                *([("delivery", _member(read.delivery))] if read.exactly_once else []),
                ("place", self._place(read.place)),
            ),
        )

    def _place(self, place: Place) -> Node:
        """The line in the catalog, without folders that differ between machines."""
        parts = PurePath(place.file).parts
        inside = parts[len(self._shared) :] if parts[: len(self._shared)] == self._shared else parts
        return f"Place({source(PurePath(*inside).as_posix())}, {place.line})"


def exchange_name(topic: str) -> str:
    """The constant of the exchange that begins on a topic."""
    return f"{constant_name(topic)}_EXCHANGE"


def _shared(folders: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The folders that all files lie in."""
    shared: list[str] = []
    for level in zip(*folders, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return tuple(shared)


def _member(value: Enum) -> str:
    return f"{type(value).__name__}.{value.name}"


def _retries(retries: Retries) -> Node:
    return Call(
        "Retries",
        (
            ("attempts", str(retries.attempts)),
            ("backoff_ms", str(retries.backoff_ms)),
            ("factor", str(float(retries.factor))),
            ("max_backoff_ms", str(retries.max_backoff_ms)),
            ("mode", _member(retries.mode)),
        ),
    )


def _plain(read: Subscription) -> list[object]:
    retries = read.retries
    return [
        read.topic,
        read.group,
        read.start,
        read.concurrency,
        [retries.attempts, retries.backoff_ms, retries.factor],
        [retries.max_backoff_ms, retries.mode],
        read.dead_letter,
        read.isolation,
        # Only where it differs: the digests of contracts that never heard of it stay as they were.
        *([read.delivery] if read.exactly_once else []),
    ]
