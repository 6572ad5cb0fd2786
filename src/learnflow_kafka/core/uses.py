"""Who uses a topic, as the catalog says: what a deletion takes from whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from learnflow_kafka.core.catalog import RetryMode
from learnflow_kafka.core.names import dead_letter_topic, retry_topic

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from learnflow_kafka.core.catalog import Catalog, Subscription


@dataclass(frozen=True, slots=True)
class Use:
    """
    One topic that a catalog declares, and the services that produce and consume it.

    `source` is the declared topic whose dead letters or retries it holds; None: it is declared
    itself.
    """

    topic: str
    catalog: str
    produced_by: tuple[str, ...]
    consumed_by: tuple[str, ...]
    source: str | None = None


def uses(catalog: Catalog, names: Collection[str]) -> tuple[Use, ...]:
    """The use of each of these topics that the catalog declares or derives."""
    derived = {found[0]: found for found in _derived(catalog)}
    found = []
    for name in names:
        if name in catalog.topics:
            found.append(_declared(catalog, name))
        elif name in derived:
            _, source, services = derived[name]
            found.append(Use(name, catalog.name, services, services, source))
    return tuple(found)


def _declared(catalog: Catalog, topic: str) -> Use:
    producers = sorted(s.name for s in catalog.services.values() if topic in s.produces)
    consumers = sorted({s.name for s, read in catalog.subscriptions() if read.topic == topic})
    return Use(topic, catalog.name, tuple(producers), tuple(consumers))


def _derived(catalog: Catalog) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Each derived topic, its source and the services of its group."""
    groups: dict[tuple[str, str], set[str]] = {}
    for service, read in catalog.subscriptions():
        groups.setdefault((read.topic, read.group), set()).add(service.name)
    for _, read in catalog.subscriptions():
        services = tuple(sorted(groups[read.topic, read.group]))
        for name in _follows(read):
            yield name, read.topic, services


def _follows(read: Subscription) -> Iterator[str]:
    if read.dead_letter:
        yield dead_letter_topic(read.topic, read.group)
    if read.retries.mode is RetryMode.TOPICS:
        for number in range(len(read.retries.delays_ms())):
            yield retry_topic(read.topic, read.group, number + 1)
