"""Evidence as no cluster should show it: every field by chance, from words that rules look for."""

import dataclasses
import types
from collections.abc import Mapping
from enum import StrEnum
from random import Random
from typing import Any, Union, get_args, get_origin, get_type_hints

from learnflow_kafka.core import observed
from learnflow_kafka.core.diagnosis import evidence, objects

WORDS = (
    "", "kafka", "kafka-0", "kafka-1", "data-kafka-0", "zookeeper", "node-1", "standard", "é\x00",
    "Pending", "Unschedulable", "PodScheduled", "False", "True", "Ready", "Failed", "default",
    "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s).",
    "0/2 nodes are available: ", "FailedCreate", "Killing", "In", "NotIn", "Exists", "Gt", "Lt",
    "exceeded quota: kafka, requested: pods=x, used: , limited:", "Pod", "NoSchedule", "cpu",
    "ImagePullBackOff", "CrashLoopBackOff", "OOMKilled", "-Xmx1g", "-XX:MaxRAMPercentage=99",
    "LoadBalancer", "ExternalName", "Ingress", "Egress", "pending-install", "failed", "None",
    "NamespaceFinalizersRemaining", "StatefulSet", "StatefulSet/kafka", "kafka:9092", "stopped",
    "Mode: standalone", "WaitForFirstConsumer", "kubernetes.io/no-provisioner", "9092", "²",
    "kafka.kafka.svc.cluster.local", "svc.cluster.local", "srvr", "app.kubernetes.io/name",
)  # fmt: skip
NUMBERS = (0, 1, 2, 137, 9092, 2**31, 2**63)
NAMES = {
    name: found
    for module in (objects, observed, evidence)
    for name, found in vars(module).items()
    if isinstance(found, type)
}


def odd(hint: Any, random: Random) -> Any:
    """A value of a type, by chance."""
    origin = get_origin(hint)
    if origin in {Union, types.UnionType}:
        members = get_args(hint)
        return None if random.random() < 0.3 else odd(members[0], random)
    if origin is tuple:
        return tuple(odd(get_args(hint)[0], random) for _ in range(random.choice((0, 1, 1, 2))))
    if origin is Mapping:
        key, value = get_args(hint)
        return {odd(key, random): odd(value, random) for _ in range(random.choice((0, 1, 2)))}
    return _plain(hint, random)


def _plain(hint: Any, random: Random) -> Any:
    choices = {bool: (True, False), int: NUMBERS, str: WORDS}
    if hint in choices:
        return random.choice(choices[hint])
    if issubclass(hint, StrEnum):
        return random.choice(list(hint))
    hints = get_type_hints(hint, localns={**NAMES, "Mapping": Mapping})
    return hint(**{f.name: odd(hints[f.name], random) for f in dataclasses.fields(hint)})
