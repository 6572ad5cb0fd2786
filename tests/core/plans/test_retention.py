from __future__ import annotations

import pytest

from learnflow_kafka.core.observed import OffsetAt, PartitionState, TopicPartition, TopicState
from learnflow_kafka.core.plans.facts import Facts
from learnflow_kafka.core.plans.retention import (
    Lifetime,
    Removed,
    bytes_of,
    lifetime,
    oldest_age,
    removed_by_age,
    removed_by_size,
    shortens,
    union,
    unmeasured,
)

TOPIC = TopicState("a", tuple(PartitionState(n, 1, (1,), (1,)) for n in range(2)))
A0, A1 = TopicPartition("a", 0), TopicPartition("a", 1)


@pytest.mark.parametrize(
    ("configs", "kept"),
    [
        ({"retention.ms": "5", "retention.bytes": "7"}, Lifetime(5, 7)),
        ({}, Lifetime(-1, -1)),
        ({"retention.ms": str(2**63 - 1)}, Lifetime(-1, -1)),
        ({"cleanup.policy": "compact", "retention.ms": "5"}, Lifetime(-1, -1)),
        ({"cleanup.policy": "compact, delete", "retention.ms": "5"}, Lifetime(5, -1)),
    ],
)
def test_how_long_records_live(configs: dict[str, str | None], kept: Lifetime):
    """Compaction alone keeps for ever; -1 and the largest number are for ever too."""
    assert lifetime(configs) == kept


@pytest.mark.parametrize(
    ("before", "after", "shorter"), [(-1, 5, True), (5, -1, False), (5, 4, True), (4, 4, False)]
)
def test_what_is_shorter(before: int, after: int, *, shorter: bool):
    """Any limit is shorter than none."""
    assert shortens(before, after) is shorter


def test_age_is_of_the_oldest_record_in_whole_minutes():
    """Rounded up; no record has no age; an unknown time is as old as time itself."""
    facts = Facts(200_000, oldest={A0: OffsetAt(3, 120_000), A1: OffsetAt(0, 139_000)})

    assert oldest_age(TOPIC, facts) == 120_000
    assert oldest_age(TOPIC, Facts(200_000, oldest={A0: OffsetAt(None)})) == 0
    assert oldest_age(TOPIC, Facts(60_000, oldest={A0: OffsetAt(1, None)})) == 60_000


def test_what_goes_by_age():
    """From the first offset to the first that is kept; all where none is."""
    facts = Facts(0, starts={A0: 5, A1: 0}, ends={A0: 9, A1: 4}, kept={A0: 7, A1: None})

    assert removed_by_age(TOPIC, facts) == (Removed(0, 5, 7), Removed(1, 0, 4))
    assert not unmeasured(TOPIC, facts)


def test_a_partition_that_was_not_measured_is_not_guessed():
    """A partition without a leader gives no range, and the figures are known to be short."""
    facts = Facts(0, starts={A0: 5}, ends={A0: 9}, kept={A0: 7})

    assert removed_by_age(TOPIC, facts) == (Removed(0, 5, 7),)
    assert unmeasured(TOPIC, facts)


def test_what_goes_by_size_is_estimated_from_the_share():
    """A quarter of the limit's bytes keeps a quarter of the records."""
    facts = Facts(0, starts={A0: 100}, ends={A0: 300}, sizes={A0: 4000})

    assert removed_by_size(TOPIC, facts, 1000) == (Removed(0, 100, 250),)
    assert removed_by_size(TOPIC, facts, -1) == ()


def test_bytes_are_the_share_of_the_partitions_bytes():
    """Unknown sizes make the sum unknown, never zero."""
    facts = Facts(0, starts={A0: 0, A1: 0}, ends={A0: 10, A1: 10}, sizes={A0: 1000})

    assert bytes_of(TOPIC, facts, (Removed(0, 0, 4),)) == 400
    assert bytes_of(TOPIC, facts, (Removed(1, 0, 4),)) is None


def test_the_union_takes_the_longer_range():
    """Age and size remove from the same end."""
    assert union((Removed(1, 0, 4),), (Removed(0, 0, 1), Removed(1, 0, 9))) == (
        Removed(0, 0, 1),
        Removed(1, 0, 9),
    )
