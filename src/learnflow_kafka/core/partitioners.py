"""
Which partition a key lands on, by the three ways that Kafka's clients use.

Java hashes with murmur2, librdkafka with CRC-32 unless told otherwise, Sarama (and so Dapr)
with FNV-1a. Records of one key stay in order only where all producers agree. Keys that are
None go anywhere; an empty key is a key.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_WORD: Final = 0xFFFFFFFF
_POSITIVE: Final = 0x7FFFFFFF


def murmur2(data: bytes) -> int:
    """
    The hash of Java's default partitioner, as 32 unsigned bits.

    >>> hex(murmur2(b"kafka"))
    '0xd067cf64'
    """
    length = len(data)
    m, h = 0x5BD1E995, 0x9747B28C ^ length
    for i in range(0, length - length % 4, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & _WORD
        k = (k ^ k >> 24) * m & _WORD
        h = (h * m & _WORD) ^ k
    tail = data[length - length % 4 :]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * m & _WORD
    h = (h ^ h >> 13) * m & _WORD
    return h ^ h >> 15


def fnv1a(data: bytes) -> int:
    """
    The FNV-1a hash as 32 unsigned bits.

    >>> hex(fnv1a(b"kafka"))
    '0xd33c4e1'
    """
    h = 0x811C9DC5
    for byte in data:
        h = (h ^ byte) * 0x01000193 & _WORD
    return h


def _by_murmur2(key: bytes, count: int) -> int:
    return (murmur2(key) & _POSITIVE) % count


def _by_crc32(key: bytes, count: int) -> int:
    return zlib.crc32(key) % count


def _by_fnv1a(key: bytes, count: int) -> int:
    # Sarama takes the remainder of a signed number and then its absolute value.
    signed = fnv1a(key)
    if signed > _POSITIVE:
        signed -= 1 << 32
    return abs(signed) % count


PARTITIONERS: Final[Mapping[str, Callable[[bytes, int], int]]] = {
    "murmur2_random": _by_murmur2,
    "consistent_random": _by_crc32,
    "fnv1a_random": _by_fnv1a,
}
"""By librdkafka's names: key and number of partitions in, partition out."""
