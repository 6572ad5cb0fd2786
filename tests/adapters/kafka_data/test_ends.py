"""Reading ends where a partition ends, though no record may have the last offset."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer
from tests.support import backends
from tests.support.backends import wait_for

from learnflow_kafka.core.observed import Metadata, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.backends import Backend
    from tests.support.clusters import LocalKafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(60)]


@pytest.fixture(scope="module")
def backend(kafka1: LocalKafka) -> Iterator[Backend]:
    """Both ports of one broker."""
    yield from backends.real("kafka1", kafka1.context, 1, Metadata.KRAFT)


@pytest.fixture
def transactional(backend: Backend, request: pytest.FixtureRequest) -> Iterator[Producer]:
    """A producer with transactions."""
    name = f"{request.node.name}-{os.getpid()}"
    producer = Producer({"bootstrap.servers": backend.bootstrap, "transactional.id": name})
    producer.init_transactions(30)
    yield producer
    del producer


def values(
    backend: Backend, at: TopicPartition, *, committed_only: bool = True
) -> list[bytes | None]:
    """Everything up to the partition's end."""
    until = backend.ends(at.topic)
    return [r.value for r in backend.data.read({at: 0}, until=until, committed_only=committed_only)]


def test_a_committed_transactions_marker_ends_the_reading(
    backend: Backend, transactional: Producer
):
    """The marker takes an offset and is no record; reading ends all the same."""
    at = TopicPartition(backend.new_topic(), 0)
    transactional.begin_transaction()
    transactional.produce(at.topic, b"a", partition=0)
    transactional.commit_transaction(30)
    wait_for(lambda: backend.ends(at.topic)[at] == 2)

    assert values(backend, at) == [b"a"]


def test_aborted_records_are_hidden_and_the_reading_ends(backend: Backend, transactional: Producer):
    """Aborted records are seen only by those who ask for them."""
    at = TopicPartition(backend.new_topic(), 0)
    backend.write(at.topic, b"before")
    transactional.begin_transaction()
    transactional.produce(at.topic, b"aborted", partition=0)
    transactional.flush(30)
    transactional.abort_transaction(30)
    wait_for(lambda: backend.ends(at.topic)[at] == 3)

    assert values(backend, at) == [b"before"]
    assert values(backend, at, committed_only=False) == [b"before", b"aborted"]


def test_an_open_transaction_ends_the_reading(backend: Backend, transactional: Producer):
    """What an open transaction hides is not waited for."""
    at = TopicPartition(backend.new_topic(), 0)
    backend.write(at.topic, b"before")
    transactional.begin_transaction()
    transactional.produce(at.topic, b"open", partition=0)
    transactional.flush(30)
    backend.write(at.topic, b"after")

    assert values(backend, at) == [b"before"]
    assert values(backend, at, committed_only=False) == [b"before", b"open", b"after"]
    transactional.abort_transaction(30)


def test_many_records_come_through_whole(backend: Backend):
    """Far more records than are on their way at once arrive, each once and in order."""
    at = TopicPartition(backend.new_topic(), 0)
    backend.write(at.topic, *(b"%d" % n for n in range(20_000)))

    assert values(backend, at) == [b"%d" % n for n in range(20_000)]


def test_a_start_that_retention_removed_goes_on_with_what_is_kept(backend: Backend):
    """A start before the first kept record begins at that record."""
    at = TopicPartition(backend.new_topic(), 0)
    backend.write(at.topic, *(b"%d" % n for n in range(10)))
    delete_before(backend, at, 7)

    assert [r.offset for r in backend.data.read({at: 2}, until={at: 10})] == [7, 8, 9]
    assert list(backend.data.read({at: 2}, until={at: 5})) == []


def delete_before(backend: Backend, at: TopicPartition, offset: int) -> None:
    """Remove the records before an offset, as retention does."""
    from confluent_kafka import TopicPartition as Place
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": backend.bootstrap})
    for future in admin.delete_records([Place(*at, offset)]).values():
        future.result(30)
