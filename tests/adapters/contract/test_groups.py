"""Groups of the classic, consumer (KIP-848) and share protocols, and committed offsets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.backends import wait_for

from learnflow_kafka.core.observed import (
    GroupDescription,
    GroupListing,
    GroupProtocol,
    GroupState,
    Metadata,
    TopicPartition,
)
from learnflow_kafka.core.ports import Fault

if TYPE_CHECKING:
    from tests.support.backends import Backend

PROTOCOLS = [GroupProtocol.CLASSIC, GroupProtocol.CONSUMER, GroupProtocol.SHARE]


def described(backend: Backend, group: str) -> GroupDescription:
    """The group's description."""
    found = backend.admin.describe_groups([group])[group]
    assert not isinstance(found, Fault)
    return found


def old(backend: Backend) -> bool:
    """Whether the cluster knows classic groups only."""
    return backend.metadata is Metadata.ZOOKEEPER


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_live_group_has_its_members(backend: Backend, protocol: GroupProtocol):
    """Every protocol's group is Stable with its member and what it reads, never Dead."""
    if old(backend) and protocol is not GroupProtocol.CLASSIC:
        pytest.skip("Kafka 3.9 with ZooKeeper has classic groups only")
    topic, group = backend.new_topic(2), backend.new_name("group")
    with backend.member(group, topic, protocol):
        found = described(backend, group)

    assert (found.state, found.protocol) == (GroupState.STABLE, protocol)
    assert found.members is not None
    assert [m.client_id for m in found.members] == ["service"]
    assert set(found.members[0].assignment) == {TopicPartition(topic, n) for n in range(2)}
    assert found.coordinator is not None


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_live_group_is_listed_by_its_protocol(backend: Backend, protocol: GroupProtocol):
    """The listing names each group's protocol and state."""
    if old(backend) and protocol is not GroupProtocol.CLASSIC:
        pytest.skip("Kafka 3.9 with ZooKeeper has classic groups only")
    topic, group = backend.new_topic(), backend.new_name("group")
    with backend.member(group, topic, protocol):
        listed = {g.name: g for g in backend.admin.groups()}

    assert listed[group] == GroupListing(group, GroupState.STABLE, protocol)


def test_a_group_that_does_not_exist_is_dead(backend: Backend):
    """An unknown group has no members and is not active."""
    found = described(backend, backend.new_name("group"))

    assert found.state is GroupState.DEAD
    assert found.members == ()
    assert not found.state.active


def test_a_group_without_members_is_empty(backend: Backend):
    """Committed offsets alone make a group that is Empty and not active."""
    at, group = TopicPartition(backend.new_topic(), 0), backend.new_name("group")
    backend.admin.commit_offsets(group, {at: 0})
    found = described(backend, group)

    assert (found.state, found.protocol) == (GroupState.EMPTY, GroupProtocol.CLASSIC)
    assert found.members == ()
    assert not found.state.active


def test_committed_offsets_are_read_back(backend: Backend):
    """Each group's places come back; an unknown group has none."""
    topic = backend.new_topic(2)
    group, unknown = backend.new_name("group"), backend.new_name("group")
    places = {TopicPartition(topic, 0): 3, TopicPartition(topic, 1): 0}

    assert set(backend.admin.commit_offsets(group, places).values()) == {None}
    assert backend.admin.committed([group, unknown]) == {group: places, unknown: {}}


def test_partitions_that_do_not_exist_take_no_place(backend: Backend):
    """A place in a missing partition is refused beside the one that is taken."""
    topic, group = backend.new_topic(), backend.new_name("group")
    here, missing = TopicPartition(topic, 0), TopicPartition(topic, 5)
    answers = backend.admin.commit_offsets(group, {here: 1, missing: 1})
    refused = answers[missing]

    assert answers[here] is None
    assert refused is not None
    assert refused.code == "UNKNOWN_TOPIC_OR_PARTITION"


def test_an_active_groups_place_is_its_own(backend: Backend):
    """Nobody else can set the place of a group with members."""
    topic, group = backend.new_topic(), backend.new_name("group")
    at = TopicPartition(topic, 0)
    with backend.member(group, topic):
        refused = backend.admin.commit_offsets(group, {at: 0})[at]

    assert refused is not None
    assert refused.code == "UNKNOWN_MEMBER_ID"


def test_an_active_group_is_not_deleted(backend: Backend):
    """A group with members is NON_EMPTY_GROUP."""
    topic, group = backend.new_topic(), backend.new_name("group")
    with backend.member(group, topic):
        refused = backend.admin.delete_groups([group])[group]

    assert refused is not None
    assert refused.code == "NON_EMPTY_GROUP"


def test_a_deleted_group_is_dead(backend: Backend):
    """A deleted group is gone with its places; an unknown one says so."""
    group, unknown = backend.new_name("group"), backend.new_name("group")
    backend.admin.commit_offsets(group, {TopicPartition(backend.new_topic(), 0): 0})
    answers = backend.admin.delete_groups([group, unknown])
    refused = answers[unknown]

    assert answers[group] is None
    assert refused is not None
    assert refused.code == "GROUP_ID_NOT_FOUND"
    assert described(backend, group).state is GroupState.DEAD
    assert backend.admin.committed([group]) == {group: {}}


def test_a_deleted_topics_places_are_gone(backend: Backend):
    """Deleting a topic removes the places that groups had in it, soon after."""
    topic, group = backend.new_topic(), backend.new_name("group")
    backend.admin.commit_offsets(group, {TopicPartition(topic, 0): 1})
    backend.admin.delete_topics([topic])

    wait_for(lambda: backend.admin.committed([group])[group] == {})
