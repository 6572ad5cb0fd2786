"""What a cluster that just lost brokers answers; the tests share one and go from bad to worse."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support import backends, clusters
from tests.support.backends import wait_for

from learnflow_kafka.adapters import kafka_admin
from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.core.local import Mode
from learnflow_kafka.core.observed import Metadata, OffsetAt, TopicPartition
from learnflow_kafka.core.plans.changes import CreateTopic
from learnflow_kafka.core.ports import Edge, Fault, NewRecord
from learnflow_kafka.errors import KafkaError, RequestError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.backends import Backend
    from tests.support.clusters import LocalKafka

    from learnflow_kafka.core.ports import KafkaAdmin

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

SINGLE, TRIPLE = "single", "triple"
BOUND = 60
"""Seconds on a busy machine; who hangs takes the whole time of the test."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalKafka]:
    """Three brokers of this module's own."""
    yield from clusters.started("broken", 3, Mode.KRAFT)


@pytest.fixture(scope="module")
def loyal(cluster: LocalKafka) -> Iterator[list[KafkaAdmin]]:
    """Three ports, opened while all was well, that turn to broker 3 for changes."""
    with ExitStack() as opened:
        ports: list[KafkaAdmin] = []
        # Under KRaft each metadata names any broker as the controller.
        for _ in range(200):
            client = opened.enter_context(closing(kafka_admin.connect(cluster.context.connection)))
            if client.controller() == 3:
                ports.append(kafka_admin.KafkaAdminAdapter(client))
            if len(ports) == 3:
                break
        yield ports


@pytest.fixture(scope="module")
def backend(cluster: LocalKafka, loyal: list[KafkaAdmin]) -> Iterator[Backend]:
    """Both ports, opened while all was well, on a cluster that then lost broker 3."""
    assert len(loyal) == 3
    for port in backends.real("broken", cluster.context, 3, Metadata.KRAFT):
        port.admin.create_topics([CreateTopic(SINGLE, 3, 1), CreateTopic(TRIPLE, 3, 3)])
        port.write(TRIPLE, b"v")
        cluster.kill(3)
        # The port may be talking to the dead broker: it asks another one by itself.
        port.admin.topics([SINGLE])
        yield port


def refused(port: KafkaAdmin, topic: str) -> str | None:
    """The name of what stands against creating the topic."""
    try:
        fault = port.create_topics([CreateTopic(topic, 1, 1)])[topic]
    except RequestError as error:
        return error.code
    except KafkaError as error:
        return type(error).__name__
    return None if fault is None else fault.code


def partition_led_by(backend: Backend, broker: int) -> TopicPartition:
    """The partition of SINGLE that lives on one broker alone."""
    found = backend.admin.topics([SINGLE])[SINGLE]
    return next(TopicPartition(SINGLE, p.id) for p in found.partitions if p.replicas == (broker,))


def test_one_frozen_broker_hides_nothing_whichever_address_comes_first(cluster: LocalKafka):
    """Connections that are taken and never answered cost their limit, and others are tried."""
    connection = cluster.context.connection
    addresses = connection.bootstrap
    patient = kafka_admin.Limits(connect=3, request=5)
    with cluster.frozen(2):
        for turn in range(3):
            turned = replace(connection, bootstrap=addresses[turn:] + addresses[:turn])
            with closing(kafka_admin.connect(turned, limits=patient)) as client:
                found = kafka_admin.KafkaAdminAdapter(client).cluster()
            assert {b.id for b in found.brokers} == {1, 2, 3}
    with closing(kafka_admin.connect(connection)) as client:
        port = kafka_admin.KafkaAdminAdapter(client)
        wait_for(lambda: not any(b.fenced for b in port.cluster().brokers))


def test_a_question_to_a_dead_controller_goes_to_another_broker(
    loyal: list[KafkaAdmin], backend: Backend
):
    """Asking whether a change would be made needs no controller that is alive."""
    answers = loyal[0].create_topics([CreateTopic("asked", 1, 1)], validate_only=True)

    assert answers == {"asked": None}


def test_a_change_that_never_left_goes_to_another_broker(loyal: list[KafkaAdmin], backend: Backend):
    """No connection to the dead controller, so nothing was sent, so another one may be asked."""
    living = partition_led_by(backend, 1)

    assert loyal[1].elect_preferred_leaders([living]) == {living: None}


def test_a_topic_is_created_though_the_controller_just_died(
    loyal: list[KafkaAdmin], backend: Backend
):
    """A creation through a port that only knows the dead controller is made once."""
    assert loyal[2].create_topics([CreateTopic("made", 1, 1)]) == {"made": None}
    assert "made" in backend.admin.topics()


