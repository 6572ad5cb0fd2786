"""Services without pods or an address: what is a mistake, what is meant, what is too young."""

import json
import shlex
from dataclasses import replace
from typing import Any

import pytest
from tests.core.diagnosis import faults
from tests.core.diagnosis import graphs as g

from learnflow_kafka.core.diagnosis.causes import Cause
from learnflow_kafka.core.diagnosis.evidence import Evidence, Part, Skipped
from learnflow_kafka.core.diagnosis.objects import Service
from learnflow_kafka.core.diagnosis.table import diagnose

POD_NAME = "statefulset.kubernetes.io/pod-name"
OUTSIDE = "external.no_address"


def alone(number: int, **changes: Any) -> Service:
    """The service of one broker, as clients outside need it."""
    return g.service(name=f"kafka-{number}", selector={POD_NAME: f"kafka-{number}"}, **changes)


def with_service(base: Evidence, service: Service, **changes: Any) -> Evidence:
    """The evidence with one more service; its pods have the labels of their own names."""
    pods = tuple(replace(p, labels={**p.labels, POD_NAME: p.name}) for p in base.pods)
    return replace(base, services=(*base.services, service), pods=pods, **changes)


def told(evidence: Evidence, rule: str = "service.no_endpoints") -> list[Cause]:
    """What one rule finds."""
    return [r.cause for r in diagnose(evidence).causes if r.cause.rule == rule]


SILENT = {
    "a broker that a quota keeps away": with_service(faults.over_quota(), alone(2)),
    "brokers that were scaled to 0": with_service(
        g.healthy(
            pods=(g.zookeeper_pod(0),), workloads=(g.stateful(wanted=0, created=0),), endpoints=()
        ),
        alone(2),
    ),
    "a pod of which nobody knows who makes it": with_service(
        g.healthy(workloads=(), skipped=(Skipped(Part.WORKLOADS, "forbidden"),)), alone(3)
    ),
    "a pod that is there": with_service(g.healthy(), alone(2)),
}


@pytest.mark.parametrize("what", SILENT)
def test_a_service_is_not_blamed_for(what: str):
    """Its selector is right, and where its pods are missing that is told of them."""
    assert told(SILENT[what]) == []


def test_the_quota_is_what_a_missing_broker_is_told_of():
    """The service of a pod that is refused follows from the refusal."""
    assert g.named_first(SILENT["a broker that a quota keeps away"]) == "pods.not_created"


@pytest.mark.parametrize(
    ("number", "workloads"), [(3, (g.stateful(),)), (2, ()), (2, (g.stateful(name="other"),))]
)
def test_a_service_of_one_pod_that_nobody_makes_is_told(number: int, workloads: tuple[Any, ...]):
    """No StatefulSet wants the pod; no other pod is put in its place."""
    base = g.healthy(workloads=workloads)
    gone = replace(base, pods=base.pods[:2])
    (cause,) = told(with_service(gone, alone(number)))

    assert f"kafka-{number}" in cause.detail
    assert cause.remedy is not None
    assert cause.remedy.command is None


@pytest.mark.parametrize(
    "selector",
    [
        {"app.kubernetes.io/name": "kafak", "app.kubernetes.io/instance": "kafak"},
        {"app.kubernetes.io/name": "kafka", "app.kubernetes.io/instance": "orders"},
        {"app.kubernetes.io/name": "kafka", "tier": "kafka"},
        {"app.kubernetes.io/name": "kafka", "app.kubernetes.io/component": "broker-2"},
    ],
)
def test_what_may_be_meant_is_told_and_not_patched(selector: dict[str, str]):
    """Two values, another word, a label that no pod has, a number: none is a slip of the hand."""
    base = g.healthy(services=(g.service(selector=selector), g.headless()))
    (cause,) = told(base)

    assert all(v in cause.detail for v in selector.values() if v != "kafka")
    assert cause.remedy is not None
    assert cause.remedy.command is None


def test_a_value_that_the_service_itself_has_is_not_patched():
    """It is of another release, whose pods are not there, and not mistyped."""
    named = {"app.kubernetes.io/instance": "kafka-b"}
    pods = tuple(
        g.pod(n, labels={**g.LABELS, "app.kubernetes.io/instance": "kafka-a"}) for n in range(3)
    )
    (cause,) = told(
        g.healthy(pods=pods, workloads=(), services=(g.service(selector=named, labels=named),))
    )

    assert cause.remedy is not None
    assert cause.remedy.command is None


def test_one_mistyped_value_is_patched_alone():
    """The command puts the pods' own value in, and touches no other."""
    (cause,) = told(faults.mistyped())

    assert cause.remedy is not None
    patch = shlex.split(cause.remedy.command or "")[-1]
    assert json.loads(patch) == {"spec": {"selector": {"app.kubernetes.io/name": "kafka"}}}


@pytest.mark.parametrize(("age_ms", "found"), [(119_000, 0), (121_000, 1)])
def test_a_load_balancer_has_two_minutes_to_come(age_ms: int, found: int):
    """Clouds take that long to give a new service its address."""
    base = faults.no_balancer()
    made = replace(base.services[-1], created_ms=g.NOW - age_ms)

    assert len(told(replace(base, services=(*base.services[:-1], made)), OUTSIDE)) == found
