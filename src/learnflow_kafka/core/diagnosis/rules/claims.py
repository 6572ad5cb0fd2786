"""Claims that no volume is bound to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.diagnosis import causes, chart
from learnflow_kafka.core.diagnosis.amounts import GI, shown
from learnflow_kafka.core.diagnosis.causes import Cause, Proof, Remedy, Safety
from learnflow_kafka.core.diagnosis.evidence import Part
from learnflow_kafka.core.diagnosis.matching import (
    node_allowed,
    selects,
    term_holds,
    untolerated,
)
from learnflow_kafka.core.diagnosis.roles import Role, role
from learnflow_kafka.core.diagnosis.scheduling import unschedulable, words
from learnflow_kafka.core.findings import Status
from learnflow_kafka.core.suggest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from learnflow_kafka.core.diagnosis.evidence import Evidence
    from learnflow_kafka.core.diagnosis.objects import Claim, Event, PersistentVolume, Pod

NO_PROVISIONER: Final = "kubernetes.io/no-provisioner"
LATE: Final = "WaitForFirstConsumer"
IN_TREE: Final = "kubernetes.io/"
"""Provisioners of Kubernetes' own: a driver under another name does their work today."""
GRACE_MS: Final = 120_000
"""A cloud takes up to some minutes to make a volume."""

_MANY: Final = 5


def no_class(evidence: Evidence) -> Iterator[Cause]:
    """
    A claim names no storage class, there is no default one, and no volume fits it.

    Looks at the claim's `spec.storageClassName`: not set (the default class is meant), empty
    (no class is meant: only a volume that was made by hand will do), or a class that makes no
    volumes (`kubernetes.io/no-provisioner`). Lists the volumes that are there and why each one
    does not fit: size, access mode, class, no node for the pod that reaches it, or `Released`,
    kept for a claim that is gone. The event that says so (`FailedBinding`) is of type Normal, which
    is why other tools pass it by.

    Way out: mark a class as default, or name one (that of a volume that fits in all else is named);
    or make a volume that fits.
    """
    known = {c.name: c for c in evidence.classes}
    for claim in _pending(evidence):
        named = known.get(claim.storage_class or "")
        static = named is not None and named.provisioner == NO_PROVISIONER
        if claim.storage_class and not static:
            continue
        if claim.storage_class is None and any(c.default for c in evidence.classes):
            continue
        if _fits(claim, evidence):
            continue  # it is bound within seconds, or when a pod comes
        candidates = [(v, unfit(claim, v, evidence) or "") for v in evidence.volumes]
        candidates.sort(key=lambda c: c[1].count(_AND))
        yield Cause(
            "claim.no_volume",
            (causes.claim(claim.name),),
            _unbound(claim, candidates) + _nearly(claim, evidence),
            (
                Proof(f"claim {claim.name}", "spec.storageClassName", _class(claim)),
                Proof("storage classes", "default", _defaults(evidence)),
                *(Proof(f"volume {v.name}", "does not fit", why) for v, why in candidates[:_MANY]),
                *_events(claim, evidence),
            ),
            _give_volume(claim, evidence),
        )


def class_missing(evidence: Evidence) -> Iterator[Cause]:
    """
    A claim names a storage class that does not exist.

    Looks at the claim's `spec.storageClassName` against all storage classes. A claim's class
    cannot be changed later, so a corrected value needs a new claim.

    Way out: name an existing class (the finding lists them), or make the class.
    """
    for claim in _pending(evidence):
        name = claim.storage_class
        if not name or any(c.name == name for c in evidence.classes):
            continue
        if not evidence.classes and not _event_says(claim, evidence, "not found"):
            continue
        there = sorted(c.name for c in evidence.classes)
        if _fits(claim, evidence):
            continue
        near = nearest(name, there)
        meant = next((c for c in evidence.classes if c.name == near or c.default), None)
        yield Cause(
            "claim.class_missing",
            (causes.claim(claim.name),),
            f"claim {claim.name} asks for storage class {name!r}, which does not exist"
            + (f"; did you mean {near!r}?" if near else "")
            + _nearly(claim, evidence),
            (
                Proof(f"claim {claim.name}", "spec.storageClassName", name),
                Proof("storage classes", "metadata.name", ", ".join(there) or "none"),
                *_events(claim, evidence),
            ),
            Remedy(
                f"name an existing class {_class_value(claim, evidence)} and make the claim anew "
                "(it is empty: it was never bound), or make the class",
                Safety.ASKS,
                manifest=_class_manifest(name, meant.provisioner if meant else NO_PROVISIONER),
            ),
        )


