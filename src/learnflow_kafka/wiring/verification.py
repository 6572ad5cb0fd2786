"""What a verification needs: the ports to a context's cluster, and what is expected of it."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from learnflow_kafka.app.verify import Ports, gather, silent, verify
from learnflow_kafka.app.verify_kubernetes import advertised_by, ensemble, look_at, together
from learnflow_kafka.core.checks import deployment
from learnflow_kafka.core.checks.evidence import expectation
from learnflow_kafka.core.checks.table import evaluate
from learnflow_kafka.core.local import LOOPBACK, name_in
from learnflow_kafka.errors import KubernetesError
from learnflow_kafka.wiring import catalogs, contexts, system

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from learnflow_kafka.core.checks.evidence import Expectation
    from learnflow_kafka.core.connection import Context
    from learnflow_kafka.core.findings import Report
    from learnflow_kafka.core.ports import KafkaAdmin, KafkaData


CONNECT: Final = 2.0
REQUEST: Final = 5.0
"""
Seconds. A verification is impatient: a broker that takes this long is a finding, and `--wait`
is for those who want to wait.
"""


def report(
    context: Context,
    expected: Expectation,
    *,
    write: bool = True,
    client: tuple[str, str] | None = None,
) -> Report:
    """
    One verification of the context's cluster: what `learnflow verify` shows.

    On Kubernetes the release's objects and what its pods see stand first, and a cluster that no
    tunnel reaches leaves them as they are. `client` is the namespace and name of a pod there that
    names and addresses are tried from, in place of a broker's. Raises KubeconfigError where nobody
    can be asked.
    """
    if context.kubernetes is None:
        return verify(expected, ports(context), write=write)
    from learnflow_kafka.wiring import kubernetes

    place = context.kubernetes
    platform = kubernetes.platform(place)
    try:
        evidence = gather(expected, ports(kubernetes.reached(context)), write=write)
    except KubernetesError as error:
        evidence = silent(expected, context.connection.bootstrap, str(error), error.fix)
    objects = look_at(platform, place, advertised_by(evidence.broker_configs), client)
    evidence = replace(evidence, zookeeper=ensemble(objects.zookeeper))
    return together(deployment.evaluate(objects), evaluate(evidence))


def ports(context: Context) -> Ports:
    """
    Everything that a verification asks of the world.

    Clients are opened, and secrets read, when they are called for. The pinned cluster id is
    for the verification itself to judge.
    """
    return Ports(
        bootstrap=context.connection.bootstrap,
        admin=lambda: _admin(context),
        data=lambda: _data(context),
        network=system.network(),
        clock=system.clock(),
        zookeeper=lambda: _zookeeper(context),
    )


def beside(context: Context) -> tuple[str, ...]:
    """
    What a verification leaves out and should say: addresses for containers that do not open here.

    Only containers may know the name of such an address.
    """
    name = name_in(context.name)
    if name is None:
        return ()
    from learnflow_kafka.wiring.local import runtime

    cluster, network = runtime().find(name), system.network()
    found = []
    for address in cluster.containers_bootstrap if cluster else ():
        host, _, port = address.rpartition(":")
        fault = network.reachable(host, int(port), timeout=CONNECT)
        if fault is not None:
            found.append(f"the address for containers {address} was not checked: {fault}")
    return tuple(found)


def _zookeeper(context: Context) -> dict[str, str | None]:
    """What a local cluster's ZooKeeper says itself; of another cluster's nobody knows a place."""
    if context.zookeeper is None:
        return {}
    from learnflow_kafka.adapters.local.probe import zookeeper_says

    serves = "Mode: " in zookeeper_says(context.zookeeper, "srvr")
    return {f"{LOOPBACK}:{context.zookeeper}": None if serves else "does not serve"}


@contextmanager
def _admin(context: Context) -> Iterator[KafkaAdmin]:
    from learnflow_kafka.adapters import kafka_admin

    limits = kafka_admin.Limits(connect=CONNECT, request=REQUEST, patience=REQUEST)
    client = kafka_admin.connect(contexts.revealed(context).connection, limits=limits)
    with closing(kafka_admin.KafkaAdminAdapter(client)) as port:
        yield port


@contextmanager
def _data(context: Context) -> Iterator[KafkaData]:
    from learnflow_kafka.adapters import kafka_data

    limits = kafka_data.Limits(connect=CONNECT, request=REQUEST)
    connection = contexts.revealed(context).connection
    client = kafka_data.Client(connection, limits=limits, idempotent=False)
    with closing(kafka_data.KafkaDataAdapter(client)) as port:
        yield port


def expected(
    context: Context,
    *,
    catalog: str | None = None,
    environment: str | None = None,
    tell: Callable[[str], None] | None = None,
) -> Expectation:
    """
    What the context's cluster should be; `catalog` and `environment` replace its own.

    `tell` is as of `catalogs.wanted`. Raises CatalogError and ContextError as loading and
    resolving do.
    """
    declared, wanted = catalogs.wanted(context, catalog, environment, tell=tell)
    return expectation(declared, wanted, cluster_id=context.cluster_id)
