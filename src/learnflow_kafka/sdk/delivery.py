"""What a handler may know of the record that brought its event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from learnflow_kafka.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from learnflow_kafka.sdk.codec import Decoded
    from learnflow_kafka.sdk.contract import Topic
    from learnflow_kafka.sdk.envelope import Attributes
    from learnflow_kafka.sdk.outputs import Outbox

E = TypeVar("E")


class Delivery:
    """
    One delivery of one event: its place in Kafka, its envelope, and the how-many-th try it is.

    `topic`, `partition` and `offset` are where the record stood first, also after a way
    through retry topics; together with the group they identify the event for ever, so they
    serve to recognise a repetition.
    """

    __slots__ = (
        "_message", "_outbox", "attempt", "attributes", "group", "offset", "partition", "topic",
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
        outbox: Outbox | None = None,
    ) -> None:
        self._message = message
        self._outbox = outbox
        self.attributes: Attributes = decoded.attributes
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.group = group
        self.attempt = attempt
        """1 for the first try."""

    def send(
        self,
        topic: Topic[E],
        event: E,
        key: str | int | None = None,
        *,
        headers: Sequence[tuple[str, bytes]] | None = None,
    ) -> None:
        """
        Have an event written together with this one's offset: both, or neither.

        For subscriptions with `delivery: exactly_once`. It is validated now, written after the
        handler has succeeded, and dropped where the handler fails. Takes what `Producer.post`
        takes. Raises ContractError or EventError where the event may not or cannot be sent,
        ClosedError after the handler's end.
        """
        if self._outbox is None:
            raise ContractError(
                f"events of {self.topic!r} are handled at least once, so nothing can be written "
                "together with their offsets",
                where=self.group,
                fix="send with the app's producer, or write `delivery: exactly_once` at the "
                "subscription in the catalog, then run `learnflow codegen`",
            )
        self._outbox.send(topic, event, key, headers)

    @property
    def exactly_once(self) -> bool:
        """Whether `send` writes events together with this one's offset."""
        return self._outbox is not None

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
