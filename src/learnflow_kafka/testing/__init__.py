"""
What tests of services import: three Kafkas, each for its own questions.

    MemoryKafka     Python state behind this package's own ports; for use cases, in milliseconds
    MockKafka       librdkafka's mock: the SDK as it is, faults on demand, no Java
    RealKafka       Apache Kafka on this machine: everything else, exactly-once above all

In `conftest.py`, for the fixtures `memory_kafka`, `mock_kafka` and `real_kafka`:

    pytest_plugins = ["learnflow_kafka.testing"]

As context managers, `mocking()` and `running(folder)` do the same.
"""

from learnflow_kafka.errors import MissingExtraError
from learnflow_kafka.testing.mock import Api, MockKafka
from learnflow_kafka.testing.mock import started as mocking
from learnflow_kafka.testing.real import RealKafka, exactly_once, running
from learnflow_kafka.wiring.testing import MemoryKafka, Moment, Right

try:
    from learnflow_kafka.testing.fixtures import (
        memory_kafka,
        mock_kafka,
        pytest_configure,
        real_kafka,
    )
except ModuleNotFoundError as error:
    if error.name != "pytest":
        raise
    raise MissingExtraError(
        "the test kit needs pytest, which is not installed", fix="pip install pytest"
    ) from error

__all__ = [
    "Api",
    "MemoryKafka",
    "MockKafka",
    "Moment",
    "RealKafka",
    "Right",
    "exactly_once",
    "memory_kafka",
    "mock_kafka",
    "mocking",
    "pytest_configure",
    "real_kafka",
    "running",
]
