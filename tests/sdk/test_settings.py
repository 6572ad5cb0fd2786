"""What a service may set: everything wrong is named at once, with what to write instead."""

from __future__ import annotations

import math
import socket
from typing import TYPE_CHECKING, Any

import pytest
from tests.sdk.notes import Note, world

from learnflow_kafka.errors import DeliveryError, UsageError
from learnflow_kafka.sdk import App, Producer
from learnflow_kafka.sdk.health import Health
from learnflow_kafka.sdk.health_pages import HealthServer
from learnflow_kafka.sdk.observing import Observer
from learnflow_kafka.sdk.protocols import offered
from learnflow_kafka.sdk.settings import GroupProtocol, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

NOWHERE = "127.0.0.1:1"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("acks", "every in-sync replica"),
        ("auto.commit.enable", "after handlers succeed"),
        ("compression.codec", "give `compression`"),
        ("compression.type", "give `compression`"),
        ("default.topic.config", "by themselves"),
        ("delivery.report.only.error", "receipt"),
        ("dr_cb", "receipt"),
        ("error_cb", "listens"),
        ("group.instance.id", "give `group_instance`"),
        ("log_cb", "logger"),
        ("logger", "logger"),
        ("metadata.broker.list", "give `bootstrap`"),
        ("offset.store.method", "after handlers succeed"),
        ("on_delivery", "receipt"),
        ("partition.assignment.strategy", "cooperatively"),
        ("queue.buffering.max.kbytes", "give `queue_bytes`"),
        ("queue.buffering.max.messages", "give `queue_records`"),
        ("queue.buffering.max.ms", "give `linger_ms`"),
        ("queuing.strategy", "order"),
        ("request.required.acks", "every in-sync replica"),
    ],
)
def test_no_name_of_the_client_leads_around_a_guarantee(name: str, reason: str) -> None:
    """A setting that delivery rests on is refused under each of its names, with the reason."""
    with pytest.raises(UsageError, match=reason):
        Settings(extra={name: 1})


@pytest.mark.parametrize(
    ("field", "value", "instead"),
    [
        ("linger_ms", -5, "from 0 to 900000"),
        ("linger_ms", 500_000, "delivery_timeout in which"),
        ("compression", "foo", "one of none, gzip"),
        ("delivery_timeout", -1, "from 0.001 to 2147483"),
        ("delivery_timeout", 0, "from 0.001"),
        ("delivery_timeout", math.nan, "a number"),
        ("queue_records", -1, "from 1"),
        ("queue_records", 1.5, "a whole number"),
        ("queue_records", True, "a whole number"),
        ("queue_bytes", "64", "a whole number"),
        ("buffer_records", 0, "from 1"),
        ("buffer_bytes", 0, "from 1"),
        ("commit_interval", -1, "from 0"),
        ("handler_deadline", 0, "above 0, or None"),
        ("grace", -1, "from 0"),
        ("group_protocol", "newest", "'auto', 'classic' or 'consumer'"),
        ("group_instance", 5, "a name, or None"),
        ("transaction_timeout", 0.1, "from 1"),
        ("transactional_instance", "", "a name, or None"),
        ("observers", [1], "1 is none"),
        ("observers", (Observer,), "is none"),
        ("observers", Observer(), "write a tuple"),
    ],
)
def test_a_value_that_cannot_be_is_refused(field: str, value: object, instead: str) -> None:
    """The error names the field, its value, and what to write."""
    values: dict[str, Any] = {field: value}
    with pytest.raises(UsageError, match=f"{field} is ") as caught:
        Settings(**values)

    assert instead in str(caught.value)


def test_all_that_is_wrong_is_named_at_once() -> None:
    """Nobody has to start a service three times to mend three settings."""
    with pytest.raises(UsageError) as caught:
        Settings(grace=-1, buffer_records=0, compression="foo")

    assert all(name in str(caught.value) for name in ("grace", "buffer_records", "compression"))


