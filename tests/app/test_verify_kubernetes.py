"""Verify on Kubernetes: what is asked from inside, and how answers become evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.support.kubernetes import FakePlatform, healthy, pod, workload

from learnflow_kafka.app.verify_kubernetes import (
    advertised_by,
    ensemble,
    look_at,
    look_at_ensemble,
    look_inside,
    together,
)
from learnflow_kafka.core.checks.deployment import Inside, evaluate
from learnflow_kafka.core.checks.evidence import Unknown
from learnflow_kafka.core.connection import Kubernetes
from learnflow_kafka.core.findings import Finding, Report, Status
from learnflow_kafka.core.kubernetes import ZOOKEEPER
from learnflow_kafka.core.observed import ConfigSource, ConfigValue
from learnflow_kafka.core.ports import Fault
from learnflow_kafka.errors import ApiForbiddenError

HOST = "kafka-0.kafka-headless.kafka.svc.cluster.local"
ADVERTISED = {
    0: f"CLIENT://{HOST}:9092,INTERNAL://{HOST}:9094,LOCAL://localhost:19092,EXTERNAL://x.org:1"
}


def asked(platform: FakePlatform, advertised: dict[int, str]) -> list[str]:
    """The addresses that a look inside tries."""
    seen: list[str] = []

    def answer(words: Sequence[str]) -> str:
        seen.extend(words[4:])
        return "means bash\n"

    platform.answers = answer
    look_inside(platform, platform.snapshot(), "kafka", advertised)
    return seen


def test_names_and_addresses_come_from_what_brokers_advertise():
    """The bootstrap's full name, each broker's, and each address that is meant for inside."""
    tried = asked(FakePlatform([healthy(1)]), ADVERTISED)

    assert tried == ["kafka.kafka.svc.cluster.local:9092", f"{HOST}:9092", f"{HOST}:9094"]


def test_a_silent_cluster_still_has_names_to_resolve():
    """With Kafka dead the pods' names follow from the StatefulSet."""
    tried = asked(FakePlatform([healthy(2)]), {})

    assert tried == [
        "kafka.kafka.svc:9092",
        "kafka-0.kafka-headless.kafka.svc:9092",
        "kafka-1.kafka-headless.kafka.svc:9092",
    ]


def test_a_name_that_resolves_is_good_whatever_its_port_says():
    """An address is judged by name and connection, a name by itself."""
    platform = FakePlatform([healthy(1)])
    platform.answers = lambda words: (
        "means nc\n"
        + "".join(
            f"probe {one} 1 {said}\n"
            for one, said in zip(words[4:], ("refused", "bad address", "refused"), strict=True)
        )
    )

    found = look_inside(platform, platform.snapshot(), "kafka", ADVERTISED)

    assert isinstance(found, Inside)
    assert list(found.names.values()) == [None, "does not resolve (bad address)"]
    assert list(found.addresses.values()) == [
        "does not resolve (bad address)", "takes no connection (refused)",
    ]  # fmt: skip


def test_every_server_of_an_ensemble_is_asked_alone():
    """One that is silent shows; the others answer for themselves."""
    servers = workload(2, name="kafka-zookeeper", component=ZOOKEEPER, service="kafka-zk")
    platform = FakePlatform([replace(healthy(1), workloads=(workload(1), servers))])
    platform.answers = lambda words: "kafka-zookeeper-0.kafka-zk.kafka.svc:2181 leader\n"

    found = look_at_ensemble(platform, platform.snapshot(), "kafka")

    assert not isinstance(found, Unknown)
    assert found["kafka-zookeeper-0"].mode == "leader"
    assert found["kafka-zookeeper-1"].fault == "does not serve"
    assert ensemble(found) == {"kafka-zookeeper-0": None, "kafka-zookeeper-1": "does not serve"}


def test_an_attempt_without_an_answer_failed():
    """A line that is missing is a fault, never a pass."""
    platform = FakePlatform([healthy(1)])
    platform.answers = lambda words: f"means bash\nprobe {words[4]} 0 \n"

    found = look_inside(platform, platform.snapshot(), "kafka", ADVERTISED)

    assert isinstance(found, Inside)
    assert list(found.names.values()) == [None, "does not resolve (not told)"]
    assert list(found.addresses.values()) == ["does not resolve (not told)"] * 2


def test_a_client_is_looked_from_in_place_of_a_broker():
    """Names and addresses are tried from its pod, and ZooKeeper from a broker's all the same."""
    servers = workload(1, name="kafka-zookeeper", component=ZOOKEEPER, service="kafka-zk")
    platform = FakePlatform([replace(healthy(1), workloads=(workload(1), servers))])

    found = look_at(platform, Kubernetes(), ADVERTISED, ("shop", "orders-0"))

    assert [(s.namespace, s.pod) for s in platform.spots] == [
        ("shop", "orders-0"), ("kafka", "kafka-0"),
    ]  # fmt: skip
    assert isinstance(found.inside, Inside)
    assert (found.inside.pod, found.inside.client) == ("shop/orders-0", True)
    assert [*found.inside.addresses] == [f"{HOST}:9092"], "port 9094 is for brokers"


def test_a_client_without_tools_leaves_its_view_unknown():
    """What was not looked at is not judged, and the way by hand is told."""
    platform = FakePlatform([healthy(1)], answers=lambda _words: "means nothing\n")

    found = look_inside(platform, platform.snapshot(), "kafka", {}, ("shop", "orders-0"))

    assert isinstance(found, Unknown)
    assert "pod shop/orders-0 can try no address" in found.reason
    assert "kubectl debug -n shop orders-0" in (found.fix or "")


def test_nobody_looks_from_a_pod_that_does_not_run():
    """A ready pod first, a running one else; without any the inside is unknown."""
    none = replace(healthy(1), pods=(pod(0, ready=False, running=False),))
    running = replace(healthy(2), pods=(pod(0, running=False), pod(1, ready=False)))

    blind = look_inside(FakePlatform([none]), none, "kafka", {})
    looked = look_inside(FakePlatform([running]), running, "kafka", {})

    assert isinstance(blind, Unknown)
    assert isinstance(looked, Inside)
    assert looked.pod == "kafka-1"


def test_a_missing_right_leaves_the_objects_judged():
    """Without `exec` only the three checks from inside are not made."""
    error = ApiForbiddenError("pods/exec is forbidden", status=403, reason="Forbidden")
    platform = FakePlatform([healthy()], refuses_to_run=error)

    report = evaluate(look_at(platform, Kubernetes(), ADVERTISED))

    assert report.count(Status.NOT_CHECKED) == 2
    assert report.count(Status.FAILED) == 0


def test_a_broker_that_does_not_tell_is_left_out():
    """Settings that a broker refuses, or that nobody could ask for, advertise nothing."""
    told = {"advertised.listeners": ConfigValue("CLIENT://a:1", ConfigSource.STATIC)}

    assert advertised_by({0: told, 1: Fault("X", "no")}) == {0: "CLIENT://a:1"}
    assert advertised_by(Unknown("no answer")) == {}


def test_objects_stand_before_the_cluster_that_they_carry():
    """One report for both."""
    objects, cluster = (Report((Finding(name, Status.OK, ""),)) for name in ("a", "b"))

    assert [f.name for f in together(objects, cluster).findings] == ["a", "b"]
