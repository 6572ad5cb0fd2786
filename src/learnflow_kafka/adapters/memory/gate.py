"""The border that every request crosses: it is written down, allowed or not, and may fail."""

from __future__ import annotations

from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

from learnflow_kafka.core.requests import Sent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Right(StrEnum):
    """What a client may do to topics; `ALL` of them unless told otherwise."""

    DESCRIBE = "Describe"
    DESCRIBE_CONFIGS = "DescribeConfigs"
    CREATE = "Create"
    ALTER = "Alter"
    ALTER_CONFIGS = "AlterConfigs"
    DELETE = "Delete"
    READ = "Read"
    WRITE = "Write"


class Moment(StrEnum):
    """Before a request takes effect, or after it did and before its answer arrives."""

    BEFORE = "before"
    AFTER = "after"


class Gate:
    """
    The log of requests and the hooks around them.

    A hook is called with each request before and after it takes effect; what it raises is
    what the caller gets, so it can play a dead network, a kill, or another client that
    changes something in between.
    """

    def __init__(self, rights: frozenset[Right]) -> None:
        self.requests: list[Sent] = []
        self.hooks: list[Callable[[Sent, Moment], None]] = []
        self.rights = rights

    def may(self, right: Right) -> bool:
        """Whether the client has the right."""
        return right in self.rights

    @contextmanager
    def sending(self, api: str, items: Iterable[str], *, mutating: bool = False) -> Iterator[None]:
        """Write the request down and give hooks their chance on both sides of it."""
        sent = Sent(api, mutating, tuple(items))
        self.requests.append(sent)
        for hook in list(self.hooks):
            hook(sent, Moment.BEFORE)
        yield
        for hook in list(self.hooks):
            hook(sent, Moment.AFTER)

    def fail(self, nth: int, error: BaseException, *, moment: Moment, mutating_only: bool) -> None:
        """Let the nth matching request from now on (from 1) raise `error`, once."""
        left = nth

        def hook(sent: Sent, now: Moment) -> None:
            nonlocal left
            if now is not moment or (mutating_only and not sent.mutating):
                return
            left -= 1
            if left == 0:
                self.hooks.remove(hook)
                raise error

        self.hooks.append(hook)
