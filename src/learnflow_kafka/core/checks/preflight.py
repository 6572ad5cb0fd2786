"""What is checked before a deploy: that it can succeed, as far as can be told beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.checks.check import Check, report
from learnflow_kafka.core.checks.evidence import Unknown, known
from learnflow_kafka.core.checks.outcomes import failed, passed, warned
from learnflow_kafka.core.kubernetes import Right
from learnflow_kafka.core.suggest import did_you_mean
from learnflow_kafka.core.text import counted

if TYPE_CHECKING:
    from learnflow_kafka.core.checks.outcomes import Outcome
    from learnflow_kafka.core.findings import Report
    from learnflow_kafka.core.kubernetes import NodeRoom, Rendering, Share, Snapshot, StorageClass

RIGHTS: Final = (
    *(
        Right(verb, resource, group)
        for group, resource in (
            ("apps", "statefulsets"),
            ("", "services"),
            ("", "configmaps"),
            ("", "secrets"),
            ("", "serviceaccounts"),
            ("policy", "poddisruptionbudgets"),
        )
        for verb in ("get", "create", "patch", "delete")
    ),
    Right("list", "pods"),
    Right("delete", "pods"),
    Right("list", "events"),
    Right("list", "persistentvolumeclaims"),
    Right("get", "pods", subresource="portforward"),
    Right("get", "pods", subresource="log"),
)
"""What a deploy and the commands after it need in the namespace."""

MAKE_NAMESPACE: Final = Right("create", "namespaces", namespaced=False)

_NO_CLASS: Final = ""


@dataclass(frozen=True, slots=True)
class Preflight:
    """
    What is looked at before a deploy.

    `missing` rights, the storage `classes` and the `room` on nodes; `rendering` is what the
    chart would make.
    """

    namespace: str
    snapshot: Snapshot
    rendering: Rendering
    missing: tuple[Right, ...] | Unknown
    classes: tuple[StorageClass, ...] | Unknown
    room: tuple[NodeRoom, ...] | Unknown


def rights_held(evidence: Preflight) -> Outcome:
    """We may do all that a deploy does."""
    missing = known(evidence.missing)
    if missing:
        return failed(
            f"{counted(len(missing), 'right')} missing in namespace {evidence.namespace}",
            [str(right) for right in missing],
            "ask for them, or choose another kubeconfig context with --kube-context",
        )
    return passed("every right that a deploy needs")


def namespace_usable(evidence: Preflight) -> Outcome:
    """The namespace is there or can be made, and is not about to go."""
    phase = known(evidence.snapshot.namespace)
    name = evidence.namespace
    if phase == "Terminating":
        return failed(
            f"namespace {name} is being deleted, and takes nothing new",
            fix=f"wait, or see what holds it: `kubectl get namespace {name} -o yaml`",
        )
    return passed(f"namespace {name} {'will be made' if phase is None else 'is there'}")


def storage_offered(evidence: Preflight) -> Outcome:
    """The storage classes that new claims name are offered."""
    wanted = _new_classes(evidence)
    if not wanted:
        return passed("no new volumes are needed")
    classes = known(evidence.classes)
    names = [c.name for c in classes]
    lines = [f"class {c.name} ({c.provisioner}){', default' if c.default else ''}" for c in classes]
    if None in wanted and not any(c.default for c in classes):
        return failed(
            "no default storage class, and the values name none",
            lines,
            f"`--set storage.className={names[0] if names else 'NAME'}`, or mark one as default: "
            "kubectl annotate storageclass NAME storageclass.kubernetes.io/is-default-class=true",
        )
    absent = sorted(c for c in wanted if c and c not in names)
    if absent:
        hint = did_you_mean(absent[0], names)
        return failed(
            f"there is no storage class {', '.join(absent)}{f'; {hint}' if hint else ''}",
            lines,
            f"`--set storage.className={names[0] if names else 'NAME'}`",
        )
    if _NO_CLASS in wanted:
        return warned(
            "the claims name no class: volumes must be there already, one for each pod", lines
        )
    return passed(f"storage class {', '.join(sorted(c or 'default' for c in wanted))}", lines)


def _new_classes(evidence: Preflight) -> set[str | None]:
    """The classes of claims that are not there yet."""
    claims = evidence.snapshot.claims
    there = set() if isinstance(claims, Unknown) else {claim.name for claim in claims}
    return {
        name
        for share in evidence.rendering.shares
        for name in share.classes
        if any(f"data-{share.name}-{number}" not in there for number in range(share.pods))
    }


def room_left(evidence: Preflight) -> Outcome:
    """The pods that are not there yet fit on the nodes, by what they ask for."""
    room = known(evidence.room)
    lines = [
        f"node {n.name}: {n.cpu / 1000:.1f} CPUs, {n.memory / 2**30:.1f} GiB and "
        f"{counted(n.pods, 'pod')} left"
        for n in room
    ]
    new = _new_pods(evidence)
    left = {node.name: [node.cpu, node.memory, node.pods] for node in room}
    homeless = [share for share in new if not _placed(share, left)]
    if not homeless:
        return passed(f"room for {counted(len(new), 'new pod')}", lines)
    share = homeless[0]
    return failed(
        f"no room for {len(homeless)} of {counted(len(new), 'new pod')}: one of {share.name} asks "
        f"for {share.cpu / 1000:.2g} CPUs and {share.memory / 2**30:.2g} GiB",
        lines,
        "add a node, or ask for less: `--set resourcesPreset=dev`",
    )


def _new_pods(evidence: Preflight) -> list[Share]:
    """One share for each pod that would be made, the large ones first."""
    pods = evidence.snapshot.pods
    there = set() if isinstance(pods, Unknown) else {pod.name for pod in pods}
    new = [
        share
        for share in evidence.rendering.shares
        for number in range(share.pods)
        if f"{share.name}-{number}" not in there
    ]
    return sorted(new, key=lambda share: (-share.memory, -share.cpu))


def _placed(share: Share, left: dict[str, list[int]]) -> bool:
    """Whether a node takes one pod; its room is taken then. The emptiest goes first."""
    for free in sorted(left.values(), key=lambda free: -free[1]):
        if free[0] >= share.cpu and free[1] >= share.memory and free[2] > 0:
            free[0] -= share.cpu
            free[1] -= share.memory
            free[2] -= 1
            return True
    return False


CHECKS: Final[tuple[Check[Preflight], ...]] = (
    Check("deploy.rights", "May we do all that a deploy does?", rights_held),
    Check("deploy.namespace", "Can the namespace be used?", namespace_usable),
    Check(
        "deploy.storage", "Are the storage classes offered that new claims name?", storage_offered
    ),
    Check("deploy.room", "Do the new pods fit on the nodes?", room_left),
)


def evaluate(evidence: Preflight) -> Report:
    """One finding a check, in the order of the table."""
    return report(CHECKS, evidence)
