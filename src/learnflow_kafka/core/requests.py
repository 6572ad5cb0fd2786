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

    from learnflow_kafka.core.plans.changes import AddPartitions, AlterConfig, CreateTopic

MAX_PARTITIONS: Final = 10_000
"""Kafka answers POLICY_VIOLATION to a creating request that asks for more than these."""

RECORDS: Final = 9_000
"""
What one changing request writes to the metadata log at most.

Kafka refuses more than 10,000 records: one for each topic, partition and config.
"""

CREATED_TOPICS: Final = 2_000
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
    The items, in their order, in lists of at most `longest`, and at most `heaviest` together.

    The first list may be short and the others are full: a broker shows the last topics as
    soon as it has made the files of all lists before. An item that is too heavy by itself
    gets a list of its own, for the broker to refuse.

    >>> list(by_weight([1, 4, 4, 9, 1, 7], int, heaviest=8, longest=10))
    [[1], [4, 4], [9], [1, 7]]
    """
    batches: list[list[T]] = []
    carried = 0
    for item in reversed(items):
        load = weight(item)
        if not batches or carried + load > heaviest or len(batches[-1]) == longest:
            batches.append([])
            carried = 0
        batches[-1].append(item)
        carried += load
    for batch in reversed(batches):
        yield batch[::-1]


def creations(topics: Sequence[CreateTopic]) -> Iterator[list[CreateTopic]]:
    """Topics to be created, in as many lists as it takes requests."""
    return by_weight(
        topics,
        lambda t: 1 + max(t.partitions, 1) + len(t.config),
        heaviest=RECORDS,
        longest=CREATED_TOPICS,
    )


def growths(topics: Sequence[AddPartitions]) -> Iterator[list[AddPartitions]]:
    """Topics to be given partitions, in as many lists as it takes requests."""
    return by_weight(
        topics, lambda t: max(t.total - t.current, 1), heaviest=RECORDS, longest=CREATED_TOPICS
    )


def alterations(topics: Sequence[AlterConfig]) -> Iterator[list[AlterConfig]]:
    """Topics to be edited, in as many lists as it takes requests."""
    return by_weight(topics, lambda t: len(t.edits), heaviest=RECORDS, longest=ALTERED_CONFIGS)
