"""Kafka's words for what it refuses, as this adapter needs them."""

from __future__ import annotations

from learnflow_kafka.core.ports import Fault


def unknown_topic() -> Fault:
    """A topic or partition that does not exist, or that we may not see."""
    return Fault("UNKNOWN_TOPIC_OR_PARTITION", "This server does not host this topic-partition.")


def topic_forbidden() -> Fault:
    """A topic that we may not do this to."""
    return Fault("TOPIC_AUTHORIZATION_FAILED", "Authorization failed.")


def invalid_config(message: str) -> Fault:
    """A config's name or value that Kafka does not take."""
    return Fault("INVALID_CONFIG", message)


def no_leader() -> Fault:
    """A partition that nobody serves now."""
    return Fault("LEADER_NOT_AVAILABLE", "No broker leads the partition now.")
