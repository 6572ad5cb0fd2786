"""The ports over memory and over real clusters, for suites that all of them must pass."""

from __future__ import annotations

import itertools
import os
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, ShareConsumer

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.core.observed import GroupProtocol, GroupState, Metadata, TopicPartition
from learnflow_kafka.core.plans.changes import CreateTopic
from learnflow_kafka.core.ports import Edge, Fault, NewRecord
from learnflow_kafka.wiring import kafka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from learnflow_kafka.core.connection import Context
    from learnflow_kafka.core.ports import KafkaAdmin, KafkaData
    from learnflow_kafka.core.requests import Sent

_numbers = itertools.count()


@dataclass
class Backend:
    """Both ports of one cluster; `sent` grows with each admin request."""

    name: str
    brokers: int
    metadata: Metadata
    admin: KafkaAdmin
    data: KafkaData
    sent: list[Sent] = field(default_factory=list)
    bootstrap: str | None = None

    def new_name(self, word: str = "topic") -> str:
        """A name that nobody else uses."""
        return f"contract.{word}-{os.getpid()}-{next(_numbers)}"

    def new_topic(
        self, partitions: int = 1, *, replication: int = 1, config: Mapping[str, str] | None = None
    ) -> str:
        """A topic of its own for one test."""
        name = self.new_name()
        made = self.admin.create_topics([CreateTopic(name, partitions, replication, config or {})])
        assert made == {name: None}
        return name

    def write(self, topic: str, *values: bytes, partition: int | None = 0) -> None:
        """Put records into a topic."""
        records = (NewRecord(topic, value, partition=partition) for value in values)
        for result in self.data.produce(records, partitioner="murmur2_random", timeout=10):
            assert not isinstance(result, Fault), result

    def ends(self, topic: str, partitions: int = 1) -> dict[TopicPartition, int]:
        """The end offset of each partition."""
        asked = [TopicPartition(topic, n) for n in range(partitions)]
        found = self.admin.offsets(asked, Edge.LATEST)
        return {p: found[p].offset or 0 for p in asked}  # type: ignore[union-attr]

    @contextmanager
    def member(
        self, group: str, topic: str, protocol: GroupProtocol = GroupProtocol.CLASSIC
    ) -> Iterator[None]:
        """Somebody who reads the topic in the group, settled when this returns."""
        if isinstance(self.admin, MemoryKafka):
            self.admin.join(group, [topic], protocol=protocol)
            yield
            self.admin.leave(group)
            return
        assert self.bootstrap is not None
        with _consuming(_consumer(self.bootstrap, group, protocol), topic):
            wait_for(lambda: self._settled(group))
            yield

    def _settled(self, group: str) -> bool:
        found = self.admin.describe_groups([group])[group]
        if isinstance(found, Fault) or found.state is not GroupState.STABLE:
            return False
        return bool(found.members) and all(m.assignment for m in found.members or ())


def wait_for(seen: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is seen; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < deadline, f"not seen within {seconds} s"
        time.sleep(0.05)


def memory(brokers: int, metadata: Metadata = Metadata.KRAFT) -> Iterator[Backend]:
    """A cluster in memory."""
    cluster = MemoryKafka(brokers, metadata=metadata)
    yield Backend("memory", brokers, metadata, cluster, cluster, cluster.requests)


def real(name: str, context: Context, brokers: int, metadata: Metadata) -> Iterator[Backend]:
    """A real cluster through both adapters."""
    sent: list[Sent] = []
    with kafka.admin(context, on_sent=sent.append) as admin, kafka.data(context) as data:
        yield Backend(name, brokers, metadata, admin, data, sent, context.connection.address)


def _consumer(bootstrap: str, group: str, protocol: GroupProtocol) -> Any:
    settings = {"bootstrap.servers": bootstrap, "group.id": group, "client.id": "service"}
    if protocol is GroupProtocol.SHARE:
        return ShareConsumer(settings)
    return Consumer({**settings, "group.protocol": protocol.value, "auto.offset.reset": "earliest"})


@contextmanager
def _consuming(consumer: Any, topic: str) -> Iterator[None]:
    """Poll in a thread, as a service would."""
    done = threading.Event()

    def poll() -> None:
        while not done.is_set():
            consumer.poll(timeout=0.1)

    consumer.subscribe([topic])
    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        consumer.close()
