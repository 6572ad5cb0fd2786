"""
How a service's clients connect and behave, as one value.

What the delivery guarantees rest on is not a setting: it cannot be changed by `extra`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.connection import Connection, Secret, parse_bootstrap
from learnflow_kafka.errors import UsageError
from learnflow_kafka.sdk._rules import problems, refusals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from learnflow_kafka.core.connection import SecretRef
    from learnflow_kafka.sdk.observing import Observer

BOOTSTRAP_VARIABLE: Final = "LEARNFLOW_BOOTSTRAP"
GROUP_PROTOCOL_VARIABLE: Final = "LEARNFLOW_GROUP_PROTOCOL"
_GIVE: Final = f'give bootstrap="host:port", or set {BOOTSTRAP_VARIABLE}'


class GroupProtocol(StrEnum):
    """
    How consumers share partitions.

    CONSUMER (KIP-848) needs brokers of 4.0 or later. AUTO asks the cluster when the service
    starts, and takes CLASSIC where that is all it has.
    """

    AUTO = "auto"
    CLASSIC = "classic"
    CONSUMER = "consumer"


def _protocol_of_environment() -> GroupProtocol:
    name = os.environ.get(GROUP_PROTOCOL_VARIABLE, GroupProtocol.AUTO)
    try:
        return GroupProtocol(name)
    except ValueError as error:
        raise UsageError(
            f"{GROUP_PROTOCOL_VARIABLE} is {name!r}; it can be 'auto', 'classic' or 'consumer'"
        ) from error


@dataclass(frozen=True, slots=True)
class Settings:
    """
    What may differ between environments; times in seconds unless the name says otherwise.

    `delivery_timeout` bounds how long a record may be under way before it counts as not
    written, and how long `post` waits for room. `queue_records` and `queue_bytes` bound what
    waits to be sent; `buffer_records` and `buffer_bytes` what waits for a handler, for each
    partition. `commit_interval`: how much is repeated after a kill. `handler_deadline` (None:
    no limit) is the default of handlers; `grace` is how long running handlers may take when
    the service stops or loses a partition. `transaction_timeout`: after which the broker ends a
    transaction that a killed process left open; `transactional_instance` names a process for ever
    (a pod's name), so that its successor ends it at once. `extra` holds librdkafka's own settings.
    `observers` look on: `Tracing()`, `Metrics()`, or your own.
    """

    linger_ms: float = 5
    compression: str = "none"
    delivery_timeout: float = 120
    queue_records: int = 100_000
    queue_bytes: int = 64 * 2**20
    buffer_records: int = 2_000
    buffer_bytes: int = 8 * 2**20
    commit_interval: float = 1
    handler_deadline: float | None = 60
    grace: float = 20
    group_protocol: GroupProtocol = field(default_factory=_protocol_of_environment)
    group_instance: str | None = None
    transaction_timeout: float = 30
    transactional_instance: str | None = None
    observers: tuple[Observer, ...] = ()
    extra: Mapping[str, str | float | bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wrong = list(problems(self))
        try:
            # Its name will do, as in the environment.
            object.__setattr__(self, "group_protocol", GroupProtocol(self.group_protocol))
        except ValueError:
            wrong.append(
                f"group_protocol is {self.group_protocol!r}: write 'auto', 'classic' or 'consumer'"
            )
        if wrong:
            raise UsageError(f"these settings do not fit: {'; '.join(wrong)}")
        refused = refusals(self.extra)
        if refused:
            raise UsageError(f"these client settings cannot be set by hand: {'; '.join(refused)}")


def client_config(
    bootstrap: str | Connection | None, settings: Settings
) -> dict[str, str | float | bool]:
    """
    The client's settings for the connection and whatever the user adds.

    `bootstrap` None takes the environment's LEARNFLOW_BOOTSTRAP. Raises UsageError without an
    address or with one that is none, or where a connection still holds a reference to a secret.
    """
    target = bootstrap or os.environ.get(BOOTSTRAP_VARIABLE)
    if not target:
        raise UsageError("no address of a Kafka broker", fix=_GIVE)
    config: dict[str, str | float | bool] = {
        "allow.auto.create.topics": False,
        # Brokers close idle connections; that is no news to anybody.
        "log.connection.close": False,
    }
    config |= _connection(target) if isinstance(target, Connection) else _address(target)
    return config | dict(settings.extra)


def _address(given: object) -> dict[str, str | float | bool]:
    if not isinstance(given, str):
        raise UsageError(
            f"bootstrap is of type {type(given).__name__}; it is a string or a Connection",
            fix='several brokers are one string: bootstrap="one:9092,two:9092"',
        )
    try:
        return {"bootstrap.servers": ",".join(parse_bootstrap(given))}
    except ValueError as error:
        raise UsageError(f"bootstrap: {error}", fix=_GIVE) from error


def _connection(connection: Connection) -> dict[str, str | float | bool]:
    config: dict[str, str | float | bool] = {
        "bootstrap.servers": connection.address,
        "security.protocol": connection.protocol.value,
    }
    if tls := connection.tls:
        paths = {
            "ssl.ca.location": tls.ca,
            "ssl.certificate.location": tls.certificate,
            "ssl.key.location": tls.key,
        }
        config |= {name: path for name, path in paths.items() if path}
        if tls.key_password is not None:
            config["ssl.key.password"] = _revealed(tls.key_password)
        if not tls.verify_hostname:
            config["ssl.endpoint.identification.algorithm"] = "none"
    if sasl := connection.sasl:
        config["sasl.mechanism"] = sasl.mechanism.value
        config["sasl.username"] = sasl.username
        config["sasl.password"] = _revealed(sasl.password)
    return config


class _Hidden(str):
    """A secret as the client takes it, which no repr of a config shows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def _revealed(secret: Secret | SecretRef) -> str:
    if isinstance(secret, Secret):
        return _Hidden(secret.reveal())
    raise UsageError(
        f"the connection's secret is still a reference ({secret.source}: {secret.value})",
        fix="resolve it first and give the connection a Secret",
    )
