"""
A stranger's first minutes: a clean clone, the README's commands, and other people's clients.

Slow, for it downloads everything again: the environment by pip and Kafka into an empty cache.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent.parent
NINE = {
    "learning.query": 3,
    "learning.response": 3,
    "code.execution.request": 3,
    "code.execution.result": 3,
    "exercise.assigned": 2,
    "exercise.submitted": 2,
    "exercise.graded": 2,
    "struggle.detected": 2,
    "progress.updated": 2,
}


class Clone:
    """A clean clone with a home and a cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.tree = folder / "clone"
        self.port = free_ports(1)
        self.environment = {
            "HOME": str(folder / "home"),
            "LEARNFLOW_HOME": str(folder / "learnflow"),
            "PATH": f"{Path(sys.executable).resolve().parent}:{os.environ['PATH']}",
            **{k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_", "REQUESTS_"))},
        }
        (folder / "home").mkdir()
        subprocess.run(["git", "clone", "-q", str(ROOT), str(self.tree)], check=True)

    @property
    def bootstrap(self) -> str:
        """Where its Kafka listens."""
        return f"127.0.0.1:{self.port}"

    def run(self, *words: str, text: str = "") -> str:
        """What a command prints; fails where it does."""
        done = subprocess.run(
            words,
            check=False,
            input=text,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.tree,
            env=self.environment,
            timeout=400,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def learnflow(self, *words: str, text: str = "") -> str:
        """What a command of ours prints."""
        return self.run(".venv/bin/learnflow", *words, text=text)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A clone in which `make up` was run, with nothing prepared."""
    made = Clone(tmp_path_factory.mktemp("stranger"))
    made.up = made.run("make", "up", f"ARGS=--port {made.port}")  # type: ignore[attr-defined]
    yield made
    made.run("make", "down", "ARGS=--wipe --yes")
    shutil.rmtree(made.tree)


def test_make_up_ends_with_nine_verified_topics(clone: Clone):
    """From an empty cache, one command ends in a healthy cluster with the nine topics."""
    topics = json.loads(clone.learnflow("topics", "list", "--json"))["topics"]
    declared = {t["name"]: t["partitions"] for t in topics if not t["name"].endswith(".dlt")}

    assert "healthy: 17 ok" in clone.up  # type: ignore[attr-defined]
    assert declared == NINE
    assert clone.learnflow("verify", "--json")


def test_kcat_lists_and_uses_the_topics(clone: Clone):
    """A client that is not ours sees the topics and passes a record through one."""
    listed = json.loads(clone.run("kcat", "-b", clone.bootstrap, "-L", "-J"))
    clone.run("kcat", "-b", clone.bootstrap, "-t", "progress.updated", "-P", "-k", "ada", text="hi")
    read = clone.run(
        "kcat", "-b", clone.bootstrap, "-t", "progress.updated", "-C", "-e", "-q", "-f", "%k=%s\n"
    )

    assert {t["topic"] for t in listed["topics"]} >= NINE.keys()
    assert "ada=hi" in read


def test_the_java_tools_of_the_same_jars_list_and_use_the_topics(clone: Clone):
    """Kafka's own console tools list the topics, write a record and read it back."""
    server = ("--bootstrap-server", clone.bootstrap)
    listed = clone.learnflow("kafka-tool", "topics", *server, "--list")
    producer = ("kafka-tool", "console-producer", *server, "--topic", "exercise.graded")
    clone.learnflow(*producer, text="from java\n")
    consumer = ("kafka-tool", "console-consumer", *server, "--topic", "exercise.graded")
    read = clone.learnflow(*consumer, "--from-beginning", "--max-messages", "1")

    assert set(listed.split()) >= NINE.keys()
    assert "from java" in read


def test_a_second_make_up_finds_the_running_cluster(clone: Clone):
    """`make up` again changes nothing and ends well."""
    before = json.loads(clone.learnflow("status", "--json"))
    clone.run("make", "up")
    after = json.loads(clone.learnflow("status", "--json"))

    assert before["bootstrap"] == clone.bootstrap
    assert [n["pid"] for n in after["nodes"]] == [n["pid"] for n in before["nodes"]]
