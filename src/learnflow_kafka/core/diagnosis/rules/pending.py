"""Pods for which the scheduler finds no node."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.diagnosis import causes, chart
from learnflow_kafka.core.diagnosis.amounts import CPU, GI, MEMORY, MI, bytes_of_heap, shown
from learnflow_kafka.core.diagnosis.causes import Cause, Proof, Remedy, Safety
from learnflow_kafka.core.diagnosis.matching import (
    near_label,
    node_allowed,
    term_holds,
    untolerated,
)
from learnflow_kafka.core.diagnosis.objects import Requirement, Toleration
from learnflow_kafka.core.diagnosis.roles import Role, main_container, role
from learnflow_kafka.core.diagnosis.rules.crash import BESIDE_HEAP
from learnflow_kafka.core.diagnosis.scheduling import (
    NODE_TROUBLE,
    Obstacle,
    blocked_pods,
    bound_volumes,
    free,
    requests,
    siblings,
    words,
)
from learnflow_kafka.core.suggest import mistyped
from learnflow_kafka.core.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from learnflow_kafka.core.diagnosis.evidence import Evidence
    from learnflow_kafka.core.diagnosis.objects import Node, Pod, Taint
    from learnflow_kafka.core.diagnosis.scheduling import Blocked

_MANY: Final = 6
"""Nodes that are named one by one; a large cluster's rest is counted."""


def room(evidence: Evidence) -> Iterator[Cause]:
    """
    A pod asks for more CPU, memory or storage than any node has left.

    Looks at each node's `status.allocatable` minus the requests of all pods on it, against
    the pod's own `resources.requests`. Says whether the request is too large for any node at
    all, or only for what is left. Where nodes may not be read, the scheduler's message is all
    there is, and the finding says so.

    Way out: lower the request, or add a node. Requests below what Kafka really takes move the
    trouble to run time: no request is printed that is less than the heap and 500 Mi beside it.
    """
    for group in _groups(evidence, Obstacle.ROOM):
        first = group[0]
        wanted = requests(first.pod)
        short = sorted({r.field.rpartition(".")[2] for _, r in first.of(Obstacle.ROOM)})
        asked = ", ".join(f"{shown(r, wanted[r])} {r}" for r in short if r in wanted)
        able = _only_full(first, evidence)
        best = [_roomiest(able, r) for r in short if r in wanted]
        never = [n for n, r in zip(best, short, strict=False) if _never(n, r, wanted)]
        if not asked:
            detail = f"no node has room for {_names(group)}: {_said(first)}"
        elif never:
            detail = f"{_names(group)} ask for {asked}: more than any node has when it is empty"
        else:
            detail = f"{_names(group)} ask for {asked}: no node has so much left"
        yield Cause(
            "pending.room",
            _refs(group),
            detail,
            (*_requested(first.pod, short), *_blocking(first, Obstacle.ROOM), *_message(first)),
            _make_room(first.pod, {r: n for n, r in zip(best, short, strict=False) if n}),
        )


def taint(evidence: Evidence) -> Iterator[Cause]:
    """
    Every node that would do has a taint that the pod does not tolerate.

    Looks at `spec.taints` of the nodes (`NoSchedule` and `NoExecute`) against the pod's
    `spec.tolerations`. Taints of control planes count only where there are no other nodes;
    taints that Kubernetes itself sets on a node in trouble are `pending.node_down`.

    Way out: the toleration that is printed, if these nodes are meant for Kafka; or nodes
    without the taint.
    """
    for group in _groups(evidence, Obstacle.TAINT):
        first = group[0]
        taints = sorted({
            t
            for node in evidence.nodes
            if any(name == node.name for name, _ in first.of(Obstacle.TAINT))
            for t in untolerated(node, first.pod)
            if not t.key.startswith(NODE_TROUBLE)
        }, key=lambda t: (t.key, t.value or "", t.effect))  # fmt: skip
        wanted = _tolerated(first.pod, taints)
        value = chart.value(chart.TOLERATIONS, role(first.pod))
        named = ", ".join(f"{t.key}{'=' * bool(t.value)}{t.value or ''}:{t.effect}" for t in taints)
        yield Cause(
            "pending.taint",
            _refs(group),
            f"{_names(group)} tolerate none of the nodes' taints: {named or _said(first)}",
            (
                Proof(f"pod {first.pod.name}", "spec.tolerations", _tolerations(first.pod)),
                *_blocking(first, Obstacle.TAINT),
                *_message(first),
            ),
            Remedy(
                "if these nodes are meant for it, let the pods tolerate the taint "
                + chart.within(value),
                Safety.ASKS,
                _patch(first.pod, f'"tolerations":{json.dumps(wanted, separators=(",", ":"))}')
                if taints
                else None,
                chart.snippet(value, _as_yaml(wanted)) if taints else None,
            ),
        )


