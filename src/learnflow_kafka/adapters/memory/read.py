"""Reading the cluster's state; no request here changes anything."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING

from learnflow_kafka.adapters.memory.defaults import RULES
from learnflow_kafka.adapters.memory.errors import no_leader, topic_forbidden, unknown_topic
from learnflow_kafka.adapters.memory.gate import Right
from learnflow_kafka.core.observed import (
    Broker,
    ClusterState,
    ConfigSource,
    ConfigValue,
    GroupDescription,
    GroupListing,
    GroupProtocol,
    GroupState,
    LogDir,
    Metadata,
    OffsetAt,
    QuorumState,
    TopicPartition,
    TopicState,
)
from learnflow_kafka.core.ports import Edge, Fault
from learnflow_kafka.core.requests import (
    COMMITTED_GROUPS,
    DESCRIBED_CONFIGS,
    DESCRIBED_GROUPS,
    LISTED_OFFSETS,
    NAMED_TOPICS,
    chunks,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from learnflow_kafka.adapters.memory.gate import Gate
    from learnflow_kafka.adapters.memory.state import Cluster, Log, Topic


class Reading:
    """The reading half of the admin port."""

    def __init__(self, state: Cluster, gate: Gate) -> None:
        self._state = state
        self._gate = gate

    def cluster(self) -> ClusterState:
        """The cluster and its brokers; a stopped one is fenced."""
        with self._gate.sending("DescribeCluster", ()):
            return self.met()

    def met(self) -> ClusterState:
        """As `cluster`, without a request."""
        state = self._state
        alive = state.alive
        fenced_too = state.metadata is Metadata.KRAFT
        return ClusterState(
            state.cluster_id,
            tuple(
                Broker(
                    b.id,
                    b.host,
                    b.port,
                    b.rack,
                    fenced=b.id in state.down if fenced_too else None,
                )
                for b in state.brokers
                if fenced_too or b.id in alive
            ),
            controller=alive[0] if alive else None,
            metadata=state.metadata,
        )

    def topics(self, names: Collection[str] | None = None) -> Mapping[str, TopicState]:
        """The named topics that exist, or all."""
        batches = [None] if names is None else list(chunks(names, NAMED_TOPICS))
        found: dict[str, TopicState] = {}
        for batch in batches:
            with self._gate.sending("Metadata", batch or ()):
                if not self._gate.may(Right.DESCRIBE):
                    continue
                for name in self._state.topics if batch is None else batch:
                    topic = self._state.topics.get(name)
                    if topic is not None:
                        found[name] = self._described(topic)
        return found

    def _described(self, topic: Topic) -> TopicState:
        return TopicState(
            topic.name,
            tuple(self._state.partition(n, log) for n, log in enumerate(topic.logs)),
            id=topic.id,
            internal=topic.internal,
        )

    def topic_configs(
        self, names: Collection[str]
    ) -> Mapping[str, Mapping[str, ConfigValue] | Fault]:
        """Every config of each topic, defaults included."""
        found: dict[str, Mapping[str, ConfigValue] | Fault] = {}
        for batch in chunks(names, DESCRIBED_CONFIGS):
            with self._gate.sending("DescribeConfigs", batch):
                found.update((name, self._configs(name)) for name in batch)
        return found

    def _configs(self, name: str) -> Mapping[str, ConfigValue] | Fault:
        if not self._gate.may(Right.DESCRIBE_CONFIGS):
            return topic_forbidden()
        topic = self._state.topics.get(name)
        return unknown_topic() if topic is None else self._effective(topic)

    def _effective(self, topic: Topic) -> Mapping[str, ConfigValue]:
        full = {}
        for key, rule in RULES.items():
            if key in topic.config:
                full[key] = ConfigValue(topic.config[key], ConfigSource.TOPIC)
            elif key == "min.insync.replicas":
                # With eligible leader replicas the controller sets it for all brokers.
                value = self._state.broker_config[key]
                kraft = self._state.metadata is Metadata.KRAFT
                source = ConfigSource.BROKER if kraft else ConfigSource.DEFAULT
                full[key] = ConfigValue(value, source)
            else:
                full[key] = ConfigValue(rule.default, ConfigSource.DEFAULT)
        return full

    def broker_configs(
        self, ids: Collection[int]
    ) -> Mapping[int, Mapping[str, ConfigValue] | Fault]:
        """The configs of each broker that this tool reads."""
        found: dict[int, Mapping[str, ConfigValue] | Fault] = {}
        for broker in ids:
            with self._gate.sending("DescribeConfigs", [str(broker)]):
                if broker in self._state.alive:
                    found[broker] = {
                        key: ConfigValue(value, ConfigSource.STATIC, read_only=True)
                        for key, value in self._state.broker_config.items()
                    }
                else:
                    found[broker] = Fault("BROKER_NOT_AVAILABLE", "The broker is not available.")
        return found

    def quorum(self) -> QuorumState | None:
        """The quorum, led by the first living broker; None with ZooKeeper."""
        if self._state.metadata is Metadata.ZOOKEEPER:
            return None
        with self._gate.sending("DescribeQuorum", ()):
            alive = self._state.alive
            voters = {b.id: 100 for b in self._state.brokers}
            now = time.time_ns() // 1_000_000
            return QuorumState(
                alive[0] if alive else None, 1, 100, voters, caught_up_ms=dict.fromkeys(alive, now)
            )

    def log_dirs(self) -> tuple[LogDir, ...]:
        """One directory for each living broker."""
        dirs = []
        for broker in self._state.alive:
            with self._gate.sending("DescribeLogDirs", [str(broker)]):
                sizes = {
                    TopicPartition(topic.name, n): log.size
                    for topic in self._state.topics.values()
                    for n, log in enumerate(topic.logs)
                    if broker in log.replicas
                }
                dirs.append(LogDir(broker, "/memory", None, sizes, 10**12, 10**12))
        return tuple(dirs)

    def offsets(
        self, partitions: Collection[TopicPartition], at: Edge | int
    ) -> Mapping[TopicPartition, OffsetAt | Fault]:
        """Offsets at one end, or by time; one request for each leader."""
        found: dict[TopicPartition, OffsetAt | Fault] = {}
        by_leader: dict[int, list[TopicPartition]] = defaultdict(list)
        for partition in partitions:
            log = self._state.log(partition)
            if log is None:
                found[partition] = unknown_topic()
            elif log.leader is None:
                found[partition] = no_leader()
            else:
                by_leader[log.leader].append(partition)
        for led in by_leader.values():
            for batch in chunks(led, LISTED_OFFSETS):
                with self._gate.sending("ListOffsets", map(str, batch)):
                    found.update((p, self._offset(p, at)) for p in batch)
        return found

    def _offset(self, partition: TopicPartition, at: Edge | int) -> OffsetAt | Fault:
        log = self._state.log(partition)
        if log is None:
            return unknown_topic()
        if not self._gate.may(Right.DESCRIBE):
            return topic_forbidden()
        return _found(log, at)

    def groups(self) -> tuple[GroupListing, ...]:
        """Every group; one request for each living broker."""
        for broker in self._state.alive:
            with self._gate.sending("ListGroups", [str(broker)]):
                pass
        return tuple(
            GroupListing(name, group.state, group.protocol)
            for name, group in sorted(self._state.groups.items())
        )

    def describe_groups(self, names: Collection[str]) -> Mapping[str, GroupDescription | Fault]:
        """The named groups; one that does not exist is Dead."""
        found: dict[str, GroupDescription | Fault] = {}
        for batch in chunks(names, DESCRIBED_GROUPS):
            with self._gate.sending("DescribeGroups", batch):
                found.update((name, self._group(name)) for name in batch)
        return found

    def _group(self, name: str) -> GroupDescription:
        group = self._state.groups.get(name)
        if group is None:
            return GroupDescription(name, GroupState.DEAD, GroupProtocol.UNKNOWN, members=())
        alive = self._state.alive
        return GroupDescription(
            name, group.state, group.protocol, alive[0] if alive else None, tuple(group.members)
        )

    def committed(
        self, groups: Collection[str]
    ) -> Mapping[str, Mapping[TopicPartition, int] | Fault]:
        """Every committed offset of each group."""
        found: dict[str, Mapping[TopicPartition, int] | Fault] = {}
        for batch in chunks(groups, COMMITTED_GROUPS):
            with self._gate.sending("OffsetFetch", batch):
                for name in batch:
                    group = self._state.groups.get(name)
                    found[name] = dict(group.committed) if group else {}
        return found


def _found(log: Log, at: Edge | int) -> OffsetAt:
    if at is Edge.EARLIEST:
        return OffsetAt(log.start)
    if at is Edge.LATEST:
        return OffsetAt(log.end)
    if at is Edge.NEWEST:
        newest = max(log.records, key=lambda r: r.timestamp_ms or 0, default=None)
        return OffsetAt(newest.offset, newest.timestamp_ms) if newest else OffsetAt(None)
    for record in log.records:
        if record.timestamp_ms is not None and record.timestamp_ms >= int(at):
            return OffsetAt(record.offset, record.timestamp_ms)
    return OffsetAt(None)
