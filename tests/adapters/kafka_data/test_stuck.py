"""A transaction's request that never returns, as librdkafka's may (its issues 5456 and 5511)."""

from __future__ import annotations

import time

import pytest

from learnflow_kafka.adapters.kafka_data import transfer
from learnflow_kafka.adapters.kafka_data.client import Client, Limits
from learnflow_kafka.core.connection import Connection
from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.ports import Mark
from learnflow_kafka.errors import TimedOutError
from learnflow_kafka.testing import mocking

NAME, GROUP = "mover", "movers"
AT = TopicPartition("letters", 0)


def test_a_transfer_whose_coordinator_dies_ends_and_another_goes_on(
    monkeypatch: pytest.MonkeyPatch,
):
    """Its client is left behind; what it left open has ended for the next transfer."""
    monkeypatch.setattr(transfer, "_GRACE", 1.0)
    with mocking(brokers=2) as mock:
        mock.create(AT.topic)
        mock.coordinate(GROUP, broker=2)
        mock.coordinate_transactions(NAME, broker=1)
        client = Client(Connection((mock.bootstrap,)), limits=Limits(request=3.0))
        mock.down(broker=2)
        begin = time.monotonic()
        with (
            pytest.raises(TimedOutError, match="does not come back from send_offsets"),
            transfer.opened(client, NAME, GROUP) as first,
        ):
            first.move([], {AT: Mark(1, "one")})
        took = time.monotonic() - begin
        mock.up(broker=2)
        with transfer.opened(client, NAME, GROUP) as second:
            second.move([], {AT: Mark(2, "two")})

    assert took < 15
