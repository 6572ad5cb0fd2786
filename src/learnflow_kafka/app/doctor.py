"""
Doctor: gather the evidence once, then judge it.

Gathering never raises for what a cluster does not answer: a part that cannot be read is
skipped with its reason, and only the rules that need it are not judged. Kafka is asked broker
by broker, each alone, so that neither a dead broker nor a wrong advertised address hides the
rest. One that says nothing while another speaks is asked once more: it may have been busy for
a moment.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
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
    spokesman,
)
from learnflow_kafka.core.diagnosis.scene import Address, Tried
from learnflow_kafka.core.diagnosis.table import diagnose
from learnflow_kafka.core.names import is_reserved
from learnflow_kafka.core.plans.changes import CreateTopic
from learnflow_kafka.core.ports import Fault
from learnflow_kafka.errors import (
    AuthenticationError,
    KafkaError,
    NotAuthorizedError,
    TimedOutError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from learnflow_kafka.core.diagnosis.scene import Scene
    from learnflow_kafka.core.diagnosis.table import Diagnosis
    from learnflow_kafka.core.observed import TopicState
    from learnflow_kafka.core.plans.desired import Desired
    from learnflow_kafka.core.ports import Clock, KafkaAdmin

    Ways = Mapping[str, Callable[[], AbstractContextManager[KafkaAdmin]]]

T = TypeVar("T")

_MANY: Final = 16
PAUSE: Final = 1.0
"""Seconds before a broker that hung up is asked again: one that starts needs about as long."""


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
    wanted = tuple(_wanted(question.wanted))
    with scene.brokers(around) as ways:
        asked = _ask(ways, wanted, clock)
        evidence = _with_kafka(around, asked, question.wanted)
        tried = _try(scene, evidence)
        if more := _unasked_yet(scene.advertised(evidence), evidence, tried):
            evidence = _with_kafka(
                around, [*asked, *_ask(more, wanted, clock, others=asked)], question.wanted
            )
    return replace(
        evidence,
        probes=tried.probes,
        resolvers=tried.resolvers,
        skipped=(*evidence.skipped, *tried.skipped),
    )


def _try(scene: Scene, evidence: Evidence) -> Tried:
    addresses = tuple(_addresses(scene.bootstrap(evidence), evidence.kafka))
    if not addresses:
        return Tried(skipped=(Skipped(Part.PROBES, "no address to try is known"),))
    return scene.tried(evidence, addresses)


def _unasked_yet(ways: Ways, evidence: Evidence, tried: Tried) -> Ways:
    """
    Of the ways to advertised addresses those to brokers that were not asked yet.

    What leads nowhere is a finding of its own, and where as many have answered as serve, each has.
    """
    views = evidence.kafka.views
    known = {v.node for v in views}
    taken = {f"{p.host}:{p.port}" for p in tried.probes if not (p.unresolved or p.refused)}
    if sum(v.cluster is not None for v in views) >= len(ways):
        return {}
    return {a: way for a, way in ways.items() if a not in known and a in taken}


def _ask(
    ways: Ways, wanted: tuple[WantedTopic, ...], clock: Clock, others: Sequence[_Asking] = ()
) -> list[_Asking]:
    """Every broker, alone; one that says nothing while any speaks is asked once more."""
    asking = [_Asking(name, ways[name]) for name in ways]
    if not asking:
        return []
    with ThreadPoolExecutor(min(len(ways), _MANY)) as pool:
        running = {pool.submit(one.run, wanted) for one in asking}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for ended in done:
                ended.result()
            if any(one.view.cluster is not None for one in (*asking, *others)):
                running |= {
                    pool.submit(one.run_again, wanted, clock) for one in asking if one.is_doubtful()
                }
    return asking


def _with_kafka(around: Evidence, asked: Sequence[_Asking], desired: Desired | None) -> Evidence:
    view, skipped = _kafka(around, asked, desired)
    return replace(around, kafka=view, skipped=(*around.skipped, *skipped))


def _kafka(
    evidence: Evidence, asked: Sequence[_Asking], desired: Desired | None
) -> tuple[KafkaView, tuple[Skipped, ...]]:
    """What Kafka says: each broker alone, the rest from the one that speaks for all."""
    wanted = tuple(_wanted(desired))
    count = None if desired is None else desired.brokers
    silence = KafkaView(wanted=wanted, wanted_brokers=count)
    if not asked:
        if evidence.missing(Part.PODS):
            return silence, (Skipped(Part.KAFKA, "no way to a broker is known"),)
        return replace(silence, silence=_nobody(evidence)), _unasked(Part.KAFKA)
    views = tuple(one.view for one in asked)
    chosen = spokesman(views)
    speaker = next((one for one in asked if one.view is chosen), None)
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
        tuple(_untold(evidence.where, asked)),
    )


def _silent(view: KafkaView, asked: Sequence[_Asking]) -> tuple[KafkaView, tuple[Skipped, ...]]:
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


def _untold(where: Where, asked: Sequence[_Asking]) -> Iterator[Skipped]:
    """Why the quorum is not known: we may not ask for it, or no broker could tell."""
    views = [one.view for one in asked]
    refused = next((r for one in asked if (r := one.quorum_refused) is not None), None)
    fault = next((f"{v.node}: {v.quorum_fault}" for v in views if v.quorum_fault), None)
    if refused is not None:
        yield Skipped(
            Part.QUORUM,
            f"needs Describe on the Cluster resource: {refused}",
            "`kafka-acls.sh --add --allow-principal User:NAME --operation Describe --cluster`",
        )
    elif fault is not None and all(v.quorum is None for v in views):
        again = "with the address of every broker" if where is Where.ADDRESS else "in a minute"
        yield Skipped(Part.QUORUM, f"not learned: {fault}", f"ask again, {again}")


def _unasked(part: Part) -> tuple[Skipped, ...]:
    return (Skipped(part, "not asked: see `kafka.silent`"),)


class _Asking:
    """One broker, asked alone, at most twice."""

    def __init__(self, name: str, way: Callable[[], AbstractContextManager[KafkaAdmin]]) -> None:
        self._name = name
        self._way = way
        self.view = NodeView(name)
        self._again = False
        self._mute = False
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
            self.refused = error.what
            self.view = replace(self.view, silence=error.what)
        except KafkaError as error:
            self._mute = isinstance(error, TimedOutError)
            self.view = replace(self.view, silence=error.what)
        return self

    def is_doubtful(self) -> bool:
        """Whether it told nothing for no reason that is known, and is to be asked again; once."""
        told = self.view.cluster is not None or self.refused is not None
        doubtful = self.view.silence is not None and not told and not self._again
        self._again = self._again or doubtful
        return doubtful

    def run_again(self, wanted: tuple[WantedTopic, ...], clock: Clock) -> _Asking:
        """Ask everything once more; a broker that tells nothing again keeps its first words."""
        first = self.view.silence
        if not self._mute:
            clock.sleep(PAUSE)
        self.view = NodeView(self._name)
        self.run(wanted)
        if self.view.cluster is None and self.refused is None:
            self.view = NodeView(
                self._name, silence=first, again=self.view.silence, hangs=self._mute
            )
        return self

    def _ask(self, admin: KafkaAdmin, wanted: tuple[WantedTopic, ...]) -> None:
        cluster = admin.cluster()
        self.view = replace(self.view, cluster=cluster)
        try:
            self.view = replace(self.view, quorum=admin.quorum())
        except NotAuthorizedError as error:
            self.quorum_refused = str(error)
        except KafkaError as error:
            self.view = replace(self.view, quorum_fault=error.what)
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
