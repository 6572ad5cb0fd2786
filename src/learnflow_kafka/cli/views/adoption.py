"""How an adopted catalog is introduced, and how a catalog looks in other tools' words."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from learnflow_kafka.app.adopt import Adopted
    from learnflow_kafka.core.plans.desired import Desired, DesiredTopic


def show(found: Adopted, console: Console, out: str | None) -> None:
    """What was taken over, what was not, and what to do next."""
    count = len(found.catalog.topics)
    console.print(
        f"{count} topic{'' if count == 1 else 's'} of cluster {found.cluster_id}"
        + (f"; {found.left_out} internal left out" if found.left_out else "")
    )
    for notice in found.notices:
        console.print(f"  note: {notice.topic}: {notice.what}")
    console.print(
        "  note: whether a topic's keys must stay in order cannot be seen from outside: "
        "add `key` where it matters"
    )
    console.print(f"  next: learnflow plan --catalog {out or 'FILE'}")


def as_json(found: Adopted, text: str) -> dict[str, object]:
    """The catalog's YAML, with what was not taken over."""
    return {
        "kind": "adopted",
        "version": 1,
        "cluster_id": found.cluster_id,
        "topics": [*found.catalog.topics],
        "left_out": found.left_out,
        "notices": [{"rule": n.rule, "topic": n.topic, "what": n.what} for n in found.notices],
        "catalog": text,
    }


def desired_json(desired: Desired) -> dict[str, object]:
    """Every topic as it should be, derived ones included."""
    return {
        "kind": "desired",
        "version": 1,
        "catalog": desired.catalog,
        "environment": desired.environment,
        "brokers": desired.brokers,
        "topics": [
            {
                "name": t.name,
                "origin": t.origin.value,
                "source": t.source,
                "owner": t.owner,
                "partitions": t.partitions,
                "replication": t.replication,
                "config": dict(t.config),
                "place": str(t.place),
            }
            for t in desired.topics.values()
        ],
        "notices": [{"rule": n.rule, "topic": n.topic, "what": n.what} for n in desired.notices],
    }


def shell_script(desired: Desired) -> str:
    """The topics as commands of Kafka's own tool, to read or to run where this tool is not."""
    place = f", environment {desired.environment}" if desired.environment else ""
    counts = f"{desired.declared} declared, {desired.derived} derived"
    lines = [
        "#!/bin/sh",
        f"# The topics of catalog {desired.catalog}{place}: {counts}.",
        "# It makes what is missing and changes nothing that exists.",
        "set -eu",
        ': "${BOOTSTRAP:?set it to host:port}"',
        "",
    ]
    lines += [_create(topic) for topic in desired.topics.values()]
    return "\n".join(lines) + "\n"


def _create(topic: DesiredTopic) -> str:
    words = ["kafka-topics.sh", "--create", "--if-not-exists", "--topic", topic.name]
    words += ["--partitions", str(topic.partitions)]
    if topic.replication is not None:
        words += ["--replication-factor", str(topic.replication)]
    for key, value in topic.config.items():
        words += ["--config", f"{key}={value}"]
    return f'{shlex.join(words)} --bootstrap-server "$BOOTSTRAP"'
