"""A broker that answers and names no broker, as one does that no controller has told of any."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tests.support.clusters import LocalKafka
from tests.support.commands import Learnflow
from tests.support.wire import tapped

pytestmark = pytest.mark.kafka


@pytest.fixture
def address(kafka1: LocalKafka) -> Iterator[str]:
    """Such a broker's."""
    port = kafka1.cluster.brokers[0].port
    assert port is not None
    with tapped(port) as tap:
        tap.knows_brokers = False
        yield tap.address


def test_a_command_says_that_no_broker_is_named(learnflow: Learnflow, address: str):
    """Where it looked, what the answer was, and what to do; no word of a library."""
    done = learnflow("topics", "list", "-b", address)

    assert done.code == 1
    assert f"error: {address}: no broker answers (who answered names no broker" in done.err
    assert "next: " in done.err


def test_verify_fails_for_it_and_asks_nothing_more(learnflow: Learnflow, address: str):
    """One failure; the rest is not checked, and points to it."""
    done = learnflow("verify", "-b", address, "--json")
    found = {f["name"]: f for f in json.loads(done.text)["findings"]}
    points = {f["detail"] for f in found.values() if f["status"] == "not checked"}

    assert done.code == 1
    assert [name for name, f in found.items() if f["status"] == "failed"] == ["brokers.registered"]
    assert "names no broker" in found["brokers.registered"]["detail"]
    assert points == {"not asked: see `brokers.registered`"}
