"""A Kafka of the demo's own: other tests read the same topics from their beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support import clusters

from learnflow_kafka.cli.main import run
from learnflow_kafka.core.local import Mode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.clusters import LocalKafka


@pytest.fixture(scope="session")
def platform() -> Iterator[LocalKafka]:
    """One broker with LearnFlow's topics, in the context `local/demo`."""
    for kafka in clusters.started("demo", 1, Mode.KRAFT):
        assert run(["apply", "--context", "local/demo", "--yes", "--json"]) == 0
        yield kafka
