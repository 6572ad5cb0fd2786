"""
From the command to a verified Kafka: whole processes, as a user starts them.

Everything lives in a folder of its own; Kafka's jars are downloaded into it once, which is
the first run. Each figure is the median of several runs on whatever else the machine does.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.effort import FULL
from bench.result import Figure, median_of
from learnflow_kafka.adapters.local import aot
from learnflow_kafka.adapters.local.client import LocalRuntime
from learnflow_kafka.adapters.local.ports import free_run
from learnflow_kafka.core.local import Mode
from learnflow_kafka.wiring.paths import paths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.effort import Effort

RUNS: Final = 3
HELP_RUNS: Final = 11
QUICK_RUNS: Final = 1
ONE_BROKER: Final = 3.0
THREE_BROKERS: Final = 8.0
HELP: Final = 0.2
_FIRST_PORT: Final = 21_092


@dataclass(frozen=True, slots=True)
class Run:
    """One command: seconds by the wall clock, and what it printed."""

    seconds: float
    output: str


class Bed:
    """A home of its own for the commands that are measured."""

    def __init__(self, home: Path, cache: Path, *, runs: int) -> None:
        self.cache = cache
        self.environ = {**_environment(home), "LEARNFLOW_CACHE": str(cache)}
        self.runs = runs

    def run(self, *args: str, check: bool = True) -> Run:
        """Run `learnflow` as a process of its own."""
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "learnflow_kafka", *args],
            env=self.environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        seconds = time.perf_counter() - began
        if check and done.returncode:
            raise RuntimeError(f"learnflow {' '.join(args)}: {done.stdout}{done.stderr}")
        return Run(seconds, done.stdout)

    def warm_ups(self, name: str, *flags: str, fresh: bool) -> list[float]:
        """Seconds of `up` on a stopped cluster; `fresh`: with all data wiped before."""
        times = []
        for _ in range(self.runs):
            if fresh:  # there may be none yet
                self.run("down", "--name", name, "--wipe", "--yes", check=False)
            times.append(self.run("up", "--name", name, *flags).seconds)
            self.run("down", "--name", name)
        return times


def run(effort: Effort) -> list[Figure]:
    """Measure; every process that was started is stopped."""
    with tempfile.TemporaryDirectory(prefix="learnflow-bench-") as folder:
        home = Path(folder)
        if effort.is_full:
            bed = Bed(home, home / "cache", runs=RUNS)
        else:  # neither the download nor three brokers
            bed = Bed(home, paths().cache, runs=QUICK_RUNS)
        try:
            if effort.is_full:
                return [*_help(bed), *_first(bed), *_warm(bed)]
            return [*_help(bed), *_warm_one(bed)]
        finally:
            for name in ("one", "three"):
                bed.run("down", "--name", name, "--wipe", "--yes", check=False)


def _help(bed: Bed) -> list[Figure]:
    bed.run("--help")
    times = [bed.run("--help").seconds for _ in range(HELP_RUNS if bed.runs > 1 else 1)]
    return [median_of("learnflow --help", times, HELP)]


def _first(bed: Bed) -> list[Figure]:
    """The very first `up`: download, format, a start without a start-up cache."""
    port = str(free_run(_FIRST_PORT, 1))
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "learnflow_kafka", "up", "--name", "one", "--port", port],
        env=bed.environ, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    downloaded, size = 0.0, ""
    for line in process.stdout:
        if line.startswith("downloading"):
            downloaded, size = time.perf_counter() - began, line.split(": ")[1].strip()
    process.wait()
    total = time.perf_counter() - began
    bed.run("down", "--name", "one")
    speed = f"{re.sub(r'.* of ', '', size)} at this machine's network"
    return [
        Figure("first up, empty cache", total, "s", "dominated by the download", None, speed),
        Figure("of it until the download ended", downloaded, "s"),
    ]


def _warm(bed: Bed) -> list[Figure]:
    """Starts with everything in the cache, data kept and data fresh."""
    trained = _train(bed.cache)
    figures = _warm_one(bed)
    flags = ("--brokers", "3", "--port", str(free_run(_FIRST_PORT + 20, 3)))
    bed.run("up", "--name", "three", *flags)
    bed.run("down", "--name", "three")
    three = bed.warm_ups("three", fresh=False)
    three_fresh = bed.warm_ups("three", *flags, fresh=True)
    return [
        *figures,
        median_of("warm up, three brokers, nine topics verified", three, THREE_BROKERS),
        median_of("warm up, three brokers, new data", three_fresh, THREE_BROKERS),
        Figure("making the start-up cache, in the background", trained, "s"),
    ]


def _warm_one(bed: Bed) -> list[Figure]:
    """The same with one broker."""
    fresh = bed.warm_ups("one", "--port", str(free_run(_FIRST_PORT, 1)), fresh=True)
    kept = bed.warm_ups("one", fresh=False)
    return [
        median_of("warm up, one broker, nine topics verified", kept, ONE_BROKER),
        median_of("warm up, one broker, new data", fresh, ONE_BROKER),
    ]


def _train(cache: Path) -> float:
    """Make the start-up cache now, as the background would after the first `up`."""
    runtime = LocalRuntime(data=cache.parent / "unused", cache=cache)
    engine, derived = runtime.engine(Mode.KRAFT)
    began = time.perf_counter()
    if not aot.flags(engine, derived):
        aot.train(engine, derived)
    return time.perf_counter() - began


def _environment(home: Path) -> Mapping[str, str]:
    """The caller's, with our own home, and compiled modules kept as an installation has them."""
    ours = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("LEARNFLOW_", "KAFKA_")) and key != "PYTHONDONTWRITEBYTECODE"
    }
    return ours | {"LEARNFLOW_HOME": str(home), "PYTHONPYCACHEPREFIX": str(home / "pyc")}


if __name__ == "__main__":
    found = [f"{f.name}: {f.value:.2f} {f.unit} ({f.note})" for f in run(FULL)]
    print(json.dumps(found, indent=1))
