"""
What services import: typed events that arrive.

    from learnflow_kafka.events import CONTRACT, LEARNING_QUERY, LEARNING_RESPONSE
    from learnflow_kafka.events import LearningQuery, LearningResponse
    from learnflow_kafka.sdk import App, Delivery

    app = App("tutor", CONTRACT, bootstrap="127.0.0.1:9092")

    @app.on(LEARNING_QUERY, LearningQuery)
    async def answer(query: LearningQuery, delivery: Delivery) -> None:
        await app.producer.send(LEARNING_RESPONSE, LearningResponse(...))

    app.run()

A producer alone, plain or for asyncio, over one core:

    with Producer("triage", CONTRACT, bootstrap=...) as producer:
        receipt = producer.post(LEARNING_QUERY, LearningQuery(...))   # queued; waits for room
        written = producer.send(LEARNING_QUERY, LearningQuery(...))   # acknowledged
        producer.flush(timeout=10)                                    # every fate known

    async with AsyncProducer("triage", CONTRACT, bootstrap=...) as producer:
        written = await producer.send(LEARNING_QUERY, LearningQuery(...))

What the parts take from each other (interfaces between modules of this package):

contract.py   `Topic[E]`: a frozen, hashable value, generic and invariant in its event class (a
              union where it carries several), so that `post(topic: Topic[E], event: E)` makes
              the wrong class a mypy error: name, events (`EventType[E]`: name, cls, version),
              classes, key, partitioner, ordering, envelope, max_record_bytes, place.
              `Contract`: name, digest, topics and services by name, exchanges (request and reply
              topics with the fields that pair them). `Service`: name, source (for envelopes),
              produces (topics), consumes (`Subscription`: topic, group, start, concurrency,
              retries, retry_topics, dead_letter_topic, isolation); `service.producing(topic)`
              and `service.consuming(topic)` raise ContractError naming the catalog's line.
codec.py      `Writer(topic, source, validate=True).write(event, id=, time=, subject=,
              traceparent=, tracestate=, extensions=) -> Encoded(value, key, headers, id)`;
              raises EventError naming the field. `Reader(topic).read(value, headers) ->
              Decoded(event, attributes, type) | Undecodable(stage, what, path, attributes)`;
              never raises: `undecodable.error()` is the EventError for a dead letter.
envelope.py   CloudEvents read: `Attributes` (id, source, type, time, subject, traceparent, ...,
              mode, extensions). wrapping.py writes them. zones.py: times without a zone.
partitioning.py  keys as bytes, librdkafka's partitioner setting, `partition(key, n, how)`.
"""
