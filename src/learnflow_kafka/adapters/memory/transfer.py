"""Transfers in memory: records and marks appear together, and only the newest opening writes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from learnflow_kafka.adapters.memory.errors import unknown_topic
from learnflow_kafka.adapters.memory.records import Records
from learnflow_kafka.adapters.memory.state import Group
from learnflow_kafka.core.ports import Fault, Mark
from learnflow_kafka.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from learnflow_kafka.core.observed import TopicPartition
    from learnflow_kafka.core.ports import NewRecord, Transfer

_PARTITIONER: Final = "murmur2_random"


class Transfers(Records):
    """The transactional part of the data port."""

    def marks(
        self, group: str, partitions: Collection[TopicPartition]
    ) -> Mapping[TopicPartition, Mark]:
        """The group's marks in those partitions where it has one."""
        with self._gate.sending("OffsetFetch", [group]):
            found = self._state.groups.get(group, Group())
            return {
                place: Mark(found.committed[place], found.notes.get(place, ""))
                for place in partitions
                if place in found.committed
            }

    @contextmanager
    def transfer(self, name: str, group: str) -> Iterator[Transfer]:
        """A transfer that keeps its marks in the group; ends an earlier one of its name."""
        with self._gate.sending("InitProducerId", [name], mutating=True):
            opening = self._state.transfers[name] = self._state.transfers.get(name, 0) + 1
        yield _Transfer(self, name, group, opening)

    def _transferred(
        self,
        transfer: _Transfer,
        records: Sequence[NewRecord],
        marks: Mapping[TopicPartition, Mark],
    ) -> None:
        with self._gate.sending("EndTxn", [transfer.name], mutating=True):
            if self._state.transfers[transfer.name] != transfer.opening:
                raise RequestError(
                    "another transfer took over", code="PRODUCER_FENCED", where=transfer.name
                )
            logs = [log for topic in self._state.topics.values() for log in topic.logs]
            ends = {id(log): len(log.records) for log in logs}
            for record in records:
                result = self._append(record, _PARTITIONER)
                if isinstance(result, Fault):
                    self._undo(ends)
                    raise RequestError(result.message, code=result.code, where=record.topic)
            if any(self._state.log(place) is None for place in marks):
                self._undo(ends)
                raise RequestError(unknown_topic().message, code=unknown_topic().code)
            found = self._state.groups.setdefault(transfer.group, Group())
            for place, mark in marks.items():
                found.committed[place] = mark.offset
                found.notes[place] = mark.note

    def _undo(self, ends: Mapping[int, int]) -> None:
        """Take back what was appended since the logs had these lengths."""
        for topic in self._state.topics.values():
            for log in topic.logs:
                del log.records[ends[id(log)] :]


class _Transfer:
    """One opening of a transfer."""

    def __init__(self, cluster: Transfers, name: str, group: str, opening: int) -> None:
        self.name = name
        self.group = group
        self.opening = opening
        self._cluster = cluster

    def move(self, records: Sequence[NewRecord], marks: Mapping[TopicPartition, Mark]) -> None:
        """Write the records and the marks, or nothing."""
        self._cluster._transferred(self, records, marks)  # noqa: SLF001 - one adapter, two classes

    def marks(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, Mark]:
        """The group's marks in those partitions where it has one."""
        return self._cluster.marks(self.group, partitions)
