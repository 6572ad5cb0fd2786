"""The start-up cache: made aside, trusted only as it was made, never needed."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.ports import free_ports

from learnflow_kafka.adapters.local import aot, launch, processes, train
from learnflow_kafka.core.local import ClusterSpec, Mode, Prepared, Serving, Warned
from learnflow_kafka.wiring.paths import paths

if TYPE_CHECKING:
    from pathlib import Path

    from learnflow_kafka.adapters.local.client import LocalRuntime
    from learnflow_kafka.adapters.local.launch import Engine

pytestmark = pytest.mark.kafka


@pytest.fixture
def engine(runtime: LocalRuntime) -> Engine:
    """The real jars and Java, without a cache."""
    return replace(runtime._prepared(Mode.KRAFT), aot=())


def noted(engine: Engine, derived: Path, content: bytes) -> Path:
    """A file in the cache's place that claims to be complete."""
    file = aot.cache_file(engine, derived)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    stat = file.stat()
    aot._note(file).write_text(json.dumps([stat.st_size, stat.st_mtime_ns]))
    return file


def test_without_a_cache_nothing_is_asked_of_java(engine: Engine, tmp_path: Path):
    """A first start has no flags that point to a missing file."""
    assert aot.flags(engine, tmp_path) == ()


def test_a_cache_that_changed_since_is_not_used(engine: Engine, tmp_path: Path):
    """Another size or time of change than was noted: the file is not trusted."""
    file = noted(engine, tmp_path, b"x" * 100)
    assert aot.flags(engine, tmp_path)
    os.utime(file, ns=(1, 1))

    assert aot.flags(engine, tmp_path) == ()


@pytest.mark.parametrize("change", ["version", "identity"])
def test_another_java_or_other_jars_want_another_cache(engine: Engine, tmp_path: Path, change: str):
    """The name follows from Java, jars and flags."""
    if change == "version":
        other = replace(engine, java=replace(engine.java, version="25.9.9"))
    else:
        other = replace(engine, distribution=replace(engine.distribution, identity="other"))

    assert aot.cache_file(other, tmp_path) != aot.cache_file(engine, tmp_path)


def test_an_older_java_uses_no_cache(engine: Engine, tmp_path: Path):
    """Java 17 and 21 run Kafka plainly."""
    noted(engine, tmp_path, b"x")
    older = replace(engine, java=replace(engine.java, major=21))

    assert aot.flags(older, tmp_path) == ()


@pytest.mark.parametrize("content", [b"", b"not a cache at all" * 1000, bytes(1 << 20)])
def test_a_corrupt_cache_does_not_keep_kafka_from_starting(
    runtime: LocalRuntime, engine: Engine, tmp_path: Path, content: bytes,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    """Java passes it over, or the broker is started again without."""
    noted(engine, tmp_path / "derived", content)
    monkeypatch.setattr(type(runtime), "_derived", lambda self, engine: tmp_path / "derived")
    events = list(runtime.start(ClusterSpec(name="t", port=free_ports(1))))

    assert any(isinstance(e, Prepared) and e.fast for e in events)
    assert isinstance(events[-1], Serving)


def test_a_java_that_dies_of_its_flags_is_started_again_without(
    runtime: LocalRuntime, monkeypatch: pytest.MonkeyPatch
):
    """The user is told, and has a broker."""
    monkeypatch.setattr(aot, "flags", lambda engine, derived: ("-XX:NoSuchFlagAtAll",))
    events = list(runtime.start(ClusterSpec(name="t", port=free_ports(1))))

    assert [e for e in events if isinstance(e, Warned) and "start-up cache" in e.message]
    assert isinstance(events[-1], Serving)


@pytest.mark.slow
def test_the_training_makes_a_cache_that_java_accepts(engine: Engine, tmp_path: Path):
    """A whole training: flags afterwards, no scratch, no process, and `AOTMode=on` is content."""
    aot.train(engine, tmp_path)
    flags = aot.flags(engine, tmp_path)
    command = [str(engine.java.executable), flags[0], "-XX:AOTMode=on", *launch.QUICK_START]
    accepted = subprocess.run(
        [*command, "-cp", engine.distribution.class_path, "-version"],
        capture_output=True, check=False,
    )  # fmt: skip

    other = ["-XX:+IgnoreUnrecognizedVMOptions", "-XX:UseAVX=0"]
    elsewhere = subprocess.run(
        [*command[:1], *flags, *launch.QUICK_START, *other,
         "-cp", engine.distribution.class_path, launch.BROKER],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert accepted.returncode == 0, accepted.stdout
    assert "[warning]" not in elsewhere.stdout + elsewhere.stderr, "a cache of another processor"
    assert not list(tmp_path.glob("training-*"))
    assert not processes.search([tmp_path / "broker-1"])


@pytest.mark.slow
def test_down_ends_a_training_at_work(runtime: LocalRuntime, tmp_path: Path):
    """The background leaves neither process nor files behind."""
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "kafka-4.3.1").symlink_to(paths().cache / "kafka-4.3.1")
    own = type(runtime)(data=tmp_path / "data", cache=cache)
    list(own.start(ClusterSpec(name="t", port=free_ports(1))))
    own.warm("t")
    (derived,) = (cache / "made").iterdir()
    running, _ = processes.find(derived / train._FOLDER)
    list(own.stop("t", wipe=False))

    assert running is not None
    assert not processes.alive(running)
    assert not list(derived.glob("training-*"))
