"""
Verify: gather the evidence once, then judge it.

Each part of the evidence is gathered by itself: a part that fails is unknown, with Kafka's
own reason, and only the checks which need it are "not checked". When nothing answers, the
rest is not tried.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from learnflow_kafka.app.proof import Prover
from learnflow_kafka.core.checks.evidence import Evidence, Unknown
from learnflow_kafka.core.checks.table import evaluate
from learnflow_kafka.core.names import VERIFICATION_TOPIC
from learnflow_kafka.errors import KafkaError, TimedOutError, WrongClusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from contextlib import AbstractContextManager

    from learnflow_kafka.core.checks.evidence import Expectation, Records, Settings
    from learnflow_kafka.core.findings import Report
    from learnflow_kafka.core.observed import Broker, ClusterState, TopicState
    from learnflow_kafka.core.ports import Clock, KafkaAdmin, KafkaData, Network

T = TypeVar("T")

CONNECT_TIMEOUT: Final = 2.0
"""Seconds for a TCP connection: an address that takes longer is not one to work with."""

FIRST_PAUSE: Final = 0.1
LAST_PAUSE: Final = 1.0
"""Seconds between verifications: a cluster that just started needs a moment, a dead one more."""

_MANY: Final = 16


@dataclass(frozen=True, slots=True)
class Ports:
    """
    The world, for one verification.

    `admin` and `data` open a client when they are called, so that nothing is opened towards
    an address that takes no connection, and each try of a wait begins afresh. `zookeeper` asks
    each server that is known here why it does not serve (None: it does).
    """

    bootstrap: tuple[str, ...]
    admin: Callable[[], AbstractContextManager[KafkaAdmin]]
    data: Callable[[], AbstractContextManager[KafkaData]]
    network: Network
    clock: Clock
    zookeeper: Callable[[], Mapping[str, str | None]] = dict


@dataclass(frozen=True, slots=True)
class Attempt:
    """One verification while waiting; `last`: it is healthy, or the time is up."""

    report: Report
    elapsed: float
    healthy: bool
    last: bool


def verify(expected: Expectation, ports: Ports, *, write: bool = True) -> Report:
    """Gather and judge; without `write` no record is written and no topic made."""
    return evaluate(gather(expected, ports, write=write))


def wait(
    attempt: Callable[[], Report],
    healthy: Callable[[Report], bool],
    clock: Clock,
    *,
    timeout: float,
) -> Iterator[Attempt]:
    """Verify until healthy or until `timeout` seconds are up; one event a verification."""
    start, pause = clock.monotonic(), FIRST_PAUSE
    while True:
        report = attempt()
        elapsed, good = clock.monotonic() - start, healthy(report)
        last = good or elapsed + pause >= timeout
        yield Attempt(report, elapsed, good, last)
        if last:
            return
        clock.sleep(pause)
        pause = min(2 * pause, LAST_PAUSE)


def gather(expected: Expectation, ports: Ports, *, write: bool = True) -> Evidence:
    """Everything that the checks look at; never raises an error of Kafka's."""
    bootstrap = _reach(ports.network, {a: _split(a) for a in ports.bootstrap})
    if all(fault is not None for fault in bootstrap.values()):
        return _silence(
            expected,
            bootstrap,
            NO_ANSWER,
            cluster=Unknown(
                f"no broker answers at {', '.join(ports.bootstrap)}",
                "start it (`learnflow up` for the local one), or correct the address",
            ),
        )
    try:
        with ports.admin() as admin:
            return _Gathering(expected, ports, admin, bootstrap).run(write=write)
    except TimedOutError as error:
        silent = Unknown(str(error), _HANGS)
        return _silence(expected, bootstrap, NO_ANSWER, cluster=silent)
    except (KafkaError, WrongClusterError) as error:
        silent = Unknown(str(error), error.fix)
        return _silence(expected, bootstrap, NO_ANSWER, cluster=silent)


def silent(
    expected: Expectation, bootstrap: Collection[str], reason: str, fix: str | None
) -> Evidence:
    """Evidence of a cluster that there is no way to: why, and what would mend that."""
    return _silence(
        expected, dict.fromkeys(bootstrap, "no tunnel"), NO_ANSWER, cluster=Unknown(reason, fix)
    )


