"""
A catalog as Dapr resources: pub/sub components, and a subscription for each one declared.

Dapr's Kafka component has one group and one starting point for all subscriptions that use it,
and takes the app's id as its group. So services whose group is their own name and who begin at
the earliest share one component, which all of them publish through; others get one of their
own. Secrets are references to a Kubernetes secret, never values.

What Dapr cannot keep of the catalog is said in notices, not left out in silence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.catalog import Envelope, Partitioner, Retries, RetryMode, Start
from learnflow_kafka.core.connection import Mechanism, Protocol
from learnflow_kafka.core.names import dead_letter_topic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from learnflow_kafka.core.catalog import Catalog, Service, Subscription
    from learnflow_kafka.core.connection import Connection

SECRET: Final = "kafka-secrets"  # noqa: S105 - the name of a secret, not one
_KAFKA_DEFAULT_RECORD: Final = 1_048_588
_PROTOCOL_VERSION: Final = "2.8.0"
"""What Sarama speaks: its default of 2.0.0 is too old for Kafka 4; all current ones know this."""
_MECHANISMS: Final = {
    Mechanism.PLAIN: "PLAINTEXT",
    Mechanism.SCRAM_SHA_256: "SHA-256",
    Mechanism.SCRAM_SHA_512: "SHA-512",
}
_LONGEST_NAME: Final = 253

Resource = dict[str, object]


@dataclass(frozen=True, slots=True)
class DaprResources:
    """Resources as Kubernetes has them, and what Dapr does otherwise than the catalog says."""

    resources: tuple[Resource, ...]
    notices: tuple[str, ...] = ()


def dapr_resources(
    catalog: Catalog, connection: Connection, *, component: str = "kafka-pubsub"
) -> DaprResources:
    """
    The components and subscriptions of every service of the catalog.

    `component` is the name that services publish to. App ids are the services' names, a
    subscription's route is `/events/<topic>`.
    """
    components: dict[str, Resource] = {}
    subscriptions: list[Resource] = []
    settings = [*_connection(connection), *_limits(catalog)]
    services = [s.name for s in catalog.services.values()]
    components[component] = _component(component, settings, services, None, Start.EARLIEST)
    for service, read in catalog.subscriptions():
        name = _component_name(component, service, read)
        if name not in components:
            components[name] = _component(name, settings, [service.name], read.group, read.start)
        subscriptions.append(_subscription(name, service, read))
    return DaprResources((*components.values(), *subscriptions), tuple(_notices(catalog)))


def _component_name(shared: str, service: Service, read: Subscription) -> str:
    if read.group == service.name and read.start is Start.EARLIEST:
        return shared
    return kubernetes_name(shared, service.name, read.group, read.start)


def _component(
    name: str,
    settings: list[Mapping[str, object]],
    services: list[str],
    group: str | None,
    start: Start,
) -> Resource:
    offset = "oldest" if start is Start.EARLIEST else "newest"
    own = [_value("initialOffset", offset)]
    own += [_value("consumerGroup", group)] if group else []
    return {
        "apiVersion": "dapr.io/v1alpha1",
        "kind": "Component",
        "metadata": {"name": name},
        "spec": {"type": "pubsub.kafka", "version": "v1", "metadata": [*settings, *own]},
        "scopes": services,
    }


def _subscription(component: str, service: Service, read: Subscription) -> Resource:
    spec: Resource = {
        "pubsubname": component,
        "topic": read.topic,
        "routes": {"default": f"/events/{read.topic}"},
    }
    if read.dead_letter:
        spec["deadLetterTopic"] = dead_letter_topic(read.topic, read.group)
    return {
        "apiVersion": "dapr.io/v2alpha1",
        "kind": "Subscription",
        "metadata": {"name": kubernetes_name(service.name, read.topic, read.group)},
        "spec": spec,
        "scopes": [service.name],
    }


def kubernetes_name(*parts: str) -> str:
    """
    A name that Kubernetes takes, of parts that may hold more; parts that repeat stand once.

    >>> kubernetes_name("tutor", "learning.query", "tutor")
    'tutor-learning.query'
    """
    joined = "-".join(dict.fromkeys(parts)).lower()
    return re.sub(r"[^a-z0-9.-]+", "-", joined).strip("-.")[:_LONGEST_NAME]


def _connection(connection: Connection) -> Iterator[Mapping[str, object]]:
    yield _value("brokers", connection.address)
    yield _value("version", _PROTOCOL_VERSION)
    encrypted = connection.protocol in {Protocol.SSL, Protocol.SASL_SSL}
    tls, sasl = connection.tls, connection.sasl
    mutual = encrypted and tls is not None and tls.certificate is not None
    if sasl is not None:
        yield _value("authType", "password")
        yield _value("saslUsername", sasl.username)
        yield _secret("saslPassword")
        yield _value("saslMechanism", _MECHANISMS[sasl.mechanism])
    else:
        yield _value("authType", "mtls" if mutual else "none")
    if mutual:
        yield _secret("clientCert")
        yield _secret("clientKey")
    if not encrypted:
        yield _value("disableTls", "true")
    elif tls is not None:
        if tls.ca is not None:
            yield _secret("caCert")
        if not tls.verify_hostname:
            yield _value("skipVerify", "true")


def _limits(catalog: Catalog) -> Iterator[Mapping[str, object]]:
    largest = [t.max_record_bytes or _KAFKA_DEFAULT_RECORD for t in catalog.topics.values()]
    yield _value("maxMessageBytes", str(max(largest, default=_KAFKA_DEFAULT_RECORD)))


def _value(name: str, value: str) -> Mapping[str, object]:
    return {"name": name, "value": value}


def _secret(name: str) -> Mapping[str, object]:
    return {"name": name, "secretKeyRef": {"name": SECRET, "key": name}}


def _notices(catalog: Catalog) -> Iterator[str]:
    keyed = [t for t in catalog.topics.values() if t.key is not None]
    if keyed:
        yield (
            f"{', '.join(t.name for t in keyed)}: publishers must pass the key as Dapr's "
            "publish metadata `partitionKey`; without it records have no key and no order"
        )
    others = [t.name for t in keyed if t.partitioner is not Partitioner.FNV1A_RANDOM]
    if others:
        yield (
            f"{', '.join(others)}: Dapr hashes keys with FNV-1a, the catalog's partitioner is "
            "another: a key's records from Dapr and from others land on different partitions"
        )
    for topic in catalog.topics.values():
        if topic.envelope is not Envelope.STRUCTURED:
            yield (
                f"{topic.name}: Dapr writes structured CloudEvents, the catalog says "
                f"{topic.envelope}; it needs `rawPayload` to read what others write there"
            )
    for service, read in catalog.subscriptions():
        yield from _reading(service, read)


def _reading(service: Service, read: Subscription) -> Iterator[str]:
    place = f"{service.name} on {read.topic}"
    if read.retries.mode is RetryMode.TOPICS:
        yield f"{place}: Dapr has no retry topics; its Resiliency policies try again in place"
    elif read.retries != Retries():
        yield (
            f"{place}: its retries are not written; Dapr's Resiliency policies have one rule "
            "a component"
        )
    if read.exactly_once:
        yield f"{place}: Dapr handles events at least once, not exactly once"
    if read.concurrency > 1:
        yield f"{place}: Dapr handles a partition's records one by one, not {read.concurrency}"
