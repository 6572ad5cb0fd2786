"""Disks that are full or cannot be written."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.support.ports import free_ports

from learnflow_kafka.core.local import ClusterSpec, Serving
from learnflow_kafka.errors import StartError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from learnflow_kafka.adapters.local.client import LocalRuntime

pytestmark = [pytest.mark.kafka, pytest.mark.root]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 256 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(place)],
        capture_output=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip("this machine does not let us mount")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path, *, leave: int) -> Path:
    """Take the disk's space but for `leave` bytes."""
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    filler = disk / ".filler"
    with filler.open("wb") as out:
        os.posix_fallocate(out.fileno(), 0, max(1, free - leave))
    return filler


def read_only(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


def test_a_disk_without_room_is_told_before_anything_starts(
    runtime: LocalRuntime, small_disk: Path
):
    """The error says how much is free and how much is needed, and where else to go."""
    spec = ClusterSpec(name="t", port=free_ports(1), directory=small_disk / "kafka")
    fill(small_disk, leave=50 << 20)

    with pytest.raises(StorageError, match=r"only \d+ MiB are free") as caught:
        list(runtime.start(spec))
    assert "--data" in (caught.value.fix or "")
    assert not (small_disk / "kafka").exists()


def test_a_disk_that_fills_up_can_be_left(runtime: LocalRuntime, small_disk: Path):
    """A full disk does not keep `down` from stopping, nor `up` from coming back later."""
    spec = ClusterSpec(name="t", port=free_ports(1), directory=small_disk / "kafka")
    list(runtime.start(spec))
    filler = fill(small_disk, leave=0)
    stopped = list(runtime.stop("t", wipe=False))
    with pytest.raises(StorageError):
        list(runtime.start(ClusterSpec(name="t")))
    filler.unlink()
    again = list(runtime.start(ClusterSpec(name="t")))

    assert len(stopped) == 1
    assert isinstance(again[-1], Serving)


def test_a_folder_that_cannot_be_written_is_one_clear_error(
    runtime: LocalRuntime, small_disk: Path
):
    """A new cluster on a read-only disk: the reason in the system's words, no traceback."""
    read_only(small_disk)
    spec = ClusterSpec(name="t", port=free_ports(1), directory=small_disk / "kafka")

    with pytest.raises(StorageError, match="Read-only file system") as caught:
        list(runtime.start(spec))
    assert "--data" in (caught.value.fix or "")


def test_an_existing_cluster_on_a_disk_that_became_read_only(
    runtime: LocalRuntime, small_disk: Path
):
    """Its broker is not started, and nothing of it stays behind."""
    spec = ClusterSpec(name="t", port=free_ports(1), directory=small_disk / "kafka")
    list(runtime.start(spec))
    list(runtime.stop("t", wipe=False))
    read_only(small_disk)

    with pytest.raises((StorageError, StartError), match=r"Read-only|cannot be written"):
        list(runtime.start(ClusterSpec(name="t")))
    status = runtime.status("t")
    assert status is not None
    assert status.stopped
