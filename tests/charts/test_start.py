"""The script that sets a node up: who it is, what it refuses, what only the broker gets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.chart import Pod, mount

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = """#!/bin/sh
# Formats as Kafka does, and says what it was given.
for word in "$@"; do case $word in
  --cluster-id=*) echo "cluster.id=${word#*=}" >"$NODE_VOLUME/kafka/meta.properties" ;;
esac; done
echo "format with heap $KAFKA_HEAP_OPTS and agent '${KAFKA_OPTS-}'"
"""
SERVE = """#!/bin/sh
env | grep -E '^(KAFKA_|LOG_DIR|EXTRA_ARGS)'
echo "serving $1"
"""


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    """Pod kafka-0 with a Kafka that only tells what it was given."""
    bin_ = tmp_path / "kafka" / "bin"
    bin_.mkdir(parents=True)
    for name, text in (("kafka-storage.sh", FORMAT), ("kafka-server-start.sh", SERVE)):
        (bin_ / name).write_text(text, encoding="utf-8")
        (bin_ / name).chmod(0o755)
    mount(tmp_path)
    return Pod(tmp_path, tmp_path / "kafka")


def named(pod: Pod, name: str, **settings: str) -> Pod:
    """Another pod of the same place."""
    return replace(pod, name=name, settings=pod.settings | settings)


@pytest.mark.parametrize(
    ("name", "settings", "node", "roles"),
    [
        ("kafka-0", {}, "0", "broker,controller"),
        ("kafka-2", {}, "2", "broker,controller"),
        ("kafka-3", {}, "3", "broker"),
        ("a-b-10", {}, "10", "broker"),
        ("kafka-0", {"NODE_COMBINED": "0"}, "0", "broker"),
        (
            "kafka-controller-1",
            {"NODE_KIND": "controller", "NODE_ID_BASE": "1000"},
            "1001",
            "controller",
        ),
    ],
)
def test_a_pods_name_says_who_it_is(
    pod: Pod, name: str, settings: dict[str, str], node: str, roles: str
):
    """Ids and roles follow from the ordinal; later brokers are brokers only."""
    own = named(pod, name, **settings)

    done = own.run()

    assert done.returncode == 0, done.stderr
    assert own.properties["node.id"] == node
    assert own.properties["process.roles"] == roles


def test_listeners_carry_the_pods_own_names(pod: Pod):
    """A broker advertises its pod's name, and on LOCAL a port of its own on localhost."""
    own = named(pod, "kafka-2")

    own.run()

    assert (
        own.properties["advertised.listeners"] == "CLIENT://kafka-2.h:9092,LOCAL://localhost:19094"
    )
    assert own.properties["listeners"].endswith(",LOCAL://127.0.0.1:9095,CONTROLLER://:9093")


def test_a_broker_without_the_role_has_no_controllers_listener(pod: Pod):
    """Kafka refuses a broker that listens as a controller; a controller has nothing else."""
    broker = named(pod, "kafka-3")
    controller = named(pod, "c-0", NODE_KIND="controller", NODE_ID_BASE="1000")

    broker.run()
    controller.run()

    assert "CONTROLLER" not in broker.properties["listeners"]
    assert controller.properties["listeners"] == "CONTROLLER://:9093"
    assert "advertised.listeners" not in controller.properties


def test_logs_live_below_the_volumes_root(pod: Pod):
    """A lost+found in the volume's root is not taken for a partition (strimzi#1307)."""
    pod.run()

    assert pod.properties["log.dirs"] == str(pod.volume / "kafka")


def test_only_the_broker_gets_heap_and_agent(pod: Pod):
    """The format step runs without them, and so does whatever `kubectl exec` starts."""
    done = pod.run()

    assert "format with heap -Xmx128m and agent ''" in done.stdout
    assert "KAFKA_HEAP_OPTS=-Xmx256m" in done.stdout
    assert "readiness-agent.jar=port=9404,broker=true,controller=true " in done.stdout
    assert not [name for name in pod.environment if name.startswith("KAFKA_")]


def test_the_images_archive_of_classes_is_used_where_it_is(pod: Pod):
    """A start costs two thirds of its CPU with it; an image may be without."""
    without = pod.run()
    archive = pod.kafka / "kafka.jsa"
    archive.touch()
    done = pod.run()

    assert "SharedArchiveFile" not in without.stdout
    assert f"-XX:SharedArchiveFile={archive}" in done.stdout


