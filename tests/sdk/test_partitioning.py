"""Keys as bytes, and where they land."""

from __future__ import annotations

import uuid

import pytest
from confluent_kafka import Producer

from learnflow_kafka.errors import EventError
from learnflow_kafka.sdk.contract import Partitioner
from learnflow_kafka.sdk.partitioning import key_text, partition, producer_settings


@pytest.mark.parametrize(
    ("value", "text"),
    [("s1", "s1"), ("", ""), (7, "7"), (-7, "-7"), (uuid.UUID(int=1), str(uuid.UUID(int=1)))],
)
def test_keys_are_texts_numbers_and_ids(value: object, text: str) -> None:
    """What may be a key, and how it is spelled in the record."""
    assert key_text(value, topic="t", field="f") == text


@pytest.mark.parametrize("value", [None, True, 1.5, b"x", ["a"], {}])
def test_what_changes_or_is_missing_is_no_key(value: object) -> None:
    """Anything else would scatter the events that belong together."""
    with pytest.raises(EventError, match="the key of orders"):
        key_text(value, topic="orders", field="id")


@pytest.mark.parametrize("partitioner", list(Partitioner))
def test_librdkafka_is_told_the_topics_partitioner(partitioner: Partitioner) -> None:
    """The setting has the catalog's own name."""
    assert producer_settings(partitioner) == {"partitioner": partitioner.value}


@pytest.mark.parametrize(("key", "murmur2"), [(b"21", -973932308), (b"foobar", -790332482)])
def test_partitions_are_those_of_java(key: bytes, murmur2: int) -> None:
    """The hashes of Kafka's own tests, spread over partitions as its producer does."""
    for count in (1, 2, 3, 12):
        assert partition(key, count, Partitioner.MURMUR2_RANDOM) == (murmur2 & 0x7FFFFFFF) % count


@pytest.mark.parametrize("partitioner", list(Partitioner))
def test_librdkafka_lands_keys_where_we_say(partitioner: Partitioner) -> None:
    """Two hundred keys land on the computed partitions of librdkafka's own mock broker."""
    landed: dict[bytes, int] = {}
    producer = Producer({"test.mock.num.brokers": 1, **producer_settings(partitioner)})
    for key in (f"{n}-é-student"[: n % 9 + 3].encode() for n in range(200)):
        producer.produce(
            "t", key=key, callback=lambda _, m: landed.update({m.key(): m.partition()})
        )
    count = len(producer.list_topics("t", timeout=10).topics["t"].partitions)
    assert producer.flush(30) == 0

    assert count > 1
    assert landed == {key: partition(key, count, partitioner) for key in landed}
    assert len(set(landed.values())) == count
