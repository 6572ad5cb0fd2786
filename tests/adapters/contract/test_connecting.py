"""What both clients say when a cluster cannot be reached, or does not accept us."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trustme
from tests.support.ports import free_ports

from learnflow_kafka.core.connection import (
    Connection,
    Context,
    Mechanism,
    Protocol,
    Sasl,
    Secret,
    Tls,
)
from learnflow_kafka.errors import (
    AuthenticationError,
    ContextError,
    KafkaError,
    TimedOutError,
    UnreachableError,
)
from learnflow_kafka.wiring import kafka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.support.clusters import LocalKafka
    from tests.support.sasl import SaslKafka

    Opening = Callable[[Context], AbstractContextManager[object]]

BOUND = 25
"""
Seconds within which every failure is told, on a busy machine: the limit of a connection is
five, and the limit of a request, which would come next, is thirty.
"""


@pytest.fixture(params=["admin", "data"])
def opening(request: pytest.FixtureRequest) -> Opening:
    """The way to one of the ports."""
    return kafka.admin if request.param == "admin" else kafka.data


def failure(opening: Opening, connection: Connection) -> KafkaError:
    """The error of a connection that must fail, in time."""
    start = time.monotonic()
    with pytest.raises(KafkaError) as caught, opening(Context("test", connection)):
        pass
    assert time.monotonic() - start < BOUND
    return caught.value


@pytest.fixture
def mute() -> Iterator[str]:
    """An address that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def chatty() -> Iterator[str]:
    """An address where something else than Kafka answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                try:
                    peer, _ = server.accept()
                except TimeoutError:
                    continue
                with peer:
                    peer.recv(1024)
                    peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        done.set()
        thread.join()


def test_nobody_listens(opening: Opening, capfd: pytest.CaptureFixture[str]):
    """A refused connection names the address at once, and no library writes to the screen."""
    address = f"127.0.0.1:{free_ports(1)}"
    error = failure(opening, Connection((address,)))

    assert isinstance(error, UnreachableError)
    assert address in str(error)
    assert "refused" in str(error).lower()
    assert error.fix
    assert capfd.readouterr() == ("", "")


def test_a_name_that_does_not_resolve(opening: Opening):
    """An unknown host is unreachable."""
    error = failure(opening, Connection(("no-such-host.invalid:9092",)))

    assert isinstance(error, UnreachableError)


def test_something_that_never_answers(opening: Opening, mute: str):
    """A listener that keeps silent costs the connect limit and no more."""
    error = failure(opening, Connection((mute,)))

    assert isinstance(error, (TimedOutError, UnreachableError))
    assert mute in str(error)


def test_something_that_is_no_kafka(opening: Opening, chatty: str):
    """Another protocol's answer is an error, not a crash."""
    error = failure(opening, Connection((chatty,)))

    assert isinstance(error, (TimedOutError, UnreachableError))


def test_one_address_of_many_is_enough(opening: Opening, kafka_at_hand: LocalKafka):
    """Dead addresses before a living one do no harm."""
    dead = f"127.0.0.1:{free_ports(1)}"
    living = kafka_at_hand.context.connection.bootstrap
    context = Context("test", Connection((dead, *living)))

    with opening(context) as port:
        assert port is not None


@pytest.fixture
def kafka_at_hand(request: pytest.FixtureRequest) -> LocalKafka:
    """A plain cluster."""
    cluster: LocalKafka = request.getfixturevalue("kafka1")
    return cluster


@pytest.mark.kafka
def test_tls_against_a_plain_listener(opening: Opening, kafka_at_hand: LocalKafka):
    """A plain listener hangs up on TLS; the error says so in time."""
    plain = kafka_at_hand.context.connection
    error = failure(opening, replace(plain, protocol=Protocol.SSL, tls=Tls()))

    assert isinstance(error, UnreachableError)


@pytest.mark.kafka
def test_sasl_against_a_plain_listener(opening: Opening, kafka_at_hand: LocalKafka):
    """A listener without SASL does not take a password."""
    sasl = Sasl(Mechanism.PLAIN, "admin", Secret("x"))
    plain = kafka_at_hand.context.connection
    error = failure(opening, replace(plain, protocol=Protocol.SASL_PLAINTEXT, sasl=sasl))

    assert isinstance(error, AuthenticationError)


@pytest.mark.kafka
@pytest.mark.parametrize("mechanism", [Mechanism.SCRAM_SHA_512, Mechanism.PLAIN])
def test_a_secured_cluster_is_opened(opening: Opening, kafka_sasl: SaslKafka, mechanism: Mechanism):
    """Both clients speak SASL_SSL with SCRAM and PLAIN."""
    with opening(kafka_sasl.context_of("admin", mechanism)) as port:
        assert port is not None


@pytest.mark.kafka
@pytest.mark.parametrize("mechanism", [Mechanism.SCRAM_SHA_512, Mechanism.PLAIN])
def test_a_wrong_password(opening: Opening, kafka_sasl: SaslKafka, mechanism: Mechanism):
    """A wrong password is an AuthenticationError that does not show it."""
    right = kafka_sasl.context.connection
    sasl = Sasl(mechanism, "admin", Secret("wrong-password"))
    error = failure(opening, replace(right, sasl=sasl))

    assert isinstance(error, AuthenticationError)
    assert "wrong-password" not in f"{error} {error.fix} {error!r}"


@pytest.mark.kafka
def test_a_mechanism_that_the_broker_does_not_know(opening: Opening, kafka_sasl: SaslKafka):
    """A mechanism that is not enabled is an AuthenticationError."""
    right = kafka_sasl.context.connection
    sasl = Sasl(Mechanism.SCRAM_SHA_256, "admin", Secret("x"))

    assert isinstance(failure(opening, replace(right, sasl=sasl)), AuthenticationError)


@pytest.mark.kafka
def test_a_wrong_authority(opening: Opening, kafka_sasl: SaslKafka, tmp_path: Path):
    """A broker whose certificate another authority signed is not trusted."""
    other = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(other)
    right = kafka_sasl.context.connection
    error = failure(opening, replace(right, tls=Tls(ca=str(other))))

    assert isinstance(error, AuthenticationError)
    assert "certificate" in str(error)


@pytest.mark.kafka
def test_plain_against_a_tls_listener(opening: Opening, kafka_sasl: SaslKafka):
    """A TLS listener hangs up on plain clients; the error hints at it."""
    error = failure(opening, Connection((kafka_sasl.bootstrap,)))

    assert isinstance(error, (UnreachableError, TimedOutError))
    assert "TLS" in (error.fix or "") or "protocol" in (error.fix or "")


def test_a_missing_certificate_file(opening: Opening):
    """A path that leads nowhere is a fault of the context and names the file."""
    tls = Tls(ca="/no/such/ca.pem")
    connection = Connection(("127.0.0.1:1",), Protocol.SSL, tls=tls)

    with pytest.raises(ContextError, match=r"/no/such/ca\.pem"), opening(Context("t", connection)):
        pass
