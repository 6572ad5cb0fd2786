"""
Start what does not run yet, and wait until every broker serves.

Everything here happens under the cluster's lock. What this call started is stopped again if
it cannot be made to serve: either the cluster runs, or nothing of it was left behind.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from learnflow_kafka.adapters.local import (
    errors,
    launch,
    ports,
    probe,
    processes,
    read,
    records,
    shape,
    stop,
    storage,
)
from learnflow_kafka.core.local import Mode, NodeStarting, Role, Serving, Warned
from learnflow_kafka.errors import LocalError, RefusedError, StartError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from learnflow_kafka.adapters.local.launch import Engine
    from learnflow_kafka.core.local import Cluster, ClusterSpec, LocalEvent, Node

NEEDED_BYTES: Final = 200 << 20
READY_TIMEOUT: Final = 120.0
_POLL: Final = 0.02
_SILENCE: Final = 5.0
"""Seconds after which it is said for which broker we wait, where it ran before us."""
_GONE_SESSION_TIMEOUT: Final = 25.0


def run(
    spec: ClusterSpec, directory: Path, engine: Engine, checkpoint: Callable[[], Path]
) -> Iterator[LocalEvent]:
    """
    Make the cluster run; the caller holds its lock. `checkpoint` is for a new KRaft cluster.

    Raises RefusedError, PortTakenError, StorageError, StartError.
    """
    there = records.read(directory)
    if there is None:
        records.require_ours(directory)
        cluster = _make(spec, directory, engine, checkpoint)
        up: dict[Node, processes.Running] = {}
    else:
        shape.require_same(spec, there)
        _require_not_older(there, engine)
        up = read.running(there)
        cluster = _settle(spec, there, engine, anything_runs=bool(up))
        up = {
            node: up[old] for old, node in zip(there.nodes, cluster.nodes, strict=True) if old in up
        }
    yield from _bring_up(cluster, up, engine, spec.offsets_retention_ms)


def serves(cluster: Cluster) -> bool:
    """Whether every broker runs and sees all the others as alive."""
    wanted = {node.id for node in cluster.brokers}
    answers = (probe.alive_brokers(n.port) for n in cluster.brokers if n.port)
    return all(answer is not None and answer >= wanted for answer in answers)


def _make(
    spec: ClusterSpec, directory: Path, engine: Engine, checkpoint: Callable[[], Path]
) -> Cluster:
    """A new cluster on disk; the record is written last and says that it is complete."""
    kraft = spec.mode is not Mode.ZOOKEEPER
    cluster = shape.new_cluster(
        spec, directory, engine.distribution.version, storage.new_id() if kraft else ""
    )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        processes.require_space(directory, NEEDED_BYTES)
        for node in cluster.nodes:
            data = launch.data_of(cluster, node)
            data.mkdir(parents=True, exist_ok=True)
            if kraft:
                storage.format_node(data, checkpoint(), cluster.cluster_id, node.id)
    except OSError as error:
        raise errors.storage(error, "the cluster's folder cannot be made") from error
    records.write(cluster)
    return cluster


def _settle(spec: ClusterSpec, there: Cluster, engine: Engine, *, anything_runs: bool) -> Cluster:
    """The record for this start: wishes are taken in where nothing of it runs."""
    if not anything_runs:
        for node in there.nodes:
            _require_data(there, node)
        processes.require_space(there.directory, NEEDED_BYTES)
        cluster = replace(shape.changed(spec, there), version=engine.distribution.version)
    else:
        first = there.brokers[0].port
        if (spec.port and spec.port != first) or (
            spec.containers and spec.containers != there.containers
        ):
            raise RefusedError(
                f"the cluster {there.name!r} runs at port {first}; its listeners cannot change now",
                fix="learnflow down, then learnflow up again with the new port or listener",
            )
        cluster = replace(there, declaration=spec.declaration or there.declaration)
    if cluster != there:
        records.write(cluster)
    return cluster


def _require_data(cluster: Cluster, node: Node) -> None:
    """A broker that lost its folder must not come back as an empty one unnoticed."""
    data = launch.data_of(cluster, node)
    if cluster.mode is Mode.KRAFT and not (data / storage.META).exists():
        raise StorageError(
            f"the data of {node.name} is gone",
            where=str(data),
            fix="bring it back; or remove the cluster (learnflow down --wipe) and start anew",
        )


def _require_not_older(cluster: Cluster, engine: Engine) -> None:
    ours, theirs = engine.distribution.version, cluster.version
    if [int(n) for n in ours.split(".")] < [int(n) for n in theirs.split(".")]:
        raise LocalError(
            f"the cluster's data was written by Kafka {theirs}; Kafka {ours} cannot read it",
            where=str(cluster.directory),
            fix="unset KAFKA_HOME or point it to that version, or use another --name",
        )


def _bring_up(
    cluster: Cluster, up: dict[Node, processes.Running], engine: Engine, offsets_retention_ms: int
) -> Iterator[LocalEvent]:
    missing = [node for node in cluster.nodes if node not in up]
    if not missing and serves(cluster):
        yield Serving(cluster, already=True)
        return
    ports.require_free(shape.required_ports(missing), brokers=len(cluster.brokers))
    started: dict[Node, processes.Running] = {}
    try:
        for node in missing:
            if node.is_broker and cluster.mode is Mode.ZOOKEEPER:
                yield from _await_zookeeper(cluster, node, started | up)
            started[node] = _spawn(cluster, node, engine, offsets_retention_ms)
            yield NodeStarting(node, started[node].pid)
        yield from _await_serving(cluster, up | started, engine, started)
    except BaseException:
        for _ in stop.end(cluster, started):
            pass
        raise
    if not cluster.cluster_id:
        first = launch.data_of(cluster, cluster.brokers[0])
        cluster = replace(cluster, cluster_id=storage.cluster_id_of(first) or "")
        records.write(cluster)
    yield Serving(cluster, already=False)


def _spawn(
    cluster: Cluster, node: Node, engine: Engine, offsets_retention_ms: int
) -> processes.Running:
    try:
        launch.write_files(cluster, node, engine.distribution, offsets_retention_ms)
        return processes.spawn(
            launch.command(cluster, node, engine), launch.folder_of(cluster, node)
        )
    except OSError as error:
        raise errors.storage(error, f"{node.name} cannot be started") from error


def _await_serving(
    cluster: Cluster,
    processes_of: dict[Node, processes.Running],
    engine: Engine,
    started: dict[Node, processes.Running],
) -> Generator[LocalEvent, None, None]:
    """Until every broker knows every broker; a start-up cache that fails is given up once."""
    began = time.monotonic()
    told = not processes_of.keys() - started.keys()
    while not serves(cluster):
        for node, process in list(processes_of.items()):
            if processes.suspended(process):
                raise _stands_still(cluster, node, process)
            if processes.alive(process):
                continue
            if node in started and engine.aot and node.is_broker and _jvm_failed(cluster, node):
                yield Warned(f"{node.name} did not start with its start-up cache; trying without")
                plain = replace(engine, aot=())
                folder = launch.folder_of(cluster, node)
                again = processes.spawn(launch.command(cluster, node, plain), folder)
                processes_of[node] = started[node] = again
                engine = plain
                continue
            raise _why(cluster, node)
        waited = time.monotonic() - began
        if waited > _SILENCE and not told:
            silent = [n.name for n in _silent(cluster) if n not in started]
            if silent:
                told = True
                yield Warned(f"waiting for {', '.join(silent)}, which ran already")
        if waited > READY_TIMEOUT:
            node = _silent(cluster)[0]
            raise StartError(
                f"{node.name} did not get ready in {READY_TIMEOUT:.0f} s{_quote(cluster, node)}",
                where=str(launch.log_of(cluster, node)),
                fix=f"learnflow logs --name {cluster.name}",
            )
        time.sleep(_POLL)


def _silent(cluster: Cluster) -> list[Node]:
    """The brokers that do not answer; where all do, those that not all others know."""
    answers = {n: probe.alive_brokers(n.port) for n in cluster.brokers if n.port}
    unknown = [n for n in answers if any(n.id not in (seen or ()) for seen in answers.values())]
    return [n for n, seen in answers.items() if seen is None] or unknown or list(cluster.brokers)


def _stands_still(cluster: Cluster, node: Node, process: processes.Running) -> StartError:
    return StartError(
        f"{node.name} runs and stands still: process {process.pid} was suspended (SIGSTOP)",
        where=str(launch.log_of(cluster, node)),
        fix=f"let it go on with `kill -CONT {process.pid}`, then run this again",
    )


def _await_zookeeper(
    cluster: Cluster, node: Node, processes_of: dict[Node, processes.Running]
) -> Generator[LocalEvent, None, None]:
    """
    ZooKeeper serves, and has forgotten an earlier life of the broker.

    A broker that was killed leaves its registration until its session ends; one that comes
    back before refuses to start.
    """
    keeper = next(n for n in cluster.nodes if Role.ZOOKEEPER in n.roles)
    port = keeper.port or 0
    deadline = time.monotonic() + READY_TIMEOUT
    while probe.zookeeper_says(port, "ruok") != "imok":
        if not processes.alive(processes_of[keeper]):
            raise _why(cluster, keeper)
        if time.monotonic() > deadline:
            raise StartError(
                "ZooKeeper did not get ready", where=str(launch.log_of(cluster, keeper))
            )
        time.sleep(_POLL)
    told = False
    deadline = time.monotonic() + _GONE_SESSION_TIMEOUT
    while f"/brokers/ids/{node.id}\n" in f"{probe.zookeeper_says(port, 'dump')}\n":
        if not told:
            told = True
            yield Warned(f"waiting until ZooKeeper forgets the {node.name} that was killed")
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)


def _jvm_failed(cluster: Cluster, node: Node) -> bool:
    """Whether the JVM itself ended, rather than Kafka in it: by crashing, or before any log."""
    folder = launch.folder_of(cluster, node)
    if any("fatal error has been detected" in x for x in processes.output_tail(folder, 40)):
        return True
    log = launch.log_of(cluster, node)
    try:
        return log.stat().st_mtime < (folder / processes.PROCESS_FILE).stat().st_mtime
    except OSError:
        return True


def _why(cluster: Cluster, node: Node) -> LocalError:
    """The error about a process that ended: our best reading of its last words."""
    quote = _quote(cluster, node)
    where = str(launch.log_of(cluster, node))
    if "No space left on device" in quote or "Disk quota exceeded" in quote:
        return StorageError(
            f"{node.name} ended: the disk is full", where=str(cluster.directory),
            fix="free some space, then learnflow up; or choose another place with --data DIR",
        )  # fmt: skip
    if "Read-only file system" in quote or "Permission denied" in quote:
        return StorageError(
            f"{node.name} ended: its folder cannot be written", where=str(cluster.directory),
            fix="make it writable, then learnflow up; or choose another place with --data DIR",
        )  # fmt: skip
    if "Address already in use" in quote:
        return StartError(
            f"{node.name} ended: another program took one of its ports meanwhile{quote}",
            where=where, fix="learnflow up --port ANOTHER",
        )  # fmt: skip
    return StartError(f"{node.name} ended while it was starting{quote}", where=where)


def _quote(cluster: Cluster, node: Node) -> str:
    """The node's last complaints, indented, for the end of a message."""
    tail = read.logs(cluster, [node], last=200, follow=False)
    said = [line.text for line in tail if " ERROR " in line.text or " FATAL " in line.text][-3:]
    said += processes.output_tail(launch.folder_of(cluster, node), 3)
    caused = [line.text for line in read.logs(cluster, [node], last=200, follow=False)
              if line.text.startswith("Caused by:")][-1:]  # fmt: skip
    return "".join(f"\n    {text[:300]}" for text in said + caused)
