"""What the chart itself renders is the healthy twin of what its rules could say of it."""

from dataclasses import replace
from typing import Any

import pytest
import yaml
from tests.charts.golden import FOLDER
from tests.core.diagnosis import graphs as g
from tests.support.rendering import PRESETS

from learnflow_kafka.adapters.kubernetes import objects
from learnflow_kafka.core.diagnosis.evidence import Evidence, KafkaView
from learnflow_kafka.core.diagnosis.table import diagnose

POD_NAME = "statefulset.kubernetes.io/pod-name"


def pods(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The pods that a StatefulSet makes, with the labels and addresses that they get."""
    name, template = found["metadata"]["name"], found["spec"]["template"]
    made = []
    for number in range(found["spec"]["replicas"]):
        labels = {**template["metadata"]["labels"], POD_NAME: f"{name}-{number}"}
        meta = {"name": f"{name}-{number}", "namespace": g.SPACE, "labels": labels}
        made.append({"metadata": meta, "spec": template["spec"], "status": {"podIP": "10.0.0.9"}})
    return made


def rendered(preset: str) -> Evidence:
    """A preset's pods and policies."""
    found = list(yaml.safe_load_all((FOLDER / f"{preset}.yaml").read_text(encoding="utf-8")))
    of = {kind: [o for o in found if o["kind"] == kind] for kind in ("StatefulSet", "Pod")}
    policies = [objects.policy(o) for o in found if o["kind"] == "NetworkPolicy"]
    return g.healthy(
        pods=tuple(
            objects.pod(o) for o in (*of["Pod"], *(p for s in of["StatefulSet"] for p in pods(s)))
        ),
        policies=tuple(replace(p, namespace=g.SPACE) for p in policies),
        kafka=KafkaView(),
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_its_presets_are_no_fault(preset: str):
    """Its policies admit what Kafka needs, and its heaps leave room within their limits."""
    evidence = rendered(preset)
    told = {r.cause.rule for r in diagnose(evidence).causes}

    assert len(evidence.pods) > 1 or preset == "development"
    assert not told & {"network.blocked", "crash.out_of_memory"}
