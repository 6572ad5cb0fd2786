"""Pods that are not created: whose refusal it is, and the way out."""

import json
from dataclasses import replace

import pytest
from tests.core.diagnosis import graphs as g

from learnflow_kafka.core.diagnosis.causes import Cause, Remedy
from learnflow_kafka.core.diagnosis.objects import Pod, Workload
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


RESTRICTED = (
    'create Pod kafka-2 in StatefulSet kafka failed error: pods "kafka-2" is forbidden: violates '
    'PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "kafka" must '
    "set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (containers "
    '"prepare", "kafka" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true '
    '(pod or container "kafka" must set securityContext.runAsNonRoot=true), seccompProfile (pod '
    'or container "kafka" must set securityContext.seccompProfile.type to "RuntimeDefault" or '
    '"Localhost")'
)


def secured(message: str, *pods: Pod) -> Remedy:
    """The way out where the namespace's level refuses the third broker."""
    told = g.event("StatefulSet", "kafka", "FailedCreate", message)
    evidence = g.healthy(workloads=(g.stateful(created=2),), events=(told,), pods=pods)
    remedy = next(not_created(evidence)).remedy
    assert remedy is not None
    return remedy


def test_pods_get_the_security_context_that_is_demanded():
    """Each demand is met in the pods, init containers too; the namespace keeps its level."""
    prepare = replace(g.container(name="prepare"), init=True)
    remedy = secured(RESTRICTED, g.pod(0, containers=(prepare, g.container())))
    command = remedy.command or ""
    patch = json.loads(command.partition("-p '")[2].partition("'")[0])
    spec = patch["spec"]["template"]["spec"]

    assert command.startswith("kubectl patch statefulset kafka -n kafka -p ")
    assert "namespace" not in f"{remedy.what} {command}"
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "fsGroup": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    context = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert spec["containers"] == [{"name": "kafka", "securityContext": context}]
    assert spec["initContainers"] == [{"name": "prepare", "securityContext": context}]


def test_only_what_is_demanded_is_patched():
    """A user of the image's own is not replaced where nothing is said of users."""
    remedy = secured(f"{RESTRICTED.partition(': allow')[0]}: seccompProfile (pod must set it)")

    assert '{"securityContext":{"seccompProfile":{"type":"RuntimeDefault"}}}' in str(remedy.command)


@pytest.mark.parametrize(
    "demand",
    [
        'hostPath volumes (volume "disk")',
        'unrestricted capabilities (container "kafka" must not include "SYS_ADMIN")',
        "allowPrivilegeEscalation != false",
    ],
    ids=["not of the context", "to be taken out", "of no container"],
)
def test_lowering_the_namespaces_level_is_a_risk_and_no_command(demand: str):
    """Where a security context is not enough, the namespace is spoken of and not changed."""
    remedy = secured(f"{RESTRICTED.partition(': allow')[0]}: {demand}")

    assert remedy.command is None
    assert "a risk" in remedy.what
