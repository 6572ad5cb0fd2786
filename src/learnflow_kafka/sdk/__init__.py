"""
What services import: typed events that arrive.

    from learnflow_kafka.events import CONTRACT, LEARNING_QUERY, LearningQuery
    from learnflow_kafka.sdk import App, Delivery

    app = App("tutor", CONTRACT, bootstrap="127.0.0.1:9092")

    @app.on(LEARNING_QUERY)
    async def answer(query: LearningQuery, delivery: Delivery) -> None:
        await app.async_producer.send(LEARNING_RESPONSE, LearningResponse(...))

    app.run()

A producer alone, plain or for asyncio, over one core:

    with Producer("triage", CONTRACT, bootstrap=...) as producer:
        receipt = producer.post(LEARNING_QUERY, query)   # queued; waits for room
        written = producer.send(LEARNING_QUERY, query)   # written to every in-sync replica
        producer.flush(timeout=10)                       # every fate known, failures raised

    async with AsyncProducer("triage", CONTRACT, bootstrap=...) as producer:
        written = await producer.send(LEARNING_QUERY, query)

Requests that wait for their reply, and the handler that replies:

    async with AsyncAsker("gateway", CONTRACT, LEARNING_QUERY_EXCHANGE, bootstrap=...) as asker:
        response = await asker.ask(query, timeout=5)

    @app.answers(LEARNING_QUERY_EXCHANGE)
    async def answer(query: LearningQuery) -> LearningResponse: ...

Where things are, from the user's side inward:

    app, producer, asking, settings, health   what a service says and sees
    contract, codec, envelope, ...            what it may do; events as bytes
    routes, handling, failures, delivery      an event and its handler
    poller, workers, partitions               records in: threads and the loop
    lanes, watermark                          records in: pure rules
    outlets, sender, receipt                  records out
    transactions, outputs                     records out together with offsets
    protocols, presence                       what the cluster offers, and has
    replies, pending, answering               requests and their replies
"""

from learnflow_kafka.sdk.app import App
from learnflow_kafka.sdk.asking import Asker, AsyncAsker
from learnflow_kafka.sdk.contract import Contract, Exchange, Topic
from learnflow_kafka.sdk.delivery import Delivery
from learnflow_kafka.sdk.failures import Reject
from learnflow_kafka.sdk.health import Health, PartitionHealth
from learnflow_kafka.sdk.pending import AskCounts
from learnflow_kafka.sdk.producer import AsyncProducer, Producer
from learnflow_kafka.sdk.receipt import Receipt, Written
from learnflow_kafka.sdk.settings import GroupProtocol, Settings

__all__ = [
    "App",
    "AskCounts",
    "Asker",
    "AsyncAsker",
    "AsyncProducer",
    "Contract",
    "Delivery",
    "Exchange",
    "GroupProtocol",
    "Health",
    "PartitionHealth",
    "Producer",
    "Receipt",
    "Reject",
    "Settings",
    "Topic",
    "Written",
]
