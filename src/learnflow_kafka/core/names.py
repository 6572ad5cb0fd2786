"""
Rules for names of topics and groups, and the names that we derive.

The derived names and the reserved prefix land in users' clusters: see docs/compatibility.md.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

RESERVED_PREFIX: Final = "_learnflow."
"""Topics of our own (verification, canary). They are never drift and never declared."""

VERIFICATION_TOPIC: Final = f"{RESERVED_PREFIX}verify"

MAX_LENGTH: Final = 249
_LEGAL: Final = re.compile(r"[A-Za-z0-9._-]+\Z")
_ILLEGAL: Final = re.compile(r"[^A-Za-z0-9._-]+")
_KNOWN_INTERNAL: Final = frozenset(
    {
        "_schemas",
        "connect-configs",
        "connect-offsets",
        "connect-status",
        "_confluent-command",
    }
)


def topic_name_fault(name: str) -> str | None:
    """
    Why Kafka would not take this topic name, or None where it would.

    The rules of org.apache.kafka.common.internals.Topic.validate.
    """
    if not name:
        return "a topic needs a name"
    if name in {".", ".."}:
        return f"{name!r} cannot be a topic's name"
    if len(name) > MAX_LENGTH:
        return f"the name has {len(name)} characters; Kafka takes at most {MAX_LENGTH}"
    if not _LEGAL.match(name):
        bad = sorted({c for c in name if not _LEGAL.match(c)})
        return (
            f"the name has {', '.join(map(repr, bad))}; "
            "only letters, digits, '.', '_' and '-' are legal"
        )
    return None


def legal_name(name: str) -> str | None:
    """
    A legal topic name that reads like this one, or None where nothing is left of it.

    >>> legal_name("order placed"), legal_name("Käufe/neu"), legal_name("?")
    ('order-placed', 'Kaufe-neu', None)
    """
    bare = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    found = _ILLEGAL.sub("-", bare).strip("-")[:MAX_LENGTH]
    return found if topic_name_fault(found) is None else None


def metric_name(name: str) -> str:
    """What the name becomes in Kafka's metrics; topics that share one cannot coexist."""
    return name.replace(".", "_")


def is_reserved(name: str) -> bool:
    """Whether the topic is one of our own."""
    return name.startswith(RESERVED_PREFIX)


def is_internal(name: str) -> bool:
    """
    Whether the topic holds Kafka's, a registry's or Connect's own state.

    A name is a hint and never proof; the broker's own `internal` flag counts as well.
    """
    return (
        name.startswith(("__", "_confluent"))
        or name in _KNOWN_INTERNAL
        or name.endswith("-changelog")
    )


def dead_letter_topic(topic: str, group: str) -> str:
    """
    Where a group's failing events of a topic end.

    >>> dead_letter_topic("learning.query", "tutor")
    'learning.query.tutor.dlt'
    """
    return f"{topic}.{group}.dlt"


def retry_topic(topic: str, group: str, step: int) -> str:
    """
    Where an event waits for its next try; `step` counts from 1.

    >>> retry_topic("learning.query", "tutor", 2)
    'learning.query.tutor.retry.2'
    """
    return f"{topic}.{group}.retry.{step}"