def test_the_id_on_the_disk_wins(pod: Pod):
    """A disk keeps its cluster, whatever release or values come back to it (bitnami#6017)."""
    pod.run()
    again = named(
        pod, "kafka-0", NODE_CLUSTER_ID="Lother-other-other-otw", NODE_KEPT_CLUSTER_ID="x"
    )

    done = again.run()

    assert (pod.data / "meta.properties").read_text() == "cluster.id=L0000000000000000000Aw\n"
    assert "format" not in done.stdout
    assert "this disk belongs to cluster L0000000000000000000Aw" in done.stderr


def test_an_explicit_id_wins_over_the_kept_one(pod: Pod):
    """An empty disk takes the id that was asked for."""
    own = named(pod, "kafka-0", NODE_CLUSTER_ID="Lother-other-other-otw")

    own.run()

    assert (pod.data / "meta.properties").read_text() == "cluster.id=Lother-other-other-otw\n"


def test_no_id_at_all_is_refused(pod: Pod):
    """Nothing is formatted with a made-up id."""
    done = named(pod, "kafka-0", NODE_KEPT_CLUSTER_ID="").run()

    assert done.returncode == 1
    assert "no cluster id: set clusterId" in done.stderr


def test_another_set_of_voters_is_refused(pod: Pod):
    """Scaling by the voters' list splits clusters (bitnami#29167); the disk remembers the set."""
    pod.run()

    done = named(pod, "kafka-0", NODE_VOTERS="0@kafka-0.h:9093").run()

    assert done.returncode == 1
    assert "the controllers of this cluster are '0 1 2', the chart now says '0'" in done.stderr
    assert "serving" not in done.stdout


def test_other_names_of_the_same_voters_are_taken(pod: Pod):
    """The set is fixed, its addresses are not: a cluster's domain may have been wrong."""
    pod.run()
    moved = "2@kafka-2.other:9093,1@kafka-1.other:9093,0@kafka-0.other:9093"

    done = named(pod, "kafka-0", NODE_VOTERS=moved).run()

    assert done.returncode == 0, done.stderr
    assert pod.properties["controller.quorum.voters"] == moved


def test_a_first_start_that_failed_binds_nobody(pod: Pod):
    """The voters are remembered once the disk is formatted, not before."""
    named(pod, "kafka-0", NODE_KEPT_CLUSTER_ID="").run()

    done = named(pod, "kafka-0", NODE_VOTERS="0@kafka-0.h:9093", NODE_COMBINED="1").run()

    assert done.returncode == 0, done.stderr


def test_each_broker_advertises_its_own_external_address(pod: Pod):
    """The n-th broker takes the n-th address; a broker without one does not start."""
    settings = {
        "NODE_ADVERTISED": "CLIENT://@HOST@:9092,EXTERNAL://@EXTERNAL@",
        "NODE_EXTERNAL": "a.example:9094 b.example:9094",
    }
    second, third = (named(pod, name, **settings) for name in ("kafka-1", "kafka-2"))

    second.run()
    refused = third.run()

    assert second.properties["advertised.listeners"].endswith("EXTERNAL://b.example:9094")
    assert refused.returncode == 1
    assert "listeners.external.advertised has no address for kafka-2" in refused.stderr


def test_a_volume_that_cannot_be_written_is_named(pod: Pod):
    """The first line of the log says which volume and for whom."""
    pod.volume.write_text("not a folder", encoding="utf-8")

    done = pod.run()

    assert done.returncode == 1
    assert f"cannot write to {pod.volume}" in done.stderr


def test_a_rack_is_told_where_there_is_one(pod: Pod):
    """The zone becomes broker.rack; without one, none is made up."""
    pod.run()
    assert "broker.rack" not in pod.properties
    racked = named(pod, "kafka-0", NODE_RACK="zone-a")

    racked.run()

    assert racked.properties["broker.rack"] == "zone-a"


def test_with_zookeeper_nothing_is_formatted(pod: Pod):
    """Kafka 3.9 with ZooKeeper refuses to be formatted; the id of the broker is the ordinal."""
    own = named(pod, "kafka-1", NODE_MODE="zookeeper", NODE_VOTERS="", NODE_COMBINED="0")

    done = own.run()

    assert done.returncode == 0, done.stderr
    assert own.properties["broker.id"] == "1"
    assert "node.id" not in own.properties
    assert "format" not in done.stdout
    assert "broker=true,controller=false,zookeeper=true " in done.stdout