def test_a_group_protocols_name_will_do() -> None:
    """A string from somebody's configuration means the same as the value."""
    name: Any = "classic"
    assert Settings(group_protocol=name).group_protocol is GroupProtocol.CLASSIC


EXTRAS: tuple[Mapping[str, Any], ...] = (
    {"nonsense": 1},
    {"fetch.min.bytes": -5},
    {"socket.timeout.ms": "soon"},
    {"stats_cb": "no function"},
)


@pytest.mark.parametrize("extra", EXTRAS, ids=str)
def test_what_the_client_refuses_is_an_error_of_ours(extra: Mapping[str, Any]) -> None:
    """Sending and asking the cluster say which setting it is, and what to mend."""
    place, name = world(), next(iter(extra))
    producer = Producer("writer", place.contract, bootstrap=NOWHERE, settings=Settings(extra=extra))
    with pytest.raises(UsageError, match=name) as caught:
        producer.post(place.notes, Note(student="ada", number=1))
    with pytest.raises(UsageError, match=name):
        offered({"bootstrap.servers": NOWHERE, **extra}, 1)

    assert "extra" in (caught.value.fix or "")


def test_an_app_names_the_setting_that_its_client_refuses() -> None:
    """It ends at once, and not with a traceback out of its inside."""
    place = world()
    settings = Settings(group_protocol=GroupProtocol.CLASSIC, extra={"max.poll.interval.ms": 5})
    app = App("reader", place.contract, bootstrap=NOWHERE, settings=settings)
    app.on(place.notes)(lambda note: None)

    with pytest.raises(UsageError, match=r"max\.poll\.interval\.ms"):
        app.run()


@pytest.mark.parametrize("deadline", [0, -1, -1.0, math.nan, "1"], ids=repr)
def test_a_handlers_deadline_is_a_time(deadline: Any) -> None:
    """No number stands for something else."""
    place = world()
    app = App("reader", place.contract, bootstrap=NOWHERE)

    with pytest.raises(UsageError, match="deadline is"):
        app.on(place.notes, deadline=deadline)


@pytest.mark.parametrize(
    ("bootstrap", "said"),
    [
        (["127.0.0.1:9092"], "one string"),
        (5, "a string or a Connection"),
        ("127.0.0.1:port", "write HOST:PORT"),
        ("127.0.0.1:70000", "outside 1 to 65535"),
        ("nohost", "write HOST:PORT"),
        ("http://127.0.0.1:9092", "write HOST:PORT alone"),
        ("a:1,b", "'b' is no address"),
    ],
    ids=repr,
)
def test_an_address_that_is_none_is_refused_at_once(bootstrap: Any, said: str) -> None:
    """A producer for it is not made; the error says what to write."""
    with pytest.raises(UsageError) as caught:
        Producer("writer", world().contract, bootstrap=bootstrap)

    assert said in f"{caught.value} {caught.value.fix}"


def test_a_record_that_timed_out_says_what_the_client_met() -> None:
    """An address where nobody listens is named, with the next step."""
    place, settings = world(), Settings(linger_ms=0, delivery_timeout=1)
    producer = Producer("writer", place.contract, bootstrap=NOWHERE, settings=settings)
    with pytest.raises(DeliveryError, match=r"last error: 127\.0\.0\.1:1.*refused") as caught:
        producer.send(place.notes, Note(student="ada", number=1))
    producer.close(1)

    assert caught.value.fix == "learnflow verify"


def test_a_taken_health_port_is_named() -> None:
    """The error says which, and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} .* is taken") as caught:
            HealthServer(lambda: Health(live=True, ready=True), port=port)

    assert caught.value.where == f"127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 70_000), ("203.0.113.1", 0)], ids=["port", "host"]
)
def test_where_health_pages_cannot_be_is_an_error_of_ours(host: str, port: int) -> None:
    """A number that no port has, or a host that is not this one."""
    with pytest.raises(UsageError, match="cannot listen"):
        HealthServer(lambda: Health(live=True, ready=True), port=port, host=host)
