"""The chart's set-up script, run where no Kubernetes is."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.lab import until

from lab.places import RECIPE
from learnflow_kafka.adapters.local.client import LocalRuntime
from learnflow_kafka.wiring.paths import paths

if TYPE_CHECKING:
    from learnflow_kafka.adapters.local.launch import Engine
    from learnflow_kafka.core.local import Mode

READY = 204
BUSY = 503
CHART = Path(__file__).parents[2] / "charts" / "learnflow-kafka"
FILES = CHART / "files"


@dataclass(frozen=True, slots=True)
class Pod:
    """What a pod of the chart sees: its name, its volume, its settings, an image's Kafka."""

    folder: Path
    kafka: Path
    name: str = "kafka-0"
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def volume(self) -> Path:
        """The claim's folder, which outlives the pod."""
        return self.folder / f"volume-{self.name}"

    @property
    def data(self) -> Path:
        """Kafka's log folder."""
        return self.volume / "kafka"

    @property
    def work(self) -> Path:
        """The pod's own writable folder."""
        return self.folder / f"work-{self.name}"

    @property
    def properties(self) -> dict[str, str]:
        """What the script wrote for Kafka."""
        text = (self.work / "server.properties").read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        return dict(line.split("=", 1) for line in lines)

    @property
    def environment(self) -> dict[str, str]:
        """The container's environment, as the chart renders it for three combined nodes."""
        return {
            **{name: os.environ[name] for name in ("PATH", "JAVA_HOME") if name in os.environ},
            "POD_NAME": self.name,
            "NODE_MODE": "kraft",
            "NODE_KIND": "broker",
            "NODE_ID_BASE": "0",
            "NODE_COMBINED": "3",
            "NODE_VOTERS": "0@kafka-0.h:9093,1@kafka-1.h:9093,2@kafka-2.h:9093",
            "NODE_DOMAIN": "h",
            "NODE_CONTROLLER": "CONTROLLER://:9093",
            "NODE_LISTENERS": "CLIENT://:9092,INTERNAL://:9094,LOCAL://127.0.0.1:9095",
            "NODE_ADVERTISED": "CLIENT://@HOST@:9092,LOCAL://localhost:@LOCAL_PORT@",
            "NODE_LOCAL_BASE": "19092",
            "NODE_EXTERNAL": "",
            "NODE_CLUSTER_ID": "",
            "NODE_KEPT_CLUSTER_ID": "L0000000000000000000Aw",
            "NODE_RACK": "",
            "NODE_HEAP_OPTS": "-Xmx256m",
            "NODE_JVM_OPTS": "",
            "NODE_OPTS": "",
            "NODE_HEALTH_PORT": "9404",
            "NODE_KAFKA": str(self.kafka),
            "NODE_CHART": str(self.folder / "chart"),
            "NODE_VOLUME": str(self.volume),
            "NODE_WORK": str(self.work),
            **self.settings,
        }

    @property
    def command(self) -> list[str]:
        """The container's command."""
        return ["/bin/sh", str(FILES / "start.sh")]

    def run(self) -> subprocess.CompletedProcess[str]:
        """Start it and wait for its end."""
        return subprocess.run(
            self.command,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


def mount(folder: Path, properties: str = "auto.create.topics.enable=false\n") -> None:
    """Put the files of the chart's ConfigMap where a pod finds them."""
    chart = folder / "chart"
    chart.mkdir()
    for file in FILES.iterdir():
        (chart / file.name).symlink_to(file)
    for kind in ("broker", "controller"):
        (chart / f"{kind}.properties").write_text(properties, encoding="utf-8")


def ask(port: int, path: str) -> tuple[int, str]:
    """Status and text of the readiness agent's answer; 0 and nothing if nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode().strip()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode().strip()
    except OSError:
        return 0, ""


def engine_of(mode: Mode) -> Engine:
    """The jars and the Java of this machine, fetched if they are not here."""
    places = paths()
    engine, _ = LocalRuntime(data=places.data, cache=places.cache).engine(mode)
    return engine


def java_home(engine: Engine) -> str:
    """Where the scripts of an image look for its Java."""
    return str(engine.java.executable.resolve().parent.parent)


def image(folder: Path, engine: Engine) -> Path:
    """A folder with what the chart needs of the official image: scripts and jars."""
    kafka = folder / "kafka"
    shutil.copytree(RECIPE / "rootfs" / "kafka" / "bin", kafka / "bin")
    storage = kafka / "bin" / "kafka-storage.sh"
    storage.write_text(
        '#!/bin/bash\nexec "$(dirname "$0")/kafka-run-class.sh" kafka.tools.StorageTool "$@"\n',
        encoding="utf-8",
    )
    storage.chmod(0o755)
    (kafka / "libs").mkdir()
    for jar in engine.distribution.jars:
        (kafka / "libs" / jar.name).symlink_to(jar)
    (kafka / "config").mkdir()
    (kafka / "config" / "tools-log4j2.yaml").write_text(
        "Configuration: {Loggers: {Root: {level: WARN}}}\n", encoding="utf-8"
    )
    return kafka


class Node:
    """A pod's process that runs on while a test looks at it."""

    def __init__(self, pod: Pod, health: int) -> None:
        self.pod = pod
        self.health = health
        self.log = pod.folder / f"{pod.name}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                pod.command, env=pod.environment, stdout=log, stderr=subprocess.STDOUT
            )

    def ask(self, path: str) -> tuple[int, str]:
        """The agent's answer; fails with the log's end if the process is gone."""
        assert self.process.poll() is None, self.log.read_text(encoding="utf-8")[-3000:]
        return ask(self.health, path)

    def until_ready(self) -> None:
        """Wait for /ready."""
        until(lambda: self.ask("/ready")[0] == READY or None, f"{self.pod.name} ready")

    def stop(self, how: int = signal.SIGTERM) -> int:
        """End it; the code that it ended with."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(240)
        finally:
            self.process.kill()


def answers(node: Node, seconds: float) -> set[int]:
    """Every status that /ready answers for a while."""
    seen = set()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen.add(node.ask("/ready")[0])
        time.sleep(0.1)
    return seen
