"""What Kafka says of itself: its quorum, its brokers, its topics."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.diagnosis import causes
from learnflow_kafka.core.diagnosis.causes import Cause, Proof, Remedy, Safety
from learnflow_kafka.core.diagnosis.evidence import Where
from learnflow_kafka.core.diagnosis.installations import installations
from learnflow_kafka.core.diagnosis.roles import (
    Role,
    called,
    main_container,
    pods_of,
    ready,
    role,
    workloads_of,
)
from learnflow_kafka.core.diagnosis.signs import LONGEST, Sign
from learnflow_kafka.core.findings import Status
from learnflow_kafka.core.local import NodeState
from learnflow_kafka.core.observed import ConfigSource
from learnflow_kafka.core.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from learnflow_kafka.core.diagnosis.evidence import (
        Evidence,
        KafkaView,
        LiveTopic,
        NodeView,
        WantedTopic,
    )
    from learnflow_kafka.core.diagnosis.objects import Pod, Workload
    from learnflow_kafka.core.observed import Broker

    Judge = Callable[[Evidence], Iterator[Cause]]

MAX_DELAY_MS: Final = 10_000
"""A voter fetches every 500 ms; one that missed this much is cut off."""

_MANY: Final = 8
_MOST: Final = 99
"""Voters that are named; a cluster has three or five."""

_VOTERS: Final = ("NODE_VOTERS", "KAFKA_CONTROLLER_QUORUM_VOTERS")


def _each_kafka(judge: Judge) -> Judge:
    """Judges every Kafka of the namespace by itself; of several, each cause names its own."""

    @wraps(judge)
    def judged(evidence: Evidence) -> Iterator[Cause]:
        for name, part in installations(evidence).items():
            for cause in judge(part):
                yield replace(cause, detail=f"{name}: {cause.detail}") if name else cause

    return judged


@_each_kafka
def silent(evidence: Evidence) -> Iterator[Cause]:
    """
    Kafka does not answer at all.

    Looks at whether any broker answers Kafka's protocol on the way that was tried. What keeps
    it from answering stands above this, where it is known; alone, it means that the process
    hangs, listens elsewhere, or wants another protocol (TLS, SASL).
    """
    view = evidence.kafka
    if view.silence is None:
        return
    yield Cause(
        "kafka.silent",
        (causes.KAFKA,),
        f"no broker answers: {view.silence}",
        (Proof("kafka", view.asked or "connection", view.silence),),
        Remedy(
            "look at the brokers' logs",
            Safety.SAFE,
            f"kubectl logs -n {evidence.namespace} --tail 100 -l app.kubernetes.io/name=kafka"
            if evidence.where is Where.KUBERNETES
            else f"learnflow logs{evidence.name_flag}"
            if evidence.where is Where.LOCAL
            else None,
        ),
    )


@_each_kafka
def no_leader(evidence: Evidence) -> Iterator[Cause]:
    """
    The KRaft quorum has no leader, or voters that do not follow it.

    Looks at what Kafka says of its quorum: no leader, no broker that can tell (one of several may
    only be cut off), or voters that have not caught up for ten seconds; at log lines about names
    that did not resolve; and at the headless Service, which must publish addresses of pods that
    are not ready, since controllers find each other before they are. Pods can be Ready all the
    while.

    Way out: start the voters that are down; where all run, restart them one by one. A voter that
    is a broker too takes what it serves with it.
    """
    view = evidence.kafka
    hosts = [s for s in evidence.logs if s.sign is Sign.UNKNOWN_HOST]
    quorum = view.quorum
    unreachable = _nobody_tells(evidence) if quorum is None else None
    leaderless = quorum is not None and (quorum.leader is None or quorum.leader < 0)
    if leaderless or unreachable:
        hangs = any(v.hangs for v in view.views)
        yield Cause(
            "quorum.no_leader",
            (causes.QUORUM,),
            "the KRaft quorum has no leader"
            + (" that answers the brokers" if unreachable and hangs else "")
            + ": no topic or broker can change",
            (
                Proof(
                    "quorum",
                    "leader",
                    "none" if quorum is not None else f"not told: {unreachable}",
                ),
                *(Proof(f"pod {s.pod}", "log", s.line) for s in hosts[:2]),
                *_hidden_addresses(evidence),
            ),
            _wake_quorum(evidence),
        )
        return
    if quorum is not None and (behind := dict(_behind(view))):
        yield Cause(
            "quorum.no_leader",
            ("voters",),
            f"voter {quorum.leader} leads, but {counted(len(behind), 'voter')} of "
            f"{len(quorum.voters)} do not follow: {', '.join(map(str, behind))}",
            tuple(Proof(f"voter {v}", "last caught up", why) for v, why in behind.items()),
            _wake_quorum(evidence, behind),
            Status.FAILED if 2 * len(behind) >= len(quorum.voters) else Status.WARNING,
        )


@_each_kafka
def split(evidence: Evidence) -> Iterator[Cause]:
    """
    There are two clusters where one is meant.

    Asks every broker alone, and compares cluster ids, leaders and voters. It happens when the
    list of static voters is changed by scaling: a fresh majority elects a leader of its own,
    and records go to whichever broker a client met.

    Way out: stop the brokers of the newer cluster before more is written to them, and give
    every node the voters that the older one had. Add brokers, not voters.
    """
    views = [v for v in evidence.kafka.views if v.cluster is not None]
    ids = sorted({v.cluster.cluster_id for v in views if v.cluster is not None})
    leaders = {
        (v.quorum.leader, tuple(sorted(v.quorum.voters)))
        for v in views
        if v.quorum is not None and v.quorum.leader is not None
    }
    voters = {members for _, members in leaders}
    if len(ids) <= 1 and len(voters) <= 1:
        return
    what = f"{len(ids)} cluster ids ({', '.join(ids)})" if len(ids) > 1 else "different voters"
    yield Cause(
        "quorum.split",
        ("split", causes.QUORUM, causes.BROKERS),
        f"the brokers are not one cluster: {what}",
        tuple(
            Proof(
                v.node,
                "cluster id, leader, voters",
                f"{v.cluster.cluster_id if v.cluster else '?'}, "
                f"{v.quorum.leader if v.quorum else '?'}, "
                f"{sorted(v.quorum.voters) if v.quorum else '?'}",
            )
            for v in views
        ),
        Remedy(
            "stop the nodes of the newer cluster, and give all of them the voters of the older "
            "one; records that were written to the newer one are lost with it, so copy them first",
            Safety.DANGEROUS,
        ),
    )


@_each_kafka
def brokers_missing(evidence: Evidence) -> Iterator[Cause]:
    """
    Fewer brokers are registered and serving than there should be.

    Looks at the brokers that the cluster names, at those that are fenced, and at the replicas
    that the StatefulSet wants (or the brokers that the catalog's environment names). Says
    which pod is missing. Most often a consequence: of a pod that does not run, of a quorum
    without a leader.

    Each broker is asked alone, too. For nine seconds a cluster goes on counting a broker that
    hangs as serving (without a quorum, for ever), and its pod can be ready all the while: one
    that says nothing while another speaks is asked a second time, and is named if it says nothing
    again, three seconds and a half in all. One that was busy for a moment is not.

    Way out: a broker that takes connections and says nothing was suspended, waits for a disk, or
    collects garbage. Look before it is restarted, since the traces go with the process. A liveness
    probe that asks over HTTP, as our chart's does, restarts it after some minutes; one that only
    opens the port never does.
    """
    cluster = evidence.kafka.cluster
    if cluster is None:
        return
    serving = [b for b in cluster.brokers if not b.fenced]
    fenced = [b for b in cluster.brokers if b.fenced]
    mute = _mute(evidence)
    wanted, source = _wanted_brokers(evidence)
    if serving and not fenced and not mute and len(serving) >= wanted:
        return
    known = {b.host.partition(".")[0] for b in serving}
    missing = [
        p.name for p in pods_of(evidence, Role.BROKER) if p.name not in known and not ready(p)
    ]
    names = "" if cluster.brokers else "; who answers names no broker, not even itself"
    names += f"; not ready: {', '.join(missing)}" if missing else ""
    names += f"; fenced: {', '.join(str(b.id) for b in fenced)}" if fenced else ""
    if mute:
        verbs = "counts as serving and does" if len(mute) == 1 else "count as serving and do"
        names += f"; {', '.join(mute.values())} {verbs} not answer"
    at_least = max(wanted, len(cluster.brokers), 1)
    silent = [v for v in evidence.kafka.views if v.again is not None]
    silent.sort(key=lambda view: view.node not in mute)
    yield Cause(
        "brokers.missing",
        (*(causes.answers(v.node) for v in silent if v.hangs), causes.BROKERS),
        f"{len(serving) - len(mute)} of {at_least} brokers serve{names}",
        (
            *(proof for view in silent for proof in _unanswered(view, evidence)),
            Proof("cluster", "brokers", ", ".join(f"{b.id} ({b.address})" for b in serving)),
            Proof(source, "brokers wanted", str(wanted)),
            *(Proof(f"broker {b.id}", "fenced", "true") for b in fenced),
        ),
        _look_at(silent[0], evidence)
        if silent and not missing
        else Remedy(
            "a broker that has just started needs some seconds; else read its log",
            Safety.SAFE,
            f"kubectl logs -n {evidence.namespace} {missing[0]} --tail 100"
            if missing
            else f"learnflow logs{evidence.name_flag}"
            if evidence.where is Where.LOCAL
            else None,
        ),
    )


def leaderless(evidence: Evidence) -> Iterator[Cause]:
    """
    Partitions have no leader, or too few replicas in sync.

    Looks at every topic's partitions. Without a leader nobody reads or writes them: all their
    replicas are down, or the last one in sync is.
    """
    topics = evidence.kafka.topics or ()
    dead = [t for t in topics if t.leaderless]
    short = [t for t in topics if t.short and not t.leaderless]
    for found, what, status in (
        (dead, "partitions without a leader", Status.FAILED),
        (short, "partitions with replicas out of sync", Status.WARNING),
    ):
        if found:
            count = sum(t.leaderless or t.short for t in found)
            yield Cause(
                "partitions.offline",
                ("partitions",),
                f"{count} {what}, in {counted(len(found), 'topic')}",
                tuple(
                    Proof(f"topic {t.name}", what, f"{t.leaderless or t.short} of {t.partitions}")
                    for t in found[:_MANY]
                ),
                Remedy("bring back the brokers that hold their replicas"),
                status,
            )


def topics_missing(evidence: Evidence) -> Iterator[Cause]:
    """
    Topics of the catalog do not exist, and why.

    Looks at the catalog against the live topics, then asks the broker to create each missing
    one without doing it (`validateOnly`), and quotes the answer: not enough brokers for the
    replication, no right, a policy. A broker that would create it says that nobody has tried,
    or that a job reported success and had none.

    Way out: `learnflow apply`, once the reason is gone.
    """
    view = evidence.kafka
    if view.topics is None:
        return
    live = {t.name for t in view.topics}
    missing = [t for t in view.wanted if t.name not in live]
    by_reason: dict[str, list[str]] = {}
    for topic in missing:
        by_reason.setdefault(view.refusals.get(topic.name, ""), []).append(topic.name)
    for reason, names in by_reason.items():
        few = "replication factor" in reason.lower()
        why = f"the broker would refuse: {reason}" if reason else "nothing keeps them from it"
        yield Cause(
            "topics.missing",
            (causes.TOPICS,) if few else tuple(causes.topic(n) for n in names),
            f"{counted(len(names), 'topic')} of the catalog "
            f"{'does' if len(names) == 1 else 'do'} not exist ({_listed(names)}); {why}",
            (
                *(Proof(f"topic {n}", "exists", "no") for n in names[:_MANY]),
                *([Proof(f"create {names[0]}", "answer", reason)] if reason else []),
                *([Proof("cluster", "brokers", _serving(view))] if few else []),
            ),
            _create(evidence, reason, few=few),
        )


def topics_different(evidence: Evidence) -> Iterator[Cause]:
    """
    Topics are not what the catalog says.

    Looks at partitions, replication and each declared config, with the place that its value
    comes from. Usual reasons: a topic that a client created by itself with the broker's
    defaults, `--if-not-exists` in a script (which never changes a topic), a change by hand.

    Way out: `learnflow plan` shows what would change and what it costs. Partitions can only
    grow, and with keys that moves them.
    """
    view = evidence.kafka
    live = {t.name: t for t in view.topics or ()}
    wrong = {
        t.name: found for t in view.wanted if (found := tuple(_differences(t, live.get(t.name))))
    }
    if not wrong:
        return
    proofs = tuple(proof for found in wrong.values() for proof in found)
    yield Cause(
        "topics.different",
        tuple(f"settings of {name}" for name in wrong),
        f"{counted(len(wrong), 'topic')} differ from the catalog: {_listed(list(wrong))}",
        proofs,
        Remedy(
            "see what would change, then apply it",
            Safety.ASKS,
            f"learnflow plan{_context(evidence)} && learnflow apply{_context(evidence)}",
        ),
    )


def _differences(wanted: WantedTopic, live: LiveTopic | None) -> Iterator[Proof]:
    if live is None:
        return
    name = f"topic {wanted.name}"
    if live.partitions != wanted.partitions:
        note = "; cannot shrink" if live.partitions > wanted.partitions else ""
        yield Proof(name, "partitions", f"{live.partitions}, catalog: {wanted.partitions}{note}")
    if wanted.replication is not None and live.replication != wanted.replication:
        found = live.replication if live.replication is not None else "mixed"
        yield Proof(name, "replication", f"{found}, catalog: {wanted.replication}")
    for key, value in wanted.config.items():
        held = (live.config or {}).get(key)
        if held is None or held.value == value or held.value is None:
            continue
        source = "set on the topic" if held.source is ConfigSource.TOPIC else held.source.value
        yield Proof(name, f"config {key}", f"{held.value} ({source}), catalog: {value}")


def _mute(evidence: Evidence) -> dict[str, str]:
    """
    Nodes that the cluster counts as serving and that told nothing, twice: what each is called.

    Which broker a node is, its address tells. Where a pod's does not (it advertises another name),
    as many brokers as pods must serve: then this is one of them.
    """
    view = evidence.kafka
    serving = [b for b in view.cluster.brokers if not b.fenced] if view.cluster is not None else []
    starting = {p.name for p in evidence.processes if p.state == NodeState.STARTING}
    found: dict[str, str] = {}
    for node in (v.node for v in view.views if v.again is not None and v.node not in starting):
        broker = next((b for b in serving if _is_at(b, node, evidence)), None)
        if broker is not None:
            found[node] = node if evidence.where is Where.LOCAL else f"{broker.id} ({node})"
        elif _is_counted(node, len(serving), evidence):
            found[node] = node
    return found


def _is_at(broker: Broker, node: str, evidence: Evidence) -> bool:
    """Whether a broker is what was asked under this name."""
    if evidence.where is Where.LOCAL:
        return any(p.name == node and p.id == broker.id for p in evidence.processes)
    if evidence.where is Where.ADDRESS:
        return broker.address.lower() == node.lower()
    ips = {p.ip for p in evidence.pods if p.name == node}
    return broker.host.partition(".")[0] == node or broker.host in ips


def _is_counted(node: str, serving: int, evidence: Evidence) -> bool:
    """Whether a ready pod must be one of so many brokers that serve, whatever they advertise."""
    cluster, views = evidence.kafka.cluster, evidence.kafka.views
    named = any(
        _is_at(b, v.node, evidence) for v in views for b in (cluster.brokers if cluster else ())
    )
    ours = any(p.name == node and ready(p) for p in pods_of(evidence, Role.BROKER))
    return ours and not named and serving >= len(views)


def _unanswered(view: NodeView, evidence: Evidence) -> Iterator[Proof]:
    """What came of asking one node, and how its pod stands."""
    who = view.node if evidence.where is Where.ADDRESS else called(evidence, view.node)
    yield Proof(who, "asked alone", view.silence or "no answer")
    yield Proof(who, "asked again", view.again or "no answer")
    for pod in evidence.pods:
        if pod.name == view.node:
            yield Proof(who, "condition Ready", "True" if ready(pod) else "False")
    for process in evidence.processes:
        if process.name == view.node:
            yield Proof(who, "process", f"{process.state}, pid {process.pid}")


def _look_at(view: NodeView, evidence: Evidence) -> Remedy:
    """What tells why a node says nothing; nothing of it ends or restarts a process."""
    name, home = view.node, evidence.namespace
    process = next((p for p in evidence.processes if p.name == name), None)
    pid = process.pid if process is not None else None
    if not view.hangs:
        return Remedy(
            "it takes no connection, or hangs up: it ended a moment ago, has just started or wants "
            "another protocol; if it stays so, its log tells",
            Safety.SAFE,
            f"kubectl get pod -n {home} {name}"
            if evidence.where is Where.KUBERNETES
            else f"learnflow logs{evidence.name_flag} --broker {process.id}"
            if process is not None
            else None,
        )
    if evidence.where is Where.KUBERNETES:
        return Remedy(
            "it takes connections and says nothing: look at its processes before it is restarted "
            "(T is suspended, D waits for a disk; else its log tells of pauses); a liveness probe "
            "that asks over HTTP restarts it after some minutes, one that opens the port never",
            Safety.SAFE,
            f"kubectl exec -n {home} {name} -- sh -c 'grep State: /proc/[0-9]*/status'; "
            f"kubectl logs -n {home} {name} --tail 100",
        )
    return Remedy(
        "it takes connections and says nothing: have it write its threads to process.log, beside "
        "the log that `learnflow status` names, before it is restarted (they tell what it waits "
        "for); nothing restarts it by itself"
        if pid is not None
        else "it takes connections and says nothing: look at its process before it is restarted "
        "(in the list of `ps ax`, T is suspended and D waits for a disk; `kill -QUIT` has a Java "
        "process write its threads to its log, and go on)",
        Safety.SAFE,
        f"kill -QUIT {pid}" if pid is not None else None,
    )


def _behind(view: KafkaView) -> Iterator[tuple[int, str]]:
    quorum = view.quorum
    if quorum is None:
        return
    now = max(quorum.caught_up_ms.values(), default=0)
    for voter in quorum.voters:
        told = quorum.caught_up_ms.get(voter)
        if voter != quorum.leader and told is not None and now - told > MAX_DELAY_MS:
            yield voter, f"{(now - told) // 1000} s ago" if told > 0 else "never"


def _hidden_addresses(evidence: Evidence) -> Iterator[Proof]:
    governing = {w.service for w in workloads_of(evidence, Role.BROKER, Role.CONTROLLER)}
    for service in evidence.services:
        if service.name in governing and not service.publish_not_ready:
            yield Proof(f"service {service.name}", "spec.publishNotReadyAddresses", "false")


def _nobody_tells(evidence: Evidence) -> str | None:
    """
    Why no broker tells of the quorum, where that means that there is none.

    A broker that does not get an answer of the controllers may itself be cut off from them: every
    one must fail, and all that serve must have been asked, or none knows a controller.
    """
    view = evidence.kafka
    faults = [v.quorum_fault for v in view.views if v.cluster is not None]
    if view.cluster is None or not faults or None in faults:
        return None
    serving = [b for b in view.cluster.brokers if not b.fenced]
    asked = evidence.where is not Where.ADDRESS or len(view.views) >= len(serving)
    return faults[0] if asked or view.cluster.controller is None else None


def _wake_quorum(evidence: Evidence, behind: Collection[int] = ()) -> Remedy:
    """How the voters come to follow a leader; `behind` are those that do not, where it has one."""
    hidden = [p.object.partition(" ")[2] for p in _hidden_addresses(evidence)]
    if hidden:
        return Remedy(
            "let controllers find each other before they are ready",
            Safety.SAFE,
            f"kubectl patch service {hidden[0]} -n {evidence.namespace} "
            '-p \'{"spec":{"publishNotReadyAddresses":true}}\'',
        )
    voters = _voters(evidence)
    if not voters:
        start = f"learnflow up{evidence.name_flag}" if evidence.where is Where.LOCAL else None
        return Remedy(
            "start controllers until more than half of the voters run", Safety.ASKS, start
        )
    up = {p.name: p for p in pods_of(evidence, Role.BROKER, Role.CONTROLLER) if _runs(p)}
    if down := [name for name in voters if name not in up]:
        return _started(down, evidence)
    ids = {voter: name for name, voter in voters.items()}
    mute = [v.node for v in evidence.kafka.views if v.hangs and v.node in voters]
    ill = [ids[voter] for voter in behind if voter in ids] or mute or [*voters]
    serves = any(role(up[name]) is Role.BROKER for name in ill)
    return Remedy(
        f"all voters run: restart {', '.join(ill)}"
        + (" one by one, each when the last runs" if len(ill) > 1 else "")
        + ("; they are brokers too, and what they serve is away meanwhile" if serves else ""),
        Safety.DANGEROUS if serves else Safety.ASKS,
        f"kubectl delete pod {ill[0]} -n {evidence.namespace}",
    )


def _started(down: list[str], evidence: Evidence) -> Remedy:
    """
    How missing voters come to run.

    No restart: it would wait for a voter to be ready, which none is without a quorum.
    """
    for owner in workloads_of(evidence, Role.CONTROLLER, Role.BROKER):
        numbers = [n for name in down if (n := _number(name, owner)) is not None]
        if max(numbers, default=-1) >= owner.wanted:
            return Remedy(
                f"scale {owner.name} back: {', '.join(down)} vote, and more than half of the "
                "voters must run",
                Safety.ASKS,
                f"kubectl scale {owner.kind.lower()}/{owner.name} -n {evidence.namespace} "
                f"--replicas {max(numbers) + 1}",
            )
    return Remedy(
        f"let {', '.join(down)} run, as {'its' if len(down) == 1 else 'their'} own findings say; "
        "more than half of the voters must",
        Safety.ASKS,
    )


def _voters(evidence: Evidence) -> dict[str, int | None]:
    """The pods that vote, each with its number: as their settings say, else all controllers."""
    sets = [*workloads_of(evidence, Role.CONTROLLER, Role.BROKER)]
    for pod in pods_of(evidence, Role.CONTROLLER, Role.BROKER):
        told = _told_voters(pod)
        if told and all(any(_number(name, w) is not None for w in sets) for name in told):
            return dict(told)
    kind = Role.CONTROLLER if any(workloads_of(evidence, Role.CONTROLLER)) else Role.BROKER
    cluster = evidence.kafka.cluster
    ids = {b.host.partition(".")[0]: b.id for b in cluster.brokers} if cluster else {}
    return {
        name: ids.get(name)
        for w in workloads_of(evidence, kind)
        for name in (f"{w.name}-{n}" for n in range(min(w.wanted, _MOST)))
    }


def _number(name: str, owner: Workload) -> int | None:
    """Which pod of a workload it is, from 0; None where it is none of its pods."""
    found = re.fullmatch(rf"{re.escape(owner.name)}-(\d{{1,9}})", name)
    return int(found[1]) if found else None


def _told_voters(pod: Pod) -> dict[str, int]:
    """The voters in a pod's settings, `0@kafka-0.kafka-headless:9093,...`, by pod."""
    container = main_container(pod)
    settings = container.settings if container is not None else {}
    text = next((settings[name] for name in _VOTERS if settings.get(name)), "")
    if len(text) >= LONGEST:  # the rest of them was cut off
        return {}
    found = re.findall(r"(\d{1,9})@([^.:,]+)[^,]*", text)
    return {name: int(number) for number, name in found}


def _runs(pod: Pod) -> bool:
    container = main_container(pod)
    return pod.phase == "Running" and container is not None and container.running


def _wanted_brokers(evidence: Evidence) -> tuple[int, str]:
    sets = list(workloads_of(evidence, Role.BROKER))
    if sets:
        names = ", ".join(f"{w.kind} {w.name}" for w in sets)
        return sum(w.wanted for w in sets), names
    if evidence.processes:
        count = sum(p.name.startswith("broker") for p in evidence.processes)
        return count, "the local cluster"
    return evidence.kafka.wanted_brokers or 0, "the catalog's environment"


def _serving(view: KafkaView) -> str:
    if view.cluster is None:
        return "not known"
    return ", ".join(str(b.id) for b in view.cluster.brokers if not b.fenced) or "none"


def _create(evidence: Evidence, reason: str, *, few: bool) -> Remedy:
    apply = f"learnflow apply{_context(evidence)}"
    if few:
        return Remedy(
            "start the missing brokers (or lower the replication of the environment), then apply",
            Safety.SAFE,
            apply,
        )
    if "authoriz" in reason.lower():
        return Remedy("give this user the right CREATE on these topics, then apply", Safety.ASKS)
    return Remedy("create them", Safety.SAFE, apply)


def _context(evidence: Evidence) -> str:
    return f" -c {evidence.target}" if evidence.target else ""


def _listed(names: list[str]) -> str:
    rest = len(names) - _MANY
    return ", ".join(names[:_MANY]) + (f" and {rest} more" if rest > 0 else "")
