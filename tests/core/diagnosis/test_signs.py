"""What lines of logs tell, in the words that Kafka and the chart really use."""

import pytest

from learnflow_kafka.core.diagnosis.signs import Sign, signs

LINES = {
    "ERROR Unexpected error INCONSISTENT_CLUSTER_ID in FETCH response: InboundResponse(...)": (
        Sign.CLUSTER_ID
    ),
    "kafka.common.InconsistentClusterIdException: The Cluster ID a doesn't match stored b": (
        Sign.CLUSTER_ID
    ),
    "INFO [SocketServer listenerType=BROKER, nodeId=0] Failed authentication with /127.0.0.1 "
    "(channelId=127.0.0.1:9094-127.0.0.1:52254-3-0) (SSL handshake failed) (o.a.k.c.n.Selector)": (
        Sign.TLS_FAILED
    ),
    "INFO [SocketServer listenerType=BROKER, nodeId=0] Failed authentication with /127.0.0.1 "
    "(channelId=127.0.0.1:9096-127.0.0.1:49978-6-0) (Failing SASL authentication due to invalid "
    "receive size) (org.apache.kafka.common.network.Selector)": Sign.SASL_OTHER,
    "javax.net.ssl.SSLException: Unsupported or unrecognized SSL message": Sign.TLS_PLAINTEXT,
    **{
        f"org.apache.kafka.common.network.InvalidReceiveException: Invalid receive (size = {size} "
        "larger than 104857600)": Sign.PLAINTEXT_TLS
        for size in (369295616, 369295617, 369295622, 369296129)  # openssl, librdkafka, Java
    },
    "[learnflow start] this disk belongs to cluster old; the id new of the chart is not used": (
        Sign.DISK_ID
    ),
    "java.lang.RuntimeException: Invalid cluster.id in: /data/meta.properties. Expected new": (
        Sign.CLUSTER_ID
    ),
    "[learnflow start] refused: the controllers of this cluster are '0 1 2', the chart now says": (
        Sign.REFUSED
    ),
}


@pytest.mark.parametrize("line", LINES)
def test_a_line_has_its_sign(line: str):
    """One line, one sign."""
    assert [found.sign for found in signs([line], pod="kafka-0")] == [LINES[line]]


ORDINARY = (
    "[learnflow start] node 0 of cluster L0000000000000000000Aw starts",
    "InvalidReceiveException: Invalid receive (size = 120000000 larger than 104857600)",
    # A web browser, or a probe that speaks HTTP: `GET ` taken for a size.
    "InvalidReceiveException: Invalid receive (size = 1195725856 larger than 104857600)",
)


@pytest.mark.parametrize("line", ORDINARY)
def test_an_ordinary_line_has_none(line: str):
    """What a healthy node says is no sign, nor a request that is too large."""
    assert not list(signs([line], pod="kafka-0"))
