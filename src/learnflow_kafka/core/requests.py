"""
What is sent to a cluster: a name for each request, and how many items go into one.

Adapters share these numbers, so that the requests counted in memory are those that a real
cluster gets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

MAX_PARTITIONS: Final = 10_000
"""Kafka answers POLICY_VIOLATION to a creating request that asks for more than these."""

CREATED_PARTITIONS: Final = 6_000
"""
What one creating request asks for at most.

A cluster of three brokers on two cores makes 6,000 partitions of replication 3 in about a
second: short enough for every timeout, long enough not to count.
"""

CREATED_TOPICS: Final = 500
DESCRIBED_CONFIGS: Final = 1_000
ALTERED_CONFIGS: Final = 500
DELETED_TOPICS: Final = 500
DESCRIBED_GROUPS: Final = 1_000
COMMITTED_GROUPS: Final = 500
LISTED_OFFSETS: Final = 50_000
COMMITTED_OFFSETS: Final = 5_000
NAMED_TOPICS: Final = 5_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sent:
    """
    One request: its name in Kafka's protocol, and the names of what it is about.

    `mutating` says whether the broker may change something because of it; validate-only
    requests are not.
    """

    api: str
    mutating: bool
    items: tuple[str, ...] = ()


def chunks(items: Collection[T], size: int) -> Iterator[list[T]]:
    """
    The items in lists of at most `size`, in their order.

    >>> list(chunks("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    row = list(items)
    for start in range(0, len(row), size):
        yield row[start : start + size]


def by_weight(
    items: Sequence[T], weight: Callable[[T], int], *, heaviest: int, longest: int
) -> Iterator[list[T]]:
    """
    The items in lists of at most `longest`, and at most `heaviest` together.

    An item that is too heavy by itself gets a list of its own, for the broker to refuse.

    >>> list(by_weight([4, 4, 9, 1], int, heaviest=8, longest=10))
    [[4, 4], [9], [1]]
    """
    batch: list[T] = []
    carried = 0
    for item in items:
        load = weight(item)
        if batch and (carried + load > heaviest or len(batch) == longest):
            yield batch
            batch, carried = [], 0
        batch.append(item)
        carried += load
    if batch:
        yield batch
