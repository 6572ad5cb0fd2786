"""Offsets of partitions: one request to each leader, again where leadership just moved."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from kafka.protocol.consumer import ListOffsetsRequest

from learnflow_kafka.adapters.kafka_admin.client import Call
from learnflow_kafka.adapters.kafka_admin.errors import fault
from learnflow_kafka.adapters.kafka_admin.read import Reading
from learnflow_kafka.core.observed import OffsetAt, TopicPartition
from learnflow_kafka.core.ports import Edge, Fault
from learnflow_kafka.core.requests import LISTED_OFFSETS, chunks
from learnflow_kafka.errors import KafkaError, NotAuthorizedError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_SPECIAL: Final = {Edge.LATEST: -1, Edge.EARLIEST: -2, Edge.NEWEST: -3}
_NEWEST_SINCE: Final = 7
"""The version of ListOffsets that knows the newest timestamp (Kafka 3.0)."""

_FIRST_PAUSE: Final = 0.02
_LAST_PAUSE: Final = 0.25
_LEADERLESS: Final = 0.75
"""
Seconds. A broker that was just told to lead does so within milliseconds; a leader that is gone
is not waited for as long as one that is about to start.
"""

_NO_LEADER: Final = "LEADER_NOT_AVAILABLE"

_MOVED: Final = frozenset(
    {
        "NOT_LEADER_OR_FOLLOWER",
        "REPLICA_NOT_AVAILABLE",
        "OFFSET_NOT_AVAILABLE",
        "FENCED_LEADER_EPOCH",
        "UNKNOWN_LEADER_EPOCH",
        _NO_LEADER,
    }
)

Answers = dict[TopicPartition, OffsetAt | Fault]


class Offsets(Reading):
    """The port's offsets."""

    def offsets(
        self, partitions: Collection[TopicPartition], at: Edge | int
    ) -> Mapping[TopicPartition, OffsetAt | Fault]:
        """Offsets at one end, or of the first record not older than a time in milliseconds."""
        found: Answers = {}
        left = list(dict.fromkeys(partitions))
        began, pause = time.monotonic(), _FIRST_PAUSE
        while True:
            found.update(self._offsets_once(left, at))
            waited = time.monotonic() - began
            hopeful = _MOVED if waited < _LEADERLESS else _MOVED - {_NO_LEADER}
            left = [p for p in left if _code(found[p]) in hopeful]
            if not left or waited > self._client.limits.patience:
                return found
            time.sleep(pause)
            pause = min(2 * pause, _LAST_PAUSE)

    def _offsets_once(self, partitions: list[TopicPartition], at: Edge | int) -> Answers:
        found, by_leader = self._leaders(partitions)
        stamp = _SPECIAL[at] if isinstance(at, Edge) else at
        calls: list[Call] = []
        for leader, led in by_leader.items():
            calls += [
                Call(_list_offsets(batch, stamp), leader, tuple(map(str, batch)))
                for batch in chunks(led, LISTED_OFFSETS)
            ]
        for call, answer in zip(calls, self._client.send_each(calls), strict=True):
            if isinstance(answer, (NotAuthorizedError, UnsupportedError)):
                raise answer
            if isinstance(answer, KafkaError):
                gone = Fault(_NO_LEADER, str(answer))
                found.update((p, gone) for p in _asked(call.request))
            else:
                found.update(_answers(answer))
        return found

    def _leaders(
        self, partitions: list[TopicPartition]
    ) -> tuple[Answers, dict[int, list[TopicPartition]]]:
        """Who leads each partition; partitions without a leader already have their answer."""
        topics = self.topics({p.topic for p in partitions})
        leaders = {
            TopicPartition(name, p.id): p.leader
            for name, topic in topics.items()
            for p in topic.partitions
        }
        found: Answers = {}
        by_leader: dict[int, list[TopicPartition]] = defaultdict(list)
        for partition in partitions:
            leader = leaders.get(partition)
            if partition not in leaders:
                found[partition] = fault(3) or Fault("UNKNOWN_TOPIC_OR_PARTITION", "")
            elif leader is None:
                found[partition] = Fault(_NO_LEADER, "No broker leads the partition now.")
            else:
                by_leader[leader].append(partition)
        return found, by_leader


def _list_offsets(partitions: Iterable[TopicPartition], stamp: int) -> Any:
    topic = ListOffsetsRequest.ListOffsetsTopic
    wanted: dict[str, list[Any]] = defaultdict(list)
    for partition in partitions:
        wanted[partition.topic].append(
            topic.ListOffsetsPartition(partition_index=partition.partition, timestamp=stamp)
        )
    newest = stamp == _SPECIAL[Edge.NEWEST]
    return ListOffsetsRequest(
        replica_id=-1,
        isolation_level=0,
        topics=[topic(name=name, partitions=parts) for name, parts in wanted.items()],
        timeout_ms=30_000,
        min_version=_NEWEST_SINCE if newest else 1,
    )


def _asked(request: Any) -> list[TopicPartition]:
    return [TopicPartition(t.name, p.partition_index) for t in request.topics for p in t.partitions]


def _answers(answer: Any) -> Answers:
    found: Answers = {}
    for topic in answer.topics:
        for part in topic.partitions:
            refused = fault(part.error_code)
            found[TopicPartition(topic.name, part.partition_index)] = refused or OffsetAt(
                None if part.offset < 0 else part.offset,
                None if part.timestamp < 0 else part.timestamp,
            )
    return found


def _code(answer: OffsetAt | Fault) -> str | None:
    return answer.code if isinstance(answer, Fault) else None
