"""What stands on disk."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from learnflow_kafka.adapters.local import records
from learnflow_kafka.core.local import Cluster, Declaration, Mode, Node, Role
from learnflow_kafka.errors import StorageError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    """A cluster of one broker with its folder and a file in it."""
    directory = tmp_path / "clusters/shop"
    (directory / "broker-1/data").mkdir(parents=True)
    (directory / "broker-1/data/segment").write_bytes(b"x" * 10_000)
    nodes = (Node(1, (Role.BROKER, Role.CONTROLLER), 9092, 9192),)
    made = Cluster(
        "shop",
        "id",
        Mode.KRAFT,
        "4.3.1",
        directory,
        nodes,
        declaration=Declaration("/c.yaml", None),
    )
    records.write(made)
    return made


def test_a_record_is_read_as_it_was_written(cluster: Cluster):
    """Nothing of the record is lost on its way through the file."""
    assert records.read(cluster.directory) == cluster


def test_clusters_are_found_by_name(cluster: Cluster, tmp_path: Path):
    """Only folders with a record are clusters."""
    (tmp_path / "clusters/empty").mkdir()
    found = records.Records(tmp_path / "clusters")

    assert found.names() == ("shop",)
    assert found.find("empty") is None


def test_a_folder_elsewhere_is_found_by_its_name(cluster: Cluster, tmp_path: Path):
    """`--data DIR` is needed once; later commands know the name."""
    elsewhere = tmp_path / "big-disk"
    elsewhere.mkdir()
    records.write(replace(cluster, name="lab", directory=elsewhere))
    found = records.Records(tmp_path / "clusters")
    found.remember("lab", elsewhere)

    assert found.names() == ("lab", "shop")
    assert found.directory("lab") == elsewhere


@pytest.mark.parametrize("name", ["", "UP", "a/b", "..", "-x", "a" * 41])
def test_a_name_that_could_be_a_path_is_refused(name: str, tmp_path: Path):
    """Names become folders: only harmless ones are taken."""
    with pytest.raises(UsageError, match="cannot be a cluster's name"):
        records.Records(tmp_path).directory(name)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 99}', "\0"])
def test_a_broken_record_is_named(cluster: Cluster, text: str):
    """The file is named, and nothing is made anew over it."""
    (cluster.directory / records.RECORD).write_text(text)

    with pytest.raises(StorageError, match="record is broken") as caught:
        records.read(cluster.directory)
    assert records.RECORD in (caught.value.where or "")


def test_wiping_removes_the_clusters_own_files_alone(cluster: Cluster):
    """Whatever else lies in the folder stays."""
    (cluster.directory / "notes.txt").write_text("mine")
    size = records.wipe(cluster)

    assert [p.name for p in cluster.directory.iterdir()] == ["notes.txt"]
    assert size >= 10_000


def test_a_folder_with_other_things_is_not_used(tmp_path: Path):
    """A new cluster never moves in with somebody's files."""
    (tmp_path / "thesis.tex").write_text("")

    with pytest.raises(StorageError, match=r"thesis\.tex"):
        records.require_ours(tmp_path)


def test_data_without_a_record_is_not_overwritten(tmp_path: Path):
    """A record that was lost does not cost the data."""
    (tmp_path / "broker-1/data/__cluster_metadata-0").mkdir(parents=True)

    with pytest.raises(StorageError, match="no record"):
        records.require_ours(tmp_path)


def test_what_an_interrupted_making_left_is_not_in_the_way(tmp_path: Path):
    """A formatted folder that no broker opened can be made again."""
    (tmp_path / "broker-1/data").mkdir(parents=True)
    (tmp_path / "broker-1/data/meta.properties").write_text("")

    records.require_ours(tmp_path)
    assert records.read(tmp_path) is None


def test_a_comma_in_the_path_is_refused(tmp_path: Path):
    """Kafka would take it for two folders."""
    with pytest.raises(StorageError, match="comma"):
        records.require_ours(tmp_path / "a,b")
