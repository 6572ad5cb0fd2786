"""One node's files and command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from learnflow_kafka.adapters.local import config, processes
from learnflow_kafka.core.local import Role

if TYPE_CHECKING:
    from pathlib import Path

    from learnflow_kafka.adapters.local.distribution import Distribution
    from learnflow_kafka.adapters.local.java import Java
    from learnflow_kafka.core.local import Cluster, Node

QUICK_START: Final = ("-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:TieredStopAtLevel=1")
"""
A laptop's brokers start often and are rarely busy: little memory, no files in /tmp, and the
quick compiler alone. The thorough one takes 40 % of a start's processor time, and gives
nothing back that could be measured: a broker moves bytes, it computes little.
"""

BROKER_HEAP_MIB: Final = 512
ZOOKEEPER_HEAP_MIB: Final = 128
BROKER: Final = "kafka.Kafka"
ZOOKEEPER: Final = "org.apache.zookeeper.server.quorum.QuorumPeerMain"


@dataclass(frozen=True, slots=True)
class Engine:
    """What runs a node: the jars, the Java, and the flags that make its start quick."""

    distribution: Distribution
    java: Java
    aot: tuple[str, ...] = ()


def folder_of(cluster: Cluster, node: Node) -> Path:
    """The node's own folder."""
    return cluster.directory / node.name


def data_of(cluster: Cluster, node: Node) -> Path:
    """Where the node keeps its data."""
    return folder_of(cluster, node) / "data"


def log_of(cluster: Cluster, node: Node) -> Path:
    """The node's log."""
    return folder_of(cluster, node) / "logs" / config.LOG_FILE


def write_files(
    cluster: Cluster, node: Node, distribution: Distribution, offsets_retention_ms: int
) -> None:
    """The configuration that the node reads, anew on every start."""
    folder, data = folder_of(cluster, node), data_of(cluster, node)
    folder.mkdir(parents=True, exist_ok=True)
    if Role.ZOOKEEPER in node.roles:
        values = config.zookeeper_properties(node, data)
    else:
        values = config.server_properties(cluster, node, data, offsets_retention_ms)
    (folder / "server.properties").write_text(config.as_properties(values), encoding="ascii")
    (folder / _log_file(distribution)).write_text(_log_text(distribution), encoding="ascii")


def command(
    cluster: Cluster, node: Node, engine: Engine, *, heap_mib: int = BROKER_HEAP_MIB
) -> list[str]:
    """The node's command line. No JMX port; it runs without a display."""
    folder = folder_of(cluster, node)
    keeper = Role.ZOOKEEPER in node.roles
    return [
        str(engine.java.executable),
        f"-Xmx{ZOOKEEPER_HEAP_MIB if keeper else heap_mib}m",
        *QUICK_START,
        *(() if keeper else engine.aot),
        "-Djava.awt.headless=true",
        "-XX:-CreateCoredumpOnCrash",
        f"-XX:ErrorFile={folder / 'logs' / 'jvm-crash.log'}",
        processes.mark(folder),
        *log_flags(engine.distribution, folder),
        "-cp",
        engine.distribution.class_path,
        ZOOKEEPER if keeper else BROKER,
        str(folder / "server.properties"),
    ]


def log_flags(distribution: Distribution, folder: Path) -> tuple[str, ...]:
    """Tell the node where its log and the configuration of its logging are."""
    configuration = folder / _log_file(distribution)
    return (
        f"-Dlearnflow.logs={folder / 'logs'}",
        logging_flag(distribution, configuration),
    )


def logging_flag(distribution: Distribution, configuration: Path) -> str:
    """Tell the logging library of this Kafka where its configuration is."""
    if _has_log4j2(distribution):
        return f"-Dlog4j2.configurationFile={configuration}"
    return f"-Dlog4j.configuration=file:{configuration}"


def tool_logging(distribution: Distribution) -> tuple[str, str]:
    """Name and text of the configuration that keeps tools quiet."""
    text = config.TOOL_LOG4J2 if _has_log4j2(distribution) else config.TOOL_RELOAD4J
    return f"tools-{_log_file(distribution)}", text


def _has_log4j2(distribution: Distribution) -> bool:
    return any(jar.name.startswith("log4j-core-") for jar in distribution.jars)


def _log_file(distribution: Distribution) -> str:
    return "log4j2.properties" if _has_log4j2(distribution) else "log4j.properties"


def _log_text(distribution: Distribution) -> str:
    return config.LOG4J2 if _has_log4j2(distribution) else config.RELOAD4J
