"""
The machine we run on: its clock, and TCP beneath Kafka's protocol.

Standard library only, so there is nothing to connect and no anatomy of a client to follow.
"""

from learnflow_kafka.adapters.system.clock import SystemClock
from learnflow_kafka.adapters.system.network import SystemNetwork

__all__ = ["SystemClock", "SystemNetwork"]
