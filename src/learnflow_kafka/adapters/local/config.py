"""
The files that Kafka reads, as text: pure functions of a cluster's record.

What differs from Kafka's own defaults, and why: topics are never made by accident
(`auto.create.topics.enable`); internal topics fit the number of brokers and a laptop (ten
partitions instead of fifty); groups need not wait for members that never come
(`group.initial.rebalance.delay.ms`); offsets live as long as the longest retention, or a
service that rested comes back without its place; the log cleaner takes 16 MiB, not 128; a
replica that found its leader still starting asks again after a tenth of a second, not one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.local import EVERY_INTERFACE, LOOPBACK, Cluster, Mode, Node, Role

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_COMMON: Final = {
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "10",
    "transaction.state.log.num.partitions": "10",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": str(16 * 2**20),
    "replica.fetch.backoff.ms": "100",
}
_KRAFT: Final = {"share.coordinator.state.topic.num.partitions": "10"}
_ZOOKEEPER_SESSION_MS: Final = 6_000
_MINUTE_MS: Final = 60_000
_REPLICAS: Final = 3

LOG_FILE: Final = "server.log"


def server_properties(
    cluster: Cluster, node: Node, data: Path, offsets_retention_ms: int
) -> dict[str, str]:
    """A broker's configuration; `data` is its folder of logs, in Kafka's sense."""
    own = _kraft(cluster, node) if cluster.mode is Mode.KRAFT else _zookeeper_broker(cluster, node)
    return {
        **own,
        "log.dirs": str(data),
        **_listeners(cluster, node),
        **_COMMON,
        **_replication(len(cluster.brokers), kraft=cluster.mode is Mode.KRAFT),
        "offsets.retention.minutes": str(max(1, -(-offsets_retention_ms // _MINUTE_MS))),
    }


def zookeeper_properties(node: Node, data: Path) -> dict[str, str]:
    """ZooKeeper's configuration: loopback, no web server, the words that we ask it."""
    return {
        "dataDir": str(data),
        "clientPort": str(node.port),
        "clientPortAddress": LOOPBACK,
        "tickTime": "1000",
        "maxClientCnxns": "0",
        "admin.enableServer": "false",
        "4lw.commands.whitelist": "ruok,dump",
    }


def as_properties(values: Mapping[str, str]) -> str:
    """The text of a Java properties file, escaped as Java reads it."""
    return "".join(f"{key}={_escape(value)}\n" for key, value in values.items())


def _escape(value: str) -> str:
    text = value.replace("\\", "\\\\")
    if text.startswith(" "):
        text = "\\" + text
    units = text.encode("utf-16-be")
    codes = (int.from_bytes(units[i : i + 2], "big") for i in range(0, len(units), 2))
    return "".join(chr(c) if 0x20 <= c < 0x7F else f"\\u{c:04x}" for c in codes)  # noqa: PLR2004 - ASCII


def _kraft(cluster: Cluster, node: Node) -> dict[str, str]:
    voters = (n for n in cluster.nodes if Role.CONTROLLER in n.roles)
    return {
        "process.roles": ",".join(role.value for role in node.roles),
        "node.id": str(node.id),
        "controller.quorum.voters": ",".join(
            f"{n.id}@{LOOPBACK}:{n.controller_port}" for n in voters
        ),
        "controller.listener.names": "CONTROLLER",
        **_KRAFT,
    }


def _zookeeper_broker(cluster: Cluster, node: Node) -> dict[str, str]:
    keeper = next(n for n in cluster.nodes if Role.ZOOKEEPER in n.roles)
    return {
        "broker.id": str(node.id),
        "zookeeper.connect": f"{LOOPBACK}:{keeper.port}",
        "zookeeper.session.timeout.ms": str(_ZOOKEEPER_SESSION_MS),
        # When all brokers stop at once, the last asks a controller that is gone.
        "controlled.shutdown.retry.backoff.ms": "200",
    }


