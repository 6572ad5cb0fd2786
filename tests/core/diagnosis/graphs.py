"""
A three-broker deployment as evidence, healthy, and ways to break it.

`healthy` is the twin of every fault: the same graph of objects, with nothing wrong.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from learnflow_kafka.core.diagnosis.evidence import (
    Client,
    Disk,
    Evidence,
    KafkaView,
    LiveTopic,
    NodeView,
    Probe,
    Process,
    Resolver,
    WantedTopic,
    Where,
    ZooKeeperServer,
)
from learnflow_kafka.core.diagnosis.objects import (
    Claim,
    Condition,
    Container,
    ContainerPort,
    Endpoint,
    Endpoints,
    Event,
    Mount,
    Namespace,
    NetworkPolicy,
    Node,
    NodeTerm,
    Peer,
    PersistentVolume,
    Pod,
    PodVolume,
    PolicyPort,
    PolicyRule,
    Quota,
    Release,
    Requirement,
    Selector,
    Service,
    ServicePort,
    StorageClass,
    Terminated,
    Waiting,
    Workload,
)
from learnflow_kafka.core.diagnosis.signs import LogSign, Sign
from learnflow_kafka.core.diagnosis.table import Diagnosis, diagnose
from learnflow_kafka.core.observed import (
    Broker,
    ClusterState,
    ConfigSource,
    ConfigValue,
    Metadata,
    QuorumState,
)

SPACE = "kafka"
LABELS = {
    "app.kubernetes.io/name": "kafka",
    "app.kubernetes.io/instance": "kafka",
    "app.kubernetes.io/component": "broker",
}
SUFFIX = "svc.cluster.local"
NOW = 1_800_000_000_000
GI = 2**30
ZONE = "topology.kubernetes.io/zone"
HOST = "kubernetes.io/hostname"
READY = (Condition("PodScheduled", "True"), Condition("Ready", "True"))
WEEK = str(7 * 86_400_000)


def node(number: int, **changes: Any) -> Node:
    """A node with four cores and 16 GiB, half of them taken."""
    made = Node(
        name=f"node-{number}",
        labels={HOST: f"node-{number}", ZONE: f"zone-{number}", "disk": "ssd"},
        conditions=(Condition("Ready", "True", "KubeletReady"),),
        allocatable={"cpu": 4000, "memory": 16 * GI, "pods": 110},
        requested={"cpu": 2000, "memory": 8 * GI, "pods": 10},
    )
    return replace(made, **changes)


def container(**changes: Any) -> Container:
    """A broker's container that runs and is ready."""
    made = Container(
        name="kafka",
        image="docker.io/apache/kafka:4.3.1",
        requests={"cpu": 500, "memory": 2 * GI},
        limits={"memory": 2 * GI},
        ports=(
            ContainerPort(9092, "client"),
            ContainerPort(9093, "controller"),
            ContainerPort(9094, "internal"),
        ),
        mounts=(Mount("data", "/var/lib/kafka"),),
        settings={"KAFKA_LOG_DIRS": "/var/lib/kafka/data"},
        heap="-Xmx1g",
        ready=True,
        running=True,
    )
    return replace(made, **changes)


def pod(number: int, **changes: Any) -> Pod:
    """A broker's pod, on the node of its number."""
    made = Pod(
        namespace=SPACE,
        name=f"kafka-{number}",
        labels=LABELS,
        owner="StatefulSet/kafka",
        node=f"node-{number}",
        phase="Running",
        conditions=READY,
        containers=(container(),),
        volumes=(PodVolume("data", f"data-kafka-{number}"), PodVolume("tmp")),
        ip=f"10.0.0.{number}",
        service_links=False,
        created_ms=NOW - 600_000,
    )
    return replace(made, **changes)


def claim(number: int, **changes: Any) -> Claim:
    """A bound claim."""
    made = Claim(
        namespace=SPACE,
        name=f"data-kafka-{number}",
        phase="Bound",
        storage_class="standard",
        volume=f"pv-{number}",
        requested=10 * GI,
        capacity=10 * GI,
        modes=("ReadWriteOnce",),
        created_ms=NOW - 600_000,
    )
    return replace(made, **changes)


