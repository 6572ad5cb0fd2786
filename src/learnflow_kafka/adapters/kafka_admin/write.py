"""
Changing the cluster, or asking whether it would be changed.

Kafka answers when the controller has made a change, and brokers follow a moment later: the
next read could still see the old state. So the calls return when the brokers show it.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from kafka.protocol.admin import (
    CreatePartitionsRequest,
    CreateTopicsRequest,
    DeleteGroupsRequest,
    DeleteRecordsRequest,
    DeleteTopicsRequest,
    ElectLeadersRequest,
    IncrementalAlterConfigsRequest,
)
from kafka.protocol.consumer import OffsetCommitRequest

from learnflow_kafka.adapters.kafka_admin import settle
from learnflow_kafka.adapters.kafka_admin.client import Role
from learnflow_kafka.adapters.kafka_admin.errors import BUSY, check, fault
from learnflow_kafka.adapters.kafka_admin.groups import Groups
from learnflow_kafka.core import requests
from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.ports import Fault
from learnflow_kafka.core.requests import (
    COMMITTED_OFFSETS,
    DELETED_TOPICS,
    chunks,
)
from learnflow_kafka.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from learnflow_kafka.core.plans.changes import AddPartitions, AlterConfig, CreateTopic

_TOPIC: Final = 2
_SET: Final = 0
_REMOVE: Final = 1
_BROKERS_DEFAULT: Final = -1
_NEEDLESS: Final = "ELECTION_NOT_NEEDED"

Answers = dict[str, Fault | None]


class KafkaAdminAdapter(Groups):
    """The whole admin port."""

    def create_topics(
        self, topics: Sequence[CreateTopic], *, validate_only: bool = False
    ) -> Mapping[str, Fault | None]:
        """Create topics, or ask whether the broker would."""
        answers: Answers = {}
        for batch in requests.creations(topics):
            request = CreateTopicsRequest(
                topics=[_creation(t) for t in batch],
                timeout_ms=self._timeout_ms,
                validate_only=validate_only,
            )
            names = [t.topic for t in batch]
            answers |= self._ask_controller(request, names, _topics, mutating=not validate_only)
        if not validate_only:
            last = _last_made([t.topic for t in topics], answers)
            settle.until_created(self._client, last)
        return answers

    def add_partitions(
        self, topics: Sequence[AddPartitions], *, validate_only: bool = False
    ) -> Mapping[str, Fault | None]:
        """Grow topics to `total` partitions, or ask whether the broker would."""
        answers: Answers = {}
        for batch in requests.growths(topics):
            request = CreatePartitionsRequest(
                topics=[_growth(t) for t in batch],
                timeout_ms=self._timeout_ms,
                validate_only=validate_only,
            )
            names = [t.topic for t in batch]
            answers |= self._ask_controller(request, names, _results, mutating=not validate_only)
        if not validate_only:
            totals = {t.topic: t.total for t in topics}
            last = _last_made(list(totals), answers)
            settle.until_created(self._client, last, totals.get(last or "", 1))
        return answers

    def alter_configs(
        self, topics: Sequence[AlterConfig], *, validate_only: bool = False
    ) -> Mapping[str, Fault | None]:
        """
        Edit single configs of topics, or ask whether the broker would.

        Raises `UnsupportedError` on brokers that could only replace all configs at once.
        """
        answers: Answers = {}
        for batch in requests.alterations(topics):
            request = IncrementalAlterConfigsRequest(
                resources=[_alteration(t) for t in batch], validate_only=validate_only
            )
            names = [t.topic for t in batch]
            answers |= self._ask_controller(request, names, _resources, mutating=not validate_only)
        if not validate_only:
            last = _last_made([t.topic for t in topics], answers)
            settle.until_edited(self._client, [t for t in topics if t.topic == last])
        return answers

    def elect_preferred_leaders(
        self, partitions: Collection[TopicPartition]
    ) -> Mapping[TopicPartition, Fault | None]:
        """Give partitions back to the first of their replicas; being there is no fault."""
        if not partitions:
            return {}
        topic = ElectLeadersRequest.TopicPartitions
        request = ElectLeadersRequest(
            election_type=0,
            topic_partitions=[
                topic(topic=name, partitions=numbers) for name, numbers in _grouped(partitions)
            ],
            timeout_ms=self._timeout_ms,
        )
        items = [str(p) for p in partitions]
        answer = self._client.send(request, to=Role.CONTROLLER, items=items, mutating=True)
        check(answer.error_code)
        answers: dict[TopicPartition, Fault | None] = dict.fromkeys(partitions)
        for result in answer.replica_election_results:
            for part in result.partition_result:
                refused = fault(part.error_code, part.error_message)
                if refused is not None and refused.code != _NEEDLESS:
                    answers[TopicPartition(result.topic, part.partition_id)] = refused
        return answers

    def delete_topics(self, names: Sequence[str]) -> Mapping[str, Fault | None]:
        """Delete topics with all their records."""
        answers: Answers = {}
        for batch in chunks(names, DELETED_TOPICS):
            # From version 6 on topics go by id; these are named.
            request = DeleteTopicsRequest(
                topic_names=batch, timeout_ms=self._timeout_ms, max_version=5
            )
            answers |= self._ask_controller(request, batch, _responses, mutating=True)
        settle.until_deleted(self._client, _last_made(names, answers))
        return answers

    def delete_records(
        self, before: Mapping[TopicPartition, int]
    ) -> Mapping[TopicPartition, int | Fault]:
        """Remove every record of a partition before an offset; asks each leader."""
        answers: dict[TopicPartition, int | Fault] = {}
        if before:
            self._client.until_settled(partial(self._delete_records, before, answers))
        return answers

    def _delete_records(
        self, before: Mapping[TopicPartition, int], answers: dict[TopicPartition, int | Fault]
    ) -> None:
        """Cut the partitions that have no final answer yet; twice does no harm."""
        left = [place for place in before if not isinstance(answers.get(place), int)]
        faults, by_leader = self._leaders(left)
        answers.update((p, f) for p, f in faults.items() if isinstance(f, Fault))
        for leader, places in by_leader.items():
            answer = self._client.send(
                _cut({place: before[place] for place in places}, self._timeout_ms),
                to=leader,
                items=[str(place) for place in places],
                mutating=True,
            )
            for topic in answer.topics:
                for part in topic.partitions:
                    refused = fault(part.error_code)
                    place = TopicPartition(topic.name, part.partition_index)
                    answers[place] = part.low_watermark if refused is None else refused
        _raise_if(any, [f for f in answers.values() if isinstance(f, Fault)], "a partition")

    def commit_offsets(
        self, group: str, offsets: Mapping[TopicPartition, int]
    ) -> Mapping[TopicPartition, Fault | None]:
        """Set a group's place; the broker refuses while the group is active."""
        answers: dict[TopicPartition, Fault | None] = {}
        for batch in chunks(offsets, COMMITTED_OFFSETS):
            part = {place: offsets[place] for place in batch}
            answers.update(self._client.until_settled(partial(self._commit, group, part)))
        return answers

    def _commit(
        self, group: str, offsets: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, Fault | None]:
        coordinator = self.coordinators([group])[group]
        if isinstance(coordinator, Fault):
            return dict.fromkeys(offsets, coordinator)
        answer = self._client.send(
            _commitment(group, offsets),
            to=coordinator,
            items=[group, *map(str, offsets)],
            mutating=True,
        )
        answers = {
            TopicPartition(topic.name, part.partition_index): fault(part.error_code)
            for topic in answer.topics
            for part in topic.partitions
        }
        # To commit the same place once more does no harm.
        _raise_if(any, answers.values(), group)
        return answers

    def delete_groups(self, names: Sequence[str]) -> Mapping[str, Fault | None]:
        """Delete groups and their offsets; the broker refuses active ones."""
        answers: Answers = {}
        if names:
            self._client.until_settled(partial(self._delete_groups, names, answers))
        return answers

    def _delete_groups(self, names: Sequence[str], answers: Answers) -> None:
        """Delete the groups that have no final answer yet."""
        by_coordinator: dict[int, list[str]] = defaultdict(list)
        left = [name for name in names if name not in answers]
        for name, coordinator in self.coordinators(left).items():
            if isinstance(coordinator, Fault):
                answers[name] = coordinator
            else:
                by_coordinator[coordinator].append(name)
        done: Answers = {}
        for coordinator, group in by_coordinator.items():
            answer = self._client.send(
                DeleteGroupsRequest(groups_names=group),
                to=coordinator,
                items=group,
                mutating=True,
            )
            done.update((r.group_id, fault(r.error_code)) for r in answer.results)
        answers.update((name, found) for name, found in done.items() if not _busy(found))
        _raise_if(any, done.values(), ", ".join(left))

    def close(self) -> None:
        """Let go of connections; further calls are a bug."""
        self._client.close()

    @property
    def _timeout_ms(self) -> int:
        return int(self._client.limits.request * 1000)

    def _ask_controller(
        self,
        request: Any,
        names: Sequence[str],
        answers_of: Callable[[Any], Answers],
        *,
        mutating: bool,
    ) -> Answers:
        """The controller's answer for each name; again while there is no controller."""

        def attempt() -> Answers:
            answer = self._client.send(request, to=Role.CONTROLLER, items=names, mutating=mutating)
            answers = answers_of(answer)
            _raise_if(all, answers.values(), "the controller")
            return answers

        return self._client.until_settled(attempt)


