"""librdkafka's errors in our words."""

# ruff: noqa: SLF001 - the client's own codes, which are public, begin with an underscore

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import KafkaError as Code

from learnflow_kafka.errors import (
    AuthenticationError,
    DeliveryError,
    KafkaError,
    NotAuthorizedError,
    RequestError,
    TimedOutError,
    UnreachableError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNSURE: Final = frozenset(
    {
        Code._MSG_TIMED_OUT,
        Code._TIMED_OUT,
        Code._TIMED_OUT_QUEUE,
        Code._PURGE_INFLIGHT,
        Code._TRANSPORT,
        Code.REQUEST_TIMED_OUT,
        Code.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    }
)
"""After these a record may be in the log although no acknowledgement came."""

_MISSING: Final = ("the topic does not exist on this cluster", "learnflow apply")
_DELIVERY: Final[Mapping[int, tuple[str, str | None]]] = {
    Code._UNKNOWN_TOPIC: _MISSING,
    Code.UNKNOWN_TOPIC_OR_PART: _MISSING,
    Code._UNKNOWN_PARTITION: ("the topic has no such partition", None),
    Code._MSG_TIMED_OUT: (
        "no broker acknowledged the record within the delivery timeout",
        "learnflow verify",
    ),
    Code.MSG_SIZE_TOO_LARGE: (
        "the record is larger than the topic takes",
        "raise the topic's max_record_size in the catalog, then run `learnflow apply`",
    ),
    Code.TOPIC_AUTHORIZATION_FAILED: (
        "the broker does not let this service write to the topic",
        "grant Write and Describe on the topic",
    ),
    Code.CLUSTER_AUTHORIZATION_FAILED: (
        "the broker lets this service write to no topic at all",
        "grant Write and Describe on the topic",
    ),
    Code._PURGE_QUEUE: ("the producer was closed before the record was sent", None),
    Code._PURGE_INFLIGHT: ("the producer was closed before the acknowledgement came", None),
    Code.NOT_ENOUGH_REPLICAS: (
        "too few replicas are in sync to take the record",
        "learnflow verify",
    ),
}

_REQUEST: Final[Mapping[int, type[KafkaError]]] = {
    Code._ALL_BROKERS_DOWN: UnreachableError,
    Code._TRANSPORT: UnreachableError,
    Code._RESOLVE: UnreachableError,
    Code._TIMED_OUT: TimedOutError,
    Code.REQUEST_TIMED_OUT: TimedOutError,
    Code._AUTHENTICATION: AuthenticationError,
    Code.SASL_AUTHENTICATION_FAILED: AuthenticationError,
    Code._SSL: AuthenticationError,
    Code.TOPIC_AUTHORIZATION_FAILED: NotAuthorizedError,
    Code.GROUP_AUTHORIZATION_FAILED: NotAuthorizedError,
    Code.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: NotAuthorizedError,
    Code.UNSUPPORTED_VERSION: UnsupportedError,
    Code._UNSUPPORTED_FEATURE: UnsupportedError,
}


def delivery_error(error: Any, topic: str, noticed: str | None = None) -> DeliveryError:
    """
    Why a record was not written.

    `noticed`: what the client last said of its brokers. A timeout has no other reason.
    """
    code = error.code()
    what, fix = _DELIVERY.get(code, (error.str(), None))
    if code == Code._MSG_TIMED_OUT and noticed:
        what = f"{what} (last error: {noticed})"
    return DeliveryError(
        what, code=error.name(), maybe_written=code in _UNSURE, where=topic, fix=fix
    )


def request_error(error: Any, where: str | None = None) -> KafkaError:
    """Why a request failed."""
    kind = _REQUEST.get(error.code())
    if kind is not None:
        return kind(error.str(), where=where)
    return RequestError(error.str(), code=error.name(), where=where)
