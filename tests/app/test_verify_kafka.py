"""The verification on real clusters, healthy and broken."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support import broker as single
from tests.support import clusters
from tests.support.clusters import LocalKafka
from tests.support.sasl import SaslKafka

from learnflow_kafka.app.verify import verify, wait
from learnflow_kafka.core.checks.evidence import Expectation
from learnflow_kafka.core.connection import Connection, Context
from learnflow_kafka.core.findings import Finding, Report, Status
from learnflow_kafka.core.local import Mode
from learnflow_kafka.core.names import VERIFICATION_TOPIC
from learnflow_kafka.core.plans.changes import AlterConfig, ConfigEdit, CreateTopic
from learnflow_kafka.core.plans.desired import DesiredTopic
from learnflow_kafka.wiring import kafka, verification

pytestmark = pytest.mark.kafka

KEPT = {"retention.ms": "259200000"}

PATIENCE = 120
"""Seconds for a cluster to become healthy, or to notice what is wrong, on a busy machine."""


def wanted(name: str, context: Context) -> Expectation:
    """A topic of this test on all brokers, read by one group."""
    brokers = context.brokers or 1
    topic = DesiredTopic(name, 3, brokers, KEPT)
    return Expectation({name: topic}, brokers, {name: frozenset({"billing"})}, context.cluster_id)


def create(expected: Expectation, context: Context) -> None:
    """Create the expected topics."""
    with kafka.admin(context) as admin:
        for topic in expected.topics.values():
            made = CreateTopic(topic.name, topic.partitions, topic.replication, topic.config)
            assert admin.create_topics([made]) == {topic.name: None}


def checked(expected: Expectation, context: Context, *, write: bool = True) -> Report:
    """The verification of a context's cluster."""
    return verify(expected, verification.ports(context), write=write)


def found(report: Report, name: str) -> Finding:
    """The finding of that name."""
    return next(f for f in report.findings if f.name == name)


def unchecked(report: Report) -> set[str]:
    """The names of what was not checked."""
    return {f.name for f in report.findings if f.status is Status.NOT_CHECKED}


def not_ok(report: Report) -> dict[str, tuple[Status, str]]:
    """What is not OK, by name, with its sentence."""
    return {f.name: (f.status, f.detail) for f in report.findings if f.status is not Status.OK}


def healthy_in_time(expected: Expectation, context: Context) -> Report:
    """The last report of waiting until healthy."""
    ports = verification.ports(context)
    attempts = wait(lambda: verify(expected, ports), Report.healthy, ports.clock, timeout=PATIENCE)
    return [*attempts][-1].report


def settled(is_wanted: Callable[[Report], bool], expected: Expectation, context: Context) -> Report:
    """The first report of the wanted kind, else the last one in time."""
    deadline = time.monotonic() + PATIENCE
    while True:
        report = checked(expected, context)
        if is_wanted(report) or time.monotonic() > deadline:
            return report
        time.sleep(0.2)


