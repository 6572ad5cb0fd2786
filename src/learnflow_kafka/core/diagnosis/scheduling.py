"""
Why a pod finds no node: computed from the objects, and read from the scheduler's message.

The message is a sum ("0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated
taint(s)"), names no node and is spelled differently by every few minors; events expire. So the
objects decide, and the message speaks where the nodes may not be read.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.diagnosis.amounts import shown
from learnflow_kafka.core.diagnosis.matching import (
    has_labels,
    node_allowed,
    selects,
    term_holds,
    untolerated,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from learnflow_kafka.core.diagnosis.evidence import Evidence
    from learnflow_kafka.core.diagnosis.objects import Node, PersistentVolume, Pod

CONTROL_PLANE: Final = "node-role.kubernetes.io/"
NODE_TROUBLE: Final = "node.kubernetes.io/"
"""Prefixes of taints that mark control planes, and that Kubernetes sets on nodes in trouble."""

UNSCHEDULABLE: Final = "Unschedulable"


class Obstacle(StrEnum):
    """What keeps a pod from a node, in the order in which the scheduler looks."""

    CORDONED = "is cordoned"
    DOWN = "is not ready"
    TAINT = "has a taint"
    SELECTOR = "has not the wanted labels"
    PORTS = "has the port taken"
    ROOM = "has no room"
    CLAIM = "can bind no volume"
    VOLUME = "cannot reach the volume"
    SPREAD = "is in a full zone"
    APART = "runs a pod to stay apart from"
    OTHER = "does not fit"


ORDER: Final = {obstacle: place for place, obstacle in enumerate(Obstacle)}

_SPELLINGS: Final = (
    (Obstacle.CORDONED, r"were unschedulable"),
    (Obstacle.DOWN, r"taint \{node\.kubernetes\.io/|were not ready|not-ready"),
    (Obstacle.TAINT, r"taint"),
    (Obstacle.ROOM, r"Insufficient |Too many pods"),
    (Obstacle.VOLUME, r"PersistentVolume's node affinity|volume node affinity conflict"),
    (Obstacle.VOLUME, r"no available volume zone"),
    (Obstacle.SELECTOR, r"node affinity|node selector"),
    (Obstacle.CLAIM, r"unbound immediate|find available persistent volumes|free storage"),
    (Obstacle.CLAIM, r"persistentvolumeclaim|bound to non-existent"),
    (Obstacle.SPREAD, r"topology spread"),
    (Obstacle.APART, r"affinity"),
    (Obstacle.PORTS, r"free ports"),
)
"""How the scheduler says it, from 1.18 to 1.37; the first that fits."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One summand of the scheduler's message: on how many nodes, what, in its own words."""

    nodes: int
    obstacle: Obstacle
    words: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One obstacle on one node, with the field and value that make it one."""

    obstacle: Obstacle
    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """
    A pod without a node.

    `reasons` tells every obstacle of every node, empty where the nodes are not known;
    `clauses` is what the scheduler said; `main` is the obstacle whose removal helps most.
    """

    pod: Pod
    main: Obstacle
    reasons: Mapping[str, tuple[Reason, ...]]
    clauses: tuple[Clause, ...]
    message: str

    def of(self, obstacle: Obstacle) -> Iterator[tuple[str, Reason]]:
        """Nodes that have this obstacle, each with its reason."""
        for name, reasons in self.reasons.items():
            yield from ((name, reason) for reason in reasons if reason.obstacle is obstacle)


def clauses(message: str) -> tuple[Clause, ...]:
    """
    The summands of a scheduler's message.

    >>> [c.nodes for c in clauses("0/3 nodes are available: 1 Insufficient cpu, 2 Insufficient "
    ...  "memory. preemption: 0/3 nodes are available: 3 No preemption victims found.")]
    [1, 2]
    """
    _, _, told = message.partition("nodes are available: ")
    told = re.split(r"\.? ?preemption: ", told or message)[0].strip().rstrip(".")
    found = []
    for part in re.split(r",\s+(?=\d+ )", told):
        counted = re.match(r"(\d+) (.*)", part, re.DOTALL)
        words = counted[2] if counted else part
        if words:
            found.append(Clause(int(counted[1]) if counted else 0, _spelled(words), words))
    return tuple(found)


def blocked_pods(evidence: Evidence) -> Iterator[Blocked]:
    """Every pod that the scheduler could not place, and why."""
    for pod in evidence.pods:
        message = unschedulable(pod)
        if message is not None and pod.deleted_ms is None:
            yield blocked(pod, message, evidence)


def unschedulable(pod: Pod) -> str | None:
    """What the scheduler says of a pod that it could not place; else None."""
    if pod.node is not None:
        return None
    return next(
        (
            c.message or ""
            for c in pod.conditions
            if c.type == "PodScheduled" and c.status == "False" and c.reason == UNSCHEDULABLE
        ),
        None,
    )


def blocked(pod: Pod, message: str, evidence: Evidence) -> Blocked:
    """Why this pod has no node."""
    told = clauses(message)
    reasons = {node.name: tuple(obstacles(pod, node, evidence)) for node in evidence.nodes}
    if any(not found for found in reasons.values()):
        # A node that would do: the scheduler knows something that the objects do not show.
        reasons = {}
    return Blocked(pod, _main(reasons, told), reasons, told, message)


def _main(reasons: Mapping[str, tuple[Reason, ...]], told: tuple[Clause, ...]) -> Obstacle:
    """
    The obstacle whose removal helps most.

    Nodes that the selector leaves out are not to blame. Of the others, control planes and nodes
    in trouble are not where brokers are meant to go, nor are nodes that are kept for somebody
    else, as long as there are others. Those with the fewest obstacles are nearest to taking the
    pod.
    """
    if not reasons:
        votes = Counter({c.obstacle: 0 for c in told})
        for clause in told:
            votes[clause.obstacle] += max(clause.nodes, 1)
        return _first(votes) if votes else Obstacle.OTHER
    meant = dict(reasons)
    for aside in (_left_out, _out_of_the_way, _for_others):
        meant = {n: r for n, r in meant.items() if not aside(r)} or meant
    least = min(len(_kinds(r)) for r in meant.values())
    votes = Counter(kind for r in meant.values() if len(_kinds(r)) == least for kind in _kinds(r))
    return _first(votes)


def _first(votes: Counter[Obstacle]) -> Obstacle:
    return min(votes, key=lambda o: (-votes[o], ORDER[o]))


def _kinds(reasons: tuple[Reason, ...]) -> frozenset[Obstacle]:
    return frozenset(reason.obstacle for reason in reasons)


def _left_out(reasons: tuple[Reason, ...]) -> bool:
    return Obstacle.SELECTOR in _kinds(reasons)


def _for_others(reasons: tuple[Reason, ...]) -> bool:
    return Obstacle.TAINT in _kinds(reasons)


def _out_of_the_way(reasons: tuple[Reason, ...]) -> bool:
    return any(
        r.obstacle in {Obstacle.CORDONED, Obstacle.DOWN}
        or (r.obstacle is Obstacle.TAINT and r.value.startswith(CONTROL_PLANE))
        for r in reasons
    )


def _spelled(words: str) -> Obstacle:
    return next((o for o, pattern in _SPELLINGS if re.search(pattern, words)), Obstacle.OTHER)


def requests(pod: Pod) -> dict[str, int]:
    """What the scheduler sets aside for a pod: its containers' sum, or its largest init's."""
    total: Counter[str] = Counter()
    for container in pod.containers:
        if not container.init:
            total.update(container.requests)
    for container in pod.containers:
        if container.init:
            for resource, number in container.requests.items():
                total[resource] = max(total[resource], number)
    return {"pods": 1, **total}


def obstacles(pod: Pod, node: Node, evidence: Evidence) -> Iterator[Reason]:
    """Everything that keeps a pod from a node, as far as objects tell."""
    if node.unschedulable:
        yield Reason(Obstacle.CORDONED, "spec.unschedulable", "true")
    for taint in untolerated(node, pod):
        trouble = taint.key.startswith(NODE_TROUBLE)
        if trouble and node.unschedulable and taint.key.endswith("unschedulable"):
            continue
        text = f"{taint.key}{f'={taint.value}' if taint.value else ''}:{taint.effect}"
        yield Reason(Obstacle.DOWN if trouble else Obstacle.TAINT, "spec.taints", text)
    if not node_allowed(node, pod.node_selector, pod.node_terms):
        labels = ", ".join(f"{k}={v}" for k, v in sorted(node.labels.items()))
        yield Reason(Obstacle.SELECTOR, "metadata.labels", labels)
    yield from _no_room(pod, node)
    yield from _unreachable_volumes(pod, node, evidence)
    yield from _crowded(pod, node, evidence)


def free(node: Node, resource: str) -> int:
    """What is left of a resource on a node; all of it where we may not see who asked for it."""
    return node.allocatable.get(resource, 0) - (node.requested or {}).get(resource, 0)


def _no_room(pod: Pod, node: Node) -> Iterator[Reason]:
    for resource, wanted in requests(pod).items():
        left = free(node, resource)
        if wanted > max(left, 0) and node.allocatable:
            total = shown(resource, node.allocatable.get(resource, 0))
            yield Reason(
                Obstacle.ROOM,
                f"status.allocatable.{resource}",
                f"{total}, of which {shown(resource, left)} free",
            )


def bound_volumes(pod: Pod, evidence: Evidence) -> Iterator[PersistentVolume]:
    """The volumes that the pod's claims are bound to."""
    claims = {c.name: c for c in evidence.claims if c.namespace == pod.namespace}
    volumes = {v.name: v for v in evidence.volumes}
    for volume in pod.volumes:
        claim = claims.get(volume.claim or "")
        if claim is not None and claim.volume in volumes:
            yield volumes[claim.volume]