def volume(number: int, **changes: Any) -> PersistentVolume:
    """The volume of a claim, which only its node reaches."""
    made = PersistentVolume(
        name=f"pv-{number}",
        phase="Bound",
        storage_class="standard",
        capacity=10 * GI,
        modes=("ReadWriteOnce",),
        claim=f"{SPACE}/data-kafka-{number}",
        node_terms=(NodeTerm((Requirement(HOST, "In", (f"node-{number}",)),)),),
    )
    return replace(made, **changes)


def service(**changes: Any) -> Service:
    """The service that clients begin with."""
    made = Service(
        namespace=SPACE,
        name="kafka",
        selector={k: LABELS[k] for k in list(LABELS)[:2]},
        ports=(ServicePort(9092, "client", "client"),),
        cluster_ip="10.96.0.10",
    )
    return replace(made, **changes)


def headless(**changes: Any) -> Service:
    """The service that governs the StatefulSet."""
    made = service(name="kafka-headless", cluster_ip="None", publish_not_ready=True)
    return replace(made, **changes)


def behind(name: str, *, ready: bool = True) -> Endpoints:
    """All brokers behind a service."""
    return Endpoints(
        SPACE, name, tuple(Endpoint(f"10.0.0.{n}", ready, f"kafka-{n}") for n in range(3)), (9092,)
    )


def stateful(**changes: Any) -> Workload:
    """The brokers' StatefulSet."""
    made = Workload(
        kind="StatefulSet",
        namespace=SPACE,
        name="kafka",
        wanted=3,
        created=3,
        ready=3,
        labels=LABELS,
        pod_labels=LABELS,
        service="kafka-headless",
        in_order=False,
    )
    return replace(made, **changes)


def address(number: int) -> str:
    """Where a broker says it is."""
    return f"kafka-{number}.kafka-headless.kafka.svc.cluster.local"


def cluster(brokers: int = 3, **changes: Any) -> ClusterState:
    """The cluster as its brokers see it."""
    made = ClusterState(
        "cluster-1",
        tuple(Broker(n, address(n), 9092, fenced=False) for n in range(brokers)),
        controller=0,
        metadata=Metadata.KRAFT,
    )
    return replace(made, **changes)


def quorum(**changes: Any) -> QuorumState:
    """A quorum whose voters follow."""
    made = QuorumState(
        leader=0,
        epoch=4,
        high_watermark=900,
        voters={0: 900, 1: 900, 2: 900},
        caught_up_ms={0: NOW, 1: NOW - 400, 2: NOW - 300},
    )
    return replace(made, **changes)


WANTED = (
    WantedTopic("learning.query", 3, 3, {"retention.ms": WEEK}),
    WantedTopic("progress.updated", 2, 3, {"retention.ms": WEEK}),
)


def live(wanted: WantedTopic, **changes: Any) -> LiveTopic:
    """A topic that is as the catalog wants it."""
    config = {k: ConfigValue(v, ConfigSource.TOPIC) for k, v in wanted.config.items()}
    made = LiveTopic(wanted.name, wanted.partitions, wanted.replication, config=config)
    return replace(made, **changes)


def kafka(**changes: Any) -> KafkaView:
    """What Kafka says of itself."""
    made = KafkaView(
        asked="through kafka-0",
        cluster=cluster(),
        quorum=quorum(),
        topics=tuple(map(live, WANTED)),
        wanted=WANTED,
        wanted_brokers=3,
        views=tuple(NodeView(f"kafka-{n}", cluster(), quorum()) for n in range(3)),
        disks=tuple(Disk(f"kafka-{n}", "/var/lib/kafka/data", 10 * GI, 6 * GI) for n in range(3)),
    )
    return replace(made, **changes)


CLIENT = Client("shop", "orders-0", {"app": "orders"}, runs="app", dns_policy="ClusterFirst")
"""A client's pod, which `healthy` admits."""


def asked(*failing: int, **fault: str) -> Evidence:
    """The healthy graph as a client's pod sees it too, with a fault at some of its four probes."""
    name = CLIENT.name
    seen = (replace(p, **fault) if n in failing else p for n, p in enumerate(probes(name)))  # type: ignore[arg-type] # texts
    base = healthy(client=CLIENT)
    mine = replace(base.resolvers[0], pod=name)
    return replace(base, probes=(*base.probes, *seen), resolvers=(*base.resolvers, mine))


