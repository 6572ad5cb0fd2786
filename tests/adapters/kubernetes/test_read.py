"""The API's objects to values: why a pod is not ready, what a claim waits for, who is behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.api_server import ApiServer, Asked, status

from learnflow_kafka.adapters.kubernetes import read
from learnflow_kafka.adapters.kubernetes.client import Client
from learnflow_kafka.adapters.kubernetes.kubeconfig import Access
from learnflow_kafka.adapters.kubernetes.login import FixedToken
from learnflow_kafka.adapters.kubernetes.rendered import quantity, rendering, room
from learnflow_kafka.core.checks.evidence import Unknown
from learnflow_kafka.core.kubernetes import Share, Snapshot

LABELS = {"app.kubernetes.io/component": "broker", "app.kubernetes.io/instance": "kafka"}
READY = {"type": "Ready", "status": "True"}
RUNNING = {"name": "kafka", "state": {"running": {}}}


def named(name: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": LABELS, **more}}


def pod(*containers: dict[str, Any], conditions: Any = (), **more: Any) -> dict[str, Any]:
    """A pod `kafka-0` with these states of containers."""
    return {
        **named("kafka-0", uid="u", **more),
        "spec": {"nodeName": "node1"},
        "status": {
            "phase": "Running",
            "conditions": list(conditions),
            "containerStatuses": list(containers),
        },
    }


def waiting(reason: str, message: str = "", last: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "name": "kafka",
        "state": {"waiting": {"reason": reason, "message": message}},
        "lastState": {"terminated": last} if last else {},
    }


def test_a_ready_pod_has_no_trouble():
    """The twin of all below; restarts are counted all the same."""
    found = read.pod(pod({**RUNNING, "restartCount": 2}, conditions=[READY]), {})

    assert (found.ready, found.trouble, found.restarts, found.running) == (True, None, 2, True)
    assert (found.name, found.component, found.node, found.uid) == (
        "kafka-0", "broker", "node1", "u",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "words", "hopeless"),
    [
        (pod(waiting("ImagePullBackOff", "no such image")), "ImagePullBackOff: no such", True),
        (
            pod(waiting("CrashLoopBackOff", "", {"reason": "OOMKilled", "exitCode": 137})),
            "after it ended with OOMKilled (exit code 137)",
            True,
        ),
        (pod(waiting("ContainerCreating")), "being started", False),
        (pod(RUNNING), "it runs and is not ready yet", False),
        (
            pod(conditions=[{"type": "PodScheduled", "status": "False", "message": "0/1 nodes"}]),
            "no node takes it: 0/1 nodes",
            True,
        ),
    ],
)
def test_why_a_pod_is_not_ready(found: dict[str, Any], words: str, *, hopeless: bool):
    """Kubernetes' own words, and whether another pod is the only way out."""
    seen = read.pod(found, {})

    assert not seen.ready
    assert words in str(seen.trouble)
    assert seen.hopeless is hopeless


def test_events_say_what_a_status_does_not():
    """A volume that cannot be mounted shows in events alone; failing probes are no news."""
    mount = {"Pod/kafka-0": "FailedMount: no such volume"}
    probe = {"Pod/kafka-0": "Unhealthy: Readiness probe failed"}

    assert read.pod(pod(waiting("ContainerCreating")), mount).trouble == mount["Pod/kafka-0"]
    assert read.pod(pod(RUNNING), probe).trouble == "it runs and is not ready yet"


def test_a_pod_that_is_leaving_is_not_ready():
    """Its conditions may still say so."""
    found = read.pod(pod(RUNNING, conditions=[READY], deletionTimestamp="2026-01-01T00:00:00Z"), {})

    assert not found.ready
    assert found.deleting


def test_a_statefulset_says_its_ports_and_why_it_makes_no_pods():
    """Annotations of the chart; an event counts only while pods are missing."""
    found = {
        **named("kafka", annotations={"learnflow-kafka/local-base-port": "19092"}),
        "spec": {"replicas": 3, "serviceName": "kafka-headless"},
        "status": {"replicas": 1, "readyReplicas": 1, "updateRevision": "r2"},
    }
    events = {"StatefulSet/kafka": "FailedCreate: exceeded quota"}

    short = read.workload(found, events)
    found["status"] = {"replicas": 3, "readyReplicas": 3}

    assert (short.wanted, short.created, short.ready, short.local_base) == (3, 1, 1, 19092)
    assert short.trouble == "FailedCreate: exceeded quota"
    assert read.workload(found, events).trouble is None


def answers(**lists: list[dict[str, Any]] | int) -> Callable[[Asked], tuple[int, object]]:
    """A namespace with these objects by the last word of their path; a number is a refusal."""

    def answer(asked: Asked) -> tuple[int, object]:
        found = lists.get(asked.path.rpartition("/")[2], [])
        if asked.path.endswith("/namespaces/shop"):
            return 200, {"status": {"phase": "Active"}}
        if isinstance(found, int):
            return status(found, "Forbidden", "not for you")
        return 200, {"items": found}

    return answer


def snapshot(**lists: list[dict[str, Any]] | int) -> Snapshot:
    with (
        ApiServer(answers(**lists)).running() as server,
        Client(Access(server.url, None, FixedToken(None)), "shop") as client,
    ):
        return read.snapshot(client, "kafka")


