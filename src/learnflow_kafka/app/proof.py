"""
Proof by records: write one to every broker, read it back.

The records go to a topic of our own, `_learnflow.verify`, and never to a user's. It is made
when it is first needed, with one partition for each broker to lead. Leadership moves when
brokers restart; then the broker that should lead is elected again, in this topic alone.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.catalog import Partitioner
from learnflow_kafka.core.checks.evidence import BrokerProof, Records
from learnflow_kafka.core.names import VERIFICATION_TOPIC
from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.plans.changes import AddPartitions, CreateTopic
from learnflow_kafka.core.ports import Fault, NewRecord, Written
from learnflow_kafka.errors import KafkaError, NotAuthorizedError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from learnflow_kafka.core.observed import Record, TopicState
    from learnflow_kafka.core.ports import Clock, KafkaAdmin, KafkaData

TOPIC_CONFIG: Final[Mapping[str, str]] = {
    "cleanup.policy": "delete",
    "message.timestamp.type": "LogAppendTime",
    "min.insync.replicas": "1",
    "retention.ms": "3600000",
    "segment.ms": "3600000",
}
"""
An hour is kept. One replica in sync is enough, so that each broker is proved by itself:
missing replicas have checks of their own.
"""

MAX_REPLICATION: Final = 3
PARTITIONER: Final = Partitioner.MURMUR2_RANDOM

SENT_STAMP_MS: Final = 1_000
"""
The time that we put on a record: long ago, so that a topic which keeps the sender's time is
told from one that stamps records itself.
"""

WRITE_TIMEOUT: Final = 5.0
READ_TIMEOUT: Final = 5.0
LEADER_TIMEOUT: Final = 5.0
FIRST_PAUSE: Final = 0.01
LAST_PAUSE: Final = 0.2

REFUSALS: Final = frozenset(
    {"TOPIC_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED", "POLICY_VIOLATION"}
)
"""Codes that say that we may not, and nothing about the broker's health."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A record on its way through one broker, and what is known of it so far."""

    value: bytes
    proof: BrokerProof
    written: Written | None = None


class Prover:
    """One proof on one cluster, through its ports."""

    def __init__(self, admin: KafkaAdmin, data: KafkaData, clock: Clock) -> None:
        self._admin = admin
        self._data = data
        self._clock = clock
        self._hindrance: str | None = None

    def prove(self, brokers: Sequence[int], topic: TopicState | None) -> Records:
        """
        A proof of each of the serving `brokers`; `topic` as it was seen, None: not there.

        Raises KafkaError where the cluster cannot be asked about the topic at all.
        """
        if topic is None:
            fault = self._create(brokers)
            if fault is not None:
                refused = _judged(BrokerProof(), f"{VERIFICATION_TOPIC} cannot be created", fault)
                return Records(dict.fromkeys(brokers, refused))
        leads = self._spread(brokers, topic)
        return self._read_back(brokers, self._write({b: leads[b] for b in brokers if b in leads}))

    def _create(self, brokers: Sequence[int]) -> Fault | None:
        replication = min(MAX_REPLICATION, len(brokers))
        wish = CreateTopic(
            VERIFICATION_TOPIC,
            len(brokers),
            replication,
            TOPIC_CONFIG,
            _assignment(brokers, brokers, replication),
        )
        fault = self._admin.create_topics([wish])[VERIFICATION_TOPIC]
        if fault is not None and fault.code == "TOPIC_ALREADY_EXISTS":
            return None  # another verification was faster
        return fault

    def _spread(self, brokers: Sequence[int], topic: TopicState | None) -> Mapping[int, int]:
        """A partition that each broker leads, after giving one to those which lead none."""
        deadline = self._clock.monotonic() + LEADER_TIMEOUT
        pause = FIRST_PAUSE
        grown = False
        while True:
            leads = {} if topic is None else _leads(topic)
            idle = [b for b in brokers if b not in leads]
            if not idle or self._hindrance or self._clock.monotonic() > deadline:
                return leads
            if topic is not None:
                homeless = [b for b in idle if b not in _preferred(topic)]
                if homeless and not grown:
                    self._grow(topic, homeless, brokers)
                    grown = True
                else:
                    self._elect(topic, idle)
            self._clock.sleep(pause)
            pause = min(2 * pause, LAST_PAUSE)
            topic = self._admin.topics([VERIFICATION_TOPIC]).get(VERIFICATION_TOPIC)

    def _grow(self, topic: TopicState, homeless: Sequence[int], brokers: Sequence[int]) -> None:
        """More partitions, each led by a broker that is the first choice for none so far."""
        now = len(topic.partitions)
        replication = min(topic.replication or 1, len(brokers))
        change = AddPartitions(
            topic.name, now, now + len(homeless), _assignment(homeless, brokers, replication)
        )
        fault = self._admin.add_partitions([change])[topic.name]
        if fault is not None:
            self._hindrance = f"no partition could be added: {fault}"

    def _elect(self, topic: TopicState, idle: Sequence[int]) -> None:
        """Let idle brokers lead where they are the first choice."""
        wanted = _preferred(topic)
        places = [TopicPartition(topic.name, wanted[b]) for b in idle if b in wanted]
        try:
            faults = self._admin.elect_preferred_leaders(places)
        except (NotAuthorizedError, UnsupportedError) as error:
            self._hindrance = f"it could not be elected: {error.what}"
            return
        refused = [f for f in faults.values() if f is not None and f.code in REFUSALS]
        if refused:
            self._hindrance = f"it could not be elected: {refused[0]}"

    def _write(self, places: Mapping[int, int]) -> dict[int, _Sent]:
        """
        One record to each broker, all at once: one that hangs does not hold up the others.

        Results come in order, so a time is how long it took at most.
        """
        values = {broker: uuid.uuid4().hex.encode() for broker in places}
        records = [
            NewRecord(
                VERIFICATION_TOPIC, values[broker], partition=partition, timestamp_ms=SENT_STAMP_MS
            )
            for broker, partition in places.items()
        ]
        sent_ms, start = self._clock.now_ms(), self._clock.monotonic()
        done: dict[int, _Sent] = {}
        try:
            results = self._data.produce(
                iter(records), partitioner=PARTITIONER, timeout=WRITE_TIMEOUT
            )
            for broker, result in zip(places, results, strict=True):
                proof = BrokerProof(
                    places[broker],
                    write_ms=(self._clock.monotonic() - start) * 1000,
                    sent_ms=sent_ms,
                    acked_ms=self._clock.now_ms(),
                )
                done[broker] = _answered(values[broker], proof, result)
        except KafkaError as error:
            for broker in places.keys() - done.keys():
                done[broker] = _Sent(values[broker], _stopped(BrokerProof(places[broker]), error))
        return done

    def _read_back(self, brokers: Sequence[int], sent: Mapping[int, _Sent]) -> Records:
        """Read what was written; a record that does not come back unchanged is a fault."""
        places = {
            TopicPartition(VERIFICATION_TOPIC, s.written.partition): s.written.offset
            for s in sent.values()
            if s.written is not None
        }
        start = self._clock.monotonic()
        found, trouble = self._read(places)
        read_ms = (self._clock.monotonic() - start) * 1000
        none = f"leads no partition of {VERIFICATION_TOPIC}"
        idle = BrokerProof(skipped=f"{none}: {self._hindrance}" if self._hindrance else none)
        proofs = {b: _concluded(sent[b], found, trouble) if b in sent else idle for b in brokers}
        return Records(proofs, read_ms if found else None)

    def _read(
        self, places: Mapping[TopicPartition, int]
    ) -> tuple[dict[tuple[int, int], Record], KafkaError | None]:
        """Records by partition and offset, and the error that ended the reading early."""
        found: dict[tuple[int, int], Record] = {}
        if not places:
            return found, None
        deadline = self._clock.monotonic() + READ_TIMEOUT
        try:
            for record in self._data.read(
                places,
                until={place: offset + 1 for place, offset in places.items()},
                stop=lambda: self._clock.monotonic() > deadline,
            ):
                found[record.partition, record.offset] = record
        except KafkaError as error:
            return found, error
        return found, None


