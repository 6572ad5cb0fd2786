"""The doctor's gathering, over Kafka in memory: each broker alone, and a fault hides no more."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace

import pytest

from learnflow_kafka.adapters.memory import MemoryKafka, Moment
from learnflow_kafka.app.doctor import PAUSE, Question, examine, gather
from learnflow_kafka.core.diagnosis.evidence import (
    Evidence,
    Part,
    Probe,
    Process,
    Skipped,
    Where,
)
from learnflow_kafka.core.diagnosis.scene import Address, Tried
from learnflow_kafka.core.plans.desired import Desired, DesiredTopic
from learnflow_kafka.core.ports import KafkaAdmin
from learnflow_kafka.core.requests import Sent
from learnflow_kafka.errors import (
    AuthenticationError,
    KafkaError,
    NotAuthorizedError,
    TimedOutError,
    UnreachableError,
)

RETENTION = {"retention.ms": "259200000"}


class FixedClock:
    """A moment that stands still; `slept` is how long somebody waited."""

    slept: float = 0.0

    def now_ms(self) -> int:
        """The moment."""
        return 1_800_000_000_000

    def monotonic(self) -> float:
        """No time passes."""
        return 0.0

    def sleep(self, seconds: float) -> None:
        """Nobody waits here."""
        self.slept += seconds


@dataclass
class Rooms:
    """
    A machine with three brokers; `faults` are raised by those that are asked.

    A fault of `once` is raised once; `told` names whom was asked, in that order.
    """

    kafka: MemoryKafka
    faults: dict[str, KafkaError] = field(default_factory=dict)
    once: dict[str, KafkaError] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    refused: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    addresses: list[Address] = field(default_factory=list)
    seen: Evidence = field(
        default_factory=lambda: Evidence(
            where=Where.LOCAL,
            processes=tuple(Process(f"broker-{n}", n, "running", 9090 + n) for n in (1, 2, 3)),
        )
    )

    def surroundings(self) -> Evidence:
        """The processes."""
        return self.seen

    def brokers(
        self, evidence: Evidence
    ) -> AbstractContextManager[Mapping[str, Callable[[], AbstractContextManager[KafkaAdmin]]]]:
        """A way to every process."""
        return nullcontext({p.name: self._way(p.name) for p in evidence.processes})

    def _way(self, name: str) -> Callable[[], AbstractContextManager[KafkaAdmin]]:
        @contextmanager
        def opened() -> Iterator[KafkaAdmin]:
            self.told.append(name)
            if name in self.once:
                raise self.once.pop(name)
            if name in self.faults:
                raise self.faults[name]
            yield self.kafka

        return opened

    def advertised(
        self, evidence: Evidence
    ) -> Mapping[str, Callable[[], AbstractContextManager[KafkaAdmin]]]:
        """A way to each of `strangers`, brokers at addresses that nobody named."""
        return {name: self._way(name) for name in self.strangers}

    def bootstrap(self, evidence: Evidence) -> Address | None:
        """The first broker's."""
        return Address("bootstrap", "127.0.0.1", 9091)

    def tried(self, evidence: Evidence, addresses: Sequence[Address]) -> Tried:
        """All reachable, but for those that are `refused`."""
        self.addresses += addresses
        probes = (Probe("here", a.host, a.port, a.purpose) for a in addresses)
        return Tried(
            tuple(
                replace(p, refused="refused" if f"{p.host}:{p.port}" in self.refused else None)
                for p in probes
            )
        )


def catalog(**replication: int) -> Desired:
    """A catalog of topics with two partitions."""
    topics = {n: DesiredTopic(n, 2, r, RETENTION) for n, r in replication.items()}
    return Desired("test", None, 3, topics)


@pytest.fixture
def rooms() -> Rooms:
    """Three brokers with one topic."""
    kafka = MemoryKafka(3)
    kafka.put_topic("orders", 2, replication=3, config=RETENTION)
    return Rooms(kafka)


def asked(rooms: Rooms, **replication: int) -> list[str]:
    """The rules that find something, against a catalog."""
    found = examine(rooms, Question(wanted=catalog(**replication)), FixedClock())
    return [r.cause.rule for r in found.causes]


def test_a_cluster_as_declared_is_healthy(rooms: Rooms):
    """Every broker tells the same, and nothing is wrong."""
    seen = gather(rooms, Question(wanted=catalog(orders=3)), FixedClock())

    assert [v.node for v in seen.kafka.views] == ["broker-1", "broker-2", "broker-3"]
    assert all(v.cluster is not None for v in seen.kafka.views)
    assert asked(rooms, orders=3) == []


