"""
All checks under their stable names, and how the evidence is judged.

The names are an API (docs/reference/findings.md, docs/compatibility.md): programs look for
them. The order is the order in which a person would look, and findings are shown in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.checks import cluster, partitions, records, settings, topics
from learnflow_kafka.core.checks.check import Check, report

if TYPE_CHECKING:
    from learnflow_kafka.core.checks.evidence import Evidence
    from learnflow_kafka.core.findings import Report


CHECKS: Final[tuple[Check[Evidence], ...]] = (
    Check(
        "bootstrap.reachable",
        "Does a broker answer at the addresses we were given, and is it the pinned cluster?",
        cluster.bootstrap_reachable,
    ),
    Check(
        "brokers.addresses",
        "Does every address that a broker advertises take connections from this machine?",
        cluster.addresses_reachable,
    ),
    Check(
        "brokers.registered",
        "Are as many brokers registered as the environment names, and none of them fenced?",
        cluster.brokers_registered,
    ),
    Check(
        "brokers.answering",
        "Does every broker answer a request of its own?",
        cluster.brokers_answering,
    ),
    Check(
        "brokers.clocks",
        "Do the brokers' clocks agree with this machine's?",
        records.clocks_agree,
    ),
    Check(
        "brokers.auto_create",
        "Is auto.create.topics.enable off?",
        settings.auto_create_off,
    ),
    Check(
        "cluster.metadata",
        "Does the KRaft quorum have a leader and voters that keep up, or does ZooKeeper serve?",
        cluster.metadata_kept,
    ),
    Check(
        "topics.present",
        "Does every declared and derived topic exist?",
        topics.present,
    ),
    Check(
        "topics.partitions",
        "Does each of them have exactly its partitions?",
        topics.partitions,
    ),
    Check(
        "topics.replication",
        "Does each of them have its replication, counted from the assignment?",
        topics.replication,
    ),
    Check(
        "topics.configs",
        "Does every declared config have its value?",
        topics.configs,
    ),
    Check(
        "partitions.leaders",
        "Does every partition have a leader?",
        partitions.leaders_present,
    ),
    Check(
        "partitions.replicas",
        "Does every partition have all of its replicas in sync?",
        partitions.replicas_in_sync,
    ),
    Check(
        "partitions.min_isr",
        "Does every partition have enough replicas in sync for writes with acks=all?",
        partitions.min_isr_met,
    ),
    Check(
        "internal.topics",
        "Are Kafka's internal topics led and replicated, or can they be created when needed?",
        partitions.internal_topics_healthy,
    ),
    Check(
        "offsets.retention",
        "Do groups keep their offsets as long as the records that they read?",
        settings.offsets_kept,
    ),
    Check(
        "records.round_trip",
        "Does a record written to each broker come back?",
        records.records_round_trip,
    ),
)

WRITING: Final = frozenset({"records.round_trip", "brokers.clocks"})
"""The checks that need a record of ours: left out of a verification that only reads."""


def evaluate(evidence: Evidence) -> Report:
    """One finding a check, in the order of the table."""
    return report(CHECKS, evidence)