def test_a_leader_that_just_died_is_a_fault_of_its_partitions(backend: Backend):
    """Right after a kill, the dead leader's partitions are faults and the others answer."""
    dead, living = partition_led_by(backend, 3), partition_led_by(backend, 1)
    start = time.monotonic()
    found = backend.admin.offsets([dead, living], Edge.LATEST)
    lost = found[dead]

    assert found[living] == OffsetAt(0)
    assert isinstance(lost, Fault)
    assert lost.code == "LEADER_NOT_AVAILABLE"
    assert time.monotonic() - start < BOUND


def test_a_killed_broker_is_shown_as_fenced(backend: Backend):
    """The cluster still lists the broker, as one that does not serve."""
    wait_for(lambda: any(b.fenced for b in backend.admin.cluster().brokers))

    assert {b.id: b.fenced for b in backend.admin.cluster().brokers} == {
        1: False, 2: False, 3: True
    }  # fmt: skip


def test_a_partition_without_a_leader_is_shown(backend: Backend):
    """The lost partition has no leader; the replicated ones lost a replica in sync."""
    dead = partition_led_by(backend, 3)
    wait_for(
        lambda: backend.admin.topics([SINGLE])[SINGLE].partitions[dead.partition].leader is None
    )
    triple = backend.admin.topics([TRIPLE])[TRIPLE]

    assert all(p.leader in {1, 2} and set(p.isr) == {1, 2} for p in triple.partitions)
    assert triple.replication == 3


def test_fenced_brokers_still_get_replicas(backend: Backend):
    """KRaft places replicas on a fenced broker, so a replication of 3 is taken; 4 is not."""
    wanted = [CreateTopic("three", 1, 3), CreateTopic("four", 1, 4)]
    memory = MemoryKafka(3)
    memory.stop_broker(3)
    answers = backend.admin.create_topics(wanted, validate_only=True)
    four = answers["four"]

    assert answers["three"] is None
    assert four is not None
    assert four.code == "INVALID_REPLICATION_FACTOR"
    assert {n: f and f.code for n, f in memory.create_topics(wanted).items()} == {
        n: f and f.code for n, f in answers.items()
    }


def test_groups_and_log_dirs_come_from_the_living(backend: Backend):
    """Two of three brokers answer for what they have."""
    assert backend.admin.groups() == ()
    assert {d.broker for d in backend.admin.log_dirs()} == {1, 2}


def test_preferred_leaders_that_are_dead_are_not_elected(backend: Backend):
    """The broker says which partitions cannot be given back."""
    triple = backend.admin.topics([TRIPLE])[TRIPLE]
    lost = next(TopicPartition(TRIPLE, p.id) for p in triple.partitions if p.replicas[0] == 3)
    refused = backend.admin.elect_preferred_leaders([lost])[lost]

    assert refused is not None
    assert refused.code == "PREFERRED_LEADER_NOT_AVAILABLE"


def test_records_for_a_lost_partition_time_out(backend: Backend):
    """A record that nobody can take is a fault after the time that was given."""
    dead = partition_led_by(backend, 3)
    record = NewRecord(SINGLE, b"v", partition=dead.partition)
    start = time.monotonic()
    (lost,) = backend.data.produce(iter([record]), partitioner="murmur2_random", timeout=2)

    assert isinstance(lost, Fault)
    assert lost.code == "REQUEST_TIMED_OUT"
    assert time.monotonic() - start < BOUND


def test_without_a_majority_nothing_is_created(cluster: LocalKafka, backend: Backend):
    """With one controller of three left, a creation ends in an error, not in a hang."""
    cluster.kill(2)
    hurried = kafka_admin.connect(
        cluster.context.connection, limits=kafka_admin.Limits(request=5, patience=3)
    )
    port = kafka_admin.KafkaAdminAdapter(hurried)
    start = time.monotonic()

    assert refused(port, "late") in {
        "TimedOutError", "UnreachableError", "REQUEST_TIMED_OUT", "NOT_CONTROLLER"
    }  # fmt: skip
    assert time.monotonic() - start < BOUND
    port.close()


def test_nobody_left_is_an_error(cluster: LocalKafka, backend: Backend):
    """When the last broker is gone, an open port says so and does not hang."""
    cluster.kill(1)
    start = time.monotonic()

    with pytest.raises(UnreachableError):
        backend.admin.topics()
    assert time.monotonic() - start < BOUND


def test_the_same_port_works_once_brokers_are_back(cluster: LocalKafka, backend: Backend):
    """A port that saw every broker die serves again without being opened anew."""
    cluster.restart()

    wait_for(lambda: SINGLE in backend.admin.topics())
    assert set(backend.admin.topics()) >= {SINGLE, TRIPLE}
