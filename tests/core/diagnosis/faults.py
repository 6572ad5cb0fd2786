"""
A fault for every rule, as evidence: what a cluster shows when that is wrong.

The messages are the scheduler's, the kubelet's, Kafka's, ZooKeeper's and Helm's own.
"""

from dataclasses import replace
from typing import Any

from tests.core.diagnosis import graphs as g

from learnflow_kafka.core.diagnosis.evidence import (
    Disk,
    Evidence,
    NodeView,
    Probe,
    Resolver,
)
from learnflow_kafka.core.diagnosis.objects import (
    Apart,
    Condition,
    Endpoints,
    Held,
    Namespace,
    NodeTerm,
    PodVolume,
    PolicyPort,
    PolicyRule,
    Quota,
    Release,
    Requirement,
    Selector,
    ServicePort,
    StorageClass,
    Taint,
    Terminated,
    Waiting,
)
from learnflow_kafka.core.diagnosis.signs import LogSign, Sign
from learnflow_kafka.core.observed import ConfigSource, ConfigValue

FULL = {"cpu": 3900, "memory": 15 * g.GI, "pods": 10}


def no_room() -> Evidence:
    """Every node is nearly full."""
    nodes = tuple(g.node(n, requested=FULL) for n in range(3))
    return g.pending("0/3 nodes are available: 3 Insufficient cpu.", nodes=nodes)


def tainted() -> Evidence:
    """Every node is for something else."""
    nodes = tuple(g.node(n, taints=(Taint("dedicated", "NoSchedule", "ml"),)) for n in range(3))
    return g.pending(
        "0/3 nodes are available: 3 node(s) had untolerated taint {dedicated: ml}.", nodes=nodes
    )


def crowded() -> Evidence:
    """Three brokers that must not share a node, and two nodes."""
    apart = (Apart(g.HOST, Selector(g.LABELS)),)
    return g.pending(
        "0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules.",
        nodes=tuple(g.node(n) for n in range(2)),
        away=apart,
        volumes=(),
    )


def uneven() -> Evidence:
    """Three brokers that must spread over zones, two zones of which are there."""
    base = g.pending(
        "0/2 nodes are available: 2 node(s) didn't match pod topology spread constraints.",
        nodes=(
            g.node(0, labels={g.ZONE: "a"}),
            g.node(1, labels={g.HOST: "node-1"}),
        ),
        spread=(Apart(g.ZONE, Selector(g.LABELS), 1),),
        volumes=(),
    )
    pods = (g.pod(0, node="node-0"), g.pod(1, node="node-0"), base.pods[2])
    empty = g.node(2, labels={g.ZONE: "b"}, unschedulable=True)
    return replace(base, pods=pods, nodes=(*base.nodes, empty))


def mislabelled() -> Evidence:
    """A selector with a typing mistake."""
    return g.pending(
        "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.",
        node_selector={"disk": "sdd"},
        volumes=(),
    )


def node_gone() -> Evidence:
    """The volume's node is not there any more."""
    return g.pending(
        "0/2 nodes are available: 2 node(s) had volume node affinity conflict.",
        nodes=tuple(g.node(n) for n in range(2)),
    )


def cordoned() -> Evidence:
    """Every node is cordoned."""
    mark = (Taint("node.kubernetes.io/unschedulable", "NoSchedule"),)
    nodes = tuple(g.node(n, unschedulable=True, taints=mark) for n in range(3))
    return g.pending(
        "0/3 nodes are available: 3 node(s) were unschedulable.", nodes=nodes, volumes=()
    )


def port_taken() -> Evidence:
    """A host port that another pod has."""
    return g.pending(
        "0/3 nodes are available: 3 node(s) didn't have free ports for the requested pod ports."
    )


UNBOUND = (
    "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: "
    "0/3 nodes are available: 3 Preemption is not helpful for scheduling."
)


def unbound(*, message: str = UNBOUND, **changes: Any) -> Evidence:
    """The third broker waits for its claim."""
    base = g.pending(message)
    stuck = g.claim(2, phase="Pending", volume=None, capacity=None, **changes)
    return replace(base, claims=(*base.claims[:2], stuck), volumes=base.volumes[:2])


