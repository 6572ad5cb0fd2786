from tests.core.checks.samples import DAY_MS, expectation, finding, healthy, settings, topic

from learnflow_kafka.core.findings import Status
from learnflow_kafka.core.observed import ConfigSource
from learnflow_kafka.core.ports import Fault

DENIED = Fault("TOPIC_AUTHORIZATION_FAILED", "Topic authorization failed.")
KINDS = ("topics.partitions", "topics.replication", "topics.configs")


def test_a_topic_as_declared_passes_every_check():
    """Partitions, replication and configs as declared are OK."""
    found = [finding(name, healthy()).status for name in ("topics.present", *KINDS)]

    assert found == [Status.OK] * 4


def test_a_missing_topic_is_named_once():
    """A topic that is not there fails one check, and the others do not repeat it."""
    evidence = healthy(topics={})

    assert finding("topics.present", evidence).evidence == ("orders: missing",)
    assert finding("topics.present", evidence).status is Status.FAILED
    assert {finding(n, evidence).status for n in KINDS} == {Status.NOT_CHECKED}


def test_another_number_of_partitions_is_named_with_both_numbers():
    """More partitions than declared are a difference as well as fewer."""
    found = finding("topics.partitions", healthy(topics={"orders": topic(partitions=4)}))

    assert found.status is Status.FAILED
    assert found.evidence == ("orders: 4 partitions, declared 3",)


def test_replication_is_counted_from_the_assignment():
    """A broker that is down changes the replicas in sync and not the replication."""
    found = finding("topics.replication", healthy(topics={"orders": topic(isr=(1,))}))

    assert found.status is Status.OK


def test_another_replication_is_named_with_both_numbers():
    """A topic on three brokers that is declared for two is told."""
    wanted = expectation().topics["orders"]
    changed = type(wanted)("orders", 3, 2, wanted.config)
    found = finding("topics.replication", healthy(expected=expectation(topics={"orders": changed})))

    assert found.status is Status.FAILED
    assert found.evidence == ("orders: replication 3, declared 2",)


def test_a_changed_config_is_named_with_both_values():
    """A retention that somebody changed by hand is told with both values."""
    changed = {"orders": settings(retention_ms=str(DAY_MS))}
    found = finding("topics.configs", healthy(topic_configs=changed))

    assert found.status is Status.FAILED
    assert found.evidence == (f"orders: retention.ms is {DAY_MS}, declared {3 * DAY_MS}",)


def test_a_value_that_only_the_broker_holds_is_not_as_declared():
    """The broker's default may change any day, so a declared config stands on the topic."""
    default = {"orders": settings(ConfigSource.DEFAULT, retention_ms=str(3 * DAY_MS))}
    found = finding("topics.configs", healthy(topic_configs=default))

    assert found.status is Status.FAILED
    assert "not set on the topic" in found.evidence[0]


def test_configs_that_we_may_not_see_are_not_checked():
    """Without DescribeConfigs the configs are not checked, with the reason."""
    found = finding("topics.configs", healthy(topic_configs={"orders": DENIED}))

    assert found.status is Status.NOT_CHECKED
    assert "TOPIC_AUTHORIZATION_FAILED" in found.evidence[0]
