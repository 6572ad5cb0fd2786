"""
Making a plan: read the live state, ask for what the decision depends on, decide.

No request here changes anything. With Describe rights alone the plan is complete; what the
broker could not be asked in advance says so on its step.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from learnflow_kafka.core.observed import Observed, OffsetAt
from learnflow_kafka.core.plans import planning
from learnflow_kafka.core.plans.changes import AddPartitions, AlterConfig, CreateTopic
from learnflow_kafka.core.plans.desired import CLEANUP, RETENTION_BYTES, RETENTION_MS
from learnflow_kafka.core.plans.facts import Facts, GroupFacts, partitions_of
from learnflow_kafka.core.plans.plan import Verdict, VerdictKind
from learnflow_kafka.core.ports import Edge, Fault
from learnflow_kafka.errors import NotAuthorizedError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from learnflow_kafka.core.observed import ConfigValue, TopicPartition, TopicState
    from learnflow_kafka.core.plans.desired import Desired
    from learnflow_kafka.core.plans.facts import Questions
    from learnflow_kafka.core.plans.plan import Plan, Scope, Step
    from learnflow_kafka.core.ports import KafkaAdmin

T = TypeVar("T")

GONE: Final = "UNKNOWN_TOPIC_OR_PARTITION"
_PASSING: Final = frozenset(
    {
        "COORDINATOR_LOAD_IN_PROGRESS",
        "NOT_CONTROLLER",
        "REQUEST_TIMED_OUT",
        "THROTTLING_QUOTA_EXCEEDED",
        "UNSUPPORTED_VERSION",
    }
)
"""Answers that say nothing about whether the change would be taken."""


def make_plan(admin: KafkaAdmin, desired: Desired, scope: Scope, *, now_ms: int) -> Plan:
    """
    The plan from the cluster as it is now to what is desired, checked by the broker.

    Raises UsageError where the scope fits nothing, KafkaError where the cluster cannot be
    read at all.
    """
    observed = observe(admin, desired, scope)
    facts = gather(admin, desired, observed, scope, now_ms=now_ms)
    made = planning.plan(desired, observed, facts, scope)
    return planning.with_verdicts(made, ask_broker(admin, made.steps), desired)


def observe(admin: KafkaAdmin, desired: Desired, scope: Scope) -> Observed:
    """
    The topics that the scope asks for, with configs, and the names of the others.

    Internal topics are nobody's drift and are left out of the others.
    """
    names = [*planning.select(desired, scope), *planning.doomed(desired, scope)]
    cluster = admin.cluster()
    if scope.declared_only or scope.only:
        found, others = admin.topics(names), None
    else:
        found = admin.topics()
        others = frozenset(n for n, state in found.items() if not state.internal)
    asked = {name: found[name] for name in names if name in found}
    live = with_configs(admin, asked)
    return Observed(cluster, live, None if others is None else others - live.keys())


def with_configs(admin: KafkaAdmin, topics: Mapping[str, TopicState]) -> Mapping[str, TopicState]:
    """The topics with their configs; a topic that is gone by now is left out."""
    answers = admin.topic_configs([*topics]) if topics else {}
    live = {}
    for name, state in topics.items():
        answer: Mapping[str, ConfigValue] | Fault | None = answers.get(name)
        if isinstance(answer, Fault):
            if answer.code == GONE:
                continue
            answer = None
        live[name] = replace(state, configs=answer)
    return live


def gather(
    admin: KafkaAdmin, desired: Desired, observed: Observed, scope: Scope, *, now_ms: int
) -> Facts:
    """The facts that this plan depends on; most plans depend on none."""
    asked = planning.questions(desired, observed, scope)
    measured = _partitions(asked.measured, observed)
    facts = Facts(
        now_ms=now_ms,
        starts=_offsets(admin, measured, Edge.EARLIEST),
        ends=_offsets(admin, measured, Edge.LATEST),
        oldest=_at(admin, _partitions(asked.aging, observed), 0),
        newest_ms=_newest(admin, _partitions(asked.doomed, observed)),
        sizes=_sizes(admin) if asked.aging or asked.doomed else {},
        groups=_groups(admin, asked),
        defaults=_defaults(admin, observed) if asked.defaults else {},
    )
    return replace(facts, kept=_kept(admin, desired, observed, scope, facts))


def _partitions(names: Collection[str], observed: Observed) -> list[TopicPartition]:
    return [tp for name in sorted(names) for tp in partitions_of(observed.topics[name])]


def _at(
    admin: KafkaAdmin, partitions: Collection[TopicPartition], at: Edge | int
) -> dict[TopicPartition, OffsetAt]:
    """What could be found out; a partition without a leader is left out."""
    if not partitions:
        return {}
    answers = admin.offsets(partitions, at)
    return {tp: found for tp, found in answers.items() if isinstance(found, OffsetAt)}


def _offsets(
    admin: KafkaAdmin, partitions: Collection[TopicPartition], edge: Edge
) -> dict[TopicPartition, int]:
    found = _at(admin, partitions, edge)
    return {tp: at.offset for tp, at in found.items() if at.offset is not None}


def _newest(
    admin: KafkaAdmin, partitions: Collection[TopicPartition]
) -> dict[TopicPartition, int | None]:
    found = _allowed(lambda: _at(admin, partitions, Edge.NEWEST)) or {}
    return {tp: None if at.offset is None else at.timestamp_ms for tp, at in found.items()}


def _kept(
    admin: KafkaAdmin, desired: Desired, observed: Observed, scope: Scope, facts: Facts
) -> dict[TopicPartition, int | None]:
    """The first offset that survives each planned cut; topics of one bound share a request."""
    by_bound: dict[int, list[str]] = defaultdict(list)
    for name, bound in planning.cut_bounds(desired, observed, scope, facts).items():
        by_bound[bound].append(name)
    kept: dict[TopicPartition, int | None] = {}
    for bound, names in sorted(by_bound.items()):
        found = _at(admin, _partitions(names, observed), bound)
        kept |= {tp: at.offset for tp, at in found.items()}
    return kept


def _sizes(admin: KafkaAdmin) -> dict[TopicPartition, int]:
    """The size of the largest replica of every partition that a broker tells of."""
    sizes: dict[TopicPartition, int] = {}
    for log_dir in _allowed(admin.log_dirs) or ():
        for tp, size in log_dir.sizes.items():
            sizes[tp] = max(size, sizes.get(tp, 0))
    return sizes


def _groups(admin: KafkaAdmin, asked: Questions) -> dict[str, GroupFacts]:
    """Where the groups stand: the declared ones, or all where a topic is to be deleted."""
    if not (asked.groups or asked.doomed):
        return {}
    listed = {g.name: g.state for g in _allowed(admin.groups) or ()}
    names = sorted(asked.groups | (listed.keys() if asked.doomed else set()))
    committed = _allowed(lambda: admin.committed(names)) or {}
    active = [n for n in names if n in listed and listed[n].active] if asked.doomed else []
    reads = _reads(admin, active)
    found = {}
    for name in names:
        places = committed.get(name)
        if isinstance(places, Fault):
            places = {} if places.code == "GROUP_ID_NOT_FOUND" else None
        found[name] = GroupFacts(listed.get(name), places, reads.get(name, frozenset()))
    return found


def _reads(admin: KafkaAdmin, active: Collection[str]) -> dict[str, frozenset[str] | None]:
    if not active:
        return {}
    reads: dict[str, frozenset[str] | None] = dict.fromkeys(active)
    for name, found in (_allowed(lambda: admin.describe_groups(active)) or {}).items():
        if not isinstance(found, Fault) and found.members is not None:
            reads[name] = frozenset(tp.topic for m in found.members for tp in m.assignment)
    return reads


def _defaults(admin: KafkaAdmin, observed: Observed) -> dict[str, str | None]:
    """What the topic configs about retention are where a topic has none of its own."""
    ids = [b.id for b in observed.cluster.brokers if not b.fenced][:1]
    for answer in (_allowed(lambda: admin.broker_configs(ids)) or {}).values():
        if isinstance(answer, Fault):
            continue
        value = {key: entry.value for key, entry in answer.items()}
        return {
            RETENTION_MS: _broker_retention_ms(value),
            RETENTION_BYTES: value.get("log.retention.bytes"),
            CLEANUP: value.get("log.cleanup.policy"),
        }
    return {}


def _broker_retention_ms(value: Mapping[str, str | None]) -> str | None:
    """Kafka takes the finest unit that is set: ms, minutes, then hours."""
    for key, factor in (
        ("log.retention.ms", 1),
        ("log.retention.minutes", 60_000),
        ("log.retention.hours", 3_600_000),
    ):
        text = value.get(key)
        if text is not None:
            return str(int(text) * factor) if int(text) >= 0 else text
    return None


def _allowed(call: Callable[[], T]) -> T | None:
    """What the call returns, or None where this user or this broker cannot answer."""
    try:
        return call()
    except (NotAuthorizedError, UnsupportedError):
        return None


def ask_broker(admin: KafkaAdmin, steps: Iterable[Step]) -> Mapping[int, Verdict]:
    """What the broker says to each step in advance, by the step's position."""
    creates: dict[int, CreateTopic] = {}
    alters: dict[int, AlterConfig] = {}
    growths: dict[int, AddPartitions] = {}
    verdicts: dict[int, Verdict] = {}
    for number, step in enumerate(steps):
        match step.change:
            case CreateTopic():
                creates[number] = step.change
            case AlterConfig():
                alters[number] = step.change
            case AddPartitions():
                growths[number] = step.change
            case _:
                verdicts[number] = Verdict(
                    VerdictKind.NOT_CHECKED, "Kafka cannot check this in advance"
                )
    verdicts |= _verdicts(
        creates, lambda: admin.create_topics([*creates.values()], validate_only=True)
    )
    verdicts |= _verdicts(
        alters, lambda: admin.alter_configs([*alters.values()], validate_only=True)
    )
    verdicts |= _verdicts(
        growths, lambda: admin.add_partitions([*growths.values()], validate_only=True)
    )
    return verdicts


def _verdicts(
    changes: Mapping[int, CreateTopic | AlterConfig | AddPartitions],
    ask: Callable[[], Mapping[str, Fault | None]],
) -> dict[int, Verdict]:
    if not changes:
        return {}
    try:
        answers = ask()
    except (NotAuthorizedError, UnsupportedError) as error:
        return dict.fromkeys(changes, Verdict(VerdictKind.NOT_CHECKED, error.what))
    silent = Fault("", "the broker did not answer for it")
    return {
        number: _verdict(answers.get(change.topic, silent)) for number, change in changes.items()
    }


def _verdict(fault: Fault | None) -> Verdict:
    if fault is None:
        return Verdict(VerdictKind.CHECKED)
    if fault.code.endswith("AUTHORIZATION_FAILED"):
        return Verdict(
            VerdictKind.NOT_CHECKED, f"this user may not ask the broker about it ({fault.code})"
        )
    if not fault.code or fault.code in _PASSING:
        return Verdict(VerdictKind.NOT_CHECKED, str(fault))
    return Verdict(VerdictKind.REJECTED, str(fault))
