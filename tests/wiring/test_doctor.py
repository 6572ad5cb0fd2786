"""How long brokers that are asked side by side are waited for, and where addresses are tried."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.core.diagnosis import graphs as g

from learnflow_kafka.adapters.kubernetes import probes
from learnflow_kafka.adapters.kubernetes.client import Client
from learnflow_kafka.adapters.kubernetes.kubeconfig import Access
from learnflow_kafka.adapters.kubernetes.login import FixedToken
from learnflow_kafka.core.attempts import Spot
from learnflow_kafka.core.connection import Connection
from learnflow_kafka.core.diagnosis.evidence import Evidence, Part, Probe
from learnflow_kafka.core.diagnosis.scene import Address, Tried
from learnflow_kafka.errors import TimedOutError
from learnflow_kafka.wiring.doctor import (
    AGAIN,
    AT_LEAST,
    CONNECT,
    TIMES,
    Company,
    KubernetesScene,
)

BOOTSTRAP = (Address("bootstrap", "kafka.kafka.svc", 9092),)


@pytest.mark.parametrize(
    ("answers", "patience"),
    [
        ([], CONNECT),
        ([0.01], AT_LEAST),
        ([0.01, 0.75], 3.0),
        ([0.75, 0.01], 3.0),
        ([4.0], CONNECT),
    ],
    ids=["nobody answered", "quick", "one was slow", "the slowest counts", "all are slow"],
)
def test_a_broker_is_waited_for_as_its_company_answers(answers: list[float], patience: float):
    """Where the others were quick it has two seconds; where they were slow, its whole time."""
    company = Company()
    for seconds in answers:
        company.answered(seconds)

    assert company.patience() == patience


def test_a_broker_that_is_asked_again_has_less_time_and_tells_how_much():
    """Twice two seconds would be too long; where the others are slow, it may be as slow."""
    company = Company()
    company.answered(0.01)
    assert company.patience(AGAIN) == AGAIN

    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        for seconds in (AT_LEAST, AGAIN):
            with (
                pytest.raises(TimedOutError, match=r"others took 0\.01 s") as caught,
                company.ask(Connection(()), address),
            ):
                pass
            assert float(caught.value.what.split()[3]) >= seconds

    company.answered(1.0)
    assert company.patience(AGAIN) == TIMES


def tried(monkeypatch: pytest.MonkeyPatch, evidence: Evidence) -> tuple[Tried, dict[str, Spot]]:
    """What a namespace with this evidence tries, and the container behind each place."""
    spots: dict[str, Spot] = {}

    def try_(
        _client: Client, spot: Spot, place: str, addresses: Sequence[Address], *_part: Part
    ) -> Tried:
        spots[place] = spot
        return Tried(tuple(Probe(place, a.host, a.port, a.purpose) for a in addresses))

    monkeypatch.setattr(probes, "tried", try_)
    with Client(Access("http://127.0.0.1:1", None, FixedToken(None)), "kafka") as client:
        return KubernetesScene(client, "kafka", None, None).tried(evidence, BOOTSTRAP), spots


def test_addresses_are_tried_from_a_broker_and_from_the_client(monkeypatch: pytest.MonkeyPatch):
    """Both views are there to be compared, the client's from whatever namespace."""
    found, spots = tried(monkeypatch, g.healthy(client=g.CLIENT))

    assert [p.place for p in found.probes] == ["kafka-0", "shop/orders-0"]
    assert spots == {
        "kafka-0": Spot("kafka", "kafka-0", "kafka"),
        "shop/orders-0": Spot("shop", "orders-0", "app"),
    }


def test_a_client_that_does_not_run_is_noted(monkeypatch: pytest.MonkeyPatch):
    """The broker's view is there all the same."""
    found, spots = tried(monkeypatch, g.healthy(client=replace(g.CLIENT, runs=None)))

    assert [s.part for s in found.skipped] == [Part.CLIENT]
    assert "shop/orders-0" in found.skipped[0].reason
    assert [*spots] == ["kafka-0"]


def test_without_a_client_only_a_broker_is_looked_from(monkeypatch: pytest.MonkeyPatch):
    """Nothing is noted about a client that nobody asked about."""
    found, spots = tried(monkeypatch, g.healthy())

    assert found.skipped == ()
    assert [*spots] == ["kafka-0"]
