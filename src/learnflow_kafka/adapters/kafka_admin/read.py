"""The cluster, its topics, configs and log directories; nothing here changes anything."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from kafka.protocol.admin import (
    DescribeClusterRequest,
    DescribeConfigsRequest,
    DescribeLogDirsRequest,
    DescribeQuorumRequest,
)
from kafka.protocol.metadata import MetadataRequest

from learnflow_kafka.adapters.kafka_admin.client import Call
from learnflow_kafka.adapters.kafka_admin.errors import check, code_name, fault
from learnflow_kafka.core.observed import (
    Broker,
    ClusterState,
    ConfigSource,
    ConfigValue,
    LogDir,
    Metadata,
    PartitionState,
    QuorumState,
    TopicPartition,
    TopicState,
)
from learnflow_kafka.core.ports import Fault
from learnflow_kafka.core.requests import DESCRIBED_CONFIGS, NAMED_TOPICS, chunks
from learnflow_kafka.errors import KafkaError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from uuid import UUID

    from learnflow_kafka.adapters.kafka_admin.client import Client

_DESCRIBE_QUORUM: Final = 55
"""Only brokers of a KRaft cluster know this request."""

TOPIC: Final = 2
BROKER: Final = 4

_SOURCES: Final = {
    1: ConfigSource.TOPIC,
    2: ConfigSource.BROKER,
    3: ConfigSource.BROKER,
    4: ConfigSource.STATIC,
    5: ConfigSource.DEFAULT,
}
_NOT_SAID: Final = -1


class Reading:
    """The reading half of the admin port, without groups and offsets."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def met(self) -> ClusterState:
        """The cluster as metadata last told it; fenced brokers are not in there."""
        seen = self._client.metadata()
        return ClusterState(
            seen.cluster_id or "",
            tuple(
                Broker(b.node_id, b.host, b.port, b.rack)
                for b in sorted(seen.brokers(), key=lambda b: b.node_id)
            ),
            controller=self._client.controller(),
            metadata=Metadata.KRAFT if self._kraft() else Metadata.ZOOKEEPER,
        )

    def cluster(self) -> ClusterState:
        """The cluster and its brokers; fenced ones too from Kafka 4.0 on."""
        answer = self._client.send(DescribeClusterRequest(include_fenced_brokers=True))
        check(answer.error_code, answer.error_message)
        tells_fenced = answer.API_VERSION >= 2  # noqa: PLR2004 - the version that added them
        brokers = tuple(
            Broker(b.broker_id, b.host, b.port, b.rack, b.is_fenced if tells_fenced else None)
            for b in sorted(answer.brokers, key=lambda b: b.broker_id)
        )
        return ClusterState(
            answer.cluster_id,
            brokers,
            controller=None if answer.controller_id < 0 else answer.controller_id,
            metadata=Metadata.KRAFT if self._kraft() else Metadata.ZOOKEEPER,
        )

    def _kraft(self) -> bool:
        return self._client.supports(_DESCRIBE_QUORUM)

    def topics(self, names: Collection[str] | None = None) -> Mapping[str, TopicState]:
        """The named topics that exist, or all, in one request for each 5,000 names."""
        if names is None:
            return topics_in(self._client.send(metadata_of(None)))
        found: dict[str, TopicState] = {}
        for batch in chunks(names, NAMED_TOPICS):
            found.update(topics_in(self._client.send(metadata_of(batch), items=batch)))
        return found

    def topic_configs(
        self, names: Collection[str]
    ) -> Mapping[str, Mapping[str, ConfigValue] | Fault]:
        """Every config of each topic, defaults included."""
        found: dict[str, Mapping[str, ConfigValue] | Fault] = {}
        shared: dict[tuple[Any, ...], ConfigValue] = {}
        for batch in chunks(names, DESCRIBED_CONFIGS):
            answer = self._client.send(describe_configs(TOPIC, batch), items=batch)
            found.update((r.resource_name, configs_of(r, shared)) for r in answer.results)
        return found

    def broker_configs(
        self, ids: Collection[int]
    ) -> Mapping[int, Mapping[str, ConfigValue] | Fault]:
        """Every config of each broker, asked of the broker itself."""
        calls = [Call(describe_configs(BROKER, [str(n)]), to=n, items=(str(n),)) for n in ids]
        found: dict[int, Mapping[str, ConfigValue] | Fault] = {}
        for broker, answer in zip(ids, self._client.send_each(calls), strict=True):
            if isinstance(answer, KafkaError):
                # Whoever shows the fault names the broker already.
                words = str(answer).removeprefix(f"broker {broker} ")
                found[broker] = Fault("BROKER_NOT_AVAILABLE", words)
            else:
                found[broker] = configs_of(answer.results[0], {})
        return found

    def quorum(self) -> QuorumState | None:
        """The KRaft quorum; None on a cluster with ZooKeeper."""
        if not self._kraft():
            return None
        topic = DescribeQuorumRequest.TopicData
        wanted = topic(
            topic_name="__cluster_metadata", partitions=[topic.PartitionData(partition_index=0)]
        )
        answer = self._client.send(
            DescribeQuorumRequest(topics=[wanted]), seconds=self._client.limits.quorum
        )
        check(answer.error_code, answer.error_message)
        log = answer.topics[0].partitions[0]
        check(log.error_code, log.error_message, where="the metadata quorum")
        return QuorumState(
            leader=None if log.leader_id < 0 else log.leader_id,
            epoch=log.leader_epoch,
            high_watermark=log.high_watermark,
            voters={v.replica_id: v.log_end_offset for v in log.current_voters},
            observers={o.replica_id: o.log_end_offset for o in log.observers},
            caught_up_ms={
                v.replica_id: v.last_caught_up_timestamp
                for v in log.current_voters
                if v.last_caught_up_timestamp > 0
            },
        )

    def log_dirs(self) -> tuple[LogDir, ...]:
        """Log directories of every broker that answers, with the size of each replica."""
        self._client.refresh()
        brokers = self._client.brokers()
        calls = [Call(DescribeLogDirsRequest(topics=None), to=b, items=(str(b),)) for b in brokers]
        dirs: list[LogDir] = []
        for broker, answer in zip(brokers, self._client.send_each(calls), strict=True):
            if isinstance(answer, KafkaError):
                continue
            check(answer.error_code, where=f"broker {broker}")
            dirs += [_log_dir(broker, result) for result in answer.results]
        return tuple(dirs)


