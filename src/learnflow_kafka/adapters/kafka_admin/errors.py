"""kafka-python's errors in our words; the most specific class decides."""

from __future__ import annotations

import ssl
from typing import Final

import kafka.errors as theirs

from learnflow_kafka import errors as ours
from learnflow_kafka.core import codes
from learnflow_kafka.core.ports import Fault

UNCLEAR: Final = "UNKNOWN_SERVER_ERROR"

BUSY: Final = frozenset(
    {
        "COORDINATOR_LOAD_IN_PROGRESS",
        "COORDINATOR_NOT_AVAILABLE",
        "NOT_COORDINATOR",
        "NOT_CONTROLLER",
        "LEADER_NOT_AVAILABLE",
        "NOT_LEADER_OR_FOLLOWER",
        "OFFSET_NOT_AVAILABLE",
        "REPLICA_NOT_AVAILABLE",
    }
)
"""Answers of a cluster that is finding its feet: nothing was done, and soon it may be."""

_KINDS: Final[dict[type[Exception], type[ours.KafkaError]]] = {
    # Who we are.
    theirs.SaslAuthenticationFailedError: ours.AuthenticationError,
    theirs.UnsupportedSaslMechanismError: ours.AuthenticationError,
    theirs.IllegalSaslStateError: ours.AuthenticationError,
    theirs.SecurityDisabledError: ours.UnsupportedError,
    # What we may do.
    theirs.AuthorizationError: ours.NotAuthorizedError,
    # What the broker can do.
    theirs.IncompatibleBrokerVersion: ours.UnsupportedError,
    theirs.UnsupportedVersionError: ours.UnsupportedError,
    theirs.UnrecognizedBrokerVersion: ours.UnsupportedError,
    theirs.UnsupportedCodecError: ours.UnsupportedError,
    # How long it took.
    theirs.KafkaTimeoutError: ours.TimedOutError,
    theirs.RequestTimedOutError: ours.TimedOutError,
    # Whether anybody is there.
    theirs.KafkaConnectionError: ours.UnreachableError,
    theirs.NodeNotReadyError: ours.UnreachableError,
    theirs.UnknownBrokerIdError: ours.UnreachableError,
    theirs.MetadataEmptyBrokerList: ours.UnreachableError,
    theirs.StaleMetadata: ours.UnreachableError,
    theirs.Cancelled: ours.UnreachableError,
    theirs.TooManyInFlightRequests: ours.UnreachableError,
    theirs.KafkaProtocolError: ours.UnreachableError,
    # What the broker, or the library, would not do.
    theirs.BrokerResponseError: ours.RequestError,
    theirs.KafkaError: ours.RequestError,
}


def kind(error: type[Exception]) -> type[ours.KafkaError]:
    """The class of ours that one of theirs becomes."""
    for ancestor in error.__mro__:
        if ancestor in _KINDS:
            return _KINDS[ancestor]
    return ours.RequestError


def code_name(code: int) -> str:
    """
    Kafka's name of an error code.

    >>> code_name(36)
    'TOPIC_ALREADY_EXISTS'
    """
    known = theirs.for_code(code)
    # A code newer than the library has no name there.
    new = known.__name__ == "UnrecognizedBrokerError"
    return codes.code_name(code, f"ERROR_{code}" if new else known.message)


def fault(code: int, message: str | None = None) -> Fault | None:
    """What a code in a response says about its item; None where all is well."""
    if code == 0:
        return None
    words = message or getattr(theirs.for_code(code), "description", None) or ""
    return Fault(code_name(code), words)


def check(code: int, message: str | None = None, *, where: str | None = None) -> None:
    """Raise what a code says about the whole request."""
    if code:
        raise translated(
            theirs.for_code(code)(message) if message else theirs.for_code(code)(), where=where
        )


def translated(error: Exception, *, where: str | None = None) -> ours.KafkaError:
    """One of theirs (or of the network's) as one of ours, `where` being an address or a name."""
    tls = _tls_error(error)
    if tls is not None:
        return _from_tls(tls, where)
    chosen = kind(type(error)) if isinstance(error, theirs.KafkaError) else ours.UnreachableError
    words = _words(error)
    if chosen is ours.RequestError:
        number = getattr(error, "errno", None)
        code = UNCLEAR if number is None else code_name(number)
        return ours.RequestError(words, code=code, where=where)
    fix = _FIXES.get(chosen)
    if isinstance(error, theirs.KafkaProtocolError):
        words, fix = "what answers does not speak Kafka's protocol", _WRONG_PROTOCOL
    return chosen(_SENTENCES.get(chosen, "{}").format(words), where=where, fix=fix)


_WRONG_PROTOCOL: Final = (
    "check the port, and whether the context's protocol (plain, TLS, SASL) is the listener's"
)
_SENTENCES: Final[dict[type[ours.KafkaError], str]] = {
    ours.UnreachableError: "no broker answers ({})",
    ours.TimedOutError: "the broker did not answer in time ({})",
    ours.AuthenticationError: "the broker does not accept our credentials ({})",
    ours.NotAuthorizedError: "not allowed ({})",
    ours.UnsupportedError: "this broker cannot do that ({})",
}
_FIXES: Final[dict[type[ours.KafkaError], str]] = {
    ours.UnreachableError: (
        "check the address and that Kafka runs: `learnflow status` for a local one; "
        "a listener that wants TLS or SASL also hangs up on plain clients"
    ),
    ours.TimedOutError: "see how the brokers are: `learnflow verify`",
    ours.AuthenticationError: "check the context's mechanism, user name and password",
    ours.NotAuthorizedError: "ask for the right, or use a context with another user",
    ours.UnsupportedError: (
        "use Kafka 3.0 or later, and a broker's address: a KRaft controller answers like this too"
    ),
}


def _words(error: Exception) -> str:
    """What the error says, without the name of its class."""
    said = Exception.__str__(error) or getattr(error, "description", "") or type(error).__name__
    if said.isdecimal():
        return "no connection"  # NodeNotReadyError says the broker's number and nothing else
    # `connect_ex` failures arrive as "111 ECONNREFUSED".
    return {"111 ECONNREFUSED": "connection refused", "61 ECONNREFUSED": "connection refused"}.get(
        said, said
    )


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """The TLS error behind a chain of others, or inside one."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, ssl.SSLError):
            return error
        inner = next((a for a in error.args if isinstance(a, ssl.SSLError)), None)
        if inner is not None:
            return inner
        error = error.__cause__ or error.__context__
    return None


def _from_tls(error: ssl.SSLError, where: str | None) -> ours.KafkaError:
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = getattr(error, "verify_message", None) or str(error)
        return ours.AuthenticationError(
            f"the broker's certificate is not one that we trust ({reason})",
            where=where,
            fix="check the context's `ca` file and the host name of the address",
        )
    reason = (error.reason or str(error)).replace("_", " ").lower()
    if "alert" in reason and "certificate" in reason:
        return ours.AuthenticationError(
            f"the broker wants a client certificate that it trusts ({reason})",
            where=where,
            fix="check the context's `certificate` and `key` files",
        )
    return ours.UnreachableError(
        f"what listens there does not speak TLS as we do ({reason})",
        where=where,
        fix=_WRONG_PROTOCOL,
    )
