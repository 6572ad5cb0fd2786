"""
Which handler gets which event: a service's handlers against its contract.

Everything that can be wrong is found when the app starts, before a broker is asked.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from learnflow_kafka.core.catalog import Ordering, RetryMode
from learnflow_kafka.errors import ContractError
from learnflow_kafka.sdk.codec import Reader
from learnflow_kafka.sdk.contract import Topic, no_topic
from learnflow_kafka.sdk.observing import observed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from learnflow_kafka.sdk.contract import AnyTopic, Service, Subscription
    from learnflow_kafka.sdk.observing import Observer

Function: TypeAlias = "Callable[..., Any]"


@dataclass(frozen=True, slots=True)
class Handler:
    """
    A function for one class of events.

    `with_delivery`: it takes the delivery as its second argument. `deadline` in seconds, None:
    no limit.
    """

    function: Function
    with_delivery: bool
    is_async: bool
    deadline: float | None

    @property
    def name(self) -> str:
        """The function's name, for messages."""
        return name_of(self.function)


@dataclass(slots=True)
class Route:
    """One subscription with its reader and handlers; `ignored` classes are skipped."""

    subscription: Subscription
    service: str
    handlers: dict[type, Handler] = field(default_factory=dict)
    ignored: set[type] = field(default_factory=set)
    reader: Reader[Any] = field(init=False)

    def __post_init__(self) -> None:
        self.reader = Reader(self.subscription.topic)

    def observe(self, observers: Sequence[Observer]) -> None:
        """Have the observers look on while a handler runs."""
        if observers:
            self.handlers = {
                cls: observed(handler, observers) for cls, handler in self.handlers.items()
            }

    @property
    def is_async(self) -> bool:
        """Whether the handlers are async functions."""
        return any(handler.is_async for handler in self.handlers.values())

    @property
    def deadline(self) -> float | None:
        """The longest deadline of its handlers; None where one has none."""
        deadlines = [handler.deadline for handler in self.handlers.values()]
        return None if None in deadlines else max((d for d in deadlines if d), default=None)

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics to subscribe to: the declared one, and its retry topics."""
        return (self.subscription.topic.name, *self.subscription.retry_topics)


class Routes:
    """The handlers that were registered for one service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._routes: dict[tuple[str, str], Route] = {}

    def all(self) -> tuple[Route, ...]:
        """Every route."""
        return tuple(self._routes.values())

    def add(
        self,
        topic: AnyTopic,
        event: type | None,
        function: Function,
        *,
        group: str | None,
        deadline: float | None,
    ) -> None:
        """
        Register a handler for a topic's events of one class (None: its only class).

        Raises ContractError where the contract does not let the service read the topic, where
        the topic carries no such event, and for a second handler of the same.
        """
        route = self._route(topic, group)
        cls = self._event(topic, event)
        if cls in route.handlers:
            raise ContractError(
                f"{cls.__name__} from {topic.name!r} has a handler already: "
                f"{route.handlers[cls].name}",
                where=str(route.subscription.place),
            )
        handler = inspected(function, deadline)
        others = list(route.handlers.values())
        if others and others[0].is_async != handler.is_async:
            raise ContractError(
                f"the handlers of {topic.name!r} must be all plain or all async; "
                f"{handler.name} differs from {others[0].name}",
                where=str(route.subscription.place),
            )
        route.handlers[cls] = handler

    def ignore(self, topic: AnyTopic, event: type, *, group: str | None) -> None:
        """Skip a topic's events of one class."""
        self._route(topic, group).ignored.add(self._event(topic, event))

    def check(self) -> None:
        """Raise ContractError for what cannot work: unhandled classes, unordered retries."""
        if not self._routes:
            raise ContractError(
                f"service {self._service.name!r} has no handler",
                where=str(self._service.place),
                fix="register one with @app.on(TOPIC)",
            )
        for route in self._routes.values():
            _check_handled(route)
            _check_retries(route.subscription)

    def _route(self, topic: AnyTopic, group: str | None) -> Route:
        if not isinstance(topic, Topic):
            raise no_topic(topic, where=self._service.place)
        subscription = self._service.consuming(topic, group)
        key = (topic.name, subscription.group)
        return self._routes.setdefault(key, Route(subscription, self._service.name))

    def _event(self, topic: AnyTopic, event: type | None) -> type:
        if event is None and len(topic.classes) == 1:
            only: type = topic.classes[0]
            return only
        if event in topic.classes:
            return event
        raise _no_event(topic, event)


