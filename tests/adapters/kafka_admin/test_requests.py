"""How many requests it takes: they grow with batches, not with topics."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.support import backends, clusters
from tests.support.backends import wait_for

from learnflow_kafka.core.local import Mode
from learnflow_kafka.core.observed import Metadata, TopicPartition
from learnflow_kafka.core.plans.changes import CreateTopic
from learnflow_kafka.core.ports import Edge, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.backends import Backend

    from learnflow_kafka.core.observed import OffsetAt

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

COUNT = 1200
NAMES = [f"many-{n}" for n in range(COUNT)]


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    """A broker of this module's own with many topics."""
    for cluster in clusters.started("many", 1, Mode.KRAFT):
        for port in backends.real("many", cluster.context, 1, Metadata.KRAFT):
            answers = port.admin.create_topics([CreateTopic(name, 1, 1) for name in NAMES])
            assert set(answers.values()) == {None}
            yield port


def requests(backend: Backend) -> Counter[str]:
    """How often each request was sent since the last call."""
    found = Counter(s.api for s in backend.sent)
    backend.sent.clear()
    return found


def served(found: Mapping[TopicPartition, OffsetAt | Fault]) -> bool:
    """Whether every partition has its answer."""
    return not any(isinstance(answer, Fault) for answer in found.values())


def test_creating_takes_a_request_for_each_batch(backend: Backend):
    """1,200 topics are created by one request, and all are seen by the next read."""
    found = requests(backend)

    assert found["CreateTopics"] == 1
    assert set(backend.admin.topics()) >= set(NAMES)


def test_reading_takes_a_request_for_each_batch(backend: Backend):
    """A plan's reads of 1,200 topics are four requests."""
    requests(backend)
    backend.admin.topics()
    backend.admin.topics(NAMES)
    configs = backend.admin.topic_configs(NAMES)

    assert requests(backend) == {"Metadata": 2, "DescribeConfigs": 2}
    assert len(configs) == COUNT


def test_offsets_take_a_request_for_each_leader(backend: Backend):
    """The ends of 1,200 partitions on one broker are one request."""
    asked = [TopicPartition(name, 0) for name in NAMES]
    # A broker that still makes the partitions' files is asked again.
    wait_for(lambda: served(backend.admin.offsets(asked, Edge.LATEST)), 120)
    requests(backend)
    found = backend.admin.offsets(asked, Edge.LATEST)

    assert requests(backend) == {"Metadata": 1, "ListOffsets": 1}
    assert len(found) == COUNT


def test_asking_the_broker_takes_a_request_for_each_batch(backend: Backend):
    """Validate-only of 1,200 topics is one request, which changes nothing."""
    requests(backend)
    wanted = [CreateTopic(f"new-{name}", 1, 1) for name in NAMES]
    answers = backend.admin.create_topics(wanted, validate_only=True)

    assert not any(s.mutating for s in backend.sent)
    assert requests(backend) == {"CreateTopics": 1}
    assert set(answers.values()) == {None}


def test_deleting_takes_a_request_for_each_batch(backend: Backend):
    """1,200 topics are deleted by three requests."""
    requests(backend)
    answers = backend.admin.delete_topics(NAMES)

    assert requests(backend)["DeleteTopics"] == 3
    assert set(answers.values()) == {None}
