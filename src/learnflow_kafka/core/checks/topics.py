"""
Checks that each wanted topic, declared or derived, is exactly as it was declared.

One finding a kind of difference, one line of evidence a topic. What stands on a topic and in
no catalog is not a fault: `learnflow plan` shows it as drift.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.checks.evidence import known
from learnflow_kafka.core.checks.outcomes import failed, not_checked, passed
from learnflow_kafka.core.plans.diff import compare
from learnflow_kafka.core.ports import Fault
from learnflow_kafka.core.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from learnflow_kafka.core.checks.evidence import Evidence
    from learnflow_kafka.core.checks.outcomes import Outcome
    from learnflow_kafka.core.observed import TopicState
    from learnflow_kafka.core.plans.changes import ConfigEdit
    from learnflow_kafka.core.plans.desired import DesiredTopic
    from learnflow_kafka.core.plans.diff import TopicDiff

_PLAN: Final = "see `learnflow plan`, then run `learnflow apply`"


def present(evidence: Evidence) -> Outcome:
    """Every wanted topic exists."""
    live, wanted = known(evidence.topics), evidence.expected.topics
    missing = [f"{name}: missing" for name in wanted if name not in live]
    if missing:
        return failed(
            f"{len(missing)} of {counted(len(wanted), 'topic')} missing, "
            "or hidden from a user without Describe",
            missing,
            _PLAN,
        )
    derived = sum(t.source is not None for t in wanted.values())
    return passed(f"{len(wanted) - derived} declared and {derived} derived topics exist")


def partitions(evidence: Evidence) -> Outcome:
    """Every wanted topic has exactly its partitions."""
    differing = [
        f"{wanted.name}: {len(live.partitions)} partitions, declared {wanted.partitions}"
        for wanted, live in _pairs(evidence)
        if len(live.partitions) != wanted.partitions
    ]
    return _judge(evidence, differing, "partitions")


def replication(evidence: Evidence) -> Outcome:
    """Every wanted topic has its replication, by the assignment and not by who is alive."""
    differing = [
        f"{wanted.name}: replication {' and '.join(map(str, found))}, declared {wanted.replication}"
        for wanted, live in _pairs(evidence)
        if (found := compare(wanted, live).replication)
    ]
    return _judge(evidence, differing, "replication")


def configs(evidence: Evidence) -> Outcome:
    """Every declared config has its value on the topic itself."""
    told = known(evidence.topic_configs)
    differing: list[str] = []
    silent: list[str] = []
    for wanted, live in _pairs(evidence):
        settings = told.get(wanted.name)
        if settings is None or isinstance(settings, Fault):
            silent.append(f"{wanted.name}: not checked: {settings or 'its configs were not told'}")
        else:
            differing += _config_lines(compare(wanted, replace(live, configs=settings)))
    if silent and not differing:
        return not_checked(
            f"the configs of {counted(len(silent), 'topic')} were not told",
            silent,
            "allow this user DescribeConfigs on the topics",
        )
    return _judge(evidence, differing, "configs", silent)


def _pairs(evidence: Evidence) -> Iterator[tuple[DesiredTopic, TopicState]]:
    """The wanted topics that exist; `topics.present` speaks of the others."""
    live = known(evidence.topics)
    for name, wanted in evidence.expected.topics.items():
        if name in live:
            yield wanted, live[name]


def _judge(
    evidence: Evidence, differing: list[str], noun: str, notes: list[str] | None = None
) -> Outcome:
    pairs = [*_pairs(evidence)]
    if differing:
        topics = len({line.partition(":")[0] for line in differing})
        return failed(
            f"{noun} of {topics} of {counted(len(pairs), 'topic')} not as declared",
            [*differing, *(notes or [])],
            _PLAN,
        )
    missing = len(evidence.expected.topics) - len(pairs)
    if missing and not pairs:
        return not_checked(f"none of {counted(missing, 'topic')} exists")
    tail = f"; {missing} missing" if missing else ""
    return passed(f"as declared on {counted(len(pairs), 'topic')}{tail}")


def _config_lines(diff: TopicDiff) -> Iterator[str]:
    for edit in diff.edits:
        yield f"{diff.wanted.name}: {edit.key} is {_found(edit)}, declared {edit.after}"


def _found(edit: ConfigEdit) -> str:
    if edit.before is not None:
        return edit.before
    if edit.effective is None:
        return "not set"
    return f"{edit.effective} by the broker's default and not set on the topic"
