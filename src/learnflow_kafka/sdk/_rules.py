"""What a service's settings may be: pure rules, whose problems are told all at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_COMMITS: Final = "offsets are committed after handlers succeed"
_ACKS: Final = "a record counts as written when every in-sync replica has it"
_LINGER: Final = "give `linger_ms`"
_TIMEOUT: Final = "give `delivery_timeout`"
_COMPRESSION: Final = "give `compression`"
_FATE: Final = "every record's receipt is told what became of it"
_LOG: Final = "log lines go to the logger `learnflow_kafka.sdk`"
_ORDER: Final = "events of one key keep their order"
_PARTITIONS: Final = "the catalog says which partition a key goes to"
_REBALANCES: Final = "the SDK answers rebalances, cooperatively"
_SERVED: Final = "the SDK listens there itself"

_OURS: Final[Mapping[str, str]] = {
    "acks": _ACKS,
    "allow.auto.create.topics": "the catalog owns topics; clients never create one",
    "auto.commit.enable": _COMMITS,
    "auto.commit.interval.ms": _COMMITS,
    "auto.offset.reset": "the catalog says where a group starts",
    "background_event_cb": _SERVED,
    "bootstrap.servers": "give `bootstrap`",
    "client.id": "it is the service's name",
    "compression.codec": _COMPRESSION,
    "compression.type": _COMPRESSION,
    "consume_cb": "handlers get the events",
    "default.topic.config": "give its settings by themselves",
    "default_topic_conf": "give its settings by themselves",
    "delivery.report.only.error": _FATE,
    "delivery.timeout.ms": _TIMEOUT,
    "dr_cb": _FATE,
    "dr_msg_cb": _FATE,
    "enable.auto.commit": _COMMITS,
    "enable.auto.offset.store": _COMMITS,
    "enable.idempotence": "without it records are reordered and doubled when a broker fails",
    "enable.partition.eof": "handlers get events only",
    "enabled_events": _SERVED,
    "error_cb": _SERVED,
    "group.id": "the catalog names the group",
    "group.instance.id": "give `group_instance`",
    "group.protocol": "give `group_protocol`",
    "isolation.level": "the catalog says which records a group sees",
    "linger.ms": _LINGER,
    "log.queue": _LOG,
    "log_cb": _LOG,
    "logger": _LOG,
    "message.max.bytes": "the catalog says how large a topic's records may be",
    "message.timeout.ms": _TIMEOUT,
    "metadata.broker.list": "give `bootstrap`",
    "msg_order_cmp": _ORDER,
    "offset.store.method": _COMMITS,
    "offset.store.path": _COMMITS,
    "offset_commit_cb": _COMMITS,
    "on_commit": _COMMITS,
    "on_delivery": _FATE,
    "partition.assignment.strategy": _REBALANCES,
    "partitioner": _PARTITIONS,
    "partitioner_cb": _PARTITIONS,
    "queue.buffering.max.kbytes": "give `queue_bytes`",
    "queue.buffering.max.messages": "give `queue_records`",
    "queue.buffering.max.ms": _LINGER,
    "queuing.strategy": _ORDER,
    "rebalance_cb": _REBALANCES,
    "request.required.acks": _ACKS,
    "transaction.timeout.ms": "give `transaction_timeout`",
    "transactional.id": "give `transactional_instance`",
}
"""The client's settings that others rest on, under each name that the client takes; and why."""


def refusals(extra: Mapping[str, object]) -> list[str]:
    """Why these settings of the client cannot be set by hand."""
    return [f"{name}: {_OURS[name]}" for name in sorted(set(extra) & set(_OURS))]


class _Number(NamedTuple):
    """What a number may be; `whole` numbers have no fraction."""

    low: float
    high: float
    whole: bool = False

    def takes(self, value: object) -> bool:
        """Whether the value is such a number; NaN is none, nor is a bool."""
        kinds = int if self.whole else (int, float)
        return (
            isinstance(value, kinds)
            and not isinstance(value, bool)
            and self.low <= value <= self.high
        )

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        low = f"{self.low:.10g}"
        return f"{kind} from {low}" + ("" if self.high == math.inf else f" to {self.high:.10g}")


_MOST: Final = 2**31 - 1
"""The largest number that the client takes."""
_MOST_SECONDS: Final = _MOST // 1000
_NUMBERS: Final[Mapping[str, _Number]] = {
    "linger_ms": _Number(0, 900_000),
    # The client counts in milliseconds, and takes 0 as "for ever".
    "delivery_timeout": _Number(0.001, _MOST_SECONDS),
    "queue_records": _Number(1, _MOST, whole=True),
    "queue_bytes": _Number(1, _MOST * 1024, whole=True),
    "buffer_records": _Number(1, math.inf, whole=True),
    "buffer_bytes": _Number(1, math.inf, whole=True),
    "commit_interval": _Number(0, _MOST_SECONDS),
    "grace": _Number(0, math.inf),
    "transaction_timeout": _Number(1, _MOST_SECONDS),
}
_COMPRESSIONS: Final = ("none", "gzip", "snappy", "lz4", "zstd")


def is_deadline(value: object) -> bool:
    """Whether a handler can have this deadline: a time in seconds, or None for no limit."""
    return value is None or (_Number(0, math.inf).takes(value) and value != 0)


def problems(settings: Any) -> Iterator[str]:
    """What is wrong with values of the settings, each with what to write."""
    for name, number in _NUMBERS.items():
        value = getattr(settings, name)
        if not number.takes(value):
            yield f"{name} is {value!r}: write {number}"
    if settings.compression not in _COMPRESSIONS:
        yield f"compression is {settings.compression!r}: write one of {', '.join(_COMPRESSIONS)}"
    if not is_deadline(settings.handler_deadline):
        yield (
            f"handler_deadline is {settings.handler_deadline!r}: write a number above 0, or None "
            "for no limit"
        )
    for name in ("group_instance", "transactional_instance"):
        value = getattr(settings, name)
        if value is not None and not (isinstance(value, str) and value):
            yield f"{name} is {value!r}: write a name, or None"
    yield from _outlived(settings)
    yield from _blind(settings.observers)


def _outlived(settings: Any) -> Iterator[str]:
    linger, timeout = settings.linger_ms, settings.delivery_timeout
    if not all(_NUMBERS[n].takes(getattr(settings, n)) for n in ("linger_ms", "delivery_timeout")):
        return
    if linger >= timeout * 1000:
        yield (
            f"linger_ms is {linger:g} and delivery_timeout is {timeout:g} seconds: write a "
            "delivery_timeout in which records can be sent"
        )


def _blind(observers: Any) -> Iterator[str]:
    if not isinstance(observers, tuple | list):
        yield f"observers is a {type(observers).__name__}: write a tuple, such as (Metrics(),)"
        return
    for observer in observers:
        if isinstance(observer, type) or not callable(getattr(observer, "sending", None)):
            yield f"observers is no tuple of observers: {observer!r} is none"
