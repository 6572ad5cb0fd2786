"""What Kafka is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from learnflow_kafka.adapters.local import config
from learnflow_kafka.core.local import Cluster, Mode, Node, Role

BOTH = (Role.BROKER, Role.CONTROLLER)
DAY = 86_400_000


def kraft(brokers: int, *, containers: str | None = None) -> Cluster:
    nodes = tuple(
        Node(i, BOTH, 9091 + i, 9191 + i, 29091 + i if containers else None)
        for i in range(1, brokers + 1)
    )
    return Cluster("default", "id", Mode.KRAFT, "4.3.1", Path("/d"), nodes, containers=containers)


def properties(cluster: Cluster, *, retention_ms: int = DAY) -> dict[str, str]:
    return config.server_properties(cluster, cluster.brokers[0], Path("/d/data"), retention_ms)


@pytest.mark.parametrize("brokers", [1, 3])
def test_every_listener_is_on_loopback(brokers: int):
    """Nothing is reachable from another machine unless that was asked for."""
    found = properties(kraft(brokers))

    assert "//127.0.0.1:" in found["listeners"]
    assert found["listeners"].count("//") == found["listeners"].count("//127.0.0.1:")


@pytest.mark.parametrize(
    ("brokers", "replicas", "in_sync"), [(1, 1, 1), (2, 2, 1), (3, 3, 2), (5, 3, 2)]
)
def test_internal_topics_fit_the_brokers(brokers: int, replicas: int, in_sync: int):
    """Kafka's own topics can be made on one broker, and are safe on three."""
    found = properties(kraft(brokers))

    assert found["offsets.topic.replication.factor"] == str(replicas)
    assert found["transaction.state.log.replication.factor"] == str(replicas)
    assert found["transaction.state.log.min.isr"] == str(in_sync)
    assert found["share.coordinator.state.topic.replication.factor"] == str(replicas)
    assert found["share.coordinator.state.topic.min.isr"] == str(in_sync)


def test_topics_are_never_made_by_accident():
    """A mistyped name is an error for the client, not a new topic."""
    assert properties(kraft(1))["auto.create.topics.enable"] == "false"


@pytest.mark.parametrize(
    ("retention_ms", "minutes"), [(30 * DAY, "43200"), (90_000, "2"), (1, "1")]
)
def test_offsets_are_kept_for_whole_minutes_rounded_up(retention_ms: int, minutes: str):
    """Never shorter than asked for."""
    found = properties(kraft(1), retention_ms=retention_ms)

    assert found["offsets.retention.minutes"] == minutes


def test_every_controller_votes():
    """Each node names all voters, so that the quorum forms whoever starts first."""
    found = properties(kraft(3))

    assert found["controller.quorum.voters"] == (
        "1@127.0.0.1:9192,2@127.0.0.1:9193,3@127.0.0.1:9194"
    )


def test_containers_get_a_listener_of_their_own():
    """Programs here keep loopback; containers are told the name that they know."""
    found = properties(kraft(1, containers="172.17.0.1"))

    assert "CONTAINERS://172.17.0.1:29092" in found["listeners"]
    assert found["advertised.listeners"] == (
        "CLIENT://127.0.0.1:9092,CONTAINERS://172.17.0.1:29092"
    )


@pytest.mark.parametrize(
    ("host", "bound"),
    [("172.17.0.1", "172.17.0.1"), ("host.docker.internal", "0.0.0.0"), ("1.2.3", "0.0.0.0")],
)
def test_a_name_that_only_containers_know_binds_everywhere(host: str, bound: str):
    """An address is bound itself; a name cannot be resolved here."""
    assert config.bind_address(host) == bound


def test_a_broker_with_zookeeper_knows_nothing_of_kraft():
    """The older line gets its own settings."""
    keeper = Node(0, (Role.ZOOKEEPER,), 9192)
    cluster = replace(kraft(1), mode=Mode.ZOOKEEPER, nodes=(keeper, Node(1, (Role.BROKER,), 9092)))
    found = properties(cluster)

    assert found["zookeeper.connect"] == "127.0.0.1:9192"
    assert not [key for key in found if key.startswith(("process.", "controller.quorum", "share."))]


def test_zookeeper_serves_no_web_page_and_loopback_only():
    """Its admin server would take port 8080 on every interface."""
    found = config.zookeeper_properties(Node(0, (Role.ZOOKEEPER,), 9192), Path("/z"))

    assert found["admin.enableServer"] == "false"
    assert found["clientPortAddress"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("/plain/path", "/plain/path"),
        ("C:\\x", "C:\\\\x"),
        (" lead", "\\ lead"),
        ("é😀", "\\u00e9\\ud83d\\ude00"),
    ],
)
def test_properties_are_escaped_as_java_reads_them(value: str, written: str):
    """A folder with any name in it survives."""
    assert config.as_properties({"k": value}) == f"k={written}\n"
