"""What is read of a cluster for a diagnosis: side by side, tolerant, and without secrets."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from typing import Any

import pytest
from tests.support.api_server import ApiServer, Asked, status
from tests.support.ports import free_ports

from learnflow_kafka.adapters.kubernetes import evidence
from learnflow_kafka.adapters.kubernetes.client import Client
from learnflow_kafka.adapters.kubernetes.kubeconfig import Access
from learnflow_kafka.adapters.kubernetes.login import FixedToken
from learnflow_kafka.adapters.kubernetes.objects import (
    endpoints,
    event,
    millis,
    pod,
    policy,
    service,
)
from learnflow_kafka.core.diagnosis.document import to_document
from learnflow_kafka.core.diagnosis.evidence import Evidence, Part
from learnflow_kafka.core.diagnosis.table import diagnose

SECRET = "s3cr3t-hunter2"
SPACE = "/api/v1/namespaces/kafka"
DENIED = 403, {"kind": "Status", "reason": "Forbidden", "message": "nodes is forbidden"}
GONE = 404, {"kind": "Status", "reason": "NotFound", "message": "no such pod"}


def packed(info: dict[str, Any]) -> str:
    """A release's record as Helm keeps it, and the API tells it."""
    chart = {"metadata": {"name": "learnflow-kafka"}, "values": {"password": SECRET}}
    record = {"info": info, "config": {"password": SECRET}, "chart": chart}
    inner = base64.b64encode(gzip.compress(json.dumps(record).encode()))
    return base64.b64encode(inner).decode()


def release(revision: int, state: str, **info: str) -> dict[str, Any]:
    """The secret of a revision."""
    labels = {"owner": "helm", "name": "kafka", "status": state, "version": str(revision)}
    name = f"sh.helm.release.v1.kafka.v{revision}"
    return {
        "metadata": {"name": name, "labels": labels},
        "data": {"release": packed({"status": state, **info})},
    }


BROKER = {
    "metadata": {
        "namespace": "kafka",
        "name": "kafka-0",
        "labels": {"app.kubernetes.io/name": "kafka"},
        "annotations": {"note": SECRET},
    },
    "spec": {
        "nodeName": "node-1",
        "containers": [
            {
                "name": "kafka",
                "image": "docker.io/apache/kafka:4.3.1",
                "env": [
                    {"name": "KAFKA_SASL_JAAS_CONFIG", "value": f"password={SECRET}"},
                    {"name": "NODE_HEAP_OPTS", "value": f"-Xmx1g -Dpassword={SECRET}"},
                    {"name": "KAFKA_LOG_DIRS", "value": "/data"},
                ],
                "command": ["run", SECRET],
                "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}},
            }
        ],
    },
    "status": {
        "phase": "Running",
        "containerStatuses": [
            {
                "name": "kafka",
                "ready": False,
                "restartCount": 3,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "message": SECRET}},
            }
        ],
    },
}
LOG = (
    f"INFO order of Ada, {SECRET}\n"
    f"ConfigException: Invalid value ssl.key.password={SECRET}\n"
    "java.io.IOException: No space left on device\n"
)


def cluster(**answers: tuple[int, object]) -> dict[str, tuple[int, object]]:
    """The answers of an API server, by path; what is not here is an empty list."""
    found: dict[str, tuple[int, object]] = {
        SPACE: (200, {"metadata": {"name": "kafka"}, "status": {"phase": "Active"}}),
        f"{SPACE}/pods": (200, {"items": [BROKER]}),
        f"{SPACE}/secrets": (
            200,
            {"items": [release(1, "deployed"), release(2, "failed", description="it broke")]},
        ),
        "/version": (200, {"gitVersion": "v1.34.4"}),
    }
    return found | answers


def read(
    answers: dict[str, tuple[int, object]], asker: tuple[str, str] | None = None
) -> tuple[Evidence, ApiServer]:
    """What is gathered of a cluster that answers so."""

    def answer(asked: Asked) -> tuple[int, object]:
        return answers.get(asked.path, (200, {"items": []}))

    with ApiServer(answer).running() as server:
        access = Access(server.url, None, FixedToken("Bearer t0ken"))
        with Client(access, "kafka") as client:
            return evidence.gather(client, asker=asker), server


