"""Pods for which the scheduler finds no node."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.diagnosis import causes
from learnflow_kafka.core.diagnosis.amounts import shown
from learnflow_kafka.core.diagnosis.causes import Cause, Proof, Remedy, Safety
from learnflow_kafka.core.diagnosis.matching import (
    near_label,
    node_allowed,
    term_holds,
    untolerated,
)
from learnflow_kafka.core.diagnosis.objects import Requirement, Toleration
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
from learnflow_kafka.core.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    trouble to run time.
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
            Remedy(
                _room_advice(best, short),
                Safety.ASKS,
                _less(first.pod, {r: free(n, r) for n, r in zip(best, short, strict=False) if n}),
            ),
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
                "(in the chart: the value `tolerations`)",
                Safety.ASKS,
                _patch(first.pod, f'"tolerations":{_tolerate(first.pod, taints)}')
                if taints
                else None,
                "tolerations:\n" + "".join(_toleration(t.key, t.value, t.effect) for t in taints)
                if taints
                else None,
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
                    "be a wish instead of a must (in the chart: `antiAffinity: soft`)",
                    Safety.ASKS,
                    _soften(first.pod, obstacle),
                ),
            )


def selector(evidence: Evidence) -> Iterator[Cause]:
    """
    No node has the labels that the pod asks for.

    Looks at `spec.nodeSelector` and required node affinity against the labels of every node,
    and names the nearest label: a typing mistake is the usual reason.

    Way out: label the node, or correct the selector.
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
            Remedy(
                "label a node for it, or correct the selector",
                Safety.ASKS,
                _label(wanted, near, evidence.nodes),
            ),
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
                    if home and home[0].unschedulable
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

    Way out: uncordon, or mend the node.
    """
    waiting = {
        name
        for obstacle in (Obstacle.CORDONED, Obstacle.DOWN)
        for group in _groups(evidence, obstacle)
        for one in group
        for name, _ in (*one.of(Obstacle.CORDONED), *one.of(Obstacle.DOWN))
    }
    used = {pod.node for pod in evidence.pods}
    for node in evidence.nodes:
        ready = next((c for c in node.conditions if c.type == "Ready"), None)
        down = ready is not None and ready.status != "True"
        if not (node.name in waiting or (down and node.name in used)):
            continue
        pods = [
            g for o in (Obstacle.CORDONED, Obstacle.DOWN) for g in _groups(evidence, o)
        ]  # fmt: skip
        about = tuple(dict.fromkeys(ref for group in pods for ref in _refs(group)))
        state = "cordoned" if node.unschedulable else "not ready"
        yield Cause(
            "pending.node_down",
            (causes.node(node.name), *about),
            f"node {node.name} is {state}"
            + (f", and {len(about)} pods wait for a node" if about else ""),
            tuple(_node_state(node)),
            Remedy(
                "let it take pods again" if node.unschedulable else "mend the node or replace it",
                Safety.SAFE if node.unschedulable else Safety.ASKS,
                f"kubectl uncordon {node.name}"
                if node.unschedulable
                else f"kubectl describe node {node.name}",
            ),
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


def _room_advice(best: list[Node | None], resources: list[str]) -> str:
    most = "; ".join(
        f"the most that is free is {shown(r, free(n, r))} {r} on {n.name}"
        for n, r in zip(best, resources, strict=False)
        if n is not None
    )
    return f"lower the request, or add a node{f' ({most})' if most else ''}"


def _less(pod: Pod, room: dict[str, int]) -> str | None:
    """The command that lowers requests to half of what is free, for pods of a StatefulSet."""
    kind, _, name = (pod.owner or "").partition("/")
    fits = ",".join(f"{r}={shown(r, max(n // 2, 1))}" for r, n in room.items() if n > 1)
    main = next((c.name for c in pod.containers if not c.init), None)
    if kind != "StatefulSet" or not fits or main is None or set(room) - {"cpu", "memory"}:
        return None
    return (
        f"kubectl set resources statefulset/{name} -n {pod.namespace} -c {main} "
        f"--requests={fits} && kubectl delete pod {pod.name} -n {pod.namespace} --ignore-not-found"
    )


def _tolerations(pod: Pod) -> str:
    told = ", ".join(
        f"{t.key or '*'} {t.operator} {t.value or ''}".strip() for t in pod.tolerations
    )
    return told or "none"


def _toleration(key: str, value: str | None, effect: str) -> str:
    operator = f"operator: Equal\n    value: {json.dumps(value)}" if value else "operator: Exists"
    return f"  - key: {key}\n    {operator}\n    effect: {effect}\n"


def _tolerate(pod: Pod, taints: Iterable[Taint]) -> str:
    kept = [t for t in pod.tolerations if not (t.key or "").startswith(NODE_TROUBLE)]
    added = [Toleration(t.key, "Equal" if t.value else "Exists", t.value, t.effect) for t in taints]
    listed = [
        {k: v for k, v in vars_of(t).items() if v is not None}
        for t in dict.fromkeys([*kept, *added])
    ]
    return json.dumps(listed, separators=(",", ":"))


def vars_of(toleration: Toleration) -> dict[str, str | None]:
    """The toleration as the API writes it."""
    return {
        "key": toleration.key,
        "operator": toleration.operator,
        "value": toleration.value,
        "effect": toleration.effect,
    }


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


def _label(
    wanted: tuple[Requirement, ...],
    near: tuple[tuple[Requirement, str], ...],
    nodes: tuple[Node, ...],
) -> str | None:
    labels = " ".join(f"{r.key}={r.values[0]}" for r in wanted if r.operator == "In" and r.values)
    if not labels or not nodes:
        return None
    meant = {text.partition("=")[0] for _, text in near}
    fitting = [n for n in nodes if meant & set(n.labels)] or list(nodes)
    return f"kubectl label node {fitting[0].name} {labels} --overwrite"


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
