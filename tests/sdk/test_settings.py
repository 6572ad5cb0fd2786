"""What a service may set: everything wrong is named at once, with what to write instead."""

from __future__ import annotations

import pytest

from learnflow_kafka.errors import UsageError
from learnflow_kafka.sdk.settings import Settings


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("acks", "every in-sync replica"),
        ("auto.commit.enable", "after handlers succeed"),
        ("compression.codec", "give `compression`"),
        ("compression.type", "give `compression`"),
        ("default.topic.config", "by themselves"),
        ("delivery.report.only.error", "receipt"),
        ("dr_cb", "receipt"),
        ("error_cb", "listens"),
        ("group.instance.id", "give `group_instance`"),
        ("log_cb", "logger"),
        ("logger", "logger"),
        ("metadata.broker.list", "give `bootstrap`"),
        ("offset.store.method", "after handlers succeed"),
        ("on_delivery", "receipt"),
        ("partition.assignment.strategy", "cooperatively"),
        ("queue.buffering.max.kbytes", "give `queue_bytes`"),
        ("queue.buffering.max.messages", "give `queue_records`"),
        ("queue.buffering.max.ms", "give `linger_ms`"),
        ("queuing.strategy", "order"),
        ("request.required.acks", "every in-sync replica"),
    ],
)
def test_no_name_of_the_client_leads_around_a_guarantee(name: str, reason: str) -> None:
    """A setting that delivery rests on is refused under each of its names, with the reason."""
    with pytest.raises(UsageError, match=reason):
        Settings(extra={name: 1})