def _busy(answer: Fault | None) -> bool:
    return answer is not None and answer.code in BUSY


def _raise_if(
    quantifier: Callable[[Iterable[bool]], bool], answers: Collection[Fault | None], where: str
) -> None:
    """Raise where `any` or `all` items were left undone by a busy cluster, to ask again."""
    first = next((a for a in answers if a is not None and _busy(a)), None)
    if first is not None and quantifier(map(_busy, answers)):
        raise RequestError(first.message, code=first.code, where=where)


def _last_made(names: Sequence[str], answers: Answers) -> str | None:
    return next((name for name in reversed(names) if answers.get(name) is None), None)


def _creation(topic: CreateTopic) -> Any:
    kinds = CreateTopicsRequest.CreatableTopic
    placed = [
        kinds.CreatableReplicaAssignment(partition_index=n, broker_ids=list(replicas))
        for n, replicas in enumerate(topic.assignment)
    ]
    # The broker takes numbers or an assignment, never both.
    counted = not placed and topic.replication is not None
    return kinds(
        name=topic.topic,
        num_partitions=_BROKERS_DEFAULT if placed else topic.partitions,
        replication_factor=topic.replication if counted else _BROKERS_DEFAULT,
        assignments=placed,
        configs=[kinds.CreatableTopicConfig(name=k, value=v) for k, v in topic.config.items()],
    )


