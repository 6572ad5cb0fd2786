"""
Checks of every partition that we may see, and of Kafka's internal topics.

A fault in a topic that the catalog does not declare, and that is nobody's plumbing, is a
warning: it is told, and does not make somebody else's verification fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from learnflow_kafka.core import names
from learnflow_kafka.core.checks.evidence import Unknown, known
from learnflow_kafka.core.checks.outcomes import failed, not_checked, passed, warned
from learnflow_kafka.core.ports import Fault
from learnflow_kafka.core.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from learnflow_kafka.core.checks.evidence import Evidence
    from learnflow_kafka.core.checks.outcomes import Outcome
    from learnflow_kafka.core.observed import PartitionState, TopicState

MAX_INTERNAL_REPLICATION: Final = 3


class _Internal(NamedTuple):
    """
    One of Kafka's own topics, what it is for, and the broker config of its replication.

    Every consumer group needs the `essential` one; the others belong to features that a
    platform may never use.
    """

    topic: str
    purpose: str
    replication_key: str
    essential: bool = False


INTERNAL_TOPICS: Final = (
    _Internal("__consumer_offsets", "groups", "offsets.topic.replication.factor", essential=True),
    _Internal("__transaction_state", "transactions", "transaction.state.log.replication.factor"),
    _Internal(
        "__share_group_state",
        "share groups",
        "share.coordinator.state.topic.replication.factor",
    ),
)


def leaders_present(evidence: Evidence) -> Outcome:
    """Every partition has a leader."""
    return _judge_partitions(
        evidence,
        _offline,
        good="has a leader",
        bad="without a leader: nothing can be written or read there",
        fix="start the brokers that hold the replicas; "
        "never elect an out-of-sync one unless losing records is fine",
    )


def replicas_in_sync(evidence: Evidence) -> Outcome:
    """Every partition has all of its replicas in sync."""
    return _judge_partitions(
        evidence,
        _under_replicated,
        good="has all replicas in sync",
        bad="under-replicated",
        fix="start the brokers that are missing, and wait until they have caught up",
    )


def min_isr_met(evidence: Evidence) -> Outcome:
    """Every partition has enough replicas in sync for writes with acks=all."""
    configs = known(evidence.topic_configs)
    unknown: list[str] = []

    def below(topic: TopicState, partition: PartitionState) -> str | None:
        if len(partition.isr) >= len(partition.replicas):
            return None
        told = configs.get(topic.name)
        if told is None or isinstance(told, Fault) or "min.insync.replicas" not in told:
            unknown.append(f"{topic.name}: {told or 'its configs were not told'}")
            return None
        least = int(told["min.insync.replicas"].value or 1)
        if len(partition.isr) >= least:
            return None
        return f"{len(partition.isr)} in sync, min.insync.replicas is {least}"

    outcome = _judge_partitions(
        evidence,
        below,
        good="has enough replicas in sync for acks=all",
        bad="below min.insync.replicas: writes with acks=all are refused there",
        fix="start the brokers that are missing; do not lower min.insync.replicas instead",
    )
    if outcome.evidence or not unknown:
        return outcome
    return not_checked(
        "under-replicated topics do not tell their min.insync.replicas",
        dict.fromkeys(unknown),
        "allow this user DescribeConfigs on the topics",
    )


def internal_topics_healthy(evidence: Evidence) -> Outcome:
    """Kafka's own topics are led and replicated, or can be created when first used."""
    topics = known(evidence.topics)
    brokers = sum(not b.fenced for b in known(evidence.cluster).brokers)
    size = max(brokers, evidence.expected.brokers or 0)
    wanted = min(size, MAX_INTERNAL_REPLICATION)
    faults: list[str] = []
    doubts: list[str] = []
    notes: list[str] = []
    for internal in INTERNAL_TOPICS:
        topic = topics.get(internal.topic)
        if topic is not None:
            faults += _internal_faults(topic, wanted)
            notes.append(f"{topic.name}: {counted(len(topic.partitions), 'partition')}")
            continue
        (faults if internal.essential else doubts).extend(
            _creation_faults(evidence, internal, size)
        )
        notes.append(
            f"{internal.topic}: not there yet, or hidden; Kafka creates it with the first use"
        )
    if faults:
        return failed(
            f"{counted(len(faults), 'fault')} in Kafka's internal topics",
            [*faults, *doubts, *notes],
            "raise the replication of a topic with kafka-reassign-partitions, and the brokers' "
            "config of the same name; start missing brokers first",
        )
    if doubts:
        return warned(
            "not every feature of Kafka could be used here",
            [*doubts, *notes],
            "lower the config to the number of brokers (server.properties, then a restart), "
            "unless nobody will ever use the feature",
        )
    there = [i.topic for i in INTERNAL_TOPICS if i.topic in topics]
    if not there and _kept_in_the_dark(evidence):
        return not_checked(
            "none is to be seen, and this user may not see much",
            notes,
            "allow this user Describe on these topics",
        )
    return passed(
        f"{', '.join(there)} healthy" if there else "none is needed yet on this fresh cluster",
        notes,
    )


