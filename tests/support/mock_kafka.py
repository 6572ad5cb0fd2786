"""
librdkafka's mock cluster, in this process: faults on demand, no disk, no Java.

It proves nothing about transactions, isolation or fencing, which it does not enforce.
"""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import confluent_kafka

if TYPE_CHECKING:
    from collections.abc import Iterator

PRODUCE = 0
"""Kafka's API key of produce requests."""
_PRODUCER = 0
_LONGEST_ERROR = 512


def _library() -> Any:
    folder = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    library = ctypes.CDLL(str(next(folder.glob("librdkafka*"))))
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
        getattr(library, name).restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    return library


class MockKafka:
    """One mock cluster; `bootstrap` is its address."""

    def __init__(self, library: Any, cluster: int) -> None:
        self._library = library
        self._cluster = ctypes.c_void_p(cluster)
        self.bootstrap: str = library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def create(self, topic: str, partitions: int = 1) -> None:
        """Make a topic."""
        code = self._library.rd_kafka_mock_topic_create(
            self._cluster, topic.encode(), partitions, 1
        )
        assert code == 0

    def answer(self, api: int, *codes: int) -> None:
        """Answer the next requests of an API with these error codes, one each."""
        array = (ctypes.c_int * len(codes))(*codes)
        self._library.rd_kafka_mock_push_request_errors_array(
            self._cluster, ctypes.c_int16(api), ctypes.c_size_t(len(codes)), array
        )

    def down(self, *, broker: int = -1) -> None:
        """Take brokers down (-1: all of them)."""
        self._library.rd_kafka_mock_broker_set_down(self._cluster, broker)

    def up(self, *, broker: int = -1) -> None:
        """Bring brokers back."""
        self._library.rd_kafka_mock_broker_set_up(self._cluster, broker)

    def round_trip(self, milliseconds: int, *, broker: int = -1) -> None:
        """Make brokers answer this late."""
        self._library.rd_kafka_mock_broker_set_rtt(self._cluster, broker, milliseconds)

    def fast_rebalance(self) -> None:
        """Let a group's first member begin at once."""
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)


@contextmanager
def started(brokers: int = 1) -> Iterator[MockKafka]:
    """A mock cluster that ends with the block."""
    library = _library()
    error = ctypes.create_string_buffer(_LONGEST_ERROR)
    conf = ctypes.c_void_p(library.rd_kafka_conf_new())
    handle = ctypes.c_void_p(library.rd_kafka_new(_PRODUCER, conf, error, _LONGEST_ERROR))
    assert handle.value, error.value
    cluster = library.rd_kafka_mock_cluster_new(handle, brokers)
    try:
        yield MockKafka(library, cluster)
    finally:
        library.rd_kafka_mock_cluster_destroy(ctypes.c_void_p(cluster))
        library.rd_kafka_destroy(handle)
