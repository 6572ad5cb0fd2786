from __future__ import annotations

import pytest

from learnflow_kafka.core.catalog import (
    Catalog,
    Environment,
    Place,
    Policy,
    Retries,
    RetryMode,
    Service,
    Start,
    Subscription,
    Tombstone,
    Topic,
    TopicOverride,
)
from learnflow_kafka.core.plans.desired import HEADROOM_BYTES, Origin, resolve, told_of_brokers
from learnflow_kafka.errors import CatalogError, ContextError

DAY = 86_400_000


def _catalog(*topics: Topic, brokers: int = 3, **more: object) -> Catalog:
    environments = {"here": Environment("here", brokers)}
    return Catalog("c", {t.name: t for t in topics}, environments=environments, **more)  # type: ignore[arg-type]


def _reading(topic: str, group: str = "g", **more: object) -> dict[str, Service]:
    return {"s": Service("s", consumes=(Subscription(topic, group, **more),), owner="team")}  # type: ignore[arg-type]


def test_declared_values_become_kafka_strings():
    """Every managed value has Kafka's name and spelling; what is None is not there."""
    topic = Topic("a", 2, retention_ms=DAY, max_record_bytes=5, config={"segment.ms": "1000"})

    wanted = resolve(_catalog(topic), "here").topics["a"]

    assert wanted.config == {
        "retention.ms": "86400000",
        "max.message.bytes": "5",
        "segment.ms": "1000",
    }
    assert wanted.replication is None


def test_overrides_replace_single_values():
    """An environment changes what it names and nothing else."""
    override = TopicOverride(retention_ms=DAY, config={"segment.ms": "7"})
    environment = Environment("dev", 1, {"a": override})
    topic = Topic("a", 2, retention_ms=7 * DAY, config={"segment.ms": "5", "preallocate": "true"})
    catalog = Catalog("c", {"a": topic}, environments={"dev": environment})

    wanted = resolve(catalog, "dev").topics["a"]

    assert wanted.partitions == 2
    assert wanted.config["retention.ms"] == str(DAY)
    assert (wanted.config["segment.ms"], wanted.config["preallocate"]) == ("7", "true")


@pytest.mark.parametrize(
    ("brokers", "replication", "min_isr"), [(1, 1, "1"), (2, 2, "1"), (3, 3, "2"), (5, 3, "2")]
)
def test_replication_is_capped_by_the_environments_brokers(
    brokers: int, replication: int, min_isr: str
):
    """Replication fits the environment, and min ISR leaves one broker to lose."""
    topic = Topic("a", 1, replication=3, min_insync_replicas=2)

    desired = resolve(_catalog(topic, brokers=brokers), "here")

    assert desired.topics["a"].replication == replication
    assert desired.topics["a"].config["min.insync.replicas"] == min_isr
    assert bool(desired.notices) is (brokers < 3)


def test_min_isr_without_a_cap_is_what_was_declared():
    """Where replication fits, min ISR is taken as it is, though it may be risky."""
    topic = Topic("a", 1, replication=3, min_insync_replicas=3)

    wanted = resolve(_catalog(topic), "here").topics["a"]

    assert wanted.config["min.insync.replicas"] == "3"


def test_an_explicit_number_of_brokers_wins():
    """A local cluster with three brokers is not capped by the laptop's one."""
    topic = Topic("a", 1, replication=3)

    desired = resolve(_catalog(topic, brokers=1), "here", brokers=3)

    assert desired.topics["a"].replication == 3
    assert not desired.notices


def test_without_an_environment_nothing_is_capped():
    """No environment, no number of brokers: declared values hold."""
    desired = resolve(_catalog(Topic("a", 1, replication=3), brokers=1))

    assert desired.topics["a"].replication == 3


def test_an_unknown_environment_is_named_with_the_known_ones():
    """The error says what there is."""
    with pytest.raises(ContextError, match="no environment 'hear'; it has: here") as caught:
        resolve(_catalog(Topic("a", 1)), "hear")

    assert caught.value.fix == "use --env here"


