"""
Deciding: catalog and live state in, plan out.

Pure functions. `questions` says which further facts a plan depends on, `cut_bounds` up to
which time records would be removed, and `plan` decides. `with_verdicts` folds in what the
broker said to the steps when it was asked with validate-only.
"""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from learnflow_kafka.core.names import is_internal, is_reserved
from learnflow_kafka.core.plans import policy
from learnflow_kafka.core.plans.changes import (
    AddPartitions,
    AlterConfig,
    CommitOffsets,
    ConfigEdit,
    CreateTopic,
)
from learnflow_kafka.core.plans.deletes import deletes, tombstoned_topics
from learnflow_kafka.core.plans.desired import RETENTION_MS, Origin
from learnflow_kafka.core.plans.diff import FOREIGN, TopicDiff, compare
from learnflow_kafka.core.plans.facts import GroupFacts, Questions, partitions_of
from learnflow_kafka.core.plans.fingerprint import Fingerprint, fingerprint
from learnflow_kafka.core.plans.plan import (
    Blocked,
    Counts,
    Drift,
    Plan,
    Scope,
    Step,
    Verdict,
    VerdictKind,
)
from learnflow_kafka.core.plans.retention import KEYS, Cut, cut, lifetime, shortens
from learnflow_kafka.core.plans.risks import alter_risks, commit_risks, growth_risks
from learnflow_kafka.core.plans.words import why_edit
from learnflow_kafka.core.suggest import did_you_mean
from learnflow_kafka.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from learnflow_kafka.core.catalog import Tombstone
    from learnflow_kafka.core.observed import Observed
    from learnflow_kafka.core.plans.desired import Desired, DesiredTopic
    from learnflow_kafka.core.plans.facts import Facts


def select(desired: Desired, scope: Scope) -> Mapping[str, DesiredTopic]:
    """
    The wanted topics that the scope asks for.

    Raises UsageError for a pattern or an owner that fits nothing, and for a delete that no
    tombstone announces.
    """
    known = [*desired.topics, *desired.tombstones]
    for pattern in scope.only:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise UsageError(
                f"--only topic/{pattern} fits no topic of the catalog{_near(pattern, known)}"
            )
    owners = {t.owner for t in desired.topics.values() if t.owner}
    if scope.owner is not None and scope.owner not in owners:
        raise UsageError(
            f"no topic of the catalog is owned by {scope.owner!r}{_near(scope.owner, owners)}"
        )
    for name in (*scope.allow_delete, *scope.delete_anyway, *scope.allow_internal):
        if name not in desired.tombstones:
            raise UsageError(
                f"the catalog has no tombstone for {name!r}{_near(name, desired.tombstones)}",
                fix="announce it in the catalog first, under `deleted`: {NAME: {reason: ...}}",
            )
    return {
        name: topic
        for name, topic in desired.topics.items()
        if _picked(name, scope) and (scope.owner is None or topic.owner == scope.owner)
    }


def doomed(desired: Desired, scope: Scope) -> Mapping[str, Tombstone]:
    """The tombstones that the scope asks for; a tombstone has no owner."""
    if scope.owner is not None:
        return {}
    return {n: stone for n, stone in desired.tombstones.items() if _picked(n, scope)}


def _picked(name: str, scope: Scope) -> bool:
    return not scope.only or any(fnmatchcase(name, pattern) for pattern in scope.only)


def _near(word: str, known: Collection[str]) -> str:
    hint = did_you_mean(word, known)
    return f"; {hint}" if hint else ""


def questions(desired: Desired, observed: Observed, scope: Scope) -> Questions:
    """Which facts beyond topics and configs the plan depends on."""
    aging, grown = set(), set()
    defaults = False
    for diff in _diffs(select(desired, scope), observed):
        before = lifetime({key: diff.effective(key) for key in KEYS})
        pruned = diff.wanted.prune and any(key in diff.undeclared for key in KEYS)
        after = lifetime(_afterwards(diff, {}))
        if pruned or shortens(before.ms, after.ms) or shortens(before.bytes, after.bytes):
            aging.add(diff.wanted.name)
        defaults = defaults or pruned
        if desired.latest.get(diff.wanted.name):
            grown.add(diff.wanted.name)
    return Questions(
        aging=frozenset(aging),
        groups=frozenset(group for name in grown for group in desired.latest[name]),
        grown=frozenset(grown),
        doomed=frozenset(n for n in doomed(desired, scope) if n in observed.topics),
        defaults=defaults,
    )


def cut_bounds(
    desired: Desired, observed: Observed, scope: Scope, facts: Facts
) -> Mapping[str, int]:
    """For every topic whose retention shrinks: records older than this time may go."""
    found = {}
    for diff in _diffs(select(desired, scope), observed):
        planned = _cut(diff, desired, facts)
        if planned and shortens(planned.before.ms, planned.target.ms):
            found[diff.wanted.name] = max(0, facts.now_ms - planned.target.ms)
    return found