class _Gathering:
    """The parts of the evidence, asked for one after the other through one client."""

    def __init__(
        self,
        expected: Expectation,
        ports: Ports,
        admin: KafkaAdmin,
        bootstrap: Mapping[str, str | None],
    ) -> None:
        self._expected = expected
        self._ports = ports
        self._admin = admin
        self._bootstrap = bootstrap

    def run(self, *, write: bool) -> Evidence:
        """All parts; KafkaError where not even the cluster's brokers are told."""
        met = self._admin.met()
        pinned = self._expected.cluster_id
        if pinned is not None and met.cluster_id != pinned:
            return _silence(self._expected, self._bootstrap, NO_ANSWER, cluster=met)
        if not met.brokers:
            nobody = Unknown("not asked: see `brokers.registered`")
            return _silence(self._expected, self._bootstrap, nobody, cluster=met)
        addresses = self._reach_all(met)
        if all(fault is not None for fault in addresses.values()):
            # Every request would go to one of these addresses, and wait there in vain.
            reason = Unknown("not asked: see `brokers.addresses`")
            return _silence(
                self._expected, self._bootstrap, reason, cluster=met, addresses=addresses
            )
        return self._ask(self._admin.cluster(), addresses, write=write)

    def _reach_all(self, cluster: ClusterState) -> dict[int, str | None]:
        places = {b.id: (b.host, b.port) for b in cluster.brokers}
        return _reach(self._ports.network, places)

    def _ask(
        self, cluster: ClusterState, addresses: Mapping[int, str | None], *, write: bool
    ) -> Evidence:
        serving = [b for b in cluster.brokers if not b.fenced]
        topics = _tried(self._admin.topics)
        return Evidence(
            expected=self._expected,
            bootstrap=self._bootstrap,
            cluster=cluster,
            addresses=addresses,
            quorum=_tried(self._admin.quorum),
            topics=topics,
            topic_configs=self._topic_configs(topics),
            broker_configs=_tried(lambda: self._admin.broker_configs([b.id for b in serving])),
            records=self._records(serving, topics) if write else LEFT_OUT,
            zookeeper=self._ports.zookeeper(),
        )

    def _topic_configs(
        self, topics: Mapping[str, TopicState] | Unknown
    ) -> Mapping[str, Settings] | Unknown:
        """Of the wanted topics, and of those with too few replicas in sync."""
        if isinstance(topics, Unknown):
            return topics
        names = [n for n, t in topics.items() if n in self._expected.topics or _short(t)]
        return _tried(lambda: self._admin.topic_configs(names))

    def _records(
        self, serving: Collection[Broker], topics: Mapping[str, TopicState] | Unknown
    ) -> Records | Unknown:
        if isinstance(topics, Unknown):
            return topics

        def prove() -> Records:
            with self._ports.data() as data:
                prover = Prover(self._admin, data, self._ports.clock)
                return prover.prove([b.id for b in serving], topics.get(VERIFICATION_TOPIC))

        return _tried(prove)


_HANGS: Final = "look at the broker's process and log: it is there and hangs"
NO_ANSWER: Final = Unknown("not asked: see `bootstrap.reachable`")
LEFT_OUT: Final = Unknown("left out: asked to read only", "verify without --read-only")


def _tried(call: Callable[[], T]) -> T | Unknown:
    """What the call returns, or why Kafka did not answer."""
    try:
        return call()
    except TimedOutError as error:
        return Unknown(str(error), _HANGS)
    except KafkaError as error:
        return Unknown(str(error), error.fix)


def _silence(
    expected: Expectation,
    bootstrap: Mapping[str, str | None],
    reason: Unknown,
    *,
    cluster: ClusterState | Unknown,
    addresses: Mapping[int, str | None] | None = None,
) -> Evidence:
    """Evidence of a cluster that does not talk to us."""
    return Evidence(
        expected=expected,
        bootstrap=bootstrap,
        cluster=cluster,
        addresses=addresses or reason,
        quorum=reason,
        topics=reason,
        topic_configs=reason,
        broker_configs=reason,
        records=reason,
    )


K = TypeVar("K")


def _reach(network: Network, places: Mapping[K, tuple[str, int]]) -> dict[K, str | None]:
    """Why each address takes no connection (None: it does), all tried at once."""
    if not places:
        return {}
    with ThreadPoolExecutor(min(len(places), _MANY)) as pool:
        faults = pool.map(
            lambda place: network.reachable(*place, timeout=CONNECT_TIMEOUT), places.values()
        )
        return dict(zip(places, faults, strict=True))


def _split(address: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[::1]:port`."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _short(topic: TopicState) -> bool:
    return any(len(p.isr) < len(p.replicas) for p in topic.partitions)
