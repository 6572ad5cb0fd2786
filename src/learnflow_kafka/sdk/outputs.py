"""
What is to be written for events, until their transaction is.

Handlers of exactly-once subscriptions write nothing by themselves: they hand events to their
delivery, and those wait here. A try that failed leaves nothing behind, and no transaction is
open while handlers run. Pure: no Kafka, no clock.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from learnflow_kafka.errors import ClosedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from learnflow_kafka.sdk.outlets import Prepared


class Outbox:
    """What one try of one event hands over; closed when the try ends."""

    __slots__ = ("_outputs", "_prepare", "is_open", "records", "size")

    def __init__(self, outputs: Outputs, prepare: Callable[..., Prepared]) -> None:
        self._outputs = outputs
        self._prepare = prepare
        self.records: list[Prepared] = []
        self.size = 0
        self.is_open = True

    def send(
        self,
        topic: Any,
        event: Any,
        key: str | int | None,
        headers: Sequence[tuple[str, bytes]] | None,
    ) -> None:
        """
        Encode an event and keep it.

        Raises ContractError and EventError where it may not or cannot be sent, ClosedError
        after the handler's end.
        """
        if not self.is_open:
            raise ClosedError(
                "the handler of this delivery has ended: what it would send now belongs to no event"
            )
        self.put(self._prepare(topic, event, key, headers))

    def put(self, record: Prepared) -> None:
        """Keep a record."""
        self.records.append(record)
        size = len(record.value or b"")
        self.size += size
        self._outputs.count(size)

    def close(self) -> None:
        """Take nothing more."""
        self.is_open = False

    def settle(self, error: ClosedError | None) -> None:
        """Tell observers that the records were written, or were not."""
        for record in self.records:
            if record.watch is not None:
                record.watch.settle(error)


class Outputs:
    """
    The outboxes of one partition's events, by offset.

    Workers put them, one worker an offset; the poll thread takes those of finished events.
    """

    __slots__ = ("_boxes", "_lock", "bytes")

    def __init__(self) -> None:
        self._boxes: dict[int, Outbox] = {}
        self._lock = threading.Lock()
        self.bytes = 0
        """Of the values of all records that wait."""

    def __len__(self) -> int:
        """How many events have an outbox."""
        return len(self._boxes)

    def count(self, size: int) -> None:
        """Count bytes that came, or, negative, went."""
        with self._lock:
            self.bytes += size

    def open(self, offset: int, prepare: Callable[..., Prepared]) -> Outbox:
        """An outbox for a try of an event, in place of the one of the try before it."""
        earlier = self._boxes.get(offset)
        if earlier is not None:
            earlier.close()
            earlier.settle(ClosedError("the try of the handler that sent it failed"))
            self.count(-earlier.size)
        box = self._boxes[offset] = Outbox(self, prepare)
        return box

    def close(self, offset: int) -> None:
        """Take nothing more for this event."""
        box = self._boxes.get(offset)
        if box is not None:
            box.close()

    def before(self, position: int) -> list[Prepared]:
        """What is to be written for the events before a position, in their order."""
        # A copy in one step: workers add to the dict meanwhile.
        offsets = sorted(offset for offset in list(self._boxes) if offset < position)
        return [record for offset in offsets for record in self._boxes[offset].records]

    def forget(self, position: int) -> None:
        """Drop what was written: that of the events before a position."""
        for offset in [offset for offset in list(self._boxes) if offset < position]:
            written = self._boxes.pop(offset)
            self.count(-written.size)
            written.settle(None)
