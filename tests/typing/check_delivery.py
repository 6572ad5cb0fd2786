"""
What a type checker must say about the SDK; read by mypy, never run.

Each wrong line carries the error that is expected: without it, mypy reports the unused ignore.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_type

from learnflow_kafka.events import CONTRACT, LEARNING_QUERY, LEARNING_RESPONSE, LearningQuery
from learnflow_kafka.sdk import App, AsyncProducer, Delivery, Producer, Receipt, Written

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


@app.on(LEARNING_QUERY)  # type: ignore[arg-type]
def wrong(response: LearningResponse) -> None:
    """A handler of another topic's event."""
