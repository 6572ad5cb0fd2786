"""Kubernetes' own rules of who matches whom: labels, nodes, taints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learnflow_kafka.core.suggest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from learnflow_kafka.core.diagnosis.objects import (
        Node,
        NodeTerm,
        Pod,
        Requirement,
        Selector,
        Taint,
        Toleration,
    )

BLOCKING = frozenset({"NoSchedule", "NoExecute"})
"""Effects that keep a new pod away; `PreferNoSchedule` only makes a node less liked."""


def selects(selector: Selector, labels: Mapping[str, str]) -> bool:
    """Whether a selector takes an object with these labels."""
    return has_labels(selector.labels, labels) and all(
        holds(requirement, labels) for requirement in selector.requirements
    )


def has_labels(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether every wanted label is there with its value."""
    return all(labels.get(key) == value for key, value in wanted.items())


def holds(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    """Whether one expression holds; an operator that we do not know never does."""
    value = labels.get(requirement.key)
    judged = {
        "In": value in requirement.values,
        "NotIn": value not in requirement.values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
        "Gt": _above(value, requirement.values),
        "Lt": _above(next(iter(requirement.values), None), (value or "",)),
    }
    return judged.get(requirement.operator, False)


def node_allowed(node: Node, selector: Mapping[str, str], terms: Iterable[NodeTerm]) -> bool:
    """Whether node labels fit a node selector and at least one of the terms, if any."""
    alternatives = tuple(terms)
    return has_labels(selector, node.labels) and (
        not alternatives or any(term_holds(term, node) for term in alternatives)
    )


def term_holds(term: NodeTerm, node: Node) -> bool:
    """Whether all of a term's expressions hold on a node; an empty term holds nowhere."""
    names = {"metadata.name": node.name}
    return bool(term.expressions or term.fields) and (
        all(holds(e, node.labels) for e in term.expressions)
        and all(holds(f, names) for f in term.fields)
    )


def untolerated(node: Node, pod: Pod) -> tuple[Taint, ...]:
    """The taints of a node that keep a new pod away."""
    return tuple(
        taint
        for taint in node.taints
        if taint.effect in BLOCKING and not any(tolerates(t, taint) for t in pod.tolerations)
    )


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Whether a toleration stands a taint."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if not toleration.key:
        return toleration.operator == "Exists"
    if toleration.key != taint.key:
        return False
    return toleration.operator == "Exists" or (toleration.value or "") == (taint.value or "")


def near_label(key: str, values: Iterable[str], labels: Mapping[str, str]) -> str | None:
    """What a node has that may have been meant: the key with another value, or a like key."""
    if key in labels:
        return f"{key}={labels[key]}"
    like = nearest(key, labels)
    if like is not None:
        return f"{like}={labels[like]}"
    wanted = set(values)
    same = [k for k, value in labels.items() if value in wanted]
    return f"{same[0]}={labels[same[0]]}" if same else None


def _above(value: str | None, than: tuple[str, ...]) -> bool:
    try:
        return int(value or "") > int(than[0] if than else "")
    except ValueError:
        return False
