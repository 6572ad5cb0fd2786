import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace

import pytest

from learnflow_kafka.adapters.memory.client import MemoryKafka
from learnflow_kafka.adapters.memory.gate import Moment, Right
from learnflow_kafka.app.proof import TOPIC_CONFIG
from learnflow_kafka.app.verify import Ports, verify, wait
from learnflow_kafka.core.checks.evidence import Expectation
from learnflow_kafka.core.findings import Finding, Report, Status
from learnflow_kafka.core.names import VERIFICATION_TOPIC
from learnflow_kafka.core.observed import Metadata
from learnflow_kafka.core.plans.changes import AlterConfig, ConfigEdit
from learnflow_kafka.core.plans.desired import DesiredTopic
from learnflow_kafka.core.requests import Sent
from learnflow_kafka.errors import NotAuthorizedError, TimedOutError, UnreachableError

RETENTION = {"retention.ms": "259200000"}
EXPECTED = Expectation(
    {"orders": DesiredTopic("orders", 3, 3, RETENTION)},
    brokers=3,
    groups={"orders": frozenset({"billing"})},
)
READING = tuple(r for r in Right if r.value.startswith("Describe"))


class FastClock:
    """Real time of day; sleeping takes no time and is counted."""

    def __init__(self) -> None:
        self.slept = 0.0

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds, with those that were slept."""
        return time.monotonic() + self.slept

    def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.slept += seconds


@dataclass
class FakeNetwork:
    """A network where every address takes connections but the closed ones."""

    closed: dict[tuple[str, int], str] = field(default_factory=dict)

    def reachable(self, host: str, port: int, *, timeout: float) -> str | None:
        """Why not, for a closed address."""
        return self.closed.get((host, port))


def ports(kafka: MemoryKafka, network: FakeNetwork | None = None) -> Ports:
    """The ports of a verification over one cluster in memory."""

    @contextmanager
    def opened() -> Iterator[MemoryKafka]:
        yield kafka

    return Ports(("memory:9091",), opened, opened, network or FakeNetwork(), FastClock())


@pytest.fixture
def kafka() -> MemoryKafka:
    """Three brokers with the expected topic."""
    cluster = MemoryKafka(3, broker_config={"auto.create.topics.enable": "false"})
    cluster.put_topic("orders", 3, replication=3, config=RETENTION)
    return cluster


def found(report: Report, name: str) -> Finding:
    """The finding of that name."""
    return next(f for f in report.findings if f.name == name)


def not_ok(report: Report) -> dict[str, Status]:
    """What is not OK, by name."""
    return {f.name: f.status for f in report.findings if f.status is not Status.OK}


def test_a_cluster_as_declared_is_healthy(kafka: MemoryKafka):
    """Every check passes, and only the verification topic was written to."""
    report = verify(EXPECTED, ports(kafka))

    assert not_ok(report) == {}
    assert {i for sent in kafka.mutations for i in sent.items} == {VERIFICATION_TOPIC}


def test_a_second_verification_changes_nothing_but_its_records(kafka: MemoryKafka):
    """The verification topic is made once."""
    verify(EXPECTED, ports(kafka))
    kafka.requests.clear()
    verify(EXPECTED, ports(kafka))

    assert {sent.api for sent in kafka.mutations} == {"Produce"}


def test_the_verification_topic_is_small_and_led_by_every_broker(kafka: MemoryKafka):
    """One partition for each broker, three replicas, an hour of records."""
    verify(EXPECTED, ports(kafka))
    topic = kafka.topics([VERIFICATION_TOPIC])[VERIFICATION_TOPIC]

    assert {p.leader for p in topic.partitions} == {1, 2, 3}
    assert topic.replication == 3
    assert TOPIC_CONFIG["retention.ms"] == "3600000"


def test_reading_only_changes_nothing(kafka: MemoryKafka):
    """Without writing no request that changes anything is sent, and the report says so."""
    report = verify(EXPECTED, ports(kafka), write=False)

    assert kafka.mutations == []
    assert set(not_ok(report)) == {"records.round_trip", "brokers.clocks"}
    assert "read only" in found(report, "records.round_trip").detail


def test_a_topic_changed_by_hand_is_named(kafka: MemoryKafka):
    """Retention changed behind our back fails the check of configs."""
    edit = ConfigEdit("retention.ms", RETENTION["retention.ms"], "1000")
    kafka.alter_configs([AlterConfig("orders", (edit,))])
    report = verify(EXPECTED, ports(kafka))

    assert not_ok(report) == {"topics.configs": Status.FAILED}
    assert "retention.ms is 1000" in found(report, "topics.configs").evidence[0]


def test_a_dead_broker_is_named_and_the_living_ones_are_still_proved(kafka: MemoryKafka):
    """A fenced broker fails registration and replicas; the others take a record each."""
    verify(EXPECTED, ports(kafka))
    kafka.stop_broker(2)
    report = verify(EXPECTED, ports(kafka))

    assert found(report, "brokers.registered").status is Status.FAILED
    assert found(report, "partitions.replicas").status is Status.FAILED
    assert found(report, "partitions.leaders").status is Status.OK
    assert found(report, "records.round_trip").detail.startswith("a record written and read back")


def test_a_broker_that_came_back_leads_again_and_is_proved(kafka: MemoryKafka):
    """Leadership moved when the broker died; our topic's is given back, and only ours."""
    verify(EXPECTED, ports(kafka))
    kafka.stop_broker(2)
    kafka.start_broker(2)
    kafka.requests.clear()
    report = verify(EXPECTED, ports(kafka))
    elected = [sent for sent in kafka.requests if sent.api == "ElectLeaders"]

    assert not_ok(report) == {}
    assert [i.rpartition("-")[0] for sent in elected for i in sent.items] == [VERIFICATION_TOPIC]