def test_services_count_the_addresses_behind_them():
    """Several slices of one service, an address that is in two of them, and one that is unready."""

    def part(*ends: tuple[str, bool]) -> dict[str, Any]:
        listed = [{"addresses": [at], "conditions": {"ready": good}} for at, good in ends]
        meta = {"name": "x", "labels": {"kubernetes.io/service-name": "kafka"}}
        return {"metadata": meta, "endpoints": listed}

    service = {**named("kafka"), "spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 9092}]}}
    lonely = {**named("lonely"), "spec": {"clusterIP": "None", "ports": []}}
    slices = [part(("a", True), ("b", True)), part(("b", True), ("c", False))]

    found = snapshot(services=[service, lonely], endpointslices=slices)

    assert isinstance(found.services, tuple)
    assert [(s.name, s.ready, s.unready) for s in found.services] == [
        ("kafka", 2, 1),
        ("lonely", None, 0),
    ]
    assert found.services[1].headless
    assert found.namespace == "Active"


def test_claims_are_those_of_the_release_by_label_or_by_name():
    """A claim of another release is not ours, and a claim says why it waits in a Normal event."""
    ours = {**named("data-kafka-0"), "spec": {}, "status": {"phase": "Pending"}}
    by_name = {"metadata": {"name": "data-kafka-1"}, "spec": {}, "status": {"phase": "Bound"}}
    other = {"metadata": {"name": "data-shop-0"}, "spec": {}, "status": {"phase": "Bound"}}
    sets = {
        **named("kafka"),
        "spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]},
    }
    event = {
        "type": "Normal",
        "reason": "FailedBinding",
        "message": "no storage class is set",
        "involvedObject": {"kind": "PersistentVolumeClaim", "name": "data-kafka-0"},
        "lastTimestamp": None,
        "metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"},
    }

    found = snapshot(
        persistentvolumeclaims=[ours, by_name, other], statefulsets=[sets], events=[event]
    )

    assert isinstance(found.claims, tuple)
    assert [c.name for c in found.claims] == ["data-kafka-0", "data-kafka-1"]
    assert found.claims[0].trouble == "FailedBinding: no storage class is set"


def test_a_part_that_is_refused_is_unknown_and_the_rest_is_read():
    """Each list is asked for by itself."""
    found = snapshot(pods=403, services=[{**named("kafka"), "spec": {}}])

    assert isinstance(found.pods, Unknown)
    assert "may not read pods" in found.pods.reason
    assert isinstance(found.services, tuple)
    assert found.workloads == ()


def test_missing_events_cost_only_words():
    """Without the right to list events everything else is as it was."""
    found = snapshot(events=403, pods=[pod(RUNNING)])

    assert isinstance(found.pods, tuple)
    assert found.pods[0].trouble == "it runs and is not ready yet"


@pytest.mark.parametrize(
    ("text", "number"),
    [("250m", 0.25), ("2Gi", 2 * 2**30), ("1.5G", 1.5e9), ("3", 3.0), ("2e3", 2e3), ("?", 0.0)],
)
def test_quantities_are_kubernetes_own(text: str, number: float):
    """Binary and decimal units, thousandths, exponents."""
    assert quantity(text) == number


def test_a_rendering_says_what_its_pods_ask_for():
    """Requests of all containers, or of the largest init container; limits where none is given."""
    containers = [
        {"resources": {"requests": {"cpu": "250m"}, "limits": {"cpu": "1", "memory": "2Gi"}}},
        {"resources": {"requests": {"cpu": "50m", "memory": "1Gi"}}},
    ]
    found = rendering(
        [
            {
                "kind": "StatefulSet",
                **named("kafka", annotations={"learnflow-kafka/mode": "kraft"}),
                "spec": {
                    "replicas": 3,
                    "template": {
                        "spec": {
                            "containers": containers,
                            "initContainers": [{"resources": {"requests": {"cpu": "500m"}}}],
                        }
                    },
                    "volumeClaimTemplates": [
                        {"spec": {"storageClassName": "fast"}},
                        {"spec": {}},
                    ],
                },
            },
            {"kind": "Service", **named("kafka")},
        ]
    )

    assert found.shares == (Share("kafka", "broker", 3, 500, 3 * 2**30, ("fast", None)),)
    assert found.brokers == 3
    assert found.mode == "kraft"


def test_room_is_what_is_not_promised_on_nodes_that_take_pods():
    """Pods of every namespace count; tainted, cordoned and unready nodes do not."""

    def node(name: str, ready: str = "True", **spec: Any) -> dict[str, Any]:
        allocatable = {"cpu": "2", "memory": "4Gi", "pods": "10"}
        conditions = [{"type": "Ready", "status": ready}]
        return {
            "metadata": {"name": name},
            "spec": spec,
            "status": {"allocatable": allocatable, "conditions": conditions},
        }

    taken = {
        "spec": {
            "nodeName": "good",
            "containers": [{"resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}],
        }
    }
    nodes = [
        node("good"),
        node("tainted", taints=[{"effect": "NoSchedule"}]),
        node("preferred", taints=[{"effect": "PreferNoSchedule"}]),
        node("cordoned", unschedulable=True),
        node("lost", "Unknown"),
    ]

    found = room(nodes, [taken, {"spec": {}}])

    assert [(n.name, n.cpu, n.memory, n.pods) for n in found] == [
        ("good", 1500, 3 * 2**30, 9),
        ("preferred", 2000, 4 * 2**30, 10),
    ]
