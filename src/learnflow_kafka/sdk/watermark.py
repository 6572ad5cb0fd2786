"""
How far a partition may be committed.

Events of one partition finish in any order; an offset is committed only when everything
delivered before it is finished too. Pure: no Kafka, no clock, one thread.
"""

from __future__ import annotations

from collections import deque


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

    def deliver(self, offset: int) -> None:
        """Take note of an event that was handed out."""
        self._pending.append(offset)

    def finish(self, offset: int) -> None:
        """Take note that an event needs no more work; moves the position where it can."""
        pending = self._pending
        if not pending or offset != pending[0]:
            self._finished.add(offset)
            return
        pending.popleft()
        finished = self._finished
        while pending and pending[0] in finished:
            offset = pending.popleft()
            finished.remove(offset)
        self.position = offset + 1
