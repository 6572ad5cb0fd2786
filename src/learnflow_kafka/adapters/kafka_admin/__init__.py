"""
The admin port over kafka-python: topics, configs, groups, offsets, log directories.

It uses the library's connections and its messages of Kafka's protocol, and routes requests by
itself: one request to each leader or coordinator, errors item by item in Kafka's own names,
nothing retried whose effect is not known. Works with Kafka 3.0 and later.
"""

from learnflow_kafka.adapters.kafka_admin.alone import connect_alone
from learnflow_kafka.adapters.kafka_admin.client import Limits, connect
from learnflow_kafka.adapters.kafka_admin.write import KafkaAdminAdapter

__all__ = ["KafkaAdminAdapter", "Limits", "connect", "connect_alone"]
