"""Each contract test runs on memory, on Kafka 4.3 with 1 and 3 brokers, and on 3.9."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support import backends

from learnflow_kafka.core.observed import Metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.backends import Backend
    from tests.support.clusters import LocalKafka

_REAL = {
    "kafka1": (1, Metadata.KRAFT),
    "kafka3": (3, Metadata.KRAFT),
    "kafka39": (1, Metadata.ZOOKEEPER),
}


@pytest.fixture(
    scope="session",
    params=[
        "memory",
        pytest.param("kafka1", marks=pytest.mark.kafka),
        pytest.param("kafka3", marks=pytest.mark.kafka),
        pytest.param("kafka39", marks=[pytest.mark.kafka, pytest.mark.zookeeper]),
    ],
)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Both ports over one cluster."""
    if request.param == "memory":
        yield from backends.memory(3)
        return
    cluster: LocalKafka = request.getfixturevalue(request.param)
    brokers, metadata = _REAL[request.param]
    yield from backends.real(request.param, cluster.context, brokers, metadata)
