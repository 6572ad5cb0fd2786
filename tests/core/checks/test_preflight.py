"""What is found before a deploy: each fault, and its healthy twin."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.kubernetes import GIB, UNREADABLE, claims, healthy, nothing, pod

from learnflow_kafka.core.checks.preflight import RIGHTS, Preflight, evaluate
from learnflow_kafka.core.findings import Finding, Status
from learnflow_kafka.core.kubernetes import (
    BROKER,
    NodeRoom,
    Rendering,
    Right,
    Share,
    StorageClass,
)

STANDARD = StorageClass("standard", default=True, provisioner="lab")


def wanting(*classes: str | None, pods: int = 3) -> Rendering:
    return Rendering((), (Share("kafka", BROKER, pods, 250, 2 * GIB, classes),), "kraft")


FINE = Preflight(
    namespace="kafka",
    snapshot=nothing(),
    rendering=wanting(None),
    missing=(),
    classes=(STANDARD,),
    room=(NodeRoom("node1", 2000, 8 * GIB, 50),),
)


def found(name: str, evidence: Preflight) -> Finding:
    return next(f for f in evaluate(evidence).findings if f.name == f"deploy.{name}")


def test_a_cluster_with_room_and_a_default_class_is_fine():
    """The twin of all faults below."""
    assert {f.status for f in evaluate(FINE).findings} == {Status.OK}


def test_every_missing_right_is_named():
    """All rights at once: whoever asks for them asks once."""
    finding = found("rights", replace(FINE, missing=(RIGHTS[0], Right("get", "pods"))))

    assert finding.status is Status.FAILED
    assert finding.evidence == ("get statefulsets.apps", "get pods")


def test_a_namespace_that_is_about_to_go_is_refused():
    """A namespace in `Terminating` takes nothing new; one that is missing is made."""
    leaving = replace(FINE, snapshot=nothing("Terminating"))

    assert found("namespace", leaving).status is Status.FAILED
    assert "will be made" in found("namespace", FINE).detail


@pytest.mark.parametrize(
    ("wanted", "classes", "status", "words"),
    [
        (None, (replace(STANDARD, default=False),), Status.FAILED, "no default storage class"),
        (None, (), Status.FAILED, "no default storage class"),
        ("fats", (STANDARD, StorageClass("fast", default=False, provisioner="x")), Status.FAILED,
         "no storage class fats; did you mean 'fast'"),
        ("", (STANDARD,), Status.WARNING, "name no class"),
        ("standard", (STANDARD,), Status.OK, "standard"),
    ],
)  # fmt: skip
def test_claims_need_a_class_that_is_offered(
    wanted: str | None, classes: tuple[StorageClass, ...], status: Status, words: str
):
    """A missing default, a typing mistake and no class at all are three different things."""
    finding = found("storage", replace(FINE, rendering=wanting(wanted), classes=classes))

    assert finding.status is status
    assert words.lower() in finding.detail.lower()


def test_claims_that_are_there_need_no_class():
    """An upgrade, and a deploy after an undeploy, take up the volumes that they had."""
    kept = replace(FINE, snapshot=replace(nothing("Active"), claims=claims()), classes=())

    assert found("storage", kept).status is Status.OK


@pytest.mark.parametrize(
    ("room", "status"),
    [
        ((NodeRoom("a", 4000, 6 * GIB, 50),), Status.OK),
        ((NodeRoom("a", 4000, 5 * GIB, 50),), Status.FAILED),
        ((NodeRoom("a", 700, 32 * GIB, 50),), Status.FAILED),
        ((NodeRoom("a", 4000, 32 * GIB, 2),), Status.FAILED),
        ((NodeRoom("a", 4000, 4 * GIB, 9), NodeRoom("b", 4000, 2 * GIB, 9)), Status.OK),
        ((NodeRoom("a", 4000, 3 * GIB, 9), NodeRoom("b", 4000, 3 * GIB, 9)), Status.FAILED),
        ((), Status.FAILED),
    ],
)
def test_pods_must_fit_on_nodes_and_not_between_them(room: tuple[NodeRoom, ...], status: Status):
    """Three pods of 2 GiB: a sum over nodes is not enough, each pod needs one of them."""
    assert found("room", replace(FINE, room=room)).status is status


def test_pods_that_run_already_ask_for_no_more_room():
    """A second deploy on a full cluster is fine."""
    full = replace(FINE, snapshot=healthy(), room=(NodeRoom("a", 0, 0, 0),))

    assert found("room", full).status is Status.OK


def test_one_broker_more_needs_its_own_room():
    """Scaling up is looked at for the new pods alone."""
    grown = replace(
        FINE,
        snapshot=replace(healthy(), pods=(pod(0), pod(1), pod(2))),
        rendering=wanting(None, pods=4),
        room=(NodeRoom("a", 100, GIB, 9),),
    )

    assert "no room for 1 of 1 new pod" in found("room", grown).detail


def test_what_may_not_be_read_is_not_checked():
    """Without the right to list nodes a deploy goes on, and says what it did not look at."""
    blind = replace(FINE, room=UNREADABLE, classes=UNREADABLE)

    assert found("room", blind).status is Status.NOT_CHECKED
    assert found("storage", blind).status is Status.NOT_CHECKED
    assert evaluate(blind).count(Status.FAILED) == 0
