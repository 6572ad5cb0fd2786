"""Changing the cluster, or asking whether it would be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learnflow_kafka.adapters.memory.defaults import config_fault
from learnflow_kafka.adapters.memory.errors import (
    invalid_config,
    topic_forbidden,
    unknown_topic,
)
from learnflow_kafka.adapters.memory.gate import Right
from learnflow_kafka.adapters.memory.read import Reading
from learnflow_kafka.adapters.memory.state import Group, Log, Topic
from learnflow_kafka.core import requests
from learnflow_kafka.core.names import metric_name, topic_name_fault
from learnflow_kafka.core.ports import Fault
from learnflow_kafka.core.requests import (
    COMMITTED_OFFSETS,
    DELETED_TOPICS,
    MAX_PARTITIONS,
    chunks,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from learnflow_kafka.core.observed import TopicPartition
    from learnflow_kafka.core.plans.changes import AddPartitions, AlterConfig, CreateTopic


class Writing(Reading):
    """The changing half of the admin port."""

    def create_topics(
        self, topics: Sequence[CreateTopic], *, validate_only: bool = False
    ) -> Mapping[str, Fault | None]:
        """Create topics, or ask whether the broker would."""
        answers: dict[str, Fault | None] = {}
        for batch in requests.creations(topics):
            names = [t.topic for t in batch]
            with self._gate.sending("CreateTopics", names, mutating=not validate_only):
                answers.update(self._create_batch(batch, validate_only=validate_only))
        return answers

    def _create_batch(
        self, batch: Sequence[CreateTopic], *, validate_only: bool
    ) -> Mapping[str, Fault | None]:
        if sum(max(t.partitions, 1) for t in batch) > MAX_PARTITIONS:
            fault = Fault("POLICY_VIOLATION", "Excessively large number of partitions per request.")
            return {t.topic: fault for t in batch}
        names = [t.topic for t in batch]
        answers: dict[str, Fault | None] = {}
        wanted: list[str] = []
        for topic in batch:
            if names.count(topic.topic) > 1:
                answers[topic.topic] = Fault("INVALID_REQUEST", "Duplicate topic name.")
                continue
            refused = self._creation_fault(topic, wanted)
            answers[topic.topic] = refused
            if refused is None:
                wanted.append(topic.topic)
                if not validate_only:
                    self._create(topic)
        return answers

    def _creation_fault(self, topic: CreateTopic, wanted: Sequence[str]) -> Fault | None:
        if not self._gate.may(Right.CREATE):
            return topic_forbidden()
        name = topic.topic
        if fault := topic_name_fault(name):
            return Fault("INVALID_TOPIC_EXCEPTION", f"Topic name is invalid: {fault}")
        if name in self._state.topics:
            return Fault("TOPIC_ALREADY_EXISTS", f"Topic '{name}' already exists.")
        for other in (*self._state.topics, *wanted):
            if metric_name(other) == metric_name(name):
                return Fault(
                    "INVALID_TOPIC_EXCEPTION",
                    f"Topic '{name}' collides with existing topic: {other}",
                )
        return self._size_fault(topic) or self._config_fault(topic.config)

    def _size_fault(self, topic: CreateTopic) -> Fault | None:
        if topic.replication is not None and topic.replication <= 0 and topic.replication != -1:
            return Fault(
                "INVALID_REPLICATION_FACTOR", "Replication factor must be larger than 0, or -1."
            )
        if topic.partitions <= 0 and topic.partitions != -1:
            return Fault(
                "INVALID_PARTITIONS",
                "Number of partitions was set to an invalid non-positive value.",
            )
        wanted = self._replication(topic)
        known = len(self._state.placeable) if self._state.alive else 0
        if wanted > known:
            return Fault(
                "INVALID_REPLICATION_FACTOR",
                f"Unable to replicate the partition {wanted} time(s): The target replication "
                f"factor of {wanted} cannot be reached because only {known} broker(s) are "
                "registered.",
            )
        return None

    def _config_fault(self, config: Mapping[str, str]) -> Fault | None:
        fault = config_fault(config)
        return None if fault is None else invalid_config(fault)

    def _replication(self, topic: CreateTopic) -> int:
        if topic.replication in {None, -1}:
            return int(self._state.broker_config["default.replication.factor"])
        return topic.replication or 0

    def _create(self, topic: CreateTopic) -> None:
        count = topic.partitions
        if count == -1:
            count = int(self._state.broker_config["num.partitions"])
        logs = _placed(topic.assignment) or self._state.place(count, self._replication(topic))
        self._state.topics[topic.topic] = Topic(topic.topic, logs, dict(topic.config))

    def add_partitions(
        self, topics: Sequence[AddPartitions], *, validate_only: bool = False
    ) -> Mapping[str, Fault | None]:
        """Grow topics to `total` partitions, or ask whether the broker would."""
        answers: dict[str, Fault | None] = {}
        for batch in requests.growths(topics):
            names = [t.topic for t in batch]
            with self._gate.sending("CreatePartitions", names, mutating=not validate_only):
                for change in batch:
                    fault = self._growth_fault(change)
                    answers[change.topic] = fault
                    if fault is None and not validate_only:
                        self._grow(change)
        return answers

    def _growth_fault(self, change: AddPartitions) -> Fault | None:
        if not self._gate.may(Right.ALTER):
            return topic_forbidden()
        topic = self._state.topics.get(change.topic)
        if topic is None:
            return unknown_topic()
        now = len(topic.logs)
        if change.total == now:
            return Fault("INVALID_PARTITIONS", f"Topic already has {now} partition(s).")
        if change.total < now:
            return Fault(
                "INVALID_PARTITIONS",
                f"The topic {change.topic} currently has {now} partition(s); "
                f"{change.total} would not be an increase.",
            )
        if change.total - now > MAX_PARTITIONS:
            return Fault("POLICY_VIOLATION", "Excessively large number of partitions per request.")
        return None

    def _grow(self, change: AddPartitions) -> None:
        topic = self._state.topics[change.topic]
        more, replication = change.total - len(topic.logs), len(topic.logs[0].replicas)
        topic.logs.extend(_placed(change.assignment) or self._state.place(more, replication))

    def alter_configs(
        self, topics: Sequence[AlterConfig], *, validate_only: bool = False
    ) -> Mapping[str, Fault | None]:
        """Edit single configs of topics, or ask whether the broker would."""
        answers: dict[str, Fault | None] = {}
        for batch in requests.alterations(topics):
            names = [t.topic for t in batch]
            with self._gate.sending("IncrementalAlterConfigs", names, mutating=not validate_only):
                for change in batch:
                    answers[change.topic] = self._alter(change, validate_only=validate_only)
        return answers

    def _alter(self, change: AlterConfig, *, validate_only: bool) -> Fault | None:
        if not self._gate.may(Right.ALTER_CONFIGS):
            return topic_forbidden()
        topic = self._state.topics.get(change.topic)
        edited = dict(topic.config) if topic else {}
        for edit in change.edits:
            if edit.after is None:
                edited.pop(edit.key, None)
            else:
                edited[edit.key] = edit.after
        # Kafka looks at the values first, and at the topic after that.
        fault = self._config_fault(edited)
        if fault is not None:
            return fault
        if topic is None:
            return unknown_topic()
        if not validate_only:
            topic.config = edited
        return None

    def elect_preferred_leaders(
        self, partitions: Collection[TopicPartition]
    ) -> Mapping[TopicPartition, Fault | None]:
        """Give partitions back to the first of their replicas; being there is no fault."""
        if not partitions:
            return {}
        with self._gate.sending("ElectLeaders", map(str, partitions), mutating=True):
            return {partition: self._elect(partition) for partition in partitions}

    def _elect(self, partition: TopicPartition) -> Fault | None:
        log = self._state.log(partition)
        if log is None:
            return unknown_topic()
        if log.replicas[0] in self._state.down:
            return Fault(
                "PREFERRED_LEADER_NOT_AVAILABLE", "The preferred leader was not available."
            )
        log.leader = log.replicas[0]
        return None

    def delete_topics(self, names: Sequence[str]) -> Mapping[str, Fault | None]:
        """Delete topics with all their records and the offsets committed in them."""
        answers: dict[str, Fault | None] = {}
        for batch in chunks(names, DELETED_TOPICS):
            with self._gate.sending("DeleteTopics", batch, mutating=True):
                answers.update((name, self._delete(name)) for name in batch)
        return answers

    def _delete(self, name: str) -> Fault | None:
        if name in self._state.topics and not self._gate.may(Right.DELETE):
            return topic_forbidden()
        if self._state.topics.pop(name, None) is None:
            return unknown_topic()
        for group in self._state.groups.values():
            for place in [p for p in group.committed if p.topic == name]:
                del group.committed[place]
                group.notes.pop(place, None)
        return None

    def delete_records(
        self, before: Mapping[TopicPartition, int]
    ) -> Mapping[TopicPartition, int | Fault]:
        """Remove every record of a partition before an offset."""
        if not before:
            return {}
        with self._gate.sending("DeleteRecords", map(str, before), mutating=True):
            return {place: self._cut(place, offset) for place, offset in before.items()}

    def _cut(self, place: TopicPartition, offset: int) -> int | Fault:
        log = self._state.log(place)
        if log is None:
            return unknown_topic()
        if not self._gate.may(Right.DELETE):
            return topic_forbidden()
        if "delete" not in self._state.topics[place.topic].config.get("cleanup.policy", "delete"):
            return Fault("POLICY_VIOLATION", "Request parameters do not satisfy the policy.")
        if offset > log.end:
            return Fault("OFFSET_OUT_OF_RANGE", "The offset is beyond the partition's end.")
        log.start = max(log.start, offset)
        log.records = [r for r in log.records if r.offset >= log.start]
        return log.start

    def commit_offsets(
        self, group: str, offsets: Mapping[TopicPartition, int]
    ) -> Mapping[TopicPartition, Fault | None]:
        """Set a group's place; refused while the group is active."""
        answers: dict[TopicPartition, Fault | None] = {}
        for batch in chunks(offsets, COMMITTED_OFFSETS):
            items = [group, *map(str, batch)]
            with self._gate.sending("OffsetCommit", items, mutating=True):
                for place in batch:
                    answers[place] = self._commit(group, place, offsets[place])
        return answers

    def _commit(self, name: str, place: TopicPartition, offset: int) -> Fault | None:
        if self._state.log(place) is None:
            return unknown_topic()
        group = self._state.groups.get(name)
        if group is not None and group.members:
            return Fault("UNKNOWN_MEMBER_ID", "The coordinator is not aware of this member.")
        if group is None:
            group = self._state.groups[name] = Group()
        group.committed[place] = offset
        group.notes.pop(place, None)
        return None

    def delete_groups(self, names: Sequence[str]) -> Mapping[str, Fault | None]:
        """Delete groups and their offsets; active ones are refused."""
        answers: dict[str, Fault | None] = {}
        if not names:
            return answers
        with self._gate.sending("DeleteGroups", names, mutating=True):
            for name in names:
                group = self._state.groups.get(name)
                if group is None:
                    answers[name] = Fault("GROUP_ID_NOT_FOUND", "The group id does not exist.")
                elif group.members:
                    answers[name] = Fault("NON_EMPTY_GROUP", "The group is not empty.")
                else:
                    del self._state.groups[name]
                    answers[name] = None
        return answers


def _placed(assignment: Sequence[Sequence[int]]) -> list[Log]:
    """Partitions on the brokers that are named for them, the first of each leading."""
    return [Log(tuple(replicas), leader=replicas[0]) for replicas in assignment]
