"""Each check of a release on Kubernetes: a fault that it finds, and a healthy twin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from tests.support.kubernetes import UNREADABLE, claims, healthy, nothing, pod, services, workload

from learnflow_kafka.core.checks.deployment import (
    CHECKS,
    DeploymentEvidence,
    Inside,
    ZooKeeperServer,
    evaluate,
)
from learnflow_kafka.core.checks.evidence import Unknown
from learnflow_kafka.core.findings import Finding, Status
from learnflow_kafka.core.kubernetes import ZOOKEEPER, Snapshot

UNASKED = Unknown("nobody asked")
INSIDE = Inside("kafka-0", {"kafka.kafka.svc": None}, {"kafka-0.k:9092": None})


def found(
    name: str,
    seen: Snapshot,
    inside: Inside | Unknown = INSIDE,
    servers: Mapping[str, ZooKeeperServer] | Unknown = UNASKED,
) -> Finding:
    report = evaluate(DeploymentEvidence("kafka", "kafka", seen, inside, servers))
    return next(f for f in report.findings if f.name == f"kubernetes.{name}")


def with_ensemble(*modes: str | None) -> tuple[Snapshot, dict[str, ZooKeeperServer]]:
    """A release with three ZooKeeper servers, and what each answers."""
    servers = workload(3, name="kafka-zookeeper", component=ZOOKEEPER)
    seen = replace(healthy(), workloads=(workload(), servers))
    answers = {f"kafka-zookeeper-{n}": ZooKeeperServer(mode) for n, mode in enumerate(modes)}
    return seen, answers


def test_a_healthy_release_passes_every_check():
    """The twin of all faults below: nothing but OK."""
    report = evaluate(DeploymentEvidence("kafka", "kafka", healthy(), INSIDE))

    assert {f.status for f in report.findings} == {Status.OK}
    assert [f.name for f in report.findings] == [c.name for c in CHECKS]


@pytest.mark.parametrize(
    ("name", "seen", "words"),
    [
        ("namespace", nothing(), "there is no namespace kafka"),
        ("namespace", nothing("Terminating"), "is Terminating"),
        ("workloads", nothing("Active"), "has no brokers"),
        ("workloads", replace(healthy(), workloads=(workload(ready=2),)), "kafka has 2 of 3"),
        (
            "pods",
            replace(healthy(), pods=(pod(0), pod(1, ready=False, trouble="no node takes it"))),
            "not ready: kafka-1",
        ),
        ("pods", replace(healthy(), pods=()), "no pods"),
        ("services", replace(healthy(), services=services()[1:]), "port 9092"),
        ("services", replace(healthy(), services=services(0)), "nothing is behind"),
        ("services", replace(healthy(), services=services(2)), "not every ready broker"),
        (
            "services",
            replace(healthy(), services=tuple(replace(s, ready=None) for s in services())),
            "nothing is behind kafka",
        ),
        (
            "claims",
            replace(healthy(), claims=(replace(claims()[0], phase="Pending"), *claims()[1:])),
            "without a volume: data-kafka-0",
        ),
    ],
)
def test_a_broken_object_is_named(name: str, seen: Snapshot, words: str):
    """Each fault is found by its check, which names the object and a next step."""
    finding = found(name, seen)

    assert finding.status is Status.FAILED
    assert words in finding.detail
    assert finding.fix


def test_restarted_containers_and_missing_claims_are_warnings():
    """What works, but somebody should look at, does not make a release unhealthy."""
    restarted = replace(healthy(), pods=(pod(0, restarts=4), pod(1), pod(2)))

    assert found("pods", restarted).status is Status.WARNING
    assert "kafka-0 (4)" in found("pods", restarted).detail
    assert found("claims", replace(healthy(), claims=())).status is Status.WARNING


def test_a_service_of_one_broker_needs_one_pod():
    """Services that select one pod by its name are not asked for all brokers."""
    one = replace(
        services()[0],
        name="kafka-0-external",
        ready=1,
        selector={"statefulset.kubernetes.io/pod-name": "kafka-0"},
    )
    seen = replace(healthy(), services=(*services(), one))

    assert found("services", seen).status is Status.OK


def test_names_and_addresses_that_lead_nowhere_are_found_from_inside():
    """DNS and listeners are judged by what a pod sees, not by this machine."""
    inside = Inside("kafka-2", {"kafka.x": "does not resolve"}, {"a:9092": "takes no connection"})

    assert "in pod kafka-2, no address for kafka.x" in found("dns", healthy(), inside).detail
    assert "a:9092" in found("listeners", healthy(), inside).detail
    assert found("listeners", healthy(), Inside("kafka-0")).status is Status.NOT_CHECKED


@pytest.mark.parametrize("name", ["dns", "listeners"])
@pytest.mark.parametrize("fault", [None, "does not resolve"])
def test_what_a_client_sees_says_from_where(name: str, fault: str | None):
    """The finding names its pod, good or bad, and the doctor that looks from there too."""
    seen = Inside("shop/orders-0", {"kafka.x": fault}, {"kafka.x:9092": fault}, client=True)
    finding = found(name, healthy(), seen)

    assert "pod shop/orders-0" in finding.detail
    assert ("learnflow doctor --client shop/orders-0" in (finding.fix or "")) is bool(fault)


@pytest.mark.parametrize(
    ("modes", "status"),
    [
        (("follower", "leader", "follower"), Status.OK),
        (("follower", "follower", None), Status.FAILED),
        (("leader", "leader", "follower"), Status.FAILED),
        (("leader", "follower", None), Status.FAILED),
        ((None, None, None), Status.FAILED),
    ],
)
def test_an_ensemble_has_one_leader_and_followers(modes: tuple[str | None, ...], status: Status):
    """No leader, two of them, or a server that is silent is not an ensemble that serves."""
    seen, servers = with_ensemble(*modes)

    assert found("zookeeper", seen, UNREADABLE, servers).status is status


@pytest.mark.parametrize("part", ["namespace", "workloads", "pods", "services", "claims"])
def test_a_part_that_cannot_be_read_leaves_the_others_alone(part: str):
    """One refused request is `not checked` for what needs it, and for nothing else."""
    report = evaluate(
        DeploymentEvidence("kafka", "kafka", replace(healthy(), **{part: UNREADABLE}), INSIDE)
    )

    assert report.count(Status.NOT_CHECKED) in {1, 2}
    assert report.count(Status.FAILED) == 0


def test_without_a_pod_to_look_from_only_the_inside_is_unknown():
    """No exec, no look inside: the objects are judged all the same."""
    report = evaluate(DeploymentEvidence("kafka", "kafka", healthy(), UNREADABLE))
    unknown = {f.name for f in report.findings if f.status is Status.NOT_CHECKED}

    assert unknown == {"kubernetes.dns", "kubernetes.listeners"}
