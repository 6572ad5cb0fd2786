"""docs/how-to/from-console-tools.md, command by command, beside Kafka's own tools."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.clusters import LocalKafka
from tests.support.commands import Learnflow

from learnflow_kafka.core.plans.changes import CreateTopic
from learnflow_kafka.wiring import kafka

pytestmark = pytest.mark.kafka

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "from-console-tools.md"
SEED = (
    "kafka-console-producer.sh --bootstrap-server localhost:9092 --topic learning.query",
    (
        "kafka-console-consumer.sh --bootstrap-server localhost:9092 --topic learning.query "
        "--from-beginning"
    ),
    "kafka-topics.sh --bootstrap-server localhost:9092 --list",
    "kafka-topics.sh --bootstrap-server localhost:9092 --describe --topic learning.query",
    "kafka-consumer-groups.sh --bootstrap-server localhost:9092 --list",
    "kafka-consumer-groups.sh --bootstrap-server localhost:9092 --describe --group tutor",
)
"""The console commands that LearnFlow's own notes used before this tool."""


def guide_lines() -> Iterator[str]:
    """Every line of the guide's code blocks."""
    for block in re.findall(r"```bash\n(.*?)```", GUIDE.read_text(), re.DOTALL):
        yield from block.splitlines()


def ours() -> list[str]:
    """Every command of ours in the guide, in its order."""
    return [line for line in guide_lines() if not line.startswith("#")]


def test_the_guide_covers_every_console_command_of_learnflow():
    """Each command of the old notes is in the guide, with ours right below."""
    lines = list(guide_lines())

    for command in SEED:
        place = lines.index(f"# {command}")
        assert "learnflow " in lines[place + 1]


@pytest.fixture
def renamed(kafka1: LocalKafka) -> dict[str, str]:
    """Names of the guide, and those that are this test's own on the shared cluster."""
    names = {
        name: f"{name}.{os.getpid()}.{time.monotonic_ns()}"
        for name in ("learning.query", "old.topic", "tutor")
    }
    topics = [CreateTopic(names["learning.query"], 1, 1), CreateTopic(names["old.topic"], 1, 1)]
    with kafka.admin(kafka1.context) as admin:
        assert set(admin.create_topics(topics).values()) == {None}
    return names


def test_every_command_of_the_guide_works(
    kafka1: LocalKafka, renamed: dict[str, str], own_home: Path, learnflow: Learnflow
):
    """In the guide's order, on a real broker, each ends with exit code 0."""
    learnflow("context", "add", "guide", "--bootstrap", kafka1.bootstrap, "--use")
    failed = {}
    for line in ours():
        command = line
        for name, own in renamed.items():
            command = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", own, command)
        echo, piped, command = command.rpartition(" | ")
        words = shlex.split(command)[1:]
        if follows(words):
            words += ["--max", "1"] if "--from-beginning" in words else ["--help"]
        stdin = shlex.split(echo)[1].encode() + b"\n" if piped else b""
        done = learnflow(*words, stdin=stdin)
        if done.code:
            failed[line] = done.err

    assert not failed
    assert len(ours()) > 30


def follows(words: list[str]) -> bool:
    """Whether the command goes on until somebody ends it (test_daily_work does)."""
    begins = any(
        w in words for w in ("--from-beginning", "--last", "--from", "--offset", "--group")
    )
    return words[0] == "consume" and ("--follow" in words or not begins)


def java(tool: str, *args: str) -> str:
    """What Kafka's own tool prints about the shared cluster."""
    words = (sys.executable, "-m", "learnflow_kafka", "kafka-tool", "--name", "kafka1")
    done = subprocess.run([*words, tool, *args], capture_output=True, text=True, check=True)
    return done.stdout


def test_lists_are_those_of_kafkas_tools(
    kafka1: LocalKafka, renamed: dict[str, str], learnflow: Learnflow
):
    """The same topics with the same partitions, leaders and replicas, and the same groups.

    Kafka lists share groups with a tool of their own; ours lists all.
    """
    at = ("--json", "--bootstrap", kafka1.bootstrap)
    topic, group = renamed["learning.query"], renamed["tutor"]
    learnflow("produce", topic, "--value", "v", "--bootstrap", kafka1.bootstrap)
    learnflow("consume", topic, "--group", group, "--max", "1", "--bootstrap", kafka1.bootstrap)
    topics = {t["name"] for t in learnflow("topics", "list", "--internal", *at).json["topics"]}
    listed = learnflow("groups", "list", *at).json["groups"]
    groups = {g["group"] for g in listed if g["protocol"] != "share"}
    (partition,) = learnflow("topics", "describe", topic, *at).json["topics"][0]["partitions"]
    described = java("kafka-topics", "--describe", "--topic", topic)

    assert topics == set(java("kafka-topics", "--list").split())
    assert groups == set(java("kafka-consumer-groups", "--list").split())
    assert f"Leader: {partition['leader']}" in described
    assert f"Replicas: {','.join(map(str, partition['replicas']))}" in described
