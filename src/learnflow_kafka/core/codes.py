"""
Kafka's names of the errors in its protocol, where client libraries use names of their own.

The names are those of org.apache.kafka.common.protocol.Errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

RENAMED: Final[Mapping[int, str]] = {
    -1: "UNKNOWN_SERVER_ERROR",
    0: "NONE",
    2: "CORRUPT_MESSAGE",
    3: "UNKNOWN_TOPIC_OR_PARTITION",
    4: "INVALID_FETCH_SIZE",
    6: "NOT_LEADER_OR_FOLLOWER",
    10: "MESSAGE_TOO_LARGE",
    11: "STALE_CONTROLLER_EPOCH",
    17: "INVALID_TOPIC_EXCEPTION",
    39: "INVALID_REPLICA_ASSIGNMENT",
}
"""Numbers for which kafka-python or librdkafka has another name than Kafka."""


def code_name(code: int, clients_name: str) -> str:
    """
    Kafka's own name of an error.

    >>> code_name(10, "MSG_SIZE_TOO_LARGE")
    'MESSAGE_TOO_LARGE'
    """
    return RENAMED.get(code, clients_name)
