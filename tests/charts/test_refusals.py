"""Values that would break a cluster are refused, before anything is sent to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.rendering import Helm

SCHEMA = [
    ("controler.replicas=3", "controler"),
    ("mode=raft", "mode"),
    ("replicas=0", "replicas"),
    ("replicas=three", "replicas"),
    ("controllers.replicas=2", "replicas"),
    ("clusterId=short", "clusterId"),
    ("clusterId=-L00000000000000000Aw", "clusterId"),
    ("image.digest=latest", "digest"),
    ("heap=1Gi", "heap"),
    ("storage.size=20", "size"),
    ("resourcesPreset=huge", "resourcesPreset"),
    ("listeners.client.protocol=TLS", "protocol"),
    ("listeners.local.basePort=80", "basePort"),
    ("scheduling.nodes=sometimes", "nodes"),
    ("health.livenessSeconds=5", "livenessSeconds"),
    ("storage.whenDeleted=Keep", "whenDeleted"),
]
RULES = [
    ("replicas=1", "there are only 1 brokers to be controllers too: set controllers.replicas to 1"),
    ("heap=3g", "Lower heap to 1548m or raise the limit to 3572Mi"),
    ("resources.limits.memory=520Mi", "is too small"),
    ("fullnameOverride=" + "a" * 41, "more than 40 characters"),
    ("fullnameOverride=0kafka", "cannot be a Service's name"),
    ("config.node\\.id=7", "config.node.id belongs to the chart"),
    ("config.listeners=A://:1", "config.listeners belongs to the chart"),
    ("extraEnv[0].name=KAFKA_HEAP_OPTS,extraEnv[0].value=x", "extraEnv sets KAFKA_HEAP_OPTS"),
    ("extraEnv[0].name=NODE_ID_BASE,extraEnv[0].value=5", "extraEnv sets NODE_ID_BASE"),
    ("extraEnv[0].name=PATH,extraEnv[0].value=/x", "extraEnv sets PATH"),
    (r"podLabels.app\.kubernetes\.io/name=mine", "podLabels sets app.kubernetes.io/name"),
    (r"commonLabels.app\.kubernetes\.io/name=mine", "commonLabels sets app.kubernetes.io/name"),
    (r"commonLabels.helm\.sh/chart=mine", "commonLabels sets helm.sh/chart"),
    (r"config.metadata\.max\.idle\.interval\.ms=0", "metadata.max.idle.interval.ms belongs to"),
    ("extraEnv[0].name=LOG_DIR,extraEnv[0].value=/x", "extraEnv sets LOG_DIR"),
    ("health.port=9095", "health.port 9095 is a listener's port"),
    ("health.port=9092", "health.port 9092 is a listener's port"),
    ("image.repository=apache/kafka-native", "cannot load the readiness agent"),
    ("listeners.external.enabled=true", "names 0 addresses for 3 brokers"),
    ("listeners.local.basePort=65534", "leaves no port for the last of 3 brokers"),
    ("mode=zookeeper,clusterId=L0000000000000000000Aw", "ZooKeeper makes the cluster's id"),
    ("mode=zookeeper,controllers.dedicated=true", "there are no dedicated controllers"),
]


@pytest.mark.parametrize(("value", "names"), SCHEMA)
def test_the_schema_names_the_wrong_value(each_helm: Helm, value: str, names: str):
    """Wrong types, unknown keys and values out of range: the path is in the message."""
    said = each_helm.refusal("--set", value)

    assert "schema" in said
    assert names in said


@pytest.mark.parametrize(("value", "says"), RULES)
def test_values_that_contradict_each_other_are_explained(helm: Helm, value: str, says: str):
    """What is wrong, and what to write instead."""
    assert says in helm.refusal("--set", value)


def test_all_problems_come_at_once(helm: Helm):
    """Nobody mends them one by one."""
    said = helm.refusal("--set", r"replicas=1,heap=3g,config.node\.id=7")

    assert said.count("\n- ") == 3
