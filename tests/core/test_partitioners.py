"""The three hashes that Kafka's clients use; the contract suite compares them with librdkafka."""

from __future__ import annotations

import pytest

from learnflow_kafka.core.partitioners import PARTITIONERS, fnv1a, murmur2


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_javas(key: bytes, value: int):
    """The values of Kafka's own unit test."""
    assert murmur2(key) == value & 0xFFFFFFFF


@pytest.mark.parametrize(
    ("key", "value"), [(b"", 0x811C9DC5), (b"a", 0xE40C292C), (b"foobar", 0xBF9CF968)]
)
def test_fnv1a_is_the_published_one(key: bytes, value: int):
    """The values of the algorithm's own test suite."""
    assert fnv1a(key) == value


@pytest.mark.parametrize("name", sorted(PARTITIONERS))
def test_every_key_has_a_partition(name: str):
    """Partitions are within bounds, and a key's never changes."""
    found = {PARTITIONERS[name](b"key-%d" % n, 5) for n in range(500)}

    assert found == {0, 1, 2, 3, 4}
