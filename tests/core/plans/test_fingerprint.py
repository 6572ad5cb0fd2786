from __future__ import annotations

from dataclasses import replace

from learnflow_kafka.core.observed import ConfigSource, ConfigValue, PartitionState, TopicState
from learnflow_kafka.core.plans.changes import AddPartitions, AlterConfig, ConfigEdit
from learnflow_kafka.core.plans.fingerprint import Fingerprint, differences, expected, fingerprint

SEEN = Fingerprint("id", ((1, 2), (2, 3)), {"retention.ms": "5"})


def _state(*replicas: tuple[int, ...], configs: dict[str, ConfigValue]) -> TopicState:
    partitions = tuple(PartitionState(n, r[0], r, r) for n, r in enumerate(replicas))
    return TopicState("a", partitions, id="id", configs=configs)


def test_a_fingerprint_leaves_out_what_moves_by_itself():
    """Leaders, the order of replicas, defaults and other tools' throttles do not count."""
    own = ConfigValue("5", ConfigSource.TOPIC)
    configs = {
        "retention.ms": own,
        "leader.replication.throttled.replicas": own,
        "segment.ms": ConfigValue("7", ConfigSource.DEFAULT),
    }

    assert fingerprint(_state((2, 1), (3, 2), configs=configs)) == SEEN


def test_what_changed_is_said():
    """Each difference is one phrase."""
    now = Fingerprint("other", ((1, 3), (2, 3), (1, 2)), {"segment.ms": "1"})

    assert differences(SEEN, now) == (
        "it was deleted and created anew (another topic id)",
        "partitions 2 -> 3",
        "replicas of partition 0 [1, 2] -> [1, 3]",
        "retention.ms 5 -> (not set)",
        "segment.ms (not set) -> 1",
    )


def test_absence_is_a_state_too():
    """A topic that appeared or vanished is a difference."""
    assert differences(None, SEEN) == ("it exists now",)
    assert differences(SEEN, None) == ("it is gone",)
    assert differences(None, None) == ()


def test_our_own_changes_are_expected():
    """After our change the cluster may look exactly as we made it, wherever replicas landed."""
    grown = expected(SEEN, AddPartitions("a", 2, 3))
    edited = expected(grown, AlterConfig("a", (ConfigEdit("retention.ms", "5", None),)))

    assert differences(edited, replace(SEEN, partitions=((1, 2), (2, 3), (1, 3)), configs={})) == ()


def test_another_spelling_of_a_value_is_no_change():
    """The broker may write a number in its own way."""
    live = replace(SEEN, configs={"retention.ms": "05"})

    assert differences(SEEN, live) == ()
