"""What runs and what was written: status and logs, as core values."""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from typing import TYPE_CHECKING, Final

import psutil

from learnflow_kafka.adapters.local import launch, probe, processes, records
from learnflow_kafka.core.local import LocalStatus, LogLine, NodeState, NodeStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import TextIOWrapper
    from pathlib import Path

    from learnflow_kafka.core.local import Cluster, Node

_POLL: Final = 0.2


def status(cluster: Cluster) -> LocalStatus:
    """Every node's process, port, memory and disk at this moment."""
    return LocalStatus(cluster, tuple(_node_status(cluster, node) for node in cluster.nodes))


def any_runs(cluster: Cluster) -> bool:
    """Whether a process of the cluster is there, recorded or not."""
    folders = tuple(launch.folder_of(cluster, node) for node in cluster.nodes)
    return any(processes.find(folder)[0] for folder in folders) or bool(processes.search(folders))


def running(cluster: Cluster) -> dict[Node, processes.Running]:
    """
    The nodes' processes; where a pid file says nothing, all processes are searched.

    So a node whose pid file was lost is found, and is not started a second time.
    """
    found = {}
    for node in cluster.nodes:
        process, _ = processes.find(launch.folder_of(cluster, node))
        if process:
            found[node] = process
    missing = {launch.folder_of(cluster, n): n for n in cluster.nodes if n not in found}
    if missing:
        for folder, process in processes.search(tuple(missing)).items():
            processes.remember(folder, process)
            found[missing[folder]] = process
    return found


def logs(cluster: Cluster, nodes: Sequence[Node], *, last: int, follow: bool) -> Iterator[LogLine]:
    """
    The last lines of each node, node by node; then, with `follow`, new ones as they come.

    Following ends when no process of the cluster is left.
    """
    tails = [_Tail(node, launch.log_of(cluster, node)) for node in nodes]
    try:
        for tail in tails:
            yield from tail.last(last)
        while follow:
            there = any_runs(cluster)
            fresh = [line for tail in tails for line in tail.new()]
            yield from fresh
            if not there:
                return
            if not fresh:
                time.sleep(_POLL)
    finally:
        for tail in tails:
            tail.close()


class _Tail:
    """One log file, read on across its rotation."""

    def __init__(self, node: Node, path: Path) -> None:
        self._node = node
        self._path = path
        self._file: TextIOWrapper | None = None
        self._partial = ""

    def last(self, count: int) -> Iterator[LogLine]:
        self._open()
        lines: deque[str] = deque(maxlen=count)
        for text in self._complete():
            lines.append(text)
        for text in lines:
            yield LogLine(self._node, text)

    def new(self) -> Iterator[LogLine]:
        for text in self._complete():
            yield LogLine(self._node, text)
        if self._rotated():
            self._open()
            for text in self._complete():
                yield LogLine(self._node, text)

    def close(self) -> None:
        """Let go of the file."""
        if self._file:
            self._file.close()
        self._file, self._partial = None, ""

    def _open(self) -> None:
        self.close()
        with contextlib.suppress(OSError):
            self._file = self._path.open(encoding="utf-8", errors="replace")

    def _complete(self) -> Iterator[str]:
        """Whole lines that are there now; half a line waits for its rest."""
        if self._file is None:
            self._open()
        if self._file is None:
            return
        for text in self._file:
            if not text.endswith("\n"):
                self._partial += text
                return
            yield (self._partial + text).rstrip("\n")
            self._partial = ""

    def _rotated(self) -> bool:
        if self._file is None:
            return False
        with contextlib.suppress(OSError):
            now, ours = self._path.stat(), os.fstat(self._file.fileno())
            return not os.path.samestat(now, ours) or now.st_size < self._file.tell()
        return False


def _node_status(cluster: Cluster, node: Node) -> NodeStatus:
    folder = launch.folder_of(cluster, node)
    process, stale = processes.find(folder)
    if process is None and (found := processes.search((folder,)).get(folder)):
        process, stale = found, None
    memory = None
    state = NodeState.STOPPED
    if process:
        with contextlib.suppress(psutil.Error):
            memory = psutil.Process(process.pid).memory_info().rss
        state = _state(node, process)
    return NodeStatus(
        node=node,
        state=state,
        log_file=launch.log_of(cluster, node),
        disk_bytes=records.disk_bytes(launch.data_of(cluster, node)),
        pid=process.pid if process else None,
        started_ms=int(process.started * 1000) if process else None,
        memory_bytes=memory,
        stale=stale,
    )


def _state(node: Node, process: processes.Running) -> NodeState:
    if processes.suspended(process):
        return NodeState.SUSPENDED
    return NodeState.RUNNING if _listens(node) else NodeState.STARTING


def _listens(node: Node) -> bool:
    return node.port is not None and probe.connects(node.port)