def test_no_secret_gets_into_the_evidence(monkeypatch: pytest.MonkeyPatch):
    """Not from environments, commands, annotations, logs, messages or Helm's values."""
    monkeypatch.setattr(Client, "text", lambda *_args: LOG)
    seen, _ = read(cluster())
    text = json.dumps(to_document(seen))

    assert SECRET not in text
    assert "t0ken" not in text
    assert "Ada" not in text
    assert "No space left on device" in text
    assert seen.pods[0].containers[0].heap == "-Xmx1g"
    assert seen.pods[0].containers[0].settings == {"KAFKA_LOG_DIRS": "/data"}


def test_of_a_failed_release_helms_sentence_is_read():
    """The newest revision counts, and its words, its chart and what was deployed are kept."""
    seen, _ = read(cluster())

    assert [(r.revision, r.status, r.description) for r in seen.releases] == [
        (2, "failed", "it broke")
    ]
    assert [(r.chart, r.deployed) for r in seen.releases] == [("learnflow-kafka", 1)]


def test_a_first_install_that_was_killed_has_nothing_that_was_deployed():
    """No revision to go back to is told as such."""
    killed = 200, {"items": [release(1, "pending-install")]}
    seen, _ = read(cluster(**{f"{SPACE}/secrets": killed}))

    assert [(r.status, r.chart, r.deployed) for r in seen.releases] == [
        ("pending-install", "learnflow-kafka", None)
    ]


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/api/v1/nodes", Part.NODES),
        ("/api/v1/persistentvolumes", Part.VOLUMES),
        ("/apis/storage.k8s.io/v1/storageclasses", Part.CLASSES),
        (f"{SPACE}/pods", Part.PODS),
        (f"{SPACE}/events", Part.EVENTS),
        (f"{SPACE}/secrets", Part.RELEASES),
        ("/apis/networking.k8s.io/v1/namespaces/kafka/networkpolicies", Part.POLICIES),
    ],
)
def test_a_right_that_is_missing_hides_its_part_alone(path: str, part: Part):
    """The rest is read, the part is told, and the rules that need it are not judged."""
    seen, _ = read(cluster(**{path: DENIED}))

    assert [s.part for s in seen.skipped] == [part]
    assert "forbidden" in seen.skipped[0].reason
    assert seen.server == "v1.34.4"
    assert not diagnose(seen).healthy()


def test_a_client_that_is_not_there_is_told():
    """Nobody can look from it, and the rest is judged all the same."""
    answers = cluster(**{"/api/v1/namespaces/shop/pods/gone": GONE})
    seen, _ = read(answers, ("shop", "gone"))

    assert [(s.part, s.reason) for s in seen.skipped] == [(Part.CLIENT, "not there: no such pod")]
    assert seen.client is None


def test_an_api_server_that_is_gone_is_told_for_every_part():
    """Nothing is raised: every part says that the server does not answer."""
    port = free_ports(1)
    with Client(Access(f"http://127.0.0.1:{port}", None, FixedToken(None)), "kafka") as client:
        seen = evidence.gather(client)

    assert {Part.PODS, Part.NODES, Part.SERVICES, Part.EVENTS} <= {s.part for s in seen.skipped}
    assert all("does not answer" in s.reason for s in seen.skipped)
    assert diagnose(replace(seen, taken_ms=1)).unchecked


def test_the_pods_of_the_cluster_are_read_only_where_one_waits():
    """A sum over all namespaces is asked for when it matters, and kept as a sum."""
    _, quiet = read(cluster())
    waiting = json.loads(json.dumps(BROKER))
    del waiting["spec"]["nodeName"]
    waiting["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}],
    }
    node = {"metadata": {"name": "node-1"}, "status": {"allocatable": {"cpu": "2", "pods": "9"}}}
    answers = {
        f"{SPACE}/pods": (200, {"items": [waiting]}),
        "/api/v1/nodes": (200, {"items": [node]}),
        "/api/v1/pods": (200, {"items": [BROKER, BROKER]}),
    }
    seen, asked = read(cluster(**answers))

    assert "/api/v1/pods" not in {a.path for a in quiet.asked}
    assert "/api/v1/pods" in {a.path for a in asked.asked}
    assert seen.nodes[0].requested == {"pods": 2, "cpu": 1000, "memory": 2 * 2**30}


