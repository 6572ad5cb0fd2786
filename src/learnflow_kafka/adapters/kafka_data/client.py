"""
librdkafka's producers and consumers, set up from one neutral connection.

The library writes its troubles to a logger of ours, never to the terminal, and tells them
to a callback, where the one that explains a failure is kept.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from learnflow_kafka.adapters.kafka_data.errors import ALL_DOWN, translated
from learnflow_kafka.core.connection import Protocol, Secret
from learnflow_kafka.errors import AuthenticationError, ContextError, KafkaError, TimedOutError

if TYPE_CHECKING:
    from learnflow_kafka.core.connection import Connection, SecretRef

_log = logging.getLogger("learnflow_kafka.librdkafka")
# Without a handler Python would print the library's warnings on stderr.
_log.addHandler(logging.NullHandler())


_FILES: Final = ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location")


@dataclass(frozen=True, slots=True)
class Limits:
    """
    How long to wait, in seconds.

    `connect` for the first broker to answer; `request` for one answer.
    """

    connect: float = 5.0
    request: float = 30.0


class Troubles:
    """
    What the library's error callback said.

    Broken connections are its daily bread and heal by themselves; `fatal` is what waiting
    will not heal, and `last` explains a time-out. `all_down`: no broker could be reached at
    one moment, which at first contact is an answer and later is not.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self.fatal: KafkaError | None = None
        self.last: KafkaError | None = None
        self.all_down = False

    def __call__(self, error: Any) -> None:
        """Remember an error; called by librdkafka inside `poll`."""
        trouble = translated(error, where=self._where)
        if error.fatal() or isinstance(trouble, AuthenticationError):
            self.fatal = self.fatal or trouble
        elif error.name() != ALL_DOWN:
            self.last = trouble
        else:
            # "2/2 brokers are down" only sums up what the others explain.
            self.last = self.last or trouble
            self.all_down = True

    def check(self) -> None:
        """Raise what waiting will not heal."""
        if self.fatal is not None:
            raise self.fatal


class Client:
    """
    Makes producers and consumers for one cluster.

    `idempotent` producers never write a record twice. They first ask for a producer id, which
    takes half a second; a single record of the tool's own can do without.
    """

    def __init__(
        self, connection: Connection, *, limits: Limits | None = None, idempotent: bool = True
    ) -> None:
        self.limits = limits or Limits()
        self.idempotent = idempotent
        self.where = connection.address
        self._settings = _settings(connection, self.limits)
        self._files = [self._settings[key] for key in _FILES if key in self._settings]

    def cluster_id(self) -> str:
        """
        The id of the cluster that answers.

        Raises `UnreachableError` or `AuthenticationError` within the connect limit.
        """
        troubles = Troubles(self.where)
        admin = self._made(AdminClient, {}, troubles)
        future = admin.describe_cluster(request_timeout=self.limits.connect)
        deadline = time.monotonic() + self.limits.connect
        while not (future.done() or troubles.fatal or troubles.all_down):
            admin.poll(0.02)
            if time.monotonic() > deadline:
                break
        troubles.check()
        if troubles.all_down and troubles.last is not None:
            raise troubles.last
        try:
            return str(future.result(timeout=1).cluster_id)
        except (KafkaException, TimeoutError) as error:
            admin.poll(0)
            troubles.check()
            raise troubles.last or self._silent() from error

    def _silent(self) -> KafkaError:
        return TimedOutError(
            f"the broker did not answer within {self.limits.connect:g} s",
            where=self.where,
            fix="check the address and the context's protocol",
        )

    def producer(self, settings: dict[str, Any], troubles: Troubles) -> Any:
        """A producer with more settings of librdkafka's."""
        return self._made(Producer, settings, troubles)

    def consumer(self, settings: dict[str, Any], troubles: Troubles) -> Any:
        """A consumer with more settings of librdkafka's."""
        return self._made(Consumer, settings, troubles)

    def _made(self, kind: Any, settings: dict[str, Any], troubles: Troubles) -> Any:
        try:
            return kind({**self._settings, **settings, "error_cb": troubles}, logger=_log)
        except KafkaException as error:
            raise ContextError(
                f"the settings cannot be used ({error.args[0].str()})",
                where=", ".join(self._files) or self.where,
                fix="check that each file exists, holds PEM, and that the key is the certificate's",
            ) from error


def _settings(connection: Connection, limits: Limits) -> dict[str, Any]:
    """The connection in librdkafka's words."""
    settings: dict[str, Any] = {
        "bootstrap.servers": connection.address,
        "client.id": "learnflow",
        "security.protocol": connection.protocol.value,
        "socket.connection.setup.timeout.ms": int(limits.connect * 1000),
        "socket.timeout.ms": int(limits.request * 1000),
        "reconnect.backoff.max.ms": 500,
        # A mistyped topic is an error, never a new topic; from either side.
        "allow.auto.create.topics": False,
        "enable.metrics.push": False,
    }
    if connection.sasl is not None:
        settings["sasl.mechanism"] = connection.sasl.mechanism.value
        settings["sasl.username"] = connection.sasl.username
        settings["sasl.password"] = _reveal(connection.sasl.password)
    if connection.protocol in {Protocol.SSL, Protocol.SASL_SSL} and connection.tls is not None:
        tls = connection.tls
        if not tls.verify_hostname:
            settings["ssl.endpoint.identification.algorithm"] = "none"
        named = {
            "ssl.ca.location": tls.ca,
            "ssl.certificate.location": tls.certificate,
            "ssl.key.location": tls.key,
            "ssl.key.password": None if tls.key_password is None else _reveal(tls.key_password),
        }
        settings.update({key: value for key, value in named.items() if value is not None})
    return settings


def _reveal(secret: Secret | SecretRef) -> str:
    if not isinstance(secret, Secret):
        raise ContextError("a secret was not resolved before connecting")
    return secret.reveal()
