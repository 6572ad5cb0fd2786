"""
Groups of every protocol, their members and their committed offsets.

The classic DescribeGroups calls live groups of newer protocols dead, so the listing says
which protocol each group speaks, and each is described by the request of its own.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from kafka.protocol.admin import DescribeGroupsRequest, ListGroupsRequest
from kafka.protocol.consumer import OffsetFetchRequest
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment
from kafka.protocol.metadata import FindCoordinatorRequest

from learnflow_kafka.adapters.kafka_admin.client import Call
from learnflow_kafka.adapters.kafka_admin.errors import BUSY, check, code_name, fault
from learnflow_kafka.adapters.kafka_admin.messages import (
    ConsumerGroupDescribeRequest,
    ShareGroupDescribeRequest,
)
from learnflow_kafka.adapters.kafka_admin.offsets import Offsets
from learnflow_kafka.core.observed import (
    GroupDescription,
    GroupListing,
    GroupMember,
    GroupProtocol,
    GroupState,
    TopicPartition,
)
from learnflow_kafka.core.ports import Fault
from learnflow_kafka.core.requests import COMMITTED_GROUPS, DESCRIBED_GROUPS, chunks
from learnflow_kafka.errors import KafkaError, RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

_OFFSETS_TOPIC: Final = "__consumer_offsets"
_MISSING: Final = frozenset({"GROUP_ID_NOT_FOUND"})


class Groups(Offsets):
    """The port's groups."""

    def groups(self) -> tuple[GroupListing, ...]:
        """Every group of every protocol, from every broker."""
        listed = self._client.until_settled(self._listed)
        return tuple(sorted((g for found in listed.values() for g in found), key=_by_name))

    def _listed(self) -> dict[int, list[GroupListing]]:
        """The groups that each broker coordinates."""
        self._client.refresh()
        brokers = self._client.brokers()
        calls = [Call(ListGroupsRequest(), to=b, items=(str(b),)) for b in brokers]
        found: dict[int, list[GroupListing]] = {}
        for broker, answer in zip(brokers, self._client.send_each(calls), strict=True):
            if isinstance(answer, KafkaError):
                raise answer
            check(answer.error_code, where=f"broker {broker}")
            found[broker] = [_listing(g) for g in answer.groups]
        return found

    def describe_groups(self, names: Collection[str]) -> Mapping[str, GroupDescription | Fault]:
        """The named groups with their members; a group that does not exist is Dead."""
        if not names:
            return {}
        return self._client.until_settled(lambda: self._describe_all(names))

    def _describe_all(self, names: Collection[str]) -> dict[str, GroupDescription | Fault]:
        found: dict[str, GroupDescription | Fault] = {
            name: GroupDescription(name, GroupState.DEAD, GroupProtocol.UNKNOWN, members=())
            for name in names
        }
        # To ask for a coordinator creates the topic of offsets, which a reader must not do.
        if not self.topics([_OFFSETS_TOPIC]):
            return found
        listing = {g.name: g for groups in self._listed().values() for g in groups}
        coordinators = self.coordinators(names)
        by_request: dict[tuple[int, GroupProtocol], list[str]] = defaultdict(list)
        for name, coordinator in coordinators.items():
            if isinstance(coordinator, Fault):
                found[name] = coordinator
                continue
            listed = listing.get(name)
            protocol = listed.protocol if listed else GroupProtocol.CLASSIC
            if protocol in _DESCRIBERS:
                by_request[coordinator, protocol].append(name)
            elif listed is not None:
                found[name] = GroupDescription(name, listed.state, protocol, coordinator)
        for (coordinator, protocol), group in by_request.items():
            for batch in chunks(group, DESCRIBED_GROUPS):
                found.update(self._describe_batch(coordinator, protocol, batch))
        return found

    def _describe_batch(
        self, coordinator: int, protocol: GroupProtocol, names: list[str]
    ) -> Iterator[tuple[str, GroupDescription | Fault]]:
        request = _DESCRIBERS[protocol](names)
        answer = self._client.send(request, to=coordinator, items=names)
        for group in answer.groups:
            refused = fault(group.error_code, group.error_message)
            if refused is None:
                yield group.group_id, _description(group, protocol, coordinator)
            elif refused.code in BUSY:
                raise RequestError(refused.message, code=refused.code, where=group.group_id)
            elif refused.code not in _MISSING:
                yield group.group_id, refused

    def coordinators(self, groups: Collection[str]) -> dict[str, int | Fault]:
        """
        The broker that keeps each group.

        Asking creates Kafka's topic of offsets where there is none yet.
        """
        found: dict[str, int | Fault] = {}
        for batch in chunks(groups, COMMITTED_GROUPS):
            request = FindCoordinatorRequest(key_type=0, coordinator_keys=batch, min_version=4)
            answer = self._client.send(request, items=batch)
            for one in answer.coordinators:
                if code_name(one.error_code) in BUSY:
                    check(one.error_code, one.error_message, where=one.key)
                found[one.key] = fault(one.error_code, one.error_message) or one.node_id
        return found

    def committed(
        self, groups: Collection[str]
    ) -> Mapping[str, Mapping[TopicPartition, int] | Fault]:
        """Every committed offset of each group, in one request to each coordinator."""
        if not groups:
            return {}
        return self._client.until_settled(lambda: self._committed_all(groups))

    def _committed_all(
        self, groups: Collection[str]
    ) -> dict[str, Mapping[TopicPartition, int] | Fault]:
        found: dict[str, Mapping[TopicPartition, int] | Fault] = {name: {} for name in groups}
        if not self.topics([_OFFSETS_TOPIC]):
            return found
        by_coordinator: dict[int, list[str]] = defaultdict(list)
        for name, coordinator in self.coordinators(groups).items():
            if isinstance(coordinator, Fault):
                found[name] = coordinator
            else:
                by_coordinator[coordinator].append(name)
        for coordinator, names in by_coordinator.items():
            for batch in chunks(names, COMMITTED_GROUPS):
                answer = self._client.send(_fetch(batch), to=coordinator, items=batch)
                found.update((g.group_id, _places(g)) for g in answer.groups)
        return found


