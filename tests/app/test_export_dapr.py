"""A catalog as Dapr resources, and what Dapr does otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from learnflow_kafka.app.export_dapr import DaprResources, dapr_resources, kubernetes_name
from learnflow_kafka.core.catalog import (
    Catalog,
    Envelope,
    Guarantee,
    Partitioner,
    Retries,
    RetryMode,
    Service,
    Start,
    Subscription,
    Topic,
)
from learnflow_kafka.core.connection import (
    Connection,
    Mechanism,
    Protocol,
    Sasl,
    Secret,
    Tls,
)

PLAIN = Connection(("k1:9092", "k2:9092"))
TOPIC = Topic(
    "orders",
    3,
    envelope=Envelope.STRUCTURED,
    partitioner=Partitioner.FNV1A_RANDOM,
    max_record_bytes=2_000_000,
)


def shop(*reads: Subscription, topic: Topic = TOPIC) -> Catalog:
    """A catalog of one topic that `web` writes and `billing` reads."""
    web = Service("web", produces=("orders",))
    services = {"web": web, "billing": Service("billing", consumes=reads)}
    return Catalog("shop", topics={topic.name: topic}, services=services)


def settings(found: DaprResources, component: int = 0) -> dict[str, Any]:
    """A component's settings: values, and references to secrets as they are."""
    spec: Any = found.resources[component]["spec"]
    return {s["name"]: s.get("value", s.get("secretKeyRef")) for s in spec["metadata"]}


def test_services_with_a_group_of_their_name_share_a_component() -> None:
    """Dapr's group is the app's id, so the shared component names none."""
    found = dapr_resources(shop(Subscription("orders", "billing")), PLAIN)
    component, subscription = found.resources

    assert component["scopes"] == ["web", "billing"]
    assert settings(found) == {
        "brokers": "k1:9092,k2:9092",
        "version": "2.8.0",
        "authType": "none",
        "disableTls": "true",
        "maxMessageBytes": "2000000",
        "initialOffset": "oldest",
    }
    assert subscription == {
        "apiVersion": "dapr.io/v2alpha1",
        "kind": "Subscription",
        "metadata": {"name": "billing-orders"},
        "spec": {
            "pubsubname": "kafka-pubsub",
            "topic": "orders",
            "routes": {"default": "/events/orders"},
            "deadLetterTopic": "orders.billing.dlt",
        },
        "scopes": ["billing"],
    }


@pytest.mark.parametrize(
    ("read", "offset", "name"),
    [
        (Subscription("orders", "audit"), "oldest", "kafka-pubsub-billing-audit-earliest"),
        (
            Subscription("orders", "billing", start=Start.LATEST),
            "newest",
            "kafka-pubsub-billing-latest",
        ),
    ],
)
def test_another_group_or_start_has_a_component_of_its_own(
    read: Subscription, offset: str, name: str
) -> None:
    """A component has one group and one start, so these cannot share."""
    found = dapr_resources(shop(read), PLAIN)
    own = settings(found, 1)

    assert found.resources[1]["metadata"] == {"name": name}
    assert found.resources[1]["scopes"] == ["billing"]
    assert (own["consumerGroup"], own["initialOffset"]) == (read.group, offset)


def test_without_dead_letter_the_subscription_names_none() -> None:
    """What the catalog switched off stays off."""
    found = dapr_resources(shop(Subscription("orders", "billing", dead_letter=False)), PLAIN)

    assert "deadLetterTopic" not in str(found.resources[1])


def test_secrets_are_references() -> None:
    """A password or key is never written, not even a resolved one."""
    sasl = Sasl(Mechanism.SCRAM_SHA_512, "app", Secret("hunter2"))
    tls = Tls(ca="/ca.pem", verify_hostname=False)
    found = dapr_resources(shop(), Connection(("k:1",), Protocol.SASL_SSL, tls, sasl))
    said = settings(found)

    assert "hunter2" not in str(found)
    assert said["saslPassword"] == {"name": "kafka-secrets", "key": "saslPassword"}
    assert said["caCert"] == {"name": "kafka-secrets", "key": "caCert"}
    assert (said["authType"], said["saslMechanism"]) == ("password", "SHA-512")
    assert said["skipVerify"] == "true"
    assert "disableTls" not in said


def test_mutual_tls_refers_to_certificate_and_key() -> None:
    """A client certificate makes the authentication mutual TLS."""
    tls = Tls(certificate="/c.pem", key="/k.pem")
    said = settings(dapr_resources(shop(), Connection(("k:1",), Protocol.SSL, tls)))

    assert said["authType"] == "mtls"
    assert said["clientKey"] == {"name": "kafka-secrets", "key": "clientKey"}


@pytest.mark.parametrize(
    ("topic", "read", "words"),
    [
        (Topic("orders", 1, key="id"), Subscription("orders", "billing"), "`partitionKey`"),
        (Topic("orders", 1, key="id"), Subscription("orders", "billing"), "FNV-1a"),
        (Topic("orders", 1), Subscription("orders", "billing"), "the catalog says none"),
        (
            TOPIC,
            Subscription("orders", "billing", retries=Retries(9)),
            "its retries are not written",
        ),
        (
            TOPIC,
            Subscription("orders", "billing", retries=Retries(mode=RetryMode.TOPICS)),
            "no retry topics",
        ),
        (TOPIC, Subscription("orders", "billing", concurrency=4), "one by one, not 4"),
        (
            TOPIC,
            Subscription("orders", "billing", delivery=Guarantee.EXACTLY_ONCE),
            "not exactly once",
        ),
    ],
)
def test_what_dapr_does_otherwise_is_said(topic: Topic, read: Subscription, words: str) -> None:
    """Nothing of the catalog is dropped in silence."""
    found = dapr_resources(shop(read, topic=topic), PLAIN)

    assert any(words in notice for notice in found.notices)


def test_what_dapr_keeps_needs_no_notice() -> None:
    """A plain catalog is carried over whole."""
    assert dapr_resources(shop(Subscription("orders", "billing")), PLAIN).notices == ()


@pytest.mark.parametrize(
    ("parts", "name"),
    [(("Web_Shop", "a.b"), "web-shop-a.b"), (("a", "a"), "a"), (("x" * 300,), "x" * 253)],
)
def test_names_are_kubernetes_own(parts: tuple[str, ...], name: str) -> None:
    """Lower case, no underscore, not too long."""
    assert kubernetes_name(*parts) == name