@pytest.mark.parametrize(
    "container",
    [
        {"image": "docker.io/rancher/local-path-provisioner:v0.0.31"},
        {"image": "mirror/provisioner", "args": ["--name=rancher.io/local-path"]},
        {"image": "mirror/one", "env": [{"name": "NAME", "value": "rancher.io/local-path"}]},
    ],
    ids=["image", "argument", "environment"],
)
def test_a_provisioner_is_known_by_a_pod_of_any_namespace(container: dict[str, Any]):
    """Where a claim waits it is looked for, and only its name is kept."""
    classes = [
        {"metadata": {"name": name}, "provisioner": f"rancher.io/{name}"}
        for name in ("local-path", "elsewhere")
    ]
    claim = {"metadata": {"name": "data-kafka-0"}, "status": {"phase": "Pending"}}
    maker = {"metadata": {"name": "maker-0"}, "spec": {"containers": [container]}}
    answers = {
        f"{SPACE}/persistentvolumeclaims": (200, {"items": [claim]}),
        "/apis/storage.k8s.io/v1/storageclasses": (200, {"items": classes}),
        "/api/v1/pods": (200, {"items": [BROKER, maker]}),
    }
    seen, _ = read(cluster(**answers))

    assert seen.provisioners == ("rancher.io/local-path",)


def test_what_holds_a_namespace_is_looked_for_by_the_kinds_that_it_names():
    """Only a namespace that goes is asked what remains in it."""
    told = "Some resources are remaining: kafkatopics.kafka.strimzi.io has 2 resource instances"
    state = {
        "metadata": {"name": "kafka", "deletionTimestamp": "2026-11-23T12:00:00Z"},
        "status": {
            "phase": "Terminating",
            "conditions": [
                {"type": "NamespaceContentRemaining", "status": "True", "message": told}
            ],
        },
    }
    topic = {"metadata": {"name": "orders", "finalizers": ["strimzi.io/topic-operator"]}}
    group = {"preferredVersion": {"groupVersion": "kafka.strimzi.io/v1"}}
    answers = {
        SPACE: (200, state),
        "/apis/kafka.strimzi.io": (200, group),
        "/apis/kafka.strimzi.io/v1/namespaces/kafka/kafkatopics": (200, {"items": [topic]}),
    }
    seen, _ = read(cluster(**answers))
    root = diagnose(replace(seen, logs=())).root

    assert [h.resource for h in seen.held] == ["kafkatopics.kafka.strimzi.io"]
    assert root is not None
    assert root.rule == "namespace.terminating"


def test_the_time_of_an_event_is_the_latest_of_its_four():
    """Events of the scheduler have no `lastTimestamp`; series have their own time."""
    about = {"involvedObject": {"kind": "Pod", "name": "kafka-0"}}
    early, late = "2026-11-23T10:00:00Z", "2026-11-23T11:00:00.000000Z"
    scheduled = {**about, "lastTimestamp": None, "eventTime": late}
    series = {**about, "eventTime": early, "series": {"lastObservedTime": late, "count": 7}}

    assert event(scheduled).seen_ms == millis(late)
    assert event(series).seen_ms == millis(late)
    assert event(series).count == 7


@pytest.mark.parametrize("odd", [{}, {"metadata": None}, {"spec": []}, {"status": "x"}])
def test_odd_objects_are_read_as_far_as_they_go(odd: dict[str, Any]):
    """A field that is missing or of another kind is left out."""
    assert pod(odd).name == ""
    assert policy(odd).types == ("Ingress",)
    assert endpoints([odd]) == ()


def test_egress_rules_without_types_limit_egress():
    """As the API server fills it in."""
    assert policy({"spec": {"egress": [{}]}}).types == ("Ingress", "Egress")


def test_an_address_block_keeps_what_is_excepted_from_it():
    """Without its exceptions a block would admit whom it shuts out."""
    block = {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}
    (rule,) = policy({"spec": {"ingress": [{"from": [{"ipBlock": block}]}]}}).ingress

    assert [(p.cidr, p.besides) for p in rule.peers] == [("10.0.0.0/8", ("10.1.0.0/16",))]


def test_the_age_of_a_service_is_read():
    """A load balancer that was asked for just now has no address yet."""
    made = "2026-11-23T10:00:00Z"

    assert service({"metadata": {"creationTimestamp": made}}).created_ms == millis(made)


def test_the_refusal_is_the_servers_own():
    """The reason of a skipped part quotes what the server said."""
    refusal = status(403, "Forbidden", "events is forbidden: User reader cannot list")
    seen, _ = read(cluster(**{f"{SPACE}/events": refusal}))

    assert "User reader cannot list" in seen.skipped[0].reason
