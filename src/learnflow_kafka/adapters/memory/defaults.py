"""
The topic configs of Kafka 4.3: their defaults, and the values that Kafka takes.

The defaults are what a broker of 4.3.1 described; the limits are those of its LogConfig.
The contract suite compares both with a real broker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_INT: Final = 2**31 - 1
_LONG: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number in Kafka's range; `also` is one more value that is legal."""

    default: str
    low: int
    high: int = _LONG
    also: int | None = None

    def fault(self, value: str) -> str | None:
        """Why the value is not taken, or None."""
        try:
            number = int(value)
        except ValueError:
            kind = "INT" if self.high <= _INT else "LONG"
            return f"Not a number of type {kind}"
        if number == self.also or self.low <= number <= self.high:
            return None
        return f"Value must be at least {self.low}"


@dataclass(frozen=True, slots=True)
class Fraction:
    """A number between 0 and 1."""

    default: str

    def fault(self, value: str) -> str | None:
        """Why the value is not taken, or None."""
        try:
            number = float(value)
        except ValueError:
            return "Not a number of type DOUBLE"
        return None if 0 <= number <= 1 else "Value must be between 0 and 1"


@dataclass(frozen=True, slots=True)
class Words:
    """One of a few words, or a list of them with commas; no `words`: any text."""

    default: str
    words: frozenset[str] = frozenset()
    many: bool = False

    def fault(self, value: str) -> str | None:
        """Why the value is not taken, or None."""
        given = [w.strip() for w in value.split(",")] if self.many else [value]
        given = [w for w in given if w]
        if self.words and not self.words.issuperset(given):
            return f"String must be one of: {', '.join(sorted(self.words))}"
        return None


def _flag() -> Words:
    return Words("false", frozenset({"true", "false"}))


RULES: Final[Mapping[str, Whole | Fraction | Words]] = {
    "cleanup.policy": Words("delete", frozenset({"compact", "delete"}), many=True),
    "compression.gzip.level": Whole("-1", 1, 9, also=-1),
    "compression.lz4.level": Whole("9", 1, 17),
    "compression.type": Words(
        "producer", frozenset({"uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"})
    ),
    "compression.zstd.level": Whole("3", -131_072, 22),
    "delete.retention.ms": Whole("86400000", 0),
    "file.delete.delay.ms": Whole("60000", 0),
    "flush.messages": Whole(str(_LONG), 1),
    "flush.ms": Whole(str(_LONG), 0),
    "follower.replication.throttled.replicas": Words(""),
    "index.interval.bytes": Whole("4096", 0, _INT),
    "leader.replication.throttled.replicas": Words(""),
    "local.retention.bytes": Whole("-2", -2),
    "local.retention.ms": Whole("-2", -2),
    "max.compaction.lag.ms": Whole(str(_LONG), 1),
    "max.message.bytes": Whole("1048588", 0, _INT),
    "message.timestamp.after.max.ms": Whole("3600000", 0),
    "message.timestamp.before.max.ms": Whole(str(_LONG), 0),
    "message.timestamp.type": Words("CreateTime", frozenset({"CreateTime", "LogAppendTime"})),
    "min.cleanable.dirty.ratio": Fraction("0.5"),
    "min.compaction.lag.ms": Whole("0", 0),
    "min.insync.replicas": Whole("1", 1, _INT),
    "preallocate": _flag(),
    "remote.log.copy.disable": _flag(),
    "remote.log.delete.on.disable": _flag(),
    "remote.storage.enable": _flag(),
    "retention.bytes": Whole("-1", -_LONG - 1),
    "retention.ms": Whole("604800000", -1),
    "segment.bytes": Whole("1073741824", 1_048_576, _INT),
    "segment.index.bytes": Whole("10485760", 4, _INT),
    "segment.jitter.ms": Whole("0", 0),
    "segment.ms": Whole("604800000", 1),
    "unclean.leader.election.enable": _flag(),
}

BROKER_DEFAULTS: Final[Mapping[str, str]] = {
    "auto.create.topics.enable": "true",
    "default.replication.factor": "1",
    "log.retention.ms": "604800000",
    "message.max.bytes": "1048588",
    "min.insync.replicas": "1",
    "num.partitions": "1",
    "offsets.retention.minutes": "10080",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "transaction.state.log.replication.factor": "3",
}
"""Broker configs that this tool reads, with Kafka's defaults; others are not modelled."""


def config_fault(config: Mapping[str, str]) -> str | None:
    """Why Kafka would refuse a topic's own configs as a whole, or None."""
    for key, value in config.items():
        rule = RULES.get(key)
        if rule is None:
            return f"Unknown topic config name: {key}"
        fault = rule.fault(value)
        if fault is not None:
            return f"Invalid value {value} for configuration {key}: {fault}"
    return _pair_fault({key: config.get(key, rule.default) for key, rule in RULES.items()})


def _pair_fault(full: Mapping[str, str]) -> str | None:
    low, high = int(full["min.compaction.lag.ms"]), int(full["max.compaction.lag.ms"])
    if low > high:
        return (
            f"conflict topic config setting min.compaction.lag.ms ({low}) "
            f"> max.compaction.lag.ms ({high})"
        )
    return None