def test_every_advertised_address_is_tried(rooms: Rooms):
    """The first address, then the one that each broker advertises."""
    gather(rooms, Question(), FixedClock())

    assert [a.purpose for a in rooms.addresses] == ["bootstrap", "broker 1", "broker 2", "broker 3"]


def test_one_silent_broker_does_not_hide_the_rest(rooms: Rooms):
    """The others are asked all the same, and its silence is noted."""
    rooms.faults["broker-1"] = UnreachableError("no answer in 2 s")
    seen = gather(rooms, Question(), FixedClock())

    assert seen.kafka.asked == "through broker-2"
    assert seen.kafka.views[0].silence == "no answer in 2 s"
    assert seen.kafka.silence is None


def test_a_broker_that_was_busy_for_a_moment_is_asked_again(rooms: Rooms):
    """It answers then, and nothing is wrong; whoever answered at once is asked once."""
    rooms.once["broker-2"] = TimedOutError("no answer in 2 s")
    clock = FixedClock()
    seen = gather(rooms, Question(), clock)

    assert sorted(rooms.told) == ["broker-1", "broker-2", "broker-2", "broker-3"]
    assert [v.node for v in seen.kafka.views] == ["broker-1", "broker-2", "broker-3"]
    assert all(v.cluster is not None and v.silence is None for v in seen.kafka.views)
    assert clock.slept == 0.0
    assert asked(rooms, orders=3) == []


@pytest.mark.parametrize(
    ("error", "pause"),
    [(TimedOutError("late"), 0.0), (UnreachableError("refused"), PAUSE)],
    ids=["it says nothing", "it hangs up"],
)
def test_a_broker_that_says_nothing_twice_is_named(rooms: Rooms, error: KafkaError, pause: float):
    """One that hung up gets a moment to start before it is asked again."""
    rooms.faults["broker-2"] = error
    clock = FixedClock()
    view = gather(rooms, Question(), clock).kafka.views[1]

    assert rooms.told.count("broker-2") == 2
    assert (view.silence, view.again) == (error.what, error.what)
    assert view.hangs is (pause == 0)
    assert clock.slept == pause
    assert asked(rooms, orders=3) == ["brokers.missing"]


def test_where_nobody_speaks_nobody_is_asked_again(rooms: Rooms):
    """That none of them answers is known by then."""
    for name in ("broker-1", "broker-2", "broker-3"):
        rooms.faults[name] = TimedOutError("late")
    seen = gather(rooms, Question(), FixedClock())

    assert len(rooms.told) == 3
    assert {v.again for v in seen.kafka.views} == {None}


def test_a_broker_that_does_not_know_us_is_not_asked_again(rooms: Rooms):
    """It answered: that is no silence."""
    rooms.faults["broker-2"] = AuthenticationError("who are you")
    seen = gather(rooms, Question(), FixedClock())

    assert rooms.told.count("broker-2") == 1
    assert seen.kafka.views[1].again is None


def test_a_broker_that_is_cut_off_does_not_speak_for_all(rooms: Rooms):
    """The first answers, and gets no answer of the controllers; the next one that does speaks."""
    faults = [TimedOutError("no answer in 4 s")]

    def refuse(sent: Sent, moment: Moment) -> None:
        if sent.api == "DescribeQuorum" and moment is Moment.BEFORE and faults:
            raise faults.pop()

    rooms.kafka.hooks.append(refuse)
    kafka = gather(rooms, Question(), FixedClock()).kafka
    cut_off = next(v.node for v in kafka.views if v.quorum_fault)

    assert kafka.quorum is not None
    assert kafka.asked != f"through {cut_off}"


def at_one_address(rooms: Rooms) -> Rooms:
    """Only the first broker is known; all tell of three, at what they advertise."""
    rooms.seen = Evidence(where=Where.ADDRESS, processes=rooms.seen.processes[:1])
    rooms.strangers = tuple(b.address for b in rooms.kafka.cluster().brokers)
    return rooms


def test_brokers_that_nobody_named_are_asked_where_they_advertise(rooms: Rooms):
    """One of them hangs: it takes the connection, so only a question tells."""
    hangs = at_one_address(rooms).strangers[2]
    rooms.faults[hangs] = TimedOutError("late")
    seen = gather(rooms, Question(), FixedClock())

    assert [v.node for v in seen.kafka.views] == ["broker-1", *rooms.strangers]
    assert [v.node for v in seen.kafka.views if v.again] == [hangs]
    assert asked(rooms, orders=3) == ["brokers.missing"]


