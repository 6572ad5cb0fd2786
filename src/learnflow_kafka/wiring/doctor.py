"""The places that a diagnosis can be made of: Kubernetes, this machine, bare addresses."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from learnflow_kafka import __version__
from learnflow_kafka.app.doctor import Question, gather
from learnflow_kafka.core.attempts import Spot
from learnflow_kafka.core.connection import Connection, Context
from learnflow_kafka.core.contexts import LOCAL, is_local
from learnflow_kafka.core.deploying import ENVIRONMENT
from learnflow_kafka.core.diagnosis.evidence import (
    Evidence,
    Part,
    Probe,
    Process,
    Skipped,
    Where,
    ZooKeeperServer,
)
from learnflow_kafka.core.diagnosis.installations import installation
from learnflow_kafka.core.diagnosis.matching import has_labels
from learnflow_kafka.core.diagnosis.roles import (
    KAFKA_PORT,
    ZOOKEEPER_PORT,
    Role,
    main_container,
    role,
)
from learnflow_kafka.core.diagnosis.scene import Address, Tried
from learnflow_kafka.core.diagnosis.signs import signs
from learnflow_kafka.core.diagnosis.table import diagnose
from learnflow_kafka.core.local import DEFAULT_NAME, LOOPBACK, NodeState, name_flag
from learnflow_kafka.errors import (
    KafkaError,
    MissingExtraError,
    NotAuthorizedError,
    TimedOutError,
    UnreachableError,
)
from learnflow_kafka.wiring import catalogs, contexts, kubernetes, system

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from learnflow_kafka.adapters.kubernetes.client import Client
    from learnflow_kafka.adapters.kubernetes.forward import Forwarder
    from learnflow_kafka.core.connection import Kubernetes
    from learnflow_kafka.core.diagnosis.objects import Pod
    from learnflow_kafka.core.diagnosis.scene import Scene
    from learnflow_kafka.core.findings import Report
    from learnflow_kafka.core.kubernetes import Door
    from learnflow_kafka.core.local import LocalStatus, Runtime
    from learnflow_kafka.core.plans.desired import Desired
    from learnflow_kafka.core.ports import KafkaAdmin

    Ways = Mapping[str, Callable[[], AbstractContextManager[KafkaAdmin]]]

CONNECT: Final = 5.0
REQUEST: Final = 10.0
"""
Seconds for one broker, which is asked alone. A healthy one needs milliseconds; a machine under
load must not be taken for a dead one.
"""

AT_LEAST: Final = 2.0
AGAIN: Final = 1.5
TIMES: Final = 4
"""
Once one broker has answered, another has so many seconds, or so many times as long as the slowest
that answered: where all are slow, all are waited for. One that is asked again has a bit less: a
diagnosis is to take five seconds, and a pause of Java's collector that long is a fault by itself.
"""

QUORUM: Final = 4.0
"""
Seconds, at least, for what a broker has to ask the controllers: an election takes about three.
Where the one that led hangs, the brokers wait half a minute for it, and a diagnosis does not.
"""

HERE: Final = "this machine"
_MUTE: Final = frozenset({NodeState.STOPPED, NodeState.SUSPENDED})
_LOG_LINES: Final = 400
_MANY: Final = 16


def on_kubernetes(
    place: Kubernetes,
    context: Context | None = None,
    *,
    asker: tuple[str, str] | None = None,
    desired: Desired | None = None,
) -> Evidence:
    """
    The evidence of a namespace; `asker` is a client's namespace and pod.

    `context` has the protocol and credentials of the brokers. Raises KubeconfigError where no
    API server is known, and MissingExtraError.
    """
    name = context.name if context is not None else ""
    with kubernetes.client(place) as client:
        return _gathered(KubernetesScene(client, place.release, context, asker), name, desired)


def on_this_machine(name: str, desired: Desired | None = None) -> Evidence:
    """The evidence of the cluster of `learnflow up`; raises MissingExtraError."""
    from learnflow_kafka.wiring.local import runtime

    scene = LocalScene(runtime(), name)
    return _gathered(scene, scene.context_name, desired)


def at_addresses(context: Context, desired: Desired | None = None) -> Evidence:
    """The evidence of whatever answers at a context's addresses."""
    return _gathered(AddressScene(contexts.revealed(context)), context.name, desired)


def report_of(place: Kubernetes, context: Context | None = None) -> Callable[[], Report]:
    """The doctor for somebody who deploys: a diagnosis of the place, made when called."""
    return lambda: diagnose(on_kubernetes(place, context)).report()