def _no_event(topic: AnyTopic, given: object) -> ContractError:
    known = ", ".join(cls.__name__ for cls in topic.classes)
    fix = None
    if given is None:
        carried = "several classes; name one"
    elif isinstance(given, type):
        carried = f"no {given.__name__}"
    else:
        carried = f"classes of events, and {given!r} is of type {type(given).__name__}"
        fix = f"give the class itself: {topic.classes[0].__name__}, not its name"
    return ContractError(
        f"{topic.name!r} carries {carried}: {known}", where=str(topic.place), fix=fix
    )


def inspected(function: Function, deadline: float | None) -> Handler:
    """
    What a function is as a handler.

    Raises ContractError for one that takes neither an event nor an event and its delivery, and
    for one that yields: calling it runs nothing of it.
    """
    is_async = any(map(inspect.iscoroutinefunction, _faces(function)))
    if not is_async and any(map(_yields, _faces(function))):
        raise ContractError(
            f"{function!r} yields, so calling it runs nothing of it; a handler returns",
            fix="take the yield out of the handler",
        )
    parameters = [
        p
        for p in inspect.signature(function).parameters.values()
        if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD} and p.default is p.empty
    ]
    if len(parameters) not in {1, 2}:
        raise ContractError(
            f"a handler takes an event, or an event and its delivery; {function!r} takes "
            f"{len(parameters)} arguments"
        )
    if is_async and not inspect.iscoroutinefunction(function):
        function = _awaiting(function)
    return Handler(function, len(parameters) == 2, is_async, deadline)  # noqa: PLR2004


def _awaiting(function: Function) -> Function:
    """A plain wrapper of an async function as an async one; it may return without a call too."""

    async def awaiting(*arguments: Any) -> Any:
        result = function(*arguments)
        return await result if inspect.isawaitable(result) else result

    awaiting.__qualname__ = name_of(function)
    return awaiting


def name_of(function: Function) -> str:
    """A function's name, for messages."""
    return getattr(function, "__qualname__", repr(function))


def _yields(function: Function) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _faces(function: Function) -> tuple[Function, ...]:
    """What tells how a call behaves: the function, an object's `__call__`, what they wrap."""
    call = getattr(function, "__call__", function)  # noqa: B004 - an object with an async __call__
    return function, call, inspect.unwrap(function), inspect.unwrap(call)


def _check_handled(route: Route) -> None:
    topic = route.subscription.topic
    known = route.handlers.keys() | route.ignored
    left = [cls.__name__ for cls in topic.classes if cls not in known]
    if left:
        raise ContractError(
            f"{topic.name!r} carries events without a handler: {', '.join(left)}",
            where=str(route.subscription.place),
            fix="register a handler for each, or say app.ignore(TOPIC, Event)",
        )


def _check_retries(subscription: Subscription) -> None:
    topic, retries = subscription.topic, subscription.retries
    if retries.mode is not RetryMode.TOPICS:
        return
    if topic.ordering is Ordering.KEY:
        raise ContractError(
            f"{topic.name!r} is ordered by key, and retries through topics break the order",
            where=str(subscription.place),
            fix="set the subscription's retries.mode to blocking",
        )
    if len(subscription.retry_topics) < retries.attempts:
        raise ContractError(
            f"{topic.name!r} has {len(subscription.retry_topics)} retry topics for "
            f"{retries.attempts} retries",
            where=str(subscription.place),
            fix="run `learnflow codegen`",
        )