def no_default_class() -> Evidence:
    """A claim without a class, where none is the default one."""
    base = unbound(storage_class=None)
    told = g.event(
        "PersistentVolumeClaim",
        "data-kafka-2",
        "FailedBinding",
        "no persistent volumes available for this claim and no storage class is set",
        type="Normal",
    )
    return replace(base, classes=(StorageClass("standard", "csi.example.com"),), events=(told,))


def volumes_too_small() -> Evidence:
    """Volumes made by hand, none of which fits."""
    base = unbound(
        storage_class="disks",
        message="0/3 nodes are available: 3 node(s) didn't find available persistent volumes "
        "to bind.",
    )
    there = (
        g.volume(7, storage_class="disks", phase="Available", claim=None, capacity=g.GI),
        g.volume(8, storage_class="disks", phase="Released", claim="kafka/older"),
    )
    static = StorageClass("disks", "kubernetes.io/no-provisioner", "WaitForFirstConsumer")
    return replace(base, volumes=(*base.volumes, *there), classes=(*base.classes, static))


def class_gone() -> Evidence:
    """A class that does not exist."""
    base = unbound(storage_class="standrad")
    told = g.event(
        "PersistentVolumeClaim",
        "data-kafka-2",
        "ProvisioningFailed",
        'storageclass.storage.k8s.io "standrad" not found',
    )
    return replace(base, events=(told,))


def nobody_provisions() -> Evidence:
    """A class whose driver is not installed."""
    told = g.event(
        "PersistentVolumeClaim",
        "data-kafka-2",
        "ExternalProvisioning",
        "Waiting for a volume to be created either by the external provisioner "
        "'csi.example.com' or manually by the system administrator.",
        type="Normal",
    )
    return replace(unbound(), drivers=(), events=(told,))


def waits_for_nobody() -> Evidence:
    """A late-binding claim that no pod uses."""
    late = StorageClass("late", "csi.example.com", "WaitForFirstConsumer")
    spare = g.claim(9, name="spare", phase="Pending", storage_class="late", volume=None)
    base = g.healthy()
    return replace(base, claims=(*base.claims, spare), classes=(*base.classes, late))


def over_quota() -> Evidence:
    """A quota that lets two pods in."""
    base = g.without_third()
    told = g.event(
        "StatefulSet",
        "kafka",
        "FailedCreate",
        'create Pod kafka-2 in StatefulSet kafka failed error: pods "kafka-2" is forbidden: '
        "exceeded quota: all, requested: pods=1, used: pods=2, limited: pods=2",
    )
    return replace(
        base,
        pods=base.pods[:2],
        workloads=(g.stateful(created=2, ready=2),),
        quotas=(Quota(g.SPACE, "all", {"pods": 2}, {"pods": 2}),),
        events=(told,),
    )


def insecure() -> Evidence:
    """A namespace that demands restricted pods."""
    base = over_quota()
    told = g.event(
        "StatefulSet",
        "kafka",
        "FailedCreate",
        'create Pod kafka-2 in StatefulSet kafka failed error: pods "kafka-2" is forbidden: '
        'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false',
    )
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return replace(base, events=(told,), namespace_state=Namespace(g.SPACE, labels))


def pulling(image: str, message: str) -> Evidence:
    """The third broker's image does not come."""
    base = g.without_third()
    broken = g.container(
        image=image, ready=False, running=False, waiting=Waiting("ImagePullBackOff", message)
    )
    return replace(base, pods=(*base.pods[:2], g.pod(2, conditions=(), containers=(broken,))))


def bitnami() -> Evidence:
    """An image that was removed."""
    name = "docker.io/bitnami/kafka:4.0.0-debian-12-r10"
    return pulling(name, f'Back-off pulling image "{name}"')


def no_secret() -> Evidence:
    """A variable from a secret that is not there."""
    base = g.without_third()
    broken = g.container(
        ready=False,
        running=False,
        waiting=Waiting("CreateContainerConfigError", 'secret "kafka-users" not found'),
    )
    return replace(base, pods=(*base.pods[:2], g.pod(2, conditions=(), containers=(broken,))))