def spread(evidence: Evidence) -> Iterator[Cause]:
    """
    The pod must stay apart from its siblings, and there are too few nodes or zones for that.

    Looks at required pod anti-affinity and at topology spread constraints with
    `DoNotSchedule`, and counts the places that fit against the replicas that are wanted.

    Way out: add nodes (the finding says how many), or ask for it softly
    (`preferredDuringScheduling...`, `ScheduleAnyway`), which lets brokers share a node.
    """
    for obstacle in (Obstacle.APART, Obstacle.SPREAD):
        for group in _groups(evidence, obstacle):
            first = group[0]
            rules = first.pod.away if obstacle is Obstacle.APART else first.pod.spread
            keys = sorted({rule.topology_key for rule in rules})
            places = {
                key: {
                    n.labels[key]
                    for n in evidence.nodes
                    if key in n.labels
                    and node_allowed(n, first.pod.node_selector, first.pod.node_terms)
                    and not untolerated(n, first.pod)
                }
                for key in keys
            }
            wanted = max(len(siblings(first.pod, evidence)), _replicas(first.pod, evidence))
            fewest = min(map(len, places.values()), default=0)
            where = ", ".join(f"{len(found)} of {key}" for key, found in places.items())
            yield Cause(
                "pending.spread",
                _refs(group),
                f"{_names(group)} must not share a place with their siblings: {wanted} pods, and "
                f"places that fit: {where or _said(first)}",
                (
                    Proof(f"pod {first.pod.name}", _field(obstacle), ", ".join(keys)),
                    *_blocking(first, obstacle),
                    *_message(first),
                ),
                Remedy(
                    f"add {counted(max(wanted - fewest, 1), 'node')} (or zones), or let the rule "
                    "be a wish instead of a must " + chart.within(f"{_rule_value(obstacle)}: soft"),
                    Safety.ASKS,
                    _soften(first.pod, obstacle),
                ),
            )


def selector(evidence: Evidence) -> Iterator[Cause]:
    """
    No node has the labels that the pod asks for.

    Looks at `spec.nodeSelector` and required node affinity against the labels of every node,
    and names the nearest label: a typing mistake is the usual reason.

    Way out: correct the selector, where a node has nearly what it asks for; else label a node that
    has no such label. A label that a node has with another value is somebody's, and is left alone.
    """
    for group in _groups(evidence, Obstacle.SELECTOR):
        first = group[0]
        wanted = tuple(_wanted_labels(first.pod))
        near = tuple(_near(wanted, evidence.nodes))
        text = ", ".join(_requirement(r) for r in wanted)
        hint = f"; did you mean {near[0][1]}?" if near else ""
        yield Cause(
            "pending.selector",
            _refs(group),
            f"no node has the labels that {_names(group)} ask for: {text or _said(first)}{hint}",
            (
                Proof(f"pod {first.pod.name}", "spec.nodeSelector and nodeAffinity", text),
                *_blocking(first, Obstacle.SELECTOR),
                *_message(first),
            ),
            _match(first, evidence),
        )


