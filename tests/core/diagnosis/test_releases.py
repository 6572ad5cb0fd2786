"""Releases that Helm left half way: the way out fits what there is to go back to."""

from dataclasses import replace
from typing import Any

import pytest
from tests.core.diagnosis import faults
from tests.core.diagnosis import graphs as g

from learnflow_kafka.core.diagnosis.causes import Cause, Safety
from learnflow_kafka.core.diagnosis.evidence import Evidence
from learnflow_kafka.core.diagnosis.installations import RELEASE
from learnflow_kafka.core.diagnosis.objects import Condition, Release
from learnflow_kafka.core.diagnosis.table import diagnose
from learnflow_kafka.core.findings import Status
from learnflow_kafka.core.kubernetes import CHART

HOUR = 3_600_000
WAITED = 'Upgrade "kafka" failed: context deadline exceeded'


def cut_off(status: str, **changes: Any) -> Evidence:
    """A release whose Helm was killed an hour ago; all its pods are ready."""
    release = Release(g.SPACE, "shop", 1, status, updated_ms=g.NOW - HOUR)
    return g.healthy(releases=(replace(release, **changes),))


def failed(evidence: Evidence) -> Cause:
    """What is said of the release."""
    return next(r.cause for r in diagnose(evidence).causes if r.cause.rule == "release.failed")


@pytest.mark.parametrize(
    ("evidence", "command", "safety"),
    [
        (
            cut_off("pending-install", chart=CHART),
            "learnflow deploy --namespace kafka --release shop --take-over",
            Safety.ASKS,
        ),
        (
            cut_off("pending-upgrade", chart=CHART, revision=5, deployed=3),
            "learnflow deploy --namespace kafka --release shop --take-over",
            Safety.ASKS,
        ),
        (
            cut_off("pending-upgrade", chart="kafka", revision=5, deployed=3),
            "helm rollback shop 3 -n kafka",
            Safety.ASKS,
        ),
        (
            cut_off("pending-install", chart="kafka"),
            "helm uninstall shop -n kafka",
            Safety.DANGEROUS,
        ),
        (
            cut_off("pending-upgrade", chart="kafka", revision=2),
            "helm uninstall shop -n kafka",
            Safety.DANGEROUS,
        ),
    ],
)
def test_a_killed_helm_is_gone_on_from_where_there_is_something_to_go_to(
    evidence: Evidence, command: str, safety: Safety
):
    """Our chart is deployed again; another goes back to what was deployed, or is uninstalled."""
    remedy = failed(evidence).remedy

    assert remedy is not None
    assert (remedy.command, remedy.safety) == (command, safety)
    assert "data" in remedy.what


def test_a_run_of_helms_that_may_still_live_is_left_alone():
    """What began a moment ago is no fault, first install or not."""
    young = cut_off("pending-install", updated_ms=g.NOW - 5000)

    assert g.rules(diagnose(young)) == []


def test_the_set_that_is_deleted_is_the_one_that_was_refused():
    """Helm's sentence names the StatefulSet, whatever the release is called."""
    text = faults.immutable().releases[0].description
    release = Release(g.SPACE, "shop", 2, "failed", text)
    remedy = failed(g.healthy(releases=(release,))).remedy

    assert remedy is not None
    assert remedy.command == "kubectl delete statefulset kafka -n kafka --cascade=orphan"


@pytest.mark.parametrize(
    ("sets", "command"),
    [
        (("broker",), "kubectl delete statefulset broker -n kafka --cascade=orphan"),
        (("broker", "controller"), None),
        ((), None),
    ],
)
def test_where_helm_names_no_set_the_only_one_of_the_release_is_meant(
    sets: tuple[str, ...], command: str | None
):
    """Several or none: nothing is printed that could delete another one."""
    text = "updates to statefulset spec for fields other than 'replicas' are forbidden"
    made = tuple(g.stateful(name=name, annotations={RELEASE: "shop"}) for name in sets)
    other = g.stateful(name="else", annotations={RELEASE: "other"})
    releases = (Release(g.SPACE, "shop", 2, "failed", text),)
    remedy = failed(g.healthy(releases=releases, workloads=(*made, other))).remedy

    assert remedy is not None
    assert remedy.command == command


def test_a_time_out_of_the_past_is_a_warning_where_all_pods_are_ready():
    """Only the record is behind, and the next deploy mends it."""
    release = Release(g.SPACE, "kafka", 2, "failed", WAITED, chart=CHART, deployed=1)
    found = diagnose(g.healthy(releases=(release,)))
    cause = failed(g.healthy(releases=(release,)))

    assert found.healthy()
    assert cause.status is Status.WARNING
    assert cause.remedy is not None
    assert "next deploy mends the status" in cause.remedy.what
    assert cause.remedy.command == "learnflow deploy --namespace kafka --release kafka"


@pytest.mark.parametrize(
    "changes",
    [
        {"workloads": (g.stateful(ready=2),)},
        {"workloads": ()},
        {"workloads": (g.stateful(labels={}),)},
        {"pods": (g.pod(0), g.pod(1), g.pod(2, conditions=(Condition("Ready", "False"),)))},
    ],
    ids=["one is not ready", "no workloads known", "another release's", "one is being replaced"],
)
def test_a_time_out_counts_while_a_pod_of_the_release_is_not_known_to_be_ready(
    changes: dict[str, Any],
):
    """It is history only where everything that it waited for has come."""
    release = Release(g.SPACE, "kafka", 2, "failed", WAITED, deployed=1)

    assert failed(g.healthy(releases=(release,), **changes)).status is Status.FAILED


def test_a_refused_upgrade_counts_although_all_pods_are_ready():
    """What was refused was never installed: the pods are those of before."""
    assert failed(faults.immutable()).status is Status.FAILED
