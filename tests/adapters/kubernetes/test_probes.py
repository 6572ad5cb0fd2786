"""Addresses tried from a pod: what comes of it becomes probes, or a note that says what to do."""

from __future__ import annotations

import pytest

from learnflow_kafka.adapters.kubernetes import execute, probes
from learnflow_kafka.adapters.kubernetes.client import Client
from learnflow_kafka.adapters.kubernetes.kubeconfig import Access
from learnflow_kafka.adapters.kubernetes.login import FixedToken
from learnflow_kafka.core.attempts import Spot
from learnflow_kafka.core.diagnosis.evidence import Part, Probe, Resolver
from learnflow_kafka.core.diagnosis.scene import Address, Tried
from learnflow_kafka.core.kubernetes import Ran
from learnflow_kafka.errors import ApiForbiddenError, KubernetesError

SPOT = Spot("shop", "orders-0", "app")
ADDRESSES = (Address("bootstrap", "kafka", 9092), Address("broker 0", "kafka-0", 9092))
BROKEN = KubernetesError("the command could not be run: its container is gone")
FORBIDDEN = ApiForbiddenError("pods/exec is forbidden", status=403, reason="Forbidden")


def tried(monkeypatch: pytest.MonkeyPatch, answer: Ran | Exception) -> Tried:
    """What comes of a command that ends so."""

    def run(*_args: object, **_more: object) -> Ran:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(execute, "run", run)
    with Client(Access("http://127.0.0.1:1", None, FixedToken(None)), "kafka") as client:
        return probes.tried(client, SPOT, "shop/orders-0", ADDRESSES, Part.CLIENT)


def test_each_address_becomes_a_probe_of_its_place(monkeypatch: pytest.MonkeyPatch):
    """With whose address it is, and the pod's own resolver; what was not told is left out."""
    told = "means bash\nresolv nameserver 10.0.0.2\nprobe kafka:9092 0 \n"
    found = tried(monkeypatch, Ran(0, told, ""))

    assert found.probes == (Probe("shop/orders-0", "kafka", 9092, "bootstrap"),)
    assert found.resolvers == (Resolver("shop/orders-0", ("10.0.0.2",)),)
    assert found.skipped == ()


@pytest.mark.parametrize("answer", [BROKEN, Ran(127, "", ""), Ran(0, "means nothing\n", "")])
def test_a_pod_without_tools_is_skipped_with_the_way_by_hand(
    monkeypatch: pytest.MonkeyPatch, answer: Ran | Exception
):
    """It is no fault of Kafka's, and somebody can look from a container beside it."""
    (note,) = tried(monkeypatch, answer).skipped

    assert note.part is Part.CLIENT
    assert "shop/orders-0" in note.reason
    assert note.fix is not None
    assert "kubectl debug -n shop orders-0 -it --image=busybox -- nc kafka 9092" in note.fix


def test_a_missing_right_is_skipped_with_the_right(monkeypatch: pytest.MonkeyPatch):
    """It is one for the client's namespace."""
    (note,) = tried(monkeypatch, FORBIDDEN).skipped

    assert note.fix == "ask for pods/exec in namespace shop"
