"""
Kafka in memory: both ports over plain Python state, for tests and rehearsals.

It answers with Kafka's own error names and defaults, and passes the suites that real brokers
pass. Not here: transactions other than transfers, log compaction, time-driven retention.
"""

from learnflow_kafka.adapters.memory.client import MemoryKafka
from learnflow_kafka.adapters.memory.gate import Moment, Right

__all__ = ["MemoryKafka", "Moment", "Right"]
