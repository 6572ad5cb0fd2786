"""A complete, verified Kafka on disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.adapters.local.test_download import CONTENT, JARS, FakeSource

from learnflow_kafka.adapters.local import distribution, download
from learnflow_kafka.adapters.local.lock import Lock
from learnflow_kafka.errors import ChecksumError, DownloadError, LocalError

if TYPE_CHECKING:
    from pathlib import Path

LOCK = Lock("9.9.9", tuple(JARS), "digest-of-the-lock")


def ensure(cache: Path, source: FakeSource) -> list[object]:
    return list(distribution.ensure(LOCK, cache, lambda: source))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache with the complete distribution."""
    ensure(tmp_path, FakeSource())
    return tmp_path


def test_a_complete_distribution_asks_nobody(cache: Path):
    """Offline afterwards: no event, no request."""
    source = FakeSource(offline=True)

    assert ensure(cache, source) == []
    assert source.served == []


def test_a_missing_jar_is_fetched_alone(cache: Path):
    """A cache that lost one file gets that one."""
    (cache / "kafka-9.9.9/libs/beta-1.jar").unlink()
    source = FakeSource()
    ensure(cache, source)

    assert source.served == [("beta", 0)]


def test_a_missing_jar_without_a_network_is_a_clear_error(cache: Path):
    """Kafka is not started half; the error says what to do."""
    (cache / "kafka-9.9.9/libs/beta-1.jar").unlink()

    with pytest.raises(DownloadError, match="1 of 1 files") as caught:
        ensure(cache, FakeSource(offline=True))
    assert "network" in (caught.value.fix or "")


@pytest.mark.parametrize("content", [b"short", bytes(len(CONTENT["beta"]))])
def test_a_tampered_jar_is_named_and_refused(cache: Path, content: bytes):
    """Whether its size changed or not, the file is named and no download hides it."""
    jar = cache / "kafka-9.9.9/libs/beta-1.jar"
    jar.write_bytes(content)
    source = FakeSource()

    with pytest.raises(ChecksumError, match=r"beta-1\.jar") as caught:
        ensure(cache, source)
    assert str(jar) in (caught.value.fix or "")
    assert source.served == []


def test_a_jar_that_was_only_touched_is_digested_once(cache: Path, monkeypatch: pytest.MonkeyPatch):
    """A backup that sets times anew costs one digest, not one a start."""
    os.utime(cache / "kafka-9.9.9/libs/beta-1.jar", ns=(1, 1))
    ensure(cache, FakeSource(offline=True))
    monkeypatch.setattr(download, "digest_of", lambda file: pytest.fail(str(file)))

    assert ensure(cache, FakeSource(offline=True)) == []


def test_another_lock_makes_everything_digested_again(cache: Path):
    """The manifest of an older lock proves nothing for a new one."""
    forged = cache / "kafka-9.9.9/libs/beta-1.jar"
    stat = forged.stat()
    forged.write_bytes(bytes(stat.st_size))
    os.utime(forged, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    newer = Lock("9.9.9", tuple(JARS), "another-digest")

    with pytest.raises(ChecksumError, match=r"beta-1\.jar"):
        list(distribution.ensure(newer, cache, FakeSource))


def test_an_interrupted_download_is_not_taken_for_complete(tmp_path: Path):
    """The manifest is written last: a part more is fetched by the next run."""
    with pytest.raises(DownloadError):
        ensure(tmp_path, FakeSource(offline=True))
    source = FakeSource()
    ensure(tmp_path, source)

    assert len(source.served) == len(JARS)
    assert (tmp_path / "kafka-9.9.9/manifest.json").exists()


def test_kafka_home_uses_the_installed_jars(tmp_path: Path):
    """The version is read from the name of Kafka's own jar."""
    (tmp_path / "libs").mkdir()
    (tmp_path / "libs/kafka_2.13-4.1.2.jar").write_bytes(b"")
    found = distribution.from_home(str(tmp_path))

    assert found.version == "4.1.2"
    assert str(tmp_path) in found.origin


def test_kafka_home_without_kafka_is_an_error(tmp_path: Path):
    """A folder without Kafka's jars is named."""
    with pytest.raises(LocalError, match="KAFKA_HOME"):
        distribution.from_home(str(tmp_path))
