"""
Requests that kafka-python lacks, made of our schemas by its own machinery.

The ignores: its base class has no types, and takes the schemas' home as a class argument.
"""

from __future__ import annotations

from kafka.protocol.api_message import ApiMessage

from learnflow_kafka.adapters.kafka_admin import schemas


class ConsumerGroupDescribeRequest(ApiMessage, load_json=schemas):  # type: ignore[call-arg, misc]
    """Describe groups of the consumer protocol."""


class ConsumerGroupDescribeResponse(ApiMessage, load_json=schemas):  # type: ignore[call-arg, misc]
    """Groups of the consumer protocol with their members."""


class ShareGroupDescribeRequest(ApiMessage, load_json=schemas):  # type: ignore[call-arg, misc]
    """Describe share groups."""


class ShareGroupDescribeResponse(ApiMessage, load_json=schemas):  # type: ignore[call-arg, misc]
    """Share groups with their members."""