def _unreachable_volumes(pod: Pod, node: Node, evidence: Evidence) -> Iterator[Reason]:
    for volume in bound_volumes(pod, evidence):
        terms = volume.node_terms
        if terms and not any(term_holds(term, node) for term in terms):
            yield Reason(Obstacle.VOLUME, f"(volume {volume.name}) spec.nodeAffinity", words(terms))


def words(terms: tuple[object, ...]) -> str:
    """Node terms as people read them."""
    return " or ".join(
        ", ".join(
            f"{e.key} {e.operator} {'|'.join(e.values)}".rstrip()
            for e in (*getattr(term, "expressions", ()), *getattr(term, "fields", ()))
        )
        for term in terms
    )


def _crowded(pod: Pod, node: Node, evidence: Evidence) -> Iterator[Reason]:
    """Pods that this one must stay apart from, in the node's zone; and full zones."""
    zones = {n.name: n.labels for n in evidence.nodes}
    placed = [p for p in evidence.pods if p.node in zones and p.namespace == pod.namespace]
    for rule in pod.away:
        here = node.labels.get(rule.topology_key)
        beside = [
            p.name
            for p in placed
            if here is not None
            and selects(rule.selector, p.labels)
            and zones[str(p.node)].get(rule.topology_key) == here
        ]
        if beside:
            yield Reason(
                Obstacle.APART, f"podAntiAffinity on {rule.topology_key}={here}", ", ".join(beside)
            )
    for rule in pod.spread:
        here = node.labels.get(rule.topology_key)
        if here is None:
            yield Reason(Obstacle.SPREAD, "metadata.labels", f"no {rule.topology_key}")
            continue
        counts = Counter(
            {z[rule.topology_key]: 0 for z in _eligible(pod, rule.topology_key, evidence)}
        )
        for p in placed:
            if selects(rule.selector, p.labels):
                counts[zones[str(p.node)].get(rule.topology_key, "")] += 1
        counts.pop("", None)
        if counts and counts[here] + 1 - min(counts.values()) > (rule.max_skew or 1):
            shares = ", ".join(f"{zone}: {n}" for zone, n in sorted(counts.items()))
            yield Reason(Obstacle.SPREAD, f"topologySpread on {rule.topology_key}", shares)


def _eligible(pod: Pod, key: str, evidence: Evidence) -> Iterator[Mapping[str, str]]:
    """Labels of nodes that count as a zone for the pod: they have the key and fit its selector."""
    for node in evidence.nodes:
        if key in node.labels and node_allowed(node, pod.node_selector, pod.node_terms):
            yield node.labels


def owner_labels(pod: Pod) -> Mapping[str, str]:
    """The labels by which a pod's siblings are known."""
    return {k: v for k, v in pod.labels.items() if not k.startswith("statefulset.")}


def siblings(pod: Pod, evidence: Evidence) -> tuple[Pod, ...]:
    """Pods of the same owner."""
    return tuple(
        p
        for p in evidence.pods
        if p.namespace == pod.namespace
        and (p.owner == pod.owner if pod.owner else has_labels(owner_labels(pod), p.labels))
    )