def plan(desired: Desired, observed: Observed, facts: Facts, scope: Scope) -> Plan:
    """The plan that leads from what was observed to what is desired, within the scope."""
    selected = select(desired, scope)
    diffs = [*_diffs(selected, observed)]
    blocked = [
        policy.unreadable(topic)
        for name, topic in selected.items()
        if name in observed.topics and observed.topics[name].configs is None
    ]
    blocked += [b for diff in diffs for b in policy.obstacles(diff, desired, facts)]
    blocked += _followers(selected, observed, diffs, {b.topic for b in blocked})
    tombstoned, refused = tombstoned_topics(doomed(desired, scope), observed, facts, scope)
    blocked += refused
    stopped = {b.topic for b in blocked}
    free = [diff for diff in diffs if diff.wanted.name not in stopped]
    steps = (
        *_creates(selected, observed, stopped),
        *_alters(free, desired, facts),
        *_growths(free, desired, facts),
        *deletes(tombstoned, stopped),
    )
    changed = {step.topic for step in steps} | stopped
    return Plan(
        cluster_id=observed.cluster.cluster_id,
        catalog=desired.catalog,
        environment=desired.environment,
        brokers=desired.brokers,
        made_ms=facts.now_ms,
        scope=scope,
        counts=Counts(
            desired.declared,
            desired.derived,
            len(selected),
            sum(name not in changed for name in selected),
        ),
        steps=steps,
        blocked=tuple(blocked),
        tombstoned=tombstoned,
        drift=_drift(desired, observed, diffs),
        notices=tuple(n for n in desired.notices if not n.topic or n.topic in selected),
        touched=_touched(steps, observed),
    )


def with_verdicts(made: Plan, verdicts: Mapping[int, Verdict], desired: Desired) -> Plan:
    """
    The plan with the broker's answers, by the steps' positions.

    A topic with a refused step is blocked as a whole.
    """
    steps = [
        replace(step, verdict=verdicts.get(number, step.verdict))
        for number, step in enumerate(made.steps)
    ]
    refused = [s for s in steps if s.verdict.kind is VerdictKind.REJECTED]
    names = {s.topic for s in refused}
    blocked = tuple(
        policy.rejected(s.topic, s.verdict.detail, desired.topics.get(s.topic)) for s in refused
    )
    # What follows a refused topic waits with it.
    wanted = (desired.topics.get(topic) for topic in dict.fromkeys(s.topic for s in steps))
    waiting = [t for t in wanted if t and t.source in names and t.name not in names]
    blocked += tuple(map(policy.follower, waiting))
    names |= {t.name for t in waiting}
    return replace(
        made,
        steps=tuple(s for s in steps if s.topic not in names),
        blocked=made.blocked + blocked,
        touched={name: seen for name, seen in made.touched.items() if name not in names},
    )


def unexpected(first: Plan, second: Plan) -> tuple[Step, ...]:
    """
    What a second plan should not have, made right after the first one was carried out.

    The next step of a retention cut that the policy softens is expected.
    """
    softened = {step.topic: step.later for step in first.steps if step.later}
    return tuple(
        step
        for step in second.steps
        if not (
            isinstance(step.change, AlterConfig)
            and softened.get(step.topic) == step.later + 1
            and [edit.key for edit in step.change.edits] == [RETENTION_MS]
        )
    )


def _diffs(selected: Mapping[str, DesiredTopic], observed: Observed) -> Iterator[TopicDiff]:
    for name, topic in selected.items():
        live = observed.topics.get(name)
        if live is not None and live.configs is not None:
            yield compare(topic, live)


def _followers(
    selected: Mapping[str, DesiredTopic],
    observed: Observed,
    diffs: list[TopicDiff],
    stopped: Collection[str],
) -> Iterator[Blocked]:
    """
    Derived topics that wait with their blocked source.

    Those that differ, and those to be created with another number of partitions than the
    source has: whoever takes the source's change back could not take theirs back.
    """
    differ = {d.wanted.name for d in diffs if d.grows or d.edits}
    for name, topic in selected.items():
        if topic.source not in stopped or topic.source is None or name in stopped:
            continue
        source = observed.topics.get(topic.source)
        missing = name not in observed.topics
        ahead = source is not None and len(source.partitions) != topic.partitions
        if name in differ or (missing and ahead):
            yield policy.follower(topic)


def _creates(
    selected: Mapping[str, DesiredTopic], observed: Observed, stopped: Collection[str]
) -> Iterator[Step]:
    for name, topic in selected.items():
        if name in observed.topics or name in stopped:
            continue
        why = "declared, and not on the cluster"
        if topic.origin is not Origin.DECLARED:
            why = f"{topic.origin} topic of {topic.source}, and not on the cluster"
        change = CreateTopic(name, topic.partitions, topic.replication, dict(topic.config))
        yield Step(change, (why,), place=topic.place)


