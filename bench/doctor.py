"""
A diagnosis of a local deployment: the whole process of `learnflow doctor`, as a user starts it.

Brokers and topics are those of `learnflow up`; each broker is asked alone, and the topics are
compared with the catalog. What a broker that is gone or silent costs is measured too.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.result import Figure, median_of
from bench.startup import Bed
from learnflow_kafka.adapters.local.ports import free_run
from learnflow_kafka.wiring.paths import paths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.effort import Effort

NAME: Final = "patient"
RUNS: Final = 5
GOAL: Final = 5.0
_FIRST_PORT: Final = 21_192
_SESSION: Final = 12.0
"""Seconds until the controllers have given up a broker that says nothing (Kafka: 9)."""
_KNOWN: Final = "it is seen to stand still, and not asked"
_PATIENCE: Final = (
    "it accepts connections; once the others have answered, it has two seconds, and one and a half "
    "more when it is asked again"
)
_COUNTED: Final = "before its cluster has missed it"
_RECOVERY: Final = 5.0
"""Seconds in which a broker that goes on, and its cluster, are as before."""
_ELSEWHERE: Final = "on this machine; a test on the lab records and limits one on Kubernetes"


def run(effort: Effort) -> list[Figure]:
    """Measure; every process that was started is stopped."""
    brokers, said = (3, "three healthy brokers") if effort.is_full else (1, "one healthy broker")
    with tempfile.TemporaryDirectory(prefix="learnflow-bench-") as folder:
        bed = Bed(Path(folder), paths().cache, runs=RUNS if effort.is_full else 1)
        port = str(free_run(_FIRST_PORT, brokers))
        try:
            bed.run("up", "--name", NAME, "--brokers", str(brokers), "--port", port)
            figures = [_diagnoses(bed, Case(f"diagnosis of {said}", _ELSEWHERE))]
            if effort.is_full:
                figures += _ill(bed)
            return figures
        finally:
            bed.run("down", "--name", NAME, "--wipe", "--yes", check=False)


def _ill(bed: Bed) -> list[Figure]:
    """One that begins to hang, one that answers nothing for long, then one that is gone."""
    nodes = json.loads(bed.run("status", "--name", NAME, "--json").output)["nodes"]
    pid, ports = nodes[-1]["pid"], ",".join(f"127.0.0.1:{node['port']}" for node in nodes)
    begins = Case("at addresses, one of which begins to hang", _COUNTED, finds=True, at=ports)
    young = _diagnoses(bed, replace(begins, suspends=pid))
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(_SESSION)
        frozen = _diagnoses(bed, Case("with one of them frozen", _KNOWN, finds=True))
        hangs = _diagnoses(
            bed, Case("at addresses, one of which hangs", _PATIENCE, finds=True, at=ports)
        )
    finally:
        os.kill(pid, signal.SIGKILL)
    return [frozen, young, hangs, _diagnoses(bed, Case("with one of them killed", finds=True))]


@dataclass(frozen=True, slots=True)
class Case:
    """
    What is diagnosed: the local cluster, or what is at addresses.

    `finds` where something is wrong; the process `suspends` is stopped just before each run, and
    goes on after it.
    """

    name: str
    note: str = ""
    finds: bool = False
    at: str | None = None
    suspends: int | None = None


def _diagnoses(bed: Bed, case: Case) -> Figure:
    """Seconds of the process; fails where it finds a fault and none is there, or the reverse."""
    place = ("--bootstrap", case.at) if case.at else ("--context", f"local/{NAME}")
    times = []
    for _ in range(bed.runs):
        with _suspended(case.suspends):
            done = bed.run("doctor", *place, "--json", check=False)
        if bool(json.loads(done.output)["causes"]) is not case.finds:
            raise RuntimeError(f"{case.name}: {done.output}")
        times.append(done.seconds)
    return median_of(case.name, times, GOAL, case.note)


@contextmanager
def _suspended(pid: int | None) -> Iterator[None]:
    if pid is None:
        yield
        return
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
        time.sleep(_RECOVERY)