def quickest(check: Callable[[], Report], enough: float) -> tuple[Report, float]:
    """
    The quickest of several verifications, with its seconds.

    A busy machine makes any single one slow; what is slow by itself never gets below `enough`.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        start = time.monotonic()
        report = check()
        took = time.monotonic() - start
        if took < enough or time.monotonic() > deadline:
            return report, took


@pytest.fixture(params=["kafka1", "kafka3", "kafka39"])
def any_kafka(request: pytest.FixtureRequest) -> LocalKafka:
    """Each kind of cluster in turn."""
    cluster: LocalKafka = request.getfixturevalue(request.param)
    return cluster


def test_a_fresh_cluster_with_its_topics_is_healthy(any_kafka: LocalKafka):
    """One broker, three brokers, and ZooKeeper: all checks pass, every broker took a record."""
    expected = wanted("verify.fresh", any_kafka.context)
    create(expected, any_kafka.context)
    report = healthy_in_time(expected, any_kafka.context)

    assert not_ok(report) == {}
    assert len(found(report, "records.round_trip").evidence) == (any_kafka.context.brokers or 0) + 1


def test_a_warm_verification_takes_well_below_a_second(kafka1: LocalKafka):
    """On one broker, clients opened anew each time."""
    expected = wanted("verify.warm", kafka1.context)
    create(expected, kafka1.context)
    report, took = quickest(lambda: checked(expected, kafka1.context), 0.8)

    assert not_ok(report) == {}
    assert took < 0.8


def test_a_topic_changed_by_hand_is_named(kafka1: LocalKafka):
    """Retention that somebody cut is told with both values."""
    expected = wanted("verify.by-hand", kafka1.context)
    create(expected, kafka1.context)
    edit = ConfigEdit("retention.ms", KEPT["retention.ms"], "1000")
    with kafka.admin(kafka1.context) as admin:
        admin.alter_configs([AlterConfig("verify.by-hand", (edit,))])
    report = settled(lambda r: set(not_ok(r)) == {"topics.configs"}, expected, kafka1.context)

    assert set(not_ok(report)) == {"topics.configs"}
    assert found(report, "topics.configs").evidence == (
        "verify.by-hand: retention.ms is 1000, declared 259200000",
    )


def test_the_verification_topic_is_led_by_every_broker_and_kept_for_an_hour(kafka3: LocalKafka):
    """Explicit assignments spread it; it is short-lived and stamped by the brokers."""
    checked(Expectation(), kafka3.context)
    with kafka.admin(kafka3.context) as admin:
        topic = admin.topics([VERIFICATION_TOPIC])[VERIFICATION_TOPIC]
        configs = admin.topic_configs([VERIFICATION_TOPIC])[VERIFICATION_TOPIC]

    assert {p.replicas[0] for p in topic.partitions} == {1, 2, 3}
    assert isinstance(configs, dict)
    assert configs["retention.ms"].value == "3600000"
    assert configs["message.timestamp.type"].value == "LogAppendTime"


def test_who_may_only_look_is_told_what_was_not_checked(kafka_sasl: SaslKafka):
    """With Describe rights alone the records are not checked, and everything else is."""
    names = {"records.round_trip", "brokers.clocks"}
    report = settled(lambda r: unchecked(r) == names, Expectation(), kafka_sasl.reader)

    assert report.count(Status.FAILED) == 0
    assert unchecked(report) == names
    assert "AUTHORIZATION_FAILED" in found(report, "records.round_trip").evidence[0]


def test_who_may_nothing_fails_nothing_but_what_is_hidden(kafka_sasl: SaslKafka):
    """Without any right most checks are not made, and none of them claims to have passed."""
    expected = Expectation({"orders": DesiredTopic("orders", 1, 1, KEPT)})
    report = checked(expected, kafka_sasl.nobody)
    status = {f.name: f.status for f in report.findings}

    assert status["topics.present"] is Status.FAILED
    assert "hidden" in found(report, "topics.present").detail
    assert status["cluster.metadata"] is Status.NOT_CHECKED
    assert status["brokers.auto_create"] is Status.NOT_CHECKED
    assert status["records.round_trip"] is Status.NOT_CHECKED


def test_another_cluster_than_the_pinned_one_is_told_and_not_written_to(kafka1: LocalKafka):
    """The pinned cluster id is judged before anything is written."""
    stranger = replace(kafka1.context, cluster_id="another")
    report = checked(Expectation(cluster_id="another"), stranger)

    assert "another cluster answers" in found(report, "bootstrap.reachable").detail
    assert found(report, "records.round_trip").status is Status.NOT_CHECKED


def test_where_nothing_listens_the_answer_comes_at_once():
    """One failure, everything else not checked, within a moment."""
    dead = Context("dead", Connection(("127.0.0.1:1",)))
    report, took = quickest(lambda: checked(Expectation(), dead), 2)

    assert took < 2
    assert report.count(Status.FAILED) == 1
    assert report.count(Status.OK) == 0


def test_a_dead_advertised_address_is_named_at_once(tmp_path: Path):
    """The classic trap: bootstrap works, and the address that the broker advertises does not."""
    dead = "PLAINTEXT://127.0.0.1:{free}"
    with single.running(tmp_path, advertised_listeners=dead) as address:
        trap = Context("trap", Connection((address,)))
        report, took = quickest(lambda: checked(Expectation(), trap), 6)

    assert found(report, "bootstrap.reachable").status is Status.OK
    assert found(report, "brokers.addresses").status is Status.FAILED
    assert "connection refused" in found(report, "brokers.addresses").evidence[0]
    assert found(report, "topics.present").status is Status.NOT_CHECKED
    assert took < 6


def test_settings_that_bite_later_are_told(tmp_path: Path):
    """Kafka's own defaults on one broker: topics by typing error, a week of offsets, no groups."""
    expected = Expectation(
        {"late": DesiredTopic("late", 1, 1, {"retention.ms": str(30 * 86_400_000)})},
        groups={"late": frozenset({"g"})},
    )
    with single.running(tmp_path, offsets_topic_replication_factor="3") as address:
        report = checked(expected, Context("defaults", Connection((address,))))

    assert found(report, "brokers.auto_create").status is Status.WARNING
    assert found(report, "offsets.retention").status is Status.FAILED
    assert "cannot be created" in found(report, "internal.topics").evidence[0]


# --- three brokers of our own, to break -------------------------------------


