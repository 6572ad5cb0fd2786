"""Arithmetic on offsets that never guesses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learnflow_kafka.core.catalog import LagObjective, Start
from learnflow_kafka.core.lag import (
    Extent,
    LagStatus,
    PartitionLag,
    TopicLag,
    Verdict,
    is_overdue,
    judge,
    partition_lag,
)

offsets = st.one_of(st.none(), st.integers(0, 2**63 - 1))


def behind(records: int | None, *, partition: int = 0, overdue: bool | None = None) -> PartitionLag:
    """A partition of 100 records, so many of them unread."""
    committed = None if records is None else 100 - records
    status = LagStatus.NO_COMMIT if records is None else LagStatus.KNOWN
    return PartitionLag(partition, committed, 0, 100, status, records, overdue=overdue)


@pytest.mark.parametrize(
    ("committed", "start", "end", "status", "records", "lost"),
    [
        (90, 0, 100, LagStatus.KNOWN, 10, 0),
        (100, 0, 100, LagStatus.KNOWN, 0, 0),
        (0, 0, 0, LagStatus.KNOWN, 0, 0),
        (20, 50, 100, LagStatus.LOST, 50, 30),
        (101, 0, 100, LagStatus.BEYOND_END, None, 0),
        (None, 0, 100, LagStatus.NO_COMMIT, None, 0),
        (90, 0, None, LagStatus.NO_END, None, 0),
        (90, None, 100, LagStatus.KNOWN, 10, 0),
    ],
)
def test_every_case_has_a_status_of_its_own(
    *,
    committed: int | None,
    start: int | None,
    end: int | None,
    status: LagStatus,
    records: int | None,
    lost: int,
):
    """What cannot be said has a status and no number."""
    lag = partition_lag(0, committed, Extent(start, end))

    assert (lag.status, lag.records, lag.lost) == (status, records, lost)


@pytest.mark.parametrize(
    ("policy", "records"), [(Start.EARLIEST, 70), (Start.LATEST, 0), (None, None)]
)
def test_without_a_commit_lag_follows_from_where_the_group_would_start(
    policy: Start | None, records: int | None
):
    """A declared start gives the lag of a group that never committed; nothing else does."""
    lag = partition_lag(0, None, Extent(30, 100), start_policy=policy)

    assert lag.status is LagStatus.NO_COMMIT
    assert lag.records == records


@given(offsets, offsets, offsets, st.sampled_from([None, *Start]))
def test_lag_is_never_negative(
    committed: int | None, start: int | None, end: int | None, policy: Start | None
):
    """Whatever a broker answers, lag is a count or not known."""
    if start is not None and end is not None and start > end:
        start, end = end, start
    lag = partition_lag(0, committed, Extent(start, end), start_policy=policy)

    assert lag.records is None or lag.records >= 0
    assert lag.lost >= 0


@pytest.mark.parametrize(
    ("records", "first_fresh", "overdue"),
    [(0, None, False), (10, None, True), (10, 91, True), (10, 90, False), (None, 90, None)],
)
def test_age_is_judged_by_the_first_fresh_offset(
    *, records: int | None, first_fresh: int | None, overdue: bool | None
):
    """A record is overdue when it waits before the first one that is young enough."""
    assert is_overdue(behind(records), first_fresh) is overdue


def test_an_objective_in_records_counts_all_partitions():
    """The limit holds for the topic's whole lag, and the reason says by how much it breaks."""
    partitions = (behind(30, partition=0), behind(31, partition=1))

    assert judge(partitions, LagObjective(max_records=61)) == (Verdict.MET, None)
    assert judge(partitions, LagObjective(max_records=60)) == (
        Verdict.BROKEN,
        "61 records behind, at most 60 allowed",
    )


def test_an_objective_in_age_names_the_late_partitions():
    """Partitions with an overdue record break an objective in time."""
    partitions = (behind(1, partition=0, overdue=False), behind(1, partition=4, overdue=True))
    verdict, reason = judge(partitions, LagObjective(max_age_ms=60_000))

    assert verdict is Verdict.BROKEN
    assert reason == "unread records too old on partitions 4"


def test_what_is_not_known_never_meets_an_objective():
    """Unknown lag, unknown age and no partitions at all are `not checked`."""
    records = LagObjective(max_records=5)

    assert judge((behind(None),), records)[0] is Verdict.UNKNOWN
    assert judge((behind(1),), LagObjective(max_age_ms=5))[0] is Verdict.UNKNOWN
    assert judge((), records)[0] is Verdict.UNKNOWN
    assert judge((behind(None),), None)[0] is Verdict.NONE


def test_a_topic_counts_what_is_known_and_how_much_is_not():
    """The sum leaves out unknown partitions and says how many there are."""
    topic = TopicLag("g", "t", (behind(7), behind(None, partition=1)))

    assert (topic.records, topic.unknown) == (7, 1)
    assert TopicLag("g", "t", (behind(None),)).records is None
