"""What a handler may know of the record that brought its event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from learnflow_kafka.sdk.codec import Decoded
    from learnflow_kafka.sdk.envelope import Attributes


class Delivery:
    """
    One delivery of one event: its place in Kafka, its envelope, and the how-many-th try it is.

    `topic`, `partition` and `offset` are where the record stood first, also after a way
    through retry topics; together with the group they identify the event for ever, so they
    serve to recognise a repetition.
    """

    __slots__ = (
        "_message", "attempt", "attributes", "group", "offset", "partition", "topic",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - the parts of a place
        self,
        message: Any,
        decoded: Decoded[Any],
        *,
        topic: str,
        partition: int,
        offset: int,
        group: str,
        attempt: int,
    ) -> None:
        self._message = message
        self.attributes: Attributes = decoded.attributes
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.group = group
        self.attempt = attempt
        """1 for the first try."""

    @property
    def key(self) -> bytes | None:
        """The record's key."""
        key: bytes | None = self._message.key()
        return key

    @property
    def headers(self) -> list[tuple[str, bytes | None]]:
        """The record's headers, in order; a name may come twice."""
        return list(self._message.headers() or ())

    @property
    def timestamp_ms(self) -> int:
        """The record's time, in milliseconds since the epoch."""
        stamp: int = self._message.timestamp()[1]
        return stamp
