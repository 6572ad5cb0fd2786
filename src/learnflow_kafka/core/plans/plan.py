"""
A plan: every change that would be made, why, and at what risk.

A plan is a value. `core.plans.planning` makes it, `app.apply` carries it out and decides nothing,
views show it, and a file keeps it. All of it is frozen and comes back equal from JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from learnflow_kafka.core.catalog import NOWHERE, Place
from learnflow_kafka.core.plans.changes import (
    AddPartitions,
    AlterConfig,
    Change,
    CommitOffsets,
    CreateTopic,
    DeleteTopic,
)
from learnflow_kafka.core.plans.diff import FOREIGN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from learnflow_kafka.core.plans.desired import Notice
    from learnflow_kafka.core.plans.fingerprint import Fingerprint
    from learnflow_kafka.core.plans.retention import Removed


class Severity(StrEnum):
    """How much a change can cost."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    """Records are removed, or order or writes may break."""

    @property
    def rank(self) -> int:
        """Its place in the order, from 0."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Risk:
    """
    One thing that a change may cost; `what` is a sentence with its figures.

    `removed` are the offsets that may go, `bytes` their estimated size (None: not known, or
    nothing goes). `complete`: no more may go than `removed`; not every partition could be asked
    where it is not so.
    """

    severity: Severity
    what: str
    removed: tuple[Removed, ...] = ()
    bytes: int | None = None
    complete: bool = True


class VerdictKind(StrEnum):
    """What became of asking the broker in advance."""

    CHECKED = "checked"
    REJECTED = "rejected"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the broker said to a step before it was done; `detail` has its words, or why not."""

    kind: VerdictKind
    detail: str = ""


UNASKED = Verdict(VerdictKind.NOT_CHECKED, "the broker was not asked")


@dataclass(frozen=True, slots=True)
class Step:
    """
    One change with its reason and risks.

    `later` counts the further applies that it takes until the declared value is reached.
    """

    change: Change
    why: tuple[str, ...]
    risks: tuple[Risk, ...] = ()
    place: Place = NOWHERE
    verdict: Verdict = UNASKED
    later: int = 0

    @property
    def topic(self) -> str:
        """The topic that the step touches."""
        return self.change.topic

    @property
    def severity(self) -> Severity:
        """The worst of its risks."""
        return max((r.severity for r in self.risks), key=lambda s: s.rank, default=Severity.NONE)


class Rule(StrEnum):
    """Why a topic is blocked. The names are stable: programs match on them."""

    FEWER_PARTITIONS = "fewer-partitions"
    REPLICATION = "replication-change-unsupported"
    KEYS_MOVE = "keys-would-move"
    GROUP_READS = "latest-group-active"
    GROUP_UNKNOWN = "latest-group-unknown"
    MIN_ISR = "min-isr-above-replication"
    PRUNE_CUTS = "prune-cuts-retention"
    SOURCE_BLOCKED = "source-blocked"
    UNREADABLE = "configs-unreadable"
    BROKER_REJECTS = "broker-rejects"
    DELETE_INTERNAL = "delete-internal"
    DELETE_IN_USE = "delete-in-use"
    DELETE_FRESH = "delete-fresh-data"
    DELETE_UNKNOWN = "delete-facts-unknown"


@dataclass(frozen=True, slots=True)
class Blocked:
    """A topic that the plan leaves wholly alone, and what would let it go on."""

    rule: Rule
    topic: str
    what: str
    why: str
    fix: str
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Loss:
    """
    What deleting a topic destroys.

    None: not known. `groups` have committed offsets there, `active` of all groups read it
    now; `unknown` names the groups that we may not look at.
    """

    records: int | None
    bytes: int | None
    last_write_ms: int | None
    groups: tuple[str, ...] = ()
    active: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tombstoned:
    """A topic with a tombstone that still exists; `allowed` by a flag of this run."""

    topic: str
    reason: str
    loss: Loss
    allowed: bool
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Drift:
    """
    What is on the cluster and not in the catalog; it is left alone.

    `topics` None: not checked. `configs` by topic, each with the value it has.
    """

    topics: tuple[str, ...] | None
    configs: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scope:
    """
    What was asked for: which topics, and which deletes.

    `only` are patterns of topic names (`*`, `?`); empty: all. None of it changes what counts
    as undeclared. `declared_only`: the cluster is asked about declared topics alone.
    """

    only: tuple[str, ...] = ()
    owner: str | None = None
    declared_only: bool = False
    allow_delete: tuple[str, ...] = ()
    delete_anyway: tuple[str, ...] = ()
    allow_internal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """How many topics of the catalog there are, and how many of them the plan looked at."""

    declared: int
    derived: int
    selected: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Plan:
    """
    The ordered steps that lead from the live cluster to the catalog.

    `touched` has the fingerprint of every topic that a step touches; None: the topic was
    absent. `brokers` is how many the environment has. `catalog_path` is where the catalog was
    read, as it was named; None: the built-in one. Times are milliseconds.
    """

    cluster_id: str
    catalog: str
    environment: str | None
    brokers: int | None
    made_ms: int
    scope: Scope
    counts: Counts
    steps: tuple[Step, ...]
    blocked: tuple[Blocked, ...] = ()
    tombstoned: tuple[Tombstoned, ...] = ()
    drift: Drift = field(default_factory=lambda: Drift(None))
    notices: tuple[Notice, ...] = ()
    touched: Mapping[str, Fingerprint | None] = field(default_factory=dict)
    catalog_path: str | None = None

    @property
    def pending(self) -> bool:
        """Whether the cluster is not as the catalog wants it."""
        return bool(self.steps or self.blocked or self.tombstoned)

    @property
    def drifted(self) -> bool:
        """Whether a declared topic has configs that nobody declared; other tools' do not count."""
        return any(keys.keys() - FOREIGN for keys in self.drift.configs.values())

    def count(self, kind: type[Change]) -> int:
        """How many steps are of one kind."""
        return sum(isinstance(step.change, kind) for step in self.steps)


ORDER = (CreateTopic, AlterConfig, AddPartitions, CommitOffsets, DeleteTopic)
"""
The order of kinds in a plan: new topics first, deletes last.

A commit that follows an increase stands directly behind it, wherever that is.
"""
