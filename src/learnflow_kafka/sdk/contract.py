"""
What a service may do, frozen from the catalog by `learnflow codegen`.

Plain values that need neither YAML nor the catalog: topics with their event classes, services
with the topics that they write and read, and the pairs of topics that make a request and its
reply. Every value knows the line of the catalog that declared it, for messages. The
vocabulary is the catalog's own (`core.catalog`).

A `Topic` is generic and invariant in its event class (a union where it carries several), so
that a function `send(topic: Topic[E], event: E)` makes the wrong class an error of types.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from learnflow_kafka.core.catalog import (
    NOWHERE,
    Envelope,
    Guarantee,
    Isolation,
    Ordering,
    Partitioner,
    Place,
    Retries,
    RetryMode,
    Start,
)
from learnflow_kafka.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "NOWHERE",
    "AnyTopic",
    "Contract",
    "Envelope",
    "EventType",
    "Exchange",
    "Guarantee",
    "Isolation",
    "Ordering",
    "Partitioner",
    "Place",
    "Retries",
    "RetryMode",
    "Service",
    "Start",
    "Subscription",
    "Topic",
]

# Generic values have no slots: in Python 3.11, `Topic[E](...)` on a frozen one with slots is a
# TypeError (typing wants to note the parameter, and the generated __setattr__ refuses badly).
E = TypeVar("E")
E_co = TypeVar("E_co", covariant=True)
Q = TypeVar("Q")
R = TypeVar("R")


@dataclass(frozen=True)
class EventType(Generic[E_co]):
    """
    One kind of event: its name on the wire, its class, and the version the class was made of.

    `digest` is the schema's, as in the catalog's lock; `schema_uri` names kind and version in
    the envelope (`dataschema`).
    """

    name: str
    cls: type[E_co]
    version: int = 1
    digest: str = ""
    schema_uri: str | None = None
    place: Place = NOWHERE


@dataclass(frozen=True)
class Topic(Generic[E]):
    """
    One topic and what travels in it.

    `key` is the event's attribute whose value is the record's key (None: records without a
    key), as the class spells it. `partitions` is the declared number; an environment may have
    another. `ordering` KEY: readers rely on the order within a key.
    """

    name: str
    events: tuple[EventType[E], ...]
    partitions: int = 1
    key: str | None = None
    partitioner: Partitioner = Partitioner.MURMUR2_RANDOM
    ordering: Ordering = Ordering.NONE
    envelope: Envelope = Envelope.NONE
    max_record_bytes: int | None = None
    place: Place = NOWHERE

    def __hash__(self) -> int:
        # Topics are keys of dicts on hot paths; hashing every field would cost microseconds.
        return hash(self.name)

    @property
    def classes(self) -> tuple[type[E], ...]:
        """The event classes of this topic."""
        return tuple(event.cls for event in self.events)


AnyTopic: TypeAlias = Topic[Any]
"""A topic of some event class; collections of topics hold several, so none can be named."""


@dataclass(frozen=True)
class Exchange(Generic[Q, R]):
    """
    Requests on one topic that are answered on another.

    `request_field` and `reply_field` are the attributes of the two classes that carry the same
    value: it says which request a reply belongs to.
    """

    request: Topic[Q]
    reply: Topic[R]
    request_field: str
    reply_field: str
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Subscription:
    """
    One service reading one topic in one group.

    `retry_topics` holds a topic for each retry where they go through topics, else nothing;
    `dead_letter_topic` None: a failing event has nowhere to go.
    """

    topic: AnyTopic
    group: str
    start: Start = Start.EARLIEST
    concurrency: int = 1
    retries: Retries = field(default_factory=Retries)
    retry_topics: tuple[str, ...] = ()
    dead_letter_topic: str | None = None
    isolation: Isolation = Isolation.READ_COMMITTED
    delivery: Guarantee = Guarantee.AT_LEAST_ONCE
    place: Place = NOWHERE

    @property
    def exactly_once(self) -> bool:
        """Whether what is written for an event, and its offset, are one transaction."""
        return self.delivery is Guarantee.EXACTLY_ONCE


@dataclass(frozen=True, slots=True)
class Service:
    """One service; `source` is how its events name it in their envelope (a URI reference)."""

    name: str
    source: str
    produces: tuple[AnyTopic, ...] = ()
    consumes: tuple[Subscription, ...] = ()
    place: Place = NOWHERE

    def producing(self, topic: AnyTopic) -> None:
        """
        Return if the catalog lets this service write to the topic.

        Raises ContractError, with the catalog's line, where it does not.
        """
        if not isinstance(topic, Topic):
            raise no_topic(topic, where=self.place)
        if not any(mine.name == topic.name for mine in self.produces):
            allowed = ", ".join(mine.name for mine in self.produces) or "nothing"
            raise ContractError(
                f"service {self.name!r} does not produce {topic.name!r}; it produces {allowed}",
                where=str(self.place),
                fix=f"add {topic.name} to services.{self.name}.produces, "
                "then run `learnflow codegen`",
            )

    def consuming(self, topic: AnyTopic, group: str | None = None) -> Subscription:
        """
        The subscription to a topic; `group` chooses where the service has several.

        Raises ContractError, with the catalog's line, where there is none or no single one.
        """
        found = [
            s
            for s in self.consumes
            if s.topic.name == topic.name and (group is None or s.group == group)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            groups = ", ".join(s.group for s in found)
            what = f"reads {topic.name!r} in several groups ({groups}): name one"
        else:
            what = self._unread(topic, f" in group {group!r}" if group else "")
        raise self._refusal(what)

    def reading(self, topic: AnyTopic) -> None:
        """
        Return if the catalog lets this service read the topic, in whatever group.

        Raises ContractError, with the catalog's line, where it does not.
        """
        if not any(s.topic.name == topic.name for s in self.consumes):
            raise self._refusal(self._unread(topic, ""))

    def _unread(self, topic: AnyTopic, suffix: str) -> str:
        allowed = ", ".join(s.topic.name for s in self.consumes) or "nothing"
        return f"does not consume {topic.name!r}{suffix}; it consumes {allowed}"

    def _refusal(self, what: str) -> ContractError:
        return ContractError(
            f"service {self.name!r} {what}",
            where=str(self.place),
            fix=f"see services.{self.name}.consumes; after a change run `learnflow codegen`",
        )


@dataclass(frozen=True, slots=True)
class Contract:
    """
    A catalog's topics, events, services and exchanges, by name.

    `digest` is of what was frozen: two contracts with one digest allow the same.
    """

    name: str
    digest: str
    topics: Mapping[str, AnyTopic] = field(default_factory=dict)
    services: Mapping[str, Service] = field(default_factory=dict)
    exchanges: tuple[Exchange[Any, Any], ...] = ()

    @classmethod
    def of(
        cls,
        name: str,
        digest: str,
        *,
        topics: Iterable[AnyTopic] = (),
        services: Iterable[Service] = (),
        exchanges: Iterable[Exchange[Any, Any]] = (),
    ) -> Contract:
        """A contract of these values; what generated modules call."""
        return cls(
            name,
            digest,
            topics={topic.name: topic for topic in topics},
            services={service.name: service for service in services},
            exchanges=tuple(exchanges),
        )

    def topic(self, name: str) -> AnyTopic:
        """The topic of that name. Raises ContractError where the catalog declares none."""
        return _named("topic", name, self.topics, self.name)

    def service(self, name: str) -> Service:
        """The service of that name. Raises ContractError where the catalog declares none."""
        return _named("service", name, self.services, self.name)

    def carrying(self, cls: type[object]) -> tuple[AnyTopic, ...]:
        """The topics that carry events of a class."""
        return tuple(t for t in self.topics.values() if cls in t.classes)


T = TypeVar("T")


def no_topic(given: object, *, where: Place | None = None) -> ContractError:
    """What is said to who gives something else for a topic; `where` is a line of the catalog."""
    return ContractError(
        f"{given!r} is of type {type(given).__name__} and no topic",
        where=None if where is None else str(where),
        fix="give the topic itself, as the contract's module has it: LEARNING_QUERY, not its name",
    )


def exchange_of(given: Exchange[Q, R], *, where: Place | None = None) -> Exchange[Q, R]:
    """
    The exchange that was given.

    Raises ContractError where it is something else, such as a name or a topic.
    """
    if isinstance(given, Exchange):
        return given
    raise ContractError(
        f"{given!r} is of type {type(given).__name__} and no exchange",
        where=None if where is None else str(where),
        fix="give the exchange itself, as the contract's module has it: LEARNING_QUERY_EXCHANGE",
    )


def _named(kind: str, name: str, known: Mapping[str, T], catalog: str) -> T:
    found = known.get(name)
    if found is not None:
        return found
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? It has" if near else "it has"
    raise ContractError(
        f"the catalog {catalog!r} declares no {kind} {name!r}; {hint} {', '.join(known) or 'none'}",
        fix=f"declare the {kind} in the catalog, then run `learnflow codegen`",
    )
