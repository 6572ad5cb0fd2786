"""The runtime port: clusters of this machine, by name."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from learnflow_kafka.adapters.local import (
    aot,
    distribution,
    download,
    errors,
    java,
    launch,
    lock,
    read,
    records,
    shape,
    start,
    stop,
    storage,
    tools,
    train,
)
from learnflow_kafka.adapters.local.locking import FileLock
from learnflow_kafka.core.local import Mode, NodeStarting, Prepared, Preview, Serving, Warned, Wiped
from learnflow_kafka.errors import LocalError, StartError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    from learnflow_kafka.adapters.local.launch import Engine
    from learnflow_kafka.core.local import Cluster, ClusterSpec, LocalEvent, LocalStatus, LogLine

_BUSY_AFTER: Final = 180.0
_MADE: Final = "made"
_END_OF_SUPPORT: Final = (
    "Kafka 3.9 with ZooKeeper has reached its end of support: no fixes come any more, not even "
    "for security. Use it to try the way to KRaft, and for nothing else."
)


class LocalRuntime:
    """
    Kafka on this machine; implements `core.local.Runtime`.

    `data` holds the clusters, `cache` what was downloaded and made from it; `environ` gives
    KAFKA_HOME, JAVA_HOME and PATH; `source` is asked only when something must be fetched.
    """

    def __init__(
        self,
        *,
        data: Path,
        cache: Path,
        environ: Mapping[str, str] = os.environ,
        source: Callable[[], download.Source] = download.registry,
    ) -> None:
        self._records = records.Records(data / "clusters")
        self._cache = cache
        self._environ = environ
        self._source = source

    def find(self, name: str) -> Cluster | None:
        """See `Runtime.find`."""
        return self._records.find(name)

    def names(self) -> tuple[str, ...]:
        """See `Runtime.names`."""
        return self._records.names()

    def find_running(self, name: str) -> Cluster | None:
        """See `Runtime.find_running`."""
        cluster = self.find(name)
        return cluster if cluster and read.any_runs(cluster) else None

    def preview(self, spec: ClusterSpec) -> Preview:
        """See `Runtime.preview`."""
        directory = self._directory(spec)
        there = records.read(directory)
        shape.require_possible(spec, there)
        mode = spec.mode or (there.mode if there else Mode.KRAFT)
        version, missing = self._version_and_missing(mode)
        if there is None:
            records.require_ours(directory)
            new = shape.new_cluster(spec, directory, version, "")
            return Preview(new, exists=False, running=(), download_bytes=missing)
        up = tuple(read.running(there))
        cluster = there if up else shape.changed(spec, there)
        return Preview(cluster, exists=True, running=up, download_bytes=missing)

    def start(self, spec: ClusterSpec) -> Iterator[LocalEvent]:
        """See `Runtime.start`."""
        directory = self._directory(spec)
        there = records.read(directory)
        shape.require_possible(spec, there)
        engine = yield from self.prepare(spec.mode or (there.mode if there else Mode.KRAFT))
        held = FileLock(directory / records.LOCK)
        try:
            yield from held.acquire(f"the cluster {spec.name!r}", timeout=_BUSY_AFTER)
            yield from self._start_locked(spec, directory, engine)
        finally:
            held.release()

    def _start_locked(
        self, spec: ClusterSpec, directory: Path, engine: Engine
    ) -> Iterator[LocalEvent]:
        """Start; the name is kept as soon as there is a record, or nothing is left."""
        try:
            for event in start.run(spec, directory, engine, lambda: self._checkpoint(engine)):
                if isinstance(event, NodeStarting | Serving):
                    self._records.remember(spec.name, directory)
                yield event
        except LocalError as error:
            records.clear_unmade(directory)
            if isinstance(error, StartError):
                self._blame_jars(engine)
            raise

    def _blame_jars(self, engine: Engine) -> None:
        """A broker that does not start may have met a jar that rotted; raises ChecksumError."""
        locks = (lock.read(version) for version in lock.VERSIONS.values())
        for locked in locks:
            if locked.digest == engine.distribution.identity:
                distribution.require_intact(locked, self._cache)

    def prepare(self, mode: Mode) -> Generator[LocalEvent, None, Engine]:
        """Find or fetch what runs a cluster of this mode."""
        found_java = java.find(self._environ)
        home = self._environ.get("KAFKA_HOME")
        if home:
            kafka = distribution.from_home(home)
        else:
            kafka = yield from distribution.ensure(
                lock.read(lock.VERSIONS[mode]), self._cache, self._source
            )
        _require_mode(kafka, mode)
        plain = launch.Engine(kafka, found_java)
        fast = mode is Mode.KRAFT
        engine = replace(plain, aot=aot.flags(plain, self._derived(plain)) if fast else ())
        if mode is Mode.ZOOKEEPER:
            yield Warned(_END_OF_SUPPORT)
        yield Prepared(kafka.origin, f"Java {found_java.version}", fast=bool(engine.aot))
        return engine

    def warm(self, name: str) -> None:
        """See `Runtime.warm`: begins to make the JDK's start-up cache, where there is none."""
        cluster = self._require(name)
        engine = self._prepared(cluster.mode)
        if cluster.mode is Mode.KRAFT and engine.java.makes_aot_cache and not engine.aot:
            train.begin(self._derived(engine), self._cache)

    def status(self, name: str) -> LocalStatus | None:
        """See `Runtime.status`."""
        cluster = self.find(name)
        return read.status(cluster) if cluster else None

    def stop(self, name: str, *, wipe: bool) -> Iterator[LocalEvent]:
        """See `Runtime.stop`; a cluster that does not exist has nothing to stop."""
        directory = self._records.directory(name)
        if records.read(directory) is None:
            return
        held = FileLock(directory / records.LOCK)
        try:
            yield from held.acquire(f"the cluster {name!r}", timeout=_BUSY_AFTER)
            cluster = records.read(directory)
            if cluster is None:
                return
            self._end_trainings()
            yield from stop.end(cluster, read.running(cluster))
            if wipe:
                size = records.wipe(cluster)
                self._records.forget(name)
                yield Wiped(directory, size)
        except OSError as error:
            raise errors.storage(error, "the cluster's files cannot be changed") from error
        finally:
            held.release()

    def logs(
        self, name: str, *, nodes: Sequence[int] | None, last: int, follow: bool
    ) -> Iterator[LogLine]:
        """See `Runtime.logs`."""
        cluster = self._require(name)
        chosen = [n for n in cluster.nodes if nodes is None or n.id in nodes]
        if nodes is not None and len(chosen) < len(set(nodes)):
            there = ", ".join(str(node.id) for node in cluster.nodes)
            raise UsageError(f"the cluster {name!r} has no such node", fix=f"choose from {there}")
        return read.logs(cluster, chosen, last=last, follow=follow)

    def tool_command(self, name: str, tool: str, args: Sequence[str]) -> list[str]:
        """See `Runtime.tool_command`."""
        cluster = self._require(name)
        engine = self._prepared(cluster.mode)
        file, text = launch.tool_logging(engine.distribution)
        logging = self._derived(engine) / file
        if not logging.exists():
            logging.parent.mkdir(parents=True, exist_ok=True)
            logging.write_text(text, encoding="ascii")
        return tools.command(cluster, engine, tool, args, logging=logging)

    def engine(self, mode: Mode) -> tuple[Engine, Path]:
        """What runs the mode, and where what is made from it is kept; for measurements."""
        engine = self._prepared(mode)
        return engine, self._derived(engine)

    def _prepared(self, mode: Mode) -> Engine:
        """What runs the mode, without telling of the way there."""
        preparing = self.prepare(mode)
        while True:
            try:
                next(preparing)
            except StopIteration as done:
                engine: Engine = done.value
                return engine

    def _version_and_missing(self, mode: Mode) -> tuple[str, int]:
        """Kafka's version for a mode, and how many bytes of it are not here yet."""
        home = self._environ.get("KAFKA_HOME")
        if home:
            return distribution.from_home(home).version, 0
        locked = lock.read(lock.VERSIONS[mode])
        return locked.version, distribution.missing_bytes(locked, self._cache)

    def _end_trainings(self) -> None:
        """`down` leaves no process behind, the one that works in the background included."""
        for derived in (self._cache / _MADE).glob("kafka-*"):
            train.end(derived)

    def _require(self, name: str) -> Cluster:
        cluster = self.find(name)
        if cluster is None:
            raise LocalError(f"there is no cluster {name!r} on this machine", fix="learnflow up")
        return cluster

    def _directory(self, spec: ClusterSpec) -> Path:
        """The folder of the cluster; raises UsageError where `--data` names another one."""
        known = self._records.directory(spec.name)
        if spec.directory is None or spec.directory == known:
            return known
        if records.read(known) is not None:
            raise UsageError(
                f"the cluster {spec.name!r} is at {known}, not at {spec.directory}",
                fix="leave --data out, or give another --name",
            )
        there = records.read(spec.directory)
        if there is not None and there.name != spec.name:
            raise UsageError(
                f"the folder holds the cluster {there.name!r}, not {spec.name!r}",
                where=str(spec.directory),
                fix=f"add --name {there.name}",
            )
        return spec.directory

    def _checkpoint(self, engine: Engine) -> Path:
        return storage.checkpoint(engine.distribution, engine.java, self._derived(engine))

    def _derived(self, engine: Engine) -> Path:
        """Where things that are made from exactly these jars are kept."""
        digest = hashlib.sha256(engine.distribution.identity.encode()).hexdigest()[:16]
        return self._cache / _MADE / f"kafka-{engine.distribution.version}-{digest}"


def _require_mode(kafka: distribution.Distribution, mode: Mode) -> None:
    """Raise LocalError where the Kafka at KAFKA_HOME cannot run this mode."""
    has_zookeeper = any(jar.name.startswith("zookeeper-") for jar in kafka.jars)
    if mode is Mode.ZOOKEEPER and not has_zookeeper:
        raise LocalError(
            f"{kafka.origin} has no ZooKeeper; Kafka 3.9 is the last line that has",
            fix="unset KAFKA_HOME, or point it to a Kafka 3.9",
        )
