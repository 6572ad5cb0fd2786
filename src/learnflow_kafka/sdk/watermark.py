"""
How far a partition may be committed.

Events of one partition finish in any order; an offset is committed only when everything
delivered before it is finished too. Pure: no Kafka, no clock, one thread.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Watermark:
    """
    The contiguous end of what is finished in one partition.

    Offsets are delivered in increasing order, with gaps where Kafka has them (compaction,
    transaction markers), and each finishes once.
    """

    __slots__ = ("_finished", "_pending", "position")

    def __init__(self) -> None:
        self._pending: deque[int] = deque()
        self._finished: set[int] = set()
        self.position: int | None = None
        """The offset to commit: the one after the last finished; None: nothing is."""

    def __len__(self) -> int:
        """How many delivered offsets the position has not passed."""
        return len(self._pending)

    @property
    def oldest(self) -> int | None:
        """The first offset that is not finished."""
        return self._pending[0] if self._pending else None

    def deliver(self, offsets: Iterable[int]) -> None:
        """Take note of events that were handed out."""
        self._pending.extend(offsets)

    def finish(self, offsets: Iterable[int]) -> None:
        """Take note that events need no more work; moves the position where it can."""
        pending, finished = self._pending, self._finished
        for offset in offsets:
            if not pending or offset != pending[0]:
                finished.add(offset)
                continue
            last = pending.popleft()
            while finished and pending and pending[0] in finished:
                last = pending.popleft()
                finished.remove(last)
            self.position = last + 1
