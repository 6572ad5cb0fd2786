"""
A user's module that uses every public name of the SDK and of the test kit.

`test_public_types.py` copies it out of this repository, for a type checker that lets no
expression be of the type Any; it is never run.
"""

# ruff: noqa: T201 - it does something with what it got

from __future__ import annotations

from typing import TYPE_CHECKING

from learnflow_kafka.events import (
    CONTRACT,
    LEARNING_QUERY,
    LEARNING_QUERY_EXCHANGE,
    LEARNING_RESPONSE,
    LearningQuery,
    LearningResponse,
)
from learnflow_kafka.sdk import (
    App,
    AskCounts,
    Asker,
    AsyncAsker,
    AsyncProducer,
    Contract,
    Delivery,
    Exchange,
    GroupProtocol,
    Health,
    PartitionHealth,
    Producer,
    Receipt,
    Reject,
    Settings,
    Topic,
    Written,
)
from learnflow_kafka.testing import (
    Api,
    MemoryKafka,
    MockKafka,
    Moment,
    RealKafka,
    Right,
    exactly_once,
    memory_kafka,
    mock_kafka,
    mocking,
    pytest_configure,
    real_kafka,
    running,
)

if TYPE_CHECKING:
    from pathlib import Path

contract: Contract = CONTRACT
queries: Topic[LearningQuery] = LEARNING_QUERY
exchange: Exchange[LearningQuery, LearningResponse] = LEARNING_QUERY_EXCHANGE
settings = Settings(
    linger_ms=1, group_protocol=GroupProtocol.CLASSIC, extra={"fetch.wait.max.ms": 50}
)
app = App("tutor", contract, settings=settings, sends=[LEARNING_RESPONSE], health_port=0)
fixtures = (memory_kafka, mock_kafka, real_kafka, pytest_configure)


@app.on(queries)
def plain(query: LearningQuery) -> None:
    """Handle an event."""
    if not query.query:
        raise Reject("nothing was asked")


@app.on(LEARNING_QUERY, group="tutor", deadline=None)
async def later(query: LearningQuery, delivery: Delivery) -> None:
    """Handle an event with its place."""
    answer = LearningResponse(query_id=query.query_id, student_id="s", content=delivery.topic)
    if delivery.exactly_once:
        delivery.send(LEARNING_RESPONSE, answer)
    receipt: Receipt = await app.async_producer.post(LEARNING_RESPONSE, answer)
    written: Written = await receipt
    print(written.topic, written.partition, written.offset, delivery.attempt, delivery.key)


@app.answers(exchange)
def reply(query: LearningQuery) -> LearningResponse | None:
    """Answer a request."""
    return LearningResponse(query_id=query.query_id, student_id="s", content="because")


def healthy() -> list[PartitionHealth]:
    """Look at the service."""
    health: Health = app.health()
    print(health.live, health.ready, health.reasons)
    app.stop()
    return [part for part in health.partitions if part.lag is None or part.lag > 0]


def send(query: LearningQuery) -> int:
    """Send one event, and wait for it."""
    with Producer("gateway", contract, settings=settings) as producer:
        receipt = producer.post(queries, query, key="k", headers=[("name", b"value")])
        receipt.add_done_callback(lambda done: print(done.error))
        producer.flush(timeout=10)
        return producer.send(queries, query).offset + receipt.result(10).offset


async def send_later(query: LearningQuery) -> str:
    """The same in asyncio, and a request."""
    async with AsyncProducer("gateway", contract) as producer:
        await producer.send(queries, query)
        await producer.flush()
    async with AsyncAsker("gateway", contract, exchange) as asker:
        response = await asker.ask(query, timeout=5)
    return response.content


def ask(query: LearningQuery) -> AskCounts:
    """Ask, and see what was counted."""
    with Asker("gateway", contract, exchange) as asker:
        print(asker.ask(query, timeout=1).content)
        return asker.counts


def on_the_mock() -> None:
    """Test against librdkafka's mock."""
    with mocking() as mock:
        cluster: MockKafka = mock
        cluster.create("notes", partitions=3)
        cluster.answer(Api.PRODUCE, 29)
        cluster.down(broker=1)
        cluster.up()


def on_a_broker(folder: Path) -> list[bytes | None]:
    """Test against a broker."""
    with running(folder) as broker:
        real: RealKafka = exactly_once(broker)
        real.declare(contract)
        return [record.value for record in real.committed("notes")]


def in_memory() -> MemoryKafka:
    """Test against Python state."""
    print(Moment.BEFORE)
    return MemoryKafka(brokers=1, rights=[Right.READ])