def volume_zone(evidence: Evidence) -> Iterator[Cause]:
    """
    The pod's volume lies on a node or in a zone that does not take the pod.

    Looks at `spec.nodeAffinity` of the volumes that the pod's claims are bound to. Local
    volumes, and zonal disks, can be reached from there alone: the node is gone, cordoned or
    full.

    Way out: bring the node (or one in that zone) back. Deleting the claim gives the pod an
    empty disk elsewhere; that loses the broker's replicas, and is right only where every
    partition has other replicas in sync.
    """
    for group in _groups(evidence, Obstacle.VOLUME):
        for one in group:
            volumes = [
                v
                for v in bound_volumes(one.pod, evidence)
                if any(v.name in reason.field for _, reason in one.of(Obstacle.VOLUME))
            ]
            home = [
                n
                for n in evidence.nodes
                if all(any(term_holds(t, n) for t in v.node_terms) for v in volumes)
            ]
            names = ", ".join(v.name for v in volumes) or "its volume"
            place = " and ".join(words(v.node_terms) for v in volumes)
            state = (
                f"node {', '.join(n.name for n in home)} does not take the pod"
                if home
                else "no such node is left"
            )
            claims = [v.claim for v in one.pod.volumes if v.claim]
            yield Cause(
                "pending.volume_zone",
                _refs([one]),
                f"{_names([one])} can run only where {names} is ({place or _said(one)}): {state}",
                (
                    *(Proof(f"volume {v.name}", "spec.nodeAffinity", words(v.node_terms))
                      for v in volumes),
                    *(Proof(f"node {n.name}", r.field, r.value)
                      for n in home for r in one.reasons.get(n.name, ())),
                    *_message(one),
                ),
                Remedy(
                    "bring back the node, or make room on it; deleting the claim gives the broker "
                    "an empty disk, and loses data unless all partitions have other replicas",
                    Safety.DANGEROUS,
                    f"kubectl uncordon {home[0].name}"
                    if home and home[0].unschedulable and not _broken(home[0])
                    else None if home
                    else f"kubectl delete pvc {' '.join(map(str, claims))} -n {one.pod.namespace} "
                    f"--wait=false && kubectl delete pod {one.pod.name} "
                    f"-n {one.pod.namespace} --ignore-not-found",
                ),
            )  # fmt: skip


def node_down(evidence: Evidence) -> Iterator[Cause]:
    """
    Nodes that pods wait for are cordoned, not ready, or short of disk or memory.

    Looks at `spec.unschedulable`, at the condition `Ready` and at the taints
    `node.kubernetes.io/...` that Kubernetes sets by itself. Nodes in trouble are named also
    where pods are still on them.

    Way out: uncordon, or mend the node; a node that is both cordoned and broken is mended first.
    """
    groups = [g for o in (Obstacle.CORDONED, Obstacle.DOWN) for g in _groups(evidence, o)]
    waiting = {name for group in groups for one in group for name in _in_trouble(one)}
    about = tuple(dict.fromkeys(ref for group in groups for ref in _refs(group)))
    used = {pod.node for pod in evidence.pods}
    for node in evidence.nodes:
        if not (node.name in waiting or (_silent(node) and node.name in used)):
            continue
        found = (("cordoned", node.unschedulable), ("not ready", _broken(node)))
        state = " and ".join(word for word, holds in found if holds)
        yield Cause(
            "pending.node_down",
            (causes.node(node.name), *about),
            f"node {node.name} is {state}"
            + (f", and {len(about)} pods wait for a node" if about else ""),
            tuple(_node_state(node)),
            _revive(node),
        )


def other(evidence: Evidence) -> Iterator[Cause]:
    """
    A pod is Pending for a reason that no other rule knows.

    Gives the scheduler's own message, clause by clause. Most often it is the consequence of a
    claim that is not bound, and is then shown below that claim's finding.
    """
    for obstacle in (Obstacle.CLAIM, Obstacle.PORTS, Obstacle.OTHER):
        for group in _groups(evidence, obstacle):
            yield Cause(
                "pending.other",
                _refs(group),
                f"{_names(group)} wait for a node: {_said(group[0])}",
                tuple(_message(group[0])),
                Remedy(
                    "read the scheduler's message",
                    Safety.SAFE,
                    f"kubectl describe pod {group[0].pod.name} -n {group[0].pod.namespace}",
                ),
            )
    yield from _unscheduled_silently(evidence)


def _unscheduled_silently(evidence: Evidence) -> Iterator[Cause]:
    """Pods that have no node and of which the scheduler said nothing: none is running."""
    silent = [
        p
        for p in evidence.pods
        if p.node is None
        and p.phase == "Pending"
        and not any(c.type == "PodScheduled" for c in p.conditions)
        and p.created_ms is not None
        and evidence.taken_ms - p.created_ms > _PATIENCE_MS
    ]
    if silent:
        names = ", ".join(p.name for p in silent)
        yield Cause(
            "pending.other",
            tuple(causes.pod(p.name) for p in silent),
            f"no scheduler has looked at {names}",
            (Proof(f"pod {silent[0].name}", "status.conditions[PodScheduled]", "absent"),),
            Remedy(
                "look whether kube-scheduler runs, and whether `spec.schedulerName` names it",
                Safety.SAFE,
                "kubectl get pods -n kube-system",
            ),
        )