def desired(
    context: Context | None,
    catalog: str | None,
    environment: str | None,
    *,
    deployed: bool,
    tell: Callable[[str], None] | None = None,
) -> Desired | None:
    """
    What the catalog wants there; None where no catalog fits.

    Where nobody says which environment a deployment is, it is what `deploy` would take.
    """
    known = context or Context("", Connection(()))
    if deployed and environment is None and known.environment is None:
        loaded = catalogs.of(known, catalog)
        environment = ENVIRONMENT if ENVIRONMENT in loaded.environments else None
    return catalogs.wanted(known, catalog, environment, tell=tell)[1]


def local_name(target: contexts.Target) -> str | None:
    """
    The cluster of this machine that is meant, running or not; None: another kind of place.

    Without a context it is the one that stands here, as for every other command.
    """
    from learnflow_kafka.wiring.local import runtime

    name = target.context or contexts.chosen()
    if target.bootstrap is not None or (name is not None and not is_local(name)):
        return None
    cluster = DEFAULT_NAME if name in {None, LOCAL} else str(name).removeprefix(f"{LOCAL}/")
    try:
        return cluster if runtime().find(cluster) is not None else None
    except MissingExtraError:
        return None


def local_context(name: str) -> Context | None:
    """The context of a cluster of this machine, running or not."""
    from learnflow_kafka.wiring.local import runtime

    found = runtime().find(name)
    return found.context if found is not None else None


def _gathered(scene: Scene, target: str, wanted: Desired | None) -> Evidence:
    question = Question(target=target, wanted=wanted, tool=__version__)
    return gather(scene, question, system.clock())


class Company:
    """Brokers that are asked side by side: how long one is waited for, others having answered."""

    def __init__(self) -> None:
        self._slowest: float | None = None
        self._asked: set[str] = set()

    def answered(self, seconds: float) -> None:
        """One of them answered, after so long."""
        self._slowest = max(seconds, self._slowest or 0.0)

    def patience(self, at_least: float = AT_LEAST) -> float:
        """Seconds for each of the others, from when it was asked."""
        if self._slowest is None:
            return CONNECT
        return min(CONNECT, max(at_least, TIMES * self._slowest))

    @contextlib.contextmanager
    def ask(self, connection: Connection, address: str) -> Iterator[KafkaAdmin]:
        """The admin port of the one broker at an address."""
        from learnflow_kafka.adapters import kafka_admin

        clock = system.clock()
        began = clock.monotonic()
        at_least = AGAIN if address in self._asked else AT_LEAST
        self._asked.add(address)
        try:
            client = kafka_admin.connect_alone(
                replace(connection, bootstrap=(address,)),
                limits=kafka_admin.Limits(connect=CONNECT, request=REQUEST, patience=REQUEST),
                hopeless=lambda: clock.monotonic() - began > self.patience(at_least),
            )
        except TimedOutError as error:
            raise self._late(error, clock.monotonic() - began) from error
        self.answered(clock.monotonic() - began)
        slowest = TIMES * (self._slowest or 0.0)
        client.limits = replace(client.limits, quorum=min(REQUEST, max(QUORUM, slowest)))
        with contextlib.closing(kafka_admin.KafkaAdminAdapter(client)) as port:
            yield port

    def _late(self, error: TimedOutError, seconds: float) -> TimedOutError:
        """The same, with how long it was waited for and how long the others took."""
        if self._slowest is None:
            return error
        return TimedOutError(
            f"no answer in {seconds:.1f} s; others took {self._slowest:.2f} s at most",
            where=error.where,
            fix=error.fix,
        )


def _tried_from_here(addresses: Sequence[Address]) -> Tried:
    network = system.network()

    def one(address: Address) -> Probe:
        fault = network.reachable(address.host, address.port, timeout=CONNECT)
        named = fault is not None and "resolve" in fault
        return Probe(
            HERE,
            address.host,
            address.port,
            address.purpose,
            fault if named else None,
            None if named else fault,
        )

    with ThreadPoolExecutor(_MANY) as pool:
        return Tried(tuple(pool.map(one, addresses)))


