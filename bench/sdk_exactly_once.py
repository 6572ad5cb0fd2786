"""
What exactly-once costs: read, handle, write, on one real broker, beside at least once.

Both sides read the same records, handle them one by one and write a typed, validated event for
each; offsets are committed every second. The at-least-once side is the fastest that there is:
it posts and does not wait (a service that does keep its word waits for each record). The clock
runs from the first event to the end of the service, which flushes and commits what is left.
Sides take turns within one run.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from confluent_kafka.admin import AdminClient, NewTopic
from tests.support import clusters

from bench.result import Figure
from bench.sdk_delivery import STUDENTS, alternate, query
from learnflow_kafka.core.catalog import Guarantee
from learnflow_kafka.core.local import Mode
from learnflow_kafka.events import CONTRACT, LEARNING_QUERY, LearningQuery
from learnflow_kafka.sdk import App, Delivery, Producer, Settings, Topic
from learnflow_kafka.sdk.contract import Contract, Service, Subscription

if TYPE_CHECKING:
    from bench.effort import Effort

RECORDS: Final = 150_000
GOAL: Final = 0.25


@dataclass(frozen=True, slots=True)
class Copying:
    """From where to where events are copied."""

    bootstrap: str
    source: Topic[LearningQuery]
    target: Topic[LearningQuery]


def _contract(
    source: Topic[LearningQuery], target: Topic[LearningQuery], how: Guarantee
) -> Contract:
    group = f"{source.name}.{uuid.uuid4().hex[:8]}"
    reads = Subscription(source, group, delivery=how)
    services = [
        Service("writer", "/bench/writer", produces=(source,)),
        Service("copier", "/bench/copier", produces=(target,), consumes=(reads,)),
    ]
    return Contract.of(CONTRACT.name, CONTRACT.digest, topics=[source, target], services=services)


def copied(place: Copying, how: Guarantee, count: int) -> float:
    """Records a second, read, handled and written."""
    source, target = place.source, place.target
    app = App(
        "copier",
        _contract(source, target, how),
        bootstrap=place.bootstrap,
        settings=Settings(commit_interval=1),
    )
    times: list[float] = []
    done = threading.Event()
    seen = 0

    def tick() -> None:
        nonlocal seen
        seen += 1
        if seen == 1:
            times.append(time.perf_counter())
        if seen == count:
            done.set()

    if how is Guarantee.EXACTLY_ONCE:

        @app.on(source)
        def copy_once(event: LearningQuery, delivery: Delivery) -> None:
            tick()
            delivery.send(target, event)

    else:

        @app.on(source)
        def copy(event: LearningQuery, _: Delivery) -> None:
            tick()
            app.producer.post(target, event)

    thread = threading.Thread(target=app.run)
    thread.start()
    done.wait()
    app.stop()
    thread.join()
    return count / (time.perf_counter() - times[0])


def run(effort: Effort) -> list[Figure]:
    """Measure both sides in turn."""
    count = effort.of(RECORDS)
    with contextlib.contextmanager(clusters.started)("bench-once", 1, Mode.KRAFT) as kafka:
        name = f"bench.{uuid.uuid4().hex[:8]}"
        source = replace(LEARNING_QUERY, name=name)
        target = replace(LEARNING_QUERY, name=f"{name}.copies")
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        for made in admin.create_topics(
            [NewTopic(t.name, 3, 1) for t in (source, target)]
        ).values():
            made.result(30)
        contract = _contract(source, target, Guarantee.AT_LEAST_ONCE)
        with Producer("writer", contract, bootstrap=kafka.bootstrap) as producer:
            for number in range(count):
                producer.post(source, query(STUDENTS[number % len(STUDENTS)]))
        place = Copying(kafka.bootstrap, source, target)
        least, once = alternate(
            effort,
            lambda: copied(place, Guarantee.AT_LEAST_ONCE, count),
            lambda: copied(place, Guarantee.EXACTLY_ONCE, count),
        )
    overhead = least / once - 1
    return [
        Figure(
            "exactly-once against at-least-once, commits every second, one real broker",
            overhead * 100,
            "% more time",
            f"at most {GOAL * 100:.0f} %",
            overhead <= GOAL,
            f"at least once {least:,.0f}/s, exactly once {once:,.0f}/s; medians of {effort.rounds}",
        )
    ]
