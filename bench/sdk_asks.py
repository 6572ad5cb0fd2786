"""
Request and reply on one real broker: how long a reply takes, and how exact a timeout is.

Clients, responder and measurement share one process, so its interpreter's lock is part of every
figure. The responder is a plain no-op handler; topics have three partitions and one replica.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.sdk.notes import Note, create, until, world
from tests.sdk.running import Process
from tests.sdk.talks import Answer, Question, talk, told
from tests.support import clusters

from bench.result import Figure
from learnflow_kafka.core.local import Mode
from learnflow_kafka.errors import ContractError, NoReplyError
from learnflow_kafka.sdk import App, AsyncAsker, Producer, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sdk.talks import Talk

    from bench.effort import Effort

SINGLES: Final = 500
CLIENTS: Final = 3
AT_ONCE: Final = 334
"""For each client."""
TIMEOUTS: Final = 100
PROMPT: Final = Settings(linger_ms=0)


def run(effort: Effort) -> list[Figure]:
    """Measure on a broker of this benchmark's own."""
    kafka = contextlib.contextmanager(clusters.started)("bench-asks", 1, Mode.KRAFT)
    with kafka as cluster:
        place = talk(concurrency=8)
        place.create(cluster.bootstrap)
        with _answering(place, cluster.bootstrap):
            figures = asyncio.run(_asked(place, cluster.bootstrap, effort.of(SINGLES)))
        unanswered = asyncio.run(_unanswered(place, cluster.bootstrap))
        blocked = [_blocked(cluster.bootstrap, kind) for kind in ("plain", "async")]
        return [_refused(), *figures, unanswered, *blocked]


def _blocked(bootstrap: str, kind: str) -> Figure:
    """How long after its deadline a process ends whose handler blocks, as its log tells."""
    place, deadline = world(), 2
    create(bootstrap, place)
    with Producer("writer", place.contract, bootstrap=bootstrap) as producer:
        producer.send(place.notes, Note(student="ada", number=0, text="hangs"))
    with tempfile.TemporaryDirectory() as folder:
        options = (f"deadline={deadline}", f"kind={kind}")
        process = Process(bootstrap, place, Path(folder), *options)
        process.process.wait(120)
        ran = re.search(r"has run for ([0-9.]+) s", process.output.read_text())
    seconds = float(ran[1]) - deadline if ran else float("inf")
    return Figure(
        f"a blocked {kind} handler, from its limit to the end of liveness",
        seconds,
        "s",
        goal="at most 5 s",
        met=seconds <= 5,
        note=_load(),
    )


def _refused() -> Figure:
    """How soon a handler for a topic of others is refused, the app's making included."""
    place = talk()
    began = time.perf_counter()
    try:
        App("tutor", place.contract, bootstrap="127.0.0.1:1").on(place.answers)(told)  # type: ignore[arg-type]
    except ContractError:
        pass
    else:
        raise AssertionError("the tutor does not read its own answers")
    seconds = time.perf_counter() - began
    return Figure(
        "a handler for an undeclared topic is refused after",
        1000 * seconds,
        "ms",
        goal="at most 100 ms",
        met=seconds <= 0.1,
    )


@contextlib.contextmanager
def _answering(place: Talk, bootstrap: str) -> Iterator[None]:
    app = App("tutor", place.contract, bootstrap=bootstrap, settings=PROMPT)
    app.answers(place.exchange)(told)
    thread = threading.Thread(target=app.run)
    thread.start()
    try:
        until(lambda: app.health().ready)
        yield
    finally:
        app.stop()
        thread.join()


def _asker(place: Talk, bootstrap: str) -> AsyncAsker[Question, Answer]:
    return AsyncAsker("asker", place.contract, place.exchange, bootstrap=bootstrap, settings=PROMPT)


async def _asked(place: Talk, bootstrap: str, count: int) -> list[Figure]:
    async with contextlib.AsyncExitStack() as stack:
        askers = [await stack.enter_async_context(_asker(place, bootstrap)) for _ in range(CLIENTS)]
        for number, asker in enumerate(askers):
            await asker.ask(Question(id=f"first-{number}"), timeout=60)
        singles = [await _one(askers[0], f"one-{n}") for n in range(count)]
        began = time.perf_counter()
        burst = await asyncio.gather(
            *(
                _one(asker, f"{client}-{n}")
                for client, asker in enumerate(askers)
                for n in range(AT_ONCE)
            )
        )
        took = time.perf_counter() - began
        strays = sum(asker.counts.late + asker.counts.repeated for asker in askers)
    right = sum(one.right for one in burst)
    single = _percentile([one.seconds for one in singles], 0.99)
    return [
        Figure(
            "one ask at a time, p99",
            1000 * single,
            "ms",
            goal="at most 50 ms",
            met=single <= 0.05,
            note=f"p50 {1000 * statistics.median(o.seconds for o in singles):.1f} ms over "
            f"{count}; {_load()}",
        ),
        Figure(
            f"{len(burst)} asks at once from {CLIENTS} clients on one reply topic, p99",
            1000 * _percentile([one.seconds for one in burst], 0.99),
            "ms",
            note=f"all in {took:.2f} s; {_load()}",
        ),
        Figure(
            "of them with a reply that is not theirs, or none",
            len(burst) - right + strays,
            "",
            goal="none",
            met=right == len(burst) and not strays,
        ),
    ]


class _One:
    """One ask: how long it took, and whether the reply is its own."""

    def __init__(self, seconds: float, *, right: bool) -> None:
        self.seconds = seconds
        self.right = right


async def _one(asker: AsyncAsker[Question, Answer], name: str) -> _One:
    began = time.perf_counter()
    question = Question(id=name, student=f"s-{name}", text=name)
    answer = await asker.ask(question, timeout=60)
    return _One(time.perf_counter() - began, right=answer == told(question))


async def _unanswered(place: Talk, bootstrap: str) -> Figure:
    """How much longer than its timeout an ask takes to which nobody replies."""
    async with _asker(place, bootstrap) as asker:
        with contextlib.suppress(NoReplyError):
            await asker.ask(Question(id="first"), timeout=10)  # it listens now
        late = [await _late(asker, n, 0.05 + n / 1000) for n in range(TIMEOUTS)]
        together: Any = await asyncio.gather(
            *(_late(asker, TIMEOUTS + n, 0.05 + n / 1000) for n in range(TIMEOUTS))
        )
    worst = max([*late, *together])
    return Figure(
        "an ask without a reply, longest time over its timeout",
        1000 * worst,
        "ms",
        goal="at most 100 ms",
        met=worst <= 0.1,
        note=f"{TIMEOUTS} one after the other and {TIMEOUTS} together, 50 to 150 ms each; median "
        f"{1000 * statistics.median([*late, *together]):.1f} ms; {_load()}",
    )


async def _late(asker: AsyncAsker[Question, Answer], number: int, seconds: float) -> float:
    began = time.perf_counter()
    with contextlib.suppress(NoReplyError):
        await asker.ask(Question(id=f"late-{number}"), timeout=seconds)
    return time.perf_counter() - began - seconds


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f}"