def provisioner_silent(evidence: Evidence) -> Iterator[Cause]:
    """
    The claim's storage class exists, and nobody makes the volume.

    Looks at the class's `provisioner`, at the CSI drivers that are registered, at the pods of all
    namespaces for one that names the provisioner, and at the claim's events:
    `ExternalProvisioning` says that Kubernetes waits for somebody else, `ProvisioningFailed` that
    this somebody tried. A provisioner has two minutes.

    Way out: install or mend the provisioner that is named.
    """
    known = {c.name: c for c in evidence.classes}
    default = next((c for c in evidence.classes if c.default), None)
    for claim in _pending(evidence):
        found = default if claim.storage_class is None else known.get(claim.storage_class)
        if found is None or found.provisioner == NO_PROVISIONER:
            continue
        asked = any(
            _event_says(claim, evidence, "", reason)
            for reason in ("ExternalProvisioning", "Provisioning", "ProvisioningFailed")
        )
        if found.binding == LATE and not asked:
            continue  # it waits for a pod, as it should
        failed = _event_says(claim, evidence, "", "ProvisioningFailed")
        young = claim.created_ms is None or evidence.taken_ms - claim.created_ms < GRACE_MS
        asked_for = replace(claim, storage_class=found.name)
        if (young and not failed) or _fits(asked_for, evidence):
            continue
        name = found.provisioner
        absent = _absent(name, claim, evidence)
        yield Cause(
            "claim.provisioner",
            (causes.claim(claim.name),),
            f"claim {claim.name} waits for provisioner {name}, which "
            + ("fails" if failed else "is not installed" if absent else "does nothing")
            + _nearly(asked_for, evidence),
            (
                Proof(f"claim {claim.name}", "spec.storageClassName", found.name),
                Proof(f"storage class {found.name}", "provisioner", name),
                Proof("csi drivers", "metadata.name", ", ".join(evidence.drivers) or "none"),
                Proof("pods", "of a provisioner", ", ".join(evidence.provisioners) or "none"),
                *_events(claim, evidence),
            ),
            Remedy(
                f"install the driver {name}"
                if absent
                else f"look at the log of {name}'s controller",
                Safety.ASKS if absent else Safety.SAFE,
                "kubectl get csidrivers,pods -A",
            ),
        )


def waits_for_pod(evidence: Evidence) -> Iterator[Cause]:
    """
    A claim waits for its pod: this is normal, and storage is not to blame.

    With `volumeBindingMode: WaitForFirstConsumer` a volume is made only when the pod that
    uses it has a node. If that pod is Pending for a reason of its own, follow that reason; it
    stands above. A claim that no pod uses waits on purpose.
    """
    known = {c.name: c for c in evidence.classes}
    default = next((c for c in evidence.classes if c.default), None)
    for claim in _pending(evidence):
        found = default if claim.storage_class is None else known.get(claim.storage_class)
        if found is None or found.binding != LATE:
            continue
        users = _users(claim, evidence)
        stuck = [p for p in users if unschedulable(p) is not None]
        if users and not stuck:
            continue
        if _event_says(claim, evidence, "", "ExternalProvisioning"):
            continue
        who = ", ".join(p.name for p in stuck)
        yield Cause(
            "claim.waits_for_pod",
            (f"waiting {causes.claim(claim.name)}",),
            f"claim {claim.name} waits until "
            + (f"pod {who} has a node: storage is not to blame" if stuck else "a pod uses it"),
            (
                Proof(f"storage class {found.name}", "volumeBindingMode", LATE),
                *(
                    Proof(f"pod {p.name}", "status.conditions[PodScheduled]", "Unschedulable")
                    for p in stuck
                ),
            ),
            status=Status.WARNING,
        )


