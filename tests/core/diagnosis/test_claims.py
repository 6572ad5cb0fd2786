"""Claims that no volume is bound to: who makes none, and which volumes would do."""

from dataclasses import replace
from typing import Any

import pytest
from tests.core.diagnosis import faults
from tests.core.diagnosis import graphs as g

from learnflow_kafka.core.diagnosis.causes import Cause
from learnflow_kafka.core.diagnosis.evidence import Evidence, Part, Skipped
from learnflow_kafka.core.diagnosis.objects import PersistentVolume
from learnflow_kafka.core.diagnosis.table import diagnose

MINE = "claim/data-kafka-2"


def told(evidence: Evidence) -> list[Cause]:
    """What is said of the third broker's claim, in the order of the findings."""
    return [r.cause for r in diagnose(evidence).causes if r.cause.about[0] == MINE]


def aged(seconds: int) -> Evidence:
    """A claim that has waited so long for a provisioner that is there."""
    waiting = replace(faults.nobody_provisions(), drivers=("csi.example.com",))
    young = replace(waiting.claims[2], created_ms=g.NOW - seconds * 1000)
    return replace(waiting, claims=(*waiting.claims[:2], young))


def test_a_provisioner_has_two_minutes():
    """A disk of a cloud takes longer than seconds to be made."""
    assert not told(aged(119))
    assert [c.rule for c in told(aged(121))] == ["claim.provisioner"]


@pytest.mark.parametrize(
    "there",
    [
        {"drivers": ("csi.example.com",)},
        {"provisioners": ("csi.example.com",)},
        {"skipped": (Skipped(Part.DRIVERS, "forbidden"),)},
        {"skipped": (Skipped(Part.NODES, "forbidden"),)},
    ],
    ids=["driver", "pod", "drivers not read", "pods not read"],
)
def test_a_provisioner_that_may_be_there_is_not_called_missing(there: dict[str, Any]):
    """Provisioners that are no CSI drivers have a pod alone; what was not read is not known."""
    base = replace(faults.nobody_provisions(), **there)

    assert "does nothing" in told(base)[0].detail


def test_a_provisioner_that_wrote_an_event_is_there():
    """An event of the provisioner's own names it as its source."""
    base = faults.nobody_provisions()
    event = replace(base.events[0], source="csi.example.com_pod-7_1b2c")

    assert "does nothing" in told(replace(base, events=(event,)))[0].detail


def test_a_provisioner_of_kubernetes_own_is_not_called_missing():
    """A driver under another name does its work."""
    base = faults.nobody_provisions()
    old = replace(base.classes[0], provisioner="kubernetes.io/aws-ebs")

    assert "does nothing" in told(replace(base, classes=(old,)))[0].detail


def test_a_provisioner_without_driver_and_pod_is_not_installed():
    """Both were looked for."""
    assert "is not installed" in told(faults.nobody_provisions())[0].detail


def by_hand(**changes: Any) -> Evidence:
    """A claim of a class without a provisioner, and one volume that was made for it."""
    base = faults.volumes_too_small()
    made = g.volume(0, name="made", storage_class="disks", phase="Available", claim=None)
    return replace(base, volumes=(*base.volumes[:2], replace(made, **changes)))


def said(evidence: Evidence) -> str:
    """Why the volume that was made by hand does not fit."""
    return next(p.value for p in told(evidence)[0].proof if p.object == "volume made")


def test_a_volume_that_fits_is_no_fault():
    """It is bound when the pod comes."""
    assert "claim.no_volume" not in [c.rule for c in told(by_hand())]


@pytest.mark.parametrize("storage_class", ["", None])
def test_a_volume_without_a_class_fits_a_claim_without_one(storage_class: str | None):
    """Where no class is the default one, volumes without a class are for claims without one."""
    base = by_hand(storage_class="")
    claim = replace(base.claims[2], storage_class=storage_class)
    classes = tuple(replace(c, default=False) for c in base.classes)
    found = told(replace(base, claims=(*base.claims[:2], claim), classes=classes))

    assert "claim.no_volume" not in [c.rule for c in found]


def test_everything_that_keeps_a_volume_from_a_claim_is_told():
    """Not the first reason alone: a volume that is mended in one way may not fit in another."""
    why = said(by_hand(storage_class="other", capacity=g.GI, modes=("ReadWriteMany",)))

    assert why == "its class is 'other'; 1Gi is less than 10Gi; no access mode ReadWriteOnce"


@pytest.mark.parametrize(
    "nodes",
    [(g.node(1), g.node(2)), (g.node(0, unschedulable=True), g.node(1))],
    ids=["gone", "cordoned"],
)
def test_a_volume_that_no_node_for_the_pod_reaches_does_not_fit(nodes: tuple[Any, ...]):
    """A volume of a node that is gone, or takes no pods, serves nobody."""
    assert "no node that takes the pod reaches it" in said(replace(by_hand(), nodes=nodes))


def other_class() -> PersistentVolume:
    """A volume that fits in all but its class."""
    return g.volume(0, name="made", storage_class="disks", phase="Available", claim=None)


@pytest.mark.parametrize(
    "fault",
    [faults.no_default_class, faults.class_gone, faults.nobody_provisions],
    ids=["no class", "no such class", "no provisioner"],
)
def test_a_volume_of_another_class_is_told(fault: g.Fault):
    """What is missing is the name of its class, and no disk."""
    base = fault()
    found = told(replace(base, volumes=(*base.volumes, other_class())))[0]

    assert "volume made would fit, but its class is 'disks'" in found.detail


def test_a_volume_of_another_class_and_size_is_not_told():
    """It would not fit under any name."""
    base = faults.nobody_provisions()
    small = replace(other_class(), capacity=g.GI)

    assert "would fit" not in told(replace(base, volumes=(*base.volumes, small)))[0].detail
