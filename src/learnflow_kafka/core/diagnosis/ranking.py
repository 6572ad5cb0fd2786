"""
Causes before symptoms: which things suffer when another does.

The graph is built from the evidence alone (which pod uses which claim, which service selects
which pod, what a broker is for); rules know nothing of each other. A cause is a consequence
of another where a way leads from what the other is about to the first thing that it is about.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.diagnosis import causes
from learnflow_kafka.core.diagnosis.roles import Role, role, services_of, workloads_of
from learnflow_kafka.core.findings import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from learnflow_kafka.core.diagnosis.causes import Cause
    from learnflow_kafka.core.diagnosis.evidence import Evidence
    from learnflow_kafka.core.diagnosis.objects import Pod

PARTITIONS = "partitions"
VOTERS = "voters"


CATCH_ALL: Final = frozenset(
    {"kafka.silent", "brokers.missing", "partitions.offline", "pending.other", "crash.other"}
)
"""Rules that say that something does not work, and not why: they come after those that do."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A cause in its place; `of` is the root cause that it follows from (None: a root)."""

    cause: Cause
    of: Cause | None = None


def ranked(found: Sequence[Cause], evidence: Evidence) -> tuple[Ranked, ...]:
    """
    Roots first, each followed by its consequences.

    What works today comes after what does not; among equals, what explains more comes first,
    then the order in which the rules stand.
    """
    graph = consequences(evidence)
    reach = [reachable(graph, cause.about) for cause in found]
    follows = {
        i: [j for j in range(len(found)) if j != i and _follows(i, j, found, reach)]
        for i in range(len(found))
    }
    roots = [i for i, reasons in follows.items() if not reasons]
    explained = {i: sum(i in reasons for reasons in follows.values()) for i in roots}
    roots.sort(
        key=lambda i: (
            found[i].status is not Status.FAILED,
            found[i].rule in CATCH_ALL,
            -explained[i],
            i,
        )
    )
    told: list[Ranked] = []
    seen: set[int] = set()
    for root in roots:
        told.append(Ranked(found[root]))
        mine = [i for i, reasons in follows.items() if root in reasons and i not in seen]
        seen.update(mine)
        mine.sort(key=lambda i: (len(follows[i]), i))
        told += [Ranked(found[i], found[root]) for i in mine]
    # Where things explain each other in a ring through one thing, nothing may be lost.
    left = [i for i, reasons in follows.items() if reasons and i not in seen]
    return (*told, *(Ranked(found[i], found[follows[i][0]]) for i in left))


def _follows(one: int, other: int, found: Sequence[Cause], reach: Sequence[frozenset[str]]) -> bool:
    """Whether `one` is a consequence of `other`; of two that explain each other, the later."""
    if found[one].status is Status.FAILED and found[other].status is not Status.FAILED:
        return False
    if found[one].about[0] in found[other].about[:1] or found[one].about[0] not in reach[other]:
        return False
    mutual = found[other].about[0] in reach[one]
    return not mutual or other < one


def reachable(graph: Mapping[str, frozenset[str]], start: Iterable[str]) -> frozenset[str]:
    """Everything that suffers when these things do, themselves included."""
    seen = set(start)
    queue = deque(seen)
    while queue:
        for following in graph.get(queue.popleft(), frozenset()):
            if following not in seen:
                seen.add(following)
                queue.append(following)
    return frozenset(seen)


def consequences(evidence: Evidence) -> dict[str, frozenset[str]]:
    """What suffers when a thing does: one step."""
    graph: dict[str, set[str]] = {}
    for source, target in (*_general(evidence), *_of_pods(evidence), *_of_workloads(evidence)):
        graph.setdefault(source, set()).add(target)
    return {source: frozenset(targets) for source, targets in graph.items()}