def _answered(value: bytes, proof: BrokerProof, result: Written | Fault) -> _Sent:
    if isinstance(result, Fault):
        return _Sent(value, _judged(BrokerProof(proof.partition), "not written", result))
    return _Sent(value, proof, result)


def _concluded(
    sent: _Sent, found: Mapping[tuple[int, int], Record], trouble: KafkaError | None
) -> BrokerProof:
    if sent.written is None:
        return sent.proof
    record = found.get((sent.written.partition, sent.written.offset))
    if record is None and trouble is not None:
        return _stopped(sent.proof, trouble)
    if record is None:
        fault = f"written in {sent.proof.write_ms:.1f} ms, not read back in {READ_TIMEOUT:.0f} s"
        return replace(sent.proof, fault=fault)
    if record.value != sent.value:
        return replace(sent.proof, fault="another record came back than was written")
    stamped = record.timestamp_ms != SENT_STAMP_MS
    return replace(sent.proof, appended_ms=record.timestamp_ms if stamped else None)


def _stopped(proof: BrokerProof, error: KafkaError) -> BrokerProof:
    if isinstance(error, NotAuthorizedError):
        return replace(proof, skipped=str(error))
    return replace(proof, fault=str(error))


def _judged(proof: BrokerProof, what: str, fault: Fault) -> BrokerProof:
    if fault.code in REFUSALS:
        return replace(proof, skipped=f"{what}: {fault}")
    return replace(proof, fault=f"{what}: {fault}")


def _assignment(
    leaders: Sequence[int], brokers: Sequence[int], replication: int
) -> tuple[tuple[int, ...], ...]:
    """Replicas of one partition for each leader: itself, and the brokers after it in turn."""
    return tuple(
        tuple(brokers[(brokers.index(leader) + step) % len(brokers)] for step in range(replication))
        for leader in leaders
    )


def _leads(topic: TopicState) -> dict[int, int]:
    """The first partition that each broker leads."""
    return {p.leader: p.id for p in reversed(topic.partitions) if p.leader is not None}


def _preferred(topic: TopicState) -> dict[int, int]:
    """The first partition for which each broker is the first choice."""
    return {p.replicas[0]: p.id for p in reversed(topic.partitions) if p.replicas}
