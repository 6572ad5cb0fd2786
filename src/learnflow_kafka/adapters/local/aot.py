"""
The JDK's start-up cache: classes loaded and linked in advance, half the time to an open port.

A training run (a throwaway broker on free ports, started and stopped) makes the cache, at the
lowest priority, beside the user's work. It gets its name only when it is complete and a JVM
has accepted it. Its key is the Java, the jars in order and the flags; size and time of change
are noted, and a file that differs is not used. A JVM that meets a stale cache goes on without
it (`AOTMode=auto`); one that fails to start with it is started again without.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Final

from learnflow_kafka.adapters.local import launch, ports, probe, processes, storage
from learnflow_kafka.core.local import DEFAULT_PORT, Cluster, Mode, Node, Role
from learnflow_kafka.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from learnflow_kafka.adapters.local.launch import Engine

_SUFFIX: Final = ".aot"
_READY: Final = 120.0
_ASSEMBLY: Final = 300.0
_TRAINING: Final = "training-"
_PORTS_FROM: Final = DEFAULT_PORT + 30_000
"""Away from every port that a cluster of ours takes by itself."""


def flags(engine: Engine, derived: Path) -> tuple[str, ...]:
    """What a JVM is told to use the cache; nothing where there is none to trust."""
    file = cache_file(engine, derived)
    if not engine.java.makes_aot_cache or not _is_as_made(file):
        return ()
    # The star takes in lines of several tags ([aot,codecache,stubs]): a cache that does not fit
    # this processor is passed over, and nothing that a start's error should quote.
    return (f"-XX:AOTCache={file}", "-XX:AOTMode=auto", "-Xlog:aot*=off", "-Xlog:cds*=off")


def cache_file(engine: Engine, derived: Path) -> Path:
    """Where the cache of exactly this Java, these jars and these flags is."""
    parts = (
        str(engine.java.executable),
        engine.java.version,
        engine.distribution.identity,
        engine.distribution.class_path,
        *launch.QUICK_START,
    )
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return derived / f"broker-{key}{_SUFFIX}"


def train(engine: Engine, derived: Path) -> None:
    """
    Make the cache (some 10 s of processor time); the caller holds the training's lock.

    Raises StartError where the throwaway broker or the JVM's assembly fails.
    """
    clear_leftovers(derived)
    file = cache_file(engine, derived)
    scratch = derived / f"{_TRAINING}{time.time_ns()}"
    scratch.mkdir(parents=True)
    try:
        made = scratch / f"new{_SUFFIX}"
        _run_once(engine, derived, scratch, made)
        _require_accepted(engine, made)
        for old in derived.glob(f"broker-*{_SUFFIX}*"):
            old.unlink()
        made.replace(file)
        stat = file.stat()
        _note(file).write_text(json.dumps([stat.st_size, stat.st_mtime_ns]), encoding="ascii")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def discard(engine: Engine, derived: Path) -> None:
    """Forget a cache that did not do; the next training makes a new one."""
    file = cache_file(engine, derived)
    with contextlib.suppress(OSError):
        _note(file).unlink(missing_ok=True)
        file.unlink(missing_ok=True)


def clear_leftovers(derived: Path) -> None:
    """End what a training that was killed left behind, and remove its files."""
    folders = [f for f in derived.glob(f"{_TRAINING}*") if f.is_dir()]
    nodes = [folder / "broker-1" for folder in folders]
    for running in processes.search(nodes).values() if nodes else ():
        processes.terminate(running, by_force=True)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _run_once(engine: Engine, derived: Path, scratch: Path, made: Path) -> None:
    """One life of a broker that writes down what it loaded, until the JVM has assembled it."""
    first = ports.free_run(_PORTS_FROM, 2)
    node = Node(1, (Role.BROKER, Role.CONTROLLER), first, first + 1)
    cluster = Cluster(
        "training", storage.new_id(), Mode.KRAFT, engine.distribution.version, scratch, (node,)
    )
    checkpoint = storage.checkpoint(engine.distribution, engine.java, derived)
    storage.format_node(launch.data_of(cluster, node), checkpoint, cluster.cluster_id, node.id)
    launch.write_files(cluster, node, engine.distribution, offsets_retention_ms=60_000)
    recording = launch.Engine(engine.distribution, engine.java, aot=(f"-XX:AOTCacheOutput={made}",))
    folder = launch.folder_of(cluster, node)
    running = processes.spawn(launch.command(cluster, node, recording), folder)
    try:
        _await(lambda: probe.alive_brokers(first) == frozenset({1}), running, folder, _READY)
        processes.terminate(running)
        _await(lambda: not processes.alive(running), None, folder, _ASSEMBLY)
    finally:
        processes.terminate(running, by_force=True)
    if not made.exists():
        raise StartError(_said("the JVM made no start-up cache", folder))


def _await(
    done: Callable[[], bool], running: processes.Running | None, folder: Path, timeout: float
) -> None:
    deadline = time.monotonic() + timeout
    while not done():
        if running and not processes.alive(running):
            raise StartError(_said("the broker of the training ended", folder))
        if time.monotonic() > deadline:
            raise StartError(_said(f"the training did not end in {timeout:.0f} s", folder))
        time.sleep(0.05)


def _said(what: str, folder: Path) -> str:
    return "\n    ".join((what, *processes.output_tail(folder)))


def _require_accepted(engine: Engine, made: Path) -> None:
    """A JVM that is told to use the cache or fail must not fail."""
    subprocess.run(  # noqa: S603 - our own arguments
        [
            str(engine.java.executable), f"-XX:AOTCache={made}", "-XX:AOTMode=on",
            *launch.QUICK_START, "-cp", engine.distribution.class_path, "-version",
        ],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip


def _note(file: Path) -> Path:
    return file.with_name(f"{file.name}.json")


def _is_as_made(file: Path) -> bool:
    """Whether size and time of change are those that were noted when it was made."""
    try:
        size, changed = json.loads(_note(file).read_text(encoding="ascii"))
        stat = file.stat()
    except (OSError, ValueError, TypeError):
        return False
    return bool(stat.st_size == size and stat.st_mtime_ns == changed)
