"""
Plan and apply: whole processes on fresh real clusters, and the broker's own part beside them.

Every cluster is started for one measurement and wiped after it. A broker holds about one file
descriptor for each replica, so that the largest fixture (12,000 replicas on each broker) fits
below a hard limit of 20,000; where it would not, the largest that does is measured and the
note says so.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kafka.admin import KafkaAdminClient

from bench.result import Figure
from learnflow_kafka.adapters.local.client import LocalRuntime
from learnflow_kafka.adapters.local.ports import free_run
from learnflow_kafka.app.plan import make_plan
from learnflow_kafka.core.local import ClusterSpec
from learnflow_kafka.core.plans.desired import resolve
from learnflow_kafka.core.plans.plan import Scope
from learnflow_kafka.wiring import catalogs, kafka
from learnflow_kafka.wiring.paths import paths

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.effort import Effort
    from learnflow_kafka.core.connection import Context
    from learnflow_kafka.core.local import Cluster
    from learnflow_kafka.core.requests import Sent

_FIRST_PORT: Final = 24_092
_RUNS: Final = 3
_NINE: Final = (
    "learning.query", "learning.response", "code.execution.request", "code.execution.result",
    "exercise.assigned", "exercise.submitted", "exercise.graded", "struggle.detected",
    "progress.updated",
)  # fmt: skip
_SPARE: Final = 2_000
"""Descriptors that a broker needs beside its replicas: jars, sockets, a margin."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A folder of its own for clusters and catalogs."""

    home: Path
    runtime: LocalRuntime
    runs: int

    @contextmanager
    def cluster(self, brokers: int) -> Iterator[Cluster]:
        """A fresh cluster that is wiped afterwards."""
        name = f"bench{brokers}"
        spec = ClusterSpec(name=name, brokers=brokers, port=free_run(_FIRST_PORT, brokers))
        try:
            for _ in self.runtime.start(spec):
                pass
            found = self.runtime.status(name)
            assert found is not None
            yield found.cluster
        finally:
            for _ in self.runtime.stop(name, wipe=True):
                pass

    def catalog(self, topics: int, partitions: int, replication: int) -> str:
        """A catalog file of so many topics."""
        file = self.home / f"{topics}x{partitions}x{replication}.yaml"
        one = f"{{partitions: {partitions}, replication: {replication}, retention: 7d}}"
        rows = "".join(f"  bench.topic-{n}: {one}\n" for n in range(topics))
        file.write_text(f"version: 1\nname: bench\ntopics:\n{rows}")
        return str(file)


@dataclass(frozen=True, slots=True)
class Ran:
    """A process: seconds by the wall clock, the most memory it had, what it printed."""

    seconds: float
    peak_mb: float
    output: str


def run(effort: Effort) -> list[Figure]:
    """Measure; every process that was started is stopped."""
    places = paths()
    home = Path(tempfile.mkdtemp(prefix="learnflow-bench-"))
    runtime = LocalRuntime(data=home / "data", cache=places.cache)
    bench = Bench(home, runtime, _RUNS if effort.is_full else 1)
    try:
        figures = _nine(bench)
        figures += _plan(bench, topics=effort.of(1_000), partitions=12, goal=2.0)
        if effort.is_full:
            figures += _plan(bench, topics=5_000, partitions=1, goal=10.0)
        return [*figures, *_apply(bench, effort.of(1_000))]
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _address(cluster: Cluster) -> str:
    return ",".join(cluster.bootstrap)


