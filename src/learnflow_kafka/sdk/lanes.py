"""
Which event may be handled next.

Items of one lane are handled one after the other, in the order in which they came; lanes go on
beside each other. A lane is a partition, or a key of a partition where a service handles keys
concurrently. Pure: time is an argument, and one thread (or one lock) owns it.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

L = TypeVar("L", bound="Hashable")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Turn(Generic[L, T]):
    """Items of one lane, in order, for one worker; the lane waits until it is released."""

    lane: L
    items: Sequence[T]


class _Lane(Generic[T]):
    __slots__ = ("busy", "items", "parked")

    def __init__(self) -> None:
        self.items: deque[T] = deque()
        self.busy = False
        self.parked = False


class Lanes(Generic[L, T]):
    """Queues of items by lane, and the order in which lanes get their turn."""

    __slots__ = ("_lanes", "_parked", "_ready", "_sequence", "_size")

    def __init__(self) -> None:
        self._lanes: dict[L, _Lane[T]] = {}
        self._ready: deque[L] = deque()
        self._parked: list[tuple[float, int, L, _Lane[T]]] = []
        self._sequence = 0
        self._size = 0

    def __len__(self) -> int:
        """How many items wait; those of turns that were taken do not count."""
        return self._size

    def put(self, lane: L, items: Sequence[T]) -> None:
        """Add items to the end of their lane."""
        queue = self._lanes.get(lane)
        if queue is None:
            queue = self._lanes[lane] = _Lane()
        if not queue.items and not queue.busy and not queue.parked:
            self._ready.append(lane)
        queue.items.extend(items)
        self._size += len(items)

    def take(self, now: float, limit: int) -> Turn[L, T] | None:
        """
        The next lane's first items, at most `limit`; None when no lane may go on now.

        `now` is of the clock that `park` was given.
        """
        self._wake(now)
        while self._ready:
            lane = self._ready.popleft()
            queue = self._lanes.get(lane)
            if queue is None or queue.busy or queue.parked or not queue.items:
                continue
            count = min(limit, len(queue.items))
            items = [queue.items.popleft() for _ in range(count)]
            self._size -= count
            queue.busy = True
            return Turn(lane, items)
        return None

    def release(self, lane: L) -> None:
        """Let a lane go on after its turn."""
        queue = self._lanes.get(lane)
        if queue is None:
            return
        queue.busy = False
        if queue.items:
            self._ready.append(lane)
        else:
            del self._lanes[lane]

    def park(self, lane: L, items: Sequence[T], until: float) -> None:
        """End a lane's turn, give items back to its front, and let it rest until a time."""
        queue = self._lanes.get(lane)
        if queue is None:
            return
        queue.items.extendleft(reversed(items))
        self._size += len(items)
        queue.busy = False
        queue.parked = True
        self._sequence += 1
        heapq.heappush(self._parked, (until, self._sequence, lane, queue))

    def due(self) -> float | None:
        """When the first parked lane may go on; None where none is parked."""
        return self._parked[0][0] if self._parked else None

    def drop(self, wanted: Callable[[L], bool]) -> int:
        """Forget the waiting items of these lanes; says how many there were."""
        gone = [lane for lane in self._lanes if wanted(lane)]
        count = 0
        for lane in gone:
            count += len(self._lanes.pop(lane).items)
        self._size -= count
        # A parked lane that came back under the same name must not be woken by its forerunner.
        self._parked = [entry for entry in self._parked if entry[3] is self._lanes.get(entry[2])]
        heapq.heapify(self._parked)
        return count

    def _wake(self, now: float) -> None:
        while self._parked and self._parked[0][0] <= now:
            _, _, lane, queue = heapq.heappop(self._parked)
            queue.parked = False
            if queue.items:
                self._ready.append(lane)
            else:
                del self._lanes[lane]
