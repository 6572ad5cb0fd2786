"""
A catalog from what is live, and a declared topic from Kafka's own words.

Only what is set on a topic itself is taken over: what the cluster's defaults give stays the
cluster's to decide, and the first plan of the catalog is empty.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.catalog import Catalog, Cleanup, Topic
from learnflow_kafka.core.names import is_internal, is_reserved
from learnflow_kafka.core.plans.desired import (
    CLEANUP,
    MAX_RECORD,
    MIN_ISR,
    RETENTION_BYTES,
    RETENTION_MS,
    Notice,
)
from learnflow_kafka.core.plans.diff import FOREIGN
from learnflow_kafka.core.units import FOREVER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from learnflow_kafka.core.observed import TopicState
    from learnflow_kafka.core.plans.desired import Desired

_NUMBER: Final = re.compile(r"-?\d{1,19}\Z")
_NAMED: Final = (RETENTION_MS, RETENTION_BYTES, CLEANUP, MAX_RECORD, MIN_ISR)
"""Configs that have a key of their own in the catalog."""


def adopted(name: str, states: Iterable[TopicState]) -> tuple[Catalog, tuple[Notice, ...]]:
    """
    A catalog of the live topics, and what about them it could not take over.

    Internal topics and our own are left out. The configs must have been read.
    """
    topics: dict[str, Topic] = {}
    notices: list[Notice] = []
    for state in sorted(states, key=lambda found: found.name):
        if not (state.internal or is_internal(state.name) or is_reserved(state.name)):
            topics[state.name] = _adopt(state, notices)
    return Catalog(name, topics), tuple(notices)


def _adopt(state: TopicState, notices: list[Notice]) -> Topic:
    own = {k: v for k, v in state.own_configs().items() if v is not None and k not in FOREIGN}
    if state.replication is None:
        counts = sorted({len(p.replicas) for p in state.partitions})
        notices.append(
            Notice(
                "replication-uneven",
                state.name,
                f"its partitions have {' and '.join(map(str, counts))} replicas: the catalog "
                "leaves replication alone",
            )
        )
    topic = declared(Topic(state.name, len(state.partitions), replication=state.replication), own)
    least, copies = topic.min_insync_replicas, topic.replication
    if least is not None and copies is not None and least > copies:
        notices.append(
            Notice(
                "min-isr-above-replication",
                state.name,
                f"min.insync.replicas {least} is more than its {copies} replicas, so that "
                "nothing can be written with acks=all: the catalog leaves it alone",
            )
        )
        topic = replace(topic, min_insync_replicas=None)
    notices += [
        Notice("config-left-alone", state.name, f"{key} {own[key]!r} cannot be declared")
        for key in _NAMED
        if key in own and key != MIN_ISR and _taken(topic, key) is None
    ]
    return topic


def declared(topic: Topic, config: Mapping[str, str]) -> Topic:
    """
    The topic with these configs, each in the place that the catalog has for it.

    A value that the catalog cannot say is left out.
    """
    return replace(
        topic,
        min_insync_replicas=_number(config.get(MIN_ISR), least=1),
        retention_ms=_number(config.get(RETENTION_MS), least=FOREVER),
        retention_bytes=_number(config.get(RETENTION_BYTES), least=FOREVER),
        cleanup=_cleanup(config.get(CLEANUP)),
        max_record_bytes=_number(config.get(MAX_RECORD), least=0),
        config={k: v for k, v in sorted(config.items()) if k not in _NAMED},
    )


def concrete(catalog: Catalog, desired: Desired) -> Catalog:
    """The catalog with every topic as the environment of `desired` has it, and no others."""
    return replace(
        catalog,
        topics={
            name: declared(
                replace(
                    topic,
                    partitions=desired.topics[name].partitions,
                    replication=desired.topics[name].replication,
                ),
                desired.topics[name].config,
            )
            for name, topic in catalog.topics.items()
        },
        environments={},
    )


def _taken(topic: Topic, key: str) -> object:
    return {
        RETENTION_MS: topic.retention_ms,
        RETENTION_BYTES: topic.retention_bytes,
        CLEANUP: topic.cleanup,
        MAX_RECORD: topic.max_record_bytes,
        MIN_ISR: topic.min_insync_replicas,
    }[key]


def _number(text: str | None, *, least: int) -> int | None:
    if text is None or not _NUMBER.match(text) or int(text) < least:
        return None
    return int(text)


def _cleanup(text: str | None) -> Cleanup | None:
    if text is None:
        return None
    words = frozenset(part.strip() for part in text.split(","))
    return next((c for c in Cleanup if frozenset(c.split(",")) == words), None)
