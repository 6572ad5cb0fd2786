"""Checks of the cluster as a whole: addresses, brokers, and who keeps its metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.checks.evidence import Unknown, known
from learnflow_kafka.core.checks.outcomes import failed, not_checked, passed, warned
from learnflow_kafka.core.observed import Metadata
from learnflow_kafka.core.ports import Fault
from learnflow_kafka.core.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from learnflow_kafka.core.checks.evidence import Evidence
    from learnflow_kafka.core.checks.outcomes import Outcome
    from learnflow_kafka.core.observed import Broker, ClusterState, QuorumState

MAX_VOTER_DELAY_MS: Final = 5_000
"""A voter fetches every 500 ms; one that missed this much is down or cut off."""

MAX_VOTER_LAG: Final = 100
"""Metadata records a voter may be behind where the cluster tells no times: 50 s when idle."""

SILENT: Final = frozenset({"BROKER_NOT_AVAILABLE", "REQUEST_TIMED_OUT", "NETWORK_EXCEPTION"})
"""How it reads when a broker itself gave no answer, rather than one that we dislike."""

_ADVERTISED_FIX: Final = (
    "start the broker where it does not run (`learnflow status` for local ones); where it does, "
    "clients use the bootstrap address only to ask, then connect to the address that each "
    "broker advertises: set `advertised.listeners` of these brokers to a name that resolves and "
    "a port that is open from here"
)


def bootstrap_reachable(evidence: Evidence) -> Outcome:
    """A broker answers at an address that we were given, and belongs to the pinned cluster."""
    lines = [
        f"{address}: {fault or 'takes connections'}"
        for address, fault in evidence.bootstrap.items()
    ]
    cluster, pinned = evidence.cluster, evidence.expected.cluster_id
    if isinstance(cluster, Unknown):
        return failed(cluster.reason, lines, cluster.fix)
    if pinned is not None and cluster.cluster_id != pinned:
        return failed(
            f"another cluster answers: {cluster.cluster_id}, and the context pins {pinned}",
            lines,
            "correct the context's address, or its cluster id if the cluster was made anew",
        )
    closed = [address for address, fault in evidence.bootstrap.items() if fault is not None]
    if closed:
        return warned(
            f"cluster {cluster.cluster_id} answers, but {len(closed)} of "
            f"{len(evidence.bootstrap)} addresses take no connection",
            lines,
            "take the address out of the context, or start the broker behind it",
        )
    return passed(f"cluster {cluster.cluster_id} answers", lines)


def addresses_reachable(evidence: Evidence) -> Outcome:
    """Every address that a broker advertises takes connections from this machine."""
    addresses = known(evidence.addresses)
    brokers = [b for b in known(evidence.cluster).brokers if not b.fenced]
    faults = {b.id: addresses.get(b.id, "not tried: registered while we looked") for b in brokers}
    lines = [
        f"broker {b.id} advertises {b.address}: {faults[b.id] or 'takes connections'}"
        for b in brokers
    ]
    closed = [b for b in brokers if faults[b.id] is not None]
    if closed:
        names = ", ".join(f"{b.address} of broker {b.id}" for b in closed)
        return failed(f"no connection to the advertised address {names}", lines, _ADVERTISED_FIX)
    return passed("every advertised address takes connections", lines)


def brokers_registered(evidence: Evidence) -> Outcome:
    """As many brokers serve as the environment names, and none is fenced."""
    brokers = known(evidence.cluster).brokers
    if not brokers:
        return failed(
            "who answers names no broker, not even itself",
            [],
            "a broker that has just started needs some seconds; else no controller has told it of "
            "the cluster: read the controllers' logs",
        )
    wanted = evidence.expected.brokers
    fenced = [b for b in brokers if b.fenced]
    serving = len(brokers) - len(fenced)
    lines = [f"broker {b.id} at {b.address}: {_registration(b)}" for b in brokers]
    of = "" if wanted is None else f" of {wanted}"
    count = f"{serving}{of} broker{'s' * ((wanted or serving) != 1)} serving"
    if fenced or (wanted is not None and serving < wanted):
        names = f"; fenced: {', '.join(str(b.id) for b in fenced)}" if fenced else ""
        return failed(
            f"{count}{names}",
            lines,
            "start the missing brokers and read their logs (`learnflow status` for local ones)",
        )
    if wanted is not None and serving > wanted:
        return warned(
            f"{counted(serving, 'broker')} serving, the environment names {wanted}",
            lines,
            "set `brokers` of the environment to what is there, so that replication fits",
        )
    return passed(f"{count}{'; the environment names no number' * (wanted is None)}", lines)


def brokers_answering(evidence: Evidence) -> Outcome:
    """Every serving broker answers a request of its own."""
    answers = known(evidence.broker_configs)
    if not answers:
        return not_checked("no broker serves that could be asked")
    silent = {
        broker: answer
        for broker, answer in answers.items()
        if isinstance(answer, Fault) and answer.code in SILENT
    }
    lines = [
        f"broker {broker}: {silent[broker].message if broker in silent else 'answers'}"
        for broker in answers
    ]
    if silent:
        return failed(
            f"no answer from broker {', '.join(map(str, silent))}",
            lines,
            "look at the broker's process and log: frozen, out of memory or out of disk; "
            "until it is fenced, writes with acks=all wait for it on every partition it follows",
        )
    return passed(f"{counted(len(answers), 'broker')} answer{'s' * (len(answers) == 1)}", lines)


def metadata_kept(evidence: Evidence) -> Outcome:
    """The KRaft quorum has a leader and voters that keep up; or ZooKeeper serves."""
    quorum = known(evidence.quorum)
    cluster = known(evidence.cluster)
    if quorum is not None:
        return _quorum_keeps_up(quorum)
    if cluster.metadata is Metadata.KRAFT:
        return not_checked("the cluster does not tell about its quorum")
    return _zookeeper_serves(cluster, known(evidence.zookeeper))


def _quorum_keeps_up(quorum: QuorumState) -> Outcome:
    lines = [
        f"voter {v}: at offset {offset} of {quorum.high_watermark}"
        for v, offset in quorum.voters.items()
    ]
    if quorum.leader is None:
        return failed(
            "the KRaft quorum has no leader: nothing about topics or brokers can change",
            lines,
            "start controllers until more than half of the voters run",
        )
    behind = dict(_voters_behind(quorum))
    if behind:
        return failed(
            f"leader {quorum.leader}, but {counted(len(behind), 'voter')} of "
            f"{len(quorum.voters)} "
            f"{'does' if len(behind) == 1 else 'do'} not keep up: {', '.join(map(str, behind))}",
            [*lines, *(f"voter {v}: {why}" for v, why in behind.items())],
            "start the controllers named above; without more than half of them nothing can change",
        )
    return passed(
        f"KRaft: voter {quorum.leader} leads, {counted(len(quorum.voters), 'voter')} up to date",
        lines,
    )


def _voters_behind(quorum: QuorumState) -> Iterator[tuple[int, str]]:
    """Voters that miss metadata, each with why we think so."""
    told = quorum.caught_up_ms
    now = max(told.values(), default=0)
    for voter, offset in quorum.voters.items():
        if voter == quorum.leader:
            continue
        if voter in told:
            if now - told[voter] > MAX_VOTER_DELAY_MS:
                yield voter, f"last caught up {(now - told[voter]) / 1000:.0f} s ago"
        elif quorum.high_watermark - offset > MAX_VOTER_LAG:
            yield voter, f"{quorum.high_watermark - offset} metadata records behind"


def _zookeeper_serves(cluster: ClusterState, servers: Mapping[str, str | None]) -> Outcome:
    """What ZooKeeper says itself: brokers name their last controller long after it died."""
    if cluster.controller is None:
        return failed(
            "no controller: ZooKeeper does not serve, or no broker could be elected",
            fix="look at ZooKeeper's log and at the brokers' server.log",
        )
    lines = [
        f"controller, as the brokers know it: broker {cluster.controller}",
        *(f"{server}: {fault or 'serves'}" for server, fault in servers.items()),
    ]
    if not servers:
        return not_checked(
            f"the brokers name broker {cluster.controller} as controller, and ZooKeeper itself "
            "was not asked: Kafka's protocol does not tell whether it serves",
            lines,
            "ask each ZooKeeper server: `echo srvr | nc HOST 2181` says its mode where it serves",
        )
    if all(fault is not None for fault in servers.values()):
        return failed(
            "ZooKeeper does not serve: nothing about topics or brokers can change",
            lines,
            "start ZooKeeper (`learnflow up` for the local one), and look at its log",
        )
    return passed(f"ZooKeeper serves: broker {cluster.controller} is the elected controller", lines)


def _registration(broker: Broker) -> str:
    if broker.fenced is None:
        return "registered (this cluster does not tell whether it is fenced)"
    return "fenced: registered, not serving" if broker.fenced else "registered, serving"