def _kept_in_the_dark(evidence: Evidence) -> bool:
    """Whether the brokers refuse to tell us their configs: then topics may be hidden too."""
    told = evidence.broker_configs
    return not isinstance(told, Unknown) and any(
        isinstance(answer, Fault) and "AUTHORIZATION" in answer.code for answer in told.values()
    )


def _internal_faults(topic: TopicState, wanted: int) -> Iterator[str]:
    short = [p for p in topic.partitions if len(p.replicas) < wanted]
    if short:
        least = min(len(p.replicas) for p in short)
        yield (
            f"{topic.name}: {least} replica{'' if least == 1 else 's'} where the cluster can "
            f"hold {wanted}: the loss of one broker stops its clients"
        )
    leaderless = [p.id for p in topic.partitions if p.leader is None]
    if leaderless:
        yield f"{topic.name}: no leader of partition {', '.join(map(str, leaderless))}"


def _creation_faults(evidence: Evidence, internal: _Internal, brokers: int) -> Iterator[str]:
    """Why Kafka could not create the topic: more replicas configured than there are brokers."""
    told = evidence.broker_configs
    values = () if isinstance(told, Unknown) else told.values()
    asked = {
        int(entry.value)
        for configs in values
        if not isinstance(configs, Fault)
        and (entry := configs.get(internal.replication_key)) is not None
        and entry.value is not None
    }
    if asked and max(asked) > brokers:
        yield (
            f"{internal.topic}: cannot be created: {internal.replication_key} is {max(asked)} "
            f"on {counted(brokers, 'broker')}; {internal.purpose} cannot work"
        )


def _judge_partitions(
    evidence: Evidence,
    fault_of: Callable[[TopicState, PartitionState], str | None],
    *,
    good: str,
    bad: str,
    fix: str,
) -> Outcome:
    """One finding on all partitions; `fault_of` says what is wrong with one."""
    topics = known(evidence.topics)
    total = sum(len(t.partitions) for t in topics.values())
    found = [
        (topic, f"{topic.name}-{p.id}: {fault}")
        for topic in topics.values()
        for p in topic.partitions
        if (fault := fault_of(topic, p)) is not None
    ]
    if not found:
        return passed(f"every one of {counted(total, 'partition')} {good}")
    lines = [line for _, line in found]
    ours = sum(_concerns_us(evidence, topic) for topic, _ in found)
    if ours:
        return failed(f"{len(found)} of {counted(total, 'partition')} {bad}", lines, fix)
    return warned(
        f"{len(found)} of {counted(total, 'partition')} {bad}; "
        "all in topics that the catalog does not declare",
        lines,
        fix,
    )


def _concerns_us(evidence: Evidence, topic: TopicState) -> bool:
    return topic.name in evidence.expected.topics or topic.internal or names.is_reserved(topic.name)


def _offline(topic: TopicState, partition: PartitionState) -> str | None:  # noqa: ARG001 - see _judge_partitions
    if partition.leader is not None:
        return None
    return f"no leader; replicas on {_list(partition.replicas)}, in sync {_list(partition.isr)}"


def _under_replicated(topic: TopicState, partition: PartitionState) -> str | None:  # noqa: ARG001 - see _judge_partitions
    missing = [r for r in partition.replicas if r not in partition.isr]
    if not missing:
        return None
    return f"replicas on {_list(partition.replicas)}, not in sync: {_list(missing)}"


def _list(ids: tuple[int, ...] | list[int]) -> str:
    return ", ".join(map(str, ids)) or "none"