class KubernetesScene:
    """A namespace of a Kubernetes cluster."""

    def __init__(
        self, client: Client, release: str, context: Context | None, asker: tuple[str, str] | None
    ) -> None:
        self._client = client
        self._release = release
        self._context = context
        self._asker = asker

    def surroundings(self) -> Evidence:
        """The objects, then ZooKeeper's own answers."""
        from learnflow_kafka.adapters.kubernetes import evidence, probes

        found = evidence.gather(self._client, asker=self._asker)
        pods = [p.name for p in found.pods if role(p) is Role.ZOOKEEPER and _runs(p)]
        return replace(found, zookeeper=probes.zookeeper(self._client, pods, ZOOKEEPER_PORT))

    @contextlib.contextmanager
    def brokers(self, evidence: Evidence) -> Iterator[Ways]:
        """A tunnel to each broker that runs; those of the release that is meant come first."""
        from learnflow_kafka.adapters.kubernetes.forward import Forwarder
        from learnflow_kafka.adapters.kubernetes.probes import free_ports
        from learnflow_kafka.core.kubernetes import Door

        pods = [p for p in evidence.pods if role(p) is Role.BROKER and _runs(p)]
        pods.sort(key=lambda pod: installation(pod) != self._release)
        if not pods:
            yield {}
            return
        doors = [
            Door(pod.name, port, _client_port(pod))
            for pod, port in zip(pods, free_ports(len(pods)), strict=True)
        ]
        with Forwarder(self._client.access, self._client.namespace) as tunnels:
            tunnels.open(doors)
            company = Company()
            yield {d.pod: partial(self._through, tunnels, d, company) for d in doors}

    @contextlib.contextmanager
    def _through(self, tunnels: Forwarder, door: Door, company: Company) -> Iterator[KafkaAdmin]:
        connection = Connection(())
        if self._context is not None:
            connection = contexts.revealed(replace(self._context, kubernetes=None)).connection
        try:
            with company.ask(connection, f"{LOOPBACK}:{door.local_port}") as admin:
                yield admin
        except KafkaError as error:
            fault = tunnels.faults().get(door.pod) or ""
            if "forbidden" in fault:
                raise NotAuthorizedError(
                    f"no tunnel to its pods is allowed: {fault}", fix="ask for pods/portforward"
                ) from error
            if fault and isinstance(error, UnreachableError):
                raise UnreachableError(f"no connection through its tunnel ({fault})") from error
            raise

    def advertised(self, evidence: Evidence) -> Ways:
        """None: every pod is asked."""
        del evidence
        return {}

    def bootstrap(self, evidence: Evidence) -> Address | None:
        """The service that selects the brokers, as a pod writes it."""
        brokers = [p for p in evidence.pods if role(p) is Role.BROKER]
        for service in evidence.services:
            behind = [p for p in brokers if has_labels(service.selector, p.labels)]
            ports = [p.port for p in service.ports]
            if service.selector and service.cluster_ip != "None" and behind and ports:
                port = KAFKA_PORT if KAFKA_PORT in ports else ports[0]
                return Address("bootstrap", f"{service.name}.{service.namespace}.svc", port)
        return None

    def tried(self, evidence: Evidence, addresses: Sequence[Address]) -> Tried:
        """From a broker's pod, and beside it from the client's: what differs is the client's."""
        with ThreadPoolExecutor(2) as pool:
            views = pool.map(
                lambda look: look(evidence, addresses), (self._by_broker, self._by_client)
            )
            return sum(views, Tried())

    def _by_broker(self, evidence: Evidence, addresses: Sequence[Address]) -> Tried:
        from learnflow_kafka.adapters.kubernetes import probes

        pod = next((p for p in evidence.pods if role(p) is Role.BROKER and _runs(p)), None)
        container = main_container(pod) if pod is not None else None
        if pod is None or container is None:
            return Tried(skipped=(Skipped(Part.PROBES, "no broker's pod runs to try them from"),))
        spot = Spot(self._client.namespace, pod.name, container.name)
        return probes.tried(self._client, spot, pod.name, addresses)

    def _by_client(self, evidence: Evidence, addresses: Sequence[Address]) -> Tried:
        from learnflow_kafka.adapters.kubernetes import probes

        client = evidence.client
        if client is None:
            return Tried()  # nobody asked, or why it was not read is told already
        if client.runs is None:
            reason = f"no container of pod {client.name} runs"
            return Tried(skipped=(Skipped(Part.CLIENT, reason),))
        spot = Spot(client.namespace, client.pod, client.runs)
        return probes.tried(self._client, spot, client.name, addresses, Part.CLIENT)


