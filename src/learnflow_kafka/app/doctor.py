"""
Doctor: gather the evidence once, then judge it.

Gathering never raises for what a cluster does not answer: a part that cannot be read is
skipped with its reason, and only the rules that need it are not judged. Kafka is asked broker
by broker, each alone, so that neither a dead broker nor a wrong advertised address hides the
rest.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

from learnflow_kafka.core.diagnosis.evidence import (
    Disk,
    Evidence,
    KafkaView,
    LiveTopic,
    NodeView,
    Part,
    Skipped,
    WantedTopic,
    Where,
)
from learnflow_kafka.core.diagnosis.scene import Address
from learnflow_kafka.core.diagnosis.table import diagnose
from learnflow_kafka.core.names import is_reserved
from learnflow_kafka.core.plans.changes import CreateTopic
from learnflow_kafka.core.ports import Fault
from learnflow_kafka.errors import AuthenticationError, KafkaError, NotAuthorizedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from learnflow_kafka.core.diagnosis.scene import Scene
    from learnflow_kafka.core.diagnosis.table import Diagnosis
    from learnflow_kafka.core.observed import TopicState
    from learnflow_kafka.core.plans.desired import Desired
    from learnflow_kafka.core.ports import Clock, KafkaAdmin

    Ways = Mapping[str, Callable[[], AbstractContextManager[KafkaAdmin]]]

T = TypeVar("T")

_MANY: Final = 16


@dataclass(frozen=True, slots=True)
class Question:
    """
    What a diagnosis is made for.

    `target` is the name of the context, for the commands that are printed; `wanted` is the
    catalog on this cluster (None: topics are not judged); `tool` is our own version.
    """

    target: str = ""
    wanted: Desired | None = None
    tool: str = ""


def examine(scene: Scene, question: Question, clock: Clock) -> Diagnosis:
    """Gather and judge."""
    return diagnose(gather(scene, question, clock))


def gather(scene: Scene, question: Question, clock: Clock) -> Evidence:
    """Everything that the rules look at."""
    around = replace(
        scene.surroundings(), taken_ms=clock.now_ms(), target=question.target, tool=question.tool
    )
    with scene.brokers(around) as ways:
        view, skipped = _kafka(around, ways, question.wanted)
    evidence = replace(around, kafka=view, skipped=(*around.skipped, *skipped))
    addresses = tuple(_addresses(scene.bootstrap(evidence), view))
    if not addresses:
        reason = Skipped(Part.PROBES, "no address to try is known")
        return replace(evidence, skipped=(*evidence.skipped, reason))
    tried = scene.tried(evidence, addresses)
    return replace(
        evidence,
        probes=tried.probes,
        resolvers=tried.resolvers,
        skipped=(*evidence.skipped, *tried.skipped),
    )


def _kafka(
    evidence: Evidence, ways: Ways, desired: Desired | None
) -> tuple[KafkaView, tuple[Skipped, ...]]:
    """What Kafka says: each broker alone, the rest from the first that answers."""
    wanted = tuple(_wanted(desired))
    count = None if desired is None else desired.brokers
    silence = KafkaView(wanted=wanted, wanted_brokers=count)
    if not ways:
        if evidence.missing(Part.PODS):
            return silence, (Skipped(Part.KAFKA, "no way to a broker is known"),)
        return replace(silence, silence=_nobody(evidence)), _unasked(Part.KAFKA)
    with ThreadPoolExecutor(min(len(ways), _MANY)) as pool:
        asked = list(pool.map(lambda name: _Asking(name, ways[name]).run(wanted), ways))
    views = tuple(one.view for one in asked)
    speaker = next((one for one in asked if one.view.cluster is not None), None)
    if speaker is None:
        return _silent(silence, asked)
    return (
        replace(
            silence,
            asked=f"through {speaker.view.node}",
            cluster=speaker.view.cluster,
            quorum=next((v.quorum for v in views if v.quorum is not None), None),
            topics=speaker.topics,
            topics_fault=speaker.topics_fault,
            refusals=speaker.refusals,
            views=views,
            disks=tuple(disk for one in asked for disk in one.disks),
        ),
        tuple(_untold(asked)),
    )


def _silent(view: KafkaView, asked: list[_Asking]) -> tuple[KafkaView, tuple[Skipped, ...]]:
    """No broker answered: it is silent, or it does not know us."""
    refused = next((one.refused for one in asked if one.refused is not None), None)
    if refused is not None:
        return replace(view, views=tuple(one.view for one in asked)), (
            Skipped(
                Part.KAFKA,
                f"Kafka does not accept who we are: {refused}",
                "name a context that has the credentials: `learnflow context add`",
            ),
        )
    words = {one.view.node: one.view.silence or "no answer" for one in asked}
    told = "; ".join(f"{node}: {why}" for node, why in words.items())
    views = tuple(one.view for one in asked)
    return replace(view, silence=told, views=views), _unasked(Part.KAFKA)


def _untold(asked: list[_Asking]) -> Iterator[Skipped]:
    """Why the quorum is not known: we may not ask for it, or no broker could tell."""
    refused = next((r for one in asked if (r := one.quorum_refused) is not None), None)
    fault = next((f for one in asked if (f := one.view.quorum_fault) is not None), None)
    if refused is not None:
        yield Skipped(
            Part.QUORUM,
            f"needs Describe on the Cluster resource: {refused}",
            "`kafka-acls.sh --add --allow-principal User:NAME --operation Describe --cluster`",
        )
    elif fault is not None and all(one.view.quorum is None for one in asked):
        yield Skipped(
            Part.QUORUM, f"not learned: {fault}", "ask again, with the address of every broker"
        )


def _unasked(part: Part) -> tuple[Skipped, ...]:
    return (Skipped(part, "not asked: see `kafka.silent`"),)


class _Asking:
    """One broker, asked alone."""

    def __init__(self, name: str, way: Callable[[], AbstractContextManager[KafkaAdmin]]) -> None:
        self._name = name
        self._way = way
        self.view = NodeView(name)
        self.refused: str | None = None
        self.quorum_refused: str | None = None
        self.topics: tuple[LiveTopic, ...] | None = None
        self.topics_fault: str | None = None
        self.refusals: dict[str, str] = {}
        self.disks: tuple[Disk, ...] = ()

    def run(self, wanted: tuple[WantedTopic, ...]) -> _Asking:
        """Ask everything; a fault ends only the part that it belongs to."""
        try:
            with self._way() as admin:
                self._ask(admin, wanted)
        except (AuthenticationError, NotAuthorizedError) as error:
            self.refused = str(error)
            self.view = replace(self.view, silence=str(error))
        except KafkaError as error:
            self.view = replace(self.view, silence=str(error))
        return self

    def _ask(self, admin: KafkaAdmin, wanted: tuple[WantedTopic, ...]) -> None:
        cluster = admin.cluster()
        self.view = replace(self.view, cluster=cluster)
        try:
            self.view = replace(self.view, quorum=admin.quorum())
        except NotAuthorizedError as error:
            self.quorum_refused = str(error)
        except KafkaError as error:
            self.view = replace(self.view, quorum_fault=str(error))
        try:
            live = admin.topics()
            self.topics = tuple(_live(admin, live, wanted))
        except KafkaError as error:
            self.topics_fault = str(error)
            return
        self.disks = tuple(self._log_dirs(admin))
        missing = [t for t in wanted if t.name not in live]
        if missing and self.view.quorum_fault is None:
            self.refusals = _refusals(admin, missing)

    def _log_dirs(self, admin: KafkaAdmin) -> Iterator[Disk]:
        try:
            found = admin.log_dirs()
        except KafkaError:
            return
        for log_dir in found:
            yield Disk(
                self._name, log_dir.path, log_dir.total_bytes, log_dir.usable_bytes, log_dir.error
            )


def _live(
    admin: KafkaAdmin, live: Mapping[str, TopicState], wanted: tuple[WantedTopic, ...]
) -> Iterator[LiveTopic]:
    """The topics of the cluster; of wanted ones the managed configs too."""
    ours = {t.name: t for t in wanted if t.name in live and t.config}
    configs = admin.topic_configs(list(ours)) if ours else {}
    for name, topic in live.items():
        if is_reserved(name) and name not in ours:
            continue
        told = configs.get(name)
        managed = ours[name].config if name in ours else {}
        yield LiveTopic(
            name=name,
            partitions=len(topic.partitions),
            replication=topic.replication,
            leaderless=sum(p.leader is None for p in topic.partitions),
            short=sum(len(p.isr) < len(p.replicas) for p in topic.partitions),
            config=None
            if told is None or isinstance(told, Fault)
            else {key: told[key] for key in managed if key in told},
        )


def _refusals(admin: KafkaAdmin, missing: list[WantedTopic]) -> dict[str, str]:
    """Why the broker would not create each missing topic; nothing is created."""
    changes = [
        CreateTopic(t.name, partitions=t.partitions, replication=t.replication, config=t.config)
        for t in missing
    ]
    try:
        told = admin.create_topics(changes, validate_only=True)
    except KafkaError as error:
        return dict.fromkeys((t.name for t in missing), str(error))
    return {name: str(fault) for name, fault in told.items() if fault is not None}


def _wanted(desired: Desired | None) -> Iterator[WantedTopic]:
    for topic in desired.topics.values() if desired is not None else ():
        yield WantedTopic(topic.name, topic.partitions, topic.replication, dict(topic.config))


def _addresses(bootstrap: Address | None, view: KafkaView) -> Iterator[Address]:
    if bootstrap is not None:
        yield bootstrap
    for broker in view.cluster.brokers if view.cluster is not None else ():
        if not broker.fenced:
            yield Address(f"broker {broker.id}", broker.host, broker.port)


def _nobody(evidence: Evidence) -> str:
    """Why there is nobody to ask."""
    if evidence.where is Where.LOCAL:
        return "no broker runs"
    if evidence.namespace_state is None and not evidence.pods:
        return f"there is no namespace {evidence.namespace}, or nothing in it"
    return f"no broker's pod runs in namespace {evidence.namespace}"
