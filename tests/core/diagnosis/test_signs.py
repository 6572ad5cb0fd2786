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


def test_an_ordinary_line_has_none():
    """What a healthy node says is no sign."""
    assert not list(
        signs(["[learnflow start] node 0 of cluster L0000000000000000000Aw starts"], pod="kafka-0")
    )
