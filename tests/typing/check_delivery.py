"""
What a type checker must say about the SDK; read by mypy, never run.

Each wrong line carries the error that is expected: without it, mypy reports the unused ignore.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_type

from learnflow_kafka.events import (
    CONTRACT,
    LEARNING_QUERY,
    LEARNING_QUERY_EXCHANGE,
    LEARNING_RESPONSE,
    LearningQuery,
)
from learnflow_kafka.sdk import (
    App,
    Asker,
    AsyncAsker,
    AsyncProducer,
    Delivery,
    Producer,
    Receipt,
    Written,
)

if TYPE_CHECKING:
    from learnflow_kafka.events import LearningResponse

app = App("tutor", CONTRACT, bootstrap="127.0.0.1:9092")


def produce(producer: Producer, query: LearningQuery, response: LearningResponse) -> None:
    """The right class has a typed result; the wrong one is an error."""
    assert_type(producer.post(LEARNING_QUERY, query), Receipt)
    assert_type(producer.send(LEARNING_QUERY, query), Written)
    producer.post(LEARNING_QUERY, response)  # type: ignore[misc]
    producer.send(LEARNING_RESPONSE, query)  # type: ignore[misc]


async def produce_async(producer: AsyncProducer, response: LearningResponse) -> None:
    """The same in asyncio."""
    assert_type(await producer.send(LEARNING_RESPONSE, response), Written)
    await producer.send(LEARNING_QUERY, response)  # type: ignore[misc]


@app.on(LEARNING_QUERY)
def plain(query: LearningQuery) -> None:
    """A plain handler of the topic's event."""


@app.on(LEARNING_QUERY)
async def with_delivery(query: LearningQuery, delivery: Delivery) -> None:
    """An async handler that takes the delivery too."""


@app.on(LEARNING_QUERY)
def exactly_once(query: LearningQuery, delivery: Delivery) -> None:
    """What goes into the transaction is typed as what is sent at once."""
    delivery.send(LEARNING_QUERY, query)
    delivery.send(LEARNING_RESPONSE, query)  # type: ignore[misc]


@app.on(LEARNING_QUERY)  # type: ignore[arg-type]
def wrong(response: LearningResponse) -> None:
    """A handler of another topic's event."""


async def ask(
    asker: Asker[LearningQuery, LearningResponse],
    later: AsyncAsker[LearningQuery, LearningResponse],
) -> None:
    """A reply has the class that the catalog declares; asking with another class is an error."""
    query = LearningQuery(query_id="q", student_id="s", query="why?")
    assert_type(asker.ask(query), LearningResponse)
    assert_type(await later.ask(query), LearningResponse)
    asker.ask(asker.ask(query))  # type: ignore[arg-type]


assert_type(
    Asker("gateway", CONTRACT, LEARNING_QUERY_EXCHANGE), Asker[LearningQuery, LearningResponse]
)


@app.answers(LEARNING_QUERY_EXCHANGE)
def replies(query: LearningQuery) -> LearningResponse | None:
    """A plain handler that returns the reply, or nothing."""


@app.answers(LEARNING_QUERY_EXCHANGE)
async def replies_later(query: LearningQuery, delivery: Delivery) -> LearningResponse:
    """An async handler that returns the reply."""
    raise NotImplementedError


@app.answers(LEARNING_QUERY_EXCHANGE)  # type: ignore[arg-type]
def replies_wrongly(query: LearningQuery) -> LearningQuery:
    """A handler that returns another event."""
    return query