def _general(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """How the parts of any Kafka hang together."""
    yield from (
        (causes.QUORUM, causes.BROKERS),
        (causes.QUORUM, causes.KAFKA),
        (causes.QUORUM, VOTERS),
        (causes.BROKERS, causes.TOPICS),
        (causes.BROKERS, PARTITIONS),
        (causes.BROKERS, causes.KAFKA),
        (causes.KAFKA, causes.TOPICS),
        (causes.ZOOKEEPER, causes.SESSIONS),
        (causes.ZOOKEEPER, causes.BROKERS),
        (causes.ZOOKEEPER, "zookeeper server"),
        (causes.SESSIONS, causes.BROKERS),
        (causes.DNS, causes.QUORUM),
        (causes.DNS, causes.ZOOKEEPER),
        (causes.DNS, causes.CONNECTIONS),
        (causes.NAMESPACE, causes.KAFKA),
    )
    listeners = {causes.listener(p.host.partition(".")[0]) for p in evidence.probes}
    for listener in listeners:
        yield causes.DNS, listener
        yield causes.KAFKA, listener
    for release in evidence.releases:
        yield causes.NAMESPACE, causes.release(release.name)
    if evidence.client is not None:
        yield causes.DNS, causes.client(evidence.client.name)


def _of_pods(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for pod in evidence.pods:
        me = causes.pod(pod.name)
        yield causes.NAMESPACE, me
        if pod.node is not None:
            yield causes.node(pod.node), me
        for volume in pod.volumes:
            if volume.claim is not None:
                yield causes.claim(volume.claim), me
                yield me, f"waiting {causes.claim(volume.claim)}"
        for service in services_of(pod, evidence):
            yield me, causes.service(service.name)
        for release in evidence.releases:
            yield me, causes.release(release.name)
        yield from _of_role(me, role(pod), evidence)
        yield me, causes.listener(pod.name)
        yield me, causes.answers(pod.name)
    for process in evidence.processes:
        me = causes.process(process.name)
        kind = Role.ZOOKEEPER if process.name == "zookeeper" else Role.BROKER
        yield from _of_role(me, kind, evidence)
        yield me, causes.answers(process.name)
    for view in evidence.kafka.views:
        if view.hangs:
            yield from _of_kafka(causes.answers(view.node), evidence)


def _of_workloads(evidence: Evidence) -> Iterator[tuple[str, str]]:
    for kind in (Role.BROKER, Role.CONTROLLER, Role.ZOOKEEPER):
        for workload in workloads_of(evidence, kind):
            me = causes.workload(workload.kind, workload.name)
            yield from _of_role(me, kind, evidence)
    for workload in evidence.workloads:
        me = causes.workload(workload.kind, workload.name)
        yield causes.NAMESPACE, me
        for release in evidence.releases:
            yield me, causes.release(release.name)


def _of_role(me: str, kind: Role, evidence: Evidence) -> Iterator[tuple[str, str]]:
    """What suffers when a pod, process or workload of this kind does not work."""
    if kind is Role.ZOOKEEPER:
        yield me, causes.ZOOKEEPER
        yield me, "zookeeper server"
        yield from ((causes.ZOOKEEPER, causes.pod(p.name)) for p in _kafka(evidence))
        yield from _services(causes.ZOOKEEPER, evidence)
    elif kind in {Role.BROKER, Role.CONTROLLER}:
        yield from _of_kafka(me, evidence)
        if kind is Role.BROKER:
            yield me, causes.BROKERS
        yield causes.DNS, me
        yield from _services(causes.QUORUM, evidence)


def _of_kafka(me: str, evidence: Evidence) -> Iterator[tuple[str, str]]:
    """What suffers when a node of Kafka does not work: brokers, and with KRaft the quorum."""
    if evidence.zookeeper or any(p.name == "zookeeper" for p in evidence.processes):
        yield me, causes.BROKERS
    else:
        yield me, causes.QUORUM
        yield me, VOTERS


def _kafka(evidence: Evidence) -> Iterator[Pod]:
    yield from (p for p in evidence.pods if role(p) in {Role.BROKER, Role.CONTROLLER})


def _services(source: str, evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Services of brokers: they have no endpoint while brokers cannot be ready."""
    for pod in evidence.pods:
        if role(pod) is Role.BROKER:
            yield from ((source, causes.service(s.name)) for s in services_of(pod, evidence))
