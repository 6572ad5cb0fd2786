"""What a service's settings may be: pure rules, whose problems are told all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

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
