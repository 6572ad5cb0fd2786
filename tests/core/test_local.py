"""What is asked for and stands on this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from learnflow_kafka.core.local import (
    OFFSETS_AT_LEAST_MS,
    OFFSETS_OF_ENDLESS_MS,
    Cluster,
    LocalStatus,
    Mode,
    Node,
    NodeState,
    NodeStatus,
    Role,
    host_fault,
    offsets_retention_ms,
)

DAY = 86_400_000
BROKERS = tuple(
    Node(i, (Role.BROKER, Role.CONTROLLER), 9091 + i, 9191 + i, 29091 + i) for i in (1, 2, 3)
)
CLUSTER = Cluster("default", "abc", Mode.KRAFT, "4.3.1", Path("/data"), BROKERS)


def test_bootstrap_names_every_broker_on_loopback():
    """Programs get the addresses of all brokers, so that one may be down."""
    assert CLUSTER.bootstrap == ("127.0.0.1:9092", "127.0.0.1:9093", "127.0.0.1:9094")


def test_zookeeper_is_no_bootstrap_address():
    """Clients are never pointed at ZooKeeper."""
    keeper = Node(0, (Role.ZOOKEEPER,), 2181)
    cluster = replace(CLUSTER, nodes=(keeper, *BROKERS[:1]))

    assert cluster.bootstrap == ("127.0.0.1:9092",)


def test_the_default_cluster_is_the_context_local():
    """A plain `up` is `local`, a named one `local/NAME`."""
    assert CLUSTER.context_name == "local"
    assert replace(CLUSTER, name="shop").context_name == "local/shop"


def test_the_context_pins_the_cluster_and_its_size():
    """Commands that use the context know which cluster is meant, and how many brokers it has."""
    context = CLUSTER.context

    assert (context.cluster_id, context.brokers, context.environment) == ("abc", 3, "local")


def test_containers_have_an_address_only_where_it_was_asked_for():
    """Without a host for containers there is no second address."""
    assert CLUSTER.containers_bootstrap == ()
    assert replace(CLUSTER, containers="172.17.0.1").containers_bootstrap[0] == "172.17.0.1:29092"


@pytest.mark.parametrize(
    ("retentions", "kept"),
    [
        ([], OFFSETS_AT_LEAST_MS),
        ([7 * DAY], OFFSETS_AT_LEAST_MS),
        ([7 * DAY, 90 * DAY], 90 * DAY),
        ([-1, 7 * DAY], OFFSETS_OF_ENDLESS_MS),
        ([2**62], (2**31 - 1) * 60_000),
    ],
)
def test_offsets_are_kept_as_long_as_the_longest_retention(retentions: list[int], kept: int):
    """A group that rested as long as its records are kept finds its place again."""
    assert offsets_retention_ms(retentions) == kept


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ((NodeState.RUNNING, NodeState.RUNNING), (True, False)),
        ((NodeState.RUNNING, NodeState.STOPPED), (False, False)),
        ((NodeState.STARTING, NodeState.STOPPED), (False, False)),
        ((NodeState.STOPPED, NodeState.STOPPED), (False, True)),
    ],
)
def test_a_cluster_runs_when_every_process_does(
    states: tuple[NodeState, ...], said: tuple[bool, bool]
):
    """One broker that is missing makes the cluster neither running nor stopped."""
    nodes = tuple(
        NodeStatus(node, state, Path("log"), 0)
        for node, state in zip(BROKERS, states, strict=False)
    )
    status = LocalStatus(CLUSTER, nodes)

    assert (status.running, status.stopped) == said


@pytest.mark.parametrize(
    "host", ["foo bar", "", "a:9092", "[::1]", "::1", "a,b", "-a", "a..b", "0.0.0.0", "a" * 64, "ä"]
)
def test_what_no_broker_can_advertise_is_no_host(host: str):
    """Kafka takes letters, digits, '.', '-' and '_'; every interface is no address."""
    assert host_fault(host) is not None


@pytest.mark.parametrize("host", ["host.docker.internal", "172.17.0.1", "kafka_1", "me"])
def test_names_and_addresses_are_hosts(host: str):
    """Whether they resolve is not asked: only containers may know them."""
    assert host_fault(host) is None