def oom() -> Evidence:
    """A heap as large as the limit."""
    base = g.without_third()
    killed = g.crashed(2, 137, last=Terminated("OOMKilled", 137), heap="-Xmx2g")
    return replace(base, pods=(*base.pods[:2], killed))


def oom_over(minutes: int) -> Evidence:
    """A container that was ended for its memory so long ago, and is ready since."""
    ended = Terminated("OOMKilled", 137, finished_ms=g.NOW - minutes * 60_000)
    again = g.pod(0, containers=(g.container(last=ended, restarts=1),))
    return g.healthy(pods=(again, g.pod(1), g.pod(2)))


def lost_found() -> Evidence:
    """The volume's root as log directory."""
    return g.crashing(
        Sign.LOST_FOUND,
        "org.apache.kafka.common.KafkaException: Found directory /var/lib/kafka/lost+found, "
        "'lost+found' is not in the form of topic-partition",
    )


def other_cluster() -> Evidence:
    """A disk of another cluster."""
    return g.crashing(
        Sign.CLUSTER_ID,
        "kafka.common.InconsistentClusterIdException: The Cluster ID new doesn't match stored "
        "clusterId Some(old) in meta.properties.",
    )


def strange_disk() -> Evidence:
    """A disk of another cluster under one of the chart's nodes, which keeps the disk's id."""
    base = g.crashing(
        Sign.DISK_ID,
        "[learnflow start] this disk belongs to cluster old; the id cluster-1 of the chart is not "
        "used",
    )
    unready = g.pod(2, conditions=(), containers=(g.container(ready=False),))
    return replace(base, pods=(*base.pods[:2], unready))


def unformatted() -> Evidence:
    """Kafka 4 without voters."""
    return g.crashing(
        Sign.UNFORMATTED,
        "Because controller.quorum.voters is not set on this controller, you must specify one "
        "of the following: --standalone, --initial-controllers, or --no-initial-controllers.",
    )


def disk_full() -> Evidence:
    """A full disk."""
    return g.crashing(Sign.DISK_FULL, "java.io.IOException: No space left on device")


def disk_tight() -> Evidence:
    """A disk that is nearly full, under a broker that runs."""
    disks = (Disk("kafka-0", "/var/lib/kafka/data", 10 * g.GI, g.GI), *g.kafka().disks[1:])
    return g.healthy(kafka=g.kafka(disks=disks))


def probed() -> Evidence:
    """A liveness probe that kills a broker while it recovers."""
    base = g.without_third()
    told = g.event(
        "Pod", "kafka-2", "Killing", "Container kafka failed liveness probe, will be restarted"
    )
    killed = g.crashed(2, 143, waiting=None, last=Terminated("Error", 143))
    return replace(base, pods=(*base.pods[:2], killed), events=(told,))


def misconfigured() -> Evidence:
    """A setting that Kafka does not accept."""
    return g.crashing(
        Sign.CONFIG, "org.apache.kafka.common.config.ConfigException: Invalid value -1"
    )


def refused() -> Evidence:
    """A node that the chart's start script refuses to start."""
    return g.crashing(
        Sign.REFUSED,
        "[learnflow start] refused: the controllers of this cluster are '0 1 2', the chart now "
        "says '0'. Set controllers.replicas and controllers.dedicated back.",
    )


def stopped() -> Evidence:
    """A process of the local cluster that was killed."""
    base = g.local()
    gone = replace(base.processes[2], state="stopped", stale="its process ended")
    view = g.kafka(
        disks=(), cluster=g.cluster(2), views=(NodeView("broker-0", g.cluster(2), g.quorum()),)
    )
    return replace(base, processes=(*base.processes[:2], gone), kafka=view)


def suspended() -> Evidence:
    """A process of the local cluster that was frozen a moment ago; nobody misses it yet."""
    base = g.local()
    frozen = replace(base.processes[2], state="suspended", pid=4711)
    return replace(
        base,
        processes=(*base.processes[:2], frozen),
        kafka=replace(base.kafka, views=base.kafka.views[:2]),
    )