def _listeners(cluster: Cluster, node: Node) -> dict[str, str]:
    """Loopback for programs here; a second listener where containers were asked for."""
    listen = [f"CLIENT://{LOOPBACK}:{node.port}"]
    advertised = list(listen)
    names = {"CLIENT": "PLAINTEXT"}
    if node.containers_port and cluster.containers:
        bind = bind_address(cluster.containers)
        listen.append(f"CONTAINERS://{bind}:{node.containers_port}")
        advertised.append(f"CONTAINERS://{cluster.containers}:{node.containers_port}")
        names["CONTAINERS"] = "PLAINTEXT"
    if cluster.mode is Mode.KRAFT:
        names["CONTROLLER"] = "PLAINTEXT"
    if node.controller_port:
        listen.append(f"CONTROLLER://{LOOPBACK}:{node.controller_port}")
    return {
        "listeners": ",".join(listen),
        "advertised.listeners": ",".join(advertised),
        "listener.security.protocol.map": ",".join(f"{k}:{v}" for k, v in names.items()),
        "inter.broker.listener.name": "CLIENT",
    }


def bind_address(host: str) -> str:
    """
    Where the second listener binds: an address itself; for a name, every interface.

    A name such as host.docker.internal means this machine only inside containers.
    """
    parts = host.split(".")
    is_address = len(parts) == 4 and all(p.isdigit() for p in parts)  # noqa: PLR2004 - IPv4
    return host if is_address else EVERY_INTERFACE


def _replication(brokers: int, *, kraft: bool) -> dict[str, str]:
    """Internal topics with as many replicas as there are brokers, three at most."""
    replicas = min(_REPLICAS, brokers)
    in_sync = max(1, replicas - 1)
    values = {
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "default.replication.factor": replicas,
    }
    if kraft:
        values["share.coordinator.state.topic.replication.factor"] = replicas
        values["share.coordinator.state.topic.min.isr"] = in_sync
    return {key: str(value) for key, value in values.items()}


LOG4J2: Final = f"""\
status=error
appender.file.type=RollingFile
appender.file.name=FILE
appender.file.fileName=${{sys:learnflow.logs}}/{LOG_FILE}
appender.file.filePattern=${{sys:learnflow.logs}}/{LOG_FILE}.%i
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d{{yyyy-MM-dd'T'HH:mm:ss.SSS}} %-5p %m (%c{{1}})%n
appender.file.policies.type=Policies
appender.file.policies.size.type=SizeBasedTriggeringPolicy
appender.file.policies.size.size=10MB
appender.file.strategy.type=DefaultRolloverStrategy
appender.file.strategy.max=3
rootLogger.level=INFO
rootLogger.appenderRefs=file
rootLogger.appenderRef.file.ref=FILE
logger.config.name=org.apache.kafka.common.config
logger.config.level=WARN
"""
"""Kafka 4: ten megabytes a file, four files; without the dump of every setting."""

RELOAD4J: Final = f"""\
log4j.rootLogger=INFO, FILE
log4j.appender.FILE=org.apache.log4j.RollingFileAppender
log4j.appender.FILE.File=${{learnflow.logs}}/{LOG_FILE}
log4j.appender.FILE.MaxFileSize=10MB
log4j.appender.FILE.MaxBackupIndex=3
log4j.appender.FILE.layout=org.apache.log4j.PatternLayout
log4j.appender.FILE.layout.ConversionPattern=%d{{ISO8601}} %-5p %m (%c{{1}})%n
log4j.logger.org.apache.kafka.common.config=WARN
log4j.logger.kafka.server.KafkaConfig=WARN
log4j.logger.org.apache.zookeeper=WARN
"""
"""Kafka 3.9, the same."""

TOOL_LOG4J2: Final = """\
status=error
appender.console.type=Console
appender.console.name=STDERR
appender.console.target=SYSTEM_ERR
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%-5p %m%n
rootLogger.level=WARN
rootLogger.appenderRefs=console
rootLogger.appenderRef.console.ref=STDERR
"""
"""Tools print their results; their client's settings are not among them."""

TOOL_RELOAD4J: Final = """\
log4j.rootLogger=WARN, STDERR
log4j.appender.STDERR=org.apache.log4j.ConsoleAppender
log4j.appender.STDERR.Target=System.err
log4j.appender.STDERR.layout=org.apache.log4j.PatternLayout
log4j.appender.STDERR.layout.ConversionPattern=%-5p %m%n
"""
"""The same for Kafka 3.9."""