def _growth(change: AddPartitions) -> Any:
    kinds = CreatePartitionsRequest.CreatePartitionsTopic
    placed = [kinds.CreatePartitionsAssignment(broker_ids=list(r)) for r in change.assignment]
    return kinds(name=change.topic, count=change.total, assignments=placed or None)


def _alteration(change: AlterConfig) -> Any:
    kinds = IncrementalAlterConfigsRequest.AlterConfigsResource
    return kinds(
        resource_type=_TOPIC,
        resource_name=change.topic,
        configs=[
            kinds.AlterableConfig(
                name=edit.key,
                config_operation=_REMOVE if edit.after is None else _SET,
                value=edit.after,
            )
            for edit in change.edits
        ],
    )


def _commitment(group: str, offsets: Mapping[TopicPartition, int]) -> Any:
    topic = OffsetCommitRequest.OffsetCommitRequestTopic
    # From version 10 on topics are named by their ids only.
    return OffsetCommitRequest(
        group_id=group,
        generation_id_or_member_epoch=-1,
        member_id="",
        topics=[
            topic(
                name=name,
                partitions=[
                    topic.OffsetCommitRequestPartition(
                        partition_index=n,
                        committed_offset=offsets[TopicPartition(name, n)],
                        committed_metadata="",
                    )
                    for n in numbers
                ],
            )
            for name, numbers in _grouped(offsets)
        ],
        max_version=9,
    )


def _cut(before: Mapping[TopicPartition, int], timeout_ms: int) -> Any:
    topic = DeleteRecordsRequest.DeleteRecordsTopic
    return DeleteRecordsRequest(
        topics=[
            topic(
                name=name,
                partitions=[
                    topic.DeleteRecordsPartition(
                        partition_index=n, offset=before[TopicPartition(name, n)]
                    )
                    for n in numbers
                ],
            )
            for name, numbers in _grouped(before)
        ],
        timeout_ms=timeout_ms,
    )


def _grouped(partitions: Iterable[TopicPartition]) -> Iterable[tuple[str, list[int]]]:
    by_topic: dict[str, list[int]] = defaultdict(list)
    for partition in partitions:
        by_topic[partition.topic].append(partition.partition)
    return by_topic.items()


def _topics(answer: Any) -> Answers:
    return {t.name: fault(t.error_code, t.error_message) for t in answer.topics}


def _results(answer: Any) -> Answers:
    return {t.name: fault(t.error_code, t.error_message) for t in answer.results}


def _responses(answer: Any) -> Answers:
    return {t.name: fault(t.error_code, t.error_message) for t in answer.responses}


def _resources(answer: Any) -> Answers:
    return {r.resource_name: fault(r.error_code, r.error_message) for r in answer.responses}
