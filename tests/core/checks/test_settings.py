import pytest
from tests.core.checks.samples import DAY_MS, broker_settings, expectation, finding, healthy

from learnflow_kafka.core.findings import Status
from learnflow_kafka.core.plans.desired import DesiredTopic
from learnflow_kafka.core.ports import Fault

DENIED = dict.fromkeys((1, 2, 3), Fault("CLUSTER_AUTHORIZATION_FAILED", "no"))
YEAR_MINUTES = str(365 * 24 * 60)


def reading(**config: str):
    """An expectation whose one topic with a group has these configs."""
    named = {k.replace("_", "."): v for k, v in config.items()}
    return expectation(topics={"orders": DesiredTopic("orders", 3, 3, named)})


@pytest.mark.parametrize(("days", "status"), [(7, Status.OK), (30, Status.FAILED)])
def test_offsets_are_kept_as_long_as_the_records(days: int, status: Status):
    """Seven days of offsets suffice for seven days of records and not for thirty."""
    expected = reading(retention_ms=str(days * DAY_MS))
    found = finding("offsets.retention", healthy(expected=expected))

    assert found.status is status


def test_the_fix_names_the_minutes_that_would_do():
    """The fix for thirty days of records is a value to copy."""
    expected = reading(retention_ms=str(30 * DAY_MS))
    found = finding("offsets.retention", healthy(expected=expected))

    assert found.fix is not None
    assert "offsets.retention.minutes=43200" in found.fix


@pytest.mark.parametrize("config", [{"retention_ms": "-1"}, {"cleanup_policy": "compact"}])
@pytest.mark.parametrize(("minutes", "status"), [("10080", "warning"), (YEAR_MINUTES, "ok")])
def test_records_kept_forever_are_explained(config: dict[str, str], minutes: str, status: str):
    """No offset outlives records kept forever: a short retention is a warning, a year is not."""
    evidence = healthy(
        expected=reading(**config),
        broker_configs=broker_settings(offsets_retention_minutes=minutes),
    )

    assert finding("offsets.retention", evidence).status == status


def test_topics_without_groups_need_no_offsets():
    """A topic that no declared group reads does not ask for a longer retention."""
    expected = expectation(groups={}, topics=reading(retention_ms=str(90 * DAY_MS)).topics)

    assert finding("offsets.retention", healthy(expected=expected)).status is Status.OK


def test_auto_creation_is_a_warning():
    """A broker that creates whatever a client names is told."""
    on = broker_settings(auto_create_topics_enable="true")

    assert finding("brokers.auto_create", healthy(broker_configs=on)).status is Status.WARNING


def test_auto_creation_off_passes():
    """No broker creates topics by itself."""
    assert finding("brokers.auto_create", healthy()).status is Status.OK


@pytest.mark.parametrize("name", ["offsets.retention", "brokers.auto_create"])
def test_configs_that_brokers_do_not_tell_are_not_checked(name: str):
    """Without DescribeConfigs on the cluster both settings are not checked."""
    found = finding(name, healthy(broker_configs=DENIED))

    assert found.status is Status.NOT_CHECKED
    assert found.fix == "allow this user DescribeConfigs on the cluster"