def _absent(provisioner: str, claim: Claim, evidence: Evidence) -> bool:
    """Whether nothing of a provisioner is there, and we could look for all of it."""
    wrote = any((e.source or "").startswith(provisioner) for e in _about(claim, evidence))
    known = {*evidence.drivers, *evidence.provisioners}
    # Pods of other namespaces are read as what nodes are asked for.
    unsure = evidence.missing(Part.DRIVERS, Part.NODES) or provisioner.startswith(IN_TREE)
    return not (wrote or provisioner in known or unsure)


def _fits(claim: Claim, evidence: Evidence) -> bool:
    return any(unfit(claim, v, evidence) is None for v in evidence.volumes)


def _of_other_class(claim: Claim, evidence: Evidence) -> PersistentVolume | None:
    """A volume that would fit a claim of its class."""
    return next(
        (
            v
            for v in evidence.volumes
            if unfit(replace(claim, storage_class=v.storage_class), v, evidence) is None
        ),
        None,
    )


def _nearly(claim: Claim, evidence: Evidence) -> str:
    other = _of_other_class(claim, evidence)
    if other is None:
        return ""
    return f"; volume {other.name} would fit, but {unfit(claim, other, evidence)}"


def unfit(claim: Claim, volume: PersistentVolume, evidence: Evidence) -> str | None:
    """Everything that keeps a volume from a claim; None where nothing does."""
    return _AND.join(_faults(claim, volume, evidence)) or None


_AND: Final = "; "


def _faults(claim: Claim, volume: PersistentVolume, evidence: Evidence) -> Iterator[str]:
    if volume.claim not in {None, f"{claim.namespace}/{claim.name}"}:
        kept = "Released, still kept for" if volume.phase == "Released" else f"{volume.phase},"
        yield f"{kept} claim {volume.claim}"
    if volume.phase not in {"Available", "Bound"}:
        yield volume.phase
    if volume.storage_class != (claim.storage_class or ""):
        yield f"its class is {volume.storage_class or 'none'!r}"
    if (volume.capacity or 0) < (claim.requested or 0):
        has, wanted = (shown("storage", n or 0) for n in (volume.capacity, claim.requested))
        yield f"{has} is less than {wanted}"
    if missing := set(claim.modes) - set(volume.modes):
        yield f"no access mode {', '.join(sorted(missing))}"
    if volume.volume_mode != claim.volume_mode:
        yield f"volume mode {volume.volume_mode}"
    if claim.selector is not None and not selects(claim.selector, volume.labels):
        yield "the claim's selector does not select it"
    if volume.node_terms and evidence.nodes and not _reached(claim, volume, evidence):
        yield f"no node that takes the pod reaches it ({words(volume.node_terms)})"


def _reached(claim: Claim, volume: PersistentVolume, evidence: Evidence) -> bool:
    """Whether a node that may take the claim's pods is where the volume is."""
    return any(
        not node.unschedulable
        and any(term_holds(term, node) for term in volume.node_terms)
        and all(
            node_allowed(node, p.node_selector, p.node_terms) and not untolerated(node, p)
            for p in _users(claim, evidence)
        )
        for node in evidence.nodes
    )


def _pending(evidence: Evidence) -> Iterator[Claim]:
    yield from (c for c in evidence.claims if c.phase == "Pending" and c.deleted_ms is None)


def _unbound(claim: Claim, candidates: list[tuple[PersistentVolume, str]]) -> str:
    if claim.storage_class is None:
        what = f"claim {claim.name} names no storage class, and there is no default one"
    elif claim.storage_class == "":
        what = f"claim {claim.name} asks for a volume without a class, and none fits"
    else:
        what = (
            f"claim {claim.name} needs a volume of class {claim.storage_class!r}, which makes "
            "none by itself, and none fits"
        )
    return what + (f": {len(candidates)} volumes were looked at" if candidates else "")


def _class(claim: Claim) -> str:
    return "not set" if claim.storage_class is None else repr(claim.storage_class)


