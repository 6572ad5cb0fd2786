from __future__ import annotations

import pytest

from learnflow_kafka.core.observed import ConfigSource, ConfigValue, PartitionState, TopicState
from learnflow_kafka.core.plans.changes import ConfigEdit
from learnflow_kafka.core.plans.desired import DesiredTopic
from learnflow_kafka.core.plans.diff import compare, matches, same_value


def _live(*replicas: tuple[int, ...], **own: str) -> TopicState:
    partitions = tuple(PartitionState(n, r[0], r, r[:1]) for n, r in enumerate(replicas))
    configs = {"retention.ms": ConfigValue("604800000", ConfigSource.DEFAULT)}
    configs |= {k.replace("_", "."): ConfigValue(v, ConfigSource.TOPIC) for k, v in own.items()}
    return TopicState("a", partitions, id="x", configs=configs)


def _wanted(partitions: int = 1, replication: int | None = None, **config: str) -> DesiredTopic:
    named = {k.replace("_", "."): v for k, v in config.items()}
    return DesiredTopic("a", partitions, replication, named)


def test_equal_topics_have_no_difference():
    """Partitions, replication and every managed config agree."""
    assert matches(_wanted(1, 2, retention_ms="5"), _live((1, 2), retention_ms="5"))


def test_a_value_that_only_the_default_gives_is_a_difference():
    """Pinning it is planned: the default may change any day."""
    diff = compare(_wanted(retention_ms="604800000"), _live((1,)))

    assert diff.edits == (ConfigEdit("retention.ms", None, "604800000", "604800000"),)


def test_undeclared_configs_are_told_apart():
    """What stands on the topic and not in the catalog is no edit."""
    diff = compare(_wanted(), _live((1,), segment_ms="5"))

    assert diff.edits == ()
    assert diff.undeclared == {"segment.ms": "5"}


def test_replication_is_counted_from_the_assignment():
    """A topic with one broker down has its replication; in-sync replicas do not count."""
    assert matches(_wanted(1, 3), _live((1, 2, 3)))


def test_uneven_replication_lists_what_there_is():
    """Partitions with different numbers of replicas are a difference that says so."""
    diff = compare(_wanted(2, 3), _live((1, 2, 3), (1, 2)))

    assert diff.replication == (2, 3)


def test_replication_that_is_not_managed_is_no_difference():
    """None leaves it to the cluster."""
    assert compare(_wanted(1), _live((1, 2))).replication == ()


def test_growing_and_shrinking():
    """More wanted grows, fewer wanted shrinks."""
    assert compare(_wanted(2), _live((1,))).grows
    assert compare(_wanted(1), _live((1,), (1,))).shrinks


@pytest.mark.parametrize(
    ("key", "one", "other", "same"),
    [
        ("cleanup.policy", "compact,delete", "delete, compact", True),
        ("cleanup.policy", "compact", "delete", False),
        ("min.cleanable.dirty.ratio", "0.50", "0.5", True),
        ("preallocate", "TRUE", "true", True),
        ("retention.ms", "007", "7", True),
        ("compression.type", "zstd", "lz4", False),
        ("retention.ms", "9007199254740993", "9007199254740992", False),
    ],
)
def test_spellings_of_one_value_are_equal(key: str, one: str, other: str, *, same: bool):
    """Lists have no order, numbers no leading zeros, large ones stay exact."""
    assert same_value(key, one, other) is same
