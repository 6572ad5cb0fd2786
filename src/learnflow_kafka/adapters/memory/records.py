"""Records in and out: the data port."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from learnflow_kafka.adapters.memory.errors import unknown_topic
from learnflow_kafka.adapters.memory.gate import Right
from learnflow_kafka.adapters.memory.read import Reading
from learnflow_kafka.adapters.memory.state import Group
from learnflow_kafka.core.observed import GroupMember, Record, TopicPartition
from learnflow_kafka.core.partitioners import PARTITIONERS
from learnflow_kafka.core.ports import Fault, Written
from learnflow_kafka.errors import NotAuthorizedError, RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from learnflow_kafka.adapters.memory.state import Log, Topic
    from learnflow_kafka.core.ports import NewRecord

BATCH_OVERHEAD = 61 + 16
"""Bytes around a batch's records, and roughly those around one record."""

_IDLE = 0.001


class Records(Reading):
    """The data port over the same cluster."""

    def produce(
        self,
        records: Iterator[NewRecord],
        *,
        partitioner: str,
        timeout: float,
        batch_bytes: int | None = None,
    ) -> Iterator[Written | Fault]:
        """Write records one by one; one result a record, in order."""
        del timeout, batch_bytes  # memory answers at once, and a batch is one record
        for record in records:
            with self._gate.sending("Produce", [record.topic], mutating=True):
                yield self._append(record, partitioner)

    def _append(self, record: NewRecord, partitioner: str) -> Written | Fault:
        topic = self._state.topics.get(record.topic)
        if topic is None:
            return unknown_topic()
        if not self._gate.may(Right.WRITE):
            # One who may write to no topic at all gets no idempotent producer.
            raise NotAuthorizedError("not allowed to write", where=record.topic)
        if fault := self._size_fault_of(topic, record):
            return fault
        number = self._choose(topic, record, partitioner)
        log = self._state.log(TopicPartition(topic.name, number))
        if log is None:
            return unknown_topic()
        stamp = self._stamp(topic, record)
        written = Record(
            topic.name, number, log.end, stamp, record.key, record.value, record.headers
        )
        log.records.append(written)
        return Written(topic.name, number, written.offset)

    def _stamp(self, topic: Topic, record: NewRecord) -> int:
        """The sender's time, unless it gave none or the topic wants the broker's."""
        kept = self._effective(topic)["message.timestamp.type"].value == "CreateTime"
        if kept and record.timestamp_ms is not None:
            return record.timestamp_ms
        return time.time_ns() // 1_000_000

    def _size_fault_of(self, topic: Topic, record: NewRecord) -> Fault | None:
        limit = self._effective(topic)["max.message.bytes"].value
        size = len(record.key or b"") + len(record.value or b"") + BATCH_OVERHEAD
        size += sum(len(name) + len(value or b"") for name, value in record.headers)
        if limit is not None and size > int(limit):
            return Fault(
                "MESSAGE_TOO_LARGE", f"The record has {size} bytes, the topic takes {limit}."
            )
        return None

    def _choose(self, topic: Topic, record: NewRecord, partitioner: str) -> int:
        if record.partition is not None:
            return record.partition
        if record.key is None:
            return self._state.turn() % len(topic.logs)
        return PARTITIONERS[partitioner](record.key, len(topic.logs))

    def read(
        self,
        start: Mapping[TopicPartition, int],
        *,
        until: Mapping[TopicPartition, int] | None = None,
        committed_only: bool = True,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Record]:
        """Records from the start offsets on; ends at `until`, or when `stop` says so."""
        del committed_only  # there are no transactions here
        at = dict(start)
        while not stop():
            fresh = self._fetch(at, until)
            yield from fresh
            if until is not None and all(at[p] >= until[p] for p in at if p in until):
                return
            if not fresh:
                time.sleep(_IDLE)

    def _fetch(
        self, at: dict[TopicPartition, int], until: Mapping[TopicPartition, int] | None
    ) -> list[Record]:
        fresh: list[Record] = []
        with self._gate.sending("Fetch", map(str, at)):
            for partition, offset in at.items():
                log = self._log_to_read(partition, offset)
                end = log.end if until is None else min(until.get(partition, 0), log.end)
                fresh += [r for r in log.records if offset <= r.offset < end]
                at[partition] = max(offset, end)
        return fresh

    def _log_to_read(self, partition: TopicPartition, offset: int) -> Log:
        log = self._state.log(partition)
        if log is None:
            raise RequestError(
                unknown_topic().message, code=unknown_topic().code, where=str(partition)
            )
        if not self._gate.may(Right.READ):
            raise NotAuthorizedError("not allowed to read the topic", where=partition.topic)
        if offset > log.end:
            raise RequestError(
                f"offset {offset} is beyond the partition's end {log.end}",
                code="OFFSET_OUT_OF_RANGE",
                where=str(partition),
            )
        return log

    def read_as_group(
        self, group: str, topics: Sequence[str], *, stop: Callable[[], bool]
    ) -> Iterator[Record]:
        """Records as the group's only new member, committed as the next one is asked for."""
        member = self._join(group, topics)
        place = self._state.groups[group].committed
        try:
            while not stop():
                at = {
                    p: place.get(p, self._state.topics[p.topic].logs[p.partition].start)
                    for p in member.assignment
                }
                fresh = self._fetch(at, None)
                for record in fresh:
                    yield record
                    place[TopicPartition(record.topic, record.partition)] = record.offset + 1
                if not fresh:
                    time.sleep(_IDLE)
        finally:
            self._state.groups[group].members.remove(member)

    def _join(self, group: str, topics: Sequence[str]) -> GroupMember:
        joined = self._state.groups.setdefault(group, Group())
        assignment = tuple(
            TopicPartition(name, n)
            for name in topics
            if name in self._state.topics
            for n in range(len(self._state.topics[name].logs))
        )
        member = GroupMember(f"learnflow-{len(joined.members)}", "learnflow", "/memory", assignment)
        joined.members.append(member)
        return member