def test_a_broker_that_may_not_lead_again_is_not_checked(kafka: MemoryKafka):
    """Without the right to elect, the broker that leads nothing is named, never passed over."""
    verify(EXPECTED, ports(kafka))
    kafka.stop_broker(2)
    kafka.start_broker(2)

    def refuse(sent: Sent, moment: Moment) -> None:
        if sent.api == "ElectLeaders":
            raise NotAuthorizedError("not allowed (Cluster authorization failed.)")

    kafka.hooks.append(refuse)
    tried = found(verify(EXPECTED, ports(kafka)), "records.round_trip")

    assert tried.status is Status.NOT_CHECKED
    assert "not tried on broker 2" in tried.detail
    assert "leads no partition" in tried.evidence[1]
    assert "read back" in tried.evidence[0]


def test_a_new_broker_gets_a_partition_of_its_own():
    """The verification topic grows with the cluster."""
    kafka = MemoryKafka(2)
    kafka.put_topic(VERIFICATION_TOPIC, 1, replication=2, config=TOPIC_CONFIG)
    report = verify(Expectation(), ports(kafka))
    topic = kafka.topics([VERIFICATION_TOPIC])[VERIFICATION_TOPIC]

    assert found(report, "records.round_trip").status is Status.OK
    assert {p.leader for p in topic.partitions} == {1, 2}


def test_without_rights_to_write_the_records_are_not_checked(kafka: MemoryKafka):
    """A user who may only look is told which checks need more."""
    kafka.grant(*READING)
    report = verify(EXPECTED, ports(kafka))

    assert not_ok(report) == {
        "records.round_trip": Status.NOT_CHECKED,
        "brokers.clocks": Status.NOT_CHECKED,
    }
    assert "TOPIC_AUTHORIZATION_FAILED" in found(report, "records.round_trip").evidence[0]


def test_without_the_right_to_read_back_the_records_are_not_checked(kafka: MemoryKafka):
    """Written and not readable for us is not known, and not a failure."""
    verify(EXPECTED, ports(kafka))
    kafka.grant(*READING, Right.WRITE)
    report = verify(EXPECTED, ports(kafka))

    assert found(report, "records.round_trip").status is Status.NOT_CHECKED


def test_nothing_that_answers_is_one_failure_and_no_request(kafka: MemoryKafka):
    """A dead address is found out by a connection, and nothing else is tried."""
    network = FakeNetwork({("memory", 9091): "connection refused"})
    report = verify(EXPECTED, ports(kafka, network))

    assert report.count(Status.FAILED) == 1
    assert report.count(Status.NOT_CHECKED) == len(report.findings) - 1
    assert kafka.requests == []


def test_a_dead_advertised_address_stops_what_would_hang():
    """Where no advertised address is reachable, the rest is not tried."""
    kafka = MemoryKafka(2)
    network = FakeNetwork({("memory", 9092): "refused", ("memory", 9091): "refused"})
    outside = replace(ports(kafka, network), bootstrap=("bootstrap:1",))
    report = verify(EXPECTED, outside)

    assert found(report, "bootstrap.reachable").status is Status.OK
    assert found(report, "brokers.addresses").status is Status.FAILED
    assert found(report, "topics.present").status is Status.NOT_CHECKED


