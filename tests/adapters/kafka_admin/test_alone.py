"""One broker asked alone: how long a silent one is waited for."""

from __future__ import annotations

import socket
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from learnflow_kafka.adapters import kafka_admin
from learnflow_kafka.core.connection import Connection
from learnflow_kafka.errors import KafkaError, TimedOutError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.clusters import LocalKafka

LONG = 60.0
"""Seconds; who waits so long takes the whole time of the test."""


@pytest.fixture
def mute() -> Iterator[str]:
    """An address that takes connections and answers nothing, as a frozen broker's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def test_a_silent_broker_is_given_up_when_nothing_is_to_be_hoped_for(mute: str):
    """The wait ends long before its time, with an error of ours that says why."""
    began = time.monotonic()
    with pytest.raises(TimedOutError, match="others did long ago"):
        kafka_admin.connect_alone(
            Connection((mute,)),
            limits=kafka_admin.Limits(connect=LONG),
            hopeless=lambda: time.monotonic() - began > 0.2,
        )

    assert time.monotonic() - began < LONG / 2


def test_while_there_is_hope_a_silent_broker_has_its_whole_time(mute: str):
    """It fails by its own limit."""
    began = time.monotonic()
    with pytest.raises(KafkaError) as caught:
        kafka_admin.connect_alone(
            Connection((mute,)), limits=kafka_admin.Limits(connect=0.5), hopeless=lambda: False
        )

    assert "others did" not in str(caught.value)
    assert time.monotonic() - began >= 0.5


@pytest.mark.kafka
def test_a_broker_whose_controller_hangs_is_not_waited_for(kafka3: LocalKafka):
    """It would wait half a minute for the one that led; all that it knows itself it tells."""

    def asked(broker: int) -> kafka_admin.KafkaAdminAdapter:
        address = kafka3.cluster.bootstrap[broker - 1]
        limits = kafka_admin.Limits(request=LONG, quorum=0.5)
        return kafka_admin.KafkaAdminAdapter(
            kafka_admin.connect_alone(Connection((address,)), limits=limits)
        )

    with closing(asked(1)) as port:
        quorum = port.quorum()
    assert quorum is not None
    assert quorum.leader is not None
    with kafka3.frozen(quorum.leader), closing(asked(quorum.leader % 3 + 1)) as port:
        began = time.monotonic()
        with pytest.raises(KafkaError):
            port.quorum()
        seconds = time.monotonic() - began
        cluster = port.cluster()

    assert seconds < LONG / 2
    assert len(cluster.brokers) == 3
