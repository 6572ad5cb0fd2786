"""
Formatted data folders, without a JVM for each.

`kafka-storage format` writes two files: `bootstrap.checkpoint`, which is the same for every
node and cluster of one Kafka (the features to begin with), and `meta.properties` with the
ids. The first is made once by Kafka's own tool and kept in the cache; the second is written
here.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Final

from learnflow_kafka.adapters.local import config
from learnflow_kafka.core.local import LOOPBACK
from learnflow_kafka.errors import StartError

if TYPE_CHECKING:
    from learnflow_kafka.adapters.local.distribution import Distribution
    from learnflow_kafka.adapters.local.java import Java

CHECKPOINT: Final = "bootstrap.checkpoint"
META: Final = "meta.properties"


def new_id() -> str:
    """A random id as Kafka writes them: base64 for URLs; never begins with '-'."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def checkpoint(distribution: Distribution, java: Java, derived: Path) -> Path:
    """
    The distribution's `bootstrap.checkpoint`, made by Kafka's tool the first time (1 s).

    Raises StartError with the tool's own words where it fails.
    """
    kept = derived / CHECKPOINT
    if not kept.exists():
        derived.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=derived) as scratch:
            made = _format(distribution, java, Path(scratch))
            made.replace(kept)
    return kept


def format_node(data: Path, checkpoint_file: Path, cluster_id: str, node_id: int) -> None:
    """Make a node's data folder ready; `meta.properties` last, for it says "formatted"."""
    data.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(checkpoint_file, data / CHECKPOINT)
    new = data / f"{META}.new"
    new.write_text(
        config.as_properties(
            {
                "version": "1",
                "cluster.id": cluster_id,
                "node.id": str(node_id),
                "directory.id": new_id(),
            }
        ),
        encoding="ascii",
    )
    new.replace(data / META)


def cluster_id_of(data: Path) -> str | None:
    """The cluster's id as the node's data folder has it, or None where it has none."""
    try:
        lines = (data / META).read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    found = (line.partition("=")[2] for line in lines if line.startswith("cluster.id="))
    return next(found, "").replace("\\", "") or None


def _format(distribution: Distribution, java: Java, scratch: Path) -> Path:
    data = scratch / "data"
    properties = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{LOOPBACK}:1",
        "listeners": f"CLIENT://{LOOPBACK}:2,CONTROLLER://{LOOPBACK}:1",
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "CLIENT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(data),
    }
    file = scratch / "server.properties"
    file.write_text(config.as_properties(properties), encoding="ascii")
    run = subprocess.run(  # noqa: S603 - our own arguments
        [
            str(java.executable), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
            "-cp", distribution.class_path,
            "kafka.tools.StorageTool", "format", "-t", new_id(), "-c", str(file),
        ],
        capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if k != "JAVA_TOOL_OPTIONS"},
    )  # fmt: skip
    made = data / CHECKPOINT
    if run.returncode or not made.exists():
        said = (run.stderr or run.stdout).strip().splitlines()
        raise StartError(f"kafka-storage format failed: {said[-1] if said else run.returncode}")
    return made