def test_another_cluster_is_not_written_to(kafka: MemoryKafka):
    """Where the pinned cluster id is not the one that answers, nothing is written."""
    report = verify(replace(EXPECTED, cluster_id="other"), ports(kafka))

    assert found(report, "bootstrap.reachable").status is Status.FAILED
    assert kafka.mutations == []


@pytest.mark.parametrize(
    ("api", "unchecked"),
    [
        ("DescribeQuorum", {"cluster.metadata"}),
        (
            "DescribeConfigs",
            {
                "topics.configs",
                "partitions.min_isr",
                "brokers.answering",
                "offsets.retention",
                "brokers.auto_create",
            },
        ),
        ("CreateTopics", {"records.round_trip", "brokers.clocks"}),
        ("Fetch", {"brokers.clocks"}),
    ],
)
def test_one_broken_request_never_hides_the_rest(kafka: MemoryKafka, api: str, unchecked: set[str]):
    """A request that fails takes with it only the checks that need its answer."""

    def breaks(sent: Sent, moment: Moment) -> None:
        if sent.api == api:
            raise TimedOutError("the broker did not answer in time")

    kafka.hooks.append(breaks)
    report = verify(EXPECTED, ports(kafka))

    assert set(not_ok(report)) - {"records.round_trip"} == unchecked - {"records.round_trip"}


def test_a_request_that_hangs_is_not_answered_with_another_verification(kafka: MemoryKafka):
    """`learnflow verify` is where we are: the next step is the broker that hangs."""

    def breaks(sent: Sent, moment: Moment) -> None:
        if sent.api == "DescribeConfigs":
            raise TimedOutError("no answer", fix="see how the brokers are: `learnflow verify`")

    kafka.hooks.append(breaks)
    fix = found(verify(EXPECTED, ports(kafka)), "topics.configs").fix or ""

    assert fix.startswith("look at the broker's process and log")


@pytest.mark.parametrize(
    ("servers", "status"), [({"zk:2181": None}, Status.OK), ({}, Status.NOT_CHECKED)]
)
def test_a_cluster_with_zookeeper_is_healthy_by_zookeepers_own_word(
    servers: dict[str, str | None], status: Status
):
    """Where nobody can ask ZooKeeper, nobody claims that it serves."""
    asked = replace(ports(MemoryKafka(1, metadata=Metadata.ZOOKEEPER)), zookeeper=lambda: servers)
    report = verify(Expectation(), asked)

    assert found(report, "cluster.metadata").status is status


def test_a_missing_topic_is_named():
    """A cluster without the declared topic fails by name."""
    report = verify(EXPECTED, ports(MemoryKafka(3)))

    assert found(report, "topics.present").evidence == ("orders: missing",)


def test_waiting_ends_with_the_first_healthy_report(kafka: MemoryKafka):
    """Waiting tells every try, and the last one is healthy."""
    clock = FastClock()
    kafka.stop_broker(3)
    seen = []
    for attempt in wait(
        lambda: verify(EXPECTED, ports(kafka)), lambda r: r.healthy(), clock, timeout=60
    ):
        seen.append((attempt.healthy, attempt.last))
        if len(seen) == 2:
            kafka.start_broker(3)

    assert seen == [(False, False), (False, False), (True, True)]


def test_waiting_ends_when_the_time_is_up():
    """A cluster that never gets healthy ends the wait after its time, unhealthy."""
    clock = FastClock()
    attempts = [
        *wait(
            lambda: Report((Finding("x", Status.FAILED, "no"),)),
            lambda r: r.healthy(),
            clock,
            timeout=2,
        )
    ]

    assert attempts[-1].last
    assert not attempts[-1].healthy
    assert clock.slept <= 2


def test_a_cluster_that_hangs_up_is_a_failure_with_its_reason(kafka: MemoryKafka):
    """An address that takes connections and does not speak Kafka fails with what was said."""

    def refused() -> AbstractContextManager[MemoryKafka]:
        raise UnreachableError("it does not speak Kafka's protocol", fix="check it")

    report = verify(EXPECTED, replace(ports(kafka), admin=refused))

    assert found(report, "bootstrap.reachable").status is Status.FAILED
    assert found(report, "bootstrap.reachable").fix == "check it"
