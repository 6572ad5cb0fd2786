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
              union where a topic carries several), so that `post(topic: Topic[E], event: E)`
              makes the wrong class a mypy error. Attributes: name, events (the classes), key
              (the field that is the key, or None), partitioner, ordering, envelope,
              max_record_bytes, place ("file:line").
              `Contract`: name, topics: Mapping[str, Topic], services: Mapping[str, Service] with
              name, produces (topic names), consumes (core.catalog.Subscription values: topic,
              group, start, concurrency, retries, dead_letter, isolation, place), place.
codec.py      what is written and read, built once a topic, fast (a few microseconds an event):
              `writer(topic, source) -> write`, where `write(event, meta?) -> (value: bytes,
              headers: list[(str, bytes)])` validates and raises EventError naming the field;
              `reader(topic) -> read`, where `read(value: bytes | None, headers) -> (event, meta)`
              raises EventError for poison bytes; meta: id, type, source, time, traceparent.
envelope.py   CloudEvents under codec.py.
"""
