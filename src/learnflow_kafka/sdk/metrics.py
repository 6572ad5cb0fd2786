"""
Numbers for Prometheus.

    app = App("tutor", CONTRACT, settings=Settings(observers=(Metrics(),)), health_port=8080)

serves them at `/metrics` beside the health pages. `Metrics(registry=REGISTRY)` puts them into a
registry of yours instead, which you expose as you do. What is counted anyway (lag, progress,
asks) is read when somebody scrapes. Their names are in docs/compatibility.md.

Needs `prometheus-client`.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from learnflow_kafka.errors import MissingExtraError
from learnflow_kafka.sdk.observing import Observer, Page, Sending

try:
    from prometheus_client import CollectorRegistry, Counter, Histogram
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
    from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
    from prometheus_client.registry import Collector
except ImportError as error:
    raise MissingExtraError(
        f"metrics need {error.name!r}, which is not installed",
        fix='pip install "learnflow-kafka[metrics]"',
    ) from error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client import Metric

    from learnflow_kafka.sdk.contract import AnyTopic, Exchange
    from learnflow_kafka.sdk.delivery import Delivery
    from learnflow_kafka.sdk.health import Health
    from learnflow_kafka.sdk.observing import FailedTry
    from learnflow_kafka.sdk.pending import AskCounts

__all__ = ["Metrics"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics(Observer):
    """
    Counts what a process sends, handles and asks.

    One value serves all apps, producers and askers of a process. `registry` None makes one of
    its own, which the health server of an app shows.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._own = registry is None
        self.registry = CollectorRegistry() if registry is None else registry
        """Where the numbers are."""

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"learnflow_{name}", what, labels, registry=self.registry)

        def histogram(name: str, what: str, *labels: str) -> Histogram:
            return Histogram(
                f"learnflow_{name}", what, labels, registry=self.registry, buckets=_SECONDS
            )

        self._produced = counter("events_produced", "Events acknowledged by Kafka", "topic")
        self._unwritten = counter("events_unwritten", "Events that were not written", "topic")
        self._consumed = counter(
            "events_consumed", "Events whose handler succeeded", "topic", "group"
        )
        self._failed = counter("events_failed", "Tries that failed", "topic", "group", "error")
        self._retried = counter(
            "events_retried", "Failed tries after which the event is tried again", "topic", "group"
        )
        self._dead = counter(
            "events_dead_lettered", "Events given up to the dead letters",
            "topic", "group", "reason",
        )  # fmt: skip
        self._handler = histogram(
            "handler_seconds", "How long handlers took, failed ones too", "topic", "group"
        )
        self._asked = histogram("ask_seconds", "How long asks took, failed ones too", "topic")
        self._states = _States()
        self.registry.register(self._states)

    def sending(self, topic: AnyTopic) -> Sending:
        """Count the event when its fate is known."""
        return _CountedSending(
            self._produced.labels(topic.name), self._unwritten.labels(topic.name)
        )

    @contextmanager
    def handling(self, delivery: Delivery) -> Iterator[None]:
        """Measure the handler."""
        where = (delivery.topic, delivery.group)
        began = time.perf_counter()
        try:
            yield
        finally:
            self._handler.labels(*where).observe(time.perf_counter() - began)
        self._consumed.labels(*where).inc()

    def failed(self, failed: FailedTry) -> None:
        """Count the failure and what becomes of it."""
        where = (failed.topic, failed.group)
        self._failed.labels(*where, type(failed.error).__name__).inc()
        if failed.reason is not None:
            self._dead.labels(*where, failed.reason.value).inc()
        elif failed.retry_in is not None or failed.to is not None:
            self._retried.labels(*where).inc()

    @contextmanager
    def asking(self, exchange: Exchange[Any, Any]) -> Iterator[None]:
        """Measure the ask."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._asked.labels(exchange.request.name).observe(time.perf_counter() - began)

    def watch_service(self, service: str, health: Callable[[], Health]) -> None:
        """Read the service's health at each scrape."""
        self._states.services[service] = health

    def watch_asks(self, exchange: Exchange[Any, Any], counts: Callable[[], AskCounts]) -> None:
        """Read the asker's counts at each scrape."""
        self._states.asks.append((exchange.request.name, counts))

    def page(self) -> Page | None:
        """The numbers in Prometheus' text; None where they are in a registry of the user's."""
        if not self._own:
            return None
        return Page(CONTENT_TYPE_LATEST, generate_latest(self.registry))


class _CountedSending(Sending):
    def __init__(self, produced: Counter, unwritten: Counter) -> None:
        self._produced = produced
        self._unwritten = unwritten

    def settled(self, error: BaseException | None) -> None:
        (self._produced if error is None else self._unwritten).inc()


class _States(Collector):
    """What is known anyway, read when somebody scrapes."""

    def __init__(self) -> None:
        self.services: dict[str, Callable[[], Health]] = {}
        self.asks: list[tuple[str, Callable[[], AskCounts]]] = []

    def collect(self) -> Iterator[Metric]:
        """Everything, now."""
        yield from self._health()
        yield from self._counts()

    def _health(self) -> Iterator[Metric]:
        live = _gauge("service_live", "1: makes progress, or could", "service")
        ready = _gauge("service_ready", "1: has its partitions and can send", "service")
        where = ("topic", "partition", "group")
        lag = _gauge("partition_lag", "Records behind the committed position", *where)
        age = _gauge(
            "partition_progress_age_seconds",
            "Seconds since anything was finished while something waits",
            *where,
        )
        flight = _gauge("events_in_flight", "Events that wait or run", *where)
        for service, health in self.services.items():
            now = health()
            live.add_metric([service], now.live)
            ready.add_metric([service], now.ready)
            for part in now.partitions:
                place = [part.topic, str(part.partition), part.group]
                age.add_metric(place, part.stalled_seconds)
                flight.add_metric(place, part.buffered)
                if part.lag is not None:
                    lag.add_metric(place, part.lag)
        yield from (live, ready, lag, age, flight)

    def _counts(self) -> Iterator[Metric]:
        sums: dict[str, dict[str, int]] = {}
        for topic, counts in self.asks:
            now = counts()
            found = sums.setdefault(topic, dict.fromkeys(now.__slots__, 0))
            for name in found:
                found[name] += getattr(now, name)
        pending = _gauge("asks_pending", "Requests that wait for their reply", "topic")
        ended = _counter("asks", "Requests that ended", "topic", "outcome")
        strays = _counter("asks_stray_replies", "Replies that nobody waited for", "topic", "kind")
        for topic, found in sums.items():
            pending.add_metric([topic], found["pending"])
            for name in ("answered", "failed", "timed_out"):
                ended.add_metric([topic, name], found[name])
            for name in ("late", "repeated"):
                strays.add_metric([topic, name], found[name])
        yield from (pending, ended, strays)


def _gauge(name: str, what: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"learnflow_{name}", what, labels=labels)


def _counter(name: str, what: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"learnflow_{name}", what, labels=labels)