class LocalScene:
    """The cluster of `learnflow up` on this machine."""

    def __init__(self, runtime: Runtime, name: str) -> None:
        self._runtime = runtime
        self._name = name
        cluster = runtime.find(name)
        self.context_name = cluster.context_name if cluster is not None else ""

    def surroundings(self) -> Evidence:
        """Processes, the telling lines of their logs, and ZooKeeper's answers."""
        status = self._runtime.status(self._name)
        if status is None:
            reason = f"there is no cluster {self._name!r} on this machine"
            up = f"learnflow up{name_flag(self._name)}"
            return Evidence(where=Where.LOCAL, skipped=(Skipped(Part.PROCESSES, reason, up),))
        told: dict[str, list[str]] = {}
        for line in self._runtime.logs(self._name, nodes=None, last=_LOG_LINES, follow=False):
            told.setdefault(line.node.name, []).append(line.text)
        return Evidence(
            where=Where.LOCAL,
            processes=tuple(_processes(status)),
            logs=tuple(s for name, lines in told.items() for s in signs(lines, pod=name)),
            zookeeper=tuple(_zookeeper(status)),
        )

    @contextlib.contextmanager
    def brokers(self, evidence: Evidence) -> Iterator[Ways]:
        """Each broker at its own port, but for those that are known to answer nothing."""
        company = Company()
        yield {
            p.name: partial(company.ask, Connection(()), f"{LOOPBACK}:{p.port}")
            for p in evidence.processes
            if p.name != "zookeeper" and p.port is not None and p.state not in _MUTE
        }

    def advertised(self, evidence: Evidence) -> Ways:
        """None: every process is asked."""
        del evidence
        return {}

    def bootstrap(self, evidence: Evidence) -> Address | None:
        """The first broker's address."""
        first = next(
            (p for p in evidence.processes if p.port and p.state == NodeState.RUNNING), None
        )
        return Address("bootstrap", LOOPBACK, first.port) if first and first.port else None

    def tried(self, evidence: Evidence, addresses: Sequence[Address]) -> Tried:
        """From here."""
        del evidence
        return _tried_from_here(addresses)


class AddressScene:
    """Addresses, and nothing known of what is behind them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._company = Company()

    def surroundings(self) -> Evidence:
        """Nothing."""
        return Evidence(where=Where.ADDRESS)

    @contextlib.contextmanager
    def brokers(self, evidence: Evidence) -> Iterator[Ways]:
        """Each of the addresses."""
        del evidence
        yield self._ways(self._context.connection.bootstrap)

    def advertised(self, evidence: Evidence) -> Ways:
        """Each of the addresses that clients are sent to."""
        cluster = evidence.kafka.cluster
        brokers = cluster.brokers if cluster is not None else ()
        return self._ways(b.address for b in brokers if not b.fenced)

    def _ways(self, addresses: Iterable[str]) -> Ways:
        connection = self._context.connection
        return {a: partial(self._company.ask, connection, a) for a in addresses}

    def bootstrap(self, evidence: Evidence) -> Address | None:
        """The first address."""
        del evidence
        first = next(iter(self._context.connection.bootstrap), None)
        if first is None:
            return None
        host, _, port = first.rpartition(":")
        return Address("bootstrap", host.strip("[]"), int(port))

    def tried(self, evidence: Evidence, addresses: Sequence[Address]) -> Tried:
        """From here."""
        del evidence
        return _tried_from_here(addresses)


def _runs(pod: Pod) -> bool:
    container = main_container(pod)
    return container is not None and container.running and pod.deleted_ms is None


def _client_port(pod: Pod) -> int:
    container = main_container(pod)
    ports = container.ports if container is not None else ()
    numbers = [p.number for p in ports]
    if KAFKA_PORT in numbers or not numbers:
        return KAFKA_PORT
    return next((p.number for p in ports if p.name and "client" in p.name), numbers[0])


def _processes(status: LocalStatus) -> Iterator[Process]:
    for one in status.nodes:
        stopped = one.state is NodeState.STOPPED
        taken = None
        if stopped and one.node.port is not None:
            fault = system.network().reachable(LOOPBACK, one.node.port, timeout=CONNECT)
            taken = "another program listens there" if fault is None else None
        yield Process(
            one.node.name, one.node.id, one.state.value, one.node.port, one.stale, taken, one.pid
        )


def _zookeeper(status: LocalStatus) -> Iterator[ZooKeeperServer]:
    """The one ZooKeeper of a local cluster, asked directly."""
    from learnflow_kafka.adapters.local.probe import zookeeper_says

    for one in status.nodes:
        if one.node.name != "zookeeper" or one.node.port is None:
            continue
        told = zookeeper_says(one.node.port, "srvr") if one.pid is not None else ""
        silence = None if told else "no answer" if one.pid is not None else "it does not run"
        yield ZooKeeperServer(one.node.name, {"srvr": told} if told else {}, silence)
