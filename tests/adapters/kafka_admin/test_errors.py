"""Every error of kafka-python has its place in our tree."""

from __future__ import annotations

import inspect
import ssl
from typing import TYPE_CHECKING, cast

import kafka.errors
import pytest

from learnflow_kafka import errors as ours
from learnflow_kafka.adapters.kafka_admin.errors import code_name, fault, kind, translated
from learnflow_kafka.adapters.kafka_admin.read import Reading
from learnflow_kafka.core.ports import Fault

if TYPE_CHECKING:
    from learnflow_kafka.adapters.kafka_admin.client import Client

BROAD = {"KafkaError", "RetriableError", "InvalidMetadataError", "BrokerResponseError"}
"""Ancestors of the library's errors that are never raised themselves."""

PLACES = {
    "AuthenticationError": {
        "AuthenticationError", "AuthenticationFailedError", "IllegalSaslStateError",
        "SaslAuthenticationFailedError", "SslAuthenticationFailedError",
        "UnsupportedSaslMechanismError",
    },
    "NotAuthorizedError": {
        "AuthorizationError", "ClusterAuthorizationFailedError",
        "DelegationTokenAuthorizationFailedError", "GroupAuthorizationFailedError",
        "TopicAuthorizationFailedError", "TransactionalIdAuthorizationFailedError",
    },
    "UnsupportedError": {
        "IncompatibleBrokerVersion", "SecurityDisabledError", "UnrecognizedBrokerVersion",
        "UnsupportedCodecError", "UnsupportedVersionError",
    },
    "TimedOutError": {"KafkaTimeoutError", "RequestTimedOutError"},
    "UnreachableError": {
        "Cancelled", "CorrelationIdError", "InvalidReceiveError", "KafkaConnectionError",
        "KafkaProtocolError", "MetadataEmptyBrokerList", "NodeNotReadyError", "StaleMetadata",
        "TooManyInFlightRequests", "UnknownBrokerIdError",
    },
}  # fmt: skip
"""Which of theirs is more than a refusal by the broker."""

CLIENT_SIDE = {
    "CommitFailedError", "IllegalArgumentError", "IllegalStateError", "KafkaConfigurationError",
    "LogTruncationError", "NoOffsetForPartitionError", "QuotaViolationError",
    "TransactionAbortedError",
}  # fmt: skip
"""Errors of parts of the library that we do not use; a refusal, if they ever came."""

ALL = {
    name: cls
    for name, cls in inspect.getmembers(kafka.errors, inspect.isclass)
    if issubclass(cls, Exception) and name not in BROAD
}


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_error_has_its_place(name: str):
    """A new error of the library fails here until somebody gave it a place."""
    cls = ALL[name]
    expected = next((place for place, names in PLACES.items() if name in names), None)
    if expected is None:
        assert name in CLIENT_SIDE or issubclass(cls, kafka.errors.BrokerResponseError)
        expected = "RequestError"

    assert kind(cls).__name__ == expected


def test_a_broker_that_is_not_connected_is_said_in_words():
    """The library's error holds the broker's number alone."""
    found = translated(kafka.errors.NodeNotReadyError(2))

    assert found.what == "no broker answers (no connection)"


def test_a_silent_broker_is_named_once():
    """Whoever shows its fault says which broker it is."""

    class Silent:
        def send_each(self, calls: object) -> list[ours.KafkaError]:
            where = "broker 2 at its advertised address localhost:9093"
            return [ours.UnreachableError("no broker answers (no connection)", where=where)]

    answer = Reading(cast("Client", Silent())).broker_configs([2])[2]

    assert isinstance(answer, Fault)
    assert answer.message.startswith("at its advertised address localhost:9093: ")


def test_a_refusal_keeps_kafkas_name_for_it():
    """The code of a refused request is the protocol's, and the broker's words stay."""
    found = translated(kafka.errors.PolicyViolationError("too many"), where="x")

    assert isinstance(found, ours.RequestError)
    assert (found.code, found.what, found.where) == ("POLICY_VIOLATION", "too many", "x")


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (3, "UNKNOWN_TOPIC_OR_PARTITION"),
        (6, "NOT_LEADER_OR_FOLLOWER"),
        (10, "MESSAGE_TOO_LARGE"),
        (17, "INVALID_TOPIC_EXCEPTION"),
        (36, "TOPIC_ALREADY_EXISTS"),
        (9999, "ERROR_9999"),
    ],
)
def test_codes_have_kafkas_names(code: int, name: str):
    """Names are Kafka's own, and a code that nobody knows yet keeps its number."""
    assert code_name(code) == name


def test_no_error_is_no_fault():
    """Code 0 is success."""
    assert fault(0) is None


def test_a_wrong_certificate_is_found_behind_other_errors():
    """The TLS error in a chain decides, whatever it was wrapped in."""
    wrapped = kafka.errors.KafkaConnectionError("Handshake failed")
    wrapped.__context__ = ssl.SSLCertVerificationError(1, "certificate verify failed")

    assert isinstance(translated(wrapped), ours.AuthenticationError)