def _afterwards(diff: TopicDiff, defaults: Mapping[str, str | None]) -> dict[str, str | None]:
    """The effective configs that decide about retention, once all is as declared."""
    after = {key: diff.effective(key) for key in KEYS}
    if diff.wanted.prune:
        after |= {k: defaults.get(k, after[k]) for k in KEYS if k in diff.undeclared}
    return after | {k: v for k, v in diff.wanted.config.items() if k in KEYS}


def _cut(diff: TopicDiff, desired: Desired, facts: Facts) -> Cut | None:
    after = _afterwards(diff, facts.defaults)
    return cut(diff, after, facts, desired.policy.max_retention_cut_ms)


def _alters(diffs: list[TopicDiff], desired: Desired, facts: Facts) -> Iterator[Step]:
    for diff in diffs:
        planned = _cut(diff, desired, facts)
        edits = _edits(diff, planned)
        if edits:
            yield Step(
                AlterConfig(diff.wanted.name, edits),
                tuple(why_edit(edit, diff, planned) for edit in edits),
                tuple(alter_risks(edits, diff, planned, facts)),
                diff.wanted.place,
                later=planned.later if planned else 0,
            )


def _edits(diff: TopicDiff, planned: Cut | None) -> tuple[ConfigEdit, ...]:
    """The edits of this apply: a retention cut in steps, and what prune removes."""
    edits = {edit.key: edit for edit in diff.edits}
    if planned and planned.later:
        own = diff.live.own_configs().get(RETENTION_MS)
        edits[RETENTION_MS] = ConfigEdit(
            RETENTION_MS, own, str(planned.target.ms), diff.effective(RETENTION_MS)
        )
    if diff.wanted.prune:
        for key, value in diff.undeclared.items():
            if key not in FOREIGN:
                edits[key] = ConfigEdit(key, value, None, value)
    return tuple(edits[key] for key in sorted(edits))


def _growths(diffs: list[TopicDiff], desired: Desired, facts: Facts) -> Iterator[Step]:
    """More partitions, each with the commits that must follow at once; bare ones come first."""
    for diff in sorted(diffs, key=lambda d: d.wanted.name in desired.latest):
        name, have = diff.wanted.name, len(diff.live.partitions)
        if diff.grows:
            yield Step(
                AddPartitions(name, have, diff.wanted.partitions),
                (f"{diff.wanted.partitions} partitions are declared, it has {have}",),
                tuple(growth_risks(diff)),
                diff.wanted.place,
            )
        for group in desired.latest.get(name, ()):
            missing = _placeless(diff, facts.groups.get(group, GroupFacts()), facts)
            if missing:
                why = f"group {group} starts at latest and has no place in new partitions yet"
                yield Step(
                    CommitOffsets(group, name, dict.fromkeys(missing, 0)),
                    (f"{why}: from 0 on it skips nothing",),
                    tuple(commit_risks(name, missing, facts)),
                    diff.wanted.place,
                )


def _placeless(diff: TopicDiff, group: GroupFacts, facts: Facts) -> list[int]:
    """
    Partitions where a group that starts at `latest` must be given offset 0.

    When partitions are added, these are the new ones. An apply that was killed between the
    increase and the commit leaves its trace on the cluster: the group is not active, has
    places on the first partitions and none on the rest, which still begin at offset 0. The
    next plan finds that and finishes the work. A group without any place in the topic never
    had one to lose, and begins where it says it begins.
    """
    places = group.places(diff.wanted.name)
    if not places or group.active:
        return []
    have = len(diff.live.partitions)
    new = [*range(have, diff.wanted.partitions)]
    behind = [*range(max(places) + 1, have)]
    prefix = len(places) == max(places) + 1
    starts = {tp.partition: facts.starts.get(tp) for tp in partitions_of(diff.live)}
    if prefix and all(starts[n] == 0 for n in behind):
        return behind + new
    return new


def _drift(desired: Desired, observed: Observed, diffs: list[TopicDiff]) -> Drift:
    kept = {
        diff.wanted.name: dict(diff.undeclared)
        for diff in diffs
        if diff.undeclared and not diff.wanted.prune
    }
    kept |= {
        diff.wanted.name: {k: v for k, v in diff.undeclared.items() if k in FOREIGN}
        for diff in diffs
        if diff.wanted.prune and FOREIGN & diff.undeclared.keys()
    }
    if observed.others is None:
        return Drift(None, kept)
    names = observed.others | observed.topics.keys()
    known = desired.topics.keys() | desired.tombstones.keys()
    return Drift(
        tuple(sorted(n for n in names - known if not (is_reserved(n) or is_internal(n)))), kept
    )


def _touched(steps: tuple[Step, ...], observed: Observed) -> dict[str, Fingerprint | None]:
    names = dict.fromkeys(step.topic for step in steps)
    return {n: fingerprint(observed.topics[n]) if n in observed.topics else None for n in names}
