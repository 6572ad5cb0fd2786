"""
librdkafka's mock cluster, in this process: faults on demand, no disk, no Java.

It comes inside confluent-kafka and is called through ctypes. It proves nothing about
transactions, isolation or fencing, which it does not enforce; and its header calls it
experimental, so a new confluent-kafka may change it.
"""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import cimpl

from learnflow_kafka.errors import RequestError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PRODUCER: Final = 0
_LONGEST_ERROR: Final = 512
_ALL: Final = -1


class Api(IntEnum):
    """Requests that can be answered with errors, by their numbers in Kafka's protocol."""

    PRODUCE = 0
    FETCH = 1
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    INIT_PRODUCER_ID = 22


class MockKafka:
    """One mock cluster; `bootstrap` is its address."""

    def __init__(self, library: Any, cluster: int) -> None:
        self._library = library
        self._cluster = ctypes.c_void_p(cluster)
        self.bootstrap: str = library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def create(self, topic: str, partitions: int = 1) -> None:
        """
        Make a topic.

        Raises RequestError where it is there already.
        """
        code = self._library.rd_kafka_mock_topic_create(
            self._cluster, topic.encode(), partitions, 1
        )
        if code:
            name = self._library.rd_kafka_err2name(code).decode()
            raise RequestError("the mock did not make the topic", code=name, where=topic)

    def answer(self, api: Api, *codes: int) -> None:
        """
        Answer the next requests of an API with these error codes, one each.

        Codes are Kafka's, such as `confluent_kafka.KafkaError.TOPIC_AUTHORIZATION_FAILED`.
        """
        array = (ctypes.c_int * len(codes))(*codes)
        self._library.rd_kafka_mock_push_request_errors_array(
            self._cluster, ctypes.c_int16(api), ctypes.c_size_t(len(codes)), array
        )

    def down(self, *, broker: int = _ALL) -> None:
        """Take a broker down (ids count from 1), or all of them."""
        self._library.rd_kafka_mock_broker_set_down(self._cluster, broker)

    def up(self, *, broker: int = _ALL) -> None:
        """Bring a broker back, or all of them."""
        self._library.rd_kafka_mock_broker_set_up(self._cluster, broker)

    def coordinate(self, group: str, *, broker: int) -> None:
        """Make a broker the coordinator of a group."""
        self._library.rd_kafka_mock_coordinator_set(
            self._cluster, b"group", group.encode(), ctypes.c_int32(broker)
        )

    def coordinate_transactions(self, transactional_id: str, *, broker: int) -> None:
        """Make a broker the coordinator of a producer's transactions."""
        self._library.rd_kafka_mock_coordinator_set(
            self._cluster, b"transaction", transactional_id.encode(), ctypes.c_int32(broker)
        )

    def round_trip(self, milliseconds: int, *, broker: int = _ALL) -> None:
        """Make a broker answer this late, or all of them."""
        self._library.rd_kafka_mock_broker_set_rtt(self._cluster, broker, milliseconds)

    def fast_rebalance(self) -> None:
        """Let a group's first member begin at once, not after three seconds."""
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)


@contextmanager
def started(brokers: int = 1) -> Iterator[MockKafka]:
    """
    A mock cluster that ends with the block.

    Raises UnsupportedError where this build of confluent-kafka has none.
    """
    library = _library()
    error = ctypes.create_string_buffer(_LONGEST_ERROR)
    conf = ctypes.c_void_p(library.rd_kafka_conf_new())
    handle = ctypes.c_void_p(library.rd_kafka_new(_PRODUCER, conf, error, _LONGEST_ERROR))
    if not handle.value:
        raise UnsupportedError(f"librdkafka gives no client ({error.value.decode()})")
    cluster = library.rd_kafka_mock_cluster_new(handle, brokers)
    try:
        yield MockKafka(library, cluster)
    finally:
        library.rd_kafka_mock_cluster_destroy(ctypes.c_void_p(cluster))
        library.rd_kafka_destroy(handle)


def _library() -> Any:
    """librdkafka, as the extension module has it: its names are found through the module."""
    library = ctypes.CDLL(cimpl.__file__)
    try:
        for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
            getattr(library, name).restype = ctypes.c_void_p
        for name in ("rd_kafka_mock_cluster_bootstraps", "rd_kafka_err2name"):
            getattr(library, name).restype = ctypes.c_char_p
    except AttributeError as error:
        raise UnsupportedError(
            "this build of confluent-kafka hides librdkafka's mock cluster",
            fix="install confluent-kafka from its wheels",
        ) from error
    return library
