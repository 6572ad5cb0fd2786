"""Real clusters for tests, started by the project's own runtime."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
from tests.support.ports import free_ports

from learnflow_kafka.adapters.local import processes
from learnflow_kafka.core.local import ClusterSpec, Mode, Serving
from learnflow_kafka.wiring.local import runtime

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from learnflow_kafka.core.connection import Context
    from learnflow_kafka.core.local import Cluster


@dataclass(frozen=True, slots=True)
class LocalKafka:
    """A running cluster: `bootstrap` as clients take it, `context` as our commands do."""

    cluster: Cluster

    @property
    def bootstrap(self) -> str:
        """Addresses of all brokers, joined by commas."""
        return ",".join(self.cluster.bootstrap)

    @property
    def context(self) -> Context:
        """The cluster's context; its environment is `local`."""
        return self.cluster.context

    def kill(self, broker: int) -> None:
        """End one broker with SIGKILL; `restart` brings it back."""
        process = self._process(broker)
        process.kill()
        process.wait(60)

    @contextmanager
    def frozen(self, broker: int) -> Iterator[None]:
        """Stop a broker's process as SIGSTOP does, and let it go on afterwards."""
        process = self._process(broker)
        suspend(process)
        try:
            yield
        finally:
            process.resume()

    def _process(self, broker: int) -> psutil.Process:
        status = runtime().status(self.cluster.name)
        assert status is not None
        return psutil.Process(next(n.pid for n in status.nodes if n.node.id == broker))

    def restart(self) -> None:
        """Start whatever does not run, and wait until all serves."""
        for _ in runtime().start(ClusterSpec(name=self.cluster.name)):
            pass

    def lead_anew(self) -> None:
        """Have every partition get a leader again, as after years of work."""
        for broker in self.cluster.brokers:
            self.kill(broker.id)
        self.restart()


def suspend(process: psutil.Process) -> None:
    """Stop a process as SIGSTOP does, and wait until it stands: the signal alone returns sooner."""
    process.suspend()
    deadline = time.monotonic() + 60
    while process.status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline, "the process goes on"
        time.sleep(0.01)


def started(name: str, brokers: int, mode: Mode) -> Iterator[LocalKafka]:
    """Start a cluster, yield it, stop and wipe it."""
    spec = ClusterSpec(name=name, brokers=brokers, mode=mode, port=free_ports(brokers))
    try:
        serving = None
        for event in runtime().start(spec):
            serving = event
        assert isinstance(serving, Serving)
        yield LocalKafka(serving.cluster)
    finally:
        for _ in runtime().stop(name, wipe=True):
            pass


def end_all_below(folder: Path) -> list[int]:
    """End every broker of ours that lives below the folder; return the pids (a safety net)."""
    ended = []
    for process in psutil.process_iter():
        try:
            if any(word.startswith(f"-Dlearnflow.node={folder}") for word in process.cmdline()):
                process.kill()
                process.wait(60)
                ended.append(process.pid)
        except psutil.Error:
            continue
    processes.reap()
    return ended
