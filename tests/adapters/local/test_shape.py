"""Which processes a cluster gets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.ports import free_ports

from learnflow_kafka.adapters.local import download, records, shape
from learnflow_kafka.adapters.local.client import LocalRuntime
from learnflow_kafka.core.local import Cluster, ClusterSpec, Mode, Role
from learnflow_kafka.errors import RefusedError, UsageError


def made(brokers: int, mode: Mode = Mode.KRAFT, **wishes: str) -> Cluster:
    spec = ClusterSpec(brokers=brokers, mode=mode, port=free_ports(brokers), **wishes)  # type: ignore[arg-type]
    return shape.new_cluster(spec, Path("/d"), "4.3.1", "id")


@pytest.mark.parametrize(("brokers", "voters"), [(1, 1), (2, 1), (3, 3), (4, 3), (5, 3)])
def test_the_quorum_can_lose_one_or_is_one(brokers: int, voters: int):
    """Two controllers would stop when either does, so there are one or three."""
    nodes = made(brokers).nodes

    assert sum(Role.CONTROLLER in node.roles for node in nodes) == voters
    assert all(node.is_broker for node in nodes)


def test_brokers_get_neighbouring_ports_and_internal_ones_lie_above():
    """The first port is the one that was asked for; no two nodes share any."""
    cluster = made(3)
    ports = [p for n in cluster.nodes for p in (n.port, n.controller_port)]
    first = cluster.nodes[0].port or 0

    assert [n.port for n in cluster.nodes] == [first, first + 1, first + 2]
    assert len(set(ports)) == 6


def test_zookeeper_is_a_node_before_the_brokers():
    """It starts first and has a port of its own."""
    cluster = made(1, Mode.ZOOKEEPER)

    assert cluster.nodes[0].roles == (Role.ZOOKEEPER,)
    assert cluster.nodes[0].port not in {None, cluster.nodes[1].port}


def test_containers_get_ports_far_from_the_others():
    """The second listener does not take a neighbour's port."""
    cluster = made(2, containers="127.0.0.2")

    assert all((n.containers_port or 0) >= (n.port or 0) + 200 for n in cluster.nodes)


@pytest.mark.parametrize("brokers", [0, -1, 10])
def test_an_impossible_number_of_brokers_is_refused(brokers: int):
    """The limits are told."""
    with pytest.raises(UsageError, match="brokers"):
        shape.new_cluster(ClusterSpec(brokers=brokers), Path("/d"), "4.3.1", "id")


@pytest.mark.parametrize("spec", [ClusterSpec(brokers=1), ClusterSpec(mode=Mode.ZOOKEEPER)])
def test_another_shape_than_the_cluster_has_is_refused(spec: ClusterSpec):
    """The error offers another name, or to begin anew, and never does either by itself."""
    with pytest.raises(RefusedError, match="was made with") as caught:
        shape.require_same(spec, made(3))
    assert "--name" in (caught.value.fix or "")
    assert "--wipe" in (caught.value.fix or "")


def test_a_wish_that_is_left_out_takes_the_cluster_as_it_is():
    """A plain `up` starts what is there."""
    cluster = replace(made(3), containers="127.0.0.2")
    shape.require_same(ClusterSpec(), cluster)
    settled = shape.changed(ClusterSpec(), cluster)

    assert settled.bootstrap == cluster.bootstrap
    assert settled.containers == "127.0.0.2"


def test_an_address_of_another_machine_is_refused():
    """The second listener can only be where this machine is."""
    with pytest.raises(UsageError, match="no address of this machine"):
        made(1, containers="203.0.113.7")


def test_another_mode_is_refused_before_anything_is_fetched(tmp_path: Path):
    """Kafka 3.9 is not downloaded for a cluster that has no ZooKeeper."""

    def source() -> download.Source:
        raise AssertionError("asked for a download")

    runtime = LocalRuntime(data=tmp_path, cache=tmp_path / "cache", environ={}, source=source)
    folder = tmp_path / "clusters" / "t"
    folder.mkdir(parents=True)
    records.write(replace(made(1), name="t", directory=folder))

    with pytest.raises(RefusedError, match="was made with mode kraft"):
        list(runtime.start(ClusterSpec("t", mode=Mode.ZOOKEEPER)))
