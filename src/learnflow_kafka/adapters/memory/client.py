"""A cluster in memory, with what tests do to it: stop brokers, join groups, break requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learnflow_kafka.adapters.memory.defaults import BROKER_DEFAULTS
from learnflow_kafka.adapters.memory.gate import Gate, Moment, Right
from learnflow_kafka.adapters.memory.state import Cluster, Group, Topic, new_id
from learnflow_kafka.adapters.memory.transfer import Transfers
from learnflow_kafka.adapters.memory.write import Writing
from learnflow_kafka.core.observed import (
    GroupMember,
    GroupProtocol,
    Metadata,
    TopicPartition,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from learnflow_kafka.core.requests import Sent


class MemoryKafka(Writing, Transfers):
    """
    `KafkaAdmin` and `KafkaData` over one cluster in memory.

    `requests` holds everything that was sent, in order. `rights` are those of the client;
    `broker_config` replaces defaults of every broker.
    """

    def __init__(
        self,
        brokers: int = 3,
        *,
        cluster_id: str | None = None,
        metadata: Metadata = Metadata.KRAFT,
        rights: Collection[Right] = tuple(Right),
        broker_config: Mapping[str, str] | None = None,
    ) -> None:
        config = {**BROKER_DEFAULTS, **(broker_config or {})}
        state = Cluster(brokers, cluster_id or new_id(), metadata, config)
        super().__init__(state, Gate(frozenset(rights)))

    @property
    def requests(self) -> list[Sent]:
        """Every request so far; clear it to count anew."""
        return self._gate.requests

    @property
    def mutations(self) -> list[Sent]:
        """The requests that could change something."""
        return [sent for sent in self.requests if sent.mutating]

    @property
    def hooks(self) -> list[Callable[[Sent, Moment], None]]:
        """Called with each request before and after it takes effect; may raise."""
        return self._gate.hooks

    def grant(self, *rights: Right) -> None:
        """Give the client exactly these rights from now on."""
        self._gate.rights = frozenset(rights)

    def fail(
        self,
        nth: int,
        error: BaseException,
        *,
        moment: Moment = Moment.BEFORE,
        mutating_only: bool = False,
    ) -> None:
        """
        Let the nth request from now on (from 1) raise `error`, once.

        At `Moment.AFTER` the request has taken effect and only its answer is lost.
        """
        self._gate.fail(nth, error, moment=moment, mutating_only=mutating_only)

    def stop_broker(self, broker: int) -> None:
        """Let a broker die: it is fenced, and others lead what they can."""
        self._state.stop(broker)

    def start_broker(self, broker: int) -> None:
        """Bring a broker back, in sync at once."""
        self._state.start(broker)

    def put_topic(
        self,
        name: str,
        partitions: int = 1,
        *,
        replication: int = 1,
        config: Mapping[str, str] | None = None,
        internal: bool = False,
    ) -> None:
        """Create or replace a topic without a request, as somebody else would have."""
        logs = self._state.place(partitions, replication)
        self._state.topics[name] = Topic(name, logs, dict(config or {}), internal=internal)

    def trim(self, topic: str, partition: int, start: int) -> None:
        """Remove the records before offset `start`, as retention does."""
        log = self._state.topics[topic].logs[partition]
        log.records = [r for r in log.records if r.offset >= start]
        log.start = start

    def join(
        self,
        group: str,
        topics: Collection[str],
        *,
        protocol: GroupProtocol = GroupProtocol.CLASSIC,
        client_id: str = "service",
    ) -> None:
        """Let a member join a group; it gets every partition of the topics."""
        joined = self._state.groups.setdefault(group, Group(protocol))
        assignment = tuple(
            TopicPartition(name, n)
            for name in topics
            for n in range(len(self._state.topics[name].logs))
        )
        number = len(joined.members)
        joined.members.append(
            GroupMember(f"{client_id}-{number}", client_id, "/memory", assignment)
        )

    def leave(self, group: str) -> None:
        """Let all members of a group go; its offsets stay."""
        self._state.groups[group].members.clear()

    def close(self) -> None:
        """Nothing to let go of."""