def _defaults(evidence: Evidence) -> str:
    named = ", ".join(c.name for c in evidence.classes if c.default)
    there = ", ".join(c.name for c in evidence.classes) or "none"
    return named or f"none (there are: {there})"


def _give_volume(claim: Claim, evidence: Evidence) -> Remedy:
    able = [c for c in evidence.classes if c.provisioner != NO_PROVISIONER]
    if claim.storage_class is None and able:
        mark = '{"metadata":{"annotations":{"storageclass.kubernetes.io/is-default-class":"true"}}}'
        return Remedy(
            f"mark a class as the default one (claims that wait get it), such as {able[0].name}",
            Safety.ASKS,
            f"kubectl patch storageclass {able[0].name} -p '{mark}'",
        )
    released = next(
        (
            v
            for v in evidence.volumes
            if v.phase == "Released" and v.claim == f"{claim.namespace}/{claim.name}"
        ),
        None,
    )
    if released is not None:
        return Remedy(
            f"volume {released.name} is kept for an earlier claim of this name, with its data: "
            "let this claim have it",
            Safety.ASKS,
            f"kubectl patch pv {released.name} --type json "
            '-p \'[{"op":"remove","path":"/spec/claimRef/uid"},'
            '{"op":"remove","path":"/spec/claimRef/resourceVersion"}]\'',
        )
    other = _of_other_class(claim, evidence)
    if other is not None:
        return Remedy(
            f"name the class {other.storage_class!r} of volume {other.name} "
            f"{_class_value(claim, evidence)} and make the claim anew (it is empty: it was never "
            "bound)",
            Safety.ASKS,
        )
    return Remedy(
        "make a volume that fits, or name a class that makes volumes "
        + _class_value(claim, evidence),
        Safety.ASKS,
        manifest=_volume_manifest(claim, evidence),
    )


def _class_value(claim: Claim, evidence: Evidence) -> str:
    kind = next((role(p) for p in _users(claim, evidence)), Role.BROKER)
    return chart.within(chart.value(chart.STORAGE_CLASS, kind))


def _users(claim: Claim, evidence: Evidence) -> tuple[Pod, ...]:
    return tuple(
        p
        for p in evidence.pods
        if p.namespace == claim.namespace and any(v.claim == claim.name for v in p.volumes)
    )


def _volume_manifest(claim: Claim, evidence: Evidence) -> str:
    size = shown("storage", claim.requested or 10 * GI)
    mode = next(iter(claim.modes), "ReadWriteOnce")
    node = next((n.name for n in evidence.nodes if not (n.unschedulable or n.taints)), "NODE")
    return (
        "apiVersion: v1\nkind: PersistentVolume\nmetadata:\n"
        f"  name: {claim.namespace}-{claim.name}\nspec:\n"
        f"  capacity:\n    storage: {size}\n  accessModes: [{mode}]\n"
        f'  storageClassName: "{claim.storage_class or ""}"\n'
        f"  persistentVolumeReclaimPolicy: Retain\n  local:\n    path: /var/lib/{claim.name}\n"
        "  nodeAffinity:\n    required:\n      nodeSelectorTerms:\n        - matchExpressions:\n"
        f"            - key: kubernetes.io/hostname\n              operator: In\n"
        f"              values: [{node}]\n"
    )


def _class_manifest(name: str, provisioner: str) -> str:
    return (
        f"apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata:\n  name: {name}\n"
        f"provisioner: {provisioner}\nvolumeBindingMode: {LATE}\n"
    )


def _events(claim: Claim, evidence: Evidence) -> Iterator[Proof]:
    for event in sorted(_about(claim, evidence), key=lambda e: -e.seen_ms)[:2]:
        yield Proof(f"claim {claim.name}", f"event {event.reason} ({event.type})", event.message)


def _event_says(claim: Claim, evidence: Evidence, text: str, reason: str | None = None) -> bool:
    return any(text in e.message and reason in {None, e.reason} for e in _about(claim, evidence))


def _about(claim: Claim, evidence: Evidence) -> tuple[Event, ...]:
    return tuple(
        e for e in evidence.events if e.kind == "PersistentVolumeClaim" and e.name == claim.name
    )
