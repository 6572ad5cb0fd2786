"""
Which reply belongs to whom: requests that wait, and those that waited once.

Many clients share one reply topic, so most of what comes is for others. A reply from a responder
of ours carries the request's id in a header, which no two requests share; any other is
recognised by the field that the catalog names.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar

from learnflow_kafka.errors import EventError

if TYPE_CHECKING:
    from collections.abc import Callable

    from learnflow_kafka.errors import SdkError

R = TypeVar("R")

ASK_ID: Final = "ask-id"
"""The header that names a request; replies of our own responders repeat it."""
_REMEMBERED: Final = 10_000
"""So many ended requests are remembered, to tell late and repeated replies from foreign ones."""


class Fit(Enum):
    """What a reply turned out to be."""

    ANSWER = auto()
    LATE = auto()
    """Its request had timed out."""
    REPEATED = auto()
    """Its request was answered before."""
    FOREIGN = auto()
    """It is for somebody else."""


@dataclass(frozen=True, slots=True)
class AskCounts:
    """
    How asks went so far.

    `pending` now; `answered`, `failed` (refused by the remote side, or never sent), `timed_out`;
    `late` replies came after their timeout, `repeated` ones after another reply.
    """

    pending: int = 0
    answered: int = 0
    failed: int = 0
    timed_out: int = 0
    late: int = 0
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class Outcome(Generic[R]):
    """How a request ended: with a reply, or with an error."""

    reply: R | None = None
    error: SdkError | None = None


Tell: TypeAlias = "Callable[[Outcome[R]], object]"


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[R]):
    id: str
    field: str
    tell: Tell[R]


class Pending(Generic[R]):
    """The requests of one client; any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_id: dict[str, _Waiting[R]] = {}
        self._by_field: dict[str, _Waiting[R]] = {}
        self._ended: dict[str, Fit] = {}
        self._closed: SdkError | None = None
        self._answered = self._failed = self._timed_out = self._late = self._repeated = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def counts(self) -> AskCounts:
        """The numbers so far."""
        with self._lock:
            return AskCounts(
                len(self._by_id), self._answered, self._failed, self._timed_out,
                self._late, self._repeated,
            )  # fmt: skip

    def open(self, identity: str, field: str, tell: Tell[R]) -> None:
        """
        Wait for the reply to a request; `tell` is called once, from some thread.

        Raises EventError where a request with the same field waits already (a reply could be
        either's), and the reason after `close`.
        """
        waiting = _Waiting(identity, field, tell)
        with self._lock:
            if self._closed is not None:
                raise self._closed
            if field in self._by_field:
                raise EventError(
                    f"a request with {field!r} in its correlating field waits for a reply already",
                    fix="give every request an id of its own",
                )
            self._by_id[identity] = self._by_field[field] = waiting
            self._ended.pop(_of_field(field), None)

    def reply(self, identity: str | None, field: str | None, outcome: Outcome[R]) -> Fit:
        """Hand in a reply by the header's id or, where it has none, by its field."""
        with self._lock:
            if identity is not None:
                waiting, key = self._by_id.get(identity), _of_id(identity)
            elif field is not None:
                waiting, key = self._by_field.get(field), _of_field(field)
            else:
                return Fit.FOREIGN
            if waiting is None:
                return self._count_ended(key)
            self._end(waiting, Fit.REPEATED)
            self._answered += outcome.error is None
            self._failed += outcome.error is not None
        waiting.tell(outcome)
        return Fit.ANSWER

    def awaits(self, identity: str | None, field: str | None) -> bool:
        """Whether a reply so named would answer a request that waits."""
        return identity in self._by_id if identity is not None else field in self._by_field

    def give_up(self, identity: str) -> bool:
        """Stop waiting, its time is up; False where the request has ended meanwhile."""
        with self._lock:
            waiting = self._by_id.get(identity)
            if waiting is None:
                return False
            self._end(waiting, Fit.LATE)
            self._timed_out += 1
            return True

    def fail(self, identity: str, error: SdkError) -> None:
        """End a request that could not be sent."""
        with self._lock:
            waiting = self._by_id.get(identity)
            if waiting is None:
                return
            self._end(waiting, Fit.LATE)
            self._failed += 1
        waiting.tell(Outcome(error=error))

    def abandon(self, identity: str) -> None:
        """Stop waiting because the caller does not want to any more."""
        with self._lock:
            waiting = self._by_id.get(identity)
            if waiting is not None:
                self._end(waiting, Fit.LATE)
                self._failed += 1

    def close(self, error: SdkError) -> None:
        """End every request with an error, and let none be opened any more."""
        with self._lock:
            self._closed = self._closed or error
            waiting = list(self._by_id.values())
            for one in waiting:
                self._end(one, Fit.LATE)
            self._failed += len(waiting)
        for one in waiting:
            one.tell(Outcome(error=error))

    def _end(self, waiting: _Waiting[R], fit: Fit) -> None:
        del self._by_id[waiting.id]
        del self._by_field[waiting.field]
        for key in (_of_id(waiting.id), _of_field(waiting.field)):
            self._ended.pop(key, None)  # the newest stand last
            self._ended[key] = fit
        while len(self._ended) > 2 * _REMEMBERED:
            del self._ended[next(iter(self._ended))]

    def _count_ended(self, key: str) -> Fit:
        fit = self._ended.get(key, Fit.FOREIGN)
        self._late += fit is Fit.LATE
        self._repeated += fit is Fit.REPEATED
        return fit


def _of_id(identity: str) -> str:
    return f"id:{identity}"


def _of_field(field: str) -> str:
    return f"field:{field}"