@pytest.fixture(scope="module")
def own3() -> Iterator[LocalKafka]:
    """Three brokers that nobody else uses."""
    yield from clusters.started("verify3", 3, Mode.KRAFT)


@pytest.fixture
def whole3(own3: LocalKafka) -> Iterator[tuple[LocalKafka, Expectation]]:
    """The three brokers, whole before and after, with their topic."""
    expected = wanted("verify.broken", own3.context)
    with kafka.admin(own3.context) as admin:
        missing = "verify.broken" not in admin.topics(["verify.broken"])
    if missing:
        create(expected, own3.context)
    assert not_ok(healthy_in_time(expected, own3.context)) == {}
    yield own3, expected
    own3.restart()
    assert not_ok(healthy_in_time(expected, own3.context)) == {}


def until(name: str, expected: Expectation, context: Context) -> Report:
    """The first report in which a check fails."""
    deadline = time.monotonic() + PATIENCE
    while found(report := checked(expected, context), name).status is not Status.FAILED:
        assert time.monotonic() < deadline, not_ok(report)
        time.sleep(0.5)
    return report


@pytest.mark.slow
def test_a_killed_broker_is_named_by_every_check_that_it_breaks(
    whole3: tuple[LocalKafka, Expectation],
):
    """A dead broker: fenced, its replicas out of sync, and the others still take records."""
    cluster, expected = whole3
    cluster.kill(2)
    # Asked before the partitions: who is fenced here has left their replicas in sync there.
    report = until("brokers.registered", expected, cluster.context)

    assert "fenced: 2" in found(report, "brokers.registered").detail
    assert any("not in sync: 2" in e for e in found(report, "partitions.replicas").evidence)
    assert found(report, "partitions.leaders").status is Status.OK
    assert found(report, "bootstrap.reachable").status is Status.WARNING
    assert found(report, "records.round_trip").status is Status.OK


@pytest.mark.slow
def test_a_broker_that_came_back_is_proved_though_leadership_had_moved(
    whole3: tuple[LocalKafka, Expectation],
):
    """After a restart each broker takes a record again, within seconds."""
    cluster, expected = whole3
    cluster.kill(3)
    until("partitions.replicas", expected, cluster.context)
    cluster.restart()
    report = healthy_in_time(expected, cluster.context)

    assert not_ok(report) == {}
    assert len(found(report, "records.round_trip").evidence) == 4


@pytest.mark.slow
def test_a_frozen_broker_is_named_and_hides_nothing(whole3: tuple[LocalKafka, Expectation]):
    """A broker that takes connections and never answers is told by name, with all the rest."""
    cluster, expected = whole3
    with cluster.frozen(2):
        report = checked(expected, cluster.context)
    told = [found(report, name) for name in ("brokers.answering", "brokers.registered")]

    # On a busy machine the cluster may be quicker to fence it than we are to ask it.
    assert any(f.status is Status.FAILED for f in told)
    assert "no answer from broker 2" in told[0].detail or "fenced: 2" in told[1].detail
    for name in ("bootstrap.reachable", "topics.present", "topics.configs", "partitions.leaders"):
        assert found(report, name).status is Status.OK


@pytest.mark.slow
def test_a_cluster_that_takes_connections_and_never_answers_is_one_failure(
    whole3: tuple[LocalKafka, Expectation],
):
    """All brokers frozen: the ports are open, and the verification ends all the same."""
    cluster, expected = whole3
    with cluster.frozen(1), cluster.frozen(2), cluster.frozen(3):
        report = checked(expected, cluster.context)

    assert "did not answer in time" in found(report, "bootstrap.reachable").detail
    assert report.count(Status.FAILED) == 1
    assert report.count(Status.OK) == 0


# --- ZooKeeper of our own, to kill -------------------------------------------


@pytest.fixture
def own39() -> Iterator[LocalKafka]:
    """One broker and its ZooKeeper that nobody else uses."""
    yield from clusters.started("verify39", 1, Mode.ZOOKEEPER)


@pytest.mark.slow
def test_a_killed_zookeeper_is_told_although_the_broker_names_its_controller(own39: LocalKafka):
    """ZooKeeper's own silence fails the check; by an address alone it is said to be unknown."""
    before = checked(Expectation(), own39.context)
    own39.kill(0)
    after = checked(Expectation(), own39.context)
    by_address = checked(Expectation(), Context("bare", Connection(own39.cluster.bootstrap)))

    assert found(before, "cluster.metadata").status is Status.OK
    assert found(after, "cluster.metadata").status is Status.FAILED
    assert "ZooKeeper does not serve" in found(after, "cluster.metadata").detail
    assert found(by_address, "cluster.metadata").status is Status.NOT_CHECKED
