"""Connect: tunnels to every broker, and what is told of pods that come and go."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.app.test_verify import FastClock
from tests.support.kubernetes import (
    UNREADABLE,
    FakePlatform,
    FakeTunnels,
    healthy,
    nothing,
    pod,
    workload,
)

from learnflow_kafka.app.connect import Back, Blind, Connected, ConnectEvent, Gone, Grown, connect
from learnflow_kafka.core.connection import Kubernetes
from learnflow_kafka.core.kubernetes import Snapshot
from learnflow_kafka.errors import ForwardError

DOWN = replace(healthy(), pods=(pod(0), pod(1, ready=False, trouble="it is being deleted"), pod(2)))
RENEWED = replace(healthy(), pods=(pod(0), pod(1, uid="another"), pod(2)))


def told(*scenes: Snapshot, tunnels: FakeTunnels | None = None) -> list[ConnectEvent]:
    """The events while these scenes pass."""
    platform = FakePlatform(list(scenes), tunnels=tunnels or FakeTunnels())
    left = len(scenes) - 1

    def stop() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    events = list(connect(platform, Kubernetes(), FastClock(), stop=stop))
    assert platform.closed
    return events


def test_every_broker_gets_its_port_at_once():
    """All doors before the first event: clients need each of them."""
    (connected,) = told(healthy())

    assert isinstance(connected, Connected)
    assert connected.bootstrap == ("localhost:19092", "localhost:19093", "localhost:19094")
    assert connected.waiting == ()


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (nothing("Active"), "no brokers that our chart made"),
        (replace(healthy(), workloads=(workload(local_base=None),)), "no LOCAL listener"),
        (replace(healthy(), workloads=(workload(0),)), "no brokers at all"),
        (replace(healthy(), workloads=UNREADABLE), "may not read"),
    ],
)
def test_where_no_tunnel_can_work_it_says_why(seen: Snapshot, words: str):
    """Forwarding the bootstrap alone would list topics and then hang: it is refused instead."""
    with pytest.raises(ForwardError, match=words) as caught:
        told(seen)

    assert caught.value.fix


def test_brokers_that_are_not_ready_are_named_from_the_start():
    """The tunnels stand all the same, and lead to the pod as soon as it is there."""
    (connected,) = told(DOWN)

    assert isinstance(connected, Connected)
    assert connected.waiting == (("kafka-1", "it is being deleted"),)


def test_a_restart_is_told_once_each_way():
    """Gone with the reason, back with whether it is a new pod; nothing in between."""
    events = told(healthy(), DOWN, DOWN, RENEWED, RENEWED)

    assert events[1:] == [Gone("kafka-1", "it is being deleted"), Back("kafka-1", renewed=True)]


def test_a_restart_between_two_looks_is_noticed():
    """A new pod of the same name is another one, however quick it was."""
    assert told(healthy(), RENEWED)[1:] == [Back("kafka-1", renewed=True)]


def test_a_pod_that_is_gone_is_told():
    """Between two lives there is no pod at all."""
    absent = replace(healthy(), pods=(pod(0), pod(2)))

    events = told(healthy(), absent, absent, healthy())

    assert events[1:] == [Gone("kafka-1", "its pod is gone"), Back("kafka-1", renewed=False)]


def test_new_brokers_get_doors_and_old_doors_stay():
    """Scaling up opens ports; scaling down closes none, for the broker may come back."""
    tunnels = FakeTunnels()

    events = told(healthy(), healthy(4), healthy(3), healthy(4), tunnels=tunnels)
    grown = [e for e in events if isinstance(e, Grown)]

    assert [d.pod for e in grown for d in e.doors] == ["kafka-3"]
    assert [d.local_port for d in tunnels.doors] == [19092, 19093, 19094, 19095]


def test_an_api_server_that_is_away_is_told_once():
    """Tunnels live without it being read; when it is back, the watch goes on."""
    blind = replace(healthy(), pods=UNREADABLE)

    events = told(healthy(), blind, blind, RENEWED, blind)

    assert events[1:] == [
        Blind("we may not read it"),
        Back("kafka-1", renewed=True),
        Blind("we may not read it"),
    ]


def test_a_port_that_is_taken_ends_it():
    """All or none: a client with two of three brokers fails in ways that nobody understands."""
    with pytest.raises(ForwardError, match="19093"):
        told(healthy(), tunnels=FakeTunnels(refuses=ForwardError("port 19093 is not free")))
