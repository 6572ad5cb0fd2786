"""The test kit as pytest fixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from learnflow_kafka.testing import mock, real
from learnflow_kafka.wiring.testing import MemoryKafka

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_configure(config: pytest.Config) -> None:
    """Where warnings are errors, those of kafka-python are none of the user's."""
    for line in (
        "ignore:(read|open)_text is deprecated:DeprecationWarning",
        r"ignore:unclosed <socket.*'0\.0\.0\.0':ResourceWarning",
    ):
        config.addinivalue_line("filterwarnings", line)


@pytest.fixture
def memory_kafka() -> MemoryKafka:
    """Kafka in memory with three brokers, for one test."""
    return MemoryKafka(3)


@pytest.fixture
def mock_kafka() -> Iterator[mock.MockKafka]:
    """A mock cluster of librdkafka with one broker, for one test; groups form at once."""
    with mock.started() as cluster:
        cluster.fast_rebalance()
        yield cluster


@pytest.fixture(scope="session")
def real_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[real.RealKafka]:
    """
    One real broker for all tests of the session.

    Tests share it: give topics names of their own. It starts when the first test asks for it.
    """
    with real.running(tmp_path_factory.mktemp("kafka")) as cluster:
        yield cluster
