"""
The doctor on a real cluster: faults of real brokers and real ZooKeeper servers.

Every fault stands in a namespace of its own, with one broker each; all begin at once. Brokers
are plain StatefulSets with the image's own variables, as somebody else might have made them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.support.doctor import (
    Patient,
    admit_all,
    claim,
    discharge_all,
    proves,
    unique,
)
from tests.support.kafka_pods import broker, zookeeper
from tests.support.lab import until

from learnflow_kafka.core.connection import Kubernetes
from learnflow_kafka.core.diagnosis.table import diagnose
from learnflow_kafka.core.plans.desired import Desired, DesiredTopic
from learnflow_kafka.wiring import doctor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.lab import Lab

    from learnflow_kafka.core.diagnosis.table import Diagnosis

pytestmark = pytest.mark.timeout(900)
MINE = unique()
TOGETHER = " ".join(
    f"server.{n + 1}=app-{n}.app.$(SPACE).svc.cluster.local:2888:3888;2181" for n in range(3)
)
OTHER_DISK = (
    "printf 'version=1\\ncluster.id=AAAAAAAAAAAAAAAAAAAAAA\\nnode.id=0\\n' "
    "> /volume/logs/meta.properties"
)
DENY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "default-deny"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
}

FAULTS: Mapping[str, tuple[str, tuple[dict[str, Any], ...]]] = {
    "lost-found": (
        "crash.lost_found",
        broker(volume=claim("data", "standard"), logs="/volume"),
    ),
    "unformatted": (
        "crash.not_formatted",
        broker(
            KAFKA_CONTROLLER_QUORUM_VOTERS="",
            KAFKA_CONTROLLER_QUORUM_BOOTSTRAP_SERVERS="localhost:9093",
        ),
    ),
    "no-voters": ("crash.not_formatted", broker(KAFKA_CONTROLLER_QUORUM_VOTERS="")),
    "cluster-id": (
        "crash.cluster_id",
        broker(
            volume=claim("data", "standard"),
            logs="/volume/logs",
            script=f"mkdir -p /volume/logs; {OTHER_DISK}",
            CLUSTER_ID="BBBBBBBBBBBBBBBBBBBBBB",
        ),
    ),
    "disk-full": (
        "crash.disk_full",
        broker(
            volume=claim("data", "sized", "16Mi"),
            logs="/volume/logs",
            script=(
                "mkdir -p /volume/logs; [ -e /volume/filler ] || "
                "head -c 32000000 /dev/zero > /volume/filler"
            ),
        ),
    ),
    "advertised": (
        "connect.advertised",
        broker(KAFKA_ADVERTISED_LISTENERS="PLAINTEXT://kafka.example.internal:9092"),
    ),
    "domain": (
        "dns.broken",
        broker(KAFKA_ADVERTISED_LISTENERS="PLAINTEXT://app-0.app.$(SPACE).svc.mosip02.local:9092"),
    ),
    "denied": ("network.blocked", (*broker(), DENY)),
    "alone": ("zookeeper.not_serving", zookeeper("")),
    "majority": ("zookeeper.not_serving", zookeeper(TOGETHER, replicas=1)),
}
HEALED = ("denied", "disk-full")


@pytest.fixture(scope="module")
def ward(lab: Lab) -> Iterator[dict[str, Patient]]:
    """Every fault, in a namespace of its own."""
    patients = {
        name: Patient(lab, f"doctor-{name}-{MINE}", rule, objects)
        for name, (rule, objects) in FAULTS.items()
    }
    try:
        admit_all([*patients.values()])
        yield patients
    finally:
        discharge_all([*patients.values()])


@proves(*(rule for rule, _ in FAULTS.values()))
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_real_kafka_is_named_first(ward: dict[str, Patient], name: str):
    """The doctor names the fault, with the words of Kafka or ZooKeeper as its proof."""
    patient = ward[name]
    cause = patient.named(patience=240)
    if name in HEALED:
        patient.heal(cause)
        patient.silent()

    assert cause.proof
    assert cause.remedy is not None


@proves("topics.missing", "topics.different")
def test_topics_are_judged_against_the_catalog(ward: dict[str, Patient]):
    """What the broker would refuse is asked and quoted; what differs is told with its source."""
    patient = ward["denied"]
    tool = ("exec", "app-0", "--", "/opt/kafka/bin/kafka-topics.sh")
    create = ("--create", "--topic", "orders", "--partitions", "1", "--bootstrap-server")
    until(
        lambda: (
            patient.lab.program("kubectl", patient.namespace)
            .attempt(*tool, *create, "localhost:9092", "--if-not-exists")
            .returncode
            == 0
        ),
        "a topic can be created",
        240,
    )
    wanted = {
        "orders": DesiredTopic("orders", 3, 1, {"retention.ms": "60000"}),
        "payments": DesiredTopic("payments", 1, 3, {}),
        "refunds": DesiredTopic("refunds", 1, 1, {}),
    }
    found = _with_catalog(patient, Desired("test", None, None, wanted))
    told = {r.cause.rule: r.cause for r in found.causes}
    missing = [r.cause for r in found.causes if r.cause.rule == "topics.missing"]

    assert {"partitions", "config retention.ms"} <= {
        p.field for p in told["topics.different"].proof
    }
    assert any("payments" in c.detail and "would refuse" in c.detail for c in missing)
    assert any("refunds" in c.detail and "nothing keeps" in c.detail for c in missing)


def test_a_healthy_broker_of_somebody_else_is_silent(lab: Lab):
    """Kafka that we did not deploy, with nothing wrong: nothing is found, nothing unjudged."""
    patient = Patient(lab, f"doctor-well-{unique()}", "", broker())

    def well() -> bool:
        return patient.diagnose().healthy()

    try:
        patient.admit()
        until(well, "nothing is wrong", 240, pause=1.0)
    finally:
        patient.discharge()


def _with_catalog(patient: Patient, wanted: Desired) -> Diagnosis:
    place = Kubernetes(namespace=patient.namespace)
    return diagnose(doctor.on_kubernetes(place, desired=wanted))