def probes(place: str = "kafka-0") -> tuple[Probe, ...]:
    """Every address, reachable."""
    return (
        Probe(place, "kafka.kafka.svc", 9092, "bootstrap"),
        *(Probe(place, address(n), 9092, f"broker {n}") for n in range(3)),
    )


def admitting(**changes: Any) -> NetworkPolicy:
    """A policy that admits all pods of the namespace and of `shop`, and lets DNS out."""
    made = NetworkPolicy(
        namespace=SPACE,
        name="kafka",
        pods=Selector({"app.kubernetes.io/name": "kafka"}),
        types=("Ingress", "Egress"),
        ingress=(
            PolicyRule(
                (
                    Peer(pods=Selector()),
                    Peer(namespaces=Selector({"kubernetes.io/metadata.name": "shop"})),
                ),
                tuple(PolicyPort(str(n)) for n in (9092, 9093, 9094)),
            ),
        ),
        egress=(
            PolicyRule((), (PolicyPort("53", protocol="UDP"), PolicyPort("53"))),
            PolicyRule((Peer(pods=Selector()),)),
        ),
    )
    return replace(made, **changes)


def healthy(**changes: Any) -> Evidence:
    """Three brokers with which nothing is wrong."""
    made = Evidence(
        taken_ms=NOW,
        tool="0",
        namespace=SPACE,
        namespace_state=Namespace(SPACE),
        namespaces=(Namespace(SPACE), Namespace("shop"), Namespace("web")),
        pods=tuple(map(pod, range(3))),
        workloads=(stateful(),),
        claims=tuple(map(claim, range(3))),
        volumes=tuple(map(volume, range(3))),
        classes=(StorageClass("standard", "csi.example.com", "Immediate", default=True),),
        drivers=("csi.example.com",),
        nodes=tuple(map(node, range(3))),
        quotas=(Quota(SPACE, "all", {"pods": 10}, {"pods": 3}),),
        services=(service(), headless()),
        endpoints=(behind("kafka"), behind("kafka-headless")),
        policies=(admitting(),),
        releases=(Release(SPACE, "kafka", 1, "deployed"),),
        dns_service=Service("kube-system", "kube-dns"),
        dns_endpoints=Endpoints("kube-system", "kube-dns", (Endpoint("10.0.1.2", True),)),  # noqa: FBT003 - ready
        resolvers=(Resolver("kafka-0", ("10.96.0.2",), ("kafka.svc.cluster.local", SUFFIX)),),
        probes=probes(),
        kafka=kafka(),
    )  # fmt: skip
    return replace(made, **changes)


def unscheduled(number: int, message: str, **changes: Any) -> Pod:
    """A broker's pod that the scheduler could not place."""
    waiting = Condition("PodScheduled", "False", "Unschedulable", message)
    made = pod(
        number,
        node=None,
        phase="Pending",
        ip=None,
        conditions=(waiting,),
        containers=(container(ready=False, running=False),),
    )
    return replace(made, **changes)


def pending(message: str, *, nodes: tuple[Node, ...] | None = None, **changes: Any) -> Evidence:
    """The third broker finds no node; `changes` are its own."""
    base = without_third()
    stuck = unscheduled(2, message, **changes)
    return replace(base, pods=(*base.pods[:2], stuck), nodes=nodes or base.nodes)


def without_third() -> Evidence:
    """What the rest of the cluster shows while the third broker does not run."""
    base = healthy()
    return replace(
        base,
        pods=(*base.pods[:2], unscheduled(2, "")),
        workloads=(stateful(ready=2),),
        kafka=kafka(
            cluster=cluster(2),
            quorum=quorum(caught_up_ms={0: NOW, 1: NOW - 300, 2: NOW - 90_000}),
            topics=tuple(live(t, short=t.partitions) for t in WANTED),
            views=tuple(NodeView(f"kafka-{n}", cluster(2), quorum()) for n in range(2)),
        ),
    )