def test_an_advertised_address_that_leads_nowhere_is_not_asked(rooms: Rooms):
    """That is a finding of its own, and only that one."""
    nowhere = at_one_address(rooms).strangers[2]
    rooms.refused = (nowhere,)
    seen = gather(rooms, Question(), FixedClock())

    assert nowhere not in rooms.told
    assert [v.again for v in seen.kafka.views] == [None, None, None]
    assert asked(rooms, orders=3) == ["connect.advertised"]


def test_where_as_many_answered_as_serve_no_address_is_asked(rooms: Rooms):
    """Each of them was asked already, under whatever name."""
    rooms.strangers = tuple(b.address for b in rooms.kafka.cluster().brokers)
    gather(rooms, Question(), FixedClock())

    assert sorted(rooms.told) == ["broker-1", "broker-2", "broker-3"]


def test_no_answer_at_all_is_said_once_with_each_reason(rooms: Rooms):
    """Kafka is silent, and what needs its answers is not judged."""
    for name in ("broker-1", "broker-2", "broker-3"):
        rooms.faults[name] = UnreachableError(f"{name} hangs")
    seen = gather(rooms, Question(wanted=catalog(orders=3)), FixedClock())
    found = examine(rooms, Question(), FixedClock())

    assert "broker-2: broker-2 hangs" in (seen.kafka.silence or "")
    assert [s.part for s in seen.missing(Part.KAFKA)] == [Part.KAFKA]
    assert found.root is not None
    assert found.root.rule == "kafka.silent"
    assert "topics.missing" in {u.rule for u in found.unchecked}


def quorum_is(rooms: Rooms, error: KafkaError) -> None:
    """Whoever asks for the quorum gets this error."""

    def refuse(sent: Sent, moment: Moment) -> None:
        if sent.api == "DescribeQuorum" and moment is Moment.BEFORE:
            raise error

    rooms.kafka.hooks.append(refuse)


def test_a_quorum_that_we_may_not_ask_for_is_not_judged(rooms: Rooms):
    """The right that is missing is named, and the rest is judged."""
    quorum_is(rooms, NotAuthorizedError("CLUSTER_AUTHORIZATION_FAILED"))
    found = examine(rooms, Question(), FixedClock())

    assert found.causes == ()
    assert {u.rule for u in found.unchecked} == {"quorum.split", "quorum.no_leader"}
    assert found.unchecked[0].skipped.reason.startswith("needs Describe on the Cluster resource")
    assert not found.healthy()


def test_a_quorum_of_which_no_broker_can_tell_has_no_leader(rooms: Rooms):
    """Each of them waited for the controllers in vain."""
    quorum_is(rooms, TimedOutError("no answer in 10 s"))
    seen = gather(rooms, Question(), FixedClock())

    assert [v.quorum_fault for v in seen.kafka.views] == ["no answer in 10 s"] * 3
    assert seen.missing(Part.QUORUM)
    assert asked(rooms, orders=3) == ["quorum.no_leader"]


def test_brokers_that_do_not_know_us_are_not_called_silent(rooms: Rooms):
    """A refused login is a gap of ours, with the way to close it."""
    for name in ("broker-1", "broker-2", "broker-3"):
        rooms.faults[name] = NotAuthorizedError("who are you")
    seen = gather(rooms, Question(), FixedClock())

    assert seen.kafka.silence is None
    assert "who are you" in seen.missing(Part.KAFKA)[0].reason


def test_a_missing_topic_is_tried_without_being_made(rooms: Rooms):
    """The broker is asked whether it would; the answer is quoted, and nothing is there after."""
    seen = gather(rooms, Question(wanted=catalog(orders=3, payments=3, far=5)), FixedClock())

    assert set(seen.kafka.refusals) == {"far"}
    assert set(rooms.kafka.topics()) == {"orders"}
    assert asked(rooms, orders=3, payments=3) == ["topics.missing"]


def test_a_topic_that_differs_is_told_with_its_source(rooms: Rooms):
    """Replication and configs are compared with the catalog's."""
    rooms.kafka.put_topic("drifted", 5, replication=1, config={"retention.ms": "1"})

    assert asked(rooms, orders=3, drifted=3) == ["topics.different"]


def test_without_a_catalog_no_topic_is_judged(rooms: Rooms):
    """Who has none asks for the rest alone."""
    found = examine(rooms, Question(), FixedClock())

    assert found.causes == ()
    assert found.healthy()


def test_where_pods_may_not_be_read_kafka_is_not_called_silent(rooms: Rooms):
    """Nobody to ask, because nobody is known: that is a gap, and no finding."""
    rooms.seen = Evidence(namespace="kafka", skipped=(Skipped(Part.PODS, "forbidden"),))
    seen = gather(rooms, Question(), FixedClock())

    assert seen.kafka.silence is None
    assert seen.missing(Part.KAFKA)
