"""
All rules under their stable names, and how evidence is judged.

The names are an API (docs/reference/doctor.md, docs/compatibility.md): programs look for
them. The order is that of the families in the guide; among causes of equal weight it decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.diagnosis.causes import Family, Rule
from learnflow_kafka.core.diagnosis.evidence import Part, Where
from learnflow_kafka.core.diagnosis.ranking import Ranked, ranked
from learnflow_kafka.core.diagnosis.rules import (
    claims,
    connections,
    crash,
    kafka,
    network,
    pending,
    release,
    starting,
    zookeeper,
)
from learnflow_kafka.core.diagnosis.together import together
from learnflow_kafka.core.findings import Finding, Report, Status

if TYPE_CHECKING:
    from learnflow_kafka.core.diagnosis.causes import Cause
    from learnflow_kafka.core.diagnosis.evidence import Evidence, Skipped

_KUBERNETES: Final = (Where.KUBERNETES,)
_MACHINES: Final = (Where.KUBERNETES, Where.LOCAL)
_EVERYWHERE: Final = (Where.KUBERNETES, Where.LOCAL, Where.ADDRESS)

RULES: Final = (
    Rule(
        "claim.no_volume",
        Family.PENDING,
        "Is there a volume, or a class that makes one, for every claim?",
        claims.no_class,
        (Part.CLAIMS, Part.CLASSES),
        _KUBERNETES,
    ),
    Rule(
        "claim.class_missing",
        Family.PENDING,
        "Does the storage class of every claim exist?",
        claims.class_missing,
        (Part.CLAIMS,),
        _KUBERNETES,
    ),
    Rule(
        "claim.provisioner",
        Family.PENDING,
        "Does somebody make the volumes that claims wait for?",
        claims.provisioner_silent,
        (Part.CLAIMS, Part.CLASSES),
        _KUBERNETES,
    ),
    Rule(
        "pending.room",
        Family.PENDING,
        "Does a node have the room that each pod asks for?",
        pending.room,
        (Part.PODS,),
        _KUBERNETES,
    ),
    Rule(
        "pending.taint",
        Family.PENDING,
        "Do the pods tolerate the taints of the nodes?",
        pending.taint,
        (Part.PODS,),
        _KUBERNETES,
    ),
    Rule(
        "pending.spread",
        Family.PENDING,
        "Are there as many nodes and zones as pods that must stay apart?",
        pending.spread,
        (Part.PODS,),
        _KUBERNETES,
    ),
    Rule(
        "pending.selector",
        Family.PENDING,
        "Has a node the labels that the pods ask for?",
        pending.selector,
        (Part.PODS,),
        _KUBERNETES,
    ),
    Rule(
        "pending.volume_zone",
        Family.PENDING,
        "Can each pod run where its volume is?",
        pending.volume_zone,
        (Part.PODS,),
        _KUBERNETES,
    ),
    Rule(
        "pending.node_down",
        Family.PENDING,
        "Do the nodes take pods?",
        pending.node_down,
        (Part.PODS, Part.NODES),
        _KUBERNETES,
    ),
    Rule(
        "pending.other",
        Family.PENDING,
        "Does the scheduler place every pod?",
        pending.other,
        (Part.PODS,),
        _KUBERNETES,
    ),
    Rule(
        "claim.waits_for_pod",
        Family.PENDING,
        "Which claims wait for their pod, as they should?",
        claims.waits_for_pod,
        (Part.CLAIMS, Part.CLASSES),
        _KUBERNETES,
    ),
    Rule(
        "pods.not_created",
        Family.STARTING,
        "Are all the pods created that are wanted?",
        starting.not_created,
        (Part.WORKLOADS, Part.EVENTS),
        _KUBERNETES,
    ),
    Rule(
        "image.pull",
        Family.STARTING,
        "Do the images come?",
        starting.image,
        (Part.PODS,),
        _KUBERNETES,
    ),
    Rule(
        "container.not_made",
        Family.STARTING,
        "Can the containers be made, and their volumes mounted?",
        starting.not_made,
        (Part.PODS,),
        _KUBERNETES,
    ),
    Rule(
        "crash.out_of_memory",
        Family.STARTING,
        "Do heap and memory limit fit, and is nothing ended for its memory?",
        crash.out_of_memory,
        (Part.PODS,),
        _MACHINES,
    ),
    Rule(
        "crash.lost_found",
        Family.STARTING,
        "Is the log directory below the root of its volume?",
        crash.lost_found,
        (Part.LOGS,),
        _KUBERNETES,
    ),
    Rule(
        "crash.cluster_id",
        Family.STARTING,
        "Do the disks belong to this cluster?",
        crash.cluster_id,
        (Part.LOGS,),
        _MACHINES,
    ),
    Rule(
        "crash.not_formatted",
        Family.STARTING,
        "Is the storage formatted for this mode?",
        crash.not_formatted,
        (Part.LOGS,),
        _MACHINES,
    ),
    Rule(
        "crash.disk_full",
        Family.STARTING,
        "Have the disks room?",
        crash.disk_full,
        (Part.LOGS,),
        _MACHINES,
    ),
    Rule(
        "crash.probe",
        Family.STARTING,
        "Do probes leave the containers alone?",
        crash.probe,
        (Part.PODS, Part.EVENTS),
        _KUBERNETES,
    ),
    Rule(
        "crash.other",
        Family.STARTING,
        "Does every container stay up?",
        crash.other,
        (Part.PODS,),
        _KUBERNETES,
    ),
    Rule(
        "process.down",
        Family.STARTING,
        "Does every process on this machine run?",
        release.process_down,
        (Part.PROCESSES,),
        (Where.LOCAL,),
    ),
    Rule(
        "quorum.split",
        Family.KAFKA,
        "Are the brokers one cluster?",
        kafka.split,
        (Part.KAFKA, Part.QUORUM),
        _EVERYWHERE,
    ),
    Rule(
        "quorum.no_leader",
        Family.KAFKA,
        "Has the quorum a leader whom its voters follow?",
        kafka.no_leader,
        (Part.KAFKA, Part.QUORUM),
        _EVERYWHERE,
    ),
    Rule(
        "brokers.missing",
        Family.KAFKA,
        "Are all brokers registered and serving?",
        kafka.brokers_missing,
        (Part.KAFKA,),
        _EVERYWHERE,
    ),
    Rule(
        "kafka.silent",
        Family.KAFKA,
        "Does Kafka answer?",
        kafka.silent,
        (),
        _EVERYWHERE,
    ),
    Rule(
        "partitions.offline",
        Family.KAFKA,
        "Has every partition a leader and its replicas?",
        kafka.leaderless,
        (Part.KAFKA,),
        _EVERYWHERE,
    ),
    Rule(
        "topics.missing",
        Family.KAFKA,
        "Does every topic of the catalog exist, and if not, why?",
        kafka.topics_missing,
        (Part.KAFKA,),
        _EVERYWHERE,
    ),
    Rule(
        "topics.different",
        Family.KAFKA,
        "Are the topics as the catalog says?",
        kafka.topics_different,
        (Part.KAFKA,),
        _EVERYWHERE,
    ),
    Rule(
        "dns.broken",
        Family.CONNECTIONS,
        "Do names resolve as the pods use them?",
        connections.dns,
        (Part.SERVICES, Part.CLIENT),
        _KUBERNETES,
    ),
    Rule(
        "network.blocked",
        Family.CONNECTIONS,
        "Do the network policies admit clients, brokers and DNS?",
        network.blocked,
        (Part.POLICIES, Part.PODS),
        _KUBERNETES,
    ),
    Rule(
        "service.no_endpoints",
        Family.CONNECTIONS,
        "Does a ready pod stand behind each service, at the right port?",
        connections.no_endpoints,
        (Part.SERVICES, Part.PODS, Part.ENDPOINTS),
        _KUBERNETES,
    ),
    Rule(
        "connect.advertised",
        Family.CONNECTIONS,
        "Do the addresses that brokers advertise lead to them?",
        connections.advertised,
        (Part.PROBES,),
        _EVERYWHERE,
    ),
    Rule(
        "connect.client",
        Family.CONNECTIONS,
        "Does a client's pod reach what a broker's pod reaches?",
        connections.client,
        (Part.CLIENT,),
        _KUBERNETES,
    ),
    Rule(
        "connect.protocol",
        Family.CONNECTIONS,
        "Do clients speak the protocol of the port they connect to?",
        connections.wrong_protocol,
        (Part.LOGS,),
        _MACHINES,
    ),
    Rule(
        "external.no_address",
        Family.CONNECTIONS,
        "Have the services for clients outside an address?",
        connections.external,
        (Part.SERVICES,),
        _KUBERNETES,
    ),
    Rule(
        "zookeeper.not_serving",
        Family.ZOOKEEPER,
        "Does a majority of the ensemble serve?",
        zookeeper.not_serving,
        (Part.ZOOKEEPER,),
        _MACHINES,
    ),
    Rule(
        "zookeeper.sessions",
        Family.ZOOKEEPER,
        "Do the brokers keep their sessions with ZooKeeper?",
        zookeeper.sessions,
        (Part.LOGS,),
        _MACHINES,
    ),
    Rule(
        "namespace.terminating",
        Family.RELEASE,
        "Is the namespace there to stay?",
        release.terminating,
        (Part.NAMESPACE,),
        _KUBERNETES,
    ),
    Rule(
        "release.failed",
        Family.RELEASE,
        "Did the newest Helm revision succeed?",
        release.refused,
        (Part.RELEASES,),
        _KUBERNETES,
    ),
)


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A rule that could not judge, and the part that it lacked."""

    rule: str
    skipped: Skipped


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """
    What a diagnosis came to: causes in their order, what was fine, and what nobody knows.

    `fine` names the rules that judged and found nothing.
    """

    causes: tuple[Ranked, ...] = ()
    fine: tuple[str, ...] = ()
    unchecked: tuple[Unchecked, ...] = ()

    @property
    def root(self) -> Cause | None:
        """The first root cause, if anything is wrong."""
        return self.causes[0].cause if self.causes else None

    def healthy(self, *, allow_unchecked: bool = False) -> bool:
        """Whether nothing is wrong and, unless allowed, nothing was left unjudged."""
        wrong = any(r.cause.status is Status.FAILED for r in self.causes)
        return not wrong and (allow_unchecked or not self.unchecked)

    def report(self) -> Report:
        """The diagnosis in the language that `verify` speaks too."""
        told = [r.cause.finding() for r in self.causes]
        unknown = [
            Finding(u.rule, Status.NOT_CHECKED, f"{u.skipped.part}: {u.skipped.reason}",
                    fix=u.skipped.fix)
            for u in self.unchecked
        ]  # fmt: skip
        return Report((*told, *unknown))


def diagnose(evidence: Evidence) -> Diagnosis:
    """Every rule's answer, causes before symptoms."""
    found: list[Cause] = []
    fine: list[str] = []
    unchecked: list[Unchecked] = []
    for rule in RULES:
        if evidence.where not in rule.where:
            continue
        mine = tuple(rule.judge(evidence))
        found += mine
        lacking = evidence.missing(*rule.needs)
        if lacking and not mine:
            unchecked.append(Unchecked(rule.name, lacking[0]))
        elif not mine:
            fine.append(rule.name)
    told = together(ranked(found, evidence), evidence)
    return Diagnosis(told, tuple(fine), tuple(unchecked))
