"""
How to reach a cluster: one neutral value, mapped by each adapter to its client.

A context names a connection and pins the cluster that is meant. Secrets are references (to a
file, an environment variable or a command) until wiring resolves them; a resolved secret
never shows itself in a repr, a log or JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_MAX_PORT: Final = 65_535


class Protocol(StrEnum):
    """Kafka's security protocols."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"


class Mechanism(StrEnum):
    """SASL mechanisms that both of our clients speak with a name and a password."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


class SecretSource(StrEnum):
    """Where a secret is kept."""

    FILE = "file"
    ENV = "env"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where to find a secret: a file's path, a variable's name, or a command line."""

    source: SecretSource
    value: str


class Secret:
    """A secret in memory that only `reveal` shows."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself, for the client library and nobody else."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True, slots=True)
class Tls:
    """
    Certificates as paths of PEM files.

    `ca` None trusts the system's authorities; `certificate` and `key` are ours, for mutual
    TLS; `verify_hostname` off is for test clusters.
    """

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    key_password: SecretRef | Secret | None = None
    verify_hostname: bool = True


@dataclass(frozen=True, slots=True)
class Sasl:
    """A name and a password for one mechanism."""

    mechanism: Mechanism
    username: str
    password: SecretRef | Secret


@dataclass(frozen=True, slots=True)
class Connection:
    """Everything a client needs to connect; `bootstrap` is one or more `host:port`."""

    bootstrap: tuple[str, ...]
    protocol: Protocol = Protocol.PLAINTEXT
    tls: Tls | None = None
    sasl: Sasl | None = None

    @property
    def address(self) -> str:
        """The bootstrap addresses as clients take them: joined by commas."""
        return ",".join(self.bootstrap)


@dataclass(frozen=True, slots=True)
class Kubernetes:
    """
    Where on Kubernetes a release runs; the tool builds the tunnel to it when it needs one.

    `context` is the kubeconfig's (None: its current one), `kubeconfig` a file (None: the usual).
    """

    context: str | None = None
    namespace: str = "kafka"
    release: str = "kafka"
    kubeconfig: str | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """
    A named cluster.

    `cluster_id` pins the cluster that is meant: another answer is an error. `environment`
    and `catalog` (a path, None: the built-in one) say what is wanted there; `brokers`
    replaces the environment's number (a local cluster that was started with more).
    `protected` asks for the context's name before every change. `kubernetes`: the way there
    is a tunnel that each command builds for itself, and the addresses are its ends.
    `zookeeper` is the port of a local cluster's ZooKeeper.
    """

    name: str
    connection: Connection
    cluster_id: str | None = None
    environment: str | None = None
    catalog: str | None = None
    brokers: int | None = None
    protected: bool = False
    kubernetes: Kubernetes | None = None
    zookeeper: int | None = None


def parse_bootstrap(text: str) -> tuple[str, ...]:
    """
    The addresses of a comma-separated list of `host:port`.

    >>> parse_bootstrap("a:9092, [::1]:9093")
    ('a:9092', '[::1]:9093')

    Raises ValueError, with what to write instead. Never quotes an address with a password.
    """
    addresses = tuple(part.strip() for part in text.split(",") if part.strip())
    if not addresses:
        raise ValueError("no address; write HOST:PORT, such as kafka.example.org:9092")
    for address in addresses:
        fault = _address_fault(address)
        if fault:
            raise ValueError(fault)
    return addresses


def _address_fault(address: str) -> str | None:
    if "@" in address:
        return "an address holds no name or password; write HOST:PORT and use a context for SASL"
    if "://" in address:
        return f"{address!r} is a URL; write HOST:PORT alone"
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal():
        return f"{address!r} is no address; write HOST:PORT, such as kafka.example.org:9092"
    if not 0 < int(port) <= _MAX_PORT:
        return f"{address!r} has a port outside 1 to {_MAX_PORT}"
    return _host_fault(address, host)


def _host_fault(address: str, host: str) -> str | None:
    if ":" in host:
        bracketed = host.startswith("[") and host.endswith("]")
        fault = f"{address!r} looks like IPv6; write it in brackets, such as [::1]:9092"
        return None if bracketed else fault
    try:
        # What resolvers do first: labels of 1 to 63 letters between dots.
        host.removesuffix(".").encode("idna")
    except UnicodeError:
        return f"{address!r} holds no host's name; write HOST:PORT"
    return f"{address!r} holds a space; write HOST:PORT" if " " in host else None