def _process(*words: str) -> Ran:
    """Run to the end; an exit code other than 0 is an error."""
    # In a process of its own, as the peak is that of the largest child so far.
    code = (
        "import json, resource, subprocess, sys, time\n"
        "began = time.perf_counter()\n"
        "done = subprocess.run(sys.argv[1:], capture_output=True, text=True)\n"
        "seconds = time.perf_counter() - began\n"
        "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024\n"
        "print(json.dumps([done.returncode, seconds, peak, done.stdout, done.stderr]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=_environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    status, seconds, peak, out, err = json.loads(done.stdout)
    if status:
        lines = [line for line in out.splitlines() if "] done " not in line]
        raise RuntimeError(f"{' '.join(words)}: {lines[-20:]}{err[-2000:]}")
    return Ran(seconds, peak, out)


def _environment() -> dict[str, str]:
    """The caller's, with compiled modules kept as an installation has them."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {
        "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "learnflow-bench-pyc")
    }


def _learnflow(*args: str) -> Ran:
    return _process(sys.executable, "-m", "learnflow_kafka", *args)


# --- nine topics ------------------------------------------------------------


def _nine(bench: Bench) -> list[Figure]:
    """The nine LearnFlow topics: one apply with its proof, against nine runs of Java's tool."""
    _learnflow("export", "json")  # modules are compiled by the first run
    with bench.cluster(1) as cluster:
        only = [word for name in _NINE for word in ("--only", f"topic/{name}")]
        words = ("apply", "-b", _address(cluster), "--env", "local", *only, "--yes")
        ours = []
        for _ in range(bench.runs):
            done = _learnflow(*words)
            assert "proved: a second plan is empty" in done.output
            ours.append(done.seconds)
            _clear(cluster.context)
        java = sum(_process(*_java(bench, cluster, name)).seconds for name in _NINE)
    mine = statistics.median(ours)
    return [
        Figure("apply of nine topics, proof included", mine, "s", None, None, "whole process"),
        Figure("nine runs of Kafka's topic tool", java, "s", None, None, "whole processes"),
        Figure(
            "the tool's time over ours", java / mine, "x", "at least 15", java / mine >= 15,
            f"median of {bench.runs} applies; the tool ran once for each topic",
        ),
    ]  # fmt: skip


def _java(bench: Bench, cluster: Cluster, topic: str) -> list[str]:
    args = (
        "--create", "--topic", topic, "--partitions", "3", "--replication-factor", "1",
        "--config", "retention.ms=604800000", "--config", "min.insync.replicas=1",
    )  # fmt: skip
    return bench.runtime.tool_command(cluster.name, "kafka-topics", args)


def _clear(context: Context) -> None:
    with kafka.admin(context) as admin:
        admin.delete_topics([*admin.topics()])
        while admin.topics():
            time.sleep(0.1)


# --- plans ------------------------------------------------------------------


def _plan(bench: Bench, *, topics: int, partitions: int, goal: float) -> list[Figure]:
    """A plan on a cluster that is as declared: all is read and compared, nothing is done."""
    file = bench.catalog(topics, partitions, 1)
    name = f"plan of {topics:,} topics x {partitions}"
    with bench.cluster(1) as cluster:
        _learnflow("apply", "-b", _address(cluster), "--catalog", file, "--yes")
        runs = [
            _learnflow("plan", "-b", _address(cluster), "--catalog", file, "--check")
            for _ in range(bench.runs)
        ]
        inside, requests = _inside(cluster.context, file)
    whole = statistics.median(r.seconds for r in runs)
    peak = max(r.peak_mb for r in runs)
    return [
        Figure(
            f"{name}, whole process", whole, "s", f"at most {goal:g}", whole <= goal,
            f"of it {inside:.2g} s between the loaded catalog and the finished plan",
        ),
        Figure(f"{name}, peak memory", peak, "MB", "at most 200", peak <= 200),
        Figure(
            f"{name}, requests", requests, "", "grow with batches, not topics", requests <= 12
        ),
    ]  # fmt: skip


def _inside(context: Context, file: str) -> tuple[float, int]:
    """Seconds and requests of planning alone."""
    desired = resolve(catalogs.load(file))
    heard: list[Sent] = []
    with kafka.admin(context, on_sent=heard.append) as admin:
        heard.clear()
        began = time.perf_counter()
        plan = make_plan(admin, desired, Scope(), now_ms=time.time_ns() // 1_000_000)
        seconds = time.perf_counter() - began
    assert not plan.pending
    return seconds, len(heard)


# --- applies ----------------------------------------------------------------


def _apply(bench: Bench, wanted: int) -> list[Figure]:
    """
    New topics with three replicas: our apply, and the bare create of the same topics.

    Kafka answers a create when the controller has decided it; the brokers make the files
    afterwards, and only then show the topics. Our apply ends with a proof, so it is compared
    with the bare create until every broker shows every topic.
    """
    topics, note = _fitting(wanted, 12)
    with bench.cluster(3) as cluster:
        answered, seen = _bare(cluster, topics)
        held = max(_descriptors(bench, cluster), default=0)
    with bench.cluster(3) as cluster:
        file = bench.catalog(topics, 12, 3)
        done = _learnflow("apply", "-b", _address(cluster), "--catalog", file, "--yes")
    ratio = done.seconds / seen
    return [
        Figure(
            f"bare batched create of {topics:,} topics x 12, replication 3, answers", answered,
            "s", None, None, "five calls of kafka-python, 200 topics each",
        ),
        Figure("the same until every broker shows every topic", seen, "s"),
        Figure(
            "apply of the same, whole process with proof", done.seconds, "s", None, None,
            f"{done.peak_mb:.0f} MB; {note}a broker held {held:,} descriptors",
        ),
        Figure(
            "apply over bare create, both until all is seen", ratio, "x", "at most 3",
            ratio <= 3, f"over the bare answers alone: {done.seconds / answered:.1f} x",
        ),
    ]  # fmt: skip


def _bare(cluster: Cluster, topics: int) -> tuple[float, float]:
    """Seconds until kafka-python's calls are answered, and until all brokers show the topics."""
    made = {
        f"bench.topic-{n}": {
            "num_partitions": 12,
            "replication_factor": 3,
            "configs": {"retention.ms": "604800000"},
        }
        for n in range(topics)
    }
    client = KafkaAdminClient(bootstrap_servers=list(cluster.bootstrap))
    began = time.perf_counter()
    names = [*made]
    for start in range(0, topics, 200):
        client.create_topics({n: made[n] for n in names[start : start + 200]})
    answered = time.perf_counter() - began
    client.close()
    for address in cluster.bootstrap:
        each = KafkaAdminClient(bootstrap_servers=[address])
        while len(each.list_topics()) < topics:
            time.sleep(0.1)
        each.close()
    return answered, time.perf_counter() - began


def _fitting(topics: int, partitions: int) -> tuple[int, str]:
    """How many topics fit below this machine's limit of descriptors, and a note if not all."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    fits = (limit - _SPARE) // partitions
    if limit == resource.RLIM_INFINITY or fits >= topics:
        return topics, ""
    return fits, f"only {fits} topics fit below {limit:,} descriptors here; "


def _descriptors(bench: Bench, cluster: Cluster) -> list[int]:
    """How many files each broker holds open."""
    status = bench.runtime.status(cluster.name)
    pids = [node.pid for node in status.nodes if node.pid] if status else []
    folders = [Path(f"/proc/{pid}/fd") for pid in pids]
    return [len([*folder.iterdir()]) for folder in folders if folder.is_dir()]