def two_clusters() -> Evidence:
    """A second majority that elected a leader of its own."""
    other = g.cluster(cluster_id="cluster-2")
    views = (*g.kafka().views[:2], NodeView("kafka-2", other, g.quorum(leader=2, voters={2: 9})))
    return g.healthy(kafka=g.kafka(views=views))


def leaderless() -> Evidence:
    """All pods are ready, and the quorum has no leader."""
    hosts = LogSign(
        "kafka-1", Sign.UNKNOWN_HOST, "java.net.UnknownHostException: kafka-0.kafka-headless"
    )
    late = "the brokers did not answer in time"
    views = tuple(NodeView(f"kafka-{n}", g.cluster(), quorum_fault=late) for n in range(3))
    view = g.kafka(quorum=None, views=views)
    return g.healthy(
        kafka=view,
        logs=(hosts,),
        services=(g.service(), g.headless(publish_not_ready=False)),
    )


def fenced() -> Evidence:
    """A broker that is registered and does not serve."""
    state = g.cluster()
    last = replace(state.brokers[2], fenced=True)
    return g.healthy(kafka=g.kafka(cluster=replace(state, brokers=(*state.brokers[:2], last))))


def hung() -> Evidence:
    """A broker that hangs, before its cluster has missed it."""
    mute = NodeView(
        "kafka-2",
        silence="no answer in 2.0 s; others took 0.03 s at most",
        again="no answer in 1.5 s; others took 0.03 s at most",
        hangs=True,
    )
    return g.healthy(kafka=g.kafka(views=(*g.kafka().views[:2], mute)))


def silent() -> Evidence:
    """Pods that run, and no answer."""
    return g.healthy(
        kafka=g.kafka(
            cluster=None, quorum=None, topics=None, views=(), disks=(),
            silence="kafka-0: no answer in 2 s", asked=None,
        ),
        probes=(),
    )  # fmt: skip


def offline() -> Evidence:
    """Partitions without a leader."""
    return g.healthy(kafka=g.kafka(topics=(g.live(g.WANTED[0], leaderless=2), g.live(g.WANTED[1]))))


def not_allowed() -> Evidence:
    """A topic that could not be created for lack of a right."""
    return g.healthy(
        kafka=g.kafka(
            topics=(g.live(g.WANTED[0]),),
            refusals={"progress.updated": "Authorization failed. (TOPIC_AUTHORIZATION_FAILED)"},
        )
    )


def drifted() -> Evidence:
    """A topic that a client created with the broker's defaults."""
    wrong = g.live(
        g.WANTED[0],
        partitions=1,
        replication=1,
        config={"retention.ms": ConfigValue("60000", ConfigSource.BROKER)},
    )
    return g.healthy(kafka=g.kafka(topics=(wrong, g.live(g.WANTED[1]))))


def advertised() -> Evidence:
    """A broker that advertises a name of another place."""
    good = g.probes()
    bad = Probe("kafka-0", "broker.example.internal", 9092, "broker 2", "Name does not resolve")
    return g.healthy(probes=(*good[:3], bad))


def led_astray() -> Evidence:
    """A client whose own `hosts` file leads a broker's name elsewhere."""
    base = g.asked(2, refused="connection refused")
    return replace(base, client=replace(g.CLIENT, aliases={g.address(1): "10.9.9.9"}))


def meshed() -> Evidence:
    """A client whose sidecar lets nothing through to Kafka."""
    base = g.asked(0, 1, 2, 3, refused="no answer in 5 s")
    return replace(base, client=replace(g.CLIENT, containers=("app", "istio-proxy")))


def kept_out() -> Evidence:
    """A client that something keeps from Kafka which no object tells."""
    return g.asked(0, 1, 2, 3, refused="no answer in 5 s")


def other_server() -> Evidence:
    """A client that asks a name server of its own."""
    base = g.asked(0, 1, 2, 3, unresolved="no answer in 5 s")
    odd = replace(base.resolvers[1], servers=("192.0.2.1",))
    client = replace(g.CLIENT, dns_policy="None")
    return replace(base, client=client, resolvers=(base.resolvers[0], odd))


def on_its_node() -> Evidence:
    """A client on its node's network, which asks its node's name server."""
    base = other_server()
    return replace(base, client=replace(g.CLIENT, host_network=True))


