"""
Waiting until every broker shows a change, so that the next read sees it.

Brokers learn of changes in their order, so the last one of many stands for all of them.
The wait is bounded and its end is no error: the change is made, only not seen everywhere.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from learnflow_kafka.adapters.kafka_admin.client import Call
from learnflow_kafka.adapters.kafka_admin.read import (
    TOPIC,
    configs_of,
    describe_configs,
    metadata_of,
    topics_in,
)
from learnflow_kafka.core.observed import ConfigSource
from learnflow_kafka.core.ports import Fault
from learnflow_kafka.errors import KafkaError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from learnflow_kafka.adapters.kafka_admin.client import Client
    from learnflow_kafka.core.observed import TopicState
    from learnflow_kafka.core.plans.changes import AlterConfig

KNOWN: Final = 60.0
"""
Seconds for brokers to know of topics that were made or deleted.

They follow within milliseconds, but a broker first makes the files of thousands of
partitions, one after the other, before it learns of the next.
"""

FOLLOWED: Final = 5.0
"""Seconds for leaders and configs, which need no files."""


def until_created(client: Client, topic: str | None, partitions: int = 1) -> None:
    """Wait until the topic has that many partitions everywhere, and then for their leaders."""

    def known(found: TopicState | None) -> bool:
        return found is not None and len(found.partitions) >= partitions

    def led(found: TopicState | None) -> bool:
        return found is not None and all(p.leader is not None for p in found.partitions)

    if topic is not None:
        client.until(lambda: all(map(known, _seen(client, topic))), KNOWN)
        client.until(lambda: all(map(led, _seen(client, topic))), FOLLOWED)


def until_deleted(client: Client, topic: str | None) -> None:
    """Wait until no broker knows the topic."""
    if topic is not None:
        client.until(lambda: not any(_seen(client, topic)), KNOWN)


def until_edited(client: Client, changes: Sequence[AlterConfig]) -> None:
    """Wait until every broker shows the topics' new configs."""
    for change in changes:
        client.until(partial(_edited, client, change), FOLLOWED)


def _seen(client: Client, topic: str) -> list[TopicState | None]:
    """The topic as each broker that answers knows it."""
    calls = [Call(metadata_of([topic]), to=b, items=(topic,)) for b in client.brokers()]
    answers = client.send_each(calls)
    return [topics_in(a).get(topic) for a in answers if not isinstance(a, KafkaError)]


def _edited(client: Client, change: AlterConfig) -> bool:
    calls = [
        Call(describe_configs(TOPIC, [change.topic]), to=b, items=(change.topic,))
        for b in client.brokers()
    ]
    for answer in client.send_each(calls):
        if isinstance(answer, KafkaError):
            continue
        found = configs_of(answer.results[0], {})
        if isinstance(found, Fault):
            # Not allowed to look: there is nothing to wait for.
            return True
        for edit in change.edits:
            shown = found.get(edit.key)
            own = shown.value if shown and shown.source is ConfigSource.TOPIC else None
            if own != edit.after:
                return False
    return True