def _by_name(listing: GroupListing) -> str:
    return listing.name


def _listing(group: Any) -> GroupListing:
    return GroupListing(group.group_id, _state(group.group_state), _protocol(group))


def _state(said: str) -> GroupState:
    try:
        return GroupState(said)
    except ValueError:
        return GroupState.UNKNOWN


def _protocol(group: Any) -> GroupProtocol:
    """Brokers before 3.8 do not tell: all their groups are classic."""
    try:
        return GroupProtocol((group.group_type or "classic").lower())
    except ValueError:
        return GroupProtocol.UNKNOWN


_DESCRIBERS: Final[Mapping[GroupProtocol, Callable[[list[str]], Any]]] = {
    GroupProtocol.CLASSIC: lambda names: DescribeGroupsRequest(groups=names),
    GroupProtocol.CONSUMER: lambda names: ConsumerGroupDescribeRequest(group_ids=names),
    GroupProtocol.SHARE: lambda names: ShareGroupDescribeRequest(group_ids=names),
}
"""Streams groups are missing: their members are trees of tasks, and come as None."""


def _description(group: Any, protocol: GroupProtocol, coordinator: int) -> GroupDescription:
    state = _state(group.group_state)
    if state is GroupState.DEAD:
        return GroupDescription(group.group_id, state, GroupProtocol.UNKNOWN, members=())
    classic = protocol is GroupProtocol.CLASSIC
    members = tuple(
        GroupMember(
            m.member_id,
            m.client_id,
            m.client_host,
            _classic_assignment(group, m) if classic else _assignment(m),
        )
        for m in group.members
    )
    return GroupDescription(group.group_id, state, protocol, coordinator, members)


def _classic_assignment(group: Any, member: Any) -> tuple[TopicPartition, ...]:
    """What a consumer's leader handed out; other protocols (Connect's) say it their own way."""
    if group.protocol_type != "consumer" or not member.member_assignment:
        return ()
    handed = ConsumerProtocolAssignment.decode(member.member_assignment)
    return tuple(TopicPartition(p.topic, p.partition) for p in handed.partitions())


def _assignment(member: Any) -> tuple[TopicPartition, ...]:
    return tuple(
        TopicPartition(topic.topic_name, number)
        for topic in member.assignment.topic_partitions
        for number in topic.partitions
    )


def _fetch(names: list[str]) -> Any:
    group = OffsetFetchRequest.OffsetFetchRequestGroup
    # From version 10 on topics are named by their ids only.
    return OffsetFetchRequest(
        groups=[group(group_id=name, topics=None) for name in names],
        require_stable=False,
        min_version=8,
        max_version=9,
    )


def _places(group: Any) -> Mapping[TopicPartition, int] | Fault:
    refused = fault(group.error_code)
    if refused is not None:
        if refused.code in BUSY:
            raise RequestError(refused.message, code=refused.code, where=group.group_id)
        return {} if refused.code in _MISSING else refused
    return {
        TopicPartition(topic.name, part.partition_index): part.committed_offset
        for topic in group.topics
        for part in topic.partitions
        if part.committed_offset >= 0
    }