def names_kept_from_it() -> Evidence:
    """A client that asks the right name server, and gets no answer."""
    return g.asked(0, 1, 2, 3, unresolved="temporary failure in name resolution")


def plaintext() -> Evidence:
    """A client that does not log in."""
    line = "Unexpected Kafka request of type METADATA during SASL handshake."
    return g.healthy(logs=(LogSign("kafka-0", Sign.SASL_PLAINTEXT, line),))


def encrypted() -> Evidence:
    """A client with TLS, on a port without."""
    line = "InvalidReceiveException: Invalid receive (size = 369295617 larger than 104857600)"
    return g.healthy(logs=(LogSign("kafka-0", Sign.PLAINTEXT_TLS, line),))


def no_dns() -> Evidence:
    """CoreDNS is down."""
    names = tuple(replace(p, unresolved="Try again") for p in g.probes())
    return g.healthy(dns_endpoints=Endpoints("kube-system", "kube-dns"), probes=names)


def other_domain() -> Evidence:
    """Names that end in another cluster's domain."""
    host = "kafka-2.kafka-headless.kafka.svc.mosip02.local"
    good = g.probes()
    bad = Probe("kafka-0", host, 9092, "broker 2", "Name does not resolve")
    return g.healthy(probes=(*good[:3], bad))


def mistyped() -> Evidence:
    """A service whose selector has a typing mistake."""
    wrong = g.service(selector={**g.service().selector, "app.kubernetes.io/name": "kafak"})
    return g.healthy(services=(wrong, g.headless()), endpoints=(g.behind("kafka-headless"),))


def other_port() -> Evidence:
    """A service that sends to a port that nobody has."""
    wrong = g.service(ports=(ServicePort(9092, "clients", "client"),))
    return g.healthy(services=(wrong, g.headless()))


def denied() -> Evidence:
    """A policy that admits nobody."""
    return g.healthy(policies=(g.admitting(name="default-deny", pods=Selector(), types=("Ingress",),
                                           ingress=(), egress=()),))  # fmt: skip


def apart() -> Evidence:
    """A policy that admits clients, and not the brokers to each other."""
    clients = PolicyRule((), (PolicyPort("9092"),))
    return g.healthy(policies=(g.admitting(ingress=(clients,)),))


def deaf() -> Evidence:
    """A policy that lets no question to DNS out."""
    only = PolicyRule((), tuple(PolicyPort(str(n)) for n in (9092, 9093, 9094)))
    return g.healthy(policies=(g.admitting(egress=(only,)),))


def no_balancer() -> Evidence:
    """A service for clients outside, and nobody who gives it an address."""
    outside = g.service(name="kafka-external", type="LoadBalancer")
    base = g.healthy()
    return replace(
        base,
        services=(*base.services, outside),
        endpoints=(*base.endpoints, g.behind("kafka-external")),
    )


def no_majority() -> Evidence:
    """Two of three servers do not serve."""
    sign = LogSign(
        "kafka-zookeeper-2", Sign.ZK_NEWER_CLIENT,
        "Refusing session request for client /10.0.0.1 as it has seen zxid 0x200000001",
    )  # fmt: skip
    return g.on_zookeeper(None, None, "follower", logs=(sign,))


def three_ensembles() -> Evidence:
    """Servers that do not know each other."""
    return g.on_zookeeper("standalone", "standalone", "standalone")


def sessions() -> Evidence:
    """Brokers that lost their session."""
    line = (
        "WARN Unable to reconnect to ZooKeeper service, session 0x1000 has expired "
        "(org.apache.zookeeper.ClientCnxn)"
    )
    return g.on_zookeeper(logs=(LogSign("kafka-0", Sign.ZK_SESSION, line),))


def terminating() -> Evidence:
    """A namespace that a finalizer holds."""
    state = Namespace(
        g.SPACE,
        phase="Terminating",
        deleted_ms=g.NOW - 90_000,
        conditions=(
            Condition(
                "NamespaceFinalizersRemaining",
                "True",
                "SomeFinalizersRemain",
                "Some content in the namespace has finalizers remaining: "
                "strimzi.io/topic-operator in 1 resource instances",
            ),
        ),
    )
    held = Held("kafkatopics.kafka.strimzi.io", "orders", ("strimzi.io/topic-operator",))
    return g.healthy(namespace_state=state, held=(held,))


