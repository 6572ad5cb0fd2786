"""The session's clusters are what their names say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from kafka.admin import KafkaAdminClient

from learnflow_kafka.core.connection import Mechanism

if TYPE_CHECKING:
    from tests.support.clusters import LocalKafka
    from tests.support.sasl import SaslKafka

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize(("name", "brokers"), [("kafka1", 1), ("kafka3", 3), ("kafka39", 1)])
def test_a_session_cluster_serves(name: str, brokers: int, request: pytest.FixtureRequest):
    """Every broker of the session's cluster is registered when the fixture returns."""
    cluster: LocalKafka = request.getfixturevalue(name)
    admin = KafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    found = admin.describe_cluster()
    admin.close()

    assert len(found["brokers"]) == brokers == cluster.context.brokers
    assert found["cluster_id"] == cluster.context.cluster_id


@pytest.mark.parametrize("mechanism", [Mechanism.SCRAM_SHA_512, Mechanism.PLAIN])
def test_the_secured_broker_knows_its_users(kafka_sasl: SaslKafka, mechanism: Mechanism):
    """Both mechanisms let the super user in over TLS."""
    connection = kafka_sasl.context_of("admin", mechanism).connection
    assert connection.sasl is not None
    admin = KafkaAdminClient(
        bootstrap_servers=connection.address,
        security_protocol="SASL_SSL",
        sasl_mechanism=mechanism.value,
        sasl_plain_username="admin",
        sasl_plain_password=kafka_sasl.password_file("admin").read_text().strip(),
        ssl_cafile=kafka_sasl.ca,
    )
    found = admin.describe_cluster()
    admin.close()

    assert len(found["brokers"]) == 1
