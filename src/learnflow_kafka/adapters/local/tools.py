"""Kafka's own tools, run from the same jars as the brokers."""

from __future__ import annotations

import difflib
import zipfile
from typing import TYPE_CHECKING, Final

from learnflow_kafka.adapters.local import launch
from learnflow_kafka.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from learnflow_kafka.adapters.local.distribution import Distribution
    from learnflow_kafka.adapters.local.launch import Engine
    from learnflow_kafka.core.local import Cluster

TOOLS: Final = {
    "kafka-acls": "AclCommand",
    "kafka-broker-api-versions": "BrokerApiVersionsCommand",
    "kafka-cluster": "ClusterTool",
    "kafka-configs": "ConfigCommand",
    "kafka-console-consumer": "consumer.ConsoleConsumer",
    "kafka-console-producer": "ConsoleProducer",
    "kafka-console-share-consumer": "consumer.ConsoleShareConsumer",
    "kafka-consumer-groups": "consumer.group.ConsumerGroupCommand",
    "kafka-consumer-perf-test": "ConsumerPerformance",
    "kafka-delete-records": "DeleteRecordsCommand",
    "kafka-dump-log": "DumpLogSegments",
    "kafka-features": "FeatureCommand",
    "kafka-get-offsets": "GetOffsetShell",
    "kafka-groups": "GroupsCommand",
    "kafka-leader-election": "LeaderElectionCommand",
    "kafka-log-dirs": "LogDirsCommand",
    "kafka-metadata-quorum": "MetadataQuorumCommand",
    "kafka-producer-perf-test": "ProducerPerformance",
    "kafka-reassign-partitions": "reassign.ReassignPartitionsCommand",
    "kafka-share-groups": "consumer.group.ShareGroupCommand",
    "kafka-topics": "TopicCommand",
    "kafka-transactions": "TransactionsCommand",
}
"""The scripts of a Kafka installation and the classes that they start."""

_PACKAGES: Final = ("org.apache.kafka.tools", "kafka.admin", "kafka.tools")
"""Where the classes are: they move from the last two to the first, release by release."""

_BOOTSTRAP: Final = "--bootstrap-server"
_NO_BOOTSTRAP: Final = frozenset({"kafka-dump-log", "kafka-producer-perf-test"})
_OWN_ADDRESS: Final = frozenset({_BOOTSTRAP, "--bootstrap-controller", "--broker-list"})


def command(
    cluster: Cluster, engine: Engine, tool: str, args: Sequence[str], *, logging: Path
) -> list[str]:
    """
    The tool's command line; the cluster's address is added unless one is given.

    `logging` is a configuration that keeps the tool's client quiet. Raises UsageError for a
    tool that is not known, or that this Kafka does not have.
    """
    name = tool.removesuffix(".sh")
    name = name if name.startswith("kafka-") else f"kafka-{name}"
    if name not in TOOLS:
        near = difflib.get_close_matches(name, TOOLS, n=2)
        raise UsageError(
            f"there is no tool {tool!r}",
            fix=f"did you mean {' or '.join(near)}?" if near else f"choose from {', '.join(TOOLS)}",
        )
    words = list(args)
    if name not in _NO_BOOTSTRAP and not _OWN_ADDRESS.intersection(a.split("=")[0] for a in args):
        words += [_BOOTSTRAP, ",".join(cluster.bootstrap)]
    return [
        str(engine.java.executable),
        "-Xmx256m",
        *launch.QUICK_START,
        launch.logging_flag(engine.distribution, logging),
        "-cp",
        engine.distribution.class_path,
        _class_of(name, engine.distribution),
        *words,
    ]


def _class_of(name: str, distribution: Distribution) -> str:
    """The tool's class in this Kafka's jars."""
    jars = [j for j in distribution.jars if j.name.startswith(("kafka-tools-", "kafka_2."))]
    there: set[str] = set()
    for jar in jars:
        with zipfile.ZipFile(jar) as content:
            there.update(content.namelist())
    for package in _PACKAGES:
        found = f"{package}.{TOOLS[name]}"
        if f"{found.replace('.', '/')}.class" in there:
            return found
    raise UsageError(f"Kafka {distribution.version} has no {name}")
