"""One partition while it is assigned to this process."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from learnflow_kafka.sdk.outputs import Outputs
from learnflow_kafka.sdk.watermark import Watermark

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from learnflow_kafka.sdk.failures import Forward
    from learnflow_kafka.sdk.routes import Route


class Assigned:
    """
    A partition from its assignment to its revocation.

    A partition that comes back is a new value, so that what still runs for the old one can
    never finish an event of the new. The poll thread owns it; workers only append to
    `completed`, count `running`, and keep `attempts` and `letters` of the lane that they work on.
    """

    __slots__ = (
        "attempts", "bytes", "committed", "completed", "end", "is_retry", "lane", "letters",
        "outputs", "partition", "paused", "progressed", "revoked", "route", "running", "topic",
        "watermark",
    )  # fmt: skip

    def __init__(self, topic: str, partition: int, route: Route) -> None:
        self.topic = topic
        self.partition = partition
        self.route = route
        self.is_retry = topic != route.subscription.topic.name
        self.lane = Lane(self)
        """The lane of records that are handled one after the other."""
        self.watermark = Watermark()
        self.completed: deque[Any] = deque()
        self.attempts: dict[int, int] = {}
        """Failed tries by offset."""
        self.letters: dict[int, Forward] = {}
        """What must be written before an offset is finished, where writing failed."""
        self.outputs = Outputs()
        """What is written together with offsets, where the subscription says so."""
        self.bytes = 0
        self.running = 0
        self.revoked = False
        self.paused = False
        self.committed: int | None = None
        self.end: int | None = None
        self.progressed = time.monotonic()

    def deliver(self, messages: Sequence[Any]) -> None:
        """Take note of records that go to the workers."""
        if not self.watermark:
            self.progressed = time.monotonic()  # idle until now: the wait begins here
        self.watermark.deliver([message.offset() for message in messages])
        self.bytes += sum(map(len, messages))

    def collect(self) -> None:
        """Move the watermark by what workers completed meanwhile."""
        completed = self.completed
        if not completed:
            return
        self.progressed = time.monotonic()
        messages = [completed.popleft() for _ in range(len(completed))]
        self.watermark.finish([message.offset() for message in messages])
        self.bytes -= sum(map(len, messages))

    @property
    def uncommitted(self) -> int | None:
        """The position to commit; None where it is committed."""
        position = self.watermark.position
        return None if position == self.committed else position


class Lane(NamedTuple):
    """What is handled in order: a partition, or one key of it."""

    assigned: Assigned
    key: Hashable = None