def failed(text: str) -> Evidence:
    """A release whose newest revision failed."""
    return g.healthy(releases=(Release(g.SPACE, "kafka", 2, "failed", text),))


def immutable() -> Evidence:
    """A larger volume in the values of an upgrade."""
    return failed(
        'Upgrade "kafka" failed: cannot patch "kafka" with kind StatefulSet: StatefulSet.apps '
        '"kafka" is invalid: spec: Forbidden: updates to statefulset spec for fields other than '
        "'replicas', 'ordinals', 'template', 'updateStrategy' are forbidden"
    )


def cut_off() -> Evidence:
    """A first install whose Helm was killed."""
    began = g.NOW - 3_600_000
    return g.healthy(releases=(Release(g.SPACE, "kafka", 1, "pending-install", updated_ms=began),))


def elsewhere() -> Evidence:
    """A volume in a zone whose only node is full."""
    return g.pending(
        "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't match PersistentVolume's "
        "node affinity.",
        nodes=(g.node(0), g.node(1), g.node(2, requested=FULL)),
    )


def hard_affinity() -> Evidence:
    """Required node affinity that no node has."""
    terms = (NodeTerm((Requirement("pool", "In", ("kafka",)),)),)
    return g.pending(
        "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.",
        node_terms=terms,
        volumes=(PodVolume("tmp"),),
    )


FAULTS = (
    ("pending.room", no_room),
    ("pending.taint", tainted),
    ("pending.spread", crowded),
    ("pending.spread", uneven),
    ("pending.selector", mislabelled),
    ("pending.selector", hard_affinity),
    ("pending.volume_zone", node_gone),
    ("pending.volume_zone", elsewhere),
    ("pending.node_down", cordoned),
    ("pending.other", port_taken),
    ("claim.no_volume", no_default_class),
    ("claim.no_volume", volumes_too_small),
    ("claim.class_missing", class_gone),
    ("claim.provisioner", nobody_provisions),
    ("claim.waits_for_pod", waits_for_nobody),
    ("pods.not_created", over_quota),
    ("pods.not_created", insecure),
    ("image.pull", bitnami),
    ("container.not_made", no_secret),
    ("crash.out_of_memory", oom),
    ("crash.lost_found", lost_found),
    ("crash.cluster_id", other_cluster),
    ("crash.cluster_id", strange_disk),
    ("crash.not_formatted", unformatted),
    ("crash.disk_full", disk_full),
    ("crash.disk_full", disk_tight),
    ("crash.probe", probed),
    ("crash.other", misconfigured),
    ("crash.other", refused),
    ("process.down", stopped),
    ("process.down", suspended),
    ("quorum.split", two_clusters),
    ("quorum.no_leader", leaderless),
    ("brokers.missing", fenced),
    ("brokers.missing", hung),
    ("kafka.silent", silent),
    ("partitions.offline", offline),
    ("topics.missing", not_allowed),
    ("topics.different", drifted),
    ("connect.advertised", advertised),
    ("connect.client", led_astray),
    ("connect.client", meshed),
    ("connect.client", kept_out),
    ("connect.protocol", plaintext),
    ("connect.protocol", encrypted),
    ("dns.broken", no_dns),
    ("dns.broken", other_domain),
    ("dns.broken", other_server),
    ("dns.broken", on_its_node),
    ("dns.broken", names_kept_from_it),
    ("service.no_endpoints", mistyped),
    ("service.no_endpoints", other_port),
    ("network.blocked", denied),
    ("network.blocked", apart),
    ("network.blocked", deaf),
    ("external.no_address", no_balancer),
    ("zookeeper.not_serving", no_majority),
    ("zookeeper.not_serving", three_ensembles),
    ("zookeeper.sessions", sessions),
    ("namespace.terminating", terminating),
    ("release.failed", immutable),
    ("release.failed", cut_off),
)

__all__ = ["FAULTS", "Resolver"]
