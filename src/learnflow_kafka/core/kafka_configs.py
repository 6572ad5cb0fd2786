"""
What we know of Kafka's topic configs by name.

A catalog may set any config by Kafka's own name; these are the names that Kafka 3.9 to 4.3
take, so that a misspelt one is noticed before the broker refuses it.
"""

from __future__ import annotations

from typing import Final

FIELD_OF_CONFIG: Final = {
    "retention.ms": "retention",
    "retention.bytes": "retention_bytes",
    "cleanup.policy": "cleanup",
    "max.message.bytes": "max_record",
    "min.insync.replicas": "min_insync_replicas",
}
"""Configs that have a key of their own in the catalog, and that key."""

KNOWN_CONFIGS: Final = frozenset(
    {
        *FIELD_OF_CONFIG,
        "compression.gzip.level",
        "compression.lz4.level",
        "compression.type",
        "compression.zstd.level",
        "delete.retention.ms",
        "file.delete.delay.ms",
        "flush.messages",
        "flush.ms",
        "follower.replication.throttled.replicas",
        "index.interval.bytes",
        "internal.segment.bytes",
        "leader.replication.throttled.replicas",
        "local.retention.bytes",
        "local.retention.ms",
        "max.compaction.lag.ms",
        "message.downconversion.enable",
        "message.format.version",
        "message.timestamp.after.max.ms",
        "message.timestamp.before.max.ms",
        "message.timestamp.difference.max.ms",
        "message.timestamp.type",
        "min.cleanable.dirty.ratio",
        "min.compaction.lag.ms",
        "preallocate",
        "remote.copy.disable",
        "remote.log.copy.disable",
        "remote.log.delete.on.disable",
        "remote.storage.enable",
        "segment.bytes",
        "segment.index.bytes",
        "segment.jitter.ms",
        "segment.ms",
        "unclean.leader.election.enable",
    }
)
