"""The data port over confluent-kafka: records in and out, for the tool's own use."""

from learnflow_kafka.adapters.kafka_data.client import Client, Limits
from learnflow_kafka.adapters.kafka_data.write import KafkaDataAdapter

__all__ = ["Client", "KafkaDataAdapter", "Limits"]
