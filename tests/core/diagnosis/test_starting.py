"""Pods that are not created: whose refusal it is, and the way out."""

from tests.core.diagnosis import graphs as g

from learnflow_kafka.core.diagnosis.causes import Cause
from learnflow_kafka.core.diagnosis.objects import Workload
from learnflow_kafka.core.diagnosis.rules.starting import not_created

QUOTA = "exceeded quota: all, requested: pods=1, used: pods=2, limited: pods=2"


def refused(workload: Workload, kind: str, name: str) -> list[Cause]:
    """What is said of a workload that lacks a pod, where this object was refused one."""
    told = g.event(kind, name, "FailedCreate", QUOTA)
    return [*not_created(g.healthy(workloads=(workload,), events=(told,)))]


def test_a_refusal_is_told_of_the_workload_that_was_refused():
    """A StatefulSet by its name; a Deployment by the ReplicaSet that it makes."""
    brokers = g.stateful(created=2)
    console = g.stateful(kind="Deployment", name="console", created=2)

    assert refused(brokers, "StatefulSet", "kafka")
    assert refused(console, "ReplicaSet", "console-7d9f8c6b5")


def test_a_refusal_of_a_namesake_is_not_told():
    """The dedicated controllers' refusal is not the brokers', though the name begins the same."""
    brokers = g.stateful(created=2)
    console = g.stateful(kind="Deployment", name="kafka", created=2)

    assert not refused(brokers, "StatefulSet", "kafka-controller")
    assert not refused(brokers, "ReplicaSet", "kafka-7d9f8c6b5")
    assert not refused(console, "ReplicaSet", "kafka-ui-7d9f8c6b5")
