"""The page of the doctor's findings, from the docstrings of the rules."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.diagnosis.causes import Family
from learnflow_kafka.core.diagnosis.evidence import Where
from learnflow_kafka.core.diagnosis.table import RULES

if TYPE_CHECKING:
    from learnflow_kafka.core.diagnosis.causes import Rule

LAB: Final = frozenset({
    "claim.no_volume", "claim.class_missing", "claim.provisioner", "claim.waits_for_pod",
    "pending.room", "pending.taint", "pending.spread", "pending.selector", "pending.volume_zone",
    "pending.other", "pods.not_created", "image.pull", "container.not_made",
    "crash.out_of_memory", "crash.probe", "crash.other", "service.no_endpoints",
    "external.no_address", "namespace.terminating", "release.failed", "kafka.silent",
    "crash.lost_found", "crash.cluster_id", "crash.not_formatted", "crash.disk_full",
    "topics.missing", "topics.different", "connect.advertised", "dns.broken", "network.blocked",
    "zookeeper.not_serving", "zookeeper.sessions", "brokers.missing", "partitions.offline",
    "quorum.no_leader", "quorum.split", "connect.protocol", "pending.node_down", "connect.client",
})  # fmt: skip
"""Rules that a real cluster proved: its scheduler, controllers and kubelet made the evidence."""

_PLACES: Final = {
    Where.KUBERNETES: "Kubernetes",
    Where.LOCAL: "this machine",
    Where.ADDRESS: "bare addresses",
}
_ASKED: Final = (
    (
        "Kafka pods are stuck in Pending",
        (
            (
                "Are there enough nodes and resources?",
                ("pending.room", "pending.taint", "pending.spread", "pending.selector",
                 "pending.node_down", "pods.not_created", "pending.other"),
            ),
            (
                "Is a PersistentVolume available?",
                ("claim.no_volume", "pending.volume_zone", "claim.waits_for_pod"),
            ),
            (
                "Is the storage class right?",
                ("claim.class_missing", "claim.provisioner", "claim.no_volume"),
            ),
        ),
    ),
    (
        "Topics are not created",
        (
            (
                "Is Kafka fully ready?",
                ("brokers.missing", "quorum.no_leader", "quorum.split", "kafka.silent",
                 "partitions.offline"),
            ),
            (
                "What do the pods' logs say?",
                ("image.pull", "container.not_made", "crash.out_of_memory", "crash.lost_found",
                 "crash.cluster_id", "crash.not_formatted", "crash.disk_full", "crash.probe",
                 "crash.other", "process.down"),
            ),
            ("Was it allowed, and done as declared?", ("topics.missing", "topics.different")),
        ),
    ),
    (
        "Connections time out",
        (
            (
                "Is the service there within the cluster?",
                ("service.no_endpoints", "connect.advertised", "connect.client",
                 "connect.protocol", "external.no_address"),
            ),
            ("Do network policies let it through?", ("network.blocked",)),
            ("Do names resolve?", ("dns.broken",)),
        ),
    ),
    (
        "ZooKeeper",
        (
            ("Do its pods run?", ("zookeeper.not_serving", "image.pull", "pending.other")),
            ("Do connections to it hold?", ("zookeeper.sessions",)),
        ),
    ),
    (
        "A release or a namespace hangs",
        (("What does it wait for?", ("release.failed", "namespace.terminating")),),
    ),
)  # fmt: skip


def page() -> str:
    """The index by what people see, then every finding."""
    lines = [
        "# The doctor's findings",
        "",
        "Written from the rules by `make docs`. The names are stable: programs may look for them",
        "(see [compatibility](../compatibility.md)). How to use it:",
        "[diagnose](../how-to/diagnose.md).",
        "",
        "## By what you see",
        "",
    ]
    for symptom, questions in _ASKED:
        lines += [f"**{symptom}**", ""]
        for question, names in questions:
            links = ", ".join(f"[`{name}`](#{_anchor(name)})" for name in names)
            lines += [f"- {question} {links}"]
        lines += [""]
    for family in Family:
        lines += [f"## {family}"]
        for rule in RULES:
            if rule.family is family:
                lines += _section(rule)
        lines += [""]
    return "\n".join(lines).rstrip() + "\n"


def _section(rule: Rule) -> list[str]:
    text = inspect.cleandoc(rule.judge.__doc__ or "")
    needs = ", ".join(rule.needs) or "nothing"
    where = ", ".join(_PLACES[w] for w in rule.where)
    proven = (
        "on the lab: a real cluster with this fault"
        if rule.name in LAB
        else "by recorded evidence: objects, messages and log lines as they come"
    )
    return [
        "",
        f"### `{rule.name}`",
        "",
        f"*{rule.question}*",
        "",
        text,
        "",
        f"Needs: {needs}. Asked on: {where}. Proven {proven}.",
    ]


def _anchor(name: str) -> str:
    return name.replace(".", "")