@pytest.mark.parametrize(
    ("source", "kept"), [(None, 30 * DAY), (7 * DAY, 30 * DAY), (90 * DAY, 90 * DAY), (-1, -1)]
)
def test_dead_letters_are_kept_at_least_as_long_as_the_source(source: int | None, kept: int):
    """Their retention is the policy's, never below the source's."""
    topic = Topic("a", 4, replication=2, retention_ms=source, max_record_bytes=1000)

    derived = resolve(_catalog(topic, services=_reading("a")), "here").topics["a.g.dlt"]

    assert (derived.partitions, derived.replication, derived.origin) == (4, 2, Origin.DEAD_LETTER)
    assert derived.config["retention.ms"] == str(kept)
    assert derived.config["max.message.bytes"] == str(1000 + HEADROOM_BYTES)
    assert derived.owner == "team"


def test_retry_topics_follow_the_delays():
    """One topic a delay, kept longer than the source by the delay."""
    retries = Retries(attempts=2, backoff_ms=1000, factor=10, mode=RetryMode.TOPICS)
    services = _reading("a", retries=retries, dead_letter=False)

    desired = resolve(_catalog(Topic("a", 1, retention_ms=DAY), services=services), "here")

    assert [*desired.topics] == ["a", "a.g.retry.1", "a.g.retry.2"]
    assert desired.topics["a.g.retry.2"].config["retention.ms"] == str(DAY + 10_000)
    assert (desired.declared, desired.derived) == (1, 2)


def test_a_derived_topic_may_not_be_declared_too():
    """The collision names both places."""
    place = Place("t.yaml", 9)
    topics = (Topic("a", 1), Topic("a.g.dlt", 1, place=place))

    with pytest.raises(CatalogError) as caught:
        resolve(_catalog(*topics, services=_reading("a")), "here")

    assert "'a.g.dlt' is declared too, here: t.yaml:9" in str(caught.value.problems[0])


def test_derived_names_must_be_legal_and_free():
    """A group's name may spoil the derived topic, or make it collide in Kafka's metrics."""
    odd = _catalog(Topic("a", 1), services=_reading("a", "my group"))
    twin = _catalog(Topic("a", 1), Topic("a_g_dlt", 1), services=_reading("a", "g"))

    with pytest.raises(CatalogError) as caught:
        resolve(odd, "here")
    assert "letters" in str(caught.value.problems[0])
    with pytest.raises(CatalogError) as caught:
        resolve(twin, "here")
    assert "share one name" in str(caught.value.problems[0])


def test_a_wanted_topic_may_not_have_a_tombstone():
    """Deleting and wanting the same topic is a contradiction."""
    stones = {"a": Tombstone("a", "old")}

    with pytest.raises(CatalogError) as caught:
        resolve(_catalog(Topic("a", 1), tombstones=stones), "here")

    assert "to be deleted and wanted at once" in str(caught.value.problems[0])


def test_latest_groups_are_known_by_topic():
    """Planning must know who would skip records in new partitions."""
    services = _reading("a", "g", start=Start.LATEST)

    desired = resolve(_catalog(Topic("a", 1), services=services, policy=Policy()), "here")

    assert desired.latest == {"a": ("g",)}


@pytest.mark.parametrize(
    ("named", "there", "what"),
    [
        (3, 1, "cluster local was made with 1 broker; the environment names 3"),
        (1, 3, None),
        (3, 3, None),
        (3, None, None),
    ],
)
def test_fewer_brokers_than_the_environment_names_are_told(
    named: int, there: int | None, what: str | None
):
    """The cluster's own number holds, and nobody has to guess it."""
    catalog = _catalog(Topic("a", 1), brokers=named)

    told = told_of_brokers(resolve(catalog, "here", there), catalog, "local")

    assert [n.what for n in told.notices] == ([what] if what else [])
