"""Groups for people, on Kafka in memory."""

from __future__ import annotations

import pytest

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.app.groups import (
    ResetRequest,
    delete_groups,
    describe_groups,
    group_losses,
    list_groups,
    preview_reset,
    reset,
)
from learnflow_kafka.core.observed import GroupProtocol, TopicPartition
from learnflow_kafka.core.ports import NewRecord
from learnflow_kafka.core.resets import ResetKind, ResetTo
from learnflow_kafka.errors import RefusedError, RequestError

ZERO, ONE = TopicPartition("orders", 0), TopicPartition("orders", 1)
EARLIEST, LATEST = ResetTo(ResetKind.EARLIEST), ResetTo(ResetKind.LATEST)


@pytest.fixture
def kafka() -> MemoryKafka:
    """`orders`: ten records in partition 0, none in 1; group `billing` stands at 4 in 0."""
    made = MemoryKafka(1)
    made.put_topic("orders", 2)
    records = (NewRecord("orders", b"v", partition=0, timestamp_ms=t) for t in range(10))
    list(made.produce(records, partitioner="murmur2_random", timeout=1))
    made.commit_offsets("billing", {ZERO: 4})
    return made


def test_the_list_has_lag_and_members(kafka: MemoryKafka):
    """A resting group has no members and the lag of its place."""
    kafka.join("live", ["orders"], protocol=GroupProtocol.CONSUMER)
    billing, live = list_groups(kafka)

    assert (billing.lag.group, billing.lag.records, billing.members) == ("billing", 6, 0)
    assert (live.lag.protocol, live.members) == (GroupProtocol.CONSUMER, 1)


def test_a_share_group_has_no_lag_and_says_why(kafka: MemoryKafka):
    """A share group is listed with its own protocol, never with a lag of zero."""
    kafka.join("shared", ["orders"], protocol=GroupProtocol.SHARE)
    (found,) = (g for g in list_groups(kafka) if g.lag.group == "shared")

    assert found.lag.protocol is GroupProtocol.SHARE
    assert found.lag.records is None
    assert "one by one" in (found.lag.fault or "")


def test_a_detail_shows_partitions_that_are_read_without_a_commit(kafka: MemoryKafka):
    """Assigned partitions appear with their member, committed or not."""
    kafka.join("billing", ["orders"], client_id="svc")
    (detail,) = describe_groups(kafka, ["billing"])
    (topic,) = detail.lag.topics

    assert [(p.partition, p.committed, p.member) for p in topic.partitions] == [
        (0, 4, "svc"),
        (1, None, "svc"),
    ]


def test_an_unknown_group_suggests_the_nearest(kafka: MemoryKafka):
    """A mistyped group is an error with a suggestion."""
    with pytest.raises(RequestError, match="did you mean 'billing'"):
        describe_groups(kafka, ["biling"])


def test_a_preview_changes_nothing_and_takes_every_partition(kafka: MemoryKafka):
    """Partitions without a commit are moved too, unless only committed ones are asked for."""
    kafka.requests.clear()
    whole = preview_reset(kafka, ResetRequest("billing", EARLIEST))
    committed = preview_reset(kafka, ResetRequest("billing", EARLIEST, only_committed=True))

    assert [(m.where, m.before, m.after) for m in whole.moves] == [(ZERO, 4, 0), (ONE, None, 0)]
    assert [m.where for m in committed.moves] == [ZERO]
    assert not kafka.mutations


@pytest.mark.parametrize(
    ("to", "after"),
    [
        (LATEST, 10),
        (ResetTo(ResetKind.TIME, 7), 7),
        (ResetTo(ResetKind.SHIFT, -3), 1),
        (ResetTo(ResetKind.OFFSET, 99), 10),
    ],
)
def test_a_reset_commits_what_was_previewed(kafka: MemoryKafka, to: ResetTo, after: int):
    """After a reset the group's place is the previewed one."""
    request = ResetRequest("billing", to, partitions=frozenset({0}))
    moved = list(reset(kafka, preview_reset(kafka, request)))

    assert all(m.fault is None for m in moved)
    assert kafka.committed(["billing"])["billing"] == {ZERO: after}


def test_a_reset_of_an_active_group_is_refused_naming_its_members(kafka: MemoryKafka):
    """The preview tells who is active, and the reset refuses with their names."""
    kafka.join("billing", ["orders"], client_id="svc")
    preview = preview_reset(kafka, ResetRequest("billing", EARLIEST))
    kafka.requests.clear()

    with pytest.raises(RefusedError, match="svc at memory"):
        list(reset(kafka, preview))
    assert preview.active == ("svc at memory",)
    assert not kafka.mutations


def test_a_new_group_gets_a_place_on_named_topics_only(kafka: MemoryKafka):
    """A group that does not exist needs topics to be named; then it is made."""
    with pytest.raises(RequestError, match="no group 'new'"):
        preview_reset(kafka, ResetRequest("new", LATEST))
    preview = preview_reset(kafka, ResetRequest("new", LATEST, ("orders",)))
    list(reset(kafka, preview))

    assert kafka.committed(["new"])["new"] == {ZERO: 10, ONE: 0}


def test_share_groups_are_not_reset_or_deleted(kafka: MemoryKafka):
    """What has no place in partitions is refused, with the tool that can."""
    kafka.join("shared", ["orders"], protocol=GroupProtocol.SHARE)

    with pytest.raises(RefusedError, match="cannot reset shared"):
        preview_reset(kafka, ResetRequest("shared", EARLIEST, ("orders",)))
    with pytest.raises(RefusedError, match="cannot delete shared"):
        group_losses(kafka, ["shared"])


def test_deleting_shows_places_and_spares_active_groups(kafka: MemoryKafka):
    """One active group stops the whole command before anything is deleted."""
    kafka.join("live", ["orders"])
    losses = group_losses(kafka, ["billing", "live"])

    assert losses[0].places == {ZERO: 4}
    with pytest.raises(RefusedError, match=r"live \(service at memory\)"):
        list(delete_groups(kafka, losses))
    assert {g.name for g in kafka.groups()} == {"billing", "live"}


def test_a_resting_group_is_deleted(kafka: MemoryKafka):
    """Its places are gone with it."""
    (event,) = delete_groups(kafka, group_losses(kafka, ["billing"]))

    assert event.fault is None
    assert not kafka.groups()