_PATIENCE_MS: Final = 30_000


def _groups(evidence: Evidence, obstacle: Obstacle) -> list[list[Blocked]]:
    """Pods that wait because of this obstacle; siblings together."""
    found: dict[str, list[Blocked]] = {}
    for one in blocked_pods(evidence):
        if one.main is obstacle:
            found.setdefault(one.pod.owner or one.pod.name, []).append(one)
    return list(found.values())


def _refs(group: Iterable[Blocked]) -> tuple[str, ...]:
    return tuple(causes.pod(one.pod.name) for one in group)


def _names(group: list[Blocked]) -> str:
    names = ", ".join(one.pod.name for one in group)
    return f"{'pod' if len(group) == 1 else 'pods'} {names}"


def _said(one: Blocked) -> str:
    return one.message or "the scheduler gave no reason"


def _message(one: Blocked) -> Iterator[Proof]:
    if one.message:
        yield Proof(f"pod {one.pod.name}", "status.conditions[PodScheduled].message", one.message)


def _blocking(one: Blocked, main: Obstacle) -> Iterator[Proof]:
    """The nodes, those with the main obstacle first, and what keeps the pod from the others."""
    ordered = sorted(one.reasons.items(), key=lambda i: not any(r.obstacle is main for r in i[1]))
    for name, reasons in ordered[:_MANY]:
        for reason in sorted(reasons, key=lambda r: r.obstacle is not main)[:2]:
            yield Proof(f"node {name}", reason.field, f"{reason.value} ({reason.obstacle})")
    if len(ordered) > _MANY:
        kinds = Counter(r.obstacle for _, reasons in ordered[_MANY:] for r in reasons)
        rest = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        yield Proof(f"{len(ordered) - _MANY} further nodes", "obstacles", rest)


def _requested(pod: Pod, resources: Iterable[str]) -> Iterator[Proof]:
    wanted = requests(pod)
    for resource in resources:
        if resource in wanted:
            text = shown(resource, wanted[resource])
            yield Proof(f"pod {pod.name}", f"spec.containers[].resources.requests.{resource}", text)


def _in_trouble(one: Blocked) -> set[str]:
    """The nodes whose trouble the pod waits for: those that would take it otherwise, if any."""
    trouble = {Obstacle.CORDONED, Obstacle.DOWN}
    kinds = {name: {r.obstacle for r in reasons} for name, reasons in one.reasons.items()}
    return {n for n, k in kinds.items() if k <= trouble} or {
        n for n, k in kinds.items() if k & trouble
    }


def _only_full(one: Blocked, evidence: Evidence) -> tuple[Node, ...]:
    """The nodes that would take the pod if they had the room."""
    full = {
        name
        for name, reasons in one.reasons.items()
        if all(r.obstacle is Obstacle.ROOM for r in reasons)
    }
    return tuple(n for n in evidence.nodes if n.name in full) or evidence.nodes


def _roomiest(nodes: tuple[Node, ...], resource: str) -> Node | None:
    return max(nodes, key=lambda n: free(n, resource), default=None)


def _never(node: Node | None, resource: str, wanted: dict[str, int]) -> bool:
    return node is not None and all(
        node.allocatable.get(resource, 0) < number
        for key, number in wanted.items()
        if key == resource
    )


def _make_room(pod: Pod, best: dict[str, Node]) -> Remedy:
    """The way out of too large a request; `best` is the roomiest node of each resource."""
    most = "; ".join(
        f"the most that is free is {shown(r, free(n, r))} {r} on {n.name}" for r, n in best.items()
    )
    value = chart.value(chart.RESOURCES, role(pod))
    advice = f"lower the request {chart.within(value)}, or add a node{f' ({most})' * bool(most)}"
    left = {r: free(n, r) for r, n in best.items()}
    least = _least_memory(pod)
    if left.get(MEMORY, least) < least:
        heap = chart.within(chart.value(chart.HEAP, role(pod)))
        advice += (
            f"; its heap and what it needs beside that take {shown(MEMORY, least)}: with less it "
            f"is ended for its memory, so lower the heap too {heap}, or take a larger node"
        )
        return Remedy(advice, Safety.ASKS)
    return Remedy(advice, Safety.ASKS, _less(pod, left, least))


