"""
The doctor on a real cluster: what several real brokers can have between them.

Three small clusters and one broker with SASL, which all begin at once; each test breaks one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.doctor import Patient, admit_all, discharge_all, proves, unique
from tests.support.kafka_pods import broker
from tests.support.lab import frozen, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.lab import Lab

    from learnflow_kafka.core.diagnosis.causes import Cause

pytestmark = pytest.mark.timeout(900)
MINE = unique()
BIN = "/opt/kafka/bin"
HERE = "--bootstrap-server", "localhost:9092"

EACH = (
    "export KAFKA_NODE_ID=${HOSTNAME##*-} "
    "KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://$HOSTNAME.app.$SPACE.svc.cluster.local:9092"
)
"""What differs between the pods of one StatefulSet."""

ALONE = f"{EACH}; export KAFKA_CONTROLLER_QUORUM_VOTERS=$KAFKA_NODE_ID@localhost:9093"
"""Every node is the only voter of its quorum."""

FOLLOWER = (
    f"{EACH}; [ $KAFKA_NODE_ID = 0 ] || "
    "export KAFKA_PROCESS_ROLES=broker KAFKA_LISTENERS=PLAINTEXT://:9092"
)
"""Only the first node is a controller."""

PLAIN = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    'username="admin" password="admin" user_admin="admin";'
)


def voters(count: int) -> str:
    """The static voters of so many pods."""
    return ",".join(f"{n}@app-{n}.app.$(SPACE).svc.cluster.local:9093" for n in range(count))


CLUSTERS = {
    "follower": broker(replicas=2, script=FOLLOWER, KAFKA_CONTROLLER_QUORUM_VOTERS=voters(1)),
    "voters": broker(replicas=2, script=EACH, KAFKA_CONTROLLER_QUORUM_VOTERS=voters(2)),
    "split": broker(replicas=2, script=ALONE),
    "sasl": broker(
        KAFKA_LISTENERS="PLAINTEXT://:9092,SAFE://:9094,CONTROLLER://:9093",
        KAFKA_ADVERTISED_LISTENERS=(
            "PLAINTEXT://app-0.app.$(SPACE).svc.cluster.local:9092,"
            "SAFE://app-0.app.$(SPACE).svc.cluster.local:9094"
        ),
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP=(
            "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SAFE:SASL_PLAINTEXT"
        ),
        KAFKA_SASL_ENABLED_MECHANISMS="PLAIN",
        KAFKA_LISTENER_NAME_SAFE_PLAIN_SASL_JAAS_CONFIG=PLAIN,
    ),
}


@pytest.fixture(scope="module")
def ward(lab: Lab) -> Iterator[dict[str, Patient]]:
    """Every cluster, in a namespace of its own; nothing is wrong yet but with the split one."""
    patients = {
        name: Patient(lab, f"doctor-{name}-{MINE}", "quorum.split", objects)
        for name, objects in CLUSTERS.items()
    }
    try:
        admit_all([*patients.values()])
        yield patients
    finally:
        discharge_all([*patients.values()])


@proves("quorum.split")
def test_two_quorums_in_one_set_are_told(ward: dict[str, Patient]):
    """Each node has itself as its only voter: both lead, and say so themselves."""
    cause = ward["split"].named()

    assert "different voters" in cause.detail
    assert {p.object for p in cause.proof} == {"app-0", "app-1"}


@proves("brokers.missing")
def test_a_broker_that_hangs_is_missed_and_its_partitions_are_its_consequence(
    ward: dict[str, Patient],
):
    """Its pod is ready, as its port is open: named at once, and again when it is fenced."""
    patient = healthy(ward["follower"], "brokers.missing")
    tool(patient, "kafka-topics.sh", *HERE, "--create", "--topic", "orders", "--partitions", "2")

    with frozen(patient.lab, patient.namespace, "app-1"):
        at_once = patient.diagnose().root
        assert at_once is not None
        patient.heal(at_once)  # looks only: its processes, as they stand, and its log
        cause = until(lambda: _fenced(patient), "it is fenced", 60)
        found = patient.diagnose()
    patient.silent()

    assert at_once.rule == "brokers.missing"
    assert {p.object for p in at_once.proof if p.field == "asked again"} == {"pod app-1"}
    assert "1 (app-1) counts as serving and does not answer" in at_once.detail or (
        "fenced: 1" in at_once.detail  # on a machine so busy that nine seconds are over
    )
    assert "fenced: 1" in cause.detail
    assert ("broker 1", "fenced") in {(p.object, p.field) for p in cause.proof}
    assert {r.cause.rule: r.of for r in found.causes}["partitions.offline"] == found.root


@proves("partitions.offline")
def test_partitions_of_a_broker_that_was_taken_out_are_offline(ward: dict[str, Patient]):
    """Scaled down and unregistered without moving its replicas: no broker is missing any more."""
    patient = healthy(ward["follower"], "partitions.offline")
    make = ("--create", "--topic", "left", "--replica-assignment", "0,1", "--if-not-exists")
    tool(patient, "kafka-topics.sh", *HERE, *make)
    patient.kubectl("scale", "statefulset", "app", "--replicas=1")
    patient.kubectl("wait", "--for=delete", "pod/app-1", "--timeout=60s")
    tool(patient, "kafka-cluster.sh", "unregister", *HERE, "--id", "1")

    cause = patient.named()

    assert ("topic left", "1 of 2") in {(p.object, p.value) for p in cause.proof}


@proves("quorum.no_leader")
def test_half_of_the_voters_are_no_majority(ward: dict[str, Patient]):
    """One of two voters is scaled away; when it is back, there is a leader."""
    patient = healthy(ward["voters"], "quorum.no_leader")
    patient.kubectl("scale", "statefulset", "app", "--replicas=1")

    cause = patient.named()
    patient.kubectl("scale", "statefulset", "app", "--replicas=2")
    patient.silent()

    assert "no leader" in cause.detail
    assert ("quorum", "leader") in {(p.object, p.field) for p in cause.proof}


@proves("connect.protocol")
def test_a_client_without_sasl_is_told_of_by_the_brokers_log(ward: dict[str, Patient]):
    """The client waits for ever; the broker has written what it had against it."""
    patient = healthy(ward["sasl"], "connect.protocol")
    client = ("kafka-topics.sh", "--bootstrap-server", "localhost:9094", "--list")
    tool(patient, "timeout", "8", f"{BIN}/{client[0]}", *client[1:], fails=True)

    cause = patient.named()

    assert "SASL" in cause.detail
    assert "Unexpected Kafka request" in cause.proof[0].value


def _fenced(patient: Patient) -> Cause | None:
    """The finding about missing brokers, once the cluster has fenced one."""
    told = (r.cause for r in patient.diagnose().causes if r.cause.rule == "brokers.missing")
    return next((c for c in told if "fenced" in c.detail), None)


def healthy(patient: Patient, rule: str) -> Patient:
    """The patient, once nothing is wrong with it; it is to have this fault."""
    until(lambda: patient.diagnose().healthy(), f"{patient.namespace} is well", 240, pause=1.0)
    return replace(patient, rule=rule)


def tool(patient: Patient, *words: str, fails: bool = False) -> str:
    """One of Kafka's tools in the first pod; `fails` where it is meant to."""
    kubectl = patient.lab.program("kubectl", patient.namespace)
    name = f"{BIN}/{words[0]}" if words[0].endswith(".sh") else words[0]
    done = kubectl.attempt("exec", "app-0", "--", name, *words[1:])
    assert fails or done.returncode == 0, done.stdout + done.stderr
    return done.stdout
