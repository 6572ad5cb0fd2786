"""A real broker for tests: started in seconds, in a folder of its own, stopped at the end."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.local import ClusterSpec, Serving
from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.plans.changes import CreateTopic
from learnflow_kafka.core.ports import Edge, Fault
from learnflow_kafka.errors import RefusedError, RequestError
from learnflow_kafka.wiring import kafka, testing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from learnflow_kafka.core.connection import Context
    from learnflow_kafka.core.local import Cluster
    from learnflow_kafka.core.observed import Record
    from learnflow_kafka.sdk import Contract

_NAME: Final = "testing"
_EXISTS: Final = "TOPIC_ALREADY_EXISTS"


@dataclass(frozen=True, slots=True)
class RealKafka:
    """One running broker of Apache Kafka."""

    cluster: Cluster

    @property
    def bootstrap(self) -> str:
        """The broker's address, as services take it."""
        return ",".join(self.cluster.bootstrap)

    @property
    def context(self) -> Context:
        """The cluster as the use cases of this package take it."""
        return self.cluster.context

    def create(self, *topics: str, partitions: int = 1) -> None:
        """
        Make topics; those that are there stay as they are.

        Raises RequestError for a name that Kafka does not take.
        """
        self._create(dict.fromkeys(topics, partitions))

    def declare(self, contract: Contract) -> None:
        """Make every topic of a contract that is not there, with retries and dead letters."""
        topics = {topic.name: topic.partitions for topic in contract.topics.values()}
        for service in contract.services.values():
            for read in service.consumes:
                derived = [*read.retry_topics, read.dead_letter_topic]
                topics.update({name: read.topic.partitions for name in derived if name})
        self._create(topics)

    def _create(self, topics: Mapping[str, int]) -> None:
        with kafka.admin(self.context) as admin:
            made = admin.create_topics([CreateTopic(name, n, 1) for name, n in topics.items()])
        for name, fault in made.items():
            if fault is not None and fault.code != _EXISTS:
                raise RequestError(fault.message, code=fault.code, where=name)

    def committed(self, topic: str) -> list[Record]:
        """
        Every record of a topic that a reader of committed records sees now.

        Ends behind a transaction that is open. Raises RequestError where there is no such topic.
        """
        with kafka.admin(self.context) as admin, kafka.data(self.context) as data:
            state = admin.topics([topic]).get(topic)
            if state is None:
                raise RequestError(
                    "there is no such topic", code="UNKNOWN_TOPIC_OR_PARTITION", where=topic
                )
            places = [TopicPartition(topic, p.id) for p in state.partitions]
            ends: dict[TopicPartition, int] = {}
            for place, answer in admin.offsets(places, Edge.LATEST).items():
                if isinstance(answer, Fault):
                    raise RequestError(answer.message, code=answer.code, where=str(place))
                ends[place] = answer.offset or 0
            return list(data.read(dict.fromkeys(places, 0), until=ends))


@contextmanager
def running(folder: Path) -> Iterator[RealKafka]:
    """
    A broker whose data is in the folder, until the block ends; then the data goes too.

    Raises MissingExtraError without the packages of `learnflow-kafka[local]`.
    """
    runtime = testing.runtime(folder)
    spec = ClusterSpec(name=_NAME, brokers=1, port=testing.free_port())
    try:
        serving = None
        for event in runtime.start(spec):
            serving = event
        if not isinstance(serving, Serving):  # pragma: no cover - the runtime's own promise
            raise RefusedError("the broker did not say that it serves")
        yield RealKafka(serving.cluster)
    finally:
        for _ in runtime.stop(_NAME, wipe=True):
            pass


def exactly_once(cluster: object) -> RealKafka:
    """
    The same cluster, where it can prove anything about exactly-once.

    Kafka in memory has no transactions of services, and librdkafka's mock takes them and does
    not enforce them: open and aborted records are delivered, zombies are not fenced. A test
    there would pass and prove nothing. Raises RefusedError for all but a `RealKafka`.
    """
    if isinstance(cluster, RealKafka):
        return cluster
    raise RefusedError(
        f"{type(cluster).__name__} does not enforce transactions: an assertion about exactly-once "
        "would hold there whatever the service does",
        fix="ask for the fixture `real_kafka`",
    )