def _least_memory(pod: Pod) -> int:
    """The memory without which the pod is ended as soon as its heap fills."""
    main = main_container(pod)
    if main is None or (role(pod) is Role.OTHER and main.heap is None):
        return 0
    heap = bytes_of_heap(main.heap, main.limits.get(MEMORY)) or _UNTOLD_HEAP
    return -(-(heap + BESIDE_HEAP) // MI) * MI


_UNTOLD_HEAP: Final = GI
"""What Kafka's and ZooKeeper's own scripts take where nobody says."""


def _less(pod: Pod, room: dict[str, int], least: int) -> str | None:
    """
    The command that lowers requests to half of what is free, for pods of a StatefulSet.

    Of memory it is at least `least`.
    """
    kind, _, name = (pod.owner or "").partition("/")
    lowered = {r: max(n // 2, least if r == MEMORY else 1) for r, n in room.items() if n > 1}
    main = main_container(pod)
    if kind != "StatefulSet" or not lowered or main is None or set(room) - {CPU, MEMORY}:
        return None
    fits = ",".join(f"{r}={shown(r, n)}" for r, n in lowered.items())
    return (
        f"kubectl set resources statefulset/{name} -n {pod.namespace} -c {main.name} "
        f"--requests={fits} && kubectl delete pod {pod.name} -n {pod.namespace} --ignore-not-found"
    )


def _tolerations(pod: Pod) -> str:
    told = ", ".join(
        f"{t.key or '*'} {t.operator} {t.value or ''}".strip() for t in pod.tolerations
    )
    return told or "none"


def _tolerated(pod: Pod, taints: Iterable[Taint]) -> list[dict[str, str]]:
    """What the pod tolerates already and these taints, as the API writes it."""
    kept = [t for t in pod.tolerations if not (t.key or "").startswith(NODE_TROUBLE)]
    added = [Toleration(t.key, "Equal" if t.value else "Exists", t.value, t.effect) for t in taints]
    return [
        {key: word for key, word in asdict(t).items() if word is not None}
        for t in dict.fromkeys([*kept, *added])
    ]


def _as_yaml(items: Iterable[dict[str, str]]) -> Iterator[str]:
    for item in items:
        for place, (key, word) in enumerate(item.items()):
            yield f"{'  ' if place else '- '}{key}: {json.dumps(word)}"


def _patch(pod: Pod, spec: str) -> str | None:
    """
    The command that changes the pods of a StatefulSet.

    Pods that wait are deleted too: a StatefulSet that starts its pods in order would wait for
    the old one forever.
    """
    kind, _, name = (pod.owner or "").partition("/")
    if kind != "StatefulSet":
        return None
    patch = f'{{"spec":{{"template":{{"spec":{{{spec}}}}}}}}}'
    return (
        f"kubectl patch statefulset {name} -n {pod.namespace} --type merge -p '{patch}' "
        f"&& kubectl delete pod {pod.name} -n {pod.namespace} --ignore-not-found"
    )


def _soften(pod: Pod, obstacle: Obstacle) -> str | None:
    if obstacle is Obstacle.APART:
        return _patch(pod, '"affinity":{"podAntiAffinity":null}')
    return _patch(pod, '"topologySpreadConstraints":null')


def _rule_value(obstacle: Obstacle) -> str:
    return chart.APART if obstacle is Obstacle.APART else chart.SPREAD


def _field(obstacle: Obstacle) -> str:
    if obstacle is Obstacle.APART:
        return "spec.affinity.podAntiAffinity.required...[].topologyKey"
    return "spec.topologySpreadConstraints[].topologyKey"


def _replicas(pod: Pod, evidence: Evidence) -> int:
    return max(
        (w.wanted for w in evidence.workloads if f"{w.kind}/{w.name}" == pod.owner), default=0
    )


def _wanted_labels(pod: Pod) -> Iterator[Requirement]:
    for key, value in pod.node_selector.items():
        yield Requirement(key, "In", (value,))
    for term in pod.node_terms:
        yield from term.expressions


def _requirement(wanted: Requirement) -> str:
    if wanted.operator == "In":
        return f"{wanted.key}={'|'.join(wanted.values)}"
    return f"{wanted.key} {wanted.operator} {'|'.join(wanted.values)}".rstrip()


def _near(
    wanted: Iterable[Requirement], nodes: tuple[Node, ...]
) -> Iterator[tuple[Requirement, str]]:
    for requirement in wanted:
        same = [n.labels for n in nodes if requirement.key in n.labels]
        for labels in same or [n.labels for n in nodes]:
            found = near_label(requirement.key, requirement.values, labels)
            if found is not None:
                yield requirement, found
                break


def _match(one: Blocked, evidence: Evidence) -> Remedy:
    """The selector is corrected where a node nearly fits it; else a node is labelled."""
    pod = one.pod
    nodes = sorted(evidence.nodes, key=lambda n: len(one.reasons.get(n.name, ())))
    names = [chart.value(chart.NODE_SELECTOR, role(pod))] if pod.node_selector else []
    within = chart.within(*names, *([chart.AFFINITY] if pod.node_terms or not names else []))
    for node in nodes:
        meant = _meant(pod, node)
        if meant != pod.node_selector and node_allowed(node, meant, pod.node_terms):
            changed = {**dict.fromkeys(pod.node_selector), **meant}
            return Remedy(
                f"if {_equalities(meant)} is meant, which {node.name} has, correct the selector "
                f"{within}",
                Safety.ASKS,
                _patch(pod, f'"nodeSelector":{json.dumps(changed, separators=(",", ":"))}'),
            )
    return Remedy(
        f"label a node for it, or correct the selector {within}; a label that a node has with "
        "another value is somebody's",
        Safety.ASKS,
        next((_label(n, lacking) for n in nodes if (lacking := _lacking(pod, n))), None),
    )


def _meant(pod: Pod, node: Node) -> dict[str, str]:
    """The pod's node selector, spelled as the node's labels where a slip of the hand differs."""
    meant = {}
    for key, value in pod.node_selector.items():
        like = key if key in node.labels else _slip(key, node.labels) or key
        meant[like] = _slip(value, (node.labels.get(like, value),)) or value
    return meant


def _slip(word: str, known: Iterable[str]) -> str | None:
    return next((meant for meant in known if mistyped(word, meant)), None)


def _lacking(pod: Pod, node: Node) -> dict[str, str]:
    """The labels with which the node would take the pod; none where it has them otherwise."""
    asked = (
        *(Requirement(key, "In", (value,)) for key, value in pod.node_selector.items()),
        *(e for term in pod.node_terms[:1] for e in term.expressions),
    )
    lacking = {
        r.key: r.values[0]
        for r in asked
        if r.operator == "In" and r.values and r.key not in node.labels
    }
    labelled = replace(node, labels={**node.labels, **lacking})
    return lacking if node_allowed(labelled, pod.node_selector, pod.node_terms) else {}


def _label(node: Node, labels: Mapping[str, str]) -> str:
    return f"kubectl label node {node.name} {_equalities(labels, ' ')}"


def _equalities(labels: Mapping[str, str], between: str = ", ") -> str:
    return between.join(f"{key}={value}" for key, value in labels.items())


def _silent(node: Node) -> bool:
    """Whether the node's kubelet does not say that it is ready."""
    return any(c.type == "Ready" and c.status != "True" for c in node.conditions)


def _broken(node: Node) -> bool:
    """Whether more than a cordon keeps pods off the node."""
    cordon = f"{NODE_TROUBLE}unschedulable"
    return _silent(node) or any(
        t.key.startswith(NODE_TROUBLE) and t.key != cordon for t in node.taints
    )


def _revive(node: Node) -> Remedy:
    if _broken(node):
        return Remedy(
            "mend the node or replace it" + ", then uncordon it" * node.unschedulable,
            Safety.ASKS,
            f"kubectl describe node {node.name}",
        )
    return Remedy("let it take pods again", Safety.SAFE, f"kubectl uncordon {node.name}")


def _node_state(node: Node) -> Iterator[Proof]:
    if node.unschedulable:
        yield Proof(f"node {node.name}", "spec.unschedulable", "true")
    for condition in node.conditions:
        bad = (
            condition.status != "True" if condition.type == "Ready" else condition.status == "True"
        )
        if bad:
            text = " ".join(filter(None, (condition.status, condition.reason, condition.message)))
            yield Proof(f"node {node.name}", f"status.conditions[{condition.type}]", text)
    for taint_ in node.taints:
        if taint_.key.startswith(NODE_TROUBLE):
            yield Proof(f"node {node.name}", "spec.taints", f"{taint_.key}:{taint_.effect}")
