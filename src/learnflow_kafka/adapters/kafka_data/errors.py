"""librdkafka's errors in our words, by the names that it gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from learnflow_kafka import errors as ours
from learnflow_kafka.core import codes
from learnflow_kafka.core.ports import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

PARTITION_END: Final = "_PARTITION_EOF"
NO_SUCH_OFFSET: Final = "_AUTO_OFFSET_RESET"
ALL_DOWN: Final = "_ALL_BROKERS_DOWN"
_TLS: Final = "_SSL"

_KINDS: Final[Mapping[str, type[ours.KafkaError]]] = {
    "_AUTHENTICATION": ours.AuthenticationError,
    "SASL_AUTHENTICATION_FAILED": ours.AuthenticationError,
    "UNSUPPORTED_SASL_MECHANISM": ours.AuthenticationError,
    "TOPIC_AUTHORIZATION_FAILED": ours.NotAuthorizedError,
    "GROUP_AUTHORIZATION_FAILED": ours.NotAuthorizedError,
    "CLUSTER_AUTHORIZATION_FAILED": ours.NotAuthorizedError,
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED": ours.NotAuthorizedError,
    ALL_DOWN: ours.UnreachableError,
    "_TRANSPORT": ours.UnreachableError,
    "_RESOLVE": ours.UnreachableError,
    "_BAD_MSG": ours.UnreachableError,
    _TLS: ours.UnreachableError,
    "_TIMED_OUT": ours.TimedOutError,
    "_MSG_TIMED_OUT": ours.TimedOutError,
    "_TIMED_OUT_QUEUE": ours.TimedOutError,
    "REQUEST_TIMED_OUT": ours.TimedOutError,
    "_UNSUPPORTED_FEATURE": ours.UnsupportedError,
    "UNSUPPORTED_VERSION": ours.UnsupportedError,
}

_SENTENCES: Final[Mapping[type[ours.KafkaError], tuple[str, str]]] = {
    ours.AuthenticationError: (
        "the broker does not accept us, or we do not accept it",
        "check the context's mechanism, user name, password and certificates",
    ),
    ours.NotAuthorizedError: (
        "not allowed",
        "ask for the right, or use a context with another user",
    ),
    ours.UnreachableError: (
        "no broker answers",
        (
            "check the address and the context's protocol, and that Kafka runs: "
            "`learnflow status` for a local one"
        ),
    ),
    ours.TimedOutError: (
        "the broker did not answer in time",
        "see how the brokers are: `learnflow verify`",
    ),
    ours.UnsupportedError: ("this broker cannot do that", "use Kafka 3.0 or later"),
}

_LOCAL_NAMES: Final[Mapping[str, str]] = {
    "_MSG_TIMED_OUT": "REQUEST_TIMED_OUT",
    "_TIMED_OUT": "REQUEST_TIMED_OUT",
    "_UNKNOWN_TOPIC": "UNKNOWN_TOPIC_OR_PARTITION",
    "_UNKNOWN_PARTITION": "UNKNOWN_TOPIC_OR_PARTITION",
    NO_SUCH_OFFSET: "OFFSET_OUT_OF_RANGE",
}
"""The library's own errors that have a name in Kafka's protocol as well."""


def code_name(error: Any) -> str:
    """Kafka's name of an error."""
    name = error.name()
    return _LOCAL_NAMES.get(name) or codes.code_name(error.code(), name)


def fault(error: Any) -> Fault:
    """What went wrong with one record."""
    return Fault(code_name(error), error.str())


def translated(error: Any, *, where: str) -> ours.KafkaError:
    """One of librdkafka's errors as one of ours; `where` is an address or a name."""
    words = error.str()
    kind = _KINDS.get(error.name())
    if kind is None:
        return ours.RequestError(words, code=code_name(error), where=where)
    if _about_certificates(error):
        kind = ours.AuthenticationError
    sentence, fix = _SENTENCES[kind]
    return kind(f"{sentence} ({words})", where=where, fix=fix)


def _about_certificates(error: Any) -> bool:
    words = error.str().lower()
    return error.name() == _TLS and ("certificate" in words or "alert" in words)