def crashed(number: int, code: int = 1, **changes: Any) -> Pod:
    """A broker's pod whose container ends again and again."""
    ended = Terminated("Error", code, finished_ms=NOW - 5000)
    broken = container(
        ready=False,
        running=False,
        restarts=4,
        waiting=Waiting("CrashLoopBackOff", "back-off 40s restarting failed container"),
        last=ended,
    )
    return pod(
        number,
        conditions=(Condition("PodScheduled", "True"), Condition("Ready", "False")),
        containers=(replace(broken, **changes),),
    )


def crashing(sign: Sign, line: str, **changes: Any) -> Evidence:
    """The third broker crashes, and its last log has this line."""
    base = without_third()
    told = LogSign("kafka-2", sign, line, "kafka", previous=True)
    made = replace(base, pods=(*base.pods[:2], crashed(2)), logs=(told,))
    return replace(made, **changes)


def event(kind: str, name: str, reason: str, message: str, **changes: Any) -> Event:
    """An event of the namespace."""
    made = Event(kind, name, reason, message, "Warning", SPACE, NOW - 2000)
    return replace(made, **changes)


def zookeeper_pod(number: int, **changes: Any) -> Pod:
    """A server of the ensemble."""
    labels = {
        **LABELS,
        "app.kubernetes.io/name": "zookeeper",
        "app.kubernetes.io/component": "zookeeper",
    }
    made = pod(
        number,
        name=f"kafka-zookeeper-{number}",
        labels=labels,
        owner="StatefulSet/kafka-zookeeper",
        volumes=(),
        containers=(
            container(
                name="zookeeper",
                image="docker.io/zookeeper:3.8.4",
                ports=(ContainerPort(2181, "client"),),
            ),
        ),
    )  # fmt: skip
    return replace(made, **changes)


def srvr(mode: str) -> dict[str, str]:
    """What a server that serves answers."""
    return {
        "srvr": f"Zookeeper version: 3.8.4\nZxid: 0x100000012\nMode: {mode}\nNode count: 130\n",
        "ruok": "imok",
        "mntr": f"zk_server_state\t{mode}\nzk_max_latency\t12\n",
    }


NOT_SERVING = "This ZooKeeper instance is not currently serving requests\n"


def ensemble(*modes: str | None) -> tuple[ZooKeeperServer, ...]:
    """Servers by their mode; None: it does not serve."""
    return tuple(
        ZooKeeperServer(f"kafka-zookeeper-{n}", srvr(m) if m else {"srvr": NOT_SERVING})
        for n, m in enumerate(modes)
    )


def on_zookeeper(*modes: str | None, **changes: Any) -> Evidence:
    """Three brokers of Kafka 3.9 and three servers of ZooKeeper."""
    base = healthy(
        kafka=kafka(
            quorum=None,
            cluster=cluster(metadata=Metadata.ZOOKEEPER),
            views=tuple(
                NodeView(f"kafka-{n}", cluster(metadata=Metadata.ZOOKEEPER)) for n in range(3)
            ),
        )
    )
    made = replace(
        base,
        pods=(*base.pods, *map(zookeeper_pod, range(3))),
        workloads=(
            *base.workloads,
            stateful(
                name="kafka-zookeeper",
                labels={"app.kubernetes.io/name": "zookeeper"},
                pod_labels={"app.kubernetes.io/name": "zookeeper"},
                service="kafka-zookeeper-headless",
            ),
        ),
        zookeeper=ensemble(*(modes or ("follower", "leader", "follower"))),
    )
    return replace(made, **changes)


def local(**changes: Any) -> Evidence:
    """A cluster of three brokers on this machine."""
    view = kafka(
        disks=(), views=tuple(NodeView(f"broker-{n}", cluster(), quorum()) for n in range(3))
    )
    made = Evidence(
        where=Where.LOCAL,
        taken_ms=NOW,
        target="local",
        processes=tuple(Process(f"broker-{n}", n, "running", 9092 + n) for n in range(3)),
        kafka=view,
        probes=probes("this machine"),
    )
    return replace(made, **changes)


def named_first(evidence: Evidence) -> str | None:
    """The rule of the first cause."""
    root = diagnose(evidence).root
    return None if root is None else root.rule


def rules(found: Diagnosis) -> list[str]:
    """The rules of all causes, in their order."""
    return [r.cause.rule for r in found.causes]


Fault = Callable[[], Evidence]