_EXISTS: Final = frozenset({0, 5})
"""No error, or LEADER_NOT_AVAILABLE: the topic is there and cannot be used right now."""


def metadata_of(names: Collection[str] | None) -> Any:
    """A request for the named topics, or all, that never creates one."""
    wanted = None
    if names is not None:
        wanted = [MetadataRequest.MetadataRequestTopic(name=name) for name in names]
    return MetadataRequest(topics=wanted, allow_auto_topic_creation=False, min_version=4)


def topics_in(answer: Any) -> dict[str, TopicState]:
    """The topics that exist; those that are unknown, or hidden from us, are left out."""
    return {t.name: _topic(t) for t in answer.topics if t.error_code in _EXISTS}


def describe_configs(kind: int, names: Iterable[str]) -> Any:
    """A request for every config of topics or brokers."""
    resource = DescribeConfigsRequest.DescribeConfigsResource
    return DescribeConfigsRequest(
        resources=[
            resource(resource_type=kind, resource_name=name, configuration_keys=None)
            for name in names
        ],
        include_synonyms=False,
        include_documentation=False,
    )


def configs_of(
    result: Any, shared: dict[tuple[Any, ...], ConfigValue]
) -> Mapping[str, ConfigValue] | Fault:
    """
    One resource's configs.

    Thousands of topics have mostly the same values: `shared` keeps one object for each.
    """
    refused = fault(result.error_code, result.error_message)
    if refused is not None:
        return refused
    found = {}
    for entry in result.configs:
        facts = (entry.value, entry.config_source, entry.is_sensitive, entry.read_only)
        value = shared.get(facts)
        if value is None:
            source = _SOURCES.get(entry.config_source, ConfigSource.UNKNOWN)
            told = None if entry.is_sensitive else entry.value
            value = shared[facts] = ConfigValue(told, source, entry.read_only)
        found[entry.name] = value
    return found


def _topic(answer: Any) -> TopicState:
    return TopicState(
        answer.name,
        tuple(
            PartitionState(
                p.partition_index,
                None if p.leader_id < 0 else p.leader_id,
                tuple(p.replica_nodes),
                tuple(p.isr_nodes),
            )
            for p in sorted(answer.partitions, key=lambda p: p.partition_index)
        ),
        id=_kafka_id(answer.topic_id),
        internal=answer.is_internal,
    )


def _kafka_id(uuid: UUID | None) -> str | None:
    """A topic's id as Kafka's own tools write it; None where the broker has none."""
    if uuid is None or not uuid.int:
        return None
    return base64.urlsafe_b64encode(uuid.bytes).decode().rstrip("=")


def _log_dir(broker: int, result: Any) -> LogDir:
    sizes: dict[TopicPartition, int] = {}
    for topic in result.topics:
        for replica in topic.partitions:
            where = TopicPartition(topic.name, replica.partition_index)
            # A replica that moves between directories is in both for a while.
            sizes[where] = sizes.get(where, 0) + replica.partition_size
    return LogDir(
        broker,
        result.log_dir,
        code_name(result.error_code) if result.error_code else None,
        sizes,
        None if result.total_bytes == _NOT_SAID else result.total_bytes,
        None if result.usable_bytes == _NOT_SAID else result.usable_bytes,
    )
